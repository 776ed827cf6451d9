/* Remote stores and what a share's blocks do, over REST. */
#include "tests/lib/check.h"
#include "tests/unit/mgmt/rest/side.h"

#include <stdio.h>
#include <string.h>

static const char *
admin(void)
{
	side_start(SIDE_ADMIN_PASSWORD);
	return side_login("admin", SIDE_ADMIN_PASSWORD, NULL);
}

CASE(a_share_is_given_its_remote_store_with_the_secret_opened)
{
	const char *t = admin();
	struct answer *a;

	EQ(side_ask("POST", "/api/v1/store/block/remote", t,
	       "{\"name\":\"far\",\"type\":\"s3\",\"config\":"
	       "{\"bucket\":\"b\",\"force_path_style\":true,\"connections\":9,\"parallel_uploads\":"
	       "3,\"access_key_id\":\"\",\"secret_access_key\":\"hu\\u00e4sh\"}}")->code, 201);
	EQ(side_code("POST", "/api/v1/store/metadata", t, "{\"name\":\"m\",\"type\":\"leveldb\"}"),
	    201);
	EQ(side_code("POST", "/api/v1/store/block/local", t, "{\"name\":\"l\",\"type\":\"fs\"}"),
	    201);
	EQ(side_ask("POST", "/api/v1/shares", t, "{\"name\":\"/far\",\"metadata_store\":\"m\","
	    "\"local_block_store\":\"l\",\"remote_block_store\":\"none\"}")->code, 422);
	a = side_ask("POST", "/api/v1/shares", t, "{\"name\":\"/far\",\"metadata_store\":\"m\","
	    "\"local_block_store\":\"l\",\"remote_block_store\":\"far\"}");
	EQ(a->code, 201);
	EQ_STR(rest_json_get_str(a->json, "remote_block_store"), "far");
	EQ_STR(side.remote,
	    "bucket=b;force_path_style=true;connections=9;secret_access_key=hu\xc3\xa4sh;");
	EQ(side_code("PUT", "/api/v1/store/block/remote/far", t, "{\"config\":{\"bucket\":\"c\"}}"),
	    409);
	EQ(side_ask("DELETE", "/api/v1/store/block/remote/far", t, NULL)->code, 409);
	EQ(side_ask("POST", "/api/v1/store/block/remote", t,
	       "{\"name\":\"ram\",\"type\":\"memory\"}")->code, 201);
	EQ(side_ask("POST", "/api/v1/shares", t, "{\"name\":\"/ram\",\"metadata_store\":\"m\","
	    "\"local_block_store\":\"l\",\"remote_block_store\":\"ram\"}")->code, 422);
}

static const char *
share_as(const char *t, const char *name, const char *more)
{
	static struct answer *a;
	char body[400];

	snprintf(body, sizeof body,
	    "{\"name\":\"%s\",\"metadata_store\":\"m\",\"local_block_store\":\"l\","
	    "\"remote_block_store\":\"far\"%s}",
	    name, more);
	a = side_ask("POST", "/api/v1/shares", t, body);
	return a->code == 201 ? rest_json_get_str(a->json, "encryption") : "refused";
}

CASE(a_share_is_sealed_as_its_store_says_or_better)
{
	const char *t = admin();

	EQ(side_ask("POST", "/api/v1/store/block/remote", t,
	       "{\"name\":\"far\",\"type\":\"fs\",\"config\":"
	       "{\"path\":\"/x\",\"encryption\":\"rot13\"}}")->code, 422);
	EQ(side_ask("POST", "/api/v1/store/block/remote", t,
	       "{\"name\":\"far\",\"type\":\"fs\",\"config\":"
	       "{\"path\":\"/x\",\"encryption_key_file\":\"/k\",\"encryption_passphrase_file\":\"/"
	       "p\"}}")->code, 422);
	EQ(side_ask("POST", "/api/v1/store/block/remote", t,
	       "{\"name\":\"far\",\"type\":\"fs\",\"config\":"
	       "{\"path\":\"/x\",\"encryption\":\"aes-256-gcm\",\"compression\":\"zstd\","
	       "\"encryption_key_file\":\"/k\"}}")->code, 201);
	EQ(side_code("POST", "/api/v1/store/metadata", t, "{\"name\":\"m\",\"type\":\"leveldb\"}"),
	    201);
	EQ(side_code("POST", "/api/v1/store/block/local", t, "{\"name\":\"l\",\"type\":\"fs\"}"),
	    201);
	EQ_STR(share_as(t, "/a", ""), "aes-256-gcm");
	EQ_STR(side.remote, "path=/x;");	/* the keeper hears of its own options alone */
	EQ_STR(side_str(side_ask("GET", "/api/v1/shares/a", t, NULL), "compression"), "zstd");
	EQ_STR(share_as(t, "/b", ",\"encryption\":\"none\""), "refused");
	EQ_STR(share_as(t, "/b", ",\"encryption\":\"chacha20-poly1305\",\"compression\":\"none\""),
	    "chacha20-poly1305");
	EQ_STR(side_str(side_ask("GET", "/api/v1/shares/b", t, NULL), "compression"), "none");
}

CASE(what_blocks_do_is_told_and_a_drain_asks_all_shares)
{
	const char *t = admin();
	struct answer *a;

	EQ(side_ask("GET", "/api/v1/shares/far/blockstore/stats", t, NULL)->code, 404);
	EQ(side_code("POST", "/api/v1/store/metadata", t, "{\"name\":\"m\",\"type\":\"leveldb\"}"),
	    201);
	EQ(side_code("POST", "/api/v1/store/block/local", t, "{\"name\":\"l\",\"type\":\"fs\"}"),
	    201);
	EQ(side_ask("POST", "/api/v1/shares", t, "{\"name\":\"/far\",\"metadata_store\":\"m\","
	    "\"local_block_store\":\"l\"}")->code, 201);
	a = side_ask("POST", "/api/v1/shares/far/blockstore/compact", t, NULL);
	EQ(a->code, 202);
	EQ_STR(side_str(a, "state"), "asked");
	FALSE(rest_json_kind(rest_json_get(a->json, "old_keys")) == REST_TRUE);
	a = side_ask("POST", "/api/v1/shares/far/rotate-containers", t, NULL);
	EQ(a->code, 202);
	TRUE(rest_json_kind(rest_json_get(a->json, "old_keys")) == REST_TRUE);
	a = side_ask("GET", "/api/v1/shares/far/blockstore/compaction", t, NULL);
	EQ(a->code, 200);
	EQ_STR(side_str(a, "state"), "running");
	EQ(side_int(a, "percent"), 50);
	EQ(side_int(a, "containers_emptied"), 3);
	EQ(side_int(a, "containers_left"), 2);
	EQ_STR(side_str(a, "waits_for"), "room on the disk");
	a = side_ask("GET", "/api/v1/shares/far/blockstore/stats", t, NULL);
	EQ(a->code, 200);
	EQ(rest_json_int(rest_json_get(a->json, "pending_uploads")), 3);
	EQ(rest_json_int(rest_json_get(a->json, "outage_duration_seconds")), 5);
	EQ_STR(rest_json_get_str(a->json, "last_error"), "peer not reachable");
	a = side_ask("POST", "/api/v1/system/drain-uploads", t, NULL);
	EQ(a->code, 200);
	EQ(rest_json_kind(rest_json_get(a->json, "drained")), REST_FALSE);
	EQ(rest_json_int(rest_json_get(a->json, "pending_bytes")), 77);
	EQ(rest_json_len(rest_json_get(a->json, "shares")), 1);
	EQ(side_ask("POST", "/api/v1/shares/far/disable", t, NULL)->code, 200);
	EQ(side_ask("POST", "/api/v1/shares/far/blockstore/compact", t, NULL)->code, 409);
	EQ(side_ask("GET", "/api/v1/shares/far/blockstore/stats", t, NULL)->code, 409);
}

CASE(a_remote_store_is_looked_at)
{
	const struct rest_json *get;
	const char *t = admin();
	struct answer *a;

	EQ(side_ask("POST", "/api/v1/store/block/remote", t,
	    "{\"name\":\"away\",\"type\":\"fs\",\"config\":{\"path\":\"/x\"}}")->code, 201);
	EQ(side_ask("POST", "/api/v1/store/block/remote", t,
	    "{\"name\":\"near\",\"type\":\"fs\",\"config\":{\"path\":\"/y\"}}")->code, 201);
	EQ(side_ask("POST", "/api/v1/store/block/remote", t,
	    "{\"name\":\"none\",\"type\":\"fs\",\"config\":{}}")->code, 422);
	a = side_ask("GET", "/api/v1/store/block/remote/away/health", t, NULL);
	EQ(a->code, 200);
	EQ(rest_json_kind(rest_json_get(a->json, "healthy")), REST_FALSE);
	EQ_STR(rest_json_get_str(a->json, "details"), "peer not reachable");
	a = side_ask("POST", "/api/v1/store/block/remote/near/doctor", t, NULL);
	EQ(rest_json_kind(rest_json_get(a->json, "healthy")), REST_TRUE);
	EQ(rest_json_len(rest_json_get(a->json, "checks")), 2);
	EQ_STR(rest_json_get_str(rest_json_at(rest_json_get(a->json, "checks"), 1), "finding"),
	    "missing");
	EQ(side_ask("GET", "/api/v1/store/block/remote/nobody/health", t, NULL)->code, 404);
	a = side_ask("GET", "/api/v1/store/block/remote/away/stats", t, NULL);
	EQ(rest_json_kind(rest_json_get(a->json, "open")), REST_FALSE);
	a = side_ask("GET", "/api/v1/store/block/remote/near/stats", t, NULL);
	EQ(side_int(a, "shares"), 2);
	EQ(side_int(a, "retries"), 4);
	get = rest_json_at(rest_json_get(a->json, "calls"), 1);
	EQ_STR(rest_json_get_str(get, "call"), "get");
	EQ(rest_json_int(rest_json_get(get, "failures")), 1);
	EQ(rest_json_int(rest_json_get(get, "bytes")), 12345);
	EQ(rest_json_int(rest_json_get(get, "mean_ms")), 7);
	EQ(rest_json_int(rest_json_get(get, "p50_ms")), 10);
	EQ(rest_json_kind(rest_json_get(get, "p99_ms")), REST_NULL);
	EQ(side_ask("GET", "/api/v1/store/block/remote/nobody/stats", t, NULL)->code, 404);
}
