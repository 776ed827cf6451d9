/*
 * The console's pages, in the order of its sections.  Each is given the tools of app.js and gives
 * elements back.
 */
import { ago, button, bytes, count, el, empty, state, table, yes } from "./parts.js";
import { contents } from "./contents.js";
import { clients, overview } from "./live.js";

const part = (name) => encodeURIComponent(name.replace(/^\//, ""));

const head = (title, text, ...ways) => [el("div", { class: "bar" }, el("h1", {}, title), el("div", { class: "row" }, ways)),
	text && el("p", { class: "quiet" }, text)];
const panel = (...nodes) => el("section", {}, el("div", { class: "panel" }, nodes));
const named = (title, way, ...nodes) => el("section", {}, el("div", { class: "bar" }, el("h2", {}, title), way),
	el("div", { class: "panel" }, nodes));

/* A question before what cannot be taken back. */
const sure = (t, verb, what, text, path) => t.dialog({ title: verb + " " + what + "?", text, submit: verb, kind: "bad", done: verb + " " + what },
	() => t.ask("DELETE", path));

/* --- shares --- */

const squashes = [["root_to_guest", "root (root_to_guest)"], ["none", "none: root stays root"], ["root_to_admin", "none: root stays root (root_to_admin)"],
	["all_to_guest", "everybody (all_to_guest)"], ["all_to_admin", "everybody, as uid 0 (all_to_admin)"]];
const durabilities = [["local", "local: nothing that was answered is lost"], ["writeback", "writeback: faster; names of the last 100 ms may be lost"]];
const ciphers = [["none", "none"], ["auto", "auto: what this machine does fastest"], "aes-256-gcm", "chacha20-poly1305", "xchacha20-poly1305"];
const packings = ["none", "zstd", "zstd-1", "zstd-6", "zstd-9", "zstd-19"];
const levels = ["none", "read", "read-write", "admin"];

const inherited = ["", "as its remote store says, else none"];
const shareFields = (s) => [
	{ name: "description", label: "Description", value: s.description, empty: true },
	{ name: "export_rules", label: "Who may mount", value: s.export_rules, empty: true, placeholder: "10.0.0.0/8(rw) *(ro)",
		help: "Hosts, networks or @netgroups, each with its options; the first that covers a client counts. Empty: every host." },
	{ name: "squash", label: "Squash: who becomes nobody", options: squashes, value: s.squash },
	{ name: "default_permission", label: "Permission of those who have none of their own", options: levels, value: s.default_permission },
	{ name: "durability", label: "Durability", options: durabilities, value: s.durability },
	{ name: "quota_bytes", label: "Quota of what its files take", value: s.quota_bytes, placeholder: "10GiB", help: "0: no end but the disk's." },
	s.compression && { name: "compression", label: "Compression of its containers", options: s.compression === inherited ? [inherited, ...packings] : packings, value: s.compression === inherited ? "" : s.compression },
	{ name: "read_only", label: "Read-only", type: "checkbox", value: s.read_only },
].filter(Boolean);

async function shares(t) {
	const admin = t.session.user.role === "admin";
	const [list, meta, local, remote] = await Promise.all([t.list("/shares"), t.list("/store/metadata"), t.list("/store/block/local"), t.list("/store/block/remote")]);
	const seals = t.has("/shares/{}/rotate-key");
	const rotate = (s) => t.dialog({ title: "New key for " + s.name + "?", text: "What is written from now on is sealed with it. What was written stays readable.", submit: "New key" },
		() => t.ask("POST", "/shares/" + part(s.name) + "/rotate-key"));
	const create = () => t.dialog({ title: "New share", submit: "Create", fields: [
		{ name: "name", label: "Name", required: true, placeholder: "/export", help: "What clients mount; begins with a slash." },
		{ name: "metadata_store", label: "Metadata store", options: meta.map((m) => [m.name, m.name + " (" + m.type + ")"]) },
		{ name: "local_block_store", label: "Local block store", options: local.map((l) => [l.name, l.name + " (" + l.type + ")"]) },
		remote.length > 0 && { name: "remote_block_store", label: "Remote block store", options: [["", "none"], ...remote.map((r) => r.name)] },
		seals && { name: "encryption", label: "Encryption of its contents", options: [inherited, ...ciphers], value: "", help: "Settled now; a key must be set, at its remote store or in the file of settings." },
		...shareFields({ squash: "root_to_guest", default_permission: "none", durability: "local", quota_bytes: "0", compression: seals && inherited }),
	].filter(Boolean) }, (v) => t.ask("POST", "/shares", v));
	const edit = (s) => t.dialog({ title: "Change " + s.name, submit: "Save", fields: shareFields(s) }, (v) => t.ask("PUT", "/shares/" + part(s.name), v));
	const turn = (s, word) => button(word, () => t.act(word + " " + s.name, "POST", "/shares/" + part(s.name) + "/" + word.toLowerCase()), null, s.name);
	const first = meta.length && local.length ?
		empty("A share is what clients mount. There is none yet.", button("New share", create, "main")) :
		empty("A share needs a metadata store and a local block store. Name those first.", el("a", { href: "#stores" }, "Go to Stores"));
	return [head("Shares", null, list.length > 0 && meta.length > 0 && local.length > 0 && button("New share", create, "main")),
		panel(list.length === 0 ? first : table("Shares", [
			["Name", (s) => [el("b", {}, s.name), s.description && el("small", {}, s.description)]],
			["Status", (s) => [state(s.status.status), s.status.message && el("small", {}, s.status.message)]],
			["Stores", (s) => s.source === "file" ? ["of the file", s.remote_block_store && ", " + s.remote_block_store] : [s.metadata_store, ", ", s.local_block_store, s.remote_block_store && ", " + s.remote_block_store]],
			["Access", (s) => [s.read_only ? "read-only" : "read-write", s.encryption && s.encryption !== "none" && el("small", {}, "sealed: " + s.encryption)], "short"],
			["Contents", (s) => [bytes(s.used_bytes), s.quota_bytes && s.quota_bytes !== "0" && el("small", {}, "of " + s.quota_bytes)], "num"], ["Files", (s) => count(s.files), "num"],
			["Actions", (s) => s.source === "file" || !admin ? el("span", { class: "quiet" }, "in the file of settings") : [
				button("Change", () => edit(s), null, s.name), s.encryption && s.encryption !== "none" && button("New key", () => rotate(s), null, "for " + s.name), turn(s, s.enabled ? "Disable" : "Enable"),
				button("Remove", () => sure(t, "Remove", s.name, "It is served no more. What it holds stays in its stores.", "/shares/" + part(s.name)), "bad", s.name)], "actions"],
		], list))];
}

async function permissions(t) {
	const [list, users, groups] = await Promise.all([t.list("/shares"), t.list("/users"), t.list("/groups")]);
	const all = await Promise.all(list.map((s) => t.list("/shares/" + part(s.name) + "/permissions")));
	const names = [...users.map((u) => ["users/" + part(u.username), "user " + u.username]), ...groups.map((g) => ["groups/" + part(g.name), "group " + g.name])];
	const grant = (s) => t.dialog({ title: "Permission on " + s.name, submit: "Grant", fields: [
		{ name: "who", label: "Who", options: names }, { name: "level", label: "Level", options: levels, value: "read" },
	] }, (v) => t.ask("PUT", "/shares/" + part(s.name) + "/permissions/" + v.who, { level: v.level }));
	const everyone = (s) => t.dialog({ title: "Everyone else on " + s.name, submit: "Save", fields: [
		{ name: "default_permission", label: "Level", options: levels, value: s.default_permission },
	] }, (v) => t.ask("PUT", "/shares/" + part(s.name), v));
	if (list.length === 0)
		return [head("Permissions"), panel(empty("Permissions belong to a share. There is none yet.", el("a", { href: "#shares" }, "Go to Shares")))];
	return [head("Permissions", "Who may do what on a share, beside its rules of hosts and the modes of its files."),
		list.map((s, i) => named(s.name, el("div", { class: "row" },
			s.source !== "file" && button("Everyone else", () => everyone(s), null, "on " + s.name), button("Grant", () => grant(s), "main", "on " + s.name)),
		table("Permissions of " + s.name, [["Who", (p) => el("b", {}, p.name)], ["Kind", (p) => p.type || "–"], ["Level", (p) => p.level],
			["Actions", (p) => p.name === "everyone else" ? "" : button("Revoke", () => t.act("Revoke " + p.name, "DELETE",
				"/shares/" + part(s.name) + "/permissions/" + p.type + "s/" + part(p.name)), "bad", p.name + " on " + s.name), "actions"]],
		[...all[i], { name: "everyone else", type: "", level: s.default_permission }])))];
}

/* --- users and groups --- */

async function users(t) {
	const [list, groups] = await Promise.all([t.list("/users"), t.list("/groups")]);
	const members = await Promise.all(groups.map((g) => t.list("/groups/" + part(g.name) + "/members")));
	const roles = [["user", "user: looks after itself"], ["operator", "operator: sees how the server is"], ["admin", "admin: may do everything"]];
	const create = () => t.dialog({ title: "New user", submit: "Create", fields: [
		{ name: "username", label: "Name", required: true },
		{ name: "password", label: "Password", type: "password", autocomplete: "new-password", help: "8 bytes or more. Without one the user cannot log in here, which NFS does not ask for." },
		{ name: "uid", label: "User id", type: "number", min: 0, help: "The number that clients know the user by. Empty: the next free one." },
		{ name: "role", label: "Role", options: roles },
	] }, (v) => t.ask("POST", "/users", v));
	const reset = (u) => t.dialog({ title: "Password of " + u.username, text: "It must be changed at the next log-in.", submit: "Set", fields: [
		{ name: "new_password", label: "New password", type: "password", required: true, minlength: 8, autocomplete: "new-password", help: "8 bytes or more" },
	] }, (v) => t.ask("POST", "/users/" + part(u.username) + "/password", v));
	const toggle = (u) => button(u.enabled ? "Disable" : "Enable", () => t.act((u.enabled ? "Disable " : "Enable ") + u.username, "PUT",
		"/users/" + part(u.username), { enabled: !u.enabled }), null, u.username);
	const group = () => t.dialog({ title: "New group", submit: "Create", fields: [{ name: "name", label: "Name", required: true },
		{ name: "gid", label: "Group id", type: "number", min: 0, help: "Empty: the next free one." }, { name: "description", label: "Description" },
	] }, (v) => t.ask("POST", "/groups", v));
	const join = (g) => t.dialog({ title: "Member of " + g.name, submit: "Add", fields: [
		{ name: "username", label: "User", options: list.map((u) => u.username) } ] }, (v) => t.ask("POST", "/groups/" + part(g.name) + "/members", v));
	const leave = (g, of) => of.length > 0 && button("Take out", () => t.dialog({ title: "Take out of " + g.name, submit: "Take out", fields: [
		{ name: "member", label: "User", options: of.map((m) => m.username) } ] }, (v) =>
		t.ask("DELETE", "/groups/" + part(g.name) + "/members/" + part(v.member))), null, "of " + g.name);
	return [head("Users", null, button("New user", create, "main")), panel(table("Users", [
		["Name", (u) => [el("b", {}, u.username), u.display_name && el("small", {}, u.display_name)]], ["Role", (u) => u.role],
		["uid", (u) => String(u.uid), "num"], ["Groups", (u) => (u.groups || []).join(", ") || "–"],
		["Enabled", (u) => yes(u.enabled)], ["Last log-in", (u) => ago(u.last_login), "short"],
		["Actions", (u) => [button("Password", () => reset(u), null, "of " + u.username), u.username !== "admin" && [toggle(u),
			button("Remove", () => sure(t, "Remove", u.username, "Files of the user stay.", "/users/" + part(u.username)), "bad", u.username)]], "actions"],
	], list)), named("Groups", button("New group", group), groups.length === 0 ? empty("No group yet.") : table("Groups", [
		["Name", (g) => [el("b", {}, g.name), g.description && el("small", {}, g.description)]], ["gid", (g) => String(g.gid), "num"],
		["Members", (g) => members[groups.indexOf(g)].map((m) => m.username).join(", ") || "–"],
		["Actions", (g) => [button("Add member", () => join(g), null, "to " + g.name), leave(g, members[groups.indexOf(g)]),
			!g.system && button("Remove", () => sure(t, "Remove", g.name, "Its members stay.", "/groups/" + part(g.name)), "bad", g.name)], "actions"],
	], groups))];
}

/* --- stores --- */

const folder = { name: "path", label: "Folder", placeholder: "/srv/store", help: "Empty: in the server's state folder." };
const remote = [
	{ name: "path", label: "Folder, for the type fs", placeholder: "/mnt/nas/store" },
	{ name: "bucket", label: "Bucket, for the type s3" }, { name: "endpoint", label: "Endpoint", placeholder: "https://s3.example.org", help: "Empty: Amazon's." },
	{ name: "region", label: "Region" }, { name: "prefix", label: "Prefix" },
	{ name: "access_key_id", label: "Access key", help: "Empty: looked for as Amazon's tools do." }, { name: "secret_access_key", label: "Secret key", type: "password", autocomplete: "new-password" },
	{ name: "force_path_style", label: "Bucket in the path, not in the host's name", type: "checkbox" },
	{ name: "encryption", label: "Encryption of its shares' contents", options: [["", "none, they may all the same"], ...ciphers.slice(1)] },
	{ name: "compression", label: "Compression of its shares' containers", options: [["", "none"], ...packings.slice(1)] },
	{ name: "encryption_key_file", label: "File of keys that wrap its shares' keys", placeholder: "/etc/dittofs/key", help: "On the server. Empty: that of the file of settings." },
];
const kinds = [
	{ title: "Metadata stores", one: "metadata store", path: "/store/metadata", types: ["leveldb", "memory"], fields: [folder], text: "Names, attributes, and where contents lie." },
	{ title: "Local block stores", one: "local block store", path: "/store/block/local", types: ["fs", "memory"], fields: [folder], text: "The log and the contents, on a disk of this machine." },
	{ title: "Remote block stores", one: "remote block store", path: "/store/block/remote", types: ["s3", "fs"], fields: remote, config: true, text: "Copies of the containers, in an object service or a folder of another machine." },
];
/* Only what that type has: the rest of the form was for the other one. */
const configOf = (type, { path, ...rest }) => type !== "fs" ? rest : { path, ...Object.fromEntries(sealing.filter((k) => rest[k] !== undefined).map((k) => [k, rest[k]])) };
const sealing = ["encryption", "compression", "encryption_key_file"];

async function stores(t) {
	const lists = await Promise.all(kinds.map((k) => t.list(k.path)));
	const add = (k) => t.dialog({ title: "New " + k.one, submit: "Add", fields: [{ name: "name", label: "Name", required: true },
		{ name: "type", label: "Type", options: k.types }, ...k.fields] }, ({ name, type, ...rest }) =>
		t.ask("POST", k.path, k.config ? { name, type, config: configOf(type, rest) } : { name, type, ...rest }));
	const check = (k, s) => button("Check", async () => {
		try {
			const h = await t.ask("GET", k.path + "/" + part(s.name) + "/health");
			t.tell(s.name + ": " + (h.healthy ? "healthy" : "unhealthy") + (h.details ? ", " + h.details : ""));
		} catch (e) {
			t.tell(s.name + ": " + e.message);
		}
	}, null, s.name);
	const figures = (s) => button("Figures", async () => {
		try {
			const f = await t.ask("GET", "/store/block/remote/" + part(s.name) + "/stats");
			t.tell(s.name + ": " + (f.open ? f.calls.filter((c) => c.count > 0).map((c) => count(c.count) + " " + c.call + (c.failures ? ", " + count(c.failures) + " failed" : "") +
				" (" + c.mean_ms + " ms)").join("; ") || "nothing was asked yet" : "no share that serves is on it"));
		} catch (e) {
			t.tell(s.name + ": " + e.message);
		}
	}, null, "of " + s.name);
	const place = (s) => s.path || (s.config && s.config.path) || (s.config && s.config.bucket ? s.config.bucket + (s.config.endpoint ? " at " + s.config.endpoint : "") : "default");
	return [head("Stores"), kinds.map((k, i) => named(k.title, button("Add", () => add(k), null, k.one), lists[i].length === 0 ? empty(k.text + " None yet.") :
		table(k.title, [["Name", (s) => el("b", {}, s.name)], ["Type", (s) => s.type], ["Place", place], ["Actions", (s) => [
			t.has(k.path + "/{name}/health") && check(k, s), k.config && t.has(k.path + "/{}/stats") && figures(s),
			button("Remove", () => sure(t, "Remove", s.name, "The name is forgotten. What the store holds stays.", k.path + "/" + part(s.name)), "bad", s.name)], "actions"]], lists[i])))];
}

/* --- adapters, netgroups, settings --- */

async function adapters(t) {
	const admin = t.session.user.role === "admin";
	const [list, groups, tuned] = await Promise.all([t.list("/adapters"), admin ? t.list("/adapters/nfs/netgroups") : [], tuning(t)]);
	const port = (a) => t.dialog({ title: "Port of " + a.type, submit: "Listen", fields: [
		{ name: "port", label: "Port", type: "number", value: a.port, min: 1, max: 65535, required: true } ] }, (v) => t.ask("PUT", "/adapters/" + a.type, v));
	const enable = () => t.act("Enable nfs", "POST", "/adapters", { type: "nfs", enabled: true });
	const group = () => t.dialog({ title: "New netgroup", submit: "Create", fields: [{ name: "name", label: "Name", required: true, help: "A share's rules call it @NAME." }] },
		(v) => t.ask("POST", "/adapters/nfs/netgroups", v));
	const join = (g) => t.dialog({ title: "Member of " + g.name, submit: "Add", fields: [{ name: "value", label: "Address or network", required: true, placeholder: "10.0.0.0/8" }] },
		(v) => t.ask("POST", "/adapters/nfs/netgroups/" + part(g.name) + "/members", { type: v.value.includes("/") ? "cidr" : "ip", value: v.value }));
	const leave = (g, of) => of.length > 0 && button("Take out", () => t.dialog({ title: "Take out of " + g.name, submit: "Take out", fields: [
		{ name: "member", label: "Address or network", options: of.map((m) => [m.id, m.value]) } ] }, (v) =>
		t.ask("DELETE", "/adapters/nfs/netgroups/" + part(g.name) + "/members/" + part(v.member))), null, "of " + g.name);
	return [head("Adapters", "What speaks a protocol to clients."), panel(list.length === 0 ?
		empty("No protocol is served yet.", admin && button("Enable NFS", enable, "main")) : table("Adapters", [
			["Protocol", (a) => el("b", {}, a.type)], ["Port", (a) => String(a.port), "num"], ["Enabled", (a) => yes(a.enabled)], ["Listens", (a) => yes(a.running)],
			["Actions", (a) => admin && [button("Port", () => port(a), null, "of " + a.type),
				button(a.enabled ? "Disable" : "Enable", () => t.act((a.enabled ? "Disable " : "Enable ") + a.type, "PUT", "/adapters/" + a.type, { enabled: !a.enabled }), null, a.type)], "actions"],
		], list)), admin && named("Netgroups", button("New netgroup", group), groups.length === 0 ? empty("Lists of hosts that the rules of shares may name. None yet.") :
		table("Netgroups", [["Name", (g) => el("b", {}, "@" + g.name)], ["Members", (g) => (g.members || []).map((m) => m.value).join(", ") || "–"],
			["Actions", (g) => [button("Add member", () => join(g), null, "to " + g.name), leave(g, g.members || []),
				button("Remove", () => sure(t, "Remove", g.name, null, "/adapters/nfs/netgroups/" + part(g.name)), "bad", g.name)], "actions"]], groups)), tuned];
}

/* Settings of the NFS adapter: numbers, flags and lists, each with its range and what it is for. */
async function tuning(t) {
	const path = "/adapters/nfs/settings";
	if (t.session.user.role !== "admin" || !t.has(path + "/defaults") && !t.has("/adapters/{}/settings/defaults"))
		return null;
	const [now, { defaults, ranges }] = await Promise.all([t.ask("GET", path), t.ask("GET", path + "/defaults")]);
	const words = (v) => Array.isArray(v) ? v.join(", ") || "none" : typeof v === "number" ? count(v) : String(v);
	const wish = (k) => typeof defaults[k] === "boolean" ? { type: "checkbox", value: now[k] } : typeof defaults[k] === "number" ?
		{ type: "number", value: now[k], min: ranges[k].min, max: ranges[k].max, required: true } : { value: (now[k] || []).join(" "), empty: true };
	const set = (k) => t.dialog({ title: k, text: ranges[k].help, submit: "Set", fields: [{ name: "value", label: "Value", ...wish(k) }] }, (v) =>
		t.ask("PATCH", path, { [k]: Array.isArray(defaults[k]) ? v.value.split(/[ ,]+/).filter(Boolean) : v.value }));
	return named("Settings of NFS", null, table("Settings of NFS", [["Name", (k) => [el("b", {}, k), el("small", {}, [ranges[k].help, ranges[k].why_fixed].filter(Boolean).join("; "))]],
		["Value", (k) => words(now[k]), "short"], ["Default", (k) => words(defaults[k]), "short"],
		["Range", (k) => ranges[k].min == null ? "–" : count(ranges[k].min) + " to " + count(ranges[k].max), "short"],
		["Actions", (k) => ranges[k].live && button("Set", () => set(k), null, k), "actions"],
	], Object.keys(defaults)));
}

async function settings(t) {
	const got = await t.ask("GET", "/settings");
	const list = Array.isArray(got) ? got : got.settings || [];
	const set = (s) => t.dialog({ title: s.key, submit: "Set", fields: [s.words ? { name: "value", label: "Value", options: s.words.split("|"), value: s.value } :
		{ name: "value", label: "Value", value: s.value, required: true }] }, (v) => t.ask("PUT", "/settings/" + part(s.key), v));
	return [head("Settings", "What can be set while the server runs. The rest is in its file of settings."), panel(table("Settings", [
		["Name", (s) => el("b", {}, s.key)], ["Value", (s) => s.value], ["Default", (s) => s.default],
		["Actions", (s) => [button("Set", () => set(s), null, s.key), s.value !== s.default &&
			button("Reset", () => t.act("Reset " + s.key, "DELETE", "/settings/" + part(s.key)), null, s.key)], "actions"]], list))];
}

async function audit(t) {
	const rows = [], body = el("div");
	const more = async () => {
		const got = await t.ask("GET", "/audit?limit=50" + (rows.length ? "&before=" + rows.at(-1).id : ""));
		rows.push(...got);
		body.replaceChildren(rows.length ? table("Audit trail", [["When", (a) => ago(a.at), "short"], ["Who", (a) => el("b", {}, a.actor)], ["From", (a) => a.address],
			["What", (a) => a.action], ["On", (a) => a.target || "–"], ["Answer", (a) => String(a.status), "num"]], rows) : empty("Nothing has been changed yet."),
		got.length === 50 ? el("p", {}, button("Older ones", more, null, "of the trail")) : "");
	};
	await more();
	return [head("Audit trail", "Every change made through the control plane, the newest first."), panel(body)];
}

/* who: the least role beside admin; needs: a path without which the page is not shown. */
export const pages = [
	{ word: "overview", title: "Overview", who: "operator", make: overview },
	{ word: "shares", title: "Shares", who: "admin", make: shares },
	{ word: "contents", title: "Contents", who: "admin", make: contents, needs: "/shares/{}/blockstore/stats" },
	{ word: "permissions", title: "Permissions", who: "admin", make: permissions },
	{ word: "users", title: "Users", who: "admin", make: users },
	{ word: "stores", title: "Stores", who: "admin", make: stores },
	{ word: "adapters", title: "Adapters", who: "operator", make: adapters },
	{ word: "clients", title: "Clients", who: "admin", make: clients, needs: "/clients" },
	{ word: "settings", title: "Settings", who: "admin", make: settings },
	{ word: "audit", title: "Audit", who: "admin", make: audit },
];
