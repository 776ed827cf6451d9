/*
 * The console: one page over the REST API.  The access token lives in memory, the refresh token in
 * this tab's session storage.  All that a server says is put into the page as text, never as markup.
 */
"use strict";

const api = "/api/v1";
let access = null, role = null, timer = null;

const $ = (id) => document.getElementById(id);

/* An element: tag, attributes (on… are listeners), children (texts or elements). */
function el(tag, attributes = {}, ...children) {
	const e = document.createElement(tag);
	for (const [key, value] of Object.entries(attributes)) {
		if (key.startsWith("on"))
			e.addEventListener(key.slice(2), value);
		else if (value === true)
			e.setAttribute(key, "");
		else if (value !== false && value != null)
			e.setAttribute(key, value);
	}
	e.append(...children.flat().filter((c) => c != null));
	return e;
}

function say(text) { $("said").textContent = text; }

/* --- asking --- */

async function send(method, path, body, token) {
	const headers = {};
	if (token)
		headers.Authorization = "Bearer " + token;
	if (body !== undefined)
		headers["Content-Type"] = "application/json";
	return fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
}

async function turn() {
	const refresh = sessionStorage.getItem("refresh");
	if (!refresh)
		return false;
	const r = await send("POST", api + "/auth/refresh", { refresh_token: refresh });
	if (!r.ok)
		return false;
	keep(await r.json());
	return true;
}

function keep(pair) {
	access = pair.access_token;
	role = pair.user.role;
	sessionStorage.setItem("refresh", pair.refresh_token);
	$("name").textContent = pair.user.username + " (" + role + ")";
}

/* The answer, or an Error that says why not. */
async function ask(method, path, body) {
	let r = await send(method, api + path, body, access);
	if (r.status === 401 && await turn())
		r = await send(method, api + path, body, access);
	const text = await r.text();
	const json = (r.headers.get("Content-Type") || "").includes("json") && text ? JSON.parse(text) : text;
	if (r.ok)
		return json;
	const e = new Error(json.detail || "HTTP " + r.status);
	e.errors = json.errors || {};
	e.code = json.code;
	if (r.status === 401)
		login();
	throw e;
}

const part = (name) => encodeURIComponent(name.replace(/^\//, ""));

/* --- forms --- */

/* fields: [{name, label, type, value, options, required}] */
function form(title, fields, button, done, cancel) {
	const error = el("p", { class: "error", role: "alert" });
	const inputs = fields.map((f) => {
		const attributes = { name: f.name, type: f.type || "text", required: f.required,
			autocomplete: f.autocomplete || "off", placeholder: f.placeholder };
		const input = f.options ?
			el("select", { name: f.name }, f.options.map((o) => el("option", { selected: o === f.value }, o))) :
			el("input", attributes);
		if (!f.options && f.value != null)
			input.value = f.value;
		return [f, input];
	});
	const submit = el("button", { class: "main" }, button);
	const node = el("form", { onsubmit: async (event) => {
		event.preventDefault();
		const values = {};
		for (const [f, input] of inputs)
			if (input.value !== "")
				values[f.name] = f.type === "number" ? Number(input.value) : input.value;
		submit.disabled = true;
		error.textContent = "";
		try {
			await done(values);
		} catch (e) {
			error.textContent = [e.message, ...Object.entries(e.errors || {}).map(([k, v]) => k + ": " + v)].join("; ");
		}
		submit.disabled = false;
	} }, el("h2", { id: "dialog-title" }, title),
	inputs.map(([f, input]) => el("label", {}, el("span", {}, f.label), input)), error,
	el("div", { class: "buttons" }, cancel ? el("button", { type: "button", onclick: cancel }, "Cancel") : null, submit));
	return node;
}

function dialog(title, fields, button, done) {
	const d = $("dialog");
	d.replaceChildren(form(title, fields, button, async (values) => {
		await done(values);
		d.close();
		say(title + ": done");
		show();
	}, () => d.close()));
	d.showModal();
}

function sure(text, done) { dialog(text, [], "Yes", done); }

/* --- tables --- */

function table(caption, columns, rows) {
	if (rows.length === 0)
		return el("p", {}, "None yet.");
	return el("div", { class: "wide" }, el("table", {}, el("caption", { hidden: true }, caption),
		el("thead", {}, el("tr", {}, columns.map(([head, , num]) => el("th", { scope: "col", class: num && "num" }, head)))),
		el("tbody", {}, rows.map((r) => el("tr", {}, columns.map(([, cell, num]) => el("td", { class: num && "num" }, cell(r))))))));
}

const button = (text, onclick, kind) => el("button", { type: "button", onclick, class: kind }, text);
const state = (word) => el("span", { class: "state " + word }, word);
const yes = (fact) => fact ? el("span", { class: "state yes" }, "yes") : el("span", { class: "state" }, "no");

function bytes(n) {
	const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
	let u = 0;
	for (; n >= 1024 && u < units.length - 1; u++)
		n /= 1024;
	return n.toFixed(u === 0 || n >= 100 ? 0 : 1) + " " + units[u];
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

function head(title, text, onclick) {
	return el("div", { class: "bar" }, el("h2", {}, title), text && role === "admin" ? button(text, onclick, "main") : null);
}

const levels = ["none", "read", "read-write", "admin"];

/* --- the pages --- */

async function shares() {
	const [list, meta, local] = await Promise.all([ask("GET", "/shares"), ask("GET", "/store/metadata"), ask("GET", "/store/block/local")]);
	const create = () => dialog("New share", [
		{ name: "name", label: "Name, as /export", required: true },
		{ name: "metadata_store", label: "Metadata store", options: meta.map((m) => m.name) },
		{ name: "local_block_store", label: "Local block store", options: local.map((l) => l.name) },
		{ name: "durability", label: "Durability", options: ["local", "writeback"] },
		{ name: "export_rules", label: "Who may mount", placeholder: "*  or  10.0.0.0/8(rw) *(ro)" },
		{ name: "description", label: "Description" },
	], "Create", (v) => ask("POST", "/shares", v));
	const edit = (s) => dialog("Change " + s.name, [
		{ name: "read_only", label: "Read-only", options: ["false", "true"], value: String(s.read_only) },
		{ name: "squash", label: "Squash", options: ["none", "root_to_admin", "root_to_guest", "all_to_admin", "all_to_guest"], value: s.squash },
		{ name: "export_rules", label: "Who may mount", value: s.export_rules },
	], "Save", (v) => ask("PUT", "/shares/" + part(s.name), { ...v, export_rules: v.export_rules || "", read_only: v.read_only === "true" }));
	return [head("Shares", "New share", create), table("Shares", [
		["Name", (s) => s.name], ["Status", (s) => state(s.status.status)], ["Metadata", (s) => s.metadata_store || "file"],
		["Blocks", (s) => s.local_block_store || "file"], ["Used", (s) => bytes(s.used_bytes), true], ["Files", (s) => String(s.files), true],
		["Actions", (s) => s.source === "file" ? "in the file of settings" : [
			button("Change", () => edit(s)), " ",
			s.enabled ? button("Disable", () => act("Disable " + s.name, "POST", "/shares/" + part(s.name) + "/disable")) :
				button("Enable", () => act("Enable " + s.name, "POST", "/shares/" + part(s.name) + "/enable")), " ",
			button("Remove", () => sure("Remove " + s.name + "? Its data stays.", () => ask("DELETE", "/shares/" + part(s.name))), "bad")]],
	], list)];
}

async function permissions() {
	const [list, users, groups] = await Promise.all([ask("GET", "/shares"), ask("GET", "/users"), ask("GET", "/groups")]);
	const all = await Promise.all(list.map((s) => ask("GET", "/shares/" + part(s.name) + "/permissions")));
	const names = [...users.map((u) => "user " + u.username), ...groups.map((g) => "group " + g.name)];
	const path = (s, type, name) => "/shares/" + part(s.name) + "/permissions/" + type + "s/" + part(name);
	const grant = (s) => dialog("Permission on " + s.name, [
		{ name: "who", label: "Who", options: names }, { name: "level", label: "Level", options: levels, value: "read" },
	], "Grant", (v) => ask("PUT", path(s, ...v.who.split(" ")), { level: v.level }));
	return [el("h2", {}, "Permissions"), list.length === 0 ? el("p", {}, "No share yet.") : null, list.map((s, i) => [
		el("div", { class: "bar" }, el("h3", {}, s.name), button("Grant", () => grant(s))),
		el("p", {}, "Everyone else: " + s.default_permission),
		table("Permissions of " + s.name, [["Type", (p) => p.type], ["Name", (p) => p.name], ["Level", (p) => p.level],
			["Actions", (p) => button("Revoke", () => act("Revoke", "DELETE", path(s, p.type, p.name)), "bad")]], all[i])])];
}

async function users() {
	const list = await ask("GET", "/users");
	const create = () => dialog("New user", [
		{ name: "username", label: "Name", required: true },
		{ name: "password", label: "Password (8 or more; empty: no log-in)", type: "password", autocomplete: "new-password" },
		{ name: "uid", label: "User id on NFS (empty: the next free)", type: "number" },
		{ name: "role", label: "Role", options: ["user", "operator", "admin"] },
	], "Create", (v) => ask("POST", "/users", v));
	const reset = (u) => dialog("Password of " + u.username, [
		{ name: "new_password", label: "New password; it must then be changed", type: "password", required: true, autocomplete: "new-password" },
	], "Set", (v) => ask("POST", "/users/" + part(u.username) + "/password", v));
	return [head("Users", "New user", create), table("Users", [
		["Name", (u) => u.username], ["Role", (u) => u.role], ["uid", (u) => String(u.uid), true], ["Groups", (u) => (u.groups || []).join(", ")],
		["Enabled", (u) => yes(u.enabled)], ["Last log-in", (u) => u.last_login || "never"],
		["Actions", (u) => [button("Password", () => reset(u)), " ", u.username === "admin" ? null : [
			button(u.enabled ? "Disable" : "Enable", () => act("Change " + u.username, "PUT", "/users/" + part(u.username), { enabled: !u.enabled })), " ",
			button("Remove", () => sure("Remove " + u.username + "?", () => ask("DELETE", "/users/" + part(u.username))), "bad")]].flat()],
	], list)];
}

async function stores() {
	const kinds = [["Metadata stores", "/store/metadata", ["leveldb", "memory"]], ["Local block stores", "/store/block/local", ["fs", "memory"]]];
	const lists = await Promise.all(kinds.map(([, path]) => ask("GET", path)));
	return [el("h2", {}, "Stores"), kinds.map(([title, path, types], i) => [
		el("div", { class: "bar" }, el("h3", {}, title), button("Add", () => dialog("Add to " + title.toLowerCase(), [
			{ name: "name", label: "Name", required: true }, { name: "type", label: "Type", options: types },
			{ name: "path", label: "Folder (empty: in the server's state folder)" },
		], "Add", (v) => ask("POST", path, v)))),
		table(title, [["Name", (s) => s.name], ["Type", (s) => s.type], ["Folder", (s) => s.path || "default"],
			["Actions", (s) => button("Remove", () => act("Remove " + s.name, "DELETE", path + "/" + part(s.name)), "bad")]], lists[i])])];
}

async function adapters() {
	const list = await ask("GET", "/adapters");
	const admin = role === "admin";
	return [el("h2", {}, "Adapters"), table("Adapters", [
		["Protocol", (a) => a.type], ["Port", (a) => String(a.port), true], ["Enabled", (a) => yes(a.enabled)], ["Listens", (a) => yes(a.running)],
		["Actions", (a) => admin ? [
			button(a.enabled ? "Disable" : "Enable", () => act("Change " + a.type, "PUT", "/adapters/" + a.type, { enabled: !a.enabled })), " ",
			button("Port", () => dialog("Port of " + a.type, [{ name: "port", label: "Port", type: "number", value: a.port, required: true }],
				"Listen", (v) => ask("PUT", "/adapters/" + a.type, v)))] : ""],
	], list)];
}

/* Prometheus text: name → [{labels, value}] */
function parse(text) {
	const all = {};
	for (const line of text.split("\n")) {
		const m = /^([a-z_]+)(?:\{([^}]*)\})? ([-0-9.e+]+)$/i.exec(line);
		if (m)
			(all[m[1]] = all[m[1]] || []).push({ labels: m[2] || "", value: Number(m[3]) });
	}
	return all;
}

let before = null;

async function figures() {
	const cards = el("div", { class: "cards" }), queues = el("div");
	const step = async () => {
		const now = { at: performance.now(), all: parse(await ask("GET", "/system/metrics")) };
		const sum = (all, name) => (all[name] || []).reduce((n, m) => n + m.value, 0);
		const seconds = before ? (now.at - before.at) / 1000 : 0;
		const rate = (name) => seconds > 0 ? Math.max(0, sum(now.all, name) - sum(before.all, name)) / seconds : 0;
		const totals = Object.keys(now.all).filter((n) => /_total$/.test(n) && !/stage_|nanoseconds|microseconds/.test(n));
		const busiest = totals.map((n) => [n, rate(n)]).sort((a, b) => b[1] - a[1]).slice(0, 7);
		const cpu = rate("dittofs_cpu_microseconds_total") / 1e6;
		cards.replaceChildren(...busiest.map(([n, v]) => el("div", { class: "card" },
			el("b", {}, (/bytes/.test(n) ? bytes(v) : v.toFixed(v < 10 ? 1 : 0)) + "/s"),
			n.replace(/^dittofs_|_total$/g, "").replaceAll("_", " "))),
			el("div", { class: "card" }, el("b", {}, (cpu * 100).toFixed(0) + " %"), "of one core"));
		const stages = (now.all.dittofs_stage_depth || []).map((d, i) => {
			const of = (name, all) => ((all || now.all)[name] || [])[i]?.value || 0;
			const per = (name) => seconds > 0 ? (of(name) - of(name, before.all)) / seconds : 0;
			const jobs = per("dittofs_stage_jobs_total");
			return { name: /"([^"]*)"/.exec(d.labels)?.[1] || d.labels, depth: d.value, jobs,
				queued: per("dittofs_stage_queued_total"), us: jobs > 0 ? per("dittofs_stage_service_nanoseconds_total") / jobs / 1000 : 0 };
		});
		queues.replaceChildren(table("Stages", [["Stage", (s) => s.name], ["In its queue", (s) => String(s.depth), true],
			["Jobs a second", (s) => s.jobs.toFixed(0), true], ["Queued a second", (s) => s.queued.toFixed(0), true],
			["µs a job", (s) => s.us.toFixed(1), true]], stages));
		before = now;
	};
	await step();
	timer = setInterval(() => step().catch((e) => say(e.message)), 2000);
	return [el("h2", {}, "Figures"), cards, el("h3", {}, "Stages"), queues];
}

async function audit() {
	return [el("h2", {}, "Audit trail"), table("Audit trail", [["When", (a) => a.at], ["Who", (a) => a.actor], ["From", (a) => a.address],
		["What", (a) => a.action], ["On", (a) => a.target], ["Status", (a) => String(a.status), true]], await ask("GET", "/audit?limit=100"))];
}

const pages = { shares: ["Shares", shares, "admin"], permissions: ["Permissions", permissions, "admin"], users: ["Users", users, "admin"],
	stores: ["Stores", stores, "admin"], adapters: ["Adapters", adapters, "operator"], figures: ["Figures", figures, "operator"],
	audit: ["Audit", audit, "admin"] };
const allowed = () => Object.entries(pages).filter(([, p]) => role === "admin" || role === p[2]);

async function show() {
	clearInterval(timer);
	if (!access)
		return;
	const names = allowed().map(([n]) => n);
	const at = names.includes(location.hash.slice(1)) ? location.hash.slice(1) : names[0];
	$("nav").replaceChildren(...allowed().map(([n, p]) => el("a", { href: "#" + n, "aria-current": n === at && "page" }, p[0])));
	$("nav").hidden = $("who").hidden = false;
	if (!at) {
		$("main").replaceChildren(el("p", {}, "This account has nothing to look after."));
		return;
	}
	try {
		$("main").replaceChildren(...(await pages[at][1]()).flat(9).filter((n) => n != null));
		document.title = pages[at][0] + " – DittoFS";
	} catch (e) {
		if (access)
			$("main").replaceChildren(el("p", { class: "error", role: "alert" }, e.message));
	}
}

/* --- logging in --- */

function change(current) {
	$("main").replaceChildren(el("div", { class: "login" }, form("Set a new password", [
		{ name: "new_password", label: "New password, 8 or more", type: "password", required: true, autocomplete: "new-password" },
	], "Set", async (v) => {
		keep(await ask("POST", "/users/me/password", { current_password: current, new_password: v.new_password }));
		say("Password changed");
		show();
	})));
}

function login() {
	access = null;
	clearInterval(timer);
	sessionStorage.removeItem("refresh");
	$("nav").hidden = $("who").hidden = true;
	$("main").replaceChildren(el("div", { class: "login" }, form("Log in", [
		{ name: "username", label: "User", required: true, autocomplete: "username" },
		{ name: "password", label: "Password", type: "password", required: true, autocomplete: "current-password" },
	], "Log in", async (v) => {
		const r = await send("POST", api + "/auth/login", v);
		const pair = await r.json();
		if (!r.ok)
			throw new Error(pair.detail);
		keep(pair);
		say("");
		if (pair.user.must_change_password)
			change(v.password);
		else
			show();
	})));
	$("main").querySelector("input").focus();
}

$("logout").addEventListener("click", async () => {
	await send("POST", api + "/auth/logout", undefined, access);
	login();
	say("Logged out");
});
window.addEventListener("hashchange", () => { show(); $("main").focus(); });
turn().then((ok) => ok ? show() : login());
