/*
 * What the daemon counts, as text.
 */
#include "mgmt/metrics/metrics.h"

#include "mgmt/shares/down.h"
#include "pipeline/base/meter.h"
#include "pipeline/block/block.h"
#include "pipeline/stage/stage.h"

#include <inttypes.h>
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
	{ "stage_jobs_total", "counter", "Jobs that came to a stage.", offsetof(struct stage_gauge, in) },
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
	{ "stage_depth", "gauge", "Jobs in a stage's queue now.", offsetof(struct stage_gauge, depth) },
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
			    *(const uint64_t *)(const void *)((const char *)&g[f] + stage_rows[r].at));
	}
}

static const struct {
	const char *name, *help;
	size_t at;
} usage_rows[] = {
	{ "share_journal_bytes", "Bytes of journal segments.", offsetof(struct block_usage, journal_bytes) },
	{ "share_dirty_bytes", "Bytes of data that only the journal holds.",
	    offsetof(struct block_usage, dirty_bytes) },
	{ "share_unapplied_bytes", "Bytes of records that the store does not hold yet.",
	    offsetof(struct block_usage, unapplied_bytes) },
	{ "share_dirty_limit_bytes", "Where writers are slowed.", offsetof(struct block_usage, cap_bytes) },
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
	head(out, "store_files", "gauge", "Files, directories and the like of a share.");
	registry_each(share_files, out);
	head(out, "store_quota_bytes", "gauge", "What the files of a share may take; 0: no end but the disk's.");
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
