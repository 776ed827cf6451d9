/*
 * Who may do what on shares that serve, and how they do it, kept as the rows say: new rules and a
 * new tuning are made within the transaction that changes a row and put in force, while the share
 * goes on serving.
 */
#include "mgmt/rest/live.h"

#include "mgmt/shares/spec.h"
#include "pipeline/base/panic.h"
#include "pipeline/share/rules.h"
#include "pipeline/share/share.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rest_undo {
	struct rest_undo *next;
	struct share_rules *old;
	struct share_tuning tuning;
	char name[80];
};

/* The last that was swapped comes back first, so the first one's is what stays. */
void
rest_live_settle(struct rest_call *call, bool kept)
{
	struct rest_undo *u;

	while ((u = call->undo) != NULL) {
		call->undo = u->next;
		if (!kept) {
			struct share_rules *now = rest_state.conf.house->share_rules(u->name,
			    rules_copy(u->old));

			rules_put(&now);
			rest_state.conf.house->share_tune(u->name, &u->tuning, NULL);
		}
		rules_put(&u->old);
		free(u);
	}
}

static void
swap(struct rest_call *call, const char *name, struct share_rules *rules,
    const struct share_tuning *tuning)
{
	struct share_rules *old = rest_state.conf.house->share_rules(name, rules);
	struct rest_undo *u;

	if (old == NULL)
		return;			/* it does not serve: opening reads the rows */
	u = xcalloc(1, sizeof *u);
	u->old = old;
	rest_state.conf.house->share_tune(name, tuning, &u->tuning);
	u->next = call->undo;
	call->undo = u;
	snprintf(u->name, sizeof u->name, "%s", name);
}

static bool
follow(struct rest_call *call, const struct db_row *share)
{
	struct share_conf *conf = xcalloc(1, sizeof *conf);
	const char *name = db_text(DB_SHARE, share, "name");
	struct share_rules *rules;
	struct share_tuning tuning;
	struct store_spec spec;
	char why[300];
	enum status st;

	st = rest_live_conf(call->conn, &call->arena, share, conf, &spec, why, sizeof why);
	if (st == OK)
		st = db_share_rules(call->conn, share, conf, &rules);
	tuning = share_tuning_of(conf);
	free(conf);
	if (st == OK)
		swap(call, name, rules, &tuning);
	else
		rest_problem(call, st == ST_INVAL ? 422 : 503, "share_failed",
		    "mend what it names, then try again", "the share \"%s\": %s", name,
		    why[0] != '\0' ? why : status_text(st));
	return st == OK;
}

bool
rest_live_rules(struct rest_call *call, const char *share)
{
	struct db_row row;
	enum status st = db_get(call->conn, DB_SHARE, NULL, share, &call->arena, &row);

	if (st != OK) {
		rest_status(call, st, "share", share);
		return false;
	}
	return follow(call, &row);
}

/* --- all that serve --- */

struct found {
	struct rest_call *call;
	const char *netgroup;		/* only whose rules name it; NULL: any */
	const struct db_row *row[DB_LIST_MAX];
	const char *last;
	int n, seen;
};

/* "@name" as a word of the rules. */
static bool
names_it(const char *rules, const char *netgroup)
{
	size_t len = strlen(netgroup);

	for (const char *s = rules; (s = strchr(s, '@')) != NULL; s++)
		if (strncmp(s + 1, netgroup, len) == 0 && strchr(" (", s[1 + len]) != NULL)
			return true;
	return false;
}

static void
see_share(const struct db_row *row, void *arg)
{
	struct found *f = arg;
	struct db_row *kept;

	f->last = db_text(DB_SHARE, row, "name");
	f->seen++;
	if (f->netgroup != NULL && !names_it(db_text(DB_SHARE, row, "export_rules"), f->netgroup))
		return;
	kept = arena_copy(&f->call->arena, row, sizeof *row);
	if (kept != NULL && f->n < DB_LIST_MAX)
		f->row[f->n++] = kept;
}

/* The next page of them; seen 0: there is none. */
static enum status
next_page(struct found *f)
{
	struct db_list page = { .after = f->last, .limit = DB_LIST_MAX };
	enum status st;

	f->n = f->seen = 0;
	st = db_list(f->call->conn, DB_SHARE, &page, &f->call->arena, see_share, f);
	return st == OK && f->call->arena.overflow ? ST_RESOURCE : st;
}

static bool
follow_all(struct rest_call *call, const char *netgroup)
{
	struct found *f = xcalloc(1, sizeof *f);
	enum status st;
	bool ok = true;

	f->call = call;
	f->netgroup = netgroup;
	do {
		st = next_page(f);
		for (int i = 0; st == OK && ok && i < f->n; i++)
			if (db_num(DB_SHARE, f->row[i], "enabled") != 0 &&
			    strcmp(db_text(DB_SHARE, f->row[i], "source"), "api") == 0)
				ok = follow(call, f->row[i]);
	} while (st == OK && ok && f->seen == DB_LIST_MAX);
	free(f);
	if (st != OK)
		rest_status(call, st, "shares", "");
	return st == OK && ok;
}

bool
rest_live_rules_all(struct rest_call *call)
{
	return follow_all(call, NULL);
}

bool
rest_live_netgroup(struct rest_call *call, const char *netgroup)
{
	return follow_all(call, netgroup);
}

enum status
rest_live_netgroup_used(struct rest_call *call, const char *netgroup, bool *used)
{
	struct found *f = xcalloc(1, sizeof *f);
	enum status st;

	f->call = call;
	f->netgroup = netgroup;
	*used = false;
	do {
		st = next_page(f);
		*used = *used || f->n > 0;
	} while (st == OK && f->seen == DB_LIST_MAX && !*used);
	free(f);
	return st;
}
