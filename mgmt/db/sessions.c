/*
 * Secrets that the server makes for itself, and log-in sessions.  A session is one row however
 * often its refresh token turns: the row knows which number is the newest, so that an older one
 * shows that the token was stolen, or its thief is being met.
 */
#include "mgmt/db/inner.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/id.h"

#include <stdio.h>
#include <string.h>

enum status
db_secret(struct db_conn *c, const char *name, const char *make, char *to, size_t cap)
{
	struct db_stmt *s;
	const char *value;
	bool row;
	enum status st = db_run(c, "INSERT OR IGNORE INTO secrets(name,value) VALUES(?1,?2)",
	    (const char *const[]){ name, make, NULL });

	if (st != OK)
		return st;
	st = db_prepare(c, "SELECT value FROM secrets WHERE name=?1", &s);
	if (st != OK)
		return st;
	db_bind_text(s, 1, name);
	st = db_step(s, &row);
	if (st == OK) {
		value = row ? db_col_text(s, 0) : NULL;
		if (value == NULL || strlen(value) >= cap)
			st = ST_CORRUPT;
		else
			memcpy(to, value, strlen(value) + 1);
	}
	db_done(s);
	return st;
}

/* What has ended goes, and the oldest beyond the bound. */
static enum status
sessions_trim(struct db_conn *c, const char *username)
{
	struct db_stmt *s;
	bool row;
	enum status st = db_prepare(c,
	    "DELETE FROM sessions WHERE username=?1 AND (expires_at<?2 OR"
	    " id NOT IN (SELECT id FROM sessions WHERE username=?1 ORDER BY expires_at DESC LIMIT "
	    "?3))",
	    &s);

	if (st != OK)
		return st;
	db_bind_text(s, 1, username);
	db_bind_num(s, 2, (int64_t)(clock_wall_ns() / NS_PER_S));
	db_bind_num(s, 3, DB_SESSIONS_PER_USER - 1);
	st = db_step(s, &row);
	db_done(s);
	return st;
}

enum status
db_session_new(struct db_conn *c, struct db_session *n)
{
	struct db_stmt *s;
	bool row;
	enum status st = sessions_trim(c, n->username);

	if (st == OK)
		st = db_prepare(c, "INSERT INTO sessions(id,username,seq,turned_at,expires_at)"
		    " VALUES(?1,?2,?3,?4,?5)", &s);
	if (st != OK)
		return st;
	id128_text(id128_random(), n->id);
	n->seq = 1;
	n->revoked = false;
	db_bind_text(s, 1, n->id);
	db_bind_text(s, 2, n->username);
	db_bind_num(s, 3, n->seq);
	db_bind_num(s, 4, n->turned_at);
	db_bind_num(s, 5, n->expires_at);
	st = db_step(s, &row);
	db_done(s);
	return st == ST_BUSY ? ST_NOENT : st;
}

enum status
db_session_get(struct db_conn *c, const char *id, struct db_session *to)
{
	struct db_stmt *s;
	bool row;
	enum status st = db_prepare(c,
	    "SELECT username,seq,turned_at,expires_at,revoked FROM sessions WHERE id=?1", &s);

	if (st != OK)
		return st;
	db_bind_text(s, 1, id);
	st = db_step(s, &row);
	if (st == OK && !row)
		st = ST_NOENT;
	if (st == OK) {
		*to = (struct db_session){ .seq = db_col_num(s, 1), .turned_at = db_col_num(s, 2),
			.expires_at = db_col_num(s, 3), .revoked = db_col_num(s, 4) != 0 };
		snprintf(to->id, sizeof to->id, "%s", id);
		snprintf(to->username, sizeof to->username, "%s", db_col_text(s, 0));
	}
	db_done(s);
	return st;
}

enum status
db_session_turn(struct db_conn *c, const struct db_session *n)
{
	struct db_stmt *s;
	bool row;
	enum status st = db_prepare(c,
	    "UPDATE sessions SET seq=?2,turned_at=?3,expires_at=?4 WHERE id=?1 AND revoked=0", &s);

	if (st != OK)
		return st;
	db_bind_text(s, 1, n->id);
	db_bind_num(s, 2, n->seq);
	db_bind_num(s, 3, n->turned_at);
	db_bind_num(s, 4, n->expires_at);
	st = db_step(s, &row);
	db_done(s);
	return st == OK && db_changed(c) == 0 ? ST_NOENT : st;
}

enum status
db_session_revoke(struct db_conn *c, const char *id)
{
	return db_run(c, "UPDATE sessions SET revoked=1 WHERE id=?1",
	    (const char *const[]){ id, NULL });
}
