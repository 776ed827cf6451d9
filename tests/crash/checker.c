/*
 * crash_checker - a load on an NFSv3 server that knows what must be there after any crash.
 *
 * usage: crash_checker load|verify|both|clean [option...] HOST:PORT:/EXPORT
 *   -j DIR   the workers' journals (must exist)     -d NAME  directory below the export ("crash")
 *   -w N     workers, a connection each (4)         -t SEC   run so long (10)
 *   -b N     blocks of 4 KiB a file has at most (64)  -s SEED  of the random choices (1)
 *   -p SEC   wait so long for a server to come back (60)
 *   -m PORT  MOUNT's port where it is another       -q       say only what is wrong
 *   -e N     of N truncations, removals and renames over a file do one, so that more data stays (1)
 *   -u NS    verify: the server's state as of that CLOCK_MONOTONIC time, what came later unseen
 *   -k       verify: the server was killed; where writes were unsynced, its verifier must be new
 *
 * load ends by itself, by SIGTERM, or when the server does not come back in time; killed, its
 * journals tell what it knew.  The directory must be new.  Exit status: 0 all holds, 1 not.
 */
#include "tests/crash/model.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
usage(void)
{
	fprintf(stderr,
	    "usage: crash_checker load|verify|both|clean [-j dir] [-d name] [-w workers] "
	    "[-t sec] [-b blocks]\n\t[-s seed] [-p sec] [-m port] [-e n] [-u ns] [-kq] "
	    "host:port:/export\n");
	return 2;
}

static bool
option(struct plan *p, int letter, const char *value)
{
	long long number = value ? strtoll(value, NULL, 10) : 0;

	switch (letter) {
	case 'j': p->folder = value; return true;
	case 'd': p->dir = value; return true;
	case 'w': p->workers = (int)number; return number > 0 && number <= 64;
	case 't': p->seconds = (int)number; return number >= 0;
	case 'b': p->blocks = (uint32_t)number; return number > 0 && number <= BLOCKS_LIMIT;
	case 's': p->seed = (uint64_t)number; return true;
	case 'p': p->patience = (int)number; return number > 0;
	case 'm': p->mount_port = (int)number; return true;
	case 'e': p->spare = (uint32_t)number; return number > 0 && number <= 1000;
	case 'u': p->until_ns = (uint64_t)number; return true;
	case 'k': return p->killed = true;
	case 'q': return p->quiet = true;
	default: return false;
	}
}

int
main(int argc, char **argv)
{
	static char host[128], export[512];
	struct plan p = { .host = host, .export = export, .folder = ".", .dir = "crash",
		.workers = 4, .seconds = 10, .patience = 60, .blocks = 64, .seed = 1,
		.until_ns = UINT64_MAX };
	const char *what = argc > 1 ? argv[1] : "";
	int letter, status = 0;

	optind = 2;
	while (argc > 1 && (letter = getopt(argc, argv, "j:d:w:t:b:s:p:m:e:u:kq")) != -1)
		if (!option(&p, letter, optarg))
			return usage();
	if (optind != argc - 1 || (sscanf(argv[optind], "%127[^:[]:%d:%511s", host, &p.port,
	    export) != 3 && sscanf(argv[optind], "[%127[^]]]:%d:%511s", host, &p.port,
	    export) != 3))
		return usage();
	if (p.mount_port == 0)
		p.mount_port = p.port;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (strcmp(what, "load") != 0 && strcmp(what, "verify") != 0 && strcmp(what, "both") != 0 &&
	    strcmp(what, "clean") != 0)
		return usage();
	if (what[0] == 'c')
		return clean_run(&p);
	if (what[0] != 'v')
		status = load_run(&p);
	if (what[0] != 'l' && status == 0)
		status = verify_run(&p);
	return status;
}
