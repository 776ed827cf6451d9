/*
 * The console: one page over the REST API.  The access token lives in memory, the refresh token in
 * this tab's session storage.  This file is the session and the way from page to page.
 */
import { $, el, form, say } from "./parts.js";
import { pages } from "./pages.js";

const api = "/api/v1";
const session = { access: null, user: null, paths: {} };
let shown = 0, timer = null;

/* --- asking --- */

async function send(method, path, body, token) {
	const headers = {};
	if (token)
		headers.Authorization = "Bearer " + token;
	if (body !== undefined)
		headers["Content-Type"] = "application/json";
	try {
		return await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
	} catch {
		const e = new Error("The server does not answer. Is dfs running, and is the network there?");
		e.code = "unreachable";
		throw e;
	}
}

/* One turn at a time: a refresh token is good for one. */
let turning = null;

function turn() {
	turning = turning || turnOnce().finally(() => { turning = null; });
	return turning;
}

async function turnOnce() {
	const refresh = sessionStorage.getItem("refresh");
	if (!refresh)
		return false;
	const r = await send("POST", api + "/auth/refresh", { refresh_token: refresh });
	if (!r.ok)
		return false;
	take(await r.json());
	return true;
}

function take(pair) {
	session.access = pair.access_token;
	session.user = pair.user;
	sessionStorage.setItem("refresh", pair.refresh_token);
	$("name").textContent = pair.user.username + " (" + pair.user.role + ")";
}

function refused(json, status) {
	const e = new Error((json && json.detail) || "The server refused: HTTP " + status);
	e.errors = (json && json.errors) || {};
	e.code = json && json.code;
	e.status = status;
	return e;
}

/* The answer, or an Error that says why not. */
async function ask(method, path, body) {
	let r = await send(method, api + path, body, session.access);
	if (r.status === 401 && await turn())
		r = await send(method, api + path, body, session.access);
	const text = await r.text();
	const json = (r.headers.get("Content-Type") || "").includes("json") && text ? JSON.parse(text) : text;
	if (r.ok)
		return json;
	if (r.status === 401)
		login("Your session has ended. Please log in again.");
	throw refused(json, r.status);
}

/* All pages of a list. */
async function list(path) {
	const all = [];
	let next = api + path + "?limit=499";
	while (next) {
		const r = await send("GET", next, undefined, session.access);
		if (r.status === 401 && await turn())
			continue;
		const json = await r.json();
		if (r.status === 401)
			login("Your session has ended. Please log in again.");
		if (!r.ok)
			throw refused(json, r.status);
		all.push(...json);
		next = (/<([^>]+)>; *rel="next"/.exec(r.headers.get("Link") || "") || [])[1];
	}
	return all;
}

/* --- what pages are given --- */

function dialog(what, done) {
	const d = $("dialog");
	d.replaceChildren(form(what, async (values) => {
		await done(values);
		d.close();
		say((what.done || what.title) + ": done");
		show();
	}, () => d.close()));
	d.showModal();
}

async function act(text, method, path, body) {
	try {
		await ask(method, path, body);
		say(text + ": done");
	} catch (e) {
		say(text + ": " + e.message);
	}
	show();
}

/* Run step now and every so often, as long as this page is shown; a step that fails says so. */
async function often(ms, step) {
	const mine = shown;
	await step();
	const again = async () => {
		try {
			await step();
			trouble("");
		} catch (e) {
			if (mine === shown)
				trouble(e.message + " Trying again.");
		}
		if (mine === shown)
			timer = setTimeout(again, ms);
	};
	if (mine === shown)
		timer = setTimeout(again, ms);
}

function trouble(text) {
	$("trouble").textContent = text;
	$("trouble").hidden = text === "";
}

/* Is that path served?  A part in braces stands for any name. */
const shape = (path) => path.replace(/\{[^}]*\}/g, "{}");
const has = (path) => Object.keys(session.paths).some((p) => shape(p) === shape(api + path) || shape(p) === shape(path));
const tools = { ask, list, dialog, act, often, has, session, tell: say };

/* --- from page to page --- */

const allowed = () => pages.filter((p) => (session.user.role === "admin" || session.user.role === p.who) &&
	(!p.needs || has(p.needs)));

/* Where the keyboard was is where it stays, if that is still there. */
function put(nodes, moved) {
	const key = document.activeElement && document.activeElement.getAttribute("data-key");
	$("main").replaceChildren(...nodes.flat(9).filter((n) => n != null && n !== false));
	const same = key && [...$("main").querySelectorAll("[data-key]")].find((n) => n.getAttribute("data-key") === key);
	if (same)
		same.focus();
	else if (moved || key)
		$("main").focus();
}

async function show(moved) {
	const mine = ++shown;
	clearTimeout(timer);
	if (!session.access)
		return;
	const all = allowed();
	const at = all.find((p) => p.word === location.hash.slice(1)) || all[0];
	$("nav").replaceChildren(...all.map((p) => el("a", { href: "#" + p.word, "aria-current": p === at && "page" }, p.title)));
	$("nav").hidden = all.length === 0;
	$("who").hidden = false;
	trouble("");
	if (!at) {
		put([el("h1", {}, "Welcome"), el("p", {}, "This account has nothing to look after. You can change your password above.")], true);
		return;
	}
	document.title = at.title + " – DittoFS";
	$("main").setAttribute("aria-busy", "true");
	try {
		const nodes = await at.make(tools);
		if (mine === shown)
			put(nodes, moved);
	} catch (e) {
		if (mine === shown && session.access)
			put([el("h1", {}, at.title), el("section", {}, el("div", { class: "panel" }, el("p", { class: "error", role: "alert" }, e.message),
				el("p", {}, el("button", { type: "button", "data-key": "again", onclick: () => show() }, "Try again"))))]);
	}
	$("main").removeAttribute("aria-busy");
}

/* --- logging in --- */

function alone(...nodes) {
	session.access = null;
	++shown;
	clearTimeout(timer);
	trouble("");
	$("dialog").close();
	$("nav").hidden = $("who").hidden = true;
	$("main").replaceChildren(el("div", { class: "login" }, nodes));
	const input = $("main").querySelector("input:not([value])");
	if (input)
		input.focus();
}

async function enter() {
	const document = await ask("GET", "/openapi.json");
	session.paths = document.paths || {};
	await show(true);
}

const fresh = { name: "new_password", label: "New password", type: "password", required: true, minlength: 8, autocomplete: "new-password", help: "8 bytes or more" };

async function own(current, next) {
	take(await ask("POST", "/users/me/password", { current_password: current, new_password: next }));
}

function change(current) {
	const access = session.access;
	alone(form({ title: "Choose a password", level: "h1", text: "The one you logged in with was given to you. Choose one that only you know.",
		fields: [fresh], submit: "Set password" }, async (v) => {
		session.access = access;
		await own(current, v.new_password);
		say("Password changed");
		await enter();
	}));
}

function login(why) {
	sessionStorage.removeItem("refresh");
	document.title = "Log in – DittoFS";
	alone(why && el("p", { class: "quiet", role: "status" }, why), form({ title: "Log in", level: "h1", fields: [
		{ name: "username", label: "User", required: true, autocomplete: "username" },
		{ name: "password", label: "Password", type: "password", required: true, autocomplete: "current-password" },
	], submit: "Log in" }, async (v) => {
		const r = await send("POST", api + "/auth/login", v);
		const pair = await r.json().catch(() => null);
		if (!r.ok)
			throw refused(pair, r.status);
		take(pair);
		say("");
		if (pair.user.must_change_password)
			change(v.password);
		else
			await enter();
	}));
}

$("logout").addEventListener("click", async () => {
	try {
		await send("POST", api + "/auth/logout", undefined, session.access);
	} finally {
		login("You are logged out.");
	}
});
$("password").addEventListener("click", () => dialog({ title: "Change your password", submit: "Change", fields: [
	{ name: "current", label: "Current password", type: "password", required: true, autocomplete: "current-password" }, fresh,
] }, (v) => own(v.current, v.new_password)));
$("skip").addEventListener("click", (event) => { event.preventDefault(); $("main").focus(); });
window.addEventListener("hashchange", () => show(true));

turn().then((ok) => ok ? enter() : login()).catch((e) => login(e.message));
