/*
 * The daemon's settings: defaults, then the YAML file, then the environment.  Read once, at start.
 */
#ifndef MGMT_CONFIG_H
#define MGMT_CONFIG_H

#include "pipeline/base/status.h"
#include "pipeline/model/share_conf.h"

#include <stddef.h>

enum { CONFIG_SHARES_MAX = 64, CONFIG_STR_MAX = 1024, CONFIG_BYTES_MAX = 1 << 20 };

struct config {
#define STR(path, field, dflt, help) char field[CONFIG_STR_MAX];
#define NUM(path, field, dflt, least, most, help) uint64_t field;
#define SIZE(path, field, dflt, least, most, help) uint64_t field;
#define FLAG(path, field, dflt, help) bool field;
#include "mgmt/daemon/config.def"
#undef STR
#undef NUM
#undef SIZE
#undef FLAG
	struct share_conf *shares;	/* the file's `shares:` list */
	uint32_t nshares;
	bool plane_may_fail;		/* `--quick` serves without a control plane where it must */
};

/*
 * Fill c.  file NULL: the default place, where it may be missing; a named file must exist.
 * why: on failure, what is wrong and where, with a line number, in one line for people.
 */
must_check enum status config_read(struct config *c, const char *file, char *why, size_t why_cap);
void config_free(struct config *c);

/* A share with everything but its name and folder at the default. */
void config_share_default(struct share_conf *s, const char *name);

/* Add a share that the command line asks for: `--quick DIR`. */
void config_add_share(struct config *c, const struct share_conf *s);

/* "$XDG_CONFIG_HOME/dittofs/config.yaml", or below ~/.config. */
void config_default_file(char *to, size_t cap);

/* The file that a package's service reads; NULL: there is none that this user may read. */
const char *config_installed_file(void);

/* The commented template that `dfs init` writes. */
void config_template(int fd);

#endif
