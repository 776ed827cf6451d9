/*
 * dfsctl top: what the server does a second, from two readings of its figures.
 */
#include "mgmt/ctl/ctl.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FIGURES_MAX = 2048, NAME_MAX_BYTES = 120, INTERVAL_MAX_S = 3600 };

struct figures {
	uint64_t at_ns;
	size_t n;
	struct { char name[NAME_MAX_BYTES]; double value; } row[FIGURES_MAX];
};

/* One line each, "dittofs_name{label} value"; comments are left out. */
static void
read_page(const char *page, struct figures *f)
{
	f->n = 0;
	f->at_ns = clock_mono_ns();
	while (*page != '\0' && f->n < FIGURES_MAX) {
		size_t len = strcspn(page, "\n"), name = 0;

		while (name < len && (page[name] != ' ' || memchr(page, '}', name) == NULL) &&
		    (page[name] != ' ' || memchr(page, '{', name) != NULL))
			name++;
		if (*page != '#' && name < len && name < NAME_MAX_BYTES) {
			memcpy(f->row[f->n].name, page, name);
			f->row[f->n].name[name] = '\0';
			f->row[f->n++].value = strtod(page + name, NULL);
		}
		page += len + (page[len] == '\n');
	}
}

static double
value(const struct figures *f, const char *name)
{
	static const char ours[] = "dittofs_";
	const size_t len = sizeof ours - 1;

	for (size_t i = 0; i < f->n; i++)
		if (strncmp(f->row[i].name, ours, len) == 0 &&
		    strcmp(f->row[i].name + len, name) == 0)
			return f->row[i].value;
	return 0;
}

/* How much it has grown a second. */
static double
rate(const struct figures *was, const struct figures *now, const char *name)
{
	double s = (double)(now->at_ns - was->at_ns) / (double)NS_PER_S;
	double grown = value(now, name) - value(was, name);

	return s > 0 && grown > 0 ? grown / s : 0;
}

static void
print_rates(const struct figures *was, const struct figures *now)
{
	static const struct { const char *name, *text; double per; } rows[] = {
		{ "stage_jobs_total{stage=\"decode\"}", "requests/s", 1 },
		{ "net_received_bytes_total", "received MB/s", 1e6 },
		{ "net_sent_bytes_total", "sent MB/s", 1e6 },
		{ "journal_entries_total", "changes/s", 1 },
		{ "journal_bytes_total", "journal MB/s", 1e6 },
		{ "journal_syncs_total", "syncs/s", 1 },
		{ "cpu_microseconds_total", "CPU %", 1e4 },
	};

	printf("connections %.0f", value(now, "net_connections"));
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		printf("   %s %.*f", rows[i].text, rows[i].per > 1 ? 1 : 0,
		    rate(was, now, rows[i].name) / rows[i].per);
	putchar('\n');
}

static double
of_stage(const struct figures *was, const struct figures *now, const char *what, const char *stage)
{
	char name[NAME_MAX_BYTES];

	snprintf(name, sizeof name, "stage_%s{stage=\"%s\"}", what, stage);
	return was != NULL ? rate(was, now, name) : value(now, name);
}

static void
print_stages(const struct figures *was, const struct figures *now)
{
	static const char *const stages[] = { "net", "decode", "auth", "vfs", "cache", "block",
		"sync" };

	printf("%-8s %10s %9s %9s %9s %7s %12s %12s\n", "STAGE", "JOBS/s", "QUEUED/s", "POOLED/s",
	    "PARKED/s", "DEPTH", "SERVICE us", "WAIT us");
	for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
		const char *s = stages[i];
		double jobs = of_stage(was, now, "jobs_total", s);
		double queued = of_stage(was, now, "queued_total", s);

		printf("%-8s %10.0f %9.0f %9.0f %9.0f %7.0f %12.2f %12.2f\n", s, jobs, queued,
		    of_stage(was, now, "pooled_total", s), of_stage(was, now, "parked_total", s),
		    of_stage(NULL, now, "depth", s),
		    jobs > 0 ? of_stage(was, now, "service_nanoseconds_total", s) / jobs / 1e3 : 0,
		    queued > 0 ? of_stage(was, now, "wait_nanoseconds_total", s) / queued / 1e3 :
				 0);
	}
}

static bool
take(struct ctl_run *run, struct figures *f)
{
	char *page = ctl_text(run, "/api/v1/system/metrics");

	if (page == NULL)
		return false;
	read_page(page, f);
	free(page);
	return true;
}

static bool
number(struct ctl_run *run, const char *flag, uint64_t least, uint64_t most, uint64_t *n)
{
	const char *said = ctl_said(run, flag);

	if (said == NULL || text_u64(said, least, most, n))
		return true;
	ctl_fail("--%s is from %llu to %llu", flag, (unsigned long long)least,
	    (unsigned long long)most);
	return false;
}

int
ctl_do_top(struct ctl_run *run)
{
	struct figures *two = calloc(2, sizeof *two);
	uint64_t seconds = 2, count = 0;
	int now = 0, code = 1;

	if (two == NULL || !number(run, "interval", 1, INTERVAL_MAX_S, &seconds) ||
	    !number(run, "count", 1, UINT32_MAX, &count)) {
		free(two);
		return 2;
	}
	if (take(run, &two[now])) {
		code = 0;
		for (uint64_t i = 0; count == 0 || i < count; i++) {
			struct timespec nap = { (time_t)seconds, 0 };

			nanosleep(&nap, NULL);
			if (!take(run, &two[!now])) {
				code = 1;
				break;
			}
			now = !now;
			if (ctl_terminal_out())
				printf("\033[H\033[2J");
			print_rates(&two[!now], &two[now]);
			print_stages(&two[!now], &two[now]);
			putchar('\n');
			fflush(stdout);
		}
	}
	free(two);
	return code;
}
