/*
 * The control database: what operators say that is not in the file of settings.  SQLite in
 * write-ahead mode: one connection writes, a few read beside it.  A caller takes a connection,
 * uses it alone, and gives it back; what a writer did is kept only when it says so.
 *
 * Nearly everything is an entity: a table of rows with named, typed, bounded fields, listed in
 * entity.def; users, sessions and the audit trail need more and have files of their own.
 */
#ifndef MGMT_DB_H
#define MGMT_DB_H

#include "pipeline/base/arena.h"
#include "pipeline/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DB_FIELDS_MAX = 24, DB_LIST_MAX = 500, DB_READERS = 2, DB_ID_TEXT = 33, DB_TIME_TEXT = 32 };

enum db_kind { DB_STR, DB_NAME, DB_WORD, DB_PATH, DB_SHARE_NAME, DB_HOSTS, DB_INT, DB_SIZE, DB_FLAG,
	DB_OBJECT, DB_RULES, DB_TIME };
enum { DB_REQ = 1, DB_FIX = 2, DB_RO = 4, DB_HIDE = 8 };

enum db_entity {
#define ENTITY(name, table, scope, key, noun) DB_##name,
#define FIELD(entity, column, kind, flags, least, most, words, dflt)
#include "mgmt/db/entity.def"
#undef ENTITY
#undef FIELD
	DB_ENTITIES
};

struct db_field {
	const char *name;
	enum db_kind kind;
	int flags;
	int64_t least, most;
	const char *words;		/* "a|b", of a WORD */
	const char *dflt;		/* NULL: none */
};

struct db_entity_info {
	const char *name, *table, *scope, *key, *noun;
	const struct db_field *field;
	int fields;
};

extern const struct db_entity_info db_entity[DB_ENTITIES];

/* A field's place in its row; −1: no such field. */
int db_field_at(enum db_entity e, const char *name);

struct db_value {
	enum { DB_UNSET, DB_NULL, DB_NUM, DB_TEXT } is;
	int64_t num;
	const char *text;
};

struct db_row {
	struct db_value v[DB_FIELDS_MAX];
	char id[DB_ID_TEXT];
	int64_t version;
	char created_at[DB_TIME_TEXT], updated_at[DB_TIME_TEXT];
};

/* By field name; the name is one of entity.def's. */
const char *db_text(enum db_entity e, const struct db_row *r,
    const char *name); /* "" unless text */
int64_t db_num(enum db_entity e, const struct db_row *r, const char *name); /* 0 unless a number */
void db_set_text(enum db_entity e, struct db_row *r, const char *name,
    const char *text); /* borrowed */
void db_set_num(enum db_entity e, struct db_row *r, const char *name, int64_t num);

/* Does a value keep its field's law?  What is wrong is said in why. */
bool db_field_ok(const struct db_field *f, const struct db_value *v, char *why, size_t why_cap);

/* --- connections --- */

struct db;
struct db_conn;

/* Open or make it, and bring it to the newest schema; why: for people.  MISMATCH: a newer program
 * has written it. */
must_check enum status db_open(const char *path, struct db **dbp, char *why, size_t why_cap);
void db_close(struct db **dbp);

/* Begin reading or writing; waits its turn.  DELAY: it took longer than ten seconds. */
must_check enum status db_begin(struct db *db, bool write, struct db_conn **cp);

/* End it: a writer's changes become durable (keep), or are undone. */
must_check enum status db_end(struct db_conn **cp, bool keep);

/* A number that is another after any change that was kept: what was read in a transaction that
 * began after it was asked for is what the rows say for as long as it stays. */
uint64_t db_generation(struct db *db);

/* --- rows --- */

/* NOENT: no such row.  Texts lie in the arena. */
must_check enum status db_get(struct db_conn *c, enum db_entity e, const char *scope,
    const char *key, struct arena *arena, struct db_row *row);
must_check enum status db_get_by_id(struct db_conn *c, enum db_entity e, const char *id,
    struct arena *arena, struct db_row *row);

struct db_list {
	const char *scope;		/* NULL: all */
	const char *after;		/* keys greater than that; NULL: from the first */
	const char *where, *equals;	/* one more column that must have that text; NULL: none */
	int limit;			/* 1..DB_LIST_MAX */
};

/* Rows in the order of their keys. */
must_check enum status db_list(struct db_conn *c, enum db_entity e, const struct db_list *what,
    struct arena *arena, void (*see)(const struct db_row *row, void *arg), void *arg);

/* Unset fields get their default; id, version and times are given.  EXIST: the key or another
 * unique field is taken.  NOENT: a row it points to is not there. */
must_check enum status db_insert(struct db_conn *c, enum db_entity e, struct db_row *row);

/* Set what is set in change.  version 0: whatever it is; else RESTART where it is another. */
must_check enum status db_update(struct db_conn *c, enum db_entity e, const char *scope,
    const char *key, const struct db_row *change, int64_t version);

/* BUSY: other rows point to it. */
must_check enum status db_remove(struct db_conn *c, enum db_entity e, const char *scope,
    const char *key, int64_t version);

/* How many rows have that text in that column. */
must_check enum status db_count(struct db_conn *c, enum db_entity e, const char *column,
    const char *equals, int64_t *np);

/* --- users: mgmt/db/users.c --- */

struct db_first {			/* what the first start makes */
	const char *admin_hash;
	bool must_change;
	bool nfs_enabled;
	uint16_t nfs_port;
};

/* True in *fresh where there is no user yet. */
must_check enum status db_is_fresh(struct db_conn *c, bool *fresh);
must_check enum status db_seed(struct db_conn *c, const struct db_first *first);

/* Fill a new user's or group's missing numbers, and its SID. */
must_check enum status db_user_number(struct db_conn *c, struct db_row *user, struct arena *arena);
must_check enum status db_group_number(struct db_conn *c, struct db_row *group,
    struct arena *arena);

struct db_login {
	char hash[128];
	int64_t epoch;			/* grows when all earlier tokens end */
	bool enabled, must_change;
	char role[16], id[DB_ID_TEXT];
};

must_check enum status db_login_get(struct db_conn *c, const char *username,
    struct db_login *login);
/* A new password; all sessions of the user end. */
must_check enum status db_password_set(struct db_conn *c, const char *username, const char *hash,
    bool must_change);
must_check enum status db_sessions_end(struct db_conn *c, const char *username);
must_check enum status db_logged_in(struct db_conn *c, const char *username);
/* Grants and other rows that name a user or group which goes. */
must_check enum status db_forget_principal(struct db_conn *c, const char *type, const char *name);

/* The user of that uid; none: see is not called. */
must_check enum status db_user_by_uid(struct db_conn *c, uint32_t uid, struct arena *arena,
    void (*see)(const struct db_row *row, void *arg), void *arg);

/* The gids of a user's groups, at most so many. */
must_check enum status db_gids_of(struct db_conn *c, const char *username, uint32_t *gids,
    size_t most, uint32_t *np);

/* The names of a user's groups. */
must_check enum status db_groups_of(struct db_conn *c, const char *username,
    void (*see)(const char *group, void *arg), void *arg);

/* --- secrets and sessions: mgmt/db/sessions.c --- */

/* A secret of that name, made from make where there is none. */
must_check enum status db_secret(struct db_conn *c, const char *name, const char *make, char *to,
    size_t cap);

struct db_session {
	char id[DB_ID_TEXT], username[40];
	int64_t seq, turned_at, expires_at;	/* wall seconds */
	bool revoked;
};

enum { DB_SESSIONS_PER_USER = 64 };

must_check enum status db_session_new(struct db_conn *c, struct db_session *s);
must_check enum status db_session_get(struct db_conn *c, const char *id, struct db_session *s);
must_check enum status db_session_turn(struct db_conn *c, const struct db_session *s);
must_check enum status db_session_revoke(struct db_conn *c, const char *id);

/* --- the audit trail: mgmt/db/audit.c --- */

struct db_audit {
	int64_t id;
	const char *at, *actor, *address, *request_id, *action, *target;
	int status;
};

enum { DB_AUDIT_KEPT = 100000 };

must_check enum status db_audit_add(struct db_conn *c, const struct db_audit *a);
/* Newest first, older than before (0: from the newest). */
must_check enum status db_audit_list(struct db_conn *c, int64_t before, int limit,
    void (*see)(const struct db_audit *a, void *arg), void *arg);

/* --- shares: mgmt/db/shares.c --- */

struct share_conf;

/* Are these export rules as entity.def says?  why: the first that is not. */
bool db_rules_ok(const char *rules, char *why, size_t why_cap);

struct db_place {			/* where the daemon keeps what has no path of its own */
	const char *state_dir;
};

/* The wired form of a share's row; why: what is wrong with it. */
must_check enum status db_share_conf(struct db_conn *c, const struct db_row *share,
    const struct db_place *place, struct arena *arena, struct share_conf *conf, char *why,
    size_t why_cap);

/* Its rules, gated: export rules of conf, levels of users and groups by their numbers, mapped
 * uids; the caller's reference. */
struct share_rules;
must_check enum status db_share_rules(struct db_conn *c, const struct db_row *share,
    const struct share_conf *conf, struct share_rules **rulesp);

/* The present time, as RFC 3339 in UTC. */
void db_now(char to[DB_TIME_TEXT]);

#endif
