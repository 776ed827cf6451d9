/*
 * What users and groups need beyond a row: the first administrator, numbers and SIDs, passwords
 * and when they end all sessions.
 */
#include "mgmt/db/inner.h"

#include "pipeline/base/panic.h"
#include "pipeline/base/rand.h"
#include "pipeline/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NUMBER_FIRST = 10000, SID_MAX = 96 };

enum status
db_is_fresh(struct db_conn *c, bool *fresh)
{
	struct db_stmt *s;
	bool row;
	enum status st = db_prepare(c, "SELECT 1 FROM users LIMIT 1", &s);

	if (st != OK)
		return st;
	st = db_step(s, &row);
	db_done(s);
	if (st == OK)
		*fresh = !row;
	return st;
}

/* --- numbers and SIDs --- */

/* A SID from the machine's: user ids take the even RIDs, group ids the odd ones; uid 0 is the
 * well-known group of administrators. */
static enum status
sid_of(struct db_conn *c, int64_t number, bool group, struct arena *arena, const char **sidp)
{
	char make[SID_MAX], machine[SID_MAX], sid[SID_MAX];
	uint32_t part[3];
	enum status st;

	rand_bytes(part, sizeof part);
	snprintf(make, sizeof make, "S-1-5-21-%u-%u-%u", part[0], part[1], part[2]);
	st = db_secret(c, "identity.machine_sid", make, machine, sizeof machine);
	if (st != OK)
		return st;
	if (number == 0 && !group)
		snprintf(sid, sizeof sid, "S-1-5-32-544");
	else
		snprintf(sid, sizeof sid, "%.60s-%" PRId64, machine,
		    number * 2 + (group ? 1001 : 1000));
	*sidp = arena_copy(arena, sid, strlen(sid));
	return *sidp == NULL ? ST_RESOURCE : OK;
}

/* The least number from NUMBER_FIRST on that no row has. */
static enum status
free_number(struct db_conn *c, const char *sql, int64_t *np)
{
	struct db_stmt *s;
	bool row;
	enum status st = db_prepare(c, sql, &s);

	if (st != OK)
		return st;
	db_bind_num(s, 1, NUMBER_FIRST - 1);
	st = db_step(s, &row);
	if (st == OK)
		*np = MAX(row ? db_col_num(s, 0) + 1 : 0, (int64_t)NUMBER_FIRST);
	db_done(s);
	return st == OK && *np > UINT32_MAX - 1 ? ST_RESOURCE : st;
}

enum status
db_user_number(struct db_conn *c, struct db_row *user, struct arena *arena)
{
	int uid = db_field_at(DB_USER, "uid"), gid = db_field_at(DB_USER, "gid");
	struct db_row users;
	const char *sid;
	int64_t n;
	enum status st;

	if (user->v[uid].is != DB_NUM) {
		st = free_number(c, "SELECT max(uid) FROM users WHERE uid>?1 AND uid<4294967294",
		    &n);
		if (st != OK)
			return st;
		user->v[uid] = (struct db_value){ .is = DB_NUM, .num = n };
	}
	if (user->v[gid].is != DB_NUM) {
		st = db_get(c, DB_GROUP, NULL, "users", arena, &users);
		if (st != OK)
			return st;
		user->v[gid] = (struct db_value){ .is = DB_NUM,
			.num = db_num(DB_GROUP, &users, "gid") };
	}
	st = sid_of(c, user->v[uid].num, false, arena, &sid);
	if (st == OK)
		db_set_text(DB_USER, user, "sid", sid);
	return st;
}

enum status
db_group_number(struct db_conn *c, struct db_row *group, struct arena *arena)
{
	int gid = db_field_at(DB_GROUP, "gid");
	const char *sid;
	int64_t n;
	enum status st;

	if (group->v[gid].is != DB_NUM) {
		st = free_number(c, "SELECT max(gid) FROM groups WHERE gid>?1 AND gid<4294967294",
		    &n);
		if (st != OK)
			return st;
		group->v[gid] = (struct db_value){ .is = DB_NUM, .num = n };
	}
	st = sid_of(c, group->v[gid].num, true, arena, &sid);
	if (st == OK)
		db_set_text(DB_GROUP, group, "sid", sid);
	return st;
}

/* --- the first start --- */

static enum status
seed_groups(struct db_conn *c, struct arena *arena)
{
	static const char *const names[][2] = { { "admins", "administrators" },
		{ "operators", "operators" }, { "users", "all users" } };
	enum status st = OK;

	for (size_t i = 0; st == OK && i < ARRAY_LEN(names); i++) {
		struct db_row g = { 0 };

		db_set_text(DB_GROUP, &g, "name", names[i][0]);
		db_set_text(DB_GROUP, &g, "description", names[i][1]);
		db_set_num(DB_GROUP, &g, "system", 1);
		st = db_group_number(c, &g, arena);
		if (st == OK)
			st = db_insert(c, DB_GROUP, &g);
	}
	return st;
}

static enum status
seed_admin(struct db_conn *c, const struct db_first *first, struct arena *arena)
{
	struct db_row admin = { 0 }, member = { 0 };
	enum status st;

	db_set_text(DB_USER, &admin, "username", "admin");
	db_set_text(DB_USER, &admin, "display_name", "Administrator");
	db_set_text(DB_USER, &admin, "role", "admin");
	db_set_num(DB_USER, &admin, "uid", 0);
	db_set_num(DB_USER, &admin, "gid", 0);
	st = db_user_number(c, &admin, arena);
	if (st == OK)
		st = db_insert(c, DB_USER, &admin);
	if (st == OK)
		st = db_password_set(c, "admin", first->admin_hash, first->must_change);
	db_set_text(DB_MEMBER, &member, "group_name", "admins");
	db_set_text(DB_MEMBER, &member, "username", "admin");
	return st == OK ? db_insert(c, DB_MEMBER, &member) : st;
}

enum status
db_seed(struct db_conn *c, const struct db_first *first)
{
	struct db_row nfs = { 0 };
	struct arena arena;
	uint8_t room[4096];
	enum status st;

	arena_init(&arena, room, sizeof room, 64 << 10);
	st = seed_groups(c, &arena);
	if (st == OK)
		st = seed_admin(c, first, &arena);
	db_set_text(DB_ADAPTER, &nfs, "type", "nfs");
	db_set_num(DB_ADAPTER, &nfs, "enabled", first->nfs_enabled);
	db_set_num(DB_ADAPTER, &nfs, "port", first->nfs_port);
	if (st == OK)
		st = db_insert(c, DB_ADAPTER, &nfs);
	arena_rewind(&arena);
	return st;
}

/* --- logging in --- */

enum status
db_login_get(struct db_conn *c, const char *username, struct db_login *login)
{
	struct db_stmt *s;
	bool row;
	enum status st = db_prepare(c,
	    "SELECT password_hash,epoch,enabled,must_change_password,role,id"
	    " FROM users WHERE username=?1",
	    &s);

	if (st != OK)
		return st;
	db_bind_text(s, 1, username);
	st = db_step(s, &row);
	if (st == OK && !row)
		st = ST_NOENT;
	if (st == OK) {
		const char *hash = db_col_text(s, 0);

		*login = (struct db_login){ .epoch = db_col_num(s, 1),
			.enabled = db_col_num(s, 2) != 0,
			.must_change = db_col_num(s, 3) != 0 };
		snprintf(login->hash, sizeof login->hash, "%s", hash != NULL ? hash : "");
		snprintf(login->role, sizeof login->role, "%s", db_col_text(s, 4));
		snprintf(login->id, sizeof login->id, "%s", db_col_text(s, 5));
	}
	db_done(s);
	return st;
}

enum status
db_sessions_end(struct db_conn *c, const char *username)
{
	enum status st = db_run(c, "UPDATE users SET epoch=epoch+1 WHERE username=?1",
	    (const char *const[]){ username, NULL });

	return st != OK ? st : db_run(c, "UPDATE sessions SET revoked=1 WHERE username=?1",
	    (const char *const[]){ username, NULL });
}

enum status
db_password_set(struct db_conn *c, const char *username, const char *hash, bool must_change)
{
	enum status st = db_run(c, "UPDATE users SET password_hash=?2,must_change_password=?3+0,"
	    "version=version+1 WHERE username=?1",
	    (const char *const[]){ username, hash, must_change ? "1" : "0", NULL });

	if (st == OK && db_changed(c) == 0)
		st = ST_NOENT;
	return st == OK ? db_sessions_end(c, username) : st;
}

enum status
db_logged_in(struct db_conn *c, const char *username)
{
	char now[DB_TIME_TEXT];

	db_now(now);
	return db_run(c, "UPDATE users SET last_login=?2 WHERE username=?1",
	    (const char *const[]){ username, now, NULL });
}

enum status
db_forget_principal(struct db_conn *c, const char *type, const char *name)
{
	return db_run(c, "DELETE FROM grants WHERE type=?1 AND name=?2",
	    (const char *const[]){ type, name, NULL });
}

enum status
db_groups_of(struct db_conn *c, const char *username, void (*see)(const char *group, void *arg),
    void *arg)
{
	struct db_stmt *s;
	bool row = true;
	enum status st = db_prepare(c,
	    "SELECT group_name FROM members WHERE username=?1 ORDER BY group_name LIMIT 256", &s);

	if (st != OK)
		return st;
	db_bind_text(s, 1, username);
	while ((st = db_step(s, &row)) == OK && row)
		see(db_col_text(s, 0), arg);
	db_done(s);
	return st;
}

enum status
db_user_by_uid(struct db_conn *c, uint32_t uid, struct arena *arena,
    void (*see)(const struct db_row *row, void *arg), void *arg)
{
	struct db_stmt *s;
	struct db_row row;
	char name[80] = "";
	bool there;
	enum status st = db_prepare(c, "SELECT username FROM users WHERE uid=?1", &s);

	if (st != OK)
		return st;
	db_bind_num(s, 1, uid);
	st = db_step(s, &there);
	if (st == OK && there)
		snprintf(name, sizeof name, "%s", db_col_text(s, 0));
	db_done(s);
	if (st != OK || name[0] == '\0')
		return st;
	st = db_get(c, DB_USER, NULL, name, arena, &row);
	if (st == OK)
		see(&row, arg);
	return st;
}

enum status
db_gids_of(struct db_conn *c, const char *username, uint32_t *gids, size_t most, uint32_t *np)
{
	struct db_stmt *s;
	bool row = true;
	enum status st = db_prepare(c,
	    "SELECT g.gid FROM members m JOIN groups g ON g.name=m.group_name"
	    " WHERE m.username=?1 ORDER BY g.gid",
	    &s);

	if (st != OK)
		return st;
	db_bind_text(s, 1, username);
	*np = 0;
	while ((st = db_step(s, &row)) == OK && row && *np < most)
		gids[(*np)++] = (uint32_t)db_col_num(s, 0);
	db_done(s);
	return st;
}
