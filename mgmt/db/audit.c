/*
 * The audit trail: one row a change, written in the change's own transaction; the oldest go when
 * there are too many.
 */
#include "mgmt/db/inner.h"

enum { TRIM_EVERY = 256 };

static enum status
trim(struct db_conn *c)
{
	struct db_stmt *s;
	bool row;
	enum status st = db_prepare(c,
	    "DELETE FROM audit WHERE id<=(SELECT max(id) FROM audit)-?1", &s);

	if (st != OK)
		return st;
	db_bind_num(s, 1, DB_AUDIT_KEPT);
	st = db_step(s, &row);
	db_done(s);
	return st;
}

enum status
db_audit_add(struct db_conn *c, const struct db_audit *a)
{
	char now[DB_TIME_TEXT];
	struct db_stmt *s;
	bool row;
	int64_t id = 0;
	enum status st = db_prepare(c,
	    "INSERT INTO audit(at,actor,address,request_id,action,target,"
	    "status) VALUES(?1,?2,?3,?4,?5,?6,?7) RETURNING id",
	    &s);

	if (st != OK)
		return st;
	db_now(now);
	db_bind_text(s, 1, now);
	db_bind_text(s, 2, a->actor);
	db_bind_text(s, 3, a->address);
	db_bind_text(s, 4, a->request_id);
	db_bind_text(s, 5, a->action);
	db_bind_text(s, 6, a->target);
	db_bind_num(s, 7, a->status);
	st = db_step(s, &row);
	if (st == OK && row)
		id = db_col_num(s, 0);
	db_done(s);
	return st == OK && id % TRIM_EVERY == 0 ? trim(c) : st;
}

enum status
db_audit_list(struct db_conn *c, int64_t before, int limit,
    void (*see)(const struct db_audit *a, void *arg), void *arg)
{
	struct db_stmt *s;
	bool row = true;
	enum status st = db_prepare(c, "SELECT id,at,actor,address,request_id,action,target,status"
	    " FROM audit WHERE id<?1 ORDER BY id DESC LIMIT ?2", &s);

	if (st != OK)
		return st;
	db_bind_num(s, 1, before > 0 ? before : INT64_MAX);
	db_bind_num(s, 2, limit);
	while ((st = db_step(s, &row)) == OK && row) {
		struct db_audit a = { db_col_num(s, 0), db_col_text(s, 1), db_col_text(s, 2),
			db_col_text(s, 3), db_col_text(s, 4), db_col_text(s, 5), db_col_text(s, 6),
			(int)db_col_num(s, 7) };

		see(&a, arg);
	}
	db_done(s);
	return st;
}
