/*
 * List, show, create, change and remove, for any entity.
 */
#include "mgmt/rest/entity.h"

#include "pipeline/base/id.h"
#include "pipeline/base/panic.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct rest_hooks rest_no_hooks;

static const struct rest_hooks *const hooks[DB_ENTITIES] = {
	[DB_USER] = &rest_user_hooks, [DB_GROUP] = &rest_group_hooks,
	[DB_MEMBER] = &rest_member_hooks, [DB_SHARE] = &rest_share_hooks,
	[DB_META_STORE] = &rest_meta_store_hooks, [DB_LOCAL_STORE] = &rest_local_store_hooks,
	[DB_REMOTE_STORE] = &rest_remote_store_hooks, [DB_ADAPTER] = &rest_adapter_hooks,
	[DB_NETGROUP] = &rest_netgroup_hooks, [DB_NETGROUP_MEMBER] = &rest_netgroup_member_hooks,
	[DB_IDMAP] = &rest_idmap_hooks,
};

const struct rest_hooks *
rest_hooks_of(enum db_entity e)
{
	return hooks[e] != NULL ? hooks[e] : &rest_no_hooks;
}

bool
rest_invalid_field(struct rest_call *call, const char *field, const char *fmt, ...)
{
	struct rest_json *errors = rest_json_object();
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	rest_json_put_str(errors, field, text);
	rest_invalid(call, errors);
	return false;
}

/* --- rows to JSON --- */

/* Whole units where it is a whole number of them. */
static void
put_size(struct rest_json *out, const char *name, int64_t n)
{
	static const char *const units[] = { "", "KiB", "MiB", "GiB", "TiB" };
	size_t u = 0;
	char text[40];

	for (; n > 0 && n % 1024 == 0 && u + 1 < ARRAY_LEN(units); u++)
		n /= 1024;
	snprintf(text, sizeof text, "%lld%s", (long long)n, units[u]);
	rest_json_put_str(out, name, text);
}

static void
put_field(struct rest_json *out, const struct db_field *f, const struct db_value *v)
{
	char why[80];
	struct rest_json *j;

	if (v->is == DB_NUM && f->kind == DB_FLAG)
		rest_json_put_bool(out, f->name, v->num != 0);
	else if (v->is == DB_NUM && f->kind == DB_SIZE)
		put_size(out, f->name, v->num);
	else if (v->is == DB_NUM)
		rest_json_put_int(out, f->name, v->num);
	else if (v->is == DB_TEXT && f->kind == DB_OBJECT &&
	    (j = rest_json_parse(v->text, strlen(v->text), why, sizeof why)) != NULL)
		rest_json_put(out, f->name, j);
	else if (v->is == DB_TEXT)
		rest_json_put_str(out, f->name, v->text);
	else
		rest_json_put_null(out, f->name);
}

struct rest_json *
rest_row_steady(struct rest_call *call, enum db_entity e, const struct db_row *row)
{
	struct rest_json *out = rest_json_object();

	rest_json_put_str(out, "id", row->id);
	for (int i = 0; i < db_entity[e].fields; i++)
		if (!(db_entity[e].field[i].flags & DB_HIDE))
			put_field(out, &db_entity[e].field[i], &row->v[i]);
	rest_json_put_str(out, "created_at", row->created_at);
	rest_json_put_str(out, "updated_at", row->updated_at);
	if (rest_hooks_of(e)->show != NULL)
		rest_hooks_of(e)->show(call, row, out);
	return out;
}

struct rest_json *
rest_row_json(struct rest_call *call, enum db_entity e, const struct db_row *row)
{
	struct rest_json *out = rest_row_steady(call, e, row);

	if (rest_hooks_of(e)->live != NULL)
		rest_hooks_of(e)->live(row, out);
	return out;
}

/* --- JSON to rows --- */

struct reading {
	struct rest_call *call;
	enum db_entity entity;
	struct db_row *row;
	bool create;
	struct rest_json *errors;
	int wrong;
};

__attribute__((format(printf, 3, 4)))
static bool
wrong(struct reading *r, const char *field, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	rest_json_put_str(r->errors, field, text);
	r->wrong++;
	return true;			/* the others are read as well */
}

static const char *
keep(struct rest_call *call, const char *s)
{
	const char *kept = arena_copy(&call->arena, s, strlen(s));

	return kept != NULL ? kept : "";
}

/* An object, or a text that holds one: kept as compact text. */
static bool
object_text(struct rest_call *call, const struct rest_json *j, const char **textp)
{
	struct rest_json *parsed = NULL;
	char why[80], *text;

	if (rest_json_kind(j) == REST_STRING) {
		parsed = rest_json_parse(rest_json_str(j), strlen(rest_json_str(j)), why,
		    sizeof why);
		j = parsed;
	}
	if (j == NULL || rest_json_kind(j) != REST_OBJECT) {
		rest_json_free(parsed);
		return false;
	}
	text = rest_json_text(j);
	*textp = keep(call, text);
	free(text);
	rest_json_free(parsed);
	return true;
}

static bool
size_value(const struct rest_json *j, int64_t *np)
{
	char text[32];
	size_t n = 0;
	uint64_t bytes;

	if (rest_json_kind(j) == REST_INT) {
		*np = rest_json_int(j);
		return true;
	}
	if (rest_json_kind(j) != REST_STRING)
		return false;
	for (const char *s = rest_json_str(j); *s != '\0'; s++)
		if (*s != ' ') {
			if (n + 1 >= sizeof text)
				return false;
			text[n++] = *s;
		}
	text[n] = '\0';
	if (!text_size(text, &bytes) || bytes > INT64_MAX)
		return false;
	*np = (int64_t)bytes;
	return true;
}

/* What kind of JSON the field wants; the value where it is one. */
static const char *
value_of(struct rest_call *call, const struct db_field *f, const struct rest_json *j,
    struct db_value *v)
{
	enum rest_json_kind kind = rest_json_kind(j);

	if (kind == REST_NULL) {
		v->is = DB_NULL;
		return NULL;
	}
	switch (f->kind) {
	case DB_INT:
		*v = (struct db_value){ .is = DB_NUM, .num = rest_json_int(j) };
		return kind == REST_INT ? NULL : "must be a whole number";
	case DB_FLAG:
		*v = (struct db_value){ .is = DB_NUM, .num = kind == REST_TRUE };
		return kind == REST_TRUE || kind == REST_FALSE ? NULL : "must be true or false";
	case DB_SIZE:
		v->is = DB_NUM;
		return size_value(j, &v->num) ? NULL : "must be a size, as in \"10GiB\"";
	case DB_OBJECT:
		v->is = DB_TEXT;
		return object_text(call, j, &v->text) ? NULL : "must be a JSON object";
	case DB_STR: case DB_NAME: case DB_WORD: case DB_PATH: case DB_SHARE_NAME: case DB_HOSTS:
	case DB_RULES: case DB_TIME:
		break;
	}
	if (kind != REST_STRING)
		return "must be a text";
	*v = (struct db_value){ .is = DB_TEXT, .text = keep(call, rest_json_str(j)) };
	return NULL;
}

static bool
is_extra(enum db_entity e, const char *key)
{
	static const char *const ours[] = { "id", "created_at", "updated_at" };
	const char *const *x = rest_hooks_of(e)->extras;

	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		if (strcmp(key, ours[i]) == 0)
			return true;
	for (; x != NULL && *x != NULL; x++)
		if (strcmp(key, *x) == 0)
			return true;
	return false;
}

static bool
read_member(const char *key, const struct rest_json *j, void *arg)
{
	struct reading *r = arg;
	int at = db_field_at(r->entity, key);
	const struct db_field *f;
	const char *bad;
	char why[200];

	if (at < 0)
		return is_extra(r->entity, key) ? true : wrong(r, key, "no such field");
	f = &db_entity[r->entity].field[at];
	if (f->flags & DB_RO)
		return true;		/* a row that was shown may be sent back */
	bad = value_of(r->call, f, j, &r->row->v[at]);
	if (bad != NULL)
		return wrong(r, key, "%s", bad);
	if (r->entity == DB_META_STORE && f->kind == DB_WORD && r->row->v[at].is == DB_TEXT &&
	    strcmp(r->row->v[at].text, "badger") == 0)
		r->row->v[at].text = "leveldb";
	if (!db_field_ok(f, &r->row->v[at], why, sizeof why))
		return wrong(r, key, "%s", why);
	return true;
}

/* Fields from the body.  False: said what is wrong with them. */
static bool
read_row(struct rest_call *call, enum db_entity e, struct db_row *row, bool create)
{
	const struct db_entity_info *info = &db_entity[e];
	struct reading r = { call, e, row, create, rest_json_object(), 0 };

	rest_json_each(call->body, read_member, &r);
	for (int i = 0; create && i < info->fields; i++)
		if ((info->field[i].flags & DB_REQ) && row->v[i].is == DB_UNSET &&
		    !(info->field[i].flags & DB_RO) &&
		    rest_json_get(r.errors, info->field[i].name) == NULL)
			wrong(&r, info->field[i].name, "is wanted");
	if (call->arena.overflow)
		wrong(&r, info->key, "the body is too large");
	if (r.wrong > 0) {
		rest_invalid(call, r.errors);
		return false;
	}
	rest_json_free(r.errors);
	return true;
}

/* --- which row --- */

const char *
rest_row_key(enum db_entity e, const struct db_row *row)
{
	return strcmp(db_entity[e].key, "id") == 0 ? row->id : db_text(e, row, db_entity[e].key);
}

const char *
rest_row_scope(enum db_entity e, const struct db_row *row)
{
	return db_entity[e].scope == NULL ? NULL : db_text(e, row, db_entity[e].scope);
}

void
rest_share_arg(struct rest_call *call, int at)
{
	char *s = call->arg[at];
	size_t len = strlen(s);

	if (*s == '/' || len + 2 > REST_ARG_MAX)
		return;
	memmove(s + 1, s, len + 1);
	*s = '/';
}

static void
normalize(struct rest_call *call, enum db_entity e)
{
	if (e == DB_SHARE || e == DB_GRANT)
		rest_share_arg(call, 0);
}

bool
rest_row_find(struct rest_call *call, enum db_entity e, struct db_row *row)
{
	bool scoped = db_entity[e].scope != NULL;
	const char *scope = scoped ? call->arg[0] : NULL;
	const char *key = call->arg[scoped ? 1 : 0];
	const char *id = *key == '/' ? key + 1 : key;
	struct id128 parsed;
	enum status st;

	normalize(call, e);
	st = db_get(call->conn, e, scope, key, &call->arena, row);
	if (st == ST_NOENT && !scoped && id128_parse(id, &parsed))
		st = db_get_by_id(call->conn, e, id, &call->arena, row);
	if (st == OK)
		return true;
	if (st == ST_NOENT)
		rest_problem(call, 404, "not_found", NULL, "there is no %s \"%s\"",
		    db_entity[e].noun, key);
	else
		rest_status(call, st, db_entity[e].noun, key);
	return false;
}

void
rest_row_reply(struct rest_call *call, enum db_entity e, const char *scope, const char *key,
    int http)
{
	struct db_row row;
	enum status st = db_get(call->conn, e, scope, key, &call->arena, &row);

	if (st != OK) {
		rest_status(call, st, db_entity[e].noun, key);
		return;
	}
	rest_json_reply(call, http, rest_row_json(call, e, &row));
	rest_etag(call, row.version);
}

/* The version that If-Match wants; false: said that it is none. */
static bool
match(struct rest_call *call, const struct db_row *row)
{
	int64_t version = rest_if_match(call);

	if (version == 0 || version == row->version)
		return true;
	rest_problem(call, 412, "changed", "read it again and repeat the change",
	    "it is of version v%lld, not what If-Match says", (long long)row->version);
	return false;
}

/* --- the handlers --- */

void
rest_do_get(struct rest_call *call)
{
	enum db_entity e = (enum db_entity)call->route->entity;
	struct db_row row;

	if (!rest_row_find(call, e, &row))
		return;
	rest_json_reply(call, 200, rest_row_json(call, e, &row));
	rest_etag(call, row.version);
}

static void
place_of(struct rest_call *call, const char *key)
{
	struct text t = text_of(call->re->location, sizeof call->re->location);

	text_addf(&t, "%.200s/", call->rq->path);
	for (const char *s = key + (*key == '/'); *s != '\0'; s++)
		if (strchr("/?&=#%<>\" +", *s) != NULL)
			text_addf(&t, "%%%02X", (unsigned char)*s);
		else
			text_addn(&t, s, 1);
}

void
rest_do_create(struct rest_call *call)
{
	enum db_entity e = (enum db_entity)call->route->entity;
	const struct rest_hooks *h = rest_hooks_of(e);
	struct db_row row = { 0 };
	enum status st;

	normalize(call, e);
	if (db_entity[e].scope != NULL && call->arg[0][0] != '\0')
		db_set_text(e, &row, db_entity[e].scope, call->arg[0]);
	if (!read_row(call, e, &row, true) || (h->creating != NULL && !h->creating(call, &row)))
		return;
	if (db_entity[e].scope != NULL && call->arg[0][0] != '\0')
		db_set_text(e, &row, db_entity[e].scope, call->arg[0]);
	st = db_insert(call->conn, e, &row);
	if (st == ST_NOENT)
		rest_problem(call, 404, "not_found", NULL,
		    "something that the %s names is not there", db_entity[e].noun);
	else if (st != OK)
		rest_status(call, st, db_entity[e].noun, rest_row_key(e, &row));
	if (st != OK || (h->created != NULL && !h->created(call, &row)))
		return;
	rest_row_reply(call, e, rest_row_scope(e, &row), rest_row_key(e, &row), 201);
	place_of(call, rest_row_key(e, &row));
}

/* What is fixed may be sent again as it is. */
static bool
fixed_ok(struct rest_call *call, enum db_entity e, const struct db_row *old, struct db_row *change)
{
	for (int i = 0; i < db_entity[e].fields; i++) {
		const struct db_field *f = &db_entity[e].field[i];
		struct db_value *v = &change->v[i];

		if (!(f->flags & DB_FIX) || v->is == DB_UNSET)
			continue;
		if (v->is != old->v[i].is ||
		    (v->is == DB_TEXT && strcmp(v->text, old->v[i].text) != 0))
			return rest_invalid_field(call, f->name, "does not change after creation");
		v->is = DB_UNSET;
	}
	return true;
}

void
rest_do_update(struct rest_call *call)
{
	enum db_entity e = (enum db_entity)call->route->entity;
	const struct rest_hooks *h = rest_hooks_of(e);
	struct db_row old, change = { 0 }, now;
	const char *key, *scope;
	enum status st;

	if (!rest_row_find(call, e, &old) || !match(call, &old) ||
	    !read_row(call, e, &change, false) || !fixed_ok(call, e, &old, &change) ||
	    (h->updating != NULL && !h->updating(call, &old, &change)))
		return;
	key = rest_row_key(e, &old);
	scope = rest_row_scope(e, &old);
	st = db_update(call->conn, e, scope, key, &change, old.version);
	if (st == OK)
		st = db_get(call->conn, e, scope, key, &call->arena, &now);
	if (st != OK)
		rest_status(call, st, db_entity[e].noun, key);
	else if (h->updated == NULL || h->updated(call, &old, &now))
		rest_row_reply(call, e, scope, key, 200);
}

void
rest_do_remove(struct rest_call *call)
{
	enum db_entity e = (enum db_entity)call->route->entity;
	const struct rest_hooks *h = rest_hooks_of(e);
	struct db_row old;
	enum status st;

	if (!rest_row_find(call, e, &old) || !match(call, &old) ||
	    (h->removing != NULL && !h->removing(call, &old)))
		return;
	st = db_remove(call->conn, e, rest_row_scope(e, &old), rest_row_key(e, &old), 0);
	if (st == ST_BUSY)
		rest_problem(call, 409, "in_use", "dfsctl share list shows who uses it",
		    "the %s \"%s\" is used by a share", db_entity[e].noun, rest_row_key(e, &old));
	else if (st != OK)
		rest_status(call, st, db_entity[e].noun, rest_row_key(e, &old));
	else if (h->removed == NULL || h->removed(call, &old))
		rest_no_content(call);
}
