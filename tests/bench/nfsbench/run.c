/* One operation's run: warmed up, measured, and what it gave as a row of JSON. */
#include "tests/bench/nfsbench/inner.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const opname[P_N] = { "null", "getattr", "lookup", "access", "readdir",
	"create", "remove", "read", "write", "commit", "burst", "whole" };

struct figures {
	double secs, cpu, server, commit_ms;
};

static void
go(void)
{
	run.issuing = true;
	for (int i = 0; i < cfg.c; i++) {
		struct conn *c = conns[i];
		int q = cfg.v == 4 && cfg.minor && run.op != P_NULL && (int)c->nslots < cfg.q ?
		    (int)c->nslots : cfg.q;

		for (int j = 0; j < q; j++)
			start(c, &c->s[j]);
		flush_out(c);
	}
}

static void
stop(void)
{
	run.counting = run.issuing = false;
	loop_until(0, true);
}

static void
go_for(double seconds)
{
	loop_until(now_ns() + (uint64_t)(seconds * 1e9), false);
}

/* COMMIT of all files, one of each connection at a time; milliseconds. */
static double
commit_all(void)
{
	uint64_t t0 = now_ns();

	run.op = P_COMMIT;
	run.counting = run.issuing = false;
	run.size = 0;
	for (int j = 0; j < cfg.nf; j++) {
		for (int i = 0; i < cfg.c; i++) {
			struct conn *c = conns[i];
			struct slot *s = &c->s[0];

			s->step = 1;
			s->filei = j;
			s->off = 0;
			build(c, s);
			flush_out(c);
		}
		loop_until(0, true);
	}
	return (double)(now_ns() - t0) / 1e6;
}

/* What spec names, op:size, becomes the run; the numbers drawn go on from the last one's. */
static void
begin(const char *spec)
{
	char nm[32], *colon, *e;
	uint64_t rng = run.rng;
	uint32_t size = 0;
	int op = 0;

	snprintf(nm, sizeof nm, "%s", spec);
	if ((colon = strchr(nm, ':'))) {
		*colon = 0;
		size = (uint32_t)strtoul(colon + 1, &e, 10);
		size *= *e == 'k' ? 1024 : *e == 'm' ? 1048576 : 1;
	}
	while (op < P_N && strcmp(nm, opname[op]))
		op++;
	if (op == P_N)
		die("unknown op %s", nm);
	if (!size && (op == P_READ || op == P_WRITE || op == P_COMMIT || op == P_BURST ||
	    op == P_WHOLE))
		size = 4096;
	if (op == P_WHOLE && cfg.v != 3)
		die("whole files are of version 3");
	if (size > MAXIO || size > cfg.fsize)
		die("size of %s is over 1 MiB or the file size", nm);
	memset(&run, 0, sizeof run);
	run.rng = rng ? rng : 88172645463325252u;
	run.op = op;
	run.size = size;
}

/* Nothing to remove: make some first. */
static void
make_some(void)
{
	uint64_t made = 0, gone = 0, rng = run.rng;

	for (int i = 0; i < cfg.c; i++) {
		made += conns[i]->created;
		gone += conns[i]->removed;
	}
	if (made != gone)
		return;
	run.op = P_CREATE;
	go();
	go_for(cfg.t);
	stop();
	memset(&run, 0, sizeof run);
	run.rng = rng;
	run.op = P_REMOVE;
}

static void
ready_to_burst(void)
{
	if (cfg.fsize % run.size)
		die("the file size is no multiple of the burst's writes");
	for (int i = 0; i < cfg.c; i++)
		conns[i]->burst_at = 0;
	if (cfg.drain && system(cfg.drain))
		die("%s failed", cfg.drain);
	run.counting = true;
}

static void
print(int op, uint32_t size, const struct figures *f, bool first)
{
	const struct hist *h = &run.h;

	printf("%s\n    {\"op\": \"%s\", \"size\": %u, \"secs\": %.3f, \"ops\": %llu, "
	       "\"errors\": %llu, \"first_error\": %u, \"ops_per_s\": %.0f, \"mb_per_s\": %.1f, ",
	    first ? "" : ",", opname[op], size, f->secs, (unsigned long long)h->n,
	    (unsigned long long)run.errors, run.first_err, (double)h->n / f->secs,
	    (double)run.bytes / f->secs / 1e6);
	printf("\"lat_us\": {\"min\": %.1f, \"mean\": %.1f, \"p50\": %.1f, \"p90\": %.1f, "
	       "\"p99\": %.1f, \"p999\": %.1f, \"max\": %.1f}, \"client_cpu_pct\": %.0f",
	    (double)h->min / 1e3, h->n ? (double)h->sum / (double)h->n / 1e3 : 0, hq(h, .5),
	    hq(h, .9), hq(h, .99), hq(h, .999), (double)h->max / 1e3, f->cpu / f->secs * 100);
	if (cfg.cpid)
		printf(", \"server_cpu_pct\": %.0f, \"server_cpu_us_per_op\": %.1f",
		    f->server / f->secs * 100, h->n ? f->server * 1e6 / (double)h->n : 0);
	if (op == P_BURST)
		printf(", \"unstable\": %llu, \"commit_ms\": %.1f",
		    (unsigned long long)run.unstable, f->commit_ms);
	putchar('}');
	fflush(stdout);
}

void
bench(const char *spec, bool first)
{
	struct figures f = { 0 };
	uint32_t size;
	uint64_t t0;
	int op;

	begin(spec);
	op = run.op;
	if (op == P_REMOVE)
		make_some();
	if (op == P_BURST)
		ready_to_burst();
	size = run.size;
	t0 = now_ns();
	f.cpu = cpu_s();
	f.server = server_cpu(cfg.cpid);
	go();
	if (op == P_BURST) {
		loop_until(0, true);
	} else {
		if (cfg.w > 0 && op != P_REMOVE)
			go_for(cfg.w);
		run.counting = true;
		run.bytes = 0;
		memset(&run.h, 0, sizeof run.h);
		t0 = now_ns();
		f.cpu = cpu_s();
		f.server = server_cpu(cfg.cpid);
		go_for(cfg.t);
	}
	f.secs = (double)(now_ns() - t0) / 1e9;
	f.cpu = cpu_s() - f.cpu;
	if (op == P_BURST)
		f.commit_ms = commit_all();
	f.server = server_cpu(cfg.cpid) - f.server;
	stop();
	print(op, size, &f, first);
}
