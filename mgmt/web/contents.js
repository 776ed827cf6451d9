/*
 * What lies behind each share: what is here, what is under way to its remote store and back, its
 * keys, and the work that looks after all that.  Figures move; buttons begin and end that work.
 */
import { age, button, bytes, count, el, empty, renew, state, table } from "./parts.js";

const part = (name) => encodeURIComponent(name.replace(/^\//, ""));
const of = (n, all) => count(n) + " of " + count(all);
const some = (n, word) => n > 0 && count(n) + " " + word;
const list = (...words) => words.filter(Boolean).join(", ");
const since = (seconds) => seconds > 0 ? age(Date.now() / 1000 - seconds) + " ago" : "";

/* Rows: [what, how it stands, figures, buttons]; a row without a way to it is not there. */
function rows(t, s, b, scrub, compact, warm) {
	const path = "/shares/" + part(s.name), at = path + "/blockstore";
	const begin = (word, method, where, body) => button(word, () => t.act(word + " " + s.name, method, where, body), null, s.name);
	const sealed = b.keys > 0;
	return [
		["Data", b.unsynced_bytes > 0 ? "being packed" : "packed", list(bytes(b.unsynced_bytes) + " not packed yet",
			b.packed_bytes > 0 && bytes(b.packed_bytes) + " packed into " + bytes(b.stored_bytes) + " since it was opened",
			b.known_bytes > 0 && bytes(b.known_bytes) + " known already"), []],
		["Quota", s.quota_bytes && s.quota_bytes !== "0" ? "of " + s.quota_bytes : "none", bytes(s.used_bytes) + " in " + count(s.files) + " files", []],
		["Containers here", "", list(bytes(b.local_whole_bytes) + " whole", b.local_part_bytes > 0 && bytes(b.local_part_bytes) + " in part",
			some(b.evicted, "evicted since it was opened")), [b.has_remote && begin("Evict", "POST", at + "/evict")]],
		b.has_remote && ["Uploads", b.remote_healthy ? state(b.drained ? "drained" : "under way") : state("unreachable"),
			list(b.drained ? "the remote store has all" : of(b.running_uploads, b.pending_uploads) + " containers on their way, " + bytes(b.pending_bytes) + " to go",
				bytes(b.completed_bytes) + " arrived since it was opened", !b.remote_healthy && "for " + age(b.outage_duration_seconds), b.last_error), []],
		warm && ["Warming", warm.state, list(warm.state !== "none" && of(warm.blocks_done, warm.blocks_total) + " containers of " + warm.path,
			warm.bytes_done > 0 && bytes(warm.bytes_done), some(warm.blocks_damaged, "damaged"), warm.error || warm.warning),
		[warm.state === "running" ? begin("Give up", "DELETE", at + "/warm") : begin("Warm", "POST", at + "/warm")]],
		sealed && ["Keys", count(b.keys), b.has_remote ? of(b.keys_in_remote, b.keys) + " in the remote store, as they are wrapped now" : "here alone",
			[t.has("/shares/{}/rotate-containers") && begin("Write anew", "POST", path + "/rotate-containers")]],
		compact && ["Compaction", compact.state === "idle" ? "idle" : compact.state + ", " + compact.percent + " %",
			list(some(compact.containers_emptied, "emptied"), some(compact.containers_left, "left"), some(compact.containers_damaged, "damaged"),
				compact.written_bytes > 0 && bytes(compact.written_bytes) + " written", compact.waits_for && "waits for " + compact.waits_for),
			[compact.state === "idle" && begin("Compact", "POST", at + "/compact")]],
		scrub && ["Scrub", scrub.local_damaged + scrub.remote_damaged + scrub.rows_damaged + scrub.chunks_lost > 0 ? state("damage found") : scrub.state,
			list(scrub.state !== "never" && of(scrub.containers, scrub.containers_total) + " containers" + (scrub.remote ? ", the remote store's too" : ""),
				some(scrub.local_damaged, "damaged here"), some(scrub.local_healed, "healed"), some(scrub.remote_damaged, "damaged there"), some(scrub.remote_put, "put anew"), some(scrub.remote_refused, "not to be replaced there"),
				some(scrub.rows_damaged, "rows damaged"), some(scrub.chunks_lost, "chunks lost"), since(scrub.ended_at), scrub.error),
			[scrub.state === "running" || scrub.state === "waiting" ? begin("Stop", "DELETE", at + "/scrub") : begin("Scrub", "POST", at + "/scrub", {})]],
	].filter(Boolean);
}

const columns = [["What", (r) => el("b", {}, r[0])], ["State", (r) => r[1], "short"], ["Figures", (r) => r[2] || "–"], ["Actions", (r) => r[3], "actions"]];

export async function contents(t) {
	const body = el("div");
	/* What a share has no part of (a remote store), or does not say at the moment, is not there. */
	const maybe = (path) => t.ask("GET", path).catch(() => null);
	const look = async (s) => {
		const at = "/shares/" + part(s.name) + "/blockstore/", b = await maybe(at + "stats");
		return b && [s, b, ...await Promise.all([maybe(at + "scrub"), maybe(at + "compaction"), b.has_remote ? maybe(at + "warm") : null])];
	};
	await t.often(3000, async () => {
		const shares = await t.list("/shares");
		const all = (await Promise.all(shares.filter((s) => s.enabled !== false).map(look))).filter(Boolean);
		renew(body, all.length === 0 ? el("div", { class: "panel" }, empty("What lies behind a share is shown while it serves. None does.", el("a", { href: "#shares" }, "Go to Shares"))) :
			all.map((one) => el("section", {}, el("div", { class: "bar" }, el("h2", {}, one[0].name)),
				el("div", { class: "panel" }, table("Contents of " + one[0].name, columns, rows(t, ...one))))));
	});
	return [el("div", { class: "bar" }, el("h1", {}, "Contents")),
		el("p", { class: "quiet" }, "Where the shares' data is: on this machine, in their remote stores, or on its way."), body];
}
