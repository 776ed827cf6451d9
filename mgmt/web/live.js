/*
 * What moves: throughput, stage queues, shares' disks, all from the daemon's own figures.
 */
import { age, ago, button, bytes, count, el, empty, keep, line, renew, state, table } from "./parts.js";

/* Prometheus text: name → [{labels, value}] */
function parse(text) {
	const all = {};
	for (const one of text.split("\n")) {
		const m = /^([a-z_]+)(?:\{([^}]*)\})? ([-0-9.e+]+)$/i.exec(one);
		if (m)
			(all[m[1]] = all[m[1]] || []).push({ labels: m[2] || "", value: Number(m[3]) });
	}
	return all;
}

const label = (labels) => (/"([^"]*)"/.exec(labels) || [])[1] || labels;

/* Two readings of the figures, and what happened a second between them. */
class Figures {
	async step(ask) {
		this.before = this.now;
		this.now = { at: performance.now(), all: parse(await ask("GET", "/system/metrics")) };
		this.seconds = this.before ? (this.now.at - this.before.at) / 1000 : 0;
	}
	of(name, labels, when = this.now) {
		return ((when && when.all[name]) || []).filter((m) => labels == null || m.labels === labels).reduce((n, m) => n + m.value, 0);
	}
	rate(name, labels) {
		return this.seconds > 0 ? Math.max(0, this.of(name, labels) - this.of(name, labels, this.before)) / this.seconds : 0;
	}
}

const cards = [
	["Read by clients", (f) => f.rate("dittofs_net_sent_bytes_total"), (v) => bytes(v) + "/s"],
	["Written by clients", (f) => f.rate("dittofs_net_received_bytes_total"), (v) => bytes(v) + "/s"],
	["Requests", (f) => f.rate("dittofs_stage_jobs_total", 'stage="VFS"'), (v) => count(v) + "/s"],
	["Syncs of the log", (f) => f.rate("dittofs_journal_syncs_total"), (v) => count(v) + "/s"],
	["Processor, of one core", (f) => f.rate("dittofs_cpu_microseconds_total") / 1e4, (v) => v.toFixed(0) + " %"],
];

function stageRows(f) {
	return (f.now.all.dittofs_stage_depth || []).map((d) => {
		const jobs = f.rate("dittofs_stage_jobs_total", d.labels), queued = f.rate("dittofs_stage_queued_total", d.labels);
		return { name: label(d.labels), depth: d.value, jobs, queued,
			service: jobs > 0 ? f.rate("dittofs_stage_service_nanoseconds_total", d.labels) / jobs / 1000 : null,
			wait: queued > 0 ? f.rate("dittofs_stage_wait_nanoseconds_total", d.labels) / queued / 1000 : null };
	});
}

const micros = (v) => v == null ? "–" : v.toFixed(1) + " µs";

const stageColumns = [["Stage", (s) => el("b", {}, s.name.toLowerCase())],
	["In its queue now", (s) => String(s.depth), "num"], ["Jobs", (s) => count(s.jobs) + "/s", "num"],
	["Queued", (s) => count(s.queued) + "/s", "num"], ["Work a job", (s) => micros(s.service), "num"],
	["Wait a queued job", (s) => micros(s.wait), "num"]];

const unpacked = (m) => m.limit > 0 ?
	el("meter", { min: 0, max: m.limit, value: m.dirty, high: m.limit * 0.8, "aria-label": "unpacked data of " + m.name }) : null;

const diskColumns = [["Share", (s) => el("b", {}, s.name)],
	["Not packed yet", (s) => [unpacked(s), " ", bytes(s.dirty)], "num"], ["Log", (s) => bytes(s.journal), "num"],
	["Contents", (s) => bytes(s.used), "num"], ["Free on its disk", (s) => bytes(s.free), "num"]];

function diskRows(f) {
	return (f.now.all.dittofs_share_journal_bytes || []).map(({ labels }) => ({ name: label(labels),
		dirty: f.of("dittofs_share_dirty_bytes", labels), limit: f.of("dittofs_share_dirty_limit_bytes", labels),
		journal: f.of("dittofs_share_journal_bytes", labels), used: f.of("dittofs_store_used_bytes", labels),
		free: f.of("dittofs_share_disk_free_bytes", labels) }));
}

const part = (title, text, node) => el("section", {}, el("div", { class: "bar" }, el("h2", {}, title)),
	text && el("p", { class: "quiet" }, text), node);

/* Health needs no log-in and answers 503 with the same body when something is unwell. */
async function health() {
	try {
		const r = await fetch("/health/ready");
		return await r.json();
	} catch {
		return null;
	}
}

/* Kept while other pages are shown: who comes back finds the line where it was. */
const f = new Figures(), past = cards.map(() => []);

export async function overview({ ask, often }) {
	const top = el("div", { class: "cards" }), queues = el("div", { class: "panel" }), disks = el("div", { class: "panel" });
	const about = el("p", { class: "quiet" });
	const step = async () => {
		const well = await health();
		if (!well)
			about.replaceChildren(state("unreachable"));
		await f.step(ask);
		const d = (well && well.data) || {};
		const unwell = d.shares_unhealthy ? d.shares_unhealthy + " of " + d.shares + " shares unhealthy; see Shares" : "";
		about.replaceChildren(state(well ? well.status : "unreachable"), " · ", count(d.shares || 0), d.shares === 1 ? " share" : " shares",
			unwell && [" (", unwell, ")"], " · ", String(f.of("dittofs_net_connections")), " connections · up ", age(d.uptime_sec || 0));
		top.replaceChildren(...cards.map(([title, read, words], i) => {
			const v = read(f);
			if (f.before)
				keep(past[i], v);
			return el("div", { class: "card" }, el("h2", {}, title), el("b", {}, f.before ? words(v) : "…"), line(past[i], words));
		}));
		queues.replaceChildren(table("Stages", stageColumns, stageRows(f)));
		const shares = diskRows(f);
		disks.replaceChildren(shares.length ? table("Shares on disk", diskColumns, shares) :
			empty("No share is open."));
	};
	await often(2000, step);
	return [el("h1", {}, "Overview"), about, top,
		part("Stage queues", "A request goes down these stages. A queue that stays long is where it waits.", queues),
		part("Shares on disk", null, disks)];
}

const version = (c) => [c.protocol, c.nfs && c.nfs.version].filter(Boolean).join(" ");
const identity = (c) => c.user || (c.nfs && c.nfs.uid != null ? "uid " + c.nfs.uid : "–");

export async function clients({ ask, often, dialog }) {
	const panel = el("div", { class: "panel" });
	const end = (c) => dialog({ title: "Disconnect " + c.address + "?", submit: "Disconnect", kind: "bad", done: "Disconnect " + c.address,
		text: "Its connections end. What it had sent and was not answered, it sends again; it may come back at once." },
	() => ask("DELETE", "/clients/" + encodeURIComponent(c.client_id)));
	await often(3000, async () => {
		const rows = await ask("GET", "/clients");
		renew(panel, rows.length ? table("Clients", [
			["Address", (c) => el("b", {}, c.address)], ["Protocol", version], ["Shares", (c) => (c.shares || []).join(", ") || "–"],
			["User", identity], ["Connections", (c) => count(c.connections ?? 1), "num"], ["Requests", (c) => count(c.requests ?? 0), "num"],
			["Connected", (c) => ago(c.connected_at), "short"], ["Last seen", (c) => ago(c.last_activity), "short"],
			["Actions", (c) => button("Disconnect", () => end(c), "bad", c.address), "actions"],
		], rows) : empty("No client is connected."));
	});
	return [el("div", { class: "bar" }, el("h1", {}, "Clients")), el("p", { class: "quiet" }, "Who uses this server now, and as whom it last came."),
		el("section", {}, panel)];
}
