/*
 * Bringing a database to the newest schema: all missing steps in one transaction, or none.
 */
#include "mgmt/db/inner.h"

#include "pipeline/base/log.h"
#include "pipeline/base/panic.h"

#include <stdio.h>

static const struct {
	int number;
	const char *sql;
} steps[] = {
#define MIGRATION(number, sql) { number, sql },
#include "mgmt/db/schema.def"
#undef MIGRATION
};

static enum status
version_read(struct db_conn *c, int64_t *version)
{
	struct db_stmt *s;
	bool row;
	enum status st = db_prepare(c, "PRAGMA user_version", &s);

	if (st != OK)
		return st;
	st = db_step(s, &row);
	*version = st == OK && row ? db_col_num(s, 0) : 0;
	db_done(s);
	return st;
}

static enum status
steps_run(struct db_conn *c, int64_t from)
{
	enum status st = OK;

	for (size_t i = 0; st == OK && i < ARRAY_LEN(steps); i++) {
		char mark[64];

		if (steps[i].number <= from)
			continue;
		snprintf(mark, sizeof mark, "PRAGMA user_version=%d", steps[i].number);
		st = db_exec(c, steps[i].sql);
		if (st == OK)
			st = db_exec(c, mark);
		log_info("db.migrate", F_U64("version", steps[i].number),
		    F_STR("status", status_name(st)));
	}
	return st;
}

enum status
db_migrate(struct db_conn *c, char *why, size_t why_cap)
{
	int newest = steps[ARRAY_LEN(steps) - 1].number;
	int64_t version = 0;
	enum status st = db_exec(c, "BEGIN IMMEDIATE");

	if (st == OK)
		st = version_read(c, &version);
	if (st == OK && version > newest) {
		snprintf(why, why_cap,
		    "control database: its version is %lld, this program knows %d; "
		    "start the newer program",
		    (long long)version, newest);
		return db_exec(c, "ROLLBACK") == OK ? ST_MISMATCH : ST_IO;
	}
	if (st == OK)
		st = steps_run(c, version);
	if (st == OK)
		st = db_exec(c, "COMMIT");
	if (st != OK)
		snprintf(why, why_cap, "control database: cannot be brought to version %d: %s",
		    newest, status_text(st));
	return st;
}
