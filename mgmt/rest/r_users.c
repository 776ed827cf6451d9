/*
 * Users, groups and who is in which.
 */
#include "mgmt/rest/live.h"

#include "pipeline/base/panic.h"

#include <string.h>

static const char *const user_extras[] = { "password", "groups", "share_permissions", NULL };
static const char *const group_extras[] = { "members", NULL };

static void
add_name(const char *name, void *arg)
{
	rest_json_add(arg, rest_json_string(name));
}

static void
user_show(struct rest_call *call, const struct db_row *row, struct rest_json *out)
{
	struct rest_json *groups = rest_json_array();

	if (db_groups_of(call->conn, db_text(DB_USER, row, "username"), add_name, groups) == OK)
		rest_json_put(out, "groups", groups);
	else
		rest_json_free(groups);
}

/* Levels and mapped uids are by the numbers of users and groups, and by who is in which. */
static bool
rules_after(struct rest_call *call, const struct db_row *row)
{
	(void)row;
	return rest_live_rules_all(call);
}

static bool
rules_after_change(struct rest_call *call, const struct db_row *old, const struct db_row *now)
{
	(void)old;
	return rules_after(call, now);
}

/* --- creation and change --- */

static bool
join(struct rest_call *call, const char *group, const char *username)
{
	struct db_row m = { 0 };
	enum status st;

	db_set_text(DB_MEMBER, &m, "group_name", group);
	db_set_text(DB_MEMBER, &m, "username", username);
	st = db_insert(call->conn, DB_MEMBER, &m);
	if (st == OK || st == ST_EXIST)
		return true;
	if (st == ST_NOENT)
		return rest_invalid_field(call, "groups", "there is no group \"%.64s\"", group);
	rest_status(call, st, "group", group);
	return false;
}

struct leaving {
	struct rest_call *call;
	const char *names[256];
	int n;
};

static void
note_group(const char *group, void *arg)
{
	struct leaving *l = arg;

	l->names[l->n] = arena_copy(&l->call->arena, group, strlen(group));
	l->n += l->names[l->n] != NULL && l->n + 1 < (int)ARRAY_LEN(l->names);
}

static bool
leave_all(struct rest_call *call, const char *username)
{
	struct leaving l = { .call = call };
	enum status st = db_groups_of(call->conn, username, note_group, &l);

	for (int i = 0; st == OK && i < l.n; i++)
		st = db_remove(call->conn, DB_MEMBER, l.names[i], username, 0);
	if (st != OK)
		rest_status(call, st, "user", username);
	return st == OK;
}

/* "groups": exactly these from now on. */
static bool
set_groups(struct rest_call *call, const char *username)
{
	const struct rest_json *groups = rest_json_get(call->body, "groups");

	if (groups == NULL || rest_json_kind(groups) == REST_NULL)
		return true;
	if (rest_json_kind(groups) != REST_ARRAY || rest_json_len(groups) > 200)
		return rest_invalid_field(call, "groups", "must be a list of at most 200 names");
	if (!leave_all(call, username))
		return false;
	for (size_t i = 0; i < rest_json_len(groups); i++) {
		const char *name = rest_json_str(rest_json_at(groups, i));

		if (name == NULL)
			return rest_invalid_field(call, "groups", "must be a list of names");
		if (!join(call, name, username))
			return false;
	}
	return true;
}

struct granting {
	struct rest_call *call;
	const char *username;
	bool ok;
};

static bool
grant_one(const char *share, const struct rest_json *level, void *arg)
{
	struct granting *g = arg;
	const char *word = rest_json_str(level);
	enum status st;

	g->ok = rest_level_ok(word) || rest_invalid_field(g->call, "share_permissions",
	    "\"%.64s\": a level is none, read, read-write or admin", share);
	if (!g->ok)
		return false;
	st = rest_grant(g->call, share, "user", g->username, word);
	if (st == ST_NOENT)
		g->ok = rest_invalid_field(g->call, "share_permissions",
		    "there is no share \"%.64s\"", share);
	else if (st != OK)
		rest_status(g->call, st, "share", share);
	g->ok = st == OK;
	return g->ok;
}

static bool
user_creating(struct rest_call *call, struct db_row *row)
{
	const struct rest_json *groups = rest_json_get(call->body, "share_permissions");
	const struct rest_json *password = rest_json_get(call->body, "password");
	enum status st;

	if (groups != NULL && rest_json_kind(groups) != REST_OBJECT)
		return rest_invalid_field(call, "share_permissions",
		    "must be an object: share to level");
	if (password != NULL && rest_json_kind(password) != REST_STRING &&
	    rest_json_kind(password) != REST_NULL)
		return rest_invalid_field(call, "password", "must be a text");
	st = db_user_number(call->conn, row, &call->arena);
	if (st == OK)
		return true;
	rest_status(call, st, "user", db_text(DB_USER, row, "username"));
	return false;
}

static bool
user_created(struct rest_call *call, const struct db_row *row)
{
	const char *username = db_text(DB_USER, row, "username");
	struct granting g = { call, username, true };
	enum status st = OK;

	if (call->hash[0] != '\0')
		st = db_password_set(call->conn, username, call->hash, false);
	if (st != OK) {
		rest_status(call, st, "user", username);
		return false;
	}
	if (!set_groups(call, username) || !join(call, "users", username))
		return false;
	if (rest_json_get(call->body, "share_permissions") != NULL)
		rest_json_each(rest_json_get(call->body, "share_permissions"), grant_one, &g);
	return g.ok && rest_live_rules_all(call);
}

static bool
is_admin(const struct db_row *row)
{
	return strcmp(db_text(DB_USER, row, "username"), "admin") == 0;
}

static bool
user_updating(struct rest_call *call, const struct db_row *old, struct db_row *change)
{
	int role = db_field_at(DB_USER, "role"), enabled = db_field_at(DB_USER, "enabled");
	int uid = db_field_at(DB_USER, "uid");
	struct db_row numbered = *old;

	if (is_admin(old) &&
	    ((change->v[role].is == DB_TEXT && strcmp(change->v[role].text, "admin") != 0) ||
		(change->v[enabled].is == DB_NUM && change->v[enabled].num == 0) ||
		(change->v[uid].is == DB_NUM && change->v[uid].num != 0))) {
		rest_problem(call, 403, "system_object", NULL,
		    "the account \"admin\" stays an enabled administrator with uid 0");
		return false;
	}
	if (change->v[uid].is != DB_NUM)
		return true;
	numbered.v[uid] = change->v[uid];
	if (db_user_number(call->conn, &numbered, &call->arena) != OK)
		return rest_invalid_field(call, "uid", "no SID can be made of it");
	change->v[db_field_at(DB_USER, "sid")] = numbered.v[db_field_at(DB_USER, "sid")];
	return true;
}

static bool
user_updated(struct rest_call *call, const struct db_row *old, const struct db_row *now)
{
	const char *username = db_text(DB_USER, now, "username");
	enum status st;

	if (!set_groups(call, username) || !rest_live_rules_all(call))
		return false;
	if (db_num(DB_USER, old, "enabled") == db_num(DB_USER, now, "enabled"))
		return true;
	st = db_sessions_end(call->conn, username);
	if (st != OK)
		rest_status(call, st, "user", username);
	return st == OK;
}

/* What names it goes with it: grants and the like. */
static bool
forget(struct rest_call *call, const char *kind, const char *name)
{
	enum status st = db_forget_principal(call->conn, kind, name);

	if (st != OK)
		rest_status(call, st, kind, name);
	return st == OK;
}

static bool
user_removing(struct rest_call *call, const struct db_row *old)
{
	if (is_admin(old)) {
		rest_problem(call, 403, "system_object", NULL,
		    "the account \"admin\" cannot be removed");
		return false;
	}
	return forget(call, "user", db_text(DB_USER, old, "username"));
}

const struct rest_hooks rest_user_hooks = { .show = user_show,
	.steady = true,
	.creating = user_creating,
	.created = user_created,
	.updating = user_updating,
	.updated = user_updated,
	.removing = user_removing,
	.removed = rules_after,
	.extras = user_extras };

void
rest_do_reset_password(struct rest_call *call)
{
	struct db_row user;
	enum status st;

	if (call->hash[0] == '\0')
		rest_invalid_field(call, "new_password", "is wanted");
	else if (rest_row_find(call, DB_USER, &user)) {
		st = db_password_set(call->conn, db_text(DB_USER, &user, "username"), call->hash,
		    true);
		if (st == OK)
			rest_no_content(call);
		else
			rest_status(call, st, "user", call->arg[0]);
	}
}

void
rest_do_end_sessions(struct rest_call *call)
{
	struct db_row user;
	enum status st;

	if (!rest_row_find(call, DB_USER, &user))
		return;
	st = db_sessions_end(call->conn, db_text(DB_USER, &user, "username"));
	if (st == OK)
		rest_no_content(call);
	else
		rest_status(call, st, "user", call->arg[0]);
}

/* --- groups --- */

static void
add_member(const struct db_row *row, void *arg)
{
	rest_json_add(arg, rest_json_string(db_text(DB_MEMBER, row, "username")));
}

static void
group_show(struct rest_call *call, const struct db_row *row, struct rest_json *out)
{
	struct rest_json *members = rest_json_array();
	struct db_list all = { .scope = db_text(DB_GROUP, row, "name"), .limit = DB_LIST_MAX };

	if (db_list(call->conn, DB_MEMBER, &all, &call->arena, add_member, members) == OK)
		rest_json_put(out, "members", members);
	else
		rest_json_free(members);
}

static bool
group_creating(struct rest_call *call, struct db_row *row)
{
	enum status st = db_group_number(call->conn, row, &call->arena);

	if (st != OK)
		rest_status(call, st, "group", db_text(DB_GROUP, row, "name"));
	return st == OK;
}

static bool
group_updating(struct rest_call *call, const struct db_row *old, struct db_row *change)
{
	int gid = db_field_at(DB_GROUP, "gid");
	struct db_row numbered = *old;

	if (change->v[gid].is != DB_NUM)
		return true;
	numbered.v[gid] = change->v[gid];
	if (db_group_number(call->conn, &numbered, &call->arena) != OK)
		return rest_invalid_field(call, "gid", "no SID can be made of it");
	change->v[db_field_at(DB_GROUP, "sid")] = numbered.v[db_field_at(DB_GROUP, "sid")];
	return true;
}

static bool
group_removing(struct rest_call *call, const struct db_row *old)
{
	if (db_num(DB_GROUP, old, "system") != 0) {
		rest_problem(call, 403, "system_object", NULL,
		    "the group \"%s\" is the system's own", db_text(DB_GROUP, old, "name"));
		return false;
	}
	return forget(call, "group", db_text(DB_GROUP, old, "name"));
}

const struct rest_hooks rest_group_hooks = { .show = group_show,
	.steady = true,
	.creating = group_creating,
	.updating = group_updating,
	.updated = rules_after_change,
	.removing = group_removing,
	.removed = rules_after,
	.extras = group_extras };
const struct rest_hooks rest_member_hooks = { .created = rules_after, .removed = rules_after };

/* --- identity mappings --- */

static bool
idmap_creating(struct rest_call *call, struct db_row *row)
{
	const char *provider = db_text(DB_IDMAP, row, "provider_name");
	uint64_t uid;

	if (strcmp(provider, "sys") == 0 &&
	    !text_u64(db_text(DB_IDMAP, row, "principal"), 0, UINT32_MAX - 1, &uid))
		return rest_invalid_field(call, "principal",
		    "of the provider sys is a uid: a number");
	return true;
}

const struct rest_hooks rest_idmap_hooks = { .creating = idmap_creating, .created = rules_after,
	.removed = rules_after };
