#include "mgmt/db/db.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/thread.h"
#include "pipeline/model/share_conf.h"
#include "tests/lib/check.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct db *db;
static struct arena arena;
static char path[400], why[300];

static void
setup(const char *name)
{
	struct db_conn *c;
	bool fresh = false;

	if (db != NULL)
		db_close(&db);
	arena_rewind(&arena);
	arena_init(&arena, NULL, 0, 4 << 20);
	snprintf(path, sizeof path, "%s/%s.db", check_tmpdir(), name);
	EQ_STR(status_name(db_open(path, &db, why, sizeof why)), "OK");
	EQ(db_begin(db, true, &c), OK);
	EQ(db_is_fresh(c, &fresh), OK);
	TRUE(fresh);
	EQ(db_seed(c, &(struct db_first){ "$argon2id$x", true, false, 12049 }), OK);
	EQ(db_end(&c, true), OK);
}

static struct db_conn *
writer(void)
{
	struct db_conn *c;

	EQ(db_begin(db, true, &c), OK);
	return c;
}

static enum status
add_user(struct db_conn *c, const char *name)
{
	struct db_row u = { 0 };

	db_set_text(DB_USER, &u, "username", name);
	if (db_user_number(c, &u, &arena) != OK)
		return ST_IO;
	return db_insert(c, DB_USER, &u);
}

CASE(a_first_start_makes_the_administrator_the_system_groups_and_the_adapter)
{
	struct db_conn *c;
	struct db_row u, g, a;
	struct db_login l;

	setup("first");
	EQ(db_begin(db, false, &c), OK);
	EQ(db_get(c, DB_USER, NULL, "admin", &arena, &u), OK);
	EQ_STR(db_text(DB_USER, &u, "role"), "admin");
	EQ(db_num(DB_USER, &u, "uid"), 0);
	EQ_STR(db_text(DB_USER, &u, "sid"), "S-1-5-32-544");
	EQ(db_num(DB_USER, &u, "must_change_password"), 1);
	EQ(db_get(c, DB_GROUP, NULL, "users", &arena, &g), OK);
	EQ(db_num(DB_GROUP, &g, "system"), 1);
	EQ(db_get(c, DB_ADAPTER, NULL, "nfs", &arena, &a), OK);
	EQ(db_num(DB_ADAPTER, &a, "port"), 12049);
	EQ(db_num(DB_ADAPTER, &a, "enabled"), 0);
	EQ(db_login_get(c, "admin", &l), OK);
	EQ_STR(l.hash, "$argon2id$x");
	TRUE(l.must_change && l.enabled);
	EQ(db_end(&c, true), OK);
	struct stat sb;
	EQ(stat(path, &sb), 0);
	EQ(sb.st_mode & 077, 0);
}

CASE(numbers_and_sids_are_given_by_rule_and_stay_over_a_restart)
{
	struct db_row u, v;
	char sid[100];
	struct db_conn *c;

	setup("numbers");
	c = writer();
	EQ(add_user(c, "alice"), OK);
	EQ(add_user(c, "bob"), OK);
	EQ(db_end(&c, true), OK);
	db_close(&db);
	EQ(db_open(path, &db, why, sizeof why), OK);
	EQ(db_begin(db, false, &c), OK);
	EQ(db_get(c, DB_USER, NULL, "alice", &arena, &u), OK);
	EQ(db_get(c, DB_USER, NULL, "bob", &arena, &v), OK);
	EQ(db_num(DB_USER, &u, "uid"), 10000);
	EQ(db_num(DB_USER, &v, "uid"), 10001);
	snprintf(sid, sizeof sid, "%s", db_text(DB_USER, &u, "sid"));
	EQ_STR(strrchr(sid, '-'), "-21000");
	EQ_STR(strrchr(db_text(DB_USER, &v, "sid"), '-'), "-21002");
	EQ(strncmp(sid, "S-1-5-21-", 9), 0);
	*strrchr(sid, '-') = '\0';
	EQ(strncmp(sid, db_text(DB_USER, &v, "sid"), strlen(sid)), 0);
	EQ(db_end(&c, true), OK);
}

CASE(a_change_of_another_version_is_refused_and_one_undone_leaves_no_trace)
{
	struct db_row change = { 0 }, u;
	struct db_conn *c;

	setup("version");
	c = writer();
	EQ(add_user(c, "alice"), OK);
	EQ(add_user(c, "alice"), ST_EXIST);
	db_set_text(DB_USER, &change, "email", "a@b");
	EQ(db_update(c, DB_USER, NULL, "alice", &change, 7), ST_RESTART);
	EQ(db_update(c, DB_USER, NULL, "nobody", &change, 0), ST_NOENT);
	EQ(db_update(c, DB_USER, NULL, "alice", &change, 1), OK);
	EQ(db_end(&c, true), OK);
	c = writer();
	EQ(db_get(c, DB_USER, NULL, "alice", &arena, &u), OK);
	EQ(u.version, 2);
	EQ(db_remove(c, DB_USER, NULL, "alice", 1), ST_RESTART);
	EQ(db_remove(c, DB_USER, NULL, "alice", 2), OK);
	EQ(db_end(&c, false), OK);
	c = writer();
	EQ(db_get(c, DB_USER, NULL, "alice", &arena, &u), OK);
	EQ_STR(db_text(DB_USER, &u, "email"), "a@b");
	EQ(db_end(&c, false), OK);
}

static void
add_share(struct db_conn *c, const char *name)
{
	struct db_row m = { 0 }, l = { 0 }, s = { 0 };

	db_set_text(DB_META_STORE, &m, "name", "meta");
	db_set_text(DB_META_STORE, &m, "type", "leveldb");
	db_set_text(DB_META_STORE, &m, "path", "/var/meta");
	EQ(db_insert(c, DB_META_STORE, &m), OK);
	db_set_text(DB_LOCAL_STORE, &l, "name", "disk");
	db_set_text(DB_LOCAL_STORE, &l, "type", "fs");
	EQ(db_insert(c, DB_LOCAL_STORE, &l), OK);
	db_set_text(DB_SHARE, &s, "name", name);
	db_set_text(DB_SHARE, &s, "metadata_store", "meta");
	db_set_text(DB_SHARE, &s, "local_block_store", "disk");
	EQ(db_insert(c, DB_SHARE, &s), OK);
}

CASE(what_a_share_names_cannot_go_and_its_permissions_go_with_it)
{
	struct db_row g = { 0 }, s = { 0 };
	struct db_conn *c;
	int64_t n = 9;

	setup("points");
	c = writer();
	add_share(c, "/export");
	EQ(db_remove(c, DB_META_STORE, NULL, "meta", 0), ST_BUSY);
	EQ(db_remove(c, DB_LOCAL_STORE, NULL, "disk", 0), ST_BUSY);
	db_set_text(DB_GRANT, &g, "share", "/export");
	db_set_text(DB_GRANT, &g, "principal", "user:admin");
	db_set_text(DB_GRANT, &g, "type", "user");
	db_set_text(DB_GRANT, &g, "name", "admin");
	db_set_text(DB_GRANT, &g, "level", "read");
	EQ(db_insert(c, DB_GRANT, &g), OK);
	EQ(db_insert(c, DB_GRANT, &g), ST_EXIST);
	db_set_text(DB_GRANT, &g, "share", "/none");
	EQ(db_insert(c, DB_GRANT, &g), ST_NOENT);
	db_set_text(DB_SHARE, &s, "name", "/other");
	db_set_text(DB_SHARE, &s, "metadata_store", "lost");
	EQ(db_insert(c, DB_SHARE, &s), ST_NOENT);
	EQ(db_count(c, DB_GRANT, "share", "/export", &n), OK);
	EQ(n, 1);
	EQ(db_remove(c, DB_SHARE, NULL, "/export", 0), OK);
	EQ(db_count(c, DB_GRANT, "share", "/export", &n), OK);
	EQ(n, 0);
	EQ(db_remove(c, DB_META_STORE, NULL, "meta", 0), OK);
	EQ(db_end(&c, true), OK);
}

CASE(a_share_row_becomes_what_the_wiring_wants)
{
	struct db_row s, rules = { 0 }, ng = { 0 }, m = { 0 };
	struct share_conf conf;
	struct db_conn *c;

	setup("conf");
	c = writer();
	add_share(c, "/data/a");
	db_set_text(DB_NETGROUP, &ng, "name", "lab");
	EQ(db_insert(c, DB_NETGROUP, &ng), OK);
	db_set_text(DB_NETGROUP_MEMBER, &m, "netgroup", "lab");
	db_set_text(DB_NETGROUP_MEMBER, &m, "type", "cidr");
	db_set_text(DB_NETGROUP_MEMBER, &m, "value", "10.1.0.0/16");
	EQ(db_insert(c, DB_NETGROUP_MEMBER, &m), OK);
	db_set_text(DB_SHARE, &rules, "export_rules",
	    "@lab(ro,secure) 127.0.0.1(none)  *(all_to_guest)");
	EQ(db_update(c, DB_SHARE, NULL, "/data/a", &rules, 0), OK);
	EQ(db_get(c, DB_SHARE, NULL, "/data/a", &arena, &s), OK);
	EQ_STR(status_name(db_share_conf(c, &s, &(struct db_place){ "/state" }, &arena, &conf, why,
	    sizeof why)), "OK");
	EQ_STR(conf.name, "/data/a");
	EQ_STR(conf.dir, "/state/stores/disk/data%2Fa");
	EQ_STR(conf.meta, "leveldb");
	EQ_STR(conf.meta_dir, "/var/meta/data%2Fa");
	EQ(conf.nrules, 3);
	EQ_STR(conf.rules[0].hosts, "10.1.0.0/16");
	TRUE(conf.rules[0].read_only && conf.rules[0].secure);
	EQ(conf.rules[0].squash, SQUASH_ROOT);
	EQ(conf.rules[1].squash, SQUASH_NONE);
	EQ(conf.rules[2].squash, SQUASH_ALL);
	EQ(conf.journal_bytes, 2ull << 30);
	EQ(db_end(&c, true), OK);
}

CASE(a_session_turns_and_ends_with_the_password)
{
	struct db_session s = { .username = "admin", .turned_at = 1, .expires_at = 4000000000 },
			  got;
	struct db_login l;
	struct db_conn *c;

	setup("session");
	c = writer();
	EQ(db_session_new(c, &s), OK);
	s.seq = 2;
	EQ(db_session_turn(c, &s), OK);
	EQ(db_session_get(c, s.id, &got), OK);
	EQ(got.seq, 2);
	FALSE(got.revoked);
	EQ(db_password_set(c, "admin", "$argon2id$y", false), OK);
	EQ(db_session_get(c, s.id, &got), OK);
	TRUE(got.revoked);
	EQ(db_session_turn(c, &s), ST_NOENT);
	EQ(db_login_get(c, "admin", &l), OK);
	EQ(l.epoch, 2);
	FALSE(l.must_change);
	EQ(db_password_set(c, "nobody", "x", false), ST_NOENT);
	EQ(db_end(&c, true), OK);
}

CASE(a_user_has_a_bounded_number_of_sessions)
{
	struct db_session first = { .username = "admin", .expires_at = 4000000000 }, got;
	struct db_conn *c;

	setup("bounded");
	c = writer();
	EQ(db_session_new(c, &first), OK);
	for (int i = 1; i <= DB_SESSIONS_PER_USER; i++) {
		struct db_session s = { .username = "admin", .expires_at = 4000000000 + i };

		EQ(db_session_new(c, &s), OK);
	}
	EQ(db_session_get(c, first.id, &got), ST_NOENT);
	EQ(db_end(&c, true), OK);
}

static void
count_audit(const struct db_audit *a, void *arg)
{
	int *n = arg;

	if (*n == 0) {
		EQ_STR(a->action, "b");
		EQ_STR(a->actor, "admin");
	}
	++*n;
}

CASE(the_audit_trail_is_read_newest_first)
{
	struct db_conn *c;
	int n = 0;

	setup("audit");
	c = writer();
	EQ(db_audit_add(c, &(struct db_audit){ 0, NULL, "admin", "::1", "r", "a", "t", 200 }), OK);
	EQ(db_audit_add(c, &(struct db_audit){ 0, NULL, "admin", "::1", "r", "b", "t", 200 }), OK);
	EQ(db_audit_list(c, 0, 10, count_audit, &n), OK);
	EQ(n, 2);
	EQ(db_end(&c, true), OK);
}

static void
take_key(const struct db_row *row, void *arg)
{
	snprintf(arg, 40, "%s", db_text(DB_USER, row, "username"));
}

CASE(a_list_goes_on_after_a_key)
{
	struct db_list what = { .limit = 2 };
	struct db_conn *c;
	char last[40] = "";

	setup("pages");
	c = writer();
	for (int i = 0; i < 5; i++) {
		char name[16];

		snprintf(name, sizeof name, "u%d", i);
		EQ(add_user(c, name), OK);
	}
	EQ(db_list(c, DB_USER, &what, &arena, take_key, last), OK);
	EQ_STR(last, "u0");
	what.after = "u0";
	EQ(db_list(c, DB_USER, &what, &arena, take_key, last), OK);
	EQ_STR(last, "u2");
	what = (struct db_list){ .limit = 9, .where = "role", .equals = "admin" };
	EQ(db_list(c, DB_USER, &what, &arena, take_key, last), OK);
	EQ_STR(last, "admin");
	EQ(db_end(&c, true), OK);
}

CASE(a_newer_database_is_refused_and_says_so)
{
	sqlite3 *s;

	setup("newer");
	db_close(&db);
	EQ(sqlite3_open(path, &s), SQLITE_OK);
	EQ(sqlite3_exec(s, "PRAGMA user_version=9999", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(s);
	EQ(db_open(path, &db, why, sizeof why), ST_MISMATCH);
	TRUE(strstr(why, "9999") != NULL);
	db = NULL;
}

CASE(what_is_no_database_is_refused)
{
	FILE *f;

	snprintf(path, sizeof path, "%s/garbage.db", check_tmpdir());
	f = fopen(path, "w");
	for (int i = 0; i < 500; i++)
		fputs("not a database at all ", f);
	fclose(f);
	TRUE(db_open(path, &db, why, sizeof why) != OK);
	TRUE(why[0] != '\0');
	db = NULL;
}

static void
hammer(void *arg)
{
	int base = *(int *)arg;

	for (int i = 0; i < 25; i++) {
		struct db_row row = { 0 };
		struct db_conn *c;
		char key[40];

		snprintf(key, sizeof key, "k%d", base + i);
		if (db_begin(db, true, &c) != OK)
			continue;
		db_set_text(DB_SETTING, &row, "key", key);
		db_set_text(DB_SETTING, &row, "value", "v");
		if (db_insert(c, DB_SETTING, &row) != OK)
			key[0] = '\0';
		if (db_end(&c, true) != OK || db_begin(db, false, &c) != OK)
			continue;
		enum status st = db_end(&c, true);
		(void)st;
	}
}

CASE(writers_take_turns_and_nothing_is_lost)
{
	struct thread t[3];
	int base[3] = { 100, 200, 300 };
	struct db_conn *c;
	int64_t n = 0;

	setup("turns");
	for (int i = 0; i < 3; i++)
		thread_start(&t[i], "hammer", 0, hammer, &base[i]);
	for (int i = 0; i < 3; i++)
		thread_join(&t[i]);
	EQ(db_begin(db, false, &c), OK);
	EQ(db_count(c, DB_SETTING, "value", "v", &n), OK);
	EQ(n, 75);
	EQ(db_end(&c, true), OK);
}
