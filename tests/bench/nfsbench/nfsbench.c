/*
 * nfsbench - closed-loop NFS load generator (NFSv3, 4.0, 4.1, 4.2; ONC RPC/TCP,
 * AUTH_SYS).  One thread, epoll, C connections with Q requests in flight each.
 * No library beyond libc: the wire encoding is its own, so the generator costs
 * little CPU and can speak 4.1/4.2 sessions, which libnfs 4.0 cannot.
 *
 *   nfsbench [options] HOST EXPORT
 *     -V 3|4.0|4.1|4.2   protocol (default 3)
 *     -p PORT            NFS port (2049)
 *     -m PORT            MOUNT port, v3 only (0 = ask the portmapper)
 *     -o OPS             comma list of: null getattr lookup access readdir
 *                        create remove read write commit burst whole
 *                        (read/write/burst take a size: read:4k write:1m)
 *     -c N  -q N         connections (1), requests in flight on each (8)
 *     -t SEC  -w SEC     measured seconds per op (5), warm-up (0.5)
 *     -n N  -s SIZE      files per connection (8), bytes in each (16m)
 *     -S unstable|datasync|filesync   stability of WRITE (unstable)
 *     -u UID -g GID      AUTH_SYS credentials (0/0)
 *     -D COMMAND         run before each burst, outside its time
 *     -z                 files begin empty: -s is how far burst writes them
 *     -R                 bind a reserved source port
 *     -k                 keep the work directory
 *     -C PID             also report the CPU used by that server process and its children
 *
 * Prints one JSON object on stdout.  Exit 0: ran; 1: set-up failed; 2: usage;
 * 3: ran, but some operation returned an error.
 *
 * What one "op" is: the RPC of that name, except
 *   create  v3: CREATE.  v4: OPEN(create)[+OPEN_CONFIRM]+CLOSE, as a client does.
 *   commit  4 KiB unstable WRITE, then COMMIT of it; only the COMMIT is timed.
 *   burst   WRITE, each file from front to back once, and no more: -t and -w say nothing.
 *           commit_ms: COMMIT of all files thereafter, whose server CPU is counted in.
 *   whole   v3: CREATE, 4 KiB of unstable WRITE, COMMIT: what unpacking an archive does.
 *   readdir READDIRPLUS / READDIR(attributes) of the first 32 KiB of a directory.
 *   remove  removes what create made (run create first); else makes its own.
 */
#include "tests/bench/nfsbench/inner.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

struct config cfg = { .port = 2049, .c = 1, .q = 8, .nf = 8, .v = 3, .t = 5, .w = .5,
	.fsize = 16u << 20 };
struct conn *conns[MAXC];

static const char *ver = "3";
static const char *ops =
    "null,getattr,lookup,access,readdir,create,remove,write:4k,read:4k,write:1m,read:1m,commit";

static uint64_t
size_arg(const char *s)
{
	char *e;
	uint64_t v = strtoull(s, &e, 10);

	return *e == 'k' ? v << 10 : *e == 'm' ? v << 20 : *e == 'g' ? v << 30 : v;
}

static bool
option(int o)
{
	switch (o) {
	case 'V': ver = optarg; break;
	case 'p': cfg.port = atoi(optarg); break;
	case 'm': cfg.mport = atoi(optarg); break;
	case 'o': ops = optarg; break;
	case 'c': cfg.c = atoi(optarg); break;
	case 'q': cfg.q = atoi(optarg); break;
	case 't': cfg.t = atof(optarg); break;
	case 'w': cfg.w = atof(optarg); break;
	case 'n': cfg.nf = atoi(optarg); break;
	case 's': cfg.fsize = size_arg(optarg); break;
	case 'S': cfg.stable = *optarg == 'f' ? 2 : *optarg == 'd' ? 1 : 0; break;
	case 'u': cfg.uid = (uint32_t)atoi(optarg); break;
	case 'g': cfg.gid = (uint32_t)atoi(optarg); break;
	case 'C': cfg.cpid = atoi(optarg); break;
	case 'R': cfg.resv = true; break;
	case 'D': cfg.drain = optarg; break;
	case 'z': cfg.empty = true; break;
	case 'k': cfg.keep = true; break;
	default: return false;
	}
	return true;
}

static bool
arguments(int argc, char **argv)
{
	bool good = true;
	int o;

	while ((o = getopt(argc, argv, "V:p:m:o:c:q:t:w:n:s:S:u:g:C:D:Rkz")) != -1)
		good = option(o) && good;
	if (!good || argc - optind != 2 || cfg.c < 1 || cfg.c > MAXC || cfg.q < 1 ||
	    cfg.q > MAXQ || cfg.nf < 1)
		return false;
	cfg.host = argv[optind];
	cfg.path = argv[optind + 1];
	if (ver[0] == '4') {
		cfg.v = 4;
		cfg.minor = ver[1] == '.' ? atoi(ver + 2) : 0;
	} else if (strcmp(ver, "3")) {
		die("version %s?", ver);
	}
	return true;
}

static void
set_up(int i)
{
	struct conn *c = conns[i] = calloc(1, sizeof *c);
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };

	if (!c || !(c->rb = malloc(RBUF)) || !(c->f = calloc((size_t)cfg.nf, sizeof *c->f)))
		die("out of memory");
	c->id = i;
	c->fd = dial(cfg.host, cfg.port);
	c->nslots = (uint32_t)cfg.q;
	c->gen = (uint32_t)now_ns();
	if (cfg.v == 4)
		v4_client(c);
	if (!i) {
		get_root(c);
		make_dir(c);
	}
	for (int j = 0; j < cfg.nf; j++) {
		snprintf(c->f[j].name, sizeof c->f[j].name, "f%d.%d", i, j);
		make_file(c, &c->f[j]);
	}
	fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK);
	epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
}

static void
clean_up(void)
{
	for (int i = 0; i < cfg.c; i++) {
		struct conn *c = conns[i];
		char nm[40];

		for (uint64_t k = c->removed; k < c->created; k++) {
			snprintf(nm, sizeof nm, "c%d.%llu", i, (unsigned long long)k);
			remove_name(c, &wdir, nm, false);
		}
		for (int j = 0; j < cfg.nf; j++) {
			close_file(c, &c->f[j]);
			remove_name(c, &wdir, c->f[j].name, false);
		}
	}
	remove_name(conns[0], &root, wname, true);
}

int
main(int argc, char **argv)
{
	bool first = true;
	char *list, *sv;

	if (!arguments(argc, argv)) {
		fprintf(stderr,
		    "usage: nfsbench [-V 3|4.0|4.1|4.2] [-p port] [-m mountport] [-o ops]\n"
		    "                [-c conns<=%d] [-q depth<=%d] [-t sec] [-w sec] [-n files]\n"
		    "                [-s size] [-S stable] [-u uid] [-g gid] [-C pid] [-D "
		    "command]\n"
		    "                [-R] [-k] [-z] HOST EXPORT\n",
		    MAXC, MAXQ);
		return 2;
	}
	for (size_t i = 0; i < sizeof pattern; i++)
		pattern[i] = (uint8_t)(i * 131 + (i >> 8));
	xid_next = (uint32_t)now_ns() << 8;
	ep = epoll_create1(EPOLL_CLOEXEC);
	for (int i = 0; i < cfg.c; i++)
		set_up(i);
	printf("{\"tool\": \"nfsbench\", \"host\": \"%s\", \"port\": %d, \"export\": \"%s\", "
	       "\"vers\": \"%s\", \"conns\": %d, \"qd\": %d, \"session_slots\": %u, "
	       "\"files\": %d, \"file_size\": %llu, \"stable\": %u, \"results\": [",
	    cfg.host, cfg.port, cfg.path, ver, cfg.c, cfg.q, cfg.minor ? conns[0]->nslots : 0,
	    cfg.nf, (unsigned long long)cfg.fsize, cfg.stable);
	list = strdup(ops);
	for (char *p = strtok_r(list, ",", &sv); p; p = strtok_r(NULL, ",", &sv)) {
		bench(p, first);
		first = false;
	}
	free(list);
	printf("\n]}\n");
	if (!cfg.keep)
		clean_up();
	for (int i = 0; i < cfg.c; i++)
		if (cfg.minor)
			v4_farewell(conns[i]);
	return any_error ? 3 : 0;
}
