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
stores(const char *t)
{
	EQ(side_ask("POST", "/api/v1/store/metadata", t,
	       "{\"name\":\"default\",\"type\":\"badger\"}")->code, 201);
	EQ(side_ask("POST", "/api/v1/store/block/local", t,
	       "{\"name\":\"local-cache\",\"type\":\"fs\",\"config\":\"{\\\"path\\\":\\\"/srv/"
	       "x\\\"}\"}")->code, 201);
}

static void
export(const char *t)
{
	struct answer *a = side_ask("POST", "/api/v1/shares", t, "{\"name\":\"/export\","
	    "\"metadata_store_id\":\"default\",\"local_block_store\":\"local-cache\"}");

	if (a->code != 201)
		check_fail(__FILE__, __LINE__, "%d %.*s", a->code, (int)a->re.len, a->re.body);
}

CASE(a_made_up_password_must_be_changed_before_anything_else)
{
	struct rest_started s = side_start(NULL);
	char body[200], token[REST_TOKEN_ROOM];
	struct answer *a;
	const char *t;

	EQ(strlen(s.admin_password), 20);
	t = side_login("admin", s.admin_password, NULL);
	a = side_ask("GET", "/api/v1/users", t, NULL);
	EQ(a->code, 403);
	EQ_STR(side_str(a, "code"), "must_change_password");
	EQ(side_ask("GET", "/api/v1/auth/me", t, NULL)->code, 200);
	snprintf(body, sizeof body,
	    "{\"current_password\":\"%s\",\"new_password\":\"another-one\"}", s.admin_password);
	a = side_ask("POST", "/api/v1/users/me/password", t, body);
	EQ(a->code, 200);
	snprintf(token, sizeof token, "%s", side_str(a, "access_token"));
	EQ(side_ask("GET", "/api/v1/users", token, NULL)->code, 200);
	EQ_STR(side_str(side_ask("GET", "/api/v1/users", t, NULL), "code"), "session_ended");
}

CASE(a_chosen_password_need_not_be_changed_and_is_kept_over_a_restart)
{
	const char *t = admin();

	EQ(side_ask("GET", "/api/v1/users", t, NULL)->code, 200);
	side_restart();
	EQ(side_ask("GET", "/api/v1/users", t, NULL)->code, 200);
	side_login("admin", SIDE_ADMIN_PASSWORD, NULL);
}

CASE(a_refresh_token_turns_once_and_a_stolen_one_ends_the_session)
{
	char body[REST_TOKEN_ROOM + 40], first[REST_TOKEN_ROOM + 40];
	const char *refresh, *t;
	struct answer *a;

	side_start(SIDE_ADMIN_PASSWORD);
	t = side_login("admin", SIDE_ADMIN_PASSWORD, &refresh);
	snprintf(first, sizeof first, "{\"refresh_token\":\"%s\"}", refresh);
	a = side_ask("POST", "/api/v1/auth/refresh", NULL, first);
	EQ(a->code, 200);
	snprintf(body, sizeof body, "{\"refresh_token\":\"%s\"}", side_str(a, "refresh_token"));
	EQ(side_code("POST", "/api/v1/auth/refresh", NULL, first), 200); /* an answer was lost */
	EQ(side_ask("POST", "/api/v1/auth/refresh", NULL, body)->code, 200);
	EQ(side_ask("GET", "/api/v1/users", t, NULL)->code, 200);
	side_later(11);
	a = side_ask("POST", "/api/v1/auth/refresh", NULL, first);
	EQ(a->code, 401);
	EQ_STR(side_str(a, "code"), "token_reused");
	EQ(side_ask("GET", "/api/v1/users", t, NULL)->code, 401);
	EQ(side_ask("POST", "/api/v1/auth/refresh", NULL, body)->code, 401);
}

CASE(an_access_token_is_no_refresh_token_and_the_other_way_round)
{
	char body[REST_TOKEN_ROOM + 40];
	const char *refresh, *t;

	side_start(SIDE_ADMIN_PASSWORD);
	t = side_login("admin", SIDE_ADMIN_PASSWORD, &refresh);
	EQ(side_ask("GET", "/api/v1/auth/me", refresh, NULL)->code, 401);
	snprintf(body, sizeof body, "{\"refresh_token\":\"%s\"}", t);
	EQ(side_ask("POST", "/api/v1/auth/refresh", NULL, body)->code, 401);
	EQ(side_ask("POST", "/api/v1/auth/logout", t, NULL)->code, 204);
	EQ(side_ask("GET", "/api/v1/auth/me", t, NULL)->code, 401);
}

CASE(wrong_passwords_lock_out_for_a_while)
{
	static const char *const bad = "{\"username\":\"admin\",\"password\":\"wrong-word\"}";
	struct answer *a;

	side_start(SIDE_ADMIN_PASSWORD);
	for (int i = 0; i < 5; i++) {
		side_later(2);
		EQ(side_ask("POST", "/api/v1/auth/login", NULL, bad)->code, 401);
	}
	a = side_ask("POST", "/api/v1/auth/login", NULL,
	    "{\"username\":\"admin\",\"password\":\"" SIDE_ADMIN_PASSWORD "\"}");
	EQ(a->code, 429);
	TRUE(a->re.retry_after_s > 20 && a->re.retry_after_s <= 30);
	side_later(31);
	side_login("admin", SIDE_ADMIN_PASSWORD, NULL);
}

CASE(attempts_are_limited_together_whoever_makes_them)
{
	int heard = 0;

	side_start(SIDE_ADMIN_PASSWORD);
	for (int i = 0; i < 26; i++) {
		char body[100];

		snprintf(body, sizeof body, "{\"username\":\"u%d\",\"password\":\"x\"}", i);
		heard += side_ask("POST", "/api/v1/auth/login", NULL, body)->code == 401;
	}
	TRUE(heard >= 15 && heard < 30);
}

CASE(a_share_serves_as_soon_as_it_is_made_and_no_longer_than_it_is_enabled)
{
	const char *t = admin();
	struct answer *a;

	stores(t);
	export(t);
	TRUE(side_shares("/export"));
	a = side_ask("GET", "/api/v1/shares/export", t, NULL);
	EQ(a->code, 200);
	EQ_STR(side_str(a, "metadata_store"), "default");
	EQ_STR(side_str(a, "local_store_size"), "2GiB");
	EQ(side_int(a, "used_bytes"), 42);
	EQ_STR(rest_json_get_str(rest_json_get(a->json, "status"), "status"), "healthy");
	EQ(side_ask("GET", "/api/v1/shares/%2Fexport", t, NULL)->code, 200);
	EQ(side_ask("POST", "/api/v1/shares/export/rotate-key", t, NULL)->code, 200);
	EQ(side_ask("POST", "/api/v1/shares/export/rotate-key", t, NULL)->code, 409);
	a = side_ask("POST", "/api/v1/shares/export/rewrap-keys", t, NULL);
	EQ(a->code, 200);
	EQ(side_int(a, "rewrapped"), 1);
	EQ(side_int(a, "keys"), 2);
	EQ(side_ask("POST", "/api/v1/shares/export/disable", t, NULL)->code, 200);
	FALSE(side_shares("/export"));
	side_restart();
	FALSE(side_shares("/export"));
	EQ(side_ask("POST", "/api/v1/shares/export/enable", t, NULL)->code, 200);
	TRUE(side_shares("/export"));
	side_restart();
	TRUE(side_shares("/export"));
	EQ(side_ask("DELETE", "/api/v1/store/metadata/default", t, NULL)->code, 409);
	EQ(side_ask("DELETE", "/api/v1/shares/export", t, NULL)->code, 204);
	FALSE(side_shares("/export"));
	EQ(side_ask("GET", "/api/v1/shares/export", t, NULL)->code, 404);
	EQ(side_ask("DELETE", "/api/v1/store/metadata/default", t, NULL)->code, 204);
}

CASE(a_share_that_cannot_serve_is_not_kept)
{
	const char *t = admin();
	struct answer *a;

	stores(t);
	side.refuse_open = true;
	a = side_ask("POST", "/api/v1/shares", t,
	    "{\"name\":\"/export\",\"metadata_store\":\"default\","
	    "\"local_block_store\":\"local-cache\"}");
	EQ(a->code, 503);
	TRUE(strstr(side_str(a, "detail"), "the disk says no") != NULL);
	EQ(side_ask("GET", "/api/v1/shares/export", t, NULL)->code, 404);
	export(t);
	side.refuse_open = true;	/* a change opens nothing */
	EQ(side_ask("PUT", "/api/v1/shares/export", t,
	    "{\"read_only\":true,\"durability\":\"writeback\"}")->code, 200);
	TRUE(side_shares("/export"));
	TRUE(side.read_only[side_at("/export")]);
	side.refuse_open = false;
}

CASE(fields_are_checked_together_and_named)
{
	const char *t = admin();
	const struct rest_json *errors;
	struct answer *a;

	stores(t);
	a = side_ask("POST", "/api/v1/shares", t, "{\"name\":\"export\",\"squash\":\"maybe\","
	    "\"local_store_size\":\"1KiB\",\"read_only\":1,\"surprise\":true}");
	EQ(a->code, 422);
	errors = rest_json_get(a->json, "errors");
	TRUE(rest_json_get(errors, "name") && rest_json_get(errors, "squash") &&
	    rest_json_get(errors, "local_store_size") && rest_json_get(errors, "read_only") &&
	    rest_json_get(errors, "surprise"));
	EQ_STR(a->re.type, "application/problem+json");
}

CASE(a_change_wants_the_version_that_was_read)
{
	const char *t = admin();
	struct answer *a;
	char etag[40];

	EQ(side_ask("POST", "/api/v1/users", t, "{\"username\":\"alice\"}")->code, 201);
	a = side_ask("GET", "/api/v1/users/alice", t, NULL);
	snprintf(etag, sizeof etag, "%s", a->re.etag);
	EQ(side_ask_if("PUT", "/api/v1/users/alice", t, "{\"email\":\"a\"}", etag)->code, 200);
	EQ(side_ask_if("PUT", "/api/v1/users/alice", t, "{\"email\":\"b\"}", etag)->code, 412);
	EQ(side_ask_if("DELETE", "/api/v1/users/alice", t, NULL, etag)->code, 412);
	EQ(side_ask_if("DELETE", "/api/v1/users/alice", t, NULL, "nonsense")->code, 412);
	EQ(side_ask_if("DELETE", "/api/v1/users/alice", t, NULL, "*")->code, 204);
}

CASE(users_groups_and_permissions)
{
	const char *t = admin(), *u;
	struct answer *a;

	stores(t);
	export(t);
	EQ(side_ask("POST", "/api/v1/groups", t, "{\"name\":\"devs\"}")->code, 201);
	a = side_ask("POST", "/api/v1/users", t,
	    "{\"username\":\"alice\",\"password\":\"long enough\","
	    "\"uid\":1000,\"groups\":[\"devs\"],\"share_permissions\":{\"/export\":\"read\"}}");
	EQ(a->code, 201);
	EQ(side_int(a, "uid"), 1000);
	EQ(rest_json_len(rest_json_get(a->json, "groups")), 2);
	TRUE(strlen(side_str(a, "sid")) > 10);
	EQ_STR(a->re.location, "/api/v1/users/alice");
	TRUE(rest_json_get(a->json, "password_hash") == NULL);
	EQ(side_ask("POST", "/api/v1/users", t, "{\"username\":\"alice\"}")->code, 409);
	EQ(side_ask("POST", "/api/v1/users", t, "{\"username\":\"bob\",\"uid\":1000}")->code, 409);
	EQ(side_code("POST", "/api/v1/users", t, "{\"username\":\"bob\",\"password\":\"short\"}"),
	    422);
	EQ(side_code("POST", "/api/v1/users", t, "{\"username\":\"bob\",\"groups\":[\"no\"]}"),
	    422);
	EQ(side_ask("GET", "/api/v1/users/bob", t, NULL)->code, 404);
	EQ(side_ask("PUT", "/api/v1/shares/export/permissions/groups/devs", t,
	    "{\"level\":\"read-write\"}")->code, 200);
	a = side_ask("GET", "/api/v1/shares/export/permissions", t, NULL);
	EQ(rest_json_len(a->json), 2);
	EQ(side_ask("PUT", "/api/v1/shares/export/permissions/users/nobody", t,
	    "{\"level\":\"read\"}")->code, 404);
	EQ(side_ask("PUT", "/api/v1/shares/export/permissions/users/alice", t,
	    "{\"level\":\"all\"}")->code, 422);
	u = side_login("alice", "long enough", NULL);
	EQ(side_ask("GET", "/api/v1/users/alice", u, NULL)->code, 200);
	EQ(side_ask("GET", "/api/v1/users/admin", u, NULL)->code, 403);
	EQ(side_ask("GET", "/api/v1/users", u, NULL)->code, 403);
	EQ(side_ask("PUT", "/api/v1/users/alice", t, "{\"enabled\":false}")->code, 200);
	EQ(side_ask("GET", "/api/v1/users/alice", u, NULL)->code, 401);
	EQ(side_ask("DELETE", "/api/v1/users/alice", t, NULL)->code, 204);
	a = side_ask("GET", "/api/v1/shares/export/permissions", t, NULL);
	EQ(rest_json_len(a->json), 1);
	EQ(side_ask("DELETE", "/api/v1/users/admin", t, NULL)->code, 403);
	EQ(side_ask("PUT", "/api/v1/users/admin", t, "{\"role\":\"user\"}")->code, 403);
	EQ(side_ask("DELETE", "/api/v1/groups/admins", t, NULL)->code, 403);
	EQ(side_ask("DELETE", "/api/v1/groups/devs", t, NULL)->code, 204);
}

static enum share_level
level(uint32_t uid, uint32_t gid)
{
	return rules_level(side.last, uid, gid, NULL, 0);
}

CASE(permissions_are_in_force_from_the_answer_on_and_no_share_is_opened_anew)
{
	const char *t = admin();
	int swaps;

	stores(t);
	export(t);
	TRUE(side.last->gated);
	EQ(level(1000, 1000), LEVEL_NONE);
	EQ(side_ask("POST", "/api/v1/groups", t, "{\"name\":\"devs\",\"gid\":700}")->code, 201);
	EQ(side_ask("POST", "/api/v1/users", t, "{\"username\":\"alice\",\"uid\":1000,"
	    "\"share_permissions\":{\"/export\":\"read\"}}")->code, 201);
	EQ(level(1000, 1000), LEVEL_READ);
	EQ(side_ask("PUT", "/api/v1/shares/export/permissions/users/alice", t,
	    "{\"level\":\"read-write\"}")->code, 200);
	EQ(level(1000, 1000), LEVEL_WRITE);
	EQ(side_ask("DELETE", "/api/v1/shares/export/permissions/users/alice", t, NULL)->code, 204);
	EQ(level(1000, 1000), LEVEL_NONE);
	EQ(side_ask("PUT", "/api/v1/shares/export/permissions/groups/devs", t,
	    "{\"level\":\"admin\"}")->code, 200);
	EQ(level(1000, 1000), LEVEL_NONE);
	EQ(level(1000, 700), LEVEL_ADMIN);
	EQ(side_code("POST", "/api/v1/groups/devs/members", t, "{\"username\":\"alice\"}"), 201);
	EQ(level(1000, 1000), LEVEL_ADMIN);
	EQ(side_ask("PUT", "/api/v1/users/alice", t, "{\"uid\":1001}")->code, 200);
	EQ(level(1000, 1000), LEVEL_NONE);
	EQ(level(1001, 1000), LEVEL_ADMIN);
	EQ(side_ask("PUT", "/api/v1/users/alice", t, "{\"enabled\":false}")->code, 200);
	EQ(level(1001, 700), LEVEL_NONE);
	EQ(side_ask("PUT", "/api/v1/users/alice", t, "{\"enabled\":true}")->code, 200);
	EQ(side_ask("DELETE", "/api/v1/groups/devs", t, NULL)->code, 204);
	EQ(level(1001, 700), LEVEL_NONE);

	swaps = side.swaps;
	side.refuse_open = true;		/* were it opened anew, it would fail */
	EQ(side_ask("PUT", "/api/v1/shares/export", t, "{\"read_only\":true,\"squash\":\"none\","
	    "\"export_rules\":\"10.0.0.0/8(rw)\"}")->code, 200);
	EQ(side.swaps, swaps + 1);
	TRUE(side.last->read_only && side.last->rules[0].squash == SQUASH_NONE);
	EQ_STR(side.last->rules[0].hosts, "10.0.0.0/8");
}

CASE(sids_the_default_and_mappings_are_in_force_from_the_answer_on)
{
	const char *t = admin();
	const struct rules_map *mapped;
	char path[300], sid[200];
	struct answer *a;

	stores(t);
	export(t);
	EQ(side_code("POST", "/api/v1/users", t, "{\"username\":\"alice\",\"uid\":1001}"), 201);
	snprintf(sid, sizeof sid, "%s",
	    side_str(side_ask("GET", "/api/v1/users/alice", t, NULL), "sid"));
	snprintf(path, sizeof path, "/api/v1/shares/export/permissions/sids/%s", sid);
	EQ(side_ask("PUT", path, t, "{\"level\":\"read\"}")->code, 200);
	EQ(level(1001, 1), LEVEL_READ);
	EQ(side_ask("PUT", "/api/v1/shares/export/permissions/sids/S-1-5-21-1-2-3-4", t,
	    "{\"level\":\"read\"}")->code, 404);
	EQ(side_ask("DELETE", path, t, NULL)->code, 204);
	EQ(level(1001, 1), LEVEL_NONE);
	EQ(side_code("PUT", "/api/v1/shares/export", t, "{\"default_permission\":\"read\"}"), 200);
	EQ(level(5, 5), LEVEL_READ);

	a = side_ask("POST", "/api/v1/identity-mappings", t,
	    "{\"provider_name\":\"sys\",\"principal\":\"501\",\"username\":\"alice\"}");
	EQ(a->code, 201);
	mapped = rules_mapped(side.last, 501);
	EQ(mapped != NULL ? mapped->uid : 0, 1001);
	EQ(side_ask("POST", "/api/v1/identity-mappings", t,
	    "{\"provider_name\":\"sys\",\"principal\":\"bob\",\"username\":\"alice\"}")->code, 422);
	EQ(side_ask("DELETE", "/api/v1/identity-mappings/by-provider/sys/501", t, NULL)->code, 204);
	TRUE(rules_mapped(side.last, 501) == NULL);
}

CASE(rules_come_back_where_a_change_is_not_kept)
{
	const char *t = admin();
	char body[6000];
	size_t len;
	int swaps;

	stores(t);
	export(t);
	EQ(side_ask("POST", "/api/v1/users", t, "{\"username\":\"alice\",\"uid\":1000,"
	    "\"share_permissions\":{\"/export\":\"read\"}}")->code, 201);
	EQ(side_ask("POST", "/api/v1/adapters/nfs/netgroups", t, "{\"name\":\"lab\"}")->code, 201);
	/* Full to the last rule by names of the netgroup: its first member is one too many for a
	 * second share, after the first has followed. */
	len = (size_t)snprintf(body, sizeof body, "{\"export_rules\":\"@lab");
	for (int i = 0; i < EXPORT_RULES_MAX; i++)
		len += (size_t)snprintf(body + len, sizeof body - len, " 10.0.0.%d", i);
	snprintf(body + len, sizeof body - len, "\"}");
	EQ(side_ask("POST", "/api/v1/shares", t,
	       "{\"name\":\"/full\",\"metadata_store\":\"default\","
	       "\"local_block_store\":\"local-cache\"}")->code, 201);
	EQ(side_ask("PUT", "/api/v1/shares/full", t, body)->code, 200);
	EQ(side_ask("PUT", "/api/v1/shares/export", t, "{\"export_rules\":\"@lab 10.9.0.0/16\","
	    "\"quota_bytes\":\"3GiB\"}")->code, 200);
	swaps = side.swaps;
	EQ(side_ask("POST", "/api/v1/adapters/nfs/netgroups/lab/members", t,
	    "{\"type\":\"ip\",\"value\":\"10.1.1.1\"}")->code, 422);
	EQ(side.swaps, swaps + 2);		/* there and back */
	EQ(side.tuning[side_at("/export")].quota_bytes, 3ull << 30);
	EQ(side.nrules[side_at("/export")], 1);
	EQ(rest_json_len(rest_json_get(side_ask("GET", "/api/v1/adapters/nfs/netgroups/lab", t,
	    NULL)->json, "members")), 0);
}

CASE(clients_are_shown_with_their_user_and_shares_and_can_be_disconnected)
{
	const char *t = admin();
	const struct rest_json *one;
	struct answer *a;

	stores(t);
	export(t);
	EQ(side_code("POST", "/api/v1/users", t, "{\"username\":\"alice\",\"uid\":1000}"), 201);
	a = side_ask("GET", "/api/v1/clients?protocol=nfs&share=export", t, NULL);
	EQ(a->code, 200);
	EQ(rest_json_len(a->json), 1);
	one = rest_json_at(a->json, 0);
	EQ_STR(rest_json_get_str(one, "client_id"), "192.0.2.9");
	EQ_STR(rest_json_get_str(one, "user"), "alice");
	EQ_STR(rest_json_str(rest_json_at(rest_json_get(one, "shares"), 0)), "/export");
	EQ(rest_json_int(rest_json_get(one, "requests")), 77);
	EQ(rest_json_len(side_ask("GET", "/api/v1/clients?share=other", t, NULL)->json), 0);
	EQ(rest_json_len(side_ask("GET", "/api/v1/clients?protocol=smb", t, NULL)->json), 0);
	EQ(rest_json_len(side_ask("GET", "/api/v1/mounts", t, NULL)->json), 1);
	EQ(side_ask("DELETE", "/api/v1/clients/192.0.2.8", t, NULL)->code, 404);
	EQ(side_ask("DELETE", "/api/v1/clients/192.0.2.9", t, NULL)->code, 204);
}

CASE(settings_of_an_adapter_have_ranges_are_in_force_at_once_and_kept)
{
	static const char path[] = "/api/v1/adapters/nfs/settings";
	const char *t = admin();
	const struct rest_json *errors, *range;
	struct answer *a;

	EQ(side_int(side_ask("GET", path, t, NULL), "max_read_size"), 1048576);
	EQ(side_ask("PATCH", path, t, "{\"max_read_size\":65536}")->code, 200);
	EQ_STR(side.tuned, "max_read_size=65536");
	EQ(side_code("PATCH", path, t, "{\"blocked_operations\":[\"symlink\",\"mknod\"]}"), 200);
	EQ_STR(side.tuned, "blocked_operations=symlink,mknod");
	a = side_ask("PATCH", path, t,
	    "{\"max_read_size\":1,\"max_version\":4,\"portmapper_enabled\":1,"
	    "\"drc_entries\":1,\"surprise\":1,\"min_version\":3}");
	EQ(a->code, 422);
	errors = rest_json_get(a->json, "errors");
	TRUE(rest_json_get(errors, "max_read_size") && rest_json_get(errors, "max_version") &&
	    rest_json_get(errors, "portmapper_enabled") && rest_json_get(errors, "drc_entries") &&
	    rest_json_get(errors, "surprise"));
	TRUE(rest_json_get(errors, "min_version") == NULL);
	side.tunes = 0;
	EQ(side_int(side_ask("PATCH", "/api/v1/adapters/nfs/settings?dry_run=true", t,
			"{\"max_read_size\":4096}"),
	       "max_read_size"),
	    4096);
	EQ(side.tunes, 0);
	a = side_ask("PATCH", path, t, "{\"max_connections\":5000,\"max_write_size\":4096}");
	EQ(a->code, 422);
	TRUE(strstr(a->re.body, "no room for so many") != NULL);
	EQ(side_int(side_ask("GET", path, t, NULL), "max_write_size"), 1048576);
	side_restart();
	EQ_STR(side.tuned, "blocked_operations=symlink,mknod");
	a = side_ask("POST", "/api/v1/adapters/nfs/settings/reset", t,
	    "{\"setting\":\"blocked_operations\"}");
	EQ(a->code, 200);
	EQ_STR(side.tuned, "blocked_operations=");
	EQ(side_int(a, "max_read_size"), 65536);
	EQ(side_int(side_ask("PUT", path, t, "{\"max_write_size\":8192}"), "max_read_size"),
	    1048576);
	a = side_ask("GET", "/api/v1/adapters/nfs/settings/defaults", t, NULL);
	range = rest_json_get(rest_json_get(a->json, "ranges"), "max_read_size");
	EQ(rest_json_int(rest_json_get(range, "min")), 4096);
	EQ(side_ask("GET", "/api/v1/adapters/smb/settings", t, NULL)->code, 404);
}

CASE(an_explanation_is_asked_for_a_user_on_a_path)
{
	static const char all[] =
	    "/api/v1/explain/access?path=%2Fexport%2Fa%20b&user=alice&via=nfs&from=10.0.0.1";
	const char *t = admin();
	struct answer *a;

	stores(t);
	export(t);
	EQ(side_code("POST", "/api/v1/users", t,
	       "{\"username\":\"alice\",\"uid\":1000,\"gid\":50}"),
	    201);
	a = side_ask("GET", all, t, NULL);
	EQ(a->code, 200);
	EQ_STR(rest_json_str(rest_json_at(rest_json_get(a->json, "story"), 0)),
	    "/export|/a b|1000:50+1");
	TRUE(rest_json_kind(rest_json_get(rest_json_get(a->json, "access"), "modify")) ==
	    REST_TRUE);
	TRUE(rest_json_kind(rest_json_get(rest_json_get(a->json, "access"), "lookup")) ==
	    REST_FALSE);
	EQ(side_ask("GET", "/api/v1/explain/access?path=/export&user=bob", t, NULL)->code, 404);
	EQ(side_ask("GET", "/api/v1/explain/access?path=/other/x&user=alice", t, NULL)->code, 404);
	EQ(side_ask("GET", "/api/v1/explain/access?path=export&user=alice", t, NULL)->code, 422);
	EQ(side_ask("GET", "/api/v1/explain/access?path=/export", t, NULL)->code, 422);
	EQ(side_code("GET", "/api/v1/explain/access?path=/export&user=alice&via=smb", t, NULL),
	    422);
	EQ(side_code("GET", "/api/v1/explain/access?path=/export&user=alice&from=x", t, NULL), 422);
}

CASE(an_empty_netgroup_lets_nobody_in)
{
	const char *t = admin();

	stores(t);
	export(t);
	EQ(side_ask("POST", "/api/v1/adapters/nfs/netgroups", t, "{\"name\":\"lab\"}")->code, 201);
	EQ(side_code("PUT", "/api/v1/shares/export", t, "{\"export_rules\":\"@lab(rw)\"}"), 200);
	EQ(side.nrules[side_at("/export")], 0);
	EQ(side_ask("PUT", "/api/v1/shares/export", t, "{\"export_rules\":\"\"}")->code, 200);
	EQ(side.nrules[side_at("/export")], 1);
}

CASE(an_adapter_listens_as_it_is_told_and_a_taken_port_changes_nothing)
{
	const char *t = admin();
	struct answer *a;

	FALSE(side.nfs);
	EQ(side_ask("PUT", "/api/v1/adapters/nfs", t, "{\"enabled\":true}")->code, 200);
	TRUE(side.nfs);
	side.refuse_port = 1;
	a = side_ask("PUT", "/api/v1/adapters/nfs", t, "{\"port\":1}");
	EQ(a->code, 409);
	TRUE(side.nfs && side.nfs_port == 12049);
	EQ(side_int(side_ask("GET", "/api/v1/adapters/nfs", t, NULL), "port"), 12049);
	EQ(side_ask("PUT", "/api/v1/adapters/nfs", t, "{\"port\":70000}")->code, 422);
	side_restart();
	TRUE(side.nfs);
	EQ(side_ask("POST", "/api/v1/adapters", t, "{\"type\":\"smb\"}")->code, 422);
}

CASE(a_netgroup_reaches_the_shares_that_name_it)
{
	const char *t = admin();
	char path[200];
	struct answer *a;

	stores(t);
	export(t);
	EQ(side_ask("POST", "/api/v1/adapters/nfs/netgroups", t, "{\"name\":\"lab\"}")->code, 201);
	EQ(side_code("PUT", "/api/v1/shares/export", t, "{\"export_rules\":\"@lab(rw) *(ro)\"}"),
	    200);
	EQ(side.nrules[side_at("/export")], 1);
	a = side_ask("POST", "/api/v1/adapters/nfs/netgroups/lab/members", t,
	    "{\"type\":\"cidr\",\"value\":\"10.0.0.0/8\"}");
	EQ(a->code, 201);
	snprintf(path, sizeof path, "/api/v1/adapters/nfs/netgroups/lab/members/%s",
	    side_str(a, "id"));
	EQ(side.nrules[side_at("/export")], 2);
	EQ(side_ask("POST", "/api/v1/adapters/nfs/netgroups/lab/members", t,
	    "{\"type\":\"ip\",\"value\":\"10.0.0.0/8\"}")->code, 422);
	EQ(side_ask("DELETE", "/api/v1/adapters/nfs/netgroups/lab", t, NULL)->code, 409);
	EQ(side_ask("DELETE", path, t, NULL)->code, 204);
	EQ(side.nrules[side_at("/export")], 1);
	EQ(side_ask("PUT", "/api/v1/shares/export", t, "{\"export_rules\":\"\"}")->code, 200);
	EQ(side_ask("DELETE", "/api/v1/adapters/nfs/netgroups/lab", t, NULL)->code, 204);
}

CASE(secrets_of_stores_are_not_shown_and_stay_when_sent_back)
{
	const char *t = admin();
	struct answer *a;

	a = side_ask("POST", "/api/v1/store/block/remote", t,
	    "{\"name\":\"s3\",\"type\":\"s3\",\"config\":"
	    "{\"bucket\":\"b\",\"secret_access_key\":\"hush\"}}");
	EQ(a->code, 201);
	TRUE(strstr(a->re.body, "hush") == NULL);
	EQ_STR(rest_json_get_str(rest_json_get(a->json, "config"), "secret_access_key"),
	    "********");
	a = side_ask("PUT", "/api/v1/store/block/remote/s3", t,
	    "{\"config\":{\"bucket\":\"c\",\"secret_access_key\":\"********\"}}");
	EQ(a->code, 200);
	struct db_conn *c;
	struct db_row row;
	struct arena arena;

	arena_init(&arena, NULL, 0, 1 << 20);
	EQ(db_begin(rest_state.db, false, &c), OK);
	EQ(db_get(c, DB_REMOTE_STORE, NULL, "s3", &arena, &row), OK);
	TRUE(strstr(db_text(DB_REMOTE_STORE, &row, "config"), "hush") == NULL);
	TRUE(strstr(db_text(DB_REMOTE_STORE, &row, "config"), "\"secret_access_key\":\"sealed:") !=
	    NULL);
	EQ(db_end(&c, false), OK);
	arena_rewind(&arena);
	EQ(side_ask("POST", "/api/v1/store/block/remote", t,
	    "{\"name\":\"t\",\"type\":\"s3\",\"config\":{}}")->code, 422);
	EQ(side_ask("POST", "/api/v1/store/block/remote", t,
	    "{\"name\":\"t\",\"type\":\"memory\",\"config\":{\"bucket\":\"b\"}}")->code, 422);
}

CASE(every_change_leaves_an_audit_entry_and_a_refused_one_none)
{
	const char *t = admin();
	struct answer *a;
	size_t before;

	before = rest_json_len(side_ask("GET", "/api/v1/audit", t, NULL)->json);
	EQ(side_ask("POST", "/api/v1/groups", t, "{\"name\":\"g\"}")->code, 201);
	EQ(side_ask("POST", "/api/v1/groups", t, "{\"name\":\"g\"}")->code, 409);
	a = side_ask("GET", "/api/v1/audit", t, NULL);
	EQ(rest_json_len(a->json), before + 1);
	EQ_STR(rest_json_get_str(rest_json_at(a->json, 0), "actor"), "admin");
	EQ_STR(rest_json_get_str(rest_json_at(a->json, 0), "action"), "createGroup POST");
	EQ_STR(rest_json_get_str(rest_json_at(a->json, 0), "address"), "192.0.2.1");
}

CASE(a_list_comes_in_pages)
{
	const char *t = admin();
	struct answer *a;

	for (int i = 0; i < 4; i++) {
		char body[60];

		snprintf(body, sizeof body, "{\"username\":\"u%d\"}", i);
		EQ(side_ask("POST", "/api/v1/users", t, body)->code, 201);
	}
	a = side_ask("GET", "/api/v1/users?limit=3", t, NULL);
	EQ(rest_json_len(a->json), 3);
	EQ_STR(a->re.link, "</api/v1/users?limit=3&after=u1>; rel=\"next\"");
	a = side_ask("GET", "/api/v1/users?limit=3&after=u1", t, NULL);
	EQ(rest_json_len(a->json), 2);
	EQ_STR(a->re.link, "");
	EQ(side_ask("GET", "/api/v1/users?limit=0", t, NULL)->code, 422);
}

CASE(live_settings_and_mappings)
{
	const char *t = admin();

	EQ(side_ask("PUT", "/api/v1/settings/logging.level", t, "{\"value\":\"warn\"}")->code, 200);
	EQ(side_ask("PUT", "/api/v1/settings/logging.level", t, "{\"value\":\"loud\"}")->code, 422);
	EQ_STR(side_str(side_ask("GET", "/api/v1/settings/logging.level", t, NULL), "value"),
	    "warn");
	EQ(side_ask("GET", "/api/v1/settings/none", t, NULL)->code, 404);
	EQ(side_ask("DELETE", "/api/v1/settings/logging.level", t, NULL)->code, 204);
	EQ(side_ask("POST", "/api/v1/identity-mappings", t,
	    "{\"principal\":\"alice@EXAMPLE.COM\",\"username\":\"admin\"}")->code, 201);
	EQ(rest_json_len(side_ask("GET", "/api/v1/identity-mappings", t, NULL)->json), 1);
	EQ(rest_json_len(side_ask("GET", "/api/v1/identity-mappings?provider=x", t, NULL)->json),
	    0);
	struct answer *a = side_ask("DELETE",
	    "/api/v1/identity-mappings/by-provider/kerberos/alice@EXAMPLE.COM", t, NULL);
	EQ_STR(side_str(a, "detail"), "");
	EQ(a->code, 204);
}
