/*
 * The daemon's settings: defaults, then the YAML file, then the environment.  Read once, at start.
 */
#ifndef MGMT_CONFIG_H
#define MGMT_CONFIG_H

#include "mgmt/shares/spec.h"
#include "pipeline/base/status.h"
#include "pipeline/model/share_conf.h"

#include <stddef.h>
#include <stdio.h>

enum {
	CONFIG_SHARES_MAX = 64,
	CONFIG_STR_MAX = 1024,
	CONFIG_BYTES_MAX = 1 << 20,
	CONFIG_WORD_MAX = 32,
	CONFIG_SHARE_SETTINGS = 17,
	CONFIG_REMOTES_MAX = 16,
	CONFIG_REMOTE_SETTINGS = 28,
	CONFIG_REMOTE_NAME_MAX = 56
};

/* Where a value is from. */
struct config_origin {
	enum { CONFIG_DEFAULT, CONFIG_FILE, CONFIG_ENVIRONMENT } from;
	size_t line;			/* of the file */
	const char *variable;		/* NULL: that of the setting's own name */
};

enum {
#define STR(path, field, dflt, help) CONFIG_AT_##field,
#define SECRET(path, field, dflt, help) CONFIG_AT_##field,
#define WORD(path, field, dflt, words, help) CONFIG_AT_##field,
#define NUM(path, field, dflt, least, most, help) CONFIG_AT_##field,
#define SIZE(path, field, dflt, least, most, help) CONFIG_AT_##field,
#define FLAG(path, field, dflt, help) CONFIG_AT_##field,
#include "mgmt/daemon/config.def"
	CONFIG_SETTINGS
};

struct config_share_lines {		/* of the file; 0: not there */
	size_t setting[CONFIG_SHARE_SETTINGS], allow, begins;
};

struct config_remote {	/* one of the file's `remotes:`; the rows are in share.def */
	char name[CONFIG_REMOTE_NAME_MAX + 1], type[16];
	char bucket[64], region[64], endpoint[512], prefix[201], server[17];
	char access_key_id[256], secret_access_key[256], session_token[4 * CONFIG_STR_MAX];
	char credentials_file[CONFIG_STR_MAX], profile[128], ca_file[1001];
	bool force_path_style, sign_payload, conditional;
	uint64_t part_size, multipart_above, connections, attempts;
	char path[1001];
	uint64_t size, parallel_uploads;
	char encryption[32], compression[16];
	char encryption_key_file[CONFIG_STR_MAX], encryption_passphrase_file[CONFIG_STR_MAX];
	char encryption_passphrase_env[64];
	size_t line[CONFIG_REMOTE_SETTINGS], begins;	/* of the file; 0: not there */
};

struct config {
#define STR(path, field, dflt, help) char field[CONFIG_STR_MAX];
#define SECRET(path, field, dflt, help) char field[CONFIG_STR_MAX];
#define WORD(path, field, dflt, words, help) char field[CONFIG_WORD_MAX];
#define NUM(path, field, dflt, least, most, help) uint64_t field;
#define SIZE(path, field, dflt, least, most, help) uint64_t field;
#define FLAG(path, field, dflt, help) bool field;
#include "mgmt/daemon/config.def"
	struct share_conf *shares;	/* the file's `shares:` list */
	uint32_t nshares;
	struct config_share_lines *share_lines;	/* of each */
	struct config_remote *remotes;	/* of CONFIG_REMOTES_MAX; NULL: none is said */
	uint32_t nremotes;
	struct config_origin origin[CONFIG_SETTINGS];	/* by the rows of config.def */
	char file[CONFIG_STR_MAX];	/* that was read; "": none */
	bool plane_may_fail;		/* `--quick` serves without a control plane where it must */
};

/*
 * Fill c.  file NULL: the default place, where it may be missing; a named file must exist.
 * why: on failure, what is wrong and where, with a line number, in one line for people.
 */
must_check enum status config_read(struct config *c, const char *file, char *why, size_t why_cap);

/* The same, and all that is wrong at once: a line each to see.  How many there were. */
unsigned config_check(struct config *c, const char *file, void (*see)(const char *line, void *arg),
    void *arg);
void config_free(struct config *c);

/* A share with everything but its name and folder at the default. */
void config_share_default(struct share_conf *s, const char *name);

/* Add a share that the command line asks for: `--quick DIR`. */
void config_add_share(struct config *c, const struct share_conf *s);

/* mgmt/daemon/config_remote.c: the remote store that a share names; NULL: there is none. */
const struct config_remote *config_remote_of(const struct config *c, const char *name);

/* What opens it.  Its options cite r and room.  INVAL: why says what is wrong with it. */
struct config_remote_room { char text[8][24]; };
must_check enum status config_remote_spec(const struct config_remote *r,
    struct config_remote_room *room, struct store_spec *spec, char *why, size_t why_cap);

/* Settings of it that the environment says: bucket of far-1 is DITTOFS_REMOTES_FAR_1_BUCKET. */
void config_remote_variable(const struct config_remote *r, int row, char *to, size_t cap);

/* "$XDG_CONFIG_HOME/dittofs/config.yaml", or below ~/.config. */
void config_default_file(char *to, size_t cap);

/* The file that a package's service reads; NULL: there is none that this user may read. */
const char *config_installed_file(void);

/* mgmt/daemon/config_say.c: the commented template that `dfs init` writes; what is in force and
 * where each value is from, secrets masked; a JSON Schema of the file. */
void config_template(int fd);
void config_show_yaml(const struct config *c, FILE *to);
void config_show_json(const struct config *c, FILE *to);
void config_schema(FILE *to);

#endif
