/*
 * Stores: names for where metadata and blocks lie.  A store that a share uses does not change
 * under it.  Secrets are not shown; what stands for one when a row is sent back keeps it.
 */
#include "mgmt/rest/remote.h"
#include "mgmt/rest/seal.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/panic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HIDDEN "********"

static const char *const store_extras[] = { "status", "kind", NULL };

enum option_kind { OPTION_STRING, OPTION_INT, OPTION_FLAG };

static const struct {
	enum db_entity entity;
	const char *type, *key;
	enum option_kind kind;
	bool needed;
} options[] = {
#define OPTION(entity, type, key, kind, needed) { DB_##entity, type, key, OPTION_##kind, needed },
#include "mgmt/rest/store.def"
#undef OPTION
};

struct config {
	struct rest_call *call;
	enum db_entity entity;
	const char *type, *store;
	const struct rest_json *old;	/* for secrets that stay; NULL: none */
	struct rest_json *out;
	const char *path;
	bool ok;
};

static bool
kind_ok(enum option_kind kind, enum rest_json_kind k)
{
	switch (kind) {
	case OPTION_STRING: return k == REST_STRING;
	case OPTION_INT: return k == REST_INT;
	case OPTION_FLAG: return k == REST_TRUE || k == REST_FALSE;
	}
	return false;
}

static void
copy(struct rest_json *to, const char *key, const struct rest_json *j)
{
	switch (rest_json_kind(j)) {
	case REST_INT:
		rest_json_put_int(to, key, rest_json_int(j));
		return;
	case REST_TRUE:
	case REST_FALSE:
		rest_json_put_bool(to, key, rest_json_kind(j) == REST_TRUE);
		return;
	case REST_STRING:
		rest_json_put_str(to, key, rest_json_str(j));
		return;
	case REST_NULL: case REST_REAL: case REST_ARRAY: case REST_OBJECT:
		rest_json_put_null(to, key);
		return;
	}
}

static bool
seal_member(struct config *c, const char *key, const char *plain)
{
	const char *sealed;

	if (rest_seal(c->store, key, plain, &c->call->arena, &sealed) != OK)
		return c->ok = rest_invalid_field(c->call, "config", "%s: cannot be sealed", key);
	rest_json_put_str(c->out, key, sealed);
	return true;
}

static bool
config_member(const char *key, const struct rest_json *j, void *arg)
{
	struct config *c = arg;

	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		if (options[i].entity != c->entity || strcmp(options[i].type, c->type) != 0 ||
		    strcmp(options[i].key, key) != 0)
			continue;
		if (!kind_ok(options[i].kind, rest_json_kind(j)))
			return c->ok = rest_invalid_field(c->call, "config",
				   "%s: of the wrong kind", key);
		if (c->entity != DB_REMOTE_STORE &&
		    (strcmp(key, "path") == 0 || strcmp(key, "db_path") == 0))
			c->path = arena_copy(&c->call->arena, rest_json_str(j),
			    strlen(rest_json_str(j)));
		else if (rest_option_secret(key) && strcmp(rest_json_str(j), HIDDEN) == 0 &&
		    rest_json_get(c->old, key) != NULL)
			copy(c->out, key, rest_json_get(c->old, key));
		else if (rest_option_secret(key) && rest_json_str(j)[0] != '\0')
			return seal_member(c, key, rest_json_str(j));
		else
			copy(c->out, key, j);
		return true;
	}
	return c->ok = rest_invalid_field(c->call, "config",
		   "\"%.64s\" is no option of the type %s", key, c->type);
}

static bool
complete(struct config *c)
{
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (options[i].entity == c->entity && strcmp(options[i].type, c->type) == 0 &&
		    options[i].needed && rest_json_get(c->out, options[i].key) == NULL)
			return rest_invalid_field(c->call, "config", "\"%s\" is wanted",
			    options[i].key);
	return true;
}

static bool
set_path(struct config *c, struct db_row *row)
{
	const struct db_field *f;
	struct db_value v = { .is = DB_TEXT, .text = c->path };
	char why[120];

	if (c->path == NULL || c->entity == DB_REMOTE_STORE)
		return true;
	f = &db_entity[c->entity].field[db_field_at(c->entity, "path")];
	if (!db_field_ok(f, &v, why, sizeof why))
		return rest_invalid_field(c->call, "config", "path: %s", why);
	db_set_text(c->entity, row, "path", c->path);
	return true;
}

/* What the gateway itself takes from it. */
static bool
remote_ok(struct rest_call *call, const char *name, const char *type, const char *config)
{
	struct store_spec spec;
	char why[300] = "";

	return rest_remote_read(name, type, config, &call->arena, &spec, why, sizeof why) == OK ||
	    rest_invalid_field(call, "config", "%s", why);
}

/* The config of row, held to the type of what it is; old: the config before, for secrets. */
static bool
config_check(struct rest_call *call, enum db_entity e, struct db_row *row, const struct db_row *is,
    const char *old)
{
	struct db_value *v = &row->v[db_field_at(e, "config")];
	struct config c = { .call = call, .entity = e, .type = db_text(e, is, "type"),
		.store = db_text(e, is, "name"), .ok = true };
	struct rest_json *given, *before;
	char why[80], *text;

	given = rest_json_parse(v->is == DB_TEXT ? v->text : "{}", v->is == DB_TEXT ?
	    strlen(v->text) : 2, why, sizeof why);
	before = rest_json_parse(old, strlen(old), why, sizeof why);
	c.old = before;
	c.out = rest_json_object();
	if (given != NULL)
		rest_json_each(given, config_member, &c);
	c.ok = c.ok && complete(&c) && set_path(&c, row);
	text = rest_json_text(c.out);
	*v = (struct db_value){ .is = DB_TEXT,
		.text = arena_copy(&call->arena, text, strlen(text)) };
	free(text);
	rest_json_free(c.out);
	rest_json_free(given);
	rest_json_free(before);
	if (c.ok && v->text == NULL)
		return rest_invalid_field(call, "config", "is too large");
	return c.ok && (e != DB_REMOTE_STORE || remote_ok(call, c.store, c.type, v->text));
}

/* --- hooks --- */

static bool
hide_member(const char *key, const struct rest_json *j, void *arg)
{
	if (rest_option_secret(key) && rest_json_kind(j) == REST_STRING)
		rest_json_put_str(arg, key, HIDDEN);
	else
		copy(arg, key, j);
	return true;
}

static void
store_show(struct rest_call *call, const struct db_row *row, struct rest_json *out)
{
	struct rest_json *shown = rest_json_object();
	const struct rest_json *config = rest_json_get(out, "config");

	(void)call, (void)row;
	if (config != NULL && rest_json_kind(config) == REST_OBJECT)
		rest_json_each(config, hide_member, shown);
	rest_json_put(out, "config", shown);
}

static bool
creating(struct rest_call *call, enum db_entity e, struct db_row *row)
{
	return config_check(call, e, row, row, "{}");
}

/* What may change under shares that use the store, while they are disabled: where their objects are
 * stays as it was, how they are reached does not. */
static const char *const reaches[] = { "access_key_id", "secret_access_key", "session_token",
	"ca_file", "credentials_file", "connections", "attempts", "parallel_uploads" };

struct beside {				/* a config beside another */
	const struct rest_json *other;
	bool alike;
};

static bool
member_alike(const char *key, const struct rest_json *value, void *arg)
{
	struct beside *b = arg;
	const struct rest_json *there = rest_json_get(b->other, key);
	char *one, *two;

	for (size_t i = 0; i < ARRAY_LEN(reaches); i++)
		if (strcmp(key, reaches[i]) == 0)
			return true;
	if (there == NULL)
		return b->alike = false;
	one = rest_json_text(value);
	two = rest_json_text(there);
	b->alike = strcmp(one, two) == 0;
	free(one);
	free(two);
	return b->alike;
}

/* Do two configs name the same place? */
static bool
same_place(const char *one, const char *two)
{
	char why[80];
	struct rest_json *a = rest_json_parse(one, strlen(one), why, sizeof why);
	struct rest_json *b = rest_json_parse(two, strlen(two), why, sizeof why);
	struct beside ab = { b, true }, ba = { a, true };
	bool same = a != NULL && b != NULL;

	if (same) {
		rest_json_each(a, member_alike, &ab);
		rest_json_each(b, member_alike, &ba);
	}
	rest_json_free(a);
	rest_json_free(b);
	return same && ab.alike && ba.alike;
}

static void
see_user(const struct db_row *row, void *arg)
{
	int64_t *idle = arg;

	*idle += db_num(DB_SHARE, row, "enabled") == 0;
}

/* Does the change, whose config is checked, give a store that so many shares use new keys alone,
 * and is it open for none of them? */
static bool
new_keys(struct rest_call *call, const struct db_row *old, const struct db_row *change,
    int64_t used, const char *column)
{
	enum db_entity e = DB_REMOTE_STORE;
	int config = db_field_at(e, "config");
	const struct db_list users = { .where = column, .equals = db_text(e, old, "name"),
		.limit = DB_LIST_MAX };
	int64_t idle = 0;

	for (int i = 0; i < db_entity[e].fields; i++)
		if (i != config && change->v[i].is != DB_UNSET)
			return false;
	return same_place(db_text(e, old, "config"), change->v[config].text) &&
	    db_list(call->conn, DB_SHARE, &users, &call->arena, see_user, &idle) == OK &&
	    idle == used;
}

static bool
updating(struct rest_call *call, enum db_entity e, const struct db_row *old, struct db_row *change,
    const char *column)
{
	const char *name = db_text(e, old, "name");
	int64_t used = 0;
	enum status st = db_count(call->conn, DB_SHARE, column, name, &used);

	if (st == OK && used > 0 && e == DB_REMOTE_STORE &&
	    change->v[db_field_at(e, "config")].is == DB_TEXT) {
		if (!config_check(call, e, change, old, db_text(e, old, "config")))
			return false;
		if (new_keys(call, old, change, used, column))
			return true;
	}
	if (st == OK && used > 0)
		rest_problem(call, 409, "in_use",
		    "disable the shares to change its keys; for another place, remove them or name "
		    "another store",
		    "the %s \"%s\" is used by %lld share(s) and does not change under them",
		    db_entity[e].noun, name, (long long)used);
	else if (st != OK)
		rest_status(call, st, db_entity[e].noun, name);
	else if (change->v[db_field_at(e, "config")].is != DB_TEXT)
		return true;
	else
		return config_check(call, e, change, old, db_text(e, old, "config"));
	return false;
}

#define STORE_HOOKS(word, entity, column)							\
	static bool										\
	word##_creating(struct rest_call *call, struct db_row *row)				\
	{											\
		return creating(call, entity, row);						\
	}											\
	static bool										\
	word##_updating(struct rest_call *call, const struct db_row *old, struct db_row *change) \
	{											\
		return updating(call, entity, old, change, column);				\
	}											\
	const struct rest_hooks rest_##word##_store_hooks = { .show = store_show,		\
		.creating = word##_creating, .updating = word##_updating, .extras = store_extras };

STORE_HOOKS(meta, DB_META_STORE, "metadata_store")
STORE_HOOKS(local, DB_LOCAL_STORE, "local_block_store")
STORE_HOOKS(remote, DB_REMOTE_STORE, "remote_block_store")

/* --- health --- */

/* The folder, or the nearest above it that there is: may we write there? */
static bool
usable(const char *path, char *details, size_t cap)
{
	char at[800];

	snprintf(at, sizeof at, "%s", path);
	while (access(at, F_OK) != 0 && errno == ENOENT) {
		char *slash = strrchr(at, '/');

		if (slash == NULL || slash == at)
			break;
		*slash = '\0';
	}
	if (access(at, W_OK | X_OK) == 0) {
		snprintf(details, cap, "%s can be written", at);
		return true;
	}
	snprintf(details, cap, "%s: %s", at, strerror(errno));
	return false;
}

void
rest_do_store_health(struct rest_call *call)
{
	enum db_entity e = (enum db_entity)call->route->entity;
	uint64_t start = clock_mono_ns();
	char details[1024] = "in memory", now[DB_TIME_TEXT];
	const char *path;
	struct rest_json *out;
	struct db_row row;
	bool well = true;

	if (!rest_row_find(call, e, &row))
		return;
	path = db_text(e, &row, "path");
	if (strcmp(db_text(e, &row, "type"), "memory") != 0)
		well = usable(*path != '\0' ? path : rest_state.conf.state_dir, details,
		    sizeof details);
	db_now(now);
	out = rest_json_object();
	rest_json_put_bool(out, "healthy", well);
	rest_json_put_int(out, "latency_ms", (int64_t)((clock_mono_ns() - start) / NS_PER_MS));
	rest_json_put_str(out, "checked_at", now);
	rest_json_put_str(out, "details", details);
	rest_json_reply(call, 200, out);
}
