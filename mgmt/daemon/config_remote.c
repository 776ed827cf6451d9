/*
 * Remote stores of the file of settings: from rows to what opens one.  They are called file/NAME
 * among the open stores, so that one of the control plane may have the same name.
 */
#include "mgmt/daemon/inner.h"

#include "pipeline/base/panic.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const struct config_remote *
config_remote_of(const struct config *c, const char *name)
{
	for (uint32_t i = 0; i < c->nremotes; i++)
		if (strcmp(c->remotes[i].name, name) == 0)
			return &c->remotes[i];
	return NULL;
}

void
config_remote_variable(const struct config_remote *r, int row, char *to, size_t cap)
{
	size_t n = (size_t)snprintf(to, cap, "DITTOFS_REMOTES_%s_%s", r->name,
	    remote_settings[row].key);

	for (size_t i = 0; i < n && i + 1 < cap; i++)
		to[i] = isalnum((unsigned char)to[i]) ? (char)toupper((unsigned char)to[i]) : '_';
}

/* The value as options have it, where it is said; numbers are written into room. */
static const char *
value_of(const struct config_remote *r, const struct setting *s, struct config_remote_room *room,
    unsigned *used)
{
	const void *at = (const char *)r + s->at;
	uint64_t n = 0;

	switch (s->kind) {
	case SET_STR: case SET_SECRET: case SET_WORD:
		return *(const char *)at != '\0' ? at : NULL;
	case SET_FLAG:
		return *(const bool *)at ? "true" : NULL;
	case SET_NUM: case SET_SIZE:
		n = *(const uint64_t *)at;
		break;
	case SET_ID: case SET_PICK: case SET_ENCRYPTION: case SET_COMPRESSION:
		panic("no such row of a remote store: %s", s->key);
	}
	if (n == 0)
		return NULL;
	assert(*used < ARRAY_LEN(room->text));
	snprintf(room->text[*used], sizeof room->text[0], "%llu", (unsigned long long)n);
	return room->text[(*used)++];
}

enum status
config_remote_spec(const struct config_remote *r, struct config_remote_room *room,
    struct store_spec *spec, char *why, size_t why_cap)
{
	unsigned used = 0;

	*spec = (struct store_spec){ .noptions = 0 };
	snprintf(spec->name, sizeof spec->name, "file/%s", r->name);
	snprintf(spec->kind, sizeof spec->kind, "%s", r->type);
	for (int i = 0; i < remote_settings_count; i++) {
		const struct setting *s = &remote_settings[i];
		const char *value = value_of(r, s, room, &used);
		enum status st;

		if (value == NULL || strcmp(s->key, "name") == 0 || strcmp(s->key, "type") == 0)
			continue;
		st = store_spec_set(spec, s->key, value, why, why_cap);
		if (st == ST_INVAL)
			return st;
		if (st == OK)
			continue;
		if (spec->noptions == STORE_SPEC_OPTIONS) {
			snprintf(why, why_cap, "more than %d options", STORE_SPEC_OPTIONS);
			return ST_INVAL;
		}
		spec->option[spec->noptions++] = (struct backends_pair){ s->key, value };
	}
	return OK;
}

/* --- remote stores, and shares on them --- */

static bool
name_ok(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && (i == 0 || strchr("._-", name[i]) == NULL))
			return false;
	return len > 0;
}

static enum status
remote_env(struct config_remote *r, struct config_where *at)
{
	char name[CONFIG_PATH_MAX];
	enum status st = OK;

	for (int i = 0; i < remote_settings_count && (st == OK || at->see != NULL); i++) {
		const char *value;

		config_remote_variable(r, i, name, sizeof name);
		value = getenv(name);
		if (value == NULL || strcmp(remote_settings[i].key, "name") == 0)
			continue;
		at->file = name;
		at->line = 0;
		st = config_put(at, &remote_settings[i], remote_settings[i].key, r, value);
	}
	return st;
}

/* What it says fits its type, and what the gateway takes from it is right. */
static enum status
remote_fits(const struct config_remote *r, struct config_where *at)
{
	struct config_remote_room room;
	struct store_spec spec;
	char why[300] = "";

	for (int i = 0; i < remote_settings_count; i++) {
		const struct setting *s = &remote_settings[i];

		if (r->line[i] == 0 || s->kind == SET_WORD || s->words == NULL ||
		    strcmp(s->words, r->type) == 0)
			continue;
		at->line = r->line[i];
		return config_wrong(at,
		    "%s: %s is for the type %s, and this one's is %s; remove it, or mend "
		    "the type",
		    r->name, s->key, s->words, r->type);
	}
	if (strcmp(r->type, "s3") == 0 && r->bucket[0] == '\0')
		return config_wrong(at, "%s: bucket is wanted, the name of one that is there",
		    r->name);
	if (strcmp(r->type, "fs") == 0 && r->path[0] == '\0')
		return config_wrong(at, "%s: path is wanted, a folder", r->name);
	if (config_remote_spec(r, &room, &spec, why, sizeof why) != OK)
		return config_wrong(at, "%s: %s", r->name, why);
	return OK;
}

enum status
config_remote_complete(struct config *c, uint32_t i, struct config_where *at)
{
	struct config_remote *r = &c->remotes[i];
	enum status st;

	at->line = r->begins;
	if (!name_ok(r->name))
		return config_wrong(at,
		    "remote number %u: \"%.60s\" is no name; give it one of letters, digits and "
		    "._-, as in name: far",
		    i + 1, r->name);
	for (uint32_t j = 0; j < i; j++)
		if (strcmp(c->remotes[j].name, r->name) == 0)
			return config_wrong(at, "two remotes are named %s", r->name);
	st = remote_env(r, at);
	at->file = c->file;
	at->line = r->begins;
	return st == OK ? remote_fits(r, at) : st;
}

enum status
config_share_remote(struct config *c, struct share_conf *s, struct config_where *at)
{
	const struct config_remote *r = NULL;
	struct config_remote_room room;
	struct store_spec spec;
	char why[300] = "";

	if (s->remote[0] != '\0' && (r = config_remote_of(c, s->remote)) == NULL) {
		s->encryption = s->compression = 0;	/* nothing else is wrong with it */
		return config_wrong(at, "%s: remote: there is no %s among `remotes`; add it there",
		    s->name, s->remote);
	}
	if (r != NULL && config_remote_spec(r, &room, &spec, why, sizeof why) != OK)
		return store_spec_inherit(NULL, s, why, sizeof why);	/* that was said already */
	if (r != NULL && strcmp(r->type, "memory") == 0 && strcmp(s->meta, "memory") != 0)
		return config_wrong(at,
		    "%s: remote: one in memory needs metadata in memory beside it", s->name);
	if (store_spec_inherit(r != NULL ? &spec : NULL, s, why, sizeof why) != OK)
		return config_wrong(at, "%s: encryption: %s", s->name, why);
	return OK;
}
