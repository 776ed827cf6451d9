/*
 * Permissions: the level of a user, of a group, or of whoever has a SID, on a share.  They are
 * enforced from the answer on.
 */
#include "mgmt/rest/live.h"

#include "pipeline/base/panic.h"

#include <string.h>

enum { PRINCIPAL_MAX = 80 };

bool
rest_level_ok(const char *level)
{
	const struct db_field *f = &db_entity[DB_GRANT].field[db_field_at(DB_GRANT, "level")];
	struct db_value v = { .is = DB_TEXT, .text = level };
	char why[100];

	return level != NULL && db_field_ok(f, &v, why, sizeof why);
}

static const char *
principal_of(struct rest_call *call, const char *type, const char *name)
{
	char principal[PRINCIPAL_MAX + 1];
	struct text t = text_of(principal, sizeof principal);

	text_addf(&t, "%s:%s", type, name);
	return t.cut ? NULL : arena_copy(&call->arena, principal, t.len);
}

enum status
rest_grant(struct rest_call *call, const char *share, const char *type, const char *name,
    const char *level)
{
	const char *principal = principal_of(call, type, name);
	struct db_row g = { 0 };
	enum status st;

	if (principal == NULL)
		return ST_NOENT;
	db_set_text(DB_GRANT, &g, "level", level);
	st = db_update(call->conn, DB_GRANT, share, principal, &g, 0);
	if (st != ST_NOENT)
		return st;
	db_set_text(DB_GRANT, &g, "share", share);
	db_set_text(DB_GRANT, &g, "principal", principal);
	db_set_text(DB_GRANT, &g, "type", type);
	db_set_text(DB_GRANT, &g, "name", name);
	return db_insert(call->conn, DB_GRANT, &g);
}

/* --- whom the path names --- */

static enum status
named(struct rest_call *call, enum db_entity who)
{
	struct db_row row;

	return db_get(call->conn, who, NULL, call->arg[1], &call->arena, &row);
}

static void
count_row(const struct db_row *row, void *arg)
{
	(void)row;
	(*(int *)arg)++;
}

/* A SID is of a user or a group here: no other can be shown by a client yet, and what cannot be
 * enforced is not kept. */
static enum status
has_sid(struct rest_call *call)
{
	static const enum db_entity kinds[] = { DB_USER, DB_GROUP };
	enum status st = OK;
	int n = 0;

	for (size_t i = 0; st == OK && i < ARRAY_LEN(kinds); i++) {
		struct db_list one = { .where = "sid", .equals = call->arg[1], .limit = 1 };

		st = db_list(call->conn, kinds[i], &one, &call->arena, count_row, &n);
	}
	return st == OK && n == 0 ? ST_NOENT : st;
}

static bool
share_ours(struct rest_call *call)
{
	struct db_row share;
	enum status st;

	rest_share_arg(call, 0);
	st = db_get(call->conn, DB_SHARE, NULL, call->arg[0], &call->arena, &share);
	if (st == ST_NOENT)
		rest_problem(call, 404, "not_found", NULL, "there is no share \"%s\"",
		    call->arg[0]);
	else if (st != OK)
		rest_status(call, st, "share", call->arg[0]);
	else if (strcmp(db_text(DB_SHARE, &share, "source"), "file") == 0)
		rest_problem(call, 409, "from_file", "its export rules in the file are what counts",
		    "the share \"%s\" is defined in the file of settings; no levels are asked "
		    "there",
		    call->arg[0]);
	else
		return true;
	return false;
}

static void
do_grant(struct rest_call *call, const char *type, enum status found)
{
	const char *level = rest_json_get_str(call->body, "level"), *principal;
	enum status st = found;

	if (st == OK)
		st = rest_grant(call, call->arg[0], type, call->arg[1], level);
	if (st == ST_NOENT)
		rest_problem(call, 404, "not_found", NULL, "there is no %s \"%s\"",
		    strcmp(type, "sid") == 0 ? "user or group with the SID" : type, call->arg[1]);
	else if (st != OK)
		rest_status(call, st, "permission", call->arg[1]);
	if (st != OK || !rest_live_rules(call, call->arg[0]))
		return;
	principal = principal_of(call, type, call->arg[1]);
	rest_row_reply(call, DB_GRANT, call->arg[0], principal != NULL ? principal : "", 200);
}

static bool
may_grant(struct rest_call *call)
{
	if (!share_ours(call))
		return false;
	if (rest_level_ok(rest_json_get_str(call->body, "level")))
		return true;
	return rest_invalid_field(call, "level", "is none of none, read, read-write, admin");
}

static void
do_revoke(struct rest_call *call, const char *type)
{
	const char *principal = principal_of(call, type, call->arg[1]);
	enum status st;

	if (!share_ours(call))
		return;
	st = principal == NULL ? ST_NOENT :
	    db_remove(call->conn, DB_GRANT, call->arg[0], principal, 0);
	if (st != OK)
		rest_status(call, st, "permission of", call->arg[1]);
	else if (rest_live_rules(call, call->arg[0]))
		rest_no_content(call);
}

void
rest_do_grant_user(struct rest_call *call)
{
	if (may_grant(call))
		do_grant(call, "user", named(call, DB_USER));
}

void
rest_do_grant_group(struct rest_call *call)
{
	if (may_grant(call))
		do_grant(call, "group", named(call, DB_GROUP));
}

void
rest_do_grant_sid(struct rest_call *call)
{
	if (may_grant(call))
		do_grant(call, "sid", has_sid(call));
}

void
rest_do_revoke_user(struct rest_call *call)
{
	do_revoke(call, "user");
}

void
rest_do_revoke_group(struct rest_call *call)
{
	do_revoke(call, "group");
}

void
rest_do_revoke_sid(struct rest_call *call)
{
	do_revoke(call, "sid");
}
