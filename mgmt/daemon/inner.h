/*
 * What the files config*.c share: where a setting stands, and how what is wrong with it is said.
 */
#ifndef MGMT_DAEMON_INNER_H
#define MGMT_DAEMON_INNER_H

#include "mgmt/daemon/config.h"
#include "mgmt/daemon/setting.h"

enum { CONFIG_PATH_MAX = 128, CONFIG_WHY_MAX = 512 };

struct config_where {				/* where in the file, for messages */
	const char *file;		/* or the variable */
	size_t line;			/* 0: it has none */
	char *why;
	size_t why_cap;
	void (*see)(const char *line, void *arg);	/* NULL: the first that is wrong ends it */
	void *arg;
	unsigned wrong;
};

/* Say it, with file and line; INVAL. */
__attribute__((format(printf, 2, 3)))
enum status config_wrong(struct config_where *at, const char *fmt, ...);

/* A value into its row's place, or what it must be and what to do. */
must_check enum status config_put(struct config_where *at, const struct setting *s,
    const char *path, void *holder, const char *value);

/* Defaults, the file, the environment, and what follows of them. */
must_check enum status config_read_all(struct config *c, struct config_where *at, const char *file);

/* The i-th remote store, all read; and what a share gets from its store. */
must_check enum status config_remote_complete(struct config *c, uint32_t i,
    struct config_where *at);
must_check enum status config_share_remote(struct config *c, struct share_conf *s,
    struct config_where *at);

#endif
