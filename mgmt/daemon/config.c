/*
 * Settings: a YAML file, read event by event into paths ("nfs.port", "shares[0].name") and given
 * to the row of config.def or share.def that wants them; then the environment.
 */
#include "mgmt/daemon/inner.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

enum { DEPTH_MAX = 8 };

enum status
config_wrong(struct config_where *at, const char *fmt, ...)
{
	struct text t = text_of(at->why, at->why_cap);
	char what[CONFIG_WHY_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	if (at->line > 0)
		text_addf(&t, "%s:%zu: %s", at->file, at->line, what);
	else
		text_addf(&t, "%s: %s", at->file, what);
	at->wrong++;
	if (at->see != NULL)
		at->see(at->why, at->arg);
	return ST_INVAL;
}

enum status
config_put(struct config_where *at, const struct setting *s, const char *path, void *holder,
    const char *value)
{
	char why[300], dflt[CONFIG_STR_MAX];

	if (setting_put(s, holder, value, why, sizeof why))
		return OK;
	setting_default_text(s, dflt, sizeof dflt);
	return config_wrong(at, "%s: %s; mend it, or %s%s%s", path, why,
	    at->line > 0 ? "remove the line" : "unset it", dflt[0] ? " for the default " : "",
	    dflt);
}

static enum status
unknown(struct config_where *at, const char *path, const char *of, const struct setting *rows,
    int n, const char *key)
{
	const char *like = setting_like(rows, n, key);

	if (like != NULL)
		return config_wrong(at,
		    "%s: no such setting%s; is %s meant? `dfs config` lists all", path, of, like);
	return config_wrong(at,
	    "%s: no such setting%s; `dfs config` lists all, dfs.yaml(5) explains them", path, of);
}

static enum status
set_key(struct config *c, struct config_where *at, const char *path, const char *value)
{
	int i = setting_at(settings, settings_count, path);
	enum status st;

	if (i < 0)
		return unknown(at, path, "", settings, settings_count, path);
	st = config_put(at, &settings[i], path, c, value);
	if (st == OK)
		c->origin[i] = (struct config_origin){
			at->line > 0 ? CONFIG_FILE : CONFIG_ENVIRONMENT, at->line, NULL };
	return st;
}

/* --- shares --- */

static enum status
set_rule(struct share_conf *s, struct config_where *at, const char *path, uint32_t i,
    const char *key, const char *value)
{
	int row = setting_at(rule_settings, rule_settings_count, key);

	if (i >= EXPORT_RULES_MAX)
		return config_wrong(at, "%s: more than %d rules", path, EXPORT_RULES_MAX);
	if (i >= s->nrules) {
		setting_defaults(rule_settings, rule_settings_count, &s->rules[i]);
		s->nrules = i + 1;
	}
	if (row < 0)
		return unknown(at, path, " of an export rule", rule_settings, rule_settings_count,
		    key);
	return config_put(at, &rule_settings[row], path, &s->rules[i], value);
}

static enum status
set_share(struct config *c, uint32_t i, struct config_where *at, const char *path, const char *key,
    const char *value)
{
	struct config_share_lines *lines = &c->share_lines[i];
	struct share_conf *s = &c->shares[i];
	int row, used = 0;
	unsigned rule;

	if (lines->begins == 0)
		lines->begins = at->line;
	if (sscanf(key, "allow[%u].%n", &rule, &used) == 1 && used > 0) {
		if (lines->allow == 0)
			lines->allow = at->line;
		return set_rule(s, at, path, rule, key + used, value);
	}
	row = setting_at(share_settings, share_settings_count, key);
	if (row < 0)
		return unknown(at, path, " of a share", share_settings, share_settings_count, key);
	if (strcmp(key, "name") == 0 && value[0] != '/')
		return config_wrong(at, "%s: \"%.100s\" does not begin with /", path, value);
	lines->setting[row] = at->line;
	return config_put(at, &share_settings[row], path, s, value);
}

static enum status
set_remote(struct config *c, uint32_t i, struct config_where *at, const char *path, const char *key,
    const char *value)
{
	int row = setting_at(remote_settings, remote_settings_count, key);
	struct config_remote *r;

	if (i >= CONFIG_REMOTES_MAX)
		return config_wrong(at, "more than %d remotes", CONFIG_REMOTES_MAX);
	if (c->remotes == NULL)
		c->remotes = xcalloc(CONFIG_REMOTES_MAX, sizeof *c->remotes);
	r = &c->remotes[i];
	for (; c->nremotes <= i; c->nremotes++)
		setting_defaults(remote_settings, remote_settings_count, &c->remotes[c->nremotes]);
	if (r->begins == 0)
		r->begins = at->line;
	if (row < 0)
		return unknown(at, path, " of a remote store", remote_settings,
		    remote_settings_count, key);
	r->line[row] = at->line;
	return config_put(at, &remote_settings[row], path, r, value);
}

static enum status
set_path(struct config *c, struct config_where *at, const char *path, const char *value)
{
	unsigned i;
	int used = 0;

	if (sscanf(path, "remotes[%u].%n", &i, &used) == 1 && used > 0)
		return set_remote(c, i, at, path, path + used, value);
	if (sscanf(path, "shares[%u].%n", &i, &used) != 1 || used == 0)
		return set_key(c, at, path, value);
	if (i >= CONFIG_SHARES_MAX)
		return config_wrong(at, "more than %d shares", CONFIG_SHARES_MAX);
	while (c->nshares <= i) {
		struct share_conf s;

		config_share_default(&s, "");
		s.encryption = s.compression = SHARE_INHERIT;	/* until all remotes are known */
		config_add_share(c, &s);
	}
	return set_share(c, i, at, path, path + used, value);
}

void
config_share_default(struct share_conf *s, const char *name)
{
	*s = (struct share_conf){ .root_uid = getuid(), .root_gid = getgid(), .root_mode = 01777 };
	setting_defaults(share_settings, share_settings_count, s);
	snprintf(s->name, sizeof s->name, "%s", name);
}

void
config_add_share(struct config *c, const struct share_conf *s)
{
	uint32_t n = c->nshares++;

	c->shares = xrealloc(c->shares, c->nshares * sizeof *c->shares);
	c->share_lines = xrealloc(c->share_lines, c->nshares * sizeof *c->share_lines);
	c->shares[n] = *s;
	c->share_lines[n] = (struct config_share_lines){ .begins = 0 };
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
	struct config_where *at;
	struct level level[DEPTH_MAX];
	int depth;			/* of the innermost; -1: none */
	char path[CONFIG_PATH_MAX];
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
	enum status st;

	if (l == NULL)
		return config_wrong(p->at, "a mapping of settings is wanted here");
	if (!l->list && !l->have_key) {
		p->path[l->path_len] = '\0';
		l->have_key = true;
		return path_add(p, word, true) ? OK : config_wrong(p->at, "the key is too long");
	}
	if (!value_begins(p))
		return config_wrong(p->at, "the key is too long");
	l->have_key = false;
	if (*word == '\0' || strcmp(word, "~") == 0)
		return OK;		/* nothing said: the default stays */
	st = set_path(p->config, p->at, p->path, word);
	return p->at->see != NULL ? OK : st;	/* of all that are wrong each is said */
}

static enum status
open_level(struct parse *p, bool list)
{
	if (p->depth + 1 >= DEPTH_MAX)
		return config_wrong(p->at, "nested too deeply");
	if (!value_begins(p))
		return config_wrong(p->at, "the key is too long");
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
		return config_wrong(p->at, "aliases are not supported");
	default:
		return OK;
	}
}

static enum status
parse_file(struct config *c, struct config_where *at, FILE *in)
{
	struct parse p = { .config = c, .at = at, .depth = -1 };
	yaml_parser_t y;
	enum status st = OK;
	bool end = false;

	assert(yaml_parser_initialize(&y));
	yaml_parser_set_input_file(&y, in);
	while (st == OK && !end) {
		yaml_event_t e;

		if (!yaml_parser_parse(&y, &e)) {
			p.at->line = y.problem_mark.line + 1;
			st = config_wrong(p.at, "%s", y.problem ? y.problem : "not YAML");
			break;
		}
		p.at->line = e.start_mark.line + 1;
		end = e.type == YAML_STREAM_END_EVENT;
		st = event(&p, &e);
		yaml_event_delete(&e);
	}
	yaml_parser_delete(&y);
	return st;
}

/* --- the environment --- */

static enum status
from_env(struct config *c, struct config_where *at)
{
	char name[CONFIG_PATH_MAX];
	enum status st = OK;

	at->file = name;
	at->line = 0;
	for (int i = 0; i < settings_count && (st == OK || at->see != NULL); i++) {
		const char *value;

		setting_variable(&settings[i], name, sizeof name);
		value = getenv(name);
		if (value != NULL)
			st = set_key(c, at, settings[i].key, value);
	}
	return st;
}

/* The key of tokens by its other name, where the setting says none. */
static void
from_secret(struct config *c)
{
	static const char name[] = "DITTOFS_CONTROLPLANE_SECRET";
	const char *value = getenv("DITTOFS_CONTROLPLANE_SECRET");

	if (value == NULL || c->jwt_secret[0] != '\0' || strlen(value) >= sizeof c->jwt_secret)
		return;
	memcpy(c->jwt_secret, value, strlen(value) + 1);
	c->origin[CONFIG_AT_jwt_secret] = (struct config_origin){ CONFIG_ENVIRONMENT, 0, name };
}

/* --- all of it --- */

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
complete_share(struct config *c, uint32_t i, struct config_where *at)
{
	struct share_conf *s = &c->shares[i];

	at->line = c->share_lines[i].begins;
	if (s->name[0] == '\0')
		return config_wrong(at,
		    "share number %u has no name; give it one, as in name: /export", i + 1);
	for (uint32_t j = 0; j < i; j++)
		if (strcmp(c->shares[j].name, s->name) == 0)
			return config_wrong(at, "two shares are named %s", s->name);
	if (s->dir[0] == '\0' && (size_t)snprintf(s->dir, sizeof s->dir, "%s/shares%s",
	    c->state_dir, s->name) >= sizeof s->dir)
		return config_wrong(at, "%s: the path of its folder is too long", s->name);
	if (strcmp(s->meta, "badger") == 0)
		snprintf(s->meta, sizeof s->meta, "leveldb");
	if (config_share_remote(c, s, at) != OK)
		return ST_INVAL;
	if (s->nrules == 0) {
		s->nrules = 1;
		s->rules[0] = (struct export_rule){ .hosts = "*", .squash = SQUASH_ROOT };
	}
	return OK;
}

static enum status
complete(struct config *c, struct config_where *at)
{
	enum status st = OK;

	if (c->state_dir[0] == '\0')
		home_path(c->state_dir, sizeof c->state_dir, "XDG_STATE_HOME", ".local/state", "");
	from_secret(c);
	at->file = c->file;
	for (uint32_t i = 0; i < c->nremotes && (st == OK || at->see != NULL); i++)
		st = config_remote_complete(c, i, at);
	for (uint32_t i = 0; i < c->nshares && (st == OK || at->see != NULL); i++)
		st = complete_share(c, i, at);
	return st;
}

static enum status
read_file(struct config *c, struct config_where *at, const char *file)
{
	enum status st = OK;
	struct stat sb;
	FILE *in;

	if (file == NULL)
		config_default_file(c->file, sizeof c->file);
	else
		snprintf(c->file, sizeof c->file, "%s", file);
	at->file = c->file;
	in = fopen(c->file, "re");
	if (in == NULL && (file != NULL || errno != ENOENT))
		return config_wrong(at, "%s", strerror(errno));
	if (in == NULL) {
		c->file[0] = '\0';
		return OK;
	}
	if (fstat(fileno(in), &sb) != 0 || !S_ISREG(sb.st_mode) || sb.st_size > CONFIG_BYTES_MAX)
		st = config_wrong(at, "not a file of at most %d bytes", CONFIG_BYTES_MAX);
	if (st == OK)
		st = parse_file(c, at, in);
	fclose(in);
	return st;
}

enum status
config_read_all(struct config *c, struct config_where *at, const char *file)
{
	enum status st;

	memset(c, 0, sizeof *c);
	setting_defaults(settings, settings_count, c);
	st = read_file(c, at, file);
	if (st == OK || at->see != NULL)
		st = from_env(c, at);
	if (st == OK || at->see != NULL)
		st = complete(c, at);
	return st;
}

enum status
config_read(struct config *c, const char *file, char *why, size_t why_cap)
{
	struct config_where at = { .why = why, .why_cap = why_cap };

	return config_read_all(c, &at, file);
}

void
config_free(struct config *c)
{
	if (c->remotes != NULL)
		explicit_bzero(c->remotes, CONFIG_REMOTES_MAX * sizeof *c->remotes);
	free(TAKE(&c->remotes));
	c->nremotes = 0;
	free(c->shares);
	free(c->share_lines);
	c->shares = NULL;
	c->share_lines = NULL;
	c->nshares = 0;
}
