/*
 * Connections and statements over SQLite.  A connection is held by one caller at a time, so that
 * SQLite's own locking is off; who may have it is said under a mutex, and the wait for it and all
 * I/O are outside.
 */
#include "mgmt/db/inner.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"
#include "pipeline/base/mutex.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/text.h"

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { STMTS = 96, TURN_S = 10, BUSY_MS = 5000 };

struct db_stmt {
	sqlite3_stmt *s;
	struct db_conn *conn;
	char *sql;
	bool busy;
	bool bad;			/* a bind failed */
	uint64_t used;
};

struct db_conn {
	struct db *db;
	sqlite3 *s;
	bool write, taken;
	uint64_t clock;
	struct db_stmt stmt[STMTS];
};

struct db {
	struct mutex mutex;
	struct cond freed;
	_Atomic uint64_t generation;	/* how often a writer's changes were kept */
	struct db_conn conn[1 + DB_READERS];	/* the first writes */
};

static enum status
status_of(struct db_conn *c, int rc)
{
	switch (sqlite3_extended_errcode(c->s)) {
	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_PRIMARYKEY:
		return ST_EXIST;
	case SQLITE_CONSTRAINT_FOREIGNKEY:
		return ST_BUSY;
	}
	switch (rc & 0xff) {
	case SQLITE_CONSTRAINT:
		return ST_INVAL;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ST_DELAY;
	case SQLITE_FULL:
		return ST_NOSPC;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return ST_CORRUPT;
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
		return ST_ACCES;
	case SQLITE_NOMEM:
	case SQLITE_TOOBIG:
		return ST_RESOURCE;
	}
	return ST_IO;
}

static enum status
failed(struct db_conn *c, int rc, const char *sql)
{
	enum status st = status_of(c, rc);

	if (st != ST_EXIST && st != ST_BUSY)
		log_error("db.failed", F_STR("why", sqlite3_errmsg(c->s)), F_STR("sql", sql));
	return st;
}

enum status
db_exec(struct db_conn *c, const char *sql)
{
	int rc = sqlite3_exec(c->s, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? OK : failed(c, rc, sql);
}

/* --- statements --- */

static struct db_stmt *
stmt_room(struct db_conn *c)
{
	struct db_stmt *oldest = NULL;

	for (int i = 0; i < STMTS; i++) {
		struct db_stmt *s = &c->stmt[i];

		if (s->s == NULL)
			return s;
		if (!s->busy && (oldest == NULL || s->used < oldest->used))
			oldest = s;
	}
	assert(oldest != NULL);		/* a caller holds a handful */
	sqlite3_finalize(oldest->s);
	free(oldest->sql);
	*oldest = (struct db_stmt){ 0 };
	return oldest;
}

enum status
db_prepare(struct db_conn *c, const char *sql, struct db_stmt **sp)
{
	struct db_stmt *s = NULL;
	int rc;

	for (int i = 0; i < STMTS && s == NULL; i++)
		if (c->stmt[i].s != NULL && !c->stmt[i].busy && strcmp(c->stmt[i].sql, sql) == 0)
			s = &c->stmt[i];
	if (s == NULL) {
		s = stmt_room(c);
		rc = sqlite3_prepare_v3(c->s, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->s, NULL);
		if (rc != SQLITE_OK) {
			s->s = NULL;
			return failed(c, rc, sql);
		}
		s->sql = xstrdup(sql);
		s->conn = c;
	}
	s->busy = true;
	s->bad = false;
	s->used = ++c->clock;
	*sp = s;
	return OK;
}

void
db_bind_text(struct db_stmt *s, int at, const char *text)
{
	int rc = text == NULL ? sqlite3_bind_null(s->s, at) :
	    sqlite3_bind_text(s->s, at, text, -1, SQLITE_STATIC);

	s->bad |= rc != SQLITE_OK;
}

void
db_bind_num(struct db_stmt *s, int at, int64_t num)
{
	s->bad |= sqlite3_bind_int64(s->s, at, num) != SQLITE_OK;
}

enum status
db_step(struct db_stmt *s, bool *row)
{
	int rc;

	*row = false;
	if (s->bad)
		return ST_RESOURCE;
	rc = sqlite3_step(s->s);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return failed(s->conn, rc, s->sql);
	*row = rc == SQLITE_ROW;
	return OK;
}

void
db_done(struct db_stmt *s)
{
	sqlite3_reset(s->s);
	sqlite3_clear_bindings(s->s);
	s->busy = false;
}

const char *
db_col_text(struct db_stmt *s, int at)
{
	return (const char *)sqlite3_column_text(s->s, at);
}

int64_t
db_col_num(struct db_stmt *s, int at)
{
	return sqlite3_column_int64(s->s, at);
}

bool
db_col_is_num(struct db_stmt *s, int at)
{
	return sqlite3_column_type(s->s, at) == SQLITE_INTEGER;
}

int64_t
db_changed(struct db_conn *c)
{
	return sqlite3_changes64(c->s);
}

enum status
db_run(struct db_conn *c, const char *sql, const char *const *texts)
{
	struct db_stmt *s;
	bool row;
	enum status st = db_prepare(c, sql, &s);

	if (st != OK)
		return st;
	for (int i = 0; texts != NULL && texts[i] != NULL; i++)
		db_bind_text(s, i + 1, texts[i]);
	st = db_step(s, &row);
	db_done(s);
	return st;
}

/* --- connections --- */

static void
conn_close(struct db_conn *c)
{
	for (int i = 0; i < STMTS; i++) {
		sqlite3_finalize(c->stmt[i].s);
		free(c->stmt[i].sql);
	}
	if (c->s != NULL && sqlite3_close(c->s) != SQLITE_OK)
		log_error("db.close", F_STR("why", sqlite3_errmsg(c->s)));
	c->s = NULL;
}

static enum status
conn_open(struct db_conn *c, const char *path)
{
	int rc = sqlite3_open_v2(path, &c->s, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
	    SQLITE_OPEN_NOFOLLOW | (c->write ? SQLITE_OPEN_CREATE : 0), NULL);
	enum status st;

	if (rc != SQLITE_OK)
		return c->s == NULL ? ST_RESOURCE : failed(c, rc, "open");
	sqlite3_busy_timeout(c->s, BUSY_MS);
	sqlite3_extended_result_codes(c->s, 1);
	sqlite3_limit(c->s, SQLITE_LIMIT_LENGTH, 4 << 20);
	st = db_exec(c, "PRAGMA journal_mode=WAL");
	if (st == OK)
		st = db_exec(c, "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
		    "PRAGMA trusted_schema=OFF; PRAGMA cache_size=-1024");
	if (st == OK && !c->write)
		st = db_exec(c, "PRAGMA query_only=ON");
	return st;
}

enum status
db_open(const char *path, struct db **dbp, char *why, size_t why_cap)
{
	struct db *db = xcalloc(1, sizeof *db);
	mode_t was = umask(0077);	/* set-up: no other thread makes files yet */
	enum status st = OK;

	mutex_init(&db->mutex, RANK_STORE, 0);
	cond_init(&db->freed);
	for (int i = 0; st == OK && i < 1 + DB_READERS; i++) {
		db->conn[i].db = db;
		db->conn[i].write = i == 0;
		st = conn_open(&db->conn[i], path);
		if (st != OK)
			snprintf(why, why_cap, "control database %s: %s", path, status_text(st));
		else if (i == 0)
			st = db_migrate(&db->conn[0], why, why_cap);
	}
	umask(was);
	if (st != OK) {
		db_close(&db);
		return st;
	}
	*dbp = db;
	return OK;
}

void
db_close(struct db **dbp)
{
	struct db *db = TAKE(dbp);

	if (db == NULL)
		return;
	for (int i = DB_READERS; i >= 0; i--)
		conn_close(&db->conn[i]);
	cond_destroy(&db->freed);
	mutex_destroy(&db->mutex);
	free(db);
}

static struct db_conn *
free_conn_locked(struct db *db, bool write)
{
	if (write)
		return db->conn[0].taken ? NULL : &db->conn[0];
	for (int i = 1; i < 1 + DB_READERS; i++)
		if (!db->conn[i].taken)
			return &db->conn[i];
	return NULL;
}

static void
give_back(struct db_conn *c)
{
	mutex_lock(&c->db->mutex);
	c->taken = false;
	cond_broadcast(&c->db->freed);
	mutex_unlock(&c->db->mutex);
}

enum status
db_begin(struct db *db, bool write, struct db_conn **cp)
{
	uint64_t until = clock_mono_ns() + TURN_S * NS_PER_S;
	struct db_conn *c;
	enum status st;

	mutex_lock(&db->mutex);
	while ((c = free_conn_locked(db, write)) == NULL)
		if (!cond_wait_until(&db->freed, &db->mutex, until))
			break;
	if (c != NULL)
		c->taken = true;
	mutex_unlock(&db->mutex);
	if (c == NULL)
		return ST_DELAY;
	st = db_run(c, write ? "BEGIN IMMEDIATE" : "BEGIN", NULL);
	if (st != OK) {
		give_back(c);
		return st;
	}
	*cp = c;
	return OK;
}

uint64_t
db_generation(struct db *db)
{
	return atomic_load_explicit(&db->generation, memory_order_acquire);
}

enum status
db_end(struct db_conn **cp, bool keep)
{
	struct db_conn *c = TAKE(cp);
	enum status st = OK;

	if (c == NULL)
		return OK;
	if (keep || !c->write)
		st = db_run(c, "COMMIT", NULL);
	if (keep && c->write)	/* after it: who reads the number first sees no newer rows */
		atomic_fetch_add_explicit(&c->db->generation, 1, memory_order_release);
	if ((st != OK || (c->write && !keep)) && !sqlite3_get_autocommit(c->s) &&
	    db_run(c, "ROLLBACK", NULL) != OK)
		log_error("db.rollback", F_STR("why", sqlite3_errmsg(c->s)));
	give_back(c);
	return st;
}
