/*
 * What the daemon counts, as text.
 */
#include "mgmt/metrics/metrics.h"

#include "backends/block/call.h"
#include "mgmt/shares/down.h"
#include "mgmt/shares/stores.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/meter.h"
#include "pipeline/block/block.h"
#include "pipeline/stage/stage.h"
#include "pipeline/sync/sync.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static void
head(struct text *out, const char *name, const char *kind, const char *help)
{
	text_addf(out, "# HELP dittofs_%s %s\n# TYPE dittofs_%s %s\n", name, help, name, kind);
}

static void
meters(struct text *out)
{
	for (int m = 0; m < METER_COUNT; m++) {
		head(out, meter_name(m), meter_kind(m), meter_help(m));
		text_addf(out, "dittofs_%s %" PRId64 "\n", meter_name(m), meter_value(m));
	}
}

/* One row a figure of a stage. */
static const struct {
	const char *name, *kind, *help;
	size_t at;
} stage_rows[] = {
	{ "stage_jobs_total", "counter", "Jobs that came to a stage.",
	    offsetof(struct stage_gauge, in) },
	{ "stage_bypassed_total", "counter", "Jobs that a stage ran at once, without its queue.",
	    offsetof(struct stage_gauge, bypassed) },
	{ "stage_queued_total", "counter", "Jobs that waited in a stage's queue.",
	    offsetof(struct stage_gauge, queued) },
	{ "stage_pooled_total", "counter", "Jobs that a stage's pool ran.",
	    offsetof(struct stage_gauge, pooled) },
	{ "stage_parked_total", "counter", "Times a job left its thread to wait.",
	    offsetof(struct stage_gauge, parked) },
	{ "stage_service_nanoseconds_total", "counter", "Time spent in a stage.",
	    offsetof(struct stage_gauge, service_ns) },
	{ "stage_wait_nanoseconds_total", "counter", "Time spent in a stage's queue.",
	    offsetof(struct stage_gauge, wait_ns) },
	{ "stage_depth", "gauge", "Jobs in a stage's queue now.",
	    offsetof(struct stage_gauge, depth) },
};

static void
stages(struct text *out)
{
	struct stage_gauge g[FLOOR_COUNT];

	for (int f = 0; f < FLOOR_COUNT; f++)
		stage_gauge_read((enum floor)f, &g[f]);
	for (size_t r = 0; r < ARRAY_LEN(stage_rows); r++) {
		head(out, stage_rows[r].name, stage_rows[r].kind, stage_rows[r].help);
		for (int f = 0; f < FLOOR_COUNT; f++)
			text_addf(out, "dittofs_%s{stage=\"%s\"} %" PRIu64 "\n", stage_rows[r].name,
			    stage_name((enum floor)f),
			    *(const uint64_t *)(const void *)((const char *)&g[f] +
				stage_rows[r].at));
	}
}

static const struct {
	const char *name, *help;
	size_t at;
} usage_rows[] = {
	{ "share_journal_bytes", "Bytes of journal segments.",
	    offsetof(struct block_usage, journal_bytes) },
	{ "share_dirty_bytes", "Bytes of data that only the journal holds.",
	    offsetof(struct block_usage, dirty_bytes) },
	{ "share_unapplied_bytes", "Bytes of records that the store does not hold yet.",
	    offsetof(struct block_usage, unapplied_bytes) },
	{ "share_dirty_limit_bytes", "Where writers are slowed.",
	    offsetof(struct block_usage, cap_bytes) },
	{ "share_disk_free_bytes", "Free bytes of its disk, less the reserve.",
	    offsetof(struct block_usage, disk_free) },
};

struct share_page {
	struct text *out;
	size_t row;
};

static void
share_usage(struct share *s, void *arg)
{
	const struct share_page *p = arg;
	struct block_usage u;

	block_usage_read(s, &u);
	text_addf(p->out, "dittofs_%s{share=\"%s\"} %" PRIu64 "\n", usage_rows[p->row].name,
	    s->conf.name,
	    *(const uint64_t *)(const void *)((const char *)&u + usage_rows[p->row].at));
}

static void
share_used(struct share *s, void *arg)
{
	text_addf(arg, "dittofs_store_used_bytes{share=\"%s\"} %" PRIu64 "\n", s->conf.name,
	    atomic_load(&s->used_bytes));
}

static void
share_files(struct share *s, void *arg)
{
	text_addf(arg, "dittofs_store_files{share=\"%s\"} %" PRIu64 "\n", s->conf.name,
	    atomic_load(&s->used_inodes));
}

static void
share_quota(struct share *s, void *arg)
{
	text_addf(arg, "dittofs_store_quota_bytes{share=\"%s\"} %" PRIu64 "\n", s->conf.name,
	    atomic_load(&s->now.quota_bytes));
}

/* --- remote stores --- */

static const char *const call_words[BLOCK_KINDS] = { [BLOCK_PUT] = "put", [BLOCK_GET] = "get",
	[BLOCK_HEAD] = "head", [BLOCK_DEL] = "delete", [BLOCK_WALK] = "list" };

/* One row a figure of a kind of calls. */
static const struct {
	const char *name, *help;
	size_t at;
} call_rows[] = {
	{ "remote_calls_total", "Calls to a remote store that have ended.",
	    offsetof(struct block_gauge, calls) },
	{ "remote_call_failures_total", "Of them, those that failed after all attempts.",
	    offsetof(struct block_gauge, failed) },
	{ "remote_call_bytes_total", "Bytes put into a remote store, or got from it.",
	    offsetof(struct block_gauge, bytes) },
};

struct store_page {
	struct text *out;
	size_t row;
};

static void
store_calls(const struct stores_seen *s, void *arg)
{
	const struct store_page *p = arg;
	const _Atomic uint64_t *v = (const void *)((const char *)s->gauge + call_rows[p->row].at);

	for (int k = 0; k < BLOCK_KINDS; k++)
		text_addf(p->out, "dittofs_%s{store=\"%s\",call=\"%s\"} %" PRIu64 "\n",
		    call_rows[p->row].name, s->name, call_words[k], v[k]);
}

/* A histogram as Prometheus has it: slots hold what is in those before them, too. */
static void
store_times(const struct stores_seen *s, void *arg)
{
	static const char name[] = "dittofs_remote_call_seconds";
	struct text *out = arg;

	for (int k = 0; k < BLOCK_KINDS; k++) {
		uint64_t sum = 0, ns = s->gauge->ns[k];

		for (int i = 0; i < BLOCK_GAUGE_SLOTS; i++) {
			sum += s->gauge->slot[k][i];
			if (i < BLOCK_GAUGE_SLOTS - 1)
				text_addf(out,
				    "%s_bucket{store=\"%s\",call=\"%s\",le=\"%u.%03u\"} %" PRIu64
				    "\n",
				    name, s->name, call_words[k], block_gauge_ms[i] / 1000,
				    block_gauge_ms[i] % 1000, sum);
		}
		text_addf(out,
		    "%s_bucket{store=\"%s\",call=\"%s\",le=\"+Inf\"} %" PRIu64 "\n"
		    "%s_sum{store=\"%s\",call=\"%s\"} %" PRIu64 ".%09" PRIu64 "\n"
		    "%s_count{store=\"%s\",call=\"%s\"} %" PRIu64 "\n",
		    name, s->name, call_words[k], sum, name, s->name, call_words[k],
		    (uint64_t)(ns / NS_PER_S), (uint64_t)(ns % NS_PER_S), name, s->name,
		    call_words[k], sum);
	}
}

static void
store_again(const struct stores_seen *s, void *arg)
{
	text_addf(arg, "dittofs_remote_call_retries_total{store=\"%s\"} %" PRIu64 "\n", s->name,
	    s->gauge->again);
}

static void
store_running(const struct stores_seen *s, void *arg)
{
	text_addf(arg, "dittofs_remote_calls_running{store=\"%s\"} %" PRIu64 "\n", s->name,
	    s->gauge->running);
}

static void
stores(struct text *out)
{
	for (size_t r = 0; r < ARRAY_LEN(call_rows); r++) {
		struct store_page p = { out, r };

		head(out, call_rows[r].name, "counter", call_rows[r].help);
		stores_each(store_calls, &p);
	}
	head(out, "remote_call_seconds", "histogram",
	    "How long calls to a remote store took, attempts and waiting together.");
	stores_each(store_times, out);
	head(out, "remote_call_retries_total", "counter", "Attempts beyond the first of a call.");
	stores_each(store_again, out);
	head(out, "remote_calls_running", "gauge", "Calls to a remote store begun and not ended.");
	stores_each(store_running, out);
}

/* --- what shares have there --- */

static const struct {
	const char *name, *kind, *help;
	size_t at, size;
	bool always;			/* also of a share without a remote store */
} blocks_rows[] = {
#define BLOCKS(name, kind, field, always, help) { name, kind, help, \
	offsetof(struct sync_remote, field), sizeof ((struct sync_remote *)NULL)->field, always },
	BLOCKS( "share_drained", "gauge", drained, true,
	    "1: the journal holds no data, and a remote store has all containers." )
	BLOCKS( "share_local_bytes", "gauge", local_bytes, true,
	    "Bytes of containers that are here whole." )
	BLOCKS( "share_local_part_bytes", "gauge", part_bytes, false,
	    "Bytes of containers that are here in part." )
	BLOCKS( "share_packed_bytes_total", "counter", packed_bytes, true,
	    "Bytes of chunks put into containers, since it was opened." )
	BLOCKS( "share_stored_bytes_total", "counter", stored_bytes, true,
	    "Bytes that these containers take." )
	BLOCKS( "share_known_bytes_total", "counter", known_bytes, true,
	    "Bytes of chunks that were there already." )
	BLOCKS( "share_keys", "gauge", keys, true, "Versions of its key; 0: it does not encrypt." )
	BLOCKS( "share_keys_in_remote", "gauge", keys_remote, false,
	    "Of them, those that the remote store has as they are wrapped now." )
	BLOCKS( "share_pending_containers", "gauge", pending, false,
	    "Containers that the remote store has not yet." )
	BLOCKS( "share_pending_bytes", "gauge", pending_bytes, false, "Bytes of them." )
	BLOCKS( "share_uploads_running", "gauge", running, false, "Uploads on their way." )
	BLOCKS( "share_uploaded_bytes_total", "counter", uploaded_bytes, false,
	    "Bytes that have arrived, since it was opened." )
	BLOCKS( "share_evicted_containers_total", "counter", evicted, false,
	    "Local containers dropped, since it was opened." )
	BLOCKS( "share_remote_away", "gauge", away, false,
	    "1: the last call to its remote store failed." )
	BLOCKS( "share_remote_away_milliseconds", "gauge", away_ms, false, "For how long, by now." )
#undef BLOCKS
};

struct looks {				/* of all shares, each looked at once */
	struct look { char share[SHARE_NAME_MAX + 1]; struct sync_remote r; } *v;
	size_t n, cap;
};

static void
share_blocks(struct share *s, void *arg)
{
	struct looks *l = arg;

	if (atomic_load(&s->state) != SHARE_OPEN || s->sync == NULL)
		return;
	if (l->n == l->cap) {
		l->cap = MAX((size_t)16, l->cap * 2);
		l->v = xrealloc(l->v, l->cap * sizeof *l->v);
	}
	memcpy(l->v[l->n].share, s->conf.name, sizeof l->v[l->n].share);
	sync_remote_look(s, &l->v[l->n++].r);
}

static void
blocks(struct text *out)
{
	struct looks l = { .n = 0 };

	registry_each(share_blocks, &l);
	for (size_t r = 0; r < ARRAY_LEN(blocks_rows); r++) {
		head(out, blocks_rows[r].name, blocks_rows[r].kind, blocks_rows[r].help);
		for (size_t i = 0; i < l.n; i++) {
			const char *from = (const char *)&l.v[i].r + blocks_rows[r].at;
			uint64_t n = 0;

			if (!l.v[i].r.has && !blocks_rows[r].always)
				continue;
			/* Little-endian, as all we run on is. */
			memcpy(&n, from, blocks_rows[r].size);
			text_addf(out, "dittofs_%s{share=\"%s\"} %" PRIu64 "\n",
			    blocks_rows[r].name, l.v[i].share, n);
		}
	}
	free(l.v);
}

void
metrics_write(struct text *out)
{
	struct rusage ru;

	meters(out);
	stages(out);
	for (size_t r = 0; r < ARRAY_LEN(usage_rows); r++) {
		struct share_page p = { out, r };

		head(out, usage_rows[r].name, "gauge", usage_rows[r].help);
		registry_each(share_usage, &p);
	}
	head(out, "store_used_bytes", "gauge", "Bytes that the files of a share take.");
	registry_each(share_used, out);
	blocks(out);
	stores(out);
	head(out, "store_files", "gauge", "Files, directories and the like of a share.");
	registry_each(share_files, out);
	head(out, "store_quota_bytes", "gauge",
	    "What the files of a share may take; 0: no end but the disk's.");
	registry_each(share_quota, out);
	getrusage(RUSAGE_SELF, &ru);
	head(out, "cpu_microseconds_total", "counter", "CPU time of the whole process.");
	text_addf(out, "dittofs_cpu_microseconds_total %lld\n",
	    (ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000ll + ru.ru_utime.tv_usec +
	    ru.ru_stime.tv_usec);
}

/* Between quotes as JSON wants it. */
static void
add_json(struct text *t, const char *s)
{
	text_add(t, "\"");
	for (; *s != '\0'; s++)
		if (*s == '"' || *s == '\\')
			text_addf(t, "\\%c", *s);
		else if ((unsigned char)*s < 0x20)
			text_addf(t, "\\u%04x", (unsigned char)*s);
		else
			text_addn(t, s, 1);
	text_add(t, "\"");
}

struct health {
	struct text *out;
	uint32_t shares, sick;
};

static void
share_health(struct share *s, void *arg)
{
	struct health *h = arg;
	bool well = block_state(s) == OK;

	text_addf(h->out, "%s{\"name\":", h->shares++ ? "," : "");
	add_json(h->out, s->conf.name);
	text_addf(h->out, ",\"state\":\"%s\"}", well ? "ok" : "journal failed, restart the share");
	h->sick += !well;
}

static void
share_down(const char *name, const char *why, void *arg)
{
	struct health *h = arg;

	text_addf(h->out, "%s{\"name\":", h->shares++ ? "," : "");
	add_json(h->out, name);
	text_add(h->out, ",\"state\":\"down\",\"why\":");
	add_json(h->out, why);
	text_add(h->out, "}");
	h->sick++;
}

bool
health_write(struct text *out)
{
	struct health h = { out, 0, 0 };

	text_add(out, "{\"shares\":[");
	registry_each(share_health, &h);
	shares_down_each(share_down, &h);
	text_addf(out, "],\"status\":\"%s\"}\n", h.sick == 0 ? "healthy" : "unhealthy");
	return h.sick == 0;
}
