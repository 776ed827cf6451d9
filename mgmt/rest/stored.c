/*
 * The database is opened for as long as its shares are told.  They are kept first, so that no
 * transaction stands while something is done with one.
 */
#include "mgmt/rest/stored.h"

#include "mgmt/rest/live.h"
#include "mgmt/rest/seal.h"
#include "pipeline/base/panic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA = 8 << 20 };

struct stored {
	struct arena arena;
	const struct db_row *row[DB_LIST_MAX];
	int n;
	bool cut;
};

static void
keep(const struct db_row *row, void *arg)
{
	struct stored *s = arg;
	const struct db_row *kept;

	if (strcmp(db_text(DB_SHARE, row, "source"), "file") == 0)
		return;
	kept = arena_copy(&s->arena, row, sizeof *row);
	if (kept == NULL || s->n == DB_LIST_MAX)
		s->cut = true;
	else
		s->row[s->n++] = kept;
}

struct told {				/* a share's row made out */
	struct share_conf conf;
	struct store_spec spec;
	bool remote;
	char why[300];
	enum status st;
};

static enum status
make_out(struct db_conn *c, struct stored *s, struct told *v)
{
	enum status st;

	st = db_list(c, DB_SHARE, &(struct db_list){ .limit = DB_LIST_MAX }, &s->arena, keep, s);
	if (st == OK && s->cut)
		st = ST_RESOURCE;
	for (int i = 0; st == OK && i < s->n; i++) {
		v[i].remote = db_text(DB_SHARE, s->row[i], "remote_block_store")[0] != '\0';
		v[i].st = rest_live_conf(c, &s->arena, s->row[i], &v[i].conf, &v[i].spec, v[i].why,
		    sizeof v[i].why);
		snprintf(v[i].conf.name, sizeof v[i].conf.name, "%s",
		    db_text(DB_SHARE, s->row[i], "name"));
		if (v[i].st != OK && v[i].why[0] == '\0')
			snprintf(v[i].why, sizeof v[i].why, "%s", status_text(v[i].st));
	}
	return st;
}

enum status
rest_shares_stored(const char *db_path, const char *state_dir, void (*each)(void *arg,
    const struct share_conf *conf, const struct store_spec *remote, const char *wrong), void *arg,
    char *why, size_t why_cap)
{
	struct stored *s = xcalloc(1, sizeof *s);
	struct told *v = xcalloc(DB_LIST_MAX, sizeof *v);
	struct db_conn *c;
	enum status st, ended;

	arena_init(&s->arena, NULL, 0, ARENA);
	rest_state = (struct rest_state){ .conf = { .db_path = db_path, .state_dir = state_dir } };
	st = db_open(db_path, &rest_state.db, why, why_cap);
	if (st == OK)
		st = rest_seal_start(state_dir, why, why_cap);
	if (st == OK && (st = db_begin(rest_state.db, false, &c)) == OK) {
		st = make_out(c, s, v);
		ended = db_end(&c, false);
		st = st == OK ? ended : st;
	}
	for (int i = 0; st == OK && i < s->n; i++)
		each(arg, &v[i].conf, v[i].remote ? &v[i].spec : NULL,
		    v[i].st != OK ? v[i].why : NULL);
	if (rest_state.db != NULL)
		db_close(&rest_state.db);
	rest_seal_stop();
	arena_rewind(&s->arena);
	free(s);
	free(v);
	return st;
}
