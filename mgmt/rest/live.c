/*
 * Between rows and the house: what a row says is made to serve.
 */
#include "mgmt/rest/live.h"

#include "mgmt/rest/remote.h"
#include "mgmt/shares/down.h"
#include "mgmt/shares/words.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/base/panic.h"
#include "pipeline/model/share_conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BOOT_ARENA = 8 << 20 };

enum status
rest_live_conf(struct db_conn *c, struct arena *arena, const struct db_row *share,
    struct share_conf *conf, struct store_spec *spec, char *why, size_t why_cap)
{
	struct db_place place = { rest_state.conf.state_dir };
	const char *remote = db_text(DB_SHARE, share, "remote_block_store");
	enum status st;

	why[0] = '\0';
	st = db_share_conf(c, share, &place, arena, conf, why, why_cap);
	if (st == OK)
		st = rest_local_cap(c, db_text(DB_SHARE, share, "local_block_store"), arena,
		    &conf->local_bytes, why, why_cap);
	if (st == OK && *remote != '\0')
		st = rest_remote_spec(c, remote, arena, spec, why, why_cap);
	if (st == OK)
		st = store_spec_inherit(*remote != '\0' ? spec : NULL, conf, why, why_cap);
	return st;
}

enum status
rest_live_open(struct db_conn *c, struct arena *arena, const struct db_row *share, char *why,
    size_t why_cap)
{
	struct share_conf *conf = xcalloc(1, sizeof *conf);
	const char *name = db_text(DB_SHARE, share, "name");
	bool remote = db_text(DB_SHARE, share, "remote_block_store")[0] != '\0';
	struct share_rules *rules;
	struct store_spec spec;
	enum status st = rest_live_conf(c, arena, share, conf, &spec, why, why_cap);

	if (st == OK)
		st = db_share_rules(c, share, conf, &rules);
	if (st == OK)
		st = rest_state.conf.house->share_open(conf, rules, remote ? &spec : NULL, why,
		    why_cap);
	if (st != OK && why[0] == '\0')
		snprintf(why, why_cap, "%s", status_text(st));
	shares_down_note(name, st == OK ? NULL : why);
	free(conf);
	return st;
}

enum status
rest_live_close(const char *name)
{
	enum status st = rest_state.conf.house->share_close(name);

	if (st == OK || st == ST_NOENT)
		shares_down_note(name, NULL);
	return st == ST_NOENT ? OK : st;
}

void
rest_live_look(const struct db_row *share, struct rest_share_state *s)
{
	uint64_t start = clock_mono_ns();

	rest_state.conf.house->share_look(db_text(DB_SHARE, share, "name"), s);
	s->look_ns = clock_mono_ns() - start;
}

struct rest_json *
rest_live_status(const struct db_row *share, const struct rest_share_state *s)
{
	const char *name = db_text(DB_SHARE, share, "name"), *word = "healthy";
	struct rest_json *out = rest_json_object();
	char message[400] = "", now[DB_TIME_TEXT];

	if (db_num(DB_SHARE, share, "enabled") == 0)
		word = "disabled";
	else if (!s->open) {
		word = "unhealthy";
		if (!shares_down_why(name, message, sizeof message))
			snprintf(message, sizeof message, "it is not open");
	} else if (!s->well) {
		word = "unhealthy";
		snprintf(message, sizeof message, "its journal takes no more entries; "
		    "see the log, then disable and enable it");
	} else if (s->wants[0] != '\0') {
		word = "degraded";
		snprintf(message, sizeof message, "%s", s->wants);
	}
	db_now(now);
	rest_json_put_str(out, "status", word);
	rest_json_put_str(out, "message", message);
	rest_json_put_str(out, "checked_at", now);
	rest_json_put_int(out, "latency_ms", (int64_t)(s->look_ns / NS_PER_MS));
	return out;
}

/* --- at start --- */

static enum status
file_row(struct db_conn *c, const struct share_conf *conf, struct arena *arena)
{
	const struct db_field *f = &db_entity[DB_SHARE].field[db_field_at(DB_SHARE, "name")];
	struct db_value v = { .is = DB_TEXT, .text = conf->name };
	struct db_row row = { 0 }, old;
	char why[120];
	enum status st;

	if (!db_field_ok(f, &v, why, sizeof why)) {
		log_warn("rest.file_share", F_STR("share", conf->name), F_STR("why", why));
		return OK;
	}
	st = db_get(c, DB_SHARE, NULL, conf->name, arena, &old);
	db_set_text(DB_SHARE, &row, "source", "file");
	db_set_num(DB_SHARE, &row, "enabled", 1);
	db_set_num(DB_SHARE, &row, "read_only", conf->read_only);
	db_set_text(DB_SHARE, &row, "durability",
	    conf->tier == TIER_WRITEBACK ? "writeback" : "local");
	db_set_num(DB_SHARE, &row, "anonymous_uid", conf->anon_uid);
	db_set_num(DB_SHARE, &row, "anonymous_gid", conf->anon_gid);
	db_set_num(DB_SHARE, &row, "owner_uid", conf->root_uid);
	db_set_num(DB_SHARE, &row, "owner_gid", conf->root_gid);
	db_set_num(DB_SHARE, &row, "local_store_size", (int64_t)conf->journal_bytes);
	db_set_num(DB_SHARE, &row, "quota_bytes", (int64_t)conf->quota_bytes);
	db_set_text(DB_SHARE, &row, "retention_policy", shares_retention_word(conf->retention));
	db_set_num(DB_SHARE, &row, "retention_ttl", (int64_t)conf->retention_ttl_s);
	db_set_text(DB_SHARE, &row, "encryption", shares_encryption_word(conf->encryption));
	db_set_text(DB_SHARE, &row, "compression", shares_compression_word(conf->compression));
	if (st == OK && strcmp(db_text(DB_SHARE, &old, "source"), "file") != 0) {
		log_warn("rest.file_share", F_STR("share", conf->name),
		    F_STR("why", "the database has a share of that name, which does not serve"));
		return OK;
	}
	if (st == OK)
		return db_update(c, DB_SHARE, NULL, conf->name, &row, 0);
	if (st != ST_NOENT)
		return st;
	db_set_text(DB_SHARE, &row, "name", conf->name);
	return db_insert(c, DB_SHARE, &row);
}

struct booting {
	struct db_conn *c;
	struct arena *arena;
	const struct db_row *gone[DB_LIST_MAX];
	int ngone;
	const struct db_row *open[DB_LIST_MAX];
	int nopen;
};

static bool
in_file(const char *name)
{
	for (uint32_t i = 0; i < rest_state.conf.nfile_shares; i++)
		if (strcmp(rest_state.conf.file_shares[i].name, name) == 0)
			return true;
	return false;
}

static void
sort_row(const struct db_row *row, void *arg)
{
	struct booting *b = arg;
	bool file = strcmp(db_text(DB_SHARE, row, "source"), "file") == 0;
	const struct db_row *kept = arena_copy(b->arena, row, sizeof *row);

	if (kept == NULL)
		return;
	if (file && !in_file(db_text(DB_SHARE, row, "name")))
		b->gone[b->ngone++] = kept;
	else if (!file && db_num(DB_SHARE, row, "enabled") != 0)
		b->open[b->nopen++] = kept;
}

static enum status
boot(struct booting *b, uint32_t *nopen)
{
	struct db_list all = { .limit = DB_LIST_MAX };
	enum status st = OK;
	char why[300];

	for (uint32_t i = 0; st == OK && i < rest_state.conf.nfile_shares; i++)
		st = file_row(b->c, &rest_state.conf.file_shares[i], b->arena);
	if (st == OK)
		st = db_list(b->c, DB_SHARE, &all, b->arena, sort_row, b);
	for (int i = 0; st == OK && i < b->ngone; i++)
		st = db_remove(b->c, DB_SHARE, NULL, db_text(DB_SHARE, b->gone[i], "name"), 0);
	*nopen = 0;
	for (int i = 0; st == OK && i < b->nopen; i++)
		*nopen += rest_live_open(b->c, b->arena, b->open[i], why, sizeof why) == OK;
	return st;
}

enum status
rest_live_boot(uint32_t *nopen)
{
	struct booting *b = xcalloc(1, sizeof *b);
	struct arena arena;
	enum status st, ended;

	arena_init(&arena, NULL, 0, BOOT_ARENA);
	b->arena = &arena;
	st = db_begin(rest_state.db, true, &b->c);
	if (st == OK) {
		st = boot(b, nopen);
		ended = db_end(&b->c, st == OK);
		st = st == OK ? ended : st;
	}
	arena_rewind(&arena);
	free(b);
	return st;
}
