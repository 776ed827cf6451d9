/*
 * What is kept between requests: lists, and whom a token is of.
 */
#include "tests/unit/mgmt/rest/side.h"

#include "tests/lib/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *
admin(void)
{
	side_start(SIDE_ADMIN_PASSWORD);
	return side_login("admin", SIDE_ADMIN_PASSWORD, NULL);
}

static void
make_share(const char *t, const char *name)
{
	char body[200];

	snprintf(body, sizeof body, "{\"name\":\"%s\",\"metadata_store\":\"m\","
	    "\"local_block_store\":\"l\"}", name);
	EQ(side_ask("POST", "/api/v1/shares", t, body)->code, 201);
}

static const char *
admin_with_shares(void)
{
	const char *t = admin();

	EQ(side_code("POST", "/api/v1/store/metadata", t, "{\"name\":\"m\",\"type\":\"memory\"}"),
	    201);
	EQ(side_code("POST", "/api/v1/store/block/local", t, "{\"name\":\"l\",\"type\":\"fs\"}"),
	    201);
	make_share(t, "/one");
	make_share(t, "/two");
	return t;
}

/* That member of the list's row, as text. */
static const char *
member(const struct answer *a, size_t at, const char *key)
{
	static char text[80];
	const struct rest_json *j = rest_json_get(rest_json_at(a->json, at), key);

	if (j == NULL)
		return "";
	if (rest_json_kind(j) == REST_STRING)
		return rest_json_str(j);
	snprintf(text, sizeof text, "%lld", (long long)rest_json_int(j));
	return text;
}

/* All readers of the database, so that who wants one gets none. */
static void
take_readers(struct db_conn *c[DB_READERS])
{
	for (int i = 0; i < DB_READERS; i++)
		EQ(db_begin(rest_state.db, false, &c[i]), OK);
}

static void
give_readers(struct db_conn *c[DB_READERS])
{
	for (int i = 0; i < DB_READERS; i++)
		EQ(db_end(&c[i], false), OK);
}

CASE(a_list_and_a_token_that_no_change_has_touched_ask_nothing_of_the_database)
{
	const char *t = admin_with_shares();
	struct db_conn *c[DB_READERS];
	char first[4096];
	struct answer *a;

	a = side_ask("GET", "/api/v1/shares?limit=1", t, NULL);
	EQ(a->code, 200);
	snprintf(first, sizeof first, "%s", a->re.link);
	take_readers(c);
	a = side_ask("GET", "/api/v1/shares?limit=1", t, NULL);
	EQ(a->code, 200);
	EQ(rest_json_len(a->json), 1);
	EQ_STR(member(a, 0, "name"), "/one");
	EQ_STR(a->re.link, first);
	give_readers(c);
}

CASE(a_list_shows_a_change_from_its_answer_on)
{
	const char *t = admin_with_shares();
	struct answer *a;

	EQ_STR(member(side_ask("GET", "/api/v1/shares", t, NULL), 1, "default_permission"), "none");
	EQ(side_code("PUT", "/api/v1/shares/two", t, "{\"default_permission\":\"read\"}"), 200);
	EQ_STR(member(side_ask("GET", "/api/v1/shares", t, NULL), 1, "default_permission"), "read");
	make_share(t, "/three");
	EQ(rest_json_len(side_ask("GET", "/api/v1/shares", t, NULL)->json), 3);
	EQ(side_ask("DELETE", "/api/v1/shares/one", t, NULL)->code, 204);
	a = side_ask("GET", "/api/v1/shares", t, NULL);
	EQ(rest_json_len(a->json), 2);
	EQ_STR(member(a, 0, "name"), "/three");
}

CASE(what_no_row_says_is_new_in_each_answer)
{
	const char *t = admin_with_shares();
	struct answer *a;

	side.used_bytes = 7;
	EQ_STR(member(side_ask("GET", "/api/v1/shares", t, NULL), 0, "used_bytes"), "7");
	side.used_bytes = 4711;
	a = side_ask("GET", "/api/v1/shares", t, NULL);
	EQ_STR(member(a, 0, "used_bytes"), "4711");
	EQ_STR(rest_json_get_str(rest_json_get(rest_json_at(a->json, 0), "status"), "status"),
	    "healthy");
	side.open[0][0] = '\0';		/* it serves no more, whatever the rows say */
	a = side_ask("GET", "/api/v1/shares", t, NULL);
	EQ_STR(rest_json_get_str(rest_json_get(rest_json_at(a->json, 0), "status"), "status"),
	    "unhealthy");
}

CASE(more_lists_than_are_kept_are_answered_all_the_same)
{
	const char *t = admin_with_shares();
	char path[80];

	for (int round = 0; round < 2; round++)
		for (int i = 1; i <= 20; i++) {
			snprintf(path, sizeof path, "/api/v1/shares?limit=%d", i);
			EQ(rest_json_len(side_ask("GET", path, t, NULL)->json),
			    (size_t)(i == 1 ? 1 : 2));
		}
}

CASE(a_list_of_a_thing_that_was_removed_is_not_there_any_more)
{
	const char *t = admin_with_shares();

	EQ(side_ask("GET", "/api/v1/shares/one/permissions", t, NULL)->code, 200);
	EQ(side_ask("DELETE", "/api/v1/shares/one", t, NULL)->code, 204);
	EQ(side_ask("GET", "/api/v1/shares/one/permissions", t, NULL)->code, 404);
}

CASE(a_token_that_was_seen_ends_with_its_time)
{
	const char *t = admin();

	EQ(side_ask("GET", "/api/v1/groups", t, NULL)->code, 200);
	EQ(side_ask("GET", "/api/v1/groups", t, NULL)->code, 200);
	side_later(901);
	EQ_STR(side_str(side_ask("GET", "/api/v1/groups", t, NULL), "code"), "expired");
}

CASE(a_token_that_was_seen_ends_with_its_session_its_role_and_its_user)
{
	const char *t = admin(), *o;

	EQ(side_ask("POST", "/api/v1/users", t,
	       "{\"username\":\"op\",\"password\":\"good-enough-1\","
	       "\"role\":\"admin\",\"must_change_password\":false}")->code, 201);
	o = side_login("op", "good-enough-1", NULL);
	EQ(side_ask("GET", "/api/v1/groups", o, NULL)->code, 200);
	EQ(side_ask("PUT", "/api/v1/users/op", t, "{\"role\":\"user\"}")->code, 200);
	EQ_STR(side_str(side_ask("GET", "/api/v1/groups", o, NULL), "code"), "forbidden");
	EQ(side_ask("PUT", "/api/v1/users/op", t, "{\"role\":\"admin\"}")->code, 200);
	EQ(side_ask("GET", "/api/v1/groups", o, NULL)->code, 200);
	EQ(side_ask("PUT", "/api/v1/users/op", t, "{\"enabled\":false}")->code, 200);
	EQ_STR(side_str(side_ask("GET", "/api/v1/groups", o, NULL), "code"), "session_ended");
	EQ(side_ask("PUT", "/api/v1/users/op", t, "{\"enabled\":true}")->code, 200);
	o = side_login("op", "good-enough-1", NULL);
	EQ(side_ask("GET", "/api/v1/groups", o, NULL)->code, 200);
	EQ(side_ask("DELETE", "/api/v1/users/op/sessions", t, NULL)->code, 204);
	EQ_STR(side_str(side_ask("GET", "/api/v1/groups", o, NULL), "code"), "session_ended");
}

CASE(a_share_is_tuned_while_it_serves)
{
	const char *t = admin_with_shares();
	struct share_tuning *now = &side.tuning[side_at("/two")];
	struct answer *a;
	int swaps = side.swaps;

	EQ(now->quota_bytes, 0);
	EQ(now->tier, TIER_LOCAL);
	a = side_ask("PUT", "/api/v1/shares/two", t,
	    "{\"durability\":\"writeback\",\"compression\":\"zstd-9\","
	    "\"local_store_size\":\"64MiB\",\"quota_bytes\":\"10GiB\"}");
	EQ(a->code, 200);
	EQ_STR(side_str(a, "quota_bytes"), "10GiB");
	EQ(now->tier, TIER_WRITEBACK);
	EQ(now->compression, 9);
	EQ(now->journal_bytes, 64u << 20);
	EQ(now->quota_bytes, 10ull << 30);
	EQ(side.swaps, swaps + 1);		/* it was not closed and opened */
	EQ(side_ask("PUT", "/api/v1/shares/two", t, "{\"quota_bytes\":-1}")->code, 422);
	EQ(side_ask("PUT", "/api/v1/shares/two", t, "{\"quota_bytes\":\"much\"}")->code, 422);
	EQ(now->quota_bytes, 10ull << 30);
	EQ(side_ask("PUT", "/api/v1/shares/two", t, "{\"quota_bytes\":0}")->code, 200);
	EQ(now->quota_bytes, 0);
	EQ(side.tuning[side_at("/one")].quota_bytes, 0);
}

CASE(a_share_opens_with_its_quota)
{
	const char *t = admin_with_shares();

	EQ(side_ask("PUT", "/api/v1/shares/two", t, "{\"quota_bytes\":\"1MiB\"}")->code, 200);
	EQ(side_ask("POST", "/api/v1/shares/two/disable", t, NULL)->code, 200);
	EQ(side_ask("PUT", "/api/v1/shares/two", t, "{\"quota_bytes\":\"2MiB\"}")->code, 200);
	EQ(side_ask("POST", "/api/v1/shares/two/enable", t, NULL)->code, 200);
	EQ(side.tuning[side_at("/two")].quota_bytes, 2u << 20);
}
