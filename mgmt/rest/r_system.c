/*
 * Health, live settings, the audit trail, and what the daemon is.
 */
#include "mgmt/rest/live.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/base/panic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { METRICS_BYTES_MAX = 8 << 20, AUDIT_MAX = 500 };

/* --- health --- */

static void
put_age(struct rest_json *data)
{
	time_t at = (time_t)rest_state.started_wall_s;
	uint64_t age = clock_wall_ns() / NS_PER_S - rest_state.started_wall_s;
	char text[DB_TIME_TEXT], up[40];
	struct tm tm;

	gmtime_r(&at, &tm);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	snprintf(up, sizeof up, "%lluh%llum%llus", (unsigned long long)age / 3600,
	    (unsigned long long)age / 60 % 60, (unsigned long long)age % 60);
	rest_json_put_str(data, "service", "dittofs");
	rest_json_put_str(data, "started_at", text);
	rest_json_put_str(data, "uptime", up);
	rest_json_put_int(data, "uptime_sec", (int64_t)age);
}

static struct rest_json *
health(const char *word, struct rest_json *data)
{
	struct rest_json *out = rest_json_object();
	char now[DB_TIME_TEXT];

	db_now(now);
	rest_json_put_str(out, "status", word);
	rest_json_put_str(out, "timestamp", now);
	rest_json_put(out, "data", data);
	return out;
}

void
rest_do_health(struct rest_call *call)
{
	struct rest_json *data = rest_json_object();

	put_age(data);
	rest_json_reply(call, 200, health("healthy", data));
}

struct tally {
	int shares, unwell, adapters, silent, stores;
	struct rest_json *types, *sick;
};

static void
add_sick(struct tally *t, const char *kind, const char *name, const char *message)
{
	struct rest_json *one = rest_json_object();

	rest_json_put_str(one, "kind", kind);
	rest_json_put_str(one, "name", name);
	rest_json_put_str(one, "message", message);
	rest_json_add(t->sick, one);
}

/* Anyone may ask, without a token: why a share is down names folders and files of this machine, so
 * that is for who may read the share's status, and for the log. */
static void
tally_share(const struct db_row *row, void *arg)
{
	struct tally *t = arg;
	struct rest_share_state s = { 0 };

	if (db_num(DB_SHARE, row, "enabled") == 0)
		return;
	t->shares++;
	rest_live_look(row, &s);
	if (s.open && s.well)
		return;
	t->unwell++;
	add_sick(t, "share", db_text(DB_SHARE, row, "name"),
	    s.open ? "it takes no changes; its status and the log say why" :
	    "it is down; its status and the log say why");
}

static void
tally_adapter(const struct db_row *row, void *arg)
{
	struct tally *t = arg;

	if (db_num(DB_ADAPTER, row, "enabled") == 0)
		return;
	if (rest_state.conf.house->adapter_runs(db_text(DB_ADAPTER, row, "type"))) {
		rest_json_add(t->types, rest_json_string(db_text(DB_ADAPTER, row, "type")));
		t->adapters++;
	} else {
		t->silent++;
		add_sick(t, "adapter", db_text(DB_ADAPTER, row, "type"), "it does not listen");
	}
}

static void
tally_store(const struct db_row *row, void *arg)
{
	(void)row;
	((struct tally *)arg)->stores++;
}

static enum status
tally(struct rest_call *call, struct tally *t)
{
	struct db_list all = { .limit = DB_LIST_MAX };
	enum status st = db_list(call->conn, DB_SHARE, &all, &call->arena, tally_share, t);

	if (st == OK)
		st = db_list(call->conn, DB_ADAPTER, &all, &call->arena, tally_adapter, t);
	return st == OK ? db_list(call->conn, DB_META_STORE, &all, &call->arena, tally_store, t) :
			  st;
}

void
rest_do_ready(struct rest_call *call)
{
	struct tally t = { .types = rest_json_array(), .sick = rest_json_array() };
	struct rest_json *data, *adapters;
	enum status st = tally(call, &t);
	bool well = st == OK && t.unwell == 0 && t.silent == 0;

	data = rest_json_object();
	adapters = rest_json_object();
	put_age(data);
	rest_json_put_str(data, "control_plane_db", st == OK ? "healthy" : "unhealthy");
	rest_json_put_int(data, "shares", t.shares);
	rest_json_put_int(data, "shares_unhealthy", t.unwell);
	rest_json_put_int(data, "metadata_stores", t.stores);
	rest_json_put_int(adapters, "running", t.adapters);
	rest_json_put(adapters, "types", t.types);
	rest_json_put(data, "adapters", adapters);
	rest_json_put(data, "unhealthy", t.sick);
	rest_json_reply(call, well ? 200 : 503, health(well ? "healthy" : "unhealthy", data));
}

void
rest_do_system_info(struct rest_call *call)
{
	struct rest_json *out = rest_json_object();

	put_age(out);
	rest_json_put_str(out, "version", DFS_VERSION);
	rest_json_put_str(out, "user", call->who.username);
	rest_json_reply(call, 200, out);
}

void
rest_do_system_metrics(struct rest_call *call)
{
	char *room = malloc(METRICS_BYTES_MAX);
	struct text page;

	if (room == NULL) {
		rest_problem(call, 503, "busy", NULL, "no memory for the page");
		return;
	}
	page = text_of(room, METRICS_BYTES_MAX);
	rest_state.conf.house->metrics(&page);
	call->re->code = 200;
	call->re->type = "text/plain; version=0.0.4";
	call->re->body = room;
	call->re->len = page.len;
}

void
rest_do_openapi(struct rest_call *call)
{
	call->re->code = 200;
	call->re->type = "application/json";
	call->re->body = xstrdup(rest_state.openapi);
	call->re->len = strlen(rest_state.openapi);
	call->re->may_cache = true;
}

/* --- live settings --- */

static void
apply_log_level(const char *word)
{
	static const char *const levels[] = { "debug", "info", "warn", "error" };

	for (size_t i = 0; i < ARRAY_LEN(levels); i++)
		if (strcmp(levels[i], word) == 0)
			log_least = (enum log_level)i;
}

static const struct setting {
	const char *key, *words, *dflt;
	void (*apply)(const char *value);
} settings[] = {
#define SETTING(key, words, dflt, apply) { key, words, dflt, apply },
#include "mgmt/rest/setting.def"
#undef SETTING
};

static const struct setting *
setting_find(struct rest_call *call)
{
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		if (strcmp(settings[i].key, call->arg[0]) == 0)
			return &settings[i];
	rest_problem(call, 404, "not_found", "dfsctl settings list shows all",
	    "there is no live setting \"%s\"", call->arg[0]);
	return NULL;
}

static struct rest_json *
setting_json(struct db_conn *c, struct arena *arena, const struct setting *s)
{
	struct rest_json *out = rest_json_object();
	struct db_row row;
	bool set = db_get(c, DB_SETTING, NULL, s->key, arena, &row) == OK;

	rest_json_put_str(out, "key", s->key);
	rest_json_put_str(out, "value", set ? db_text(DB_SETTING, &row, "value") : s->dflt);
	rest_json_put_str(out, "default", s->dflt);
	rest_json_put_str(out, "words", s->words);
	if (set)
		rest_json_put_str(out, "updated_at", row.updated_at);
	else
		rest_json_put_null(out, "updated_at");
	return out;
}

void
rest_do_settings_list(struct rest_call *call)
{
	struct rest_json *list = rest_json_array();

	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		rest_json_add(list, setting_json(call->conn, &call->arena, &settings[i]));
	rest_json_reply(call, 200, list);
}

void
rest_do_setting_get(struct rest_call *call)
{
	const struct setting *s = setting_find(call);

	if (s != NULL)
		rest_json_reply(call, 200, setting_json(call->conn, &call->arena, s));
}

void
rest_do_setting_put(struct rest_call *call)
{
	const struct setting *s = setting_find(call);
	const char *value = rest_json_get_str(call->body, "value");
	struct db_field f = { "value", DB_WORD, 0, 0, 0, NULL, NULL };
	struct db_value v = { .is = DB_TEXT, .text = value };
	struct db_row row = { 0 };
	char why[200];
	enum status st;

	if (s == NULL)
		return;
	f.words = s->words;
	if (value == NULL || !db_field_ok(&f, &v, why, sizeof why)) {
		rest_invalid_field(call, "value", "is none of %s", s->words);
		return;
	}
	db_set_text(DB_SETTING, &row, "value", value);
	st = db_update(call->conn, DB_SETTING, NULL, s->key, &row, 0);
	if (st == ST_NOENT) {
		db_set_text(DB_SETTING, &row, "key", s->key);
		st = db_insert(call->conn, DB_SETTING, &row);
	}
	if (st != OK) {
		rest_status(call, st, "setting", s->key);
		return;
	}
	s->apply(value);
	rest_json_reply(call, 200, setting_json(call->conn, &call->arena, s));
}

void
rest_do_setting_delete(struct rest_call *call)
{
	const struct setting *s = setting_find(call);
	enum status st;

	if (s == NULL)
		return;
	st = db_remove(call->conn, DB_SETTING, NULL, s->key, 0);
	if (st != OK && st != ST_NOENT) {
		rest_status(call, st, "setting", s->key);
		return;
	}
	s->apply(s->dflt);
	rest_no_content(call);
}

enum status
rest_settings_boot(void)
{
	struct arena arena;
	struct db_conn *c;
	struct db_row row;
	enum status st = db_begin(rest_state.db, false, &c);

	if (st != OK)
		return st;
	arena_init(&arena, NULL, 0, 64 << 10);
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		if (db_get(c, DB_SETTING, NULL, settings[i].key, &arena, &row) == OK)
			settings[i].apply(db_text(DB_SETTING, &row, "value"));
	arena_rewind(&arena);
	return db_end(&c, false);
}

/* --- the audit trail --- */

static void
add_entry(const struct db_audit *a, void *arg)
{
	struct rest_json *one = rest_json_object();

	rest_json_put_int(one, "id", a->id);
	rest_json_put_str(one, "at", a->at);
	rest_json_put_str(one, "actor", a->actor);
	rest_json_put_str(one, "address", a->address);
	rest_json_put_str(one, "request_id", a->request_id);
	rest_json_put_str(one, "action", a->action);
	rest_json_put_str(one, "target", a->target);
	rest_json_put_int(one, "status", a->status);
	rest_json_add(arg, one);
}

void
rest_do_audit_list(struct rest_call *call)
{
	const char *before = rest_query(call, "before"), *limit = rest_query(call, "limit");
	uint64_t b = 0, l = 100;
	struct rest_json *list;
	enum status st;

	if ((before != NULL && !text_u64(before, 0, INT64_MAX, &b)) ||
	    (limit != NULL && !text_u64(limit, 1, AUDIT_MAX, &l))) {
		rest_invalid_field(call, "limit", "limit is from 1 to %d, before a number",
		    AUDIT_MAX);
		return;
	}
	list = rest_json_array();
	st = db_audit_list(call->conn, (int64_t)b, (int)l, add_entry, list);
	if (st == OK)
		rest_json_reply(call, 200, list);
	else
		rest_json_free(list);
	if (st != OK)
		rest_status(call, st, "audit trail", "");
}
