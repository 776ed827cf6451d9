/*
 * hostile [-n MESSAGES] [-c CONNECTIONS] [-p MOST] [-r ROUNDS] [-P PMAP-PORT] [-C PID] [-M MB]
 *	[-e EXPORT] HOST PORT
 *
 * Against a running daemon: half-open and slow connections that stay open all the while, floods of
 * garbage, lying record marks, mutated messages; beside them a good client that must be answered.
 * Prints figures, the most important ones last.  Fails where the good client was not answered or
 * not truly, where the server hung, where it ended (-C), where its resident memory has ever passed
 * MB
 * (-M, with -C), or where one address got more than MOST connections (-p), or none.
 */
#include "tests/hostile/hostile.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct options {
	uint64_t messages, pid, most_mb;
	unsigned connections, rounds, peer;
};

static double
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A row of a process's memory in MiB; 0: it is not there. */
static uint64_t
memory_mb(uint64_t pid, const char *row)
{
	char path[64], line[256];
	unsigned long long kb = 0;
	FILE *f;

	if (pid == 0)
		return 0;
	snprintf(path, sizeof path, "/proc/%llu/status", (unsigned long long)pid);
	f = fopen(path, "r");
	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		if (strncmp(line, row, strlen(row)) == 0)
			kb = strtoull(line + strlen(row), NULL, 10);
	if (f != NULL)
		fclose(f);
	return (kb + 1023) / 1024;
}

static uint64_t
number(const char *s)
{
	char *end;
	unsigned long long n = strtoull(s, &end, 10);

	if (*s < '0' || *s > '9' || *end != '\0') {
		fprintf(stderr, "hostile: not a number: %s\n", s);
		exit(2);
	}
	return n;
}

/* The export's root, and a folder and a file in it that attacks may do anything to. */
static bool
prepare(struct target *t)
{
	struct nfs n = nfs_dial(t->host, t->port, 0, 0);
	struct mount_res m;
	struct nfs_res res = { 0 };
	int st;

	if (n.conn == NULL)
		return false;
	st = mount_run(&n, MOUNT_MNT, t->export, &m);
	t->root = m.fh;
	if (st == NFS_OK) {
		st = nfs_mkdir(&n, &t->root, "mutants", 0777, &res);
		if (st == NFS_EXIST)
			st = nfs_lookup(&n, &t->root, "mutants", &res);
		t->dir = res.fh;
	}
	if (st == NFS_OK) {
		st = nfs_create(&n, &t->dir, "file", 0666, &res);
		if (st == NFS_EXIST)
			st = nfs_lookup(&n, &t->dir, "file", &res);
		t->file = res.fh;
	}
	nfs_res_free(&res);
	nfs_hangup(&n);
	if (st != NFS_OK)
		fprintf(stderr, "hostile: cannot prepare %s: %s\n", t->export, nfs_stat_name(st));
	return st == NFS_OK;
}

static void
say_attack(const char *what, const struct attack_figures *f, double took)
{
	printf("%s: %llu, hung up on %llu, borne with %llu, %.1f s\n", what,
	    (unsigned long long)f->tries, (unsigned long long)f->closed,
	    (unsigned long long)f->survived, took);
}

static void
mutants(const struct target *t, const struct options *o, struct mutant_figures *all)
{
	struct target pmap = *t;
	double since = now_s();

	attack_mutants(t, t->pmap_port ? o->messages - o->messages / 16 : o->messages, all);
	if (t->pmap_port != 0) {
		pmap.port = t->pmap_port;
		attack_mutants(&pmap, all->sent + o->messages / 16, all);
	}
	printf("mutants: %llu messages, %llu replies, %llu hang-ups, %llu misled, %llu stuck, "
	    "%.1f s\n",
	    (unsigned long long)all->sent, (unsigned long long)all->replies,
	    (unsigned long long)all->hangups, (unsigned long long)all->misled,
	    (unsigned long long)all->stuck, now_s() - since);
}

/* One address asks for more connections than it may have. */
static bool
greedy(const struct target *t, const struct options *o)
{
	unsigned asked = o->peer + o->peer / 4 + 1, open;

	if (o->peer == 0)
		return true;
	open = crowd_greedy(t, asked);
	printf("greedy: %u connections asked for by one address, %u open, %u allowed\n", asked,
	    open, o->peer);
	return open > 0 && open <= o->peer;
}

static bool
siege(const struct target *t, const struct options *o, struct crowd_figures *crowdp,
    struct mutant_figures *allp, struct good_figures *goodp)
{
	struct crowd_figures crowd;
	struct attack_figures garbage = { 0 }, bombs = { 0 };
	struct mutant_figures all = { 0 };
	struct good_figures good;
	bool modest;
	double since = now_s();

	if (!good_start(t)) {
		fprintf(stderr, "hostile: the good client cannot begin\n");
		return false;
	}
	crowd_open(t, o->connections, &crowd);
	printf("crowd: %u connections asked for, %u open, %u refused, %.1f s\n", crowd.asked,
	    crowd.open, crowd.refused, now_s() - since);
	modest = greedy(t, o);
	crowd_dribble(o->connections / 4);
	since = now_s();
	attack_garbage(t, o->rounds, &garbage);
	say_attack("garbage", &garbage, now_s() - since);
	since = now_s();
	attack_bombs(t, o->rounds, &bombs);
	say_attack("bombs", &bombs, now_s() - since);
	fflush(stdout);
	mutants(t, o, &all);
	printf("server: %llu MiB resident with all of them\n",
	    (unsigned long long)memory_mb(o->pid, "VmRSS:"));
	crowd_close(&crowd);
	printf("crowd: %u were still open\n", crowd.kept);
	good_stop(&good);
	printf("good client: served %llu, failed %llu, p50 %.2f ms, p99 %.2f ms, most %.1f ms; "
	    "fresh connections %llu, refused %llu\n", (unsigned long long)good.served,
	    (unsigned long long)good.failed, good.p50_ms, good.p99_ms, good.most_ms,
	    (unsigned long long)good.fresh, (unsigned long long)good.fresh_refused);
	*crowdp = crowd;
	*allp = all;
	*goodp = good;
	return modest && good.failed == 0 && good.served > 0 && all.stuck == 0;
}

/* All is over: does it serve, and what has it kept? */
static bool
afterwards(const struct target *t, const struct options *o, uint64_t before)
{
	struct nfs_res res = { 0 };
	struct nfs n = nfs_dial(t->host, t->port, 0, 0);
	bool ok = n.conn != NULL && nfs_getattr(&n, &t->root, &res) == NFS_OK;
	uint64_t after, most;

	nfs_res_free(&res);
	nfs_hangup(&n);
	if (!ok)
		printf("afterwards a client is not answered\n");
	if (o->pid == 0)
		return ok;
	after = memory_mb(o->pid, "VmRSS:");
	most = memory_mb(o->pid, "VmHWM:");
	printf("server: %llu MiB resident before, %llu MiB after, %llu MiB at most\n",
	    (unsigned long long)before, (unsigned long long)after, (unsigned long long)most);
	if (after == 0)
		printf("the server has ended\n");
	if (o->most_mb != 0 && most > o->most_mb) {
		printf("more than %llu MiB\n", (unsigned long long)o->most_mb);
		ok = false;
	}
	return ok && after != 0;
}

int
main(int argc, char **argv)
{
	struct options o = { .messages = 1000000, .connections = 10000, .rounds = 200 };
	struct target t = { .export = "/export" };
	struct crowd_figures crowd = { 0 };
	struct mutant_figures all = { 0 };
	struct good_figures good = { 0 };
	uint64_t before;
	bool ok;
	int c;

	while ((c = getopt(argc, argv, "n:c:p:r:P:C:M:e:")) != -1) {
		switch (c) {
		case 'n': o.messages = number(optarg); break;
		case 'c': o.connections = (unsigned)number(optarg); break;
		case 'p': o.peer = (unsigned)number(optarg); break;
		case 'r': o.rounds = (unsigned)number(optarg); break;
		case 'P': t.pmap_port = (int)number(optarg); break;
		case 'C': o.pid = number(optarg); break;
		case 'M': o.most_mb = number(optarg); break;
		case 'e': t.export = optarg; break;
		default: return 2;
		}
	}
	if (argc - optind != 2) {
		fprintf(stderr, "usage: hostile [-n MESSAGES] [-c CONNECTIONS] [-p MOST] "
		    "[-r ROUNDS] [-P PMAP-PORT] [-C PID] [-M MB] [-e EXPORT] HOST PORT\n");
		return 2;
	}
	t.host = argv[optind];
	t.port = (int)number(argv[optind + 1]);
	t.loopback = strncmp(t.host, "127.", 4) == 0;
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!prepare(&t))
		return 1;
	before = memory_mb(o.pid, "VmRSS:");
	ok = siege(&t, &o, &crowd, &all, &good);
	ok &= afterwards(&t, &o, before);
	printf("%u slow, %llu mutants, p99 %.1f ms, peak %llu MiB\n", crowd.open,
	    (unsigned long long)all.sent, good.p99_ms,
	    (unsigned long long)memory_mb(o.pid, "VmHWM:"));
	return ok ? 0 : 1;
}
