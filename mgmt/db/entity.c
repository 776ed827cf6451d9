/*
 * Rows of any entity: the statements are made from the tables of entity.def, values are always
 * bound.
 */
#include "mgmt/db/inner.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/id.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SQL_MAX = 1500 };

#define REQ DB_REQ
#define FIX DB_FIX
#define RO DB_RO
#define HIDE DB_HIDE
#define KIND_STR DB_STR
#define KIND_NAME DB_NAME
#define KIND_WORD DB_WORD
#define KIND_PATH DB_PATH
#define KIND_SHARE DB_SHARE_NAME
#define KIND_HOSTS DB_HOSTS
#define KIND_INT DB_INT
#define KIND_SIZE DB_SIZE
#define KIND_FLAG DB_FLAG
#define KIND_OBJECT DB_OBJECT
#define KIND_RULES DB_RULES
#define KIND_TIME DB_TIME
#define KIND_SPAN DB_SPAN

/* An entity's fields are an array: each ENTITY row ends the one before and begins its own. */
#define ENTITY(name, table, scope, key, noun) \
	}; static const struct db_field fields_##name[] = {
#define FIELD(entity, column, kind, flags, least, most, words, dflt) \
	{ #column, KIND_##kind, flags, least, most, words, dflt },
__attribute__((unused)) static const struct db_field fields_before[] = {
#include "mgmt/db/entity.def"
};
#undef ENTITY
#undef FIELD

const struct db_entity_info db_entity[DB_ENTITIES] = {
#define ENTITY(name, table, scope, key, noun) \
	{ #name, table, scope, key, noun, fields_##name, ARRAY_LEN(fields_##name) },
#define FIELD(entity, column, kind, flags, least, most, words, dflt)
#include "mgmt/db/entity.def"
#undef ENTITY
#undef FIELD
};

#define ENTITY(name, table, scope, key, noun) \
	_Static_assert(ARRAY_LEN(fields_##name) <= DB_FIELDS_MAX, "a row holds all fields");
#define FIELD(entity, column, kind, flags, least, most, words, dflt)
#include "mgmt/db/entity.def"
#undef ENTITY
#undef FIELD

int
db_field_at(enum db_entity e, const char *name)
{
	for (int i = 0; i < db_entity[e].fields; i++)
		if (strcmp(db_entity[e].field[i].name, name) == 0)
			return i;
	return -1;
}

static int
field_of_ours(enum db_entity e, const char *name)
{
	int at = db_field_at(e, name);

	assert(at >= 0);
	return at;
}

const char *
db_text(enum db_entity e, const struct db_row *r, const char *name)
{
	const struct db_value *v = &r->v[field_of_ours(e, name)];

	return v->is == DB_TEXT ? v->text : "";
}

int64_t
db_num(enum db_entity e, const struct db_row *r, const char *name)
{
	const struct db_value *v = &r->v[field_of_ours(e, name)];

	return v->is == DB_NUM ? v->num : 0;
}

void
db_set_text(enum db_entity e, struct db_row *r, const char *name, const char *text)
{
	r->v[field_of_ours(e, name)] = (struct db_value){ .is = DB_TEXT, .text = text };
}

void
db_set_num(enum db_entity e, struct db_row *r, const char *name, int64_t num)
{
	r->v[field_of_ours(e, name)] = (struct db_value){ .is = DB_NUM, .num = num };
}

void
db_now(char to[DB_TIME_TEXT])
{
	time_t now = (time_t)(clock_wall_ns() / NS_PER_S);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(to, DB_TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

/* --- reading --- */

static void
add_columns(struct text *sql, const struct db_entity_info *e)
{
	text_add(sql, "SELECT ");
	for (int i = 0; i < e->fields; i++)
		text_addf(sql, "%s,", e->field[i].name);
	text_addf(sql, "id,version,created_at,updated_at FROM %s", e->table);
}

static bool
is_num(enum db_kind k)
{
	return k == DB_INT || k == DB_SIZE || k == DB_FLAG || k == DB_SPAN;
}

static const char *
col_copy(struct db_stmt *s, int at, struct arena *arena)
{
	const char *t = db_col_text(s, at);

	return t == NULL ? NULL : arena_copy(arena, t, strlen(t));
}

static void
copy_short(char *to, size_t cap, const char *from)
{
	snprintf(to, cap, "%s", from != NULL ? from : "");
}

static enum status
row_read(struct db_stmt *s, const struct db_entity_info *e, struct arena *arena, struct db_row *r)
{
	int n = e->fields;

	*r = (struct db_row){ .version = db_col_num(s, n + 1) };
	for (int i = 0; i < n; i++) {
		struct db_value *v = &r->v[i];

		v->is = DB_NULL;
		if (is_num(e->field[i].kind) && db_col_is_num(s, i)) {
			v->is = DB_NUM;
			v->num = db_col_num(s, i);
		} else if ((v->text = col_copy(s, i, arena)) != NULL) {
			v->is = DB_TEXT;
		}
	}
	copy_short(r->id, sizeof r->id, db_col_text(s, n));
	copy_short(r->created_at, sizeof r->created_at, db_col_text(s, n + 2));
	copy_short(r->updated_at, sizeof r->updated_at, db_col_text(s, n + 3));
	return arena->overflow ? ST_RESOURCE : OK;
}

static enum status
get_where(struct db_conn *c, enum db_entity e, const char *sql, const char *a, const char *b,
    struct arena *arena, struct db_row *row)
{
	struct db_stmt *s;
	struct db_row got;
	bool there;
	enum status st = db_prepare(c, sql, &s);

	if (st != OK)
		return st;
	db_bind_text(s, 1, a);
	if (b != NULL)
		db_bind_text(s, 2, b);
	st = db_step(s, &there);
	if (st == OK && !there)
		st = ST_NOENT;
	if (st == OK)
		st = row_read(s, &db_entity[e], arena, &got);
	db_done(s);
	if (st == OK)
		*row = got;
	return st;
}

enum status
db_get(struct db_conn *c, enum db_entity e, const char *scope, const char *key, struct arena *arena,
    struct db_row *row)
{
	const struct db_entity_info *info = &db_entity[e];
	char buf[SQL_MAX];
	struct text sql = text_of(buf, sizeof buf);

	assert((info->scope != NULL) == (scope != NULL));
	add_columns(&sql, info);
	text_addf(&sql, " WHERE %s=?1", info->key);
	if (scope != NULL)
		text_addf(&sql, " AND %s=?2", info->scope);
	assert(!sql.cut);
	return get_where(c, e, buf, key, scope, arena, row);
}

enum status
db_get_by_id(struct db_conn *c, enum db_entity e, const char *id, struct arena *arena,
    struct db_row *row)
{
	char buf[SQL_MAX];
	struct text sql = text_of(buf, sizeof buf);

	add_columns(&sql, &db_entity[e]);
	text_add(&sql, " WHERE id=?1");
	assert(!sql.cut);
	return get_where(c, e, buf, id, NULL, arena, row);
}

enum status
db_list(struct db_conn *c, enum db_entity e, const struct db_list *what, struct arena *arena,
    void (*see)(const struct db_row *row, void *arg), void *arg)
{
	const struct db_entity_info *info = &db_entity[e];
	char buf[SQL_MAX];
	struct text sql = text_of(buf, sizeof buf);
	struct db_stmt *s;
	enum status st;
	bool there = true;

	add_columns(&sql, info);
	text_addf(&sql, " WHERE %s>?1", info->key);
	if (what->scope != NULL)
		text_addf(&sql, " AND %s=?2", info->scope);
	if (what->where != NULL)
		text_addf(&sql, " AND %s=?3", info->field[field_of_ours(e, what->where)].name);
	text_addf(&sql, " ORDER BY %s%s%s LIMIT ?4", info->key, info->scope ? "," : "",
	    info->scope ? info->scope : "");
	assert(!sql.cut && what->limit >= 1 && what->limit <= DB_LIST_MAX + 1);
	st = db_prepare(c, buf, &s);
	if (st != OK)
		return st;
	db_bind_text(s, 1, what->after != NULL ? what->after : "");
	if (what->scope != NULL)
		db_bind_text(s, 2, what->scope);
	if (what->where != NULL)
		db_bind_text(s, 3, what->equals);
	db_bind_num(s, 4, what->limit);
	while (st == OK && (st = db_step(s, &there)) == OK && there) {
		struct db_row row;

		st = row_read(s, info, arena, &row);
		if (st == OK)
			see(&row, arg);
	}
	db_done(s);
	return st;
}

enum status
db_count(struct db_conn *c, enum db_entity e, const char *column, const char *equals, int64_t *np)
{
	char buf[SQL_MAX];
	struct text sql = text_of(buf, sizeof buf);
	struct db_stmt *s;
	bool there;
	enum status st;

	text_addf(&sql, "SELECT count(*) FROM %s WHERE %s=?1", db_entity[e].table,
	    db_entity[e].field[field_of_ours(e, column)].name);
	st = db_prepare(c, buf, &s);
	if (st != OK)
		return st;
	db_bind_text(s, 1, equals);
	st = db_step(s, &there);
	if (st == OK)
		*np = there ? db_col_num(s, 0) : 0;
	db_done(s);
	return st;
}

/* --- writing --- */

static void
bind_value(struct db_stmt *s, int at, const struct db_value *v)
{
	if (v->is == DB_NUM)
		db_bind_num(s, at, v->num);
	else
		db_bind_text(s, at, v->is == DB_TEXT ? v->text : NULL);
}

static void
fill_defaults(const struct db_entity_info *e, struct db_row *row)
{
	for (int i = 0; i < e->fields; i++) {
		const struct db_field *f = &e->field[i];
		uint64_t n;

		if (row->v[i].is != DB_UNSET)
			continue;
		if (f->dflt == NULL)
			row->v[i].is = DB_NULL;
		else if (!is_num(f->kind))
			row->v[i] = (struct db_value){ .is = DB_TEXT, .text = f->dflt };
		else if (text_u64(f->dflt, 0, INT64_MAX, &n))
			row->v[i] = (struct db_value){ .is = DB_NUM, .num = (int64_t)n };
	}
}

/* A key that is the id itself has no column of its own. */
static void
name_row(struct db_row *row)
{
	id128_text(id128_random(), row->id);
	row->version = 1;
	db_now(row->created_at);
	memcpy(row->updated_at, row->created_at, sizeof row->updated_at);
}

enum status
db_insert(struct db_conn *c, enum db_entity e, struct db_row *row)
{
	const struct db_entity_info *info = &db_entity[e];
	char buf[SQL_MAX];
	struct text sql = text_of(buf, sizeof buf);
	struct db_stmt *s;
	bool there;
	enum status st;
	int n = info->fields;

	fill_defaults(info, row);
	name_row(row);
	text_addf(&sql, "INSERT INTO %s(", info->table);
	for (int i = 0; i < n; i++)
		text_addf(&sql, "%s,", info->field[i].name);
	text_add(&sql, "id,version,created_at,updated_at) VALUES(");
	for (int i = 0; i < n + 4; i++)
		text_add(&sql, i == 0 ? "?" : ",?");
	text_add(&sql, ")");
	assert(!sql.cut);
	st = db_prepare(c, buf, &s);
	if (st != OK)
		return st;
	for (int i = 0; i < n; i++)
		bind_value(s, i + 1, &row->v[i]);
	db_bind_text(s, n + 1, row->id);
	db_bind_num(s, n + 2, row->version);
	db_bind_text(s, n + 3, row->created_at);
	db_bind_text(s, n + 4, row->updated_at);
	st = db_step(s, &there);
	db_done(s);
	return st == ST_BUSY ? ST_NOENT : st;
}

/* Nothing was touched: is the row missing, or is it of another version? */
static enum status
why_none(struct db_conn *c, enum db_entity e, const char *scope, const char *key)
{
	uint8_t room[4096];
	struct arena arena;
	struct db_row row;
	enum status st;

	arena_init(&arena, room, sizeof room, 256 << 10);
	st = db_get(c, e, scope, key, &arena, &row);
	arena_rewind(&arena);
	return st == OK ? ST_RESTART : st;
}

static void
add_which(struct text *sql, const struct db_entity_info *e, const char *scope, int64_t version)
{
	text_addf(sql, " WHERE %s=?%d", e->key, DB_FIELDS_MAX + 2);
	if (scope != NULL)
		text_addf(sql, " AND %s=?%d", e->scope, DB_FIELDS_MAX + 3);
	if (version != 0)
		text_addf(sql, " AND version=?%d", DB_FIELDS_MAX + 4);
}

static void
bind_which(struct db_stmt *s, const char *scope, const char *key, int64_t version)
{
	db_bind_text(s, DB_FIELDS_MAX + 2, key);
	if (scope != NULL)
		db_bind_text(s, DB_FIELDS_MAX + 3, scope);
	if (version != 0)
		db_bind_num(s, DB_FIELDS_MAX + 4, version);
}

enum status
db_update(struct db_conn *c, enum db_entity e, const char *scope, const char *key,
    const struct db_row *change, int64_t version)
{
	const struct db_entity_info *info = &db_entity[e];
	char buf[SQL_MAX], now[DB_TIME_TEXT];
	struct text sql = text_of(buf, sizeof buf);
	struct db_stmt *s;
	bool there;
	enum status st;

	text_addf(&sql, "UPDATE %s SET version=version+1,updated_at=?%d", info->table,
	    DB_FIELDS_MAX + 1);
	for (int i = 0; i < info->fields; i++)
		if (change->v[i].is != DB_UNSET)
			text_addf(&sql, ",%s=?%d", info->field[i].name, i + 1);
	add_which(&sql, info, scope, version);
	assert(!sql.cut);
	st = db_prepare(c, buf, &s);
	if (st != OK)
		return st;
	for (int i = 0; i < info->fields; i++)
		if (change->v[i].is != DB_UNSET)
			bind_value(s, i + 1, &change->v[i]);
	db_now(now);
	db_bind_text(s, DB_FIELDS_MAX + 1, now);
	bind_which(s, scope, key, version);
	st = db_step(s, &there);
	db_done(s);
	if (st == ST_BUSY)
		return ST_NOENT;
	return st == OK && db_changed(c) == 0 ? why_none(c, e, scope, key) : st;
}

enum status
db_remove(struct db_conn *c, enum db_entity e, const char *scope, const char *key, int64_t version)
{
	char buf[SQL_MAX];
	struct text sql = text_of(buf, sizeof buf);
	struct db_stmt *s;
	bool there;
	enum status st;

	text_addf(&sql, "DELETE FROM %s", db_entity[e].table);
	add_which(&sql, &db_entity[e], scope, version);
	assert(!sql.cut);
	st = db_prepare(c, buf, &s);
	if (st != OK)
		return st;
	bind_which(s, scope, key, version);
	st = db_step(s, &there);
	db_done(s);
	return st == OK && db_changed(c) == 0 ? why_none(c, e, scope, key) : st;
}
