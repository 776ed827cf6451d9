/*
 * Settings: a YAML file, read event by event into paths ("nfs.port", "shares[0].name") and given
 * to the row of config.def or the share's field that wants them; then the environment.
 */
#include "mgmt/daemon/config.h"

#include "mgmt/shares/words.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

enum { PATH_MAX_BYTES = 128, DEPTH_MAX = 8 };

struct where {				/* where in the file, for messages */
	const char *file;
	size_t line;
	char *why;
	size_t why_cap;
};

__attribute__((format(printf, 2, 3)))
static enum status
wrong(const struct where *at, const char *fmt, ...)
{
	struct text t = text_of(at->why, at->why_cap);
	char what[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	if (at->line > 0)
		text_addf(&t, "%s:%zu: %s", at->file, at->line, what);
	else
		text_addf(&t, "%s: %s", at->file, what);
	return ST_INVAL;
}

static enum status
set_str(const struct where *at, const char *path, char *to, size_t cap, const char *value)
{
	if (strlen(value) >= cap)
		return wrong(at, "%s: longer than %zu bytes", path, cap - 1);
	memcpy(to, value, strlen(value) + 1);
	return OK;
}

static enum status
set_num(const struct where *at, const char *path, uint64_t *to, const char *value, uint64_t least,
    uint64_t most)
{
	if (!text_u64(value, least, most, to))
		return wrong(at, "%s: \"%s\" is no whole number from %llu to %llu", path, value,
		    (unsigned long long)least, (unsigned long long)most);
	return OK;
}

static enum status
set_size(const struct where *at, const char *path, uint64_t *to, const char *value, uint64_t least,
    uint64_t most)
{
	uint64_t n;

	if (!text_size(value, &n) || n < least || n > most)
		return wrong(at, "%s: \"%s\" is no size from %llu bytes to %llu, as in 256MiB",
		    path, value, (unsigned long long)least, (unsigned long long)most);
	*to = n;
	return OK;
}

static enum status
set_flag(const struct where *at, const char *path, bool *to, const char *value)
{
	if (strcasecmp(value, "true") == 0 || strcasecmp(value, "yes") == 0)
		*to = true;
	else if (strcasecmp(value, "false") == 0 || strcasecmp(value, "no") == 0)
		*to = false;
	else
		return wrong(at, "%s: \"%s\" is neither true nor false", path, value);
	return OK;
}

static enum status
set_key(struct config *c, const struct where *at, const char *path, const char *value)
{
#define STR(p, field, dflt, help) \
	if (strcmp(path, p) == 0) \
		return set_str(at, path, c->field, sizeof c->field, value);
#define NUM(p, field, dflt, least, most, help) \
	if (strcmp(path, p) == 0) \
		return set_num(at, path, &c->field, value, least, most);
#define SIZE(p, field, dflt, least, most, help) \
	if (strcmp(path, p) == 0) \
		return set_size(at, path, &c->field, value, least, most);
#define FLAG(p, field, dflt, help) \
	if (strcmp(path, p) == 0) \
		return set_flag(at, path, &c->field, value);
#include "mgmt/daemon/config.def"
#undef STR
#undef NUM
#undef SIZE
#undef FLAG
	return wrong(at, "%s: no such setting; `dfs config` lists all", path);
}

/* --- shares --- */

static enum status
set_word(const struct where *at, const char *path, uint8_t *to, const char *value,
    const char *const *words)
{
	for (uint8_t i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], value) == 0) {
			*to = i;
			return OK;
		}
	return wrong(at, "%s: \"%s\" is not one of its words; see dfs.yaml(5)", path, value);
}

static const char *const squash_words[] = { "none", "root", "all", NULL };
static const char *const tier_words[] = { "writeback", "local", NULL };

static enum status
set_rule(struct share_conf *s, const struct where *at, const char *path, uint32_t i,
    const char *key, const char *value)
{
	struct export_rule *r;

	if (i >= EXPORT_RULES_MAX)
		return wrong(at, "%s: more than %d rules", path, EXPORT_RULES_MAX);
	r = &s->rules[i];
	if (i >= s->nrules) {
		*r = (struct export_rule){ .squash = SQUASH_ROOT };
		s->nrules = i + 1;
	}
	if (strcmp(key, "hosts") == 0)
		return set_str(at, path, r->hosts, sizeof r->hosts, value);
	if (strcmp(key, "squash") == 0)
		return set_word(at, path, &r->squash, value, squash_words);
	if (strcmp(key, "read_only") == 0)
		return set_flag(at, path, &r->read_only, value);
	if (strcmp(key, "secure") == 0)
		return set_flag(at, path, &r->secure, value);
	return wrong(at, "%s: no such setting of an export rule", path);
}

static enum status
set_id(const struct where *at, const char *path, uint32_t *to, const char *value)
{
	uint64_t n;
	enum status st = set_num(at, path, &n, value, 0, UINT32_MAX - 1);

	if (st == OK)
		*to = (uint32_t)n;
	return st;
}

static enum status
set_share(struct share_conf *s, const struct where *at, const char *path, const char *key,
    const char *value)
{
	unsigned rule;
	int used = 0;

	if (sscanf(key, "allow[%u].%n", &rule, &used) == 1 && used > 0)
		return set_rule(s, at, path, rule, key + used, value);
	if (strcmp(key, "name") == 0)
		return value[0] == '/' ? set_str(at, path, s->name, sizeof s->name, value) :
		    wrong(at, "%s: \"%s\" does not begin with /", path, value);
	if (strcmp(key, "dir") == 0)
		return set_str(at, path, s->dir, sizeof s->dir, value);
	if (strcmp(key, "metadata") == 0)
		return set_str(at, path, s->meta, sizeof s->meta,
		    strcmp(value, "badger") == 0 ? "leveldb" : value);
	if (strcmp(key, "metadata_dir") == 0)
		return set_str(at, path, s->meta_dir, sizeof s->meta_dir, value);
	if (strcmp(key, "durability") == 0)
		return set_word(at, path, &s->tier, value, tier_words);
	if (strcmp(key, "encryption") == 0)
		return shares_encryption_of(value, &s->encryption) ? OK : wrong(at,
		    "%s: \"%s\" is not none, auto, aes-256-gcm, chacha20-poly1305 or "
		    "xchacha20-poly1305", path, value);
	if (strcmp(key, "compression") == 0)
		return shares_compression_of(value, &s->compression) ? OK : wrong(at,
		    "%s: \"%s\" is not none, zstd, or zstd-1 to zstd-19", path, value);
	if (strcmp(key, "read_only") == 0)
		return set_flag(at, path, &s->read_only, value);
	if (strcmp(key, "journal") == 0)
		return set_size(at, path, &s->journal_bytes, value, 64ull << 20, 1ull << 40);
	if (strcmp(key, "reserve") == 0)
		return set_size(at, path, &s->reserve_bytes, value, 0, 1ull << 50);
	if (strcmp(key, "anon_uid") == 0)
		return set_id(at, path, &s->anon_uid, value);
	if (strcmp(key, "anon_gid") == 0)
		return set_id(at, path, &s->anon_gid, value);
	return wrong(at, "%s: no such setting of a share", path);
}

static enum status
set_path(struct config *c, const struct where *at, const char *path, const char *value)
{
	unsigned i;
	int used = 0;

	if (sscanf(path, "shares[%u].%n", &i, &used) != 1 || used == 0)
		return set_key(c, at, path, value);
	if (i >= CONFIG_SHARES_MAX)
		return wrong(at, "more than %d shares", CONFIG_SHARES_MAX);
	while (c->nshares <= i) {
		struct share_conf s;

		config_share_default(&s, "");
		config_add_share(c, &s);
	}
	return set_share(&c->shares[i], at, path, path + used, value);
}

void
config_share_default(struct share_conf *s, const char *name)
{
	*s = (struct share_conf){ .meta = "leveldb", .tier = TIER_LOCAL, .anon_uid = 65534,
		.anon_gid = 65534, .root_uid = getuid(), .root_gid = getgid(), .root_mode = 01777,
		.journal_bytes = 2ull << 30, .reserve_bytes = 256ull << 20 };
	snprintf(s->name, sizeof s->name, "%s", name);
}

void
config_add_share(struct config *c, const struct share_conf *s)
{
	c->shares = xrealloc(c->shares, (c->nshares + 1) * sizeof *c->shares);
	c->shares[c->nshares++] = *s;
}

/* --- the file --- */

struct level {				/* a mapping or a sequence that is open */
	bool list;
	uint32_t next;			/* index of the next item of a list */
	size_t path_len;		/* of what leads here */
	bool have_key;
};

struct parse {
	struct config *config;
	struct where at;
	struct level level[DEPTH_MAX];
	int depth;			/* of the innermost; -1: none */
	char path[PATH_MAX_BYTES];
};

static bool
path_add(struct parse *p, const char *word, bool dot)
{
	size_t len = strlen(p->path);

	if (len + strlen(word) + 2 > sizeof p->path)
		return false;
	snprintf(p->path + len, sizeof p->path - len, "%s%s", dot && len > 0 ? "." : "", word);
	return true;
}

/* A value begins: in a list, its index leads to it. */
static bool
value_begins(struct parse *p)
{
	struct level *l = p->depth < 0 ? NULL : &p->level[p->depth];
	char index[16];

	if (l == NULL || !l->list)
		return true;
	p->path[l->path_len] = '\0';
	snprintf(index, sizeof index, "[%u]", l->next++);
	return path_add(p, index, false);
}

static enum status
scalar(struct parse *p, const char *word)
{
	struct level *l = p->depth < 0 ? NULL : &p->level[p->depth];

	if (l == NULL)
		return wrong(&p->at, "a mapping of settings is wanted here");
	if (!l->list && !l->have_key) {
		p->path[l->path_len] = '\0';
		l->have_key = true;
		return path_add(p, word, true) ? OK : wrong(&p->at, "the key is too long");
	}
	if (!value_begins(p))
		return wrong(&p->at, "the key is too long");
	l->have_key = false;
	if (*word == '\0' || strcmp(word, "~") == 0)
		return OK;		/* nothing said: the default stays */
	return set_path(p->config, &p->at, p->path, word);
}

static enum status
open_level(struct parse *p, bool list)
{
	if (p->depth + 1 >= DEPTH_MAX)
		return wrong(&p->at, "nested too deeply");
	if (!value_begins(p))
		return wrong(&p->at, "the key is too long");
	if (p->depth >= 0)
		p->level[p->depth].have_key = false;
	p->level[++p->depth] = (struct level){ .list = list, .path_len = strlen(p->path) };
	return OK;
}

static enum status
event(struct parse *p, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_SCALAR_EVENT:
		return scalar(p, (const char *)e->data.scalar.value);
	case YAML_MAPPING_START_EVENT:
		return open_level(p, false);
	case YAML_SEQUENCE_START_EVENT:
		return open_level(p, true);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		p->depth--;
		return OK;
	case YAML_ALIAS_EVENT:
		return wrong(&p->at, "aliases are not supported");
	default:
		return OK;
	}
}

static enum status
parse_file(struct config *c, const char *file, FILE *in, char *why, size_t why_cap)
{
	struct parse p = { .config = c, .at = { file, 0, why, why_cap }, .depth = -1 };
	yaml_parser_t y;
	enum status st = OK;
	bool end = false;

	assert(yaml_parser_initialize(&y));
	yaml_parser_set_input_file(&y, in);
	while (st == OK && !end) {
		yaml_event_t e;

		if (!yaml_parser_parse(&y, &e)) {
			p.at.line = y.problem_mark.line + 1;
			st = wrong(&p.at, "%s", y.problem ? y.problem : "not YAML");
			break;
		}
		p.at.line = e.start_mark.line + 1;
		end = e.type == YAML_STREAM_END_EVENT;
		st = event(&p, &e);
		yaml_event_delete(&e);
	}
	yaml_parser_delete(&y);
	return st;
}

/* --- the environment --- */

static void
env_name(char *to, size_t cap, const char *path)
{
	size_t n = (size_t)snprintf(to, cap, "DITTOFS_");

	for (; *path != '\0' && n + 1 < cap; path++)
		to[n++] = *path == '.' ? '_' : (char)toupper((unsigned char)*path);
	to[n] = '\0';
}

static enum status
from_env(struct config *c, char *why, size_t why_cap)
{
	static const char *const paths[] = {
#define STR(path, field, dflt, help) path,
#define NUM(path, field, dflt, least, most, help) path,
#define SIZE(path, field, dflt, least, most, help) path,
#define FLAG(path, field, dflt, help) path,
#include "mgmt/daemon/config.def"
#undef STR
#undef NUM
#undef SIZE
#undef FLAG
	};
	char name[PATH_MAX_BYTES];

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct where at = { name, 0, why, why_cap };
		const char *value;
		enum status st;

		env_name(name, sizeof name, paths[i]);
		value = getenv(name);
		if (value == NULL)
			continue;
		st = set_key(c, &at, paths[i], value);
		if (st != OK)
			return st;
	}
	return OK;
}

/* --- all of it --- */

static void
defaults(struct config *c)
{
	memset(c, 0, sizeof *c);
#define STR(path, field, dflt, help) snprintf(c->field, sizeof c->field, "%s", dflt);
#define NUM(path, field, dflt, least, most, help) c->field = dflt;
#define SIZE(path, field, dflt, least, most, help) c->field = dflt;
#define FLAG(path, field, dflt, help) c->field = dflt;
#include "mgmt/daemon/config.def"
#undef STR
#undef NUM
#undef SIZE
#undef FLAG
}

static void
home_path(char *to, size_t cap, const char *variable, const char *below, const char *rest)
{
	const char *dir = getenv(variable), *home = getenv("HOME");

	if (dir != NULL && *dir != '\0')
		snprintf(to, cap, "%s/dittofs%s", dir, rest);
	else
		snprintf(to, cap, "%s/%s/dittofs%s", home ? home : "", below, rest);
}

void
config_default_file(char *to, size_t cap)
{
	home_path(to, cap, "XDG_CONFIG_HOME", ".config", "/config.yaml");
}

const char *
config_installed_file(void)
{
	static const char file[] = DFS_SYSCONFDIR "/dittofs/config.yaml";

	return access(file, R_OK) == 0 ? file : NULL;
}

/* Shares without a folder get one in state_dir; a share without rules lets every host in. */
static enum status
complete(struct config *c, char *why, size_t why_cap)
{
	if (c->state_dir[0] == '\0')
		home_path(c->state_dir, sizeof c->state_dir, "XDG_STATE_HOME", ".local/state", "");
	for (uint32_t i = 0; i < c->nshares; i++) {
		struct share_conf *s = &c->shares[i];
		struct where at = { "shares", 0, why, why_cap };

		if (s->name[0] == '\0')
			return wrong(&at, "share number %u has no name", i + 1);
		for (uint32_t j = 0; j < i; j++)
			if (strcmp(c->shares[j].name, s->name) == 0)
				return wrong(&at, "two shares are named %s", s->name);
		if (s->dir[0] == '\0' && (size_t)snprintf(s->dir, sizeof s->dir, "%s/shares%s",
		    c->state_dir, s->name) >= sizeof s->dir)
			return wrong(&at, "%s: the path of its folder is too long", s->name);
		if (s->nrules == 0) {
			s->nrules = 1;
			s->rules[0] = (struct export_rule){ .hosts = "*", .squash = SQUASH_ROOT };
		}
	}
	return OK;
}

enum status
config_read(struct config *c, const char *file, char *why, size_t why_cap)
{
	char standard[CONFIG_STR_MAX];
	struct where at = { file, 0, why, why_cap };
	enum status st = OK;
	struct stat sb;
	FILE *in;

	defaults(c);
	if (file == NULL) {
		config_default_file(standard, sizeof standard);
		at.file = standard;
	}
	in = fopen(at.file, "re");
	if (in == NULL && (file != NULL || errno != ENOENT))
		return wrong(&at, "%s", strerror(errno));
	if (in != NULL) {
		if (fstat(fileno(in), &sb) != 0 || !S_ISREG(sb.st_mode) ||
		    sb.st_size > CONFIG_BYTES_MAX)
			st = wrong(&at, "not a file of at most %d bytes", CONFIG_BYTES_MAX);
		if (st == OK)
			st = parse_file(c, at.file, in, why, why_cap);
		fclose(in);
	}
	if (st == OK)
		st = from_env(c, why, why_cap);
	if (st == OK)
		st = complete(c, why, why_cap);
	return st;
}

void
config_free(struct config *c)
{
	free(c->shares);
	c->shares = NULL;
	c->nshares = 0;
}

void
config_template(int fd)
{
	dprintf(fd, "# Settings of the DittoFS daemon; see dfs.yaml(5).  What is commented out is the\n"
	    "# default.  Each may be overridden by the environment: nfs.port by DITTOFS_NFS_PORT.\n\n");
#define STR(path, field, dflt, help) dprintf(fd, "# %s\n#%s: \"%s\"\n\n", help, path, dflt);
#define NUM(path, field, dflt, least, most, help) \
	dprintf(fd, "# %s\n#%s: %llu\n\n", help, path, (unsigned long long)(dflt));
#define SIZE(path, field, dflt, least, most, help) \
	dprintf(fd, "# %s\n#%s: %lluMiB\n\n", help, path, (unsigned long long)(dflt) >> 20);
#define FLAG(path, field, dflt, help) \
	dprintf(fd, "# %s\n#%s: %s\n\n", help, path, (dflt) ? "true" : "false");
#include "mgmt/daemon/config.def"
#undef STR
#undef NUM
#undef SIZE
#undef FLAG
	dprintf(fd, "# Shares of this file are served from the start; those that dfsctl makes are kept in\n"
	    "# the control database instead.\n"
	    "#shares:\n#  - name: /export\n#    metadata: leveldb\n#    durability: local\n"
	    "#    allow:\n#      - hosts: \"*\"\n#        squash: root\n");
}
