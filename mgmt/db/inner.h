/*
 * Statements, for the files of this room: prepared once a connection and kept.
 */
#ifndef MGMT_DB_INNER_H
#define MGMT_DB_INNER_H

#include "mgmt/db/db.h"

struct db_stmt;

/* sql is copied.  A statement is the caller's until db_done. */
must_check enum status db_prepare(struct db_conn *c, const char *sql, struct db_stmt **sp);
void db_bind_text(struct db_stmt *s, int at, const char *text);	/* borrowed; NULL binds NULL */
void db_bind_num(struct db_stmt *s, int at, int64_t num);
must_check enum status db_step(struct db_stmt *s, bool *row);
void db_done(struct db_stmt *s);
const char *db_col_text(struct db_stmt *s, int at);	/* until the next step; NULL: SQL NULL */
int64_t db_col_num(struct db_stmt *s, int at);
bool db_col_is_num(struct db_stmt *s, int at);
int64_t db_changed(struct db_conn *c);

/* A statement without rows, its parameters texts; at most four, NULL ends. */
must_check enum status db_run(struct db_conn *c, const char *sql, const char *const *texts);
must_check enum status db_exec(struct db_conn *c, const char *sql);

/* mgmt/db/migrate.c */
must_check enum status db_migrate(struct db_conn *c, char *why, size_t why_cap);

#endif
