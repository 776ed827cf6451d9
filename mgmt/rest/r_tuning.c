/*
 * Settings of adapters: typed, bounded, kept in the database, in force at once.  Those that a
 * running daemon cannot change are shown, and refused with the reason.
 */
#include "mgmt/rest/live.h"

#include "pipeline/base/log.h"
#include "pipeline/base/panic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum tuning_kind { TUNING_NUM, TUNING_FLAG, TUNING_OPS };
enum { VALUE_MAX = 256, KEY_MAX = 64 };

static const struct tuning {
	const char *adapter, *name;
	enum tuning_kind kind;
	int64_t dflt, least, most;
	const char *fixed, *help;
} tunings[] = {
#define TUNING(adapter, name, kind, dflt, least, most, fixed, help) \
	{ adapter, #name, TUNING_##kind, dflt, least, most, fixed, help },
#include "mgmt/rest/tuning.def"
#undef TUNING
};

/* A setting as it is kept and given to the house: "7", "true", "symlink,mknod". */
struct value {
	char text[VALUE_MAX];
};

static void
default_of(const struct tuning *t, struct value *v)
{
	switch (t->kind) {
	case TUNING_NUM:
		snprintf(v->text, sizeof v->text, "%lld", (long long)t->dflt);
		break;
	case TUNING_FLAG:
		snprintf(v->text, sizeof v->text, "%s", t->dflt != 0 ? "true" : "false");
		break;
	case TUNING_OPS:
		v->text[0] = '\0';
		break;
	}
}

static void
key_of(const struct tuning *t, char to[KEY_MAX])
{
	snprintf(to, KEY_MAX, "adapter.%s.%s", t->adapter, t->name);
}

static enum status
kept(struct db_conn *c, struct arena *arena, const struct tuning *t, struct value *v)
{
	struct db_row row;
	char key[KEY_MAX];
	enum status st;

	key_of(t, key);
	st = db_get(c, DB_SETTING, NULL, key, arena, &row);
	if (st == OK)
		snprintf(v->text, sizeof v->text, "%s", db_text(DB_SETTING, &row, "value"));
	else if (st == ST_NOENT) {
		default_of(t, v);
		st = OK;
	}
	return st;
}

/* NULL: back to the default. */
static enum status
keep(struct rest_call *call, const struct tuning *t, const char *text)
{
	struct db_row row = { 0 };
	char key[KEY_MAX];
	enum status st;

	key_of(t, key);
	if (text == NULL) {
		st = db_remove(call->conn, DB_SETTING, NULL, key, 0);
		return st == ST_NOENT ? OK : st;
	}
	db_set_text(DB_SETTING, &row, "value", text);
	st = db_update(call->conn, DB_SETTING, NULL, key, &row, 0);
	if (st != ST_NOENT)
		return st;
	db_set_text(DB_SETTING, &row, "key", key);
	return db_insert(call->conn, DB_SETTING, &row);
}

/* --- as JSON --- */

static struct rest_json *
words(const char *text)
{
	struct rest_json *list = rest_json_array();
	char word[VALUE_MAX];

	while (*text != '\0') {
		size_t n = strcspn(text, ",");

		snprintf(word, sizeof word, "%.*s", (int)n, text);
		rest_json_add(list, rest_json_string(word));
		text += n + (text[n] == ',');
	}
	return list;
}

static void
put_value(struct rest_json *to, const struct tuning *t, const char *text)
{
	uint64_t n = 0;

	switch (t->kind) {
	case TUNING_NUM:
		rest_json_put_int(to, t->name,
		    text_u64(text, 0, INT64_MAX, &n) ? (int64_t)n : t->dflt);
		break;
	case TUNING_FLAG:
		rest_json_put_bool(to, t->name, strcmp(text, "true") == 0);
		break;
	case TUNING_OPS:
		rest_json_put(to, t->name, words(text));
		break;
	}
}

static bool
list_text(const struct rest_json *j, struct value *v)
{
	struct text t = text_of(v->text, sizeof v->text);

	for (size_t i = 0; i < rest_json_len(j); i++) {
		const char *word = rest_json_str(rest_json_at(j, i));

		if (word == NULL || *word == '\0' || strpbrk(word, ", ") != NULL)
			return false;
		text_addf(&t, "%s%s", i > 0 ? "," : "", word);
	}
	return !t.cut;
}

/* What is wrong with it; NULL: nothing, and v is it. */
static const char *
value_of(const struct tuning *t, const struct rest_json *j, struct value *v)
{
	enum rest_json_kind kind = rest_json_kind(j);

	*v = (struct value){ "" };
	switch (t->kind) {
	case TUNING_NUM:
		if (kind != REST_INT || rest_json_int(j) < t->least || rest_json_int(j) > t->most)
			return "must be a whole number within its range";
		snprintf(v->text, sizeof v->text, "%lld", (long long)rest_json_int(j));
		return NULL;
	case TUNING_FLAG:
		if (kind != REST_TRUE && kind != REST_FALSE)
			return "must be true or false";
		snprintf(v->text, sizeof v->text, "%s", kind == REST_TRUE ? "true" : "false");
		return NULL;
	case TUNING_OPS:
		return kind == REST_ARRAY && list_text(j, v) ? NULL : "must be a list of names";
	}
	return NULL;
}

/* --- a change --- */

struct tuned {
	struct rest_call *call;
	const char *adapter;
	struct rest_json *errors;
	int wrong;
	bool set[ARRAY_LEN(tunings)];
	struct value now[ARRAY_LEN(tunings)], next[ARRAY_LEN(tunings)];
};

static const struct tuning *
find(const char *adapter, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(tunings); i++)
		if (strcmp(tunings[i].adapter, adapter) == 0 && strcmp(tunings[i].name, name) == 0)
			return &tunings[i];
	return NULL;
}

static bool
read_one(const char *name, const struct rest_json *j, void *arg)
{
	struct tuned *s = arg;
	const struct tuning *t = find(s->adapter, name);
	const char *bad = "no such setting";
	char text[200];
	struct value v;
	size_t i;

	if (t != NULL)
		bad = value_of(t, j, &v);
	if (t != NULL && bad != NULL && t->kind == TUNING_NUM) {
		snprintf(text, sizeof text, "must be a whole number from %lld to %lld",
		    (long long)t->least, (long long)t->most);
		bad = text;
	}
	i = t != NULL ? (size_t)(t - tunings) : 0;
	if (t != NULL && t->fixed != NULL && (bad != NULL || strcmp(v.text, s->now[i].text) != 0))
		bad = t->fixed;
	if (bad != NULL) {
		rest_json_put_str(s->errors, name, bad);
		s->wrong++;
		return true;
	}
	s->set[i] = true;
	s->next[i] = v;
	return true;
}

static bool
give(struct tuned *s, size_t i, const char *text, char *why, size_t cap)
{
	why[0] = '\0';
	return rest_state.conf.house->adapter_tune(s->adapter, tunings[i].name, text, why, cap) ==
	    OK;
}

/* What the house takes; what it took before it refused one is taken back. */
static bool
give_all(struct tuned *s)
{
	char why[300], gone[300];

	for (size_t i = 0; i < ARRAY_LEN(tunings); i++) {
		if (!s->set[i] || strcmp(s->now[i].text, s->next[i].text) == 0 ||
		    give(s, i, s->next[i].text, why, sizeof why))
			continue;
		for (size_t k = 0; k <= i; k++)
			if (s->set[k] && !give(s, k, s->now[k].text, gone, sizeof gone))
				log_error("rest.tuning", F_STR("setting", tunings[k].name),
				    F_STR("why", gone));
		return rest_invalid_field(s->call, tunings[i].name, "%s", why[0] != '\0' ? why :
		    "the daemon refuses it");
	}
	return true;
}

static bool
ours(struct rest_call *call)
{
	for (size_t i = 0; i < ARRAY_LEN(tunings); i++)
		if (strcmp(tunings[i].adapter, call->arg[0]) == 0)
			return true;
	rest_problem(call, 404, "not_found", "nfs is one",
	    "there is no adapter \"%s\" with settings", call->arg[0]);
	return false;
}

static enum status
read_now(struct tuned *s)
{
	enum status st = OK;

	for (size_t i = 0; st == OK && i < ARRAY_LEN(tunings); i++)
		if (strcmp(tunings[i].adapter, s->adapter) == 0)
			st = kept(s->call->conn, &s->call->arena, &tunings[i], &s->now[i]);
	return st;
}

static void
show(struct tuned *s, const struct value *of)
{
	struct rest_json *out = rest_json_object();

	for (size_t i = 0; i < ARRAY_LEN(tunings); i++)
		if (strcmp(tunings[i].adapter, s->adapter) == 0)
			put_value(out, &tunings[i], of[i].text);
	rest_json_reply(s->call, 200, out);
}

static struct tuned *
begin(struct rest_call *call)
{
	struct tuned *s;
	enum status st;

	if (!ours(call))
		return NULL;
	s = xcalloc(1, sizeof *s);
	s->call = call;
	s->adapter = call->arg[0];
	st = read_now(s);
	memcpy(s->next, s->now, sizeof s->next);
	if (st == OK)
		return s;
	rest_status(call, st, "settings", call->arg[0]);
	free(s);
	return NULL;
}

/* Keep what is set, then give it to the house; an answer's code of 400 undoes the first. */
static void
commit(struct tuned *s, bool to_default)
{
	enum status st = OK;

	for (size_t i = 0; st == OK && i < ARRAY_LEN(tunings); i++)
		if (s->set[i])
			st = keep(s->call, &tunings[i], to_default ? NULL : s->next[i].text);
	if (st != OK)
		rest_status(s->call, st, "settings", s->adapter);
	else if (give_all(s))
		show(s, s->next);
}

static void
change(struct rest_call *call, bool whole)
{
	struct tuned *s = begin(call);
	const char *dry = rest_query(call, "dry_run");

	if (s == NULL)
		return;
	if (whole)
		for (size_t i = 0; i < ARRAY_LEN(tunings); i++)
			if (strcmp(tunings[i].adapter, s->adapter) == 0) {
				s->set[i] = true;
				default_of(&tunings[i], &s->next[i]);
			}
	s->errors = rest_json_object();
	rest_json_each(call->body, read_one, s);
	if (s->wrong > 0)
		rest_invalid(call, s->errors);
	else
		rest_json_free(s->errors);
	if (s->wrong == 0 && dry != NULL && strcmp(dry, "false") != 0)
		show(s, s->next);
	else if (s->wrong == 0)
		commit(s, false);
	free(s);
}

void
rest_do_tuning_put(struct rest_call *call)
{
	change(call, true);
}

void
rest_do_tuning_patch(struct rest_call *call)
{
	change(call, false);
}

void
rest_do_tuning_get(struct rest_call *call)
{
	struct tuned *s = begin(call);

	if (s != NULL)
		show(s, s->now);
	free(s);
}

/* {"setting": NAME}: that one alone. */
void
rest_do_tuning_reset(struct rest_call *call)
{
	const char *one = rest_json_get_str(call->body, "setting");
	struct tuned *s = begin(call);

	if (s == NULL)
		return;
	if (one != NULL && find(s->adapter, one) == NULL) {
		rest_invalid_field(call, "setting", "there is no setting \"%.64s\"", one);
		free(s);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(tunings); i++)
		if (strcmp(tunings[i].adapter, s->adapter) == 0 &&
		    (one == NULL || strcmp(tunings[i].name, one) == 0)) {
			s->set[i] = true;
			default_of(&tunings[i], &s->next[i]);
		}
	commit(s, true);
	free(s);
}

void
rest_do_tuning_defaults(struct rest_call *call)
{
	struct rest_json *out, *defaults, *ranges;

	if (!ours(call))
		return;
	out = rest_json_object();
	defaults = rest_json_object();
	ranges = rest_json_object();
	for (size_t i = 0; i < ARRAY_LEN(tunings); i++) {
		const struct tuning *t = &tunings[i];
		struct rest_json *range = rest_json_object();
		struct value v;

		default_of(t, &v);
		put_value(defaults, t, v.text);
		if (t->kind == TUNING_NUM) {
			rest_json_put_int(range, "min", t->least);
			rest_json_put_int(range, "max", t->most);
		}
		rest_json_put_str(range, "help", t->help);
		rest_json_put_bool(range, "live", t->fixed == NULL);
		if (t->fixed != NULL)
			rest_json_put_str(range, "why_fixed", t->fixed);
		rest_json_put(ranges, t->name, range);
	}
	rest_json_put(out, "defaults", defaults);
	rest_json_put(out, "ranges", ranges);
	rest_json_reply(call, 200, out);
}

/* What was set before this start; what cannot be any more is said, and the default holds. */
enum status
rest_tuning_boot(void)
{
	struct arena arena;
	struct db_conn *c;
	char why[300] = "";
	enum status st = db_begin(rest_state.db, false, &c), ended;

	if (st != OK)
		return st;
	arena_init(&arena, NULL, 0, 64 << 10);
	for (size_t i = 0; st == OK && i < ARRAY_LEN(tunings); i++) {
		struct value v, dflt;

		default_of(&tunings[i], &dflt);
		st = kept(c, &arena, &tunings[i], &v);
		if (st == OK && strcmp(v.text, dflt.text) != 0 &&
		    rest_state.conf.house->adapter_tune(tunings[i].adapter, tunings[i].name, v.text,
			why, sizeof why) != OK)
			log_warn("rest.tuning", F_STR("setting", tunings[i].name),
			    F_STR("value", v.text), F_STR("why", why));
	}
	arena_rewind(&arena);
	ended = db_end(&c, false);
	return st != OK ? st : ended;
}
