/*
 * What is asked of a remote store itself may take a while: the database is let go of before.
 */
#include "mgmt/rest/remote.h"

#include "backends/block/call.h"
#include "backends/block/doctor.h"
#include "crypto/secret.h"
#include "mgmt/rest/seal.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool
rest_option_secret(const char *key)
{
	size_t len = strlen(key);

	return strstr(key, "secret") != NULL || strstr(key, "password") != NULL ||
	    strstr(key, "token") != NULL || (len > 4 && strcmp(key + len - 4, "_key") == 0);
}

struct reading {
	struct store_spec *spec;
	struct arena *arena;
	enum status st;
	char *why;
	size_t why_cap;
};

static const char *
plain_of(struct reading *r, const char *key, const struct rest_json *j)
{
	const char *text = NULL;
	char number[24];

	switch (rest_json_kind(j)) {
	case REST_TRUE: return "true";
	case REST_FALSE: return "false";
	case REST_INT:
		snprintf(number, sizeof number, "%lld", (long long)rest_json_int(j));
		return arena_copy(r->arena, number, strlen(number));
	case REST_STRING:
		if (!rest_option_secret(key))
			return arena_copy(r->arena, rest_json_str(j), strlen(rest_json_str(j)));
		r->st = rest_unseal(r->spec->name, key, rest_json_str(j), r->arena, &text);
		if (r->st != OK)
			snprintf(r->why, r->why_cap,
			    "the secret %s of the remote store %s does not open: "
			    "secrets.key is not the one that sealed it; set it anew",
			    key, r->spec->name);
		return text;
	case REST_NULL: case REST_REAL: case REST_ARRAY: case REST_OBJECT:
		break;
	}
	return NULL;
}

static bool
read_option(const char *key, const struct rest_json *j, void *arg)
{
	struct reading *r = arg;
	struct store_spec *spec = r->spec;
	const char *name, *value;

	if (rest_json_kind(j) == REST_STRING && rest_json_str(j)[0] == '\0')
		return true;			/* left out */
	name = arena_copy(r->arena, key, strlen(key));
	value = plain_of(r, key, j);
	if (r->st == OK && value != NULL) {
		enum status st = store_spec_set(spec, key, value, r->why, r->why_cap);

		if (st == OK)
			return true;
		r->st = st == ST_NOENT ? OK : st;
	}
	if (r->st == OK &&
	    (name == NULL || value == NULL || spec->noptions == STORE_SPEC_OPTIONS)) {
		r->st = ST_RESOURCE;
		snprintf(r->why, r->why_cap, "the remote store %s has too many options",
		    spec->name);
	}
	if (r->st == OK)
		spec->option[spec->noptions++] = (struct backends_pair){ name, value };
	return r->st == OK;
}

enum status
rest_remote_read(const char *name, const char *kind, const char *config, struct arena *arena,
    struct store_spec *spec, char *why, size_t why_cap)
{
	struct reading r = { .spec = spec, .arena = arena, .why = why, .why_cap = why_cap };
	struct rest_json *j = rest_json_parse(config, strlen(config), why, why_cap);

	*spec = (struct store_spec){ .noptions = 0 };
	snprintf(spec->name, sizeof spec->name, "%s", name);
	snprintf(spec->kind, sizeof spec->kind, "%s", kind);
	if (j == NULL)
		return ST_CORRUPT;
	rest_json_each(j, read_option, &r);
	rest_json_free(j);
	return r.st;
}

static enum status
spec_of_row(const struct db_row *row, struct arena *arena, struct store_spec *spec, char *why,
    size_t why_cap)
{
	return rest_remote_read(db_text(DB_REMOTE_STORE, row, "name"),
	    db_text(DB_REMOTE_STORE, row, "type"), db_text(DB_REMOTE_STORE, row, "config"), arena,
	    spec, why, why_cap);
}

enum status
rest_remote_spec(struct db_conn *c, const char *name, struct arena *arena, struct store_spec *spec,
    char *why, size_t why_cap)
{
	struct db_row row;
	enum status st = db_get(c, DB_REMOTE_STORE, NULL, name, arena, &row);

	if (st == OK)
		return spec_of_row(&row, arena, spec, why, why_cap);
	snprintf(why, why_cap, "its remote store %s is not there", name);
	return st;
}

enum status
rest_local_cap(struct db_conn *c, const char *name, struct arena *arena, uint64_t *bytes, char *why,
    size_t why_cap)
{
	struct db_row row;
	enum status st = db_get(c, DB_LOCAL_STORE, NULL, name, arena, &row);
	const char *config = st == OK ? db_text(DB_LOCAL_STORE, &row, "config") : "{}", *said;
	struct rest_json *j = rest_json_parse(config, strlen(config), why, why_cap);

	*bytes = 0;
	if (st != OK || j == NULL) {
		rest_json_free(j);
		return st != OK ? st : ST_CORRUPT;
	}
	said = rest_json_get_str(j, "max_size");
	if (said != NULL && said[0] != '\0' && !text_size(said, bytes)) {
		snprintf(why, why_cap, "max_size of the local store %s is no size: %.40s", name,
		    said);
		st = ST_INVAL;
	}
	rest_json_free(j);
	return st;
}

/* --- looking at one --- */

/* The spec of the store that the path names, and the database let go; false: said why not. */
static bool
find(struct rest_call *call, struct store_spec *spec)
{
	char why[300] = "";
	struct db_row row;
	enum status st = db_begin(rest_state.db, false, &call->conn), ended;
	bool found = st == OK && rest_row_find(call, DB_REMOTE_STORE, &row);

	if (st != OK) {
		rest_status(call, st, "remote block store", call->arg[0]);
		return false;
	}
	if (found)
		st = spec_of_row(&row, &call->arena, spec, why, sizeof why);
	ended = db_end(&call->conn, false);
	(void)ended;			/* nothing was written */
	if (found && st != OK)
		rest_problem(call, 409, "store_failed", "dfsctl store block remote edit", "%s",
		    why);
	return found && st == OK;
}

static struct rest_json *
check_json(const struct block_check *k)
{
	static const char *const words[] = { [BLOCK_GOOD] = "good", [BLOCK_MISSING] = "missing",
		[BLOCK_BAD] = "bad" };
	struct rest_json *j = rest_json_object();

	rest_json_put_str(j, "check", k->what);
	rest_json_put_str(j, "finding", words[k->finding]);
	rest_json_put_int(j, "latency_ms", (int64_t)(k->took_ns / NS_PER_MS));
	rest_json_put_str(j, "details", k->text);
	return j;
}

static struct rest_json *
calls_json(const struct block_gauge *g, enum block_call_kind kind, const char *word)
{
	static const struct { const char *key; unsigned percent; } within[] = { { "p50_ms", 50 },
		{ "p99_ms", 99 } };
	struct rest_json *j = rest_json_object();
	uint64_t n = g->calls[kind];

	rest_json_put_str(j, "call", word);
	rest_json_put_int(j, "count", (int64_t)n);
	rest_json_put_int(j, "failures", (int64_t)g->failed[kind]);
	rest_json_put_int(j, "bytes", (int64_t)g->bytes[kind]);
	rest_json_put_int(j, "mean_ms", (int64_t)(n > 0 ? g->ns[kind] / n / NS_PER_MS : 0));
	for (size_t i = 0; i < ARRAY_LEN(within); i++) {
		uint32_t ms = block_gauge_within_ms(g, kind, within[i].percent);

		if (ms == UINT32_MAX)
			rest_json_put_null(j, within[i].key);	/* longer than is kept apart */
		else
			rest_json_put_int(j, within[i].key, ms);
	}
	return j;
}

void
rest_do_remote_stats(struct rest_call *call)
{
	static const char *const words[BLOCK_KINDS] = { [BLOCK_PUT] = "put", [BLOCK_GET] = "get",
		[BLOCK_HEAD] = "head", [BLOCK_DEL] = "delete", [BLOCK_WALK] = "list" };
	struct block_gauge *g = xcalloc(1, sizeof *g);
	struct rest_json *out, *list;
	unsigned shares = 0;
	struct db_row row;
	bool open;

	if (!rest_row_find(call, DB_REMOTE_STORE, &row)) {
		free(g);
		return;
	}
	open = rest_state.conf.house->store_gauge(db_text(DB_REMOTE_STORE, &row, "name"), &shares,
	    g);
	out = rest_json_object();
	list = rest_json_array();
	rest_json_put_str(out, "name", db_text(DB_REMOTE_STORE, &row, "name"));
	rest_json_put_str(out, "type", db_text(DB_REMOTE_STORE, &row, "type"));
	rest_json_put_bool(out, "open", open);
	rest_json_put_int(out, "shares", shares);
	rest_json_put_int(out, "running", (int64_t)g->running);
	rest_json_put_int(out, "retries", (int64_t)g->again);
	for (int k = 0; k < BLOCK_KINDS; k++)
		rest_json_add(list, calls_json(g, (enum block_call_kind)k, words[k]));
	rest_json_put(out, "calls", list);
	rest_json_reply(call, 200, out);
	free(g);
}

static void
look(struct rest_call *call, bool whole)
{
	struct block_check check[BLOCK_CHECKS_MAX];
	struct rest_json *out, *list;
	struct store_spec spec;
	char why[300] = "", now[DB_TIME_TEXT];
	bool well = true;
	unsigned n = 0;
	enum status st;

	if (!find(call, &spec))
		return;
	st = rest_state.conf.house->store_try(&spec, whole, check, &n, why, sizeof why);
	if (st != OK) {
		struct text said = text_of(check[0].text, sizeof check[0].text);

		check[0] = (struct block_check){ .what = "it opens", .finding = BLOCK_BAD };
		text_add(&said, why[0] ? why : status_text(st));	/* cut where it is longer */
		n = 1;
	}
	for (unsigned i = 0; i < n; i++)
		well &= check[i].finding != BLOCK_BAD;
	db_now(now);
	out = rest_json_object();
	rest_json_put_bool(out, "healthy", well);
	rest_json_put_str(out, "checked_at", now);
	if (!whole) {
		rest_json_put_int(out, "latency_ms", (int64_t)(check[0].took_ns / NS_PER_MS));
		rest_json_put_str(out, "details", well ? "it answers" : check[0].text);
	} else {
		list = rest_json_array();
		for (unsigned i = 0; i < n; i++)
			rest_json_add(list, check_json(&check[i]));
		rest_json_put(out, "checks", list);
	}
	rest_json_reply(call, 200, out);
}

void
rest_do_remote_health(struct rest_call *call)
{
	look(call, false);
}

void
rest_do_remote_doctor(struct rest_call *call)
{
	look(call, true);
}
