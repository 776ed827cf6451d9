/*
 * The console's pieces: elements, forms, tables, lines of figures.  All that a server says becomes
 * text, never markup.
 */

/* An element: tag, attributes (on… are listeners), children (texts or elements). */
export function el(tag, attributes = {}, ...children) {
	return fill(document.createElement(tag), attributes, children);
}

function fill(e, attributes, children) {
	for (const [key, value] of Object.entries(attributes)) {
		if (key.startsWith("on"))
			e.addEventListener(key.slice(2), value);
		else if (value === true)
			e.setAttribute(key, "");
		else if (value !== false && value != null)
			e.setAttribute(key, value);
	}
	e.append(...children.flat(9).filter((c) => c != null && c !== false));
	return e;
}

const svg = (tag, attributes, ...children) =>
	fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

export const $ = (id) => document.getElementById(id);

export function say(text) {
	$("said").textContent = text;
	clearTimeout(say.timer);
	say.timer = setTimeout(() => { $("said").textContent = ""; }, 8000);
}

/* --- words for figures --- */

export function bytes(n) {
	const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
	let u = 0;
	for (; n >= 1024 && u < units.length - 1; u++)
		n /= 1024;
	return n.toFixed(u === 0 || n >= 100 ? 0 : 1) + " " + units[u];
}

export const count = (n) => n.toLocaleString("en", { maximumFractionDigits: n < 10 ? 1 : 0 });

export function age(seconds) {
	const steps = [[86400, "d"], [3600, "h"], [60, "min"]];
	for (const [s, word] of steps)
		if (seconds >= s)
			return Math.floor(seconds / s) + " " + word;
	return Math.floor(Math.max(0, seconds)) + " s";
}

/* A time the server gave, as how long ago; the time itself is its title. */
export function ago(text) {
	const at = Date.parse(text || "");
	if (Number.isNaN(at) || at <= 0)
		return "never";
	return el("time", { datetime: text, title: new Date(at).toLocaleString() }, age((Date.now() - at) / 1000) + " ago");
}

const words = { healthy: "good", yes: "good", drained: "good", unhealthy: "poor", degraded: "poor", unreachable: "poor", "damage found": "poor" };
export const state = (word) => el("span", { class: "state " + (words[word] || "") }, word);
export const yes = (fact) => state(fact ? "yes" : "no");

/* --- buttons --- */

/* of: what the button is about, for those who hear it without its row. */
export const button = (text, onclick, kind, of) => el("button", { type: "button", onclick, class: kind,
	"aria-label": of && text + " " + of, "data-key": of && text + " " + of }, text);

/* --- forms --- */

let serial = 0;

function field(f) {
	const id = "field-" + ++serial;
	const notes = [f.help && id + "-help", id + "-wrong"].filter(Boolean).join(" ");
	const common = { id, name: f.name, required: f.required, "aria-describedby": notes };
	const input = f.options ?
		el("select", common, f.options.map((o) => {
			const [value, text] = Array.isArray(o) ? o : [o, o];
			return el("option", { value, selected: value === f.value }, text);
		})) :
		el("input", { ...common, type: f.type || "text", autocomplete: f.autocomplete || "off", placeholder: f.placeholder,
			spellcheck: "false", autocapitalize: "none", min: f.min, max: f.max, minlength: f.minlength, checked: f.type === "checkbox" && f.value });
	if (!f.options && f.type !== "checkbox" && f.value != null)
		input.value = f.value;
	const wrong = el("p", { class: "wrong", id: id + "-wrong" });
	const help = f.help && el("p", { class: "help", id: id + "-help" }, f.help);
	const name = [f.label, f.required ? "" : f.type === "checkbox" || f.options ? "" : " (optional)"].join("");
	const node = f.type === "checkbox" ?
		el("div", { class: "field check" }, el("label", {}, input, f.label), help, wrong) :
		el("div", { class: "field" }, el("label", { for: id }, name), input, help, wrong);
	return { f, input, wrong, node };
}

function read({ f, input }) {
	if (f.type === "checkbox")
		return input.checked;
	if (input.value === "" && !f.empty)
		return undefined;
	return f.type === "number" ? Number(input.value) : input.value;
}

/*
 * fields: [{name, label, type, value, options, required, help, empty}]; empty: what was cleared is
 * said, too.  done(values) may throw an Error with errors: {field: why}.
 */
export function form({ title, text, fields = [], submit, kind = "main", level = "h2" }, done, cancel) {
	const error = el("p", { class: "error", role: "alert" });
	const all = fields.map(field);
	const send = el("button", { class: kind }, submit);
	const refuse = (e) => {
		const left = { ...e.errors };
		let first = null;
		for (const a of all)
			if (left[a.f.name]) {
				a.wrong.textContent = left[a.f.name];
				a.input.setAttribute("aria-invalid", "true");
				first = first || a.input;
				delete left[a.f.name];
			}
		error.textContent = [e.message, ...Object.entries(left).map(([k, v]) => k + ": " + v)].join("; ");
		if (first)
			first.focus();
	};
	return el("form", { onsubmit: async (event) => {
		event.preventDefault();
		const values = {};
		for (const a of all) {
			const value = read(a);
			if (value !== undefined)
				values[a.f.name] = value;
			a.wrong.textContent = "";
			a.input.removeAttribute("aria-invalid");
		}
		send.disabled = true;
		error.textContent = "";
		try {
			await done(values);
		} catch (e) {
			refuse(e);
		}
		send.disabled = false;
	} }, el(level, { id: cancel ? "dialog-title" : null }, title), text && el("p", {}, text), all.map((a) => a.node), error,
	el("div", { class: "buttons" }, cancel && el("button", { type: "button", onclick: cancel }, "Cancel"), send));
}

/* --- tables --- */

/* columns: [head, cell, class] where class may be num, actions, short. */
export function table(caption, columns, rows) {
	return el("table", { role: "table", "aria-label": caption },
		el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, columns.map(([head, , kind]) =>
			el("th", { scope: "col", role: "columnheader", class: kind }, head)))),
		el("tbody", { role: "rowgroup" }, rows.map((r) => el("tr", { role: "row" }, columns.map(([head, cell, kind]) =>
			el("td", { role: "cell", class: kind, "data-label": head },
				kind === "actions" ? el("div", { class: "row" }, cell(r)) : el("div", {}, cell(r))))))));
}

/* New nodes for old ones; what had the focus and is there again has it again. */
export function renew(node, ...children) {
	const at = document.activeElement && document.activeElement.getAttribute("data-key");
	node.replaceChildren(...children.flat(9));
	const same = at && [...node.querySelectorAll("[data-key]")].find((n) => n.getAttribute("data-key") === at);
	if (same)
		same.focus();
}

/* Where there is nothing yet: what it is for, and the way to the first one. */
export const empty = (text, ...way) => el("div", { class: "empty" }, el("p", {}, text), way);

/* --- figures as a line --- */

const POINTS = 60;

/* values: oldest first; an SVG that says in words what it shows. */
export function line(values, say) {
	const most = Math.max(...values, 1e-9);
	const x = (i) => (100 * (POINTS - values.length + i) / (POINTS - 1)).toFixed(2);
	const y = (v) => (29 - 27 * v / most).toFixed(2);
	const way = values.map((v, i) => (i ? "L" : "M") + x(i) + " " + y(v)).join(" ");
	const label = "last two minutes: now " + say(values.at(-1) || 0) + ", most " + say(values.length ? Math.max(...values) : 0);
	return svg("svg", { class: "line", viewBox: "0 0 100 30", preserveAspectRatio: "none", role: "img", "aria-label": label },
		values.length > 1 && svg("path", { class: "fill", d: way + " L100 30 L" + x(0) + " 30 Z" }),
		values.length > 1 && svg("path", { class: "stroke", d: way }));
}

export const keep = (values, v) => { values.push(v); if (values.length > POINTS) values.shift(); };
