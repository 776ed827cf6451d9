/*
 * bench_million [-n FILES] [-i IDLE] [-b MIB] [-C PID] make|cold SAMPLES PORT EXPORT
 *
 * make: IDLE connections are opened, which stay and say nothing, FILES made, all walked twice by
 * READDIRPLUS and GETATTR, with 64 × 1 MiB in flight beside the second walk.  Handles of some files
 * go to the file SAMPLES.  cold: those are asked for in random order; the server was started anew
 * before.
 *
 * A line a figure with its bar, met or missed; the last line says the most important ones.  PID is
 * the server's, whose resident memory may not pass MIB.  Exit 0 when all is met.
 */
#include "tests/bench/million.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TENTHS = 10, IDLE_KB_MAX = 32, COLD_ASKED = 100000, WARM_IDLE = 8, SETTLE_S = 2 };

/* A create at the end may cost that much more than one at the beginning, when LevelDB had nothing
 * to merge yet; its levels grow by the logarithm.  What is quadratic shows as a factor of ten. */
static const double growth_max = 3.0;

static bool all_met = true;

void
million_fail(const char *what, int status)
{
	fflush(stdout);
	fprintf(stderr, "bench_million: %s: %s\n", what, nfs_stat_name(status));
	exit(1);
}

struct nfs
million_dial(const struct million *m)
{
	struct nfs n = nfs_dial("127.0.0.1", m->port, 0, 0);

	if (n.conn == NULL)
		million_fail("connect", NFS_LOST);
	n.conn->wait_ms = 120000;
	return n;
}

__attribute__((format(printf, 3, 4)))
static void
line(const char *name, const char *bar, const char *figure, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, figure);
	vsnprintf(text, sizeof text, figure, ap);
	va_end(ap);
	printf("%-22s %-62s %s\n", name, text, bar);
	fflush(stdout);
}

static const char *
verdict(bool met, const char *bar)
{
	static char text[120];

	all_met &= met;
	snprintf(text, sizeof text, "bar: %-24s %s", bar, met ? "met" : "missed");
	return text;
}

static unsigned long long
mib(uint64_t kb)
{
	return (kb + 1023) / 1024;
}

/* What the server took since this was asked last. */
static void
memory_line(const struct million *m, const char *name)
{
	struct watched most = watch_most();
	char bar[40];

	snprintf(bar, sizeof bar, "<= %u MiB", m->bar_mb);
	line(name, verdict(mib(most.rss_kb) <= m->bar_mb, bar),
	    "resident %llu MiB at most, of it files mapped %llu", mib(most.rss_kb),
	    mib(most.file_kb));
}

/* --- making --- */

struct pace {
	const struct million *m;
	double since_s, since_cpu, took_s[TENTHS], took_cpu[TENTHS];
	int n;
};

static void
tenth(void *arg, uint32_t made)
{
	struct pace *p = arg;
	struct watched w = watch_now(p->m->pid);
	double now = watch_clock_s();

	if (p->n == TENTHS)
		return;
	p->took_s[p->n] = now - p->since_s;
	p->took_cpu[p->n++] = w.cpu_s - p->since_cpu;
	p->since_s = now;
	p->since_cpu = w.cpu_s;
	printf("    %u made, %.1f s, %.1f µs of the server's CPU each, %llu MiB resident\n", made,
	    p->took_s[p->n - 1], p->took_cpu[p->n - 1] * 1e6 / (p->m->files / TENTHS),
	    mib(w.rss_kb));
	fflush(stdout);
}

static double
make(const struct million *m, struct sample *samples, uint32_t *nsamples)
{
	struct pace p = { .m = m,
		.since_s = watch_clock_s(),
		.since_cpu = watch_now(m->pid).cpu_s };
	double first, last, all = watch_clock_s();

	load_make(m, samples, nsamples, tenth, &p);
	all = watch_clock_s() - all;
	first = p.took_cpu[0];
	last = p.took_cpu[TENTHS - 1];
	line("create", "", "%u files, %.0f a second", m->files, m->files / all);
	line("growth", verdict(last <= first * growth_max, "<= 3 x the first tenth's"),
	    "last tenth: %.1f µs CPU each, %.1f s; the first: %.1f, %.1f s",
	    last * 1e6 / (m->files / TENTHS), p.took_s[TENTHS - 1],
	    first * 1e6 / (m->files / TENTHS), p.took_s[0]);
	memory_line(m, "memory, creating");
	return last / first;
}

/* --- connections that say nothing --- */

/* A few first, so that what the first connections bring along is not counted. */
static double
idle_open(const struct million *m)
{
	struct nfs_res res = { 0 };
	uint64_t before = 0, after;
	double each;

	for (uint32_t i = 0; i < m->idle + WARM_IDLE; i++) {
		struct nfs n = million_dial(m);	/* stays open until this program ends */

		if (nfs_getattr(&n, &m->root, &res) != NFS_OK)
			million_fail("GETATTR", res.status);
		if (i + 1 == WARM_IDLE)
			before = watch_now(m->pid).rss_kb;
	}
	after = watch_now(m->pid).rss_kb;
	nfs_res_free(&res);
	each = after > before ? (double)(after - before) / m->idle : 0;
	line("idle connection", verdict(each <= IDLE_KB_MAX, "<= 32 KiB"),
	    "%u that have asked once: %.1f KiB each", m->idle, each);
	return each;
}

/* --- walking --- */

static void
walk(const struct million *m, const char *name)
{
	double since = watch_clock_s(), cpu = watch_now(m->pid).cpu_s;
	uint64_t names = load_walk(m);

	since = watch_clock_s() - since;
	cpu = watch_now(m->pid).cpu_s - cpu;
	line(name, verdict(names == m->files, "every file"),
	    "%llu names and attributes, %.0f a second, %.1f µs CPU each",
	    (unsigned long long)names, (double)names / since, cpu * 1e6 / (double)m->files);
}

/* --- the samples' file --- */

static void
samples_write(const char *path, const struct sample *v, uint32_t n)
{
	FILE *f = fopen(path, "w");

	if (f == NULL || fwrite(v, sizeof *v, n, f) != n || fclose(f) != 0) {
		fprintf(stderr, "bench_million: %s: %s\n", path, strerror(errno));
		exit(1);
	}
}

static uint32_t
samples_read(const char *path, struct sample *v)
{
	FILE *f = fopen(path, "r");
	size_t n = f == NULL ? 0 : fread(v, sizeof *v, SAMPLES_KEPT, f);

	if (f != NULL)
		fclose(f);
	if (n == 0) {
		fprintf(stderr, "bench_million: no handles in %s\n", path);
		exit(1);
	}
	return (uint32_t)n;
}

/* --- the two runs --- */

static void
run_make(const struct million *m, const char *path)
{
	struct sample *samples = calloc(SAMPLES_KEPT, sizeof *samples);
	struct watched w;
	double growth, idle;
	uint32_t n;
	uint64_t moved;

	if (samples == NULL)
		million_fail("memory", NFS_LOST);
	idle = idle_open(m);
	growth = make(m, samples, &n);
	samples_write(path, samples, n);
	free(samples);
	walk(m, "first walk");
	memory_line(m, "memory, walking");
	load_stream_begin(m);
	walk(m, "second walk");
	moved = load_stream_end();
	line("streams", verdict(moved >= 2 * STREAM_CLIENTS * STREAM_DEPTH, "64 x 1 MiB in flight"),
	    "%llu MiB written and read beside it", (unsigned long long)moved);
	memory_line(m, "memory, all at once");
	sleep(SETTLE_S);
	w = watch_now(m->pid);
	line("afterwards", "", "resident %llu MiB", mib(w.rss_kb));
	line("peak", verdict(mib(w.hwm_kb) <= m->bar_mb, "memory + 64 MiB"), "VmHWM %llu MiB",
	    mib(w.hwm_kb));
	printf("peak %llu of %u MiB, idle %.1f KiB, growth %.2f\n", mib(w.hwm_kb), m->bar_mb, idle,
	    growth);
}

static void
run_cold(const struct million *m, const char *path)
{
	struct sample *samples = calloc(SAMPLES_KEPT, sizeof *samples);
	uint32_t *took = calloc(COLD_ASKED, sizeof *took), n, asked;
	double since, rate, cold = 0, cpu;
	struct watched w;

	if (samples == NULL || took == NULL)
		million_fail("memory", NFS_LOST);
	n = samples_read(path, samples);
	asked = n < COLD_ASKED ? n : COLD_ASKED;
	for (int i = 0; i < 2; i++) {
		since = watch_clock_s();
		cpu = watch_now(m->pid).cpu_s;
		load_getattr(m, samples, n, asked, took);
		rate = asked / (watch_clock_s() - since);
		cold = i == 0 ? rate : cold;
		cpu = watch_now(m->pid).cpu_s - cpu;
		line(i == 0 ? "cold GETATTR" : "again", "",
		    "%.0f a second, p50 %u µs, p99 %u µs, %.1f µs CPU each", rate,
		    took[asked / 2], took[(uint64_t)asked * 99 / 100], cpu * 1e6 / asked);
	}
	memory_line(m, "memory, cold");
	w = watch_now(m->pid);
	free(samples);
	free(took);
	printf("cold %.0f/s, peak %llu of %u MiB\n", cold, mib(w.hwm_kb), m->bar_mb);
}

static uint32_t
number(const char *s)
{
	char *end;
	unsigned long n = strtoul(s, &end, 10);

	if (*s < '0' || *s > '9' || *end != '\0' || n > INT32_MAX) {
		fprintf(stderr, "bench_million: not a number: %s\n", s);
		exit(2);
	}
	return (uint32_t)n;
}

static void
find_root(struct million *m)
{
	struct nfs n = million_dial(m);
	struct mount_res res;
	int st = mount_run(&n, MOUNT_MNT, m->export, &res);

	if (st != NFS_OK)
		million_fail("MNT", st);
	m->root = res.fh;
	nfs_hangup(&n);
}

int
main(int argc, char **argv)
{
	struct million m = { .files = 1000000, .idle = 1000, .bar_mb = 320 };
	int c;

	while ((c = getopt(argc, argv, "n:i:b:C:")) != -1) {
		switch (c) {
		case 'n': m.files = number(optarg); break;
		case 'i': m.idle = number(optarg); break;
		case 'b': m.bar_mb = number(optarg); break;
		case 'C': m.pid = (pid_t)number(optarg); break;
		default: return 2;
		}
	}
	if (argc - optind != 4 || m.files < TENTHS * 100 || m.idle == 0 ||
	    (strcmp(argv[optind], "make") != 0 && strcmp(argv[optind], "cold") != 0)) {
		fprintf(stderr, "usage: bench_million [-n FILES] [-i IDLE] [-b MIB] [-C PID] "
		    "make|cold SAMPLES PORT EXPORT\n");
		return 2;
	}
	m.port = (int)number(argv[optind + 2]);
	m.export = argv[optind + 3];
	find_root(&m);
	watch_begin(m.pid);
	if (strcmp(argv[optind], "make") == 0)
		run_make(&m, argv[optind + 1]);
	else
		run_cold(&m, argv[optind + 1]);
	watch_end();
	return all_met ? 0 : 1;
}
