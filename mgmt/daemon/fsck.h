/*
 * `dfs fsck`: check shares that no daemon serves, and say what was found.
 */
#ifndef MGMT_DAEMON_FSCK_H
#define MGMT_DAEMON_FSCK_H

#include "mgmt/daemon/config.h"

enum { FSCK_EXIT_CLEAN = 0, FSCK_EXIT_MENDED = 1, FSCK_EXIT_LEFT = 4, FSCK_EXIT_NOT_RUN = 8 };

struct fsck_wish {
	const char *share;		/* by name; NULL: all, of the file and of the database */
	bool repair, remote, json;
};

/* The caller holds the pid file, so that no daemon starts meanwhile.  Prints to stdout, and to
 * stderr what kept it from running; the exit code of the program. */
int fsck_command(const struct config *c, const struct fsck_wish *wish);

#endif
