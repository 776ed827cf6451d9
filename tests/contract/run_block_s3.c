/*
 * The suite over a bucket, where the environment names one: S3_ENDPOINT, S3_REGION, S3_ACCESS_KEY,
 * S3_SECRET_KEY, S3_BUCKET, which must be there, and S3_CA where TLS needs it.  with_server.sh and
 * with_radosgw.sh of tests/s3 make one.
 */
#include "backends/backends.h"
#include "pipeline/base/rand.h"
#include "tests/contract/block_suite.h"
#include "tests/lib/check.h"

#include <stdio.h>
#include <stdlib.h>

static const char *
setting(const char *name)
{
	const char *value = getenv(name);

	if (value == NULL)
		check_skip("%s is not set", name);
	return value;
}

static struct block_store *
open_s3(const char *place)
{
	static char run[32];
	char prefix[80], why[200];
	struct block_store *s = NULL;

	if (run[0] == '\0')
		snprintf(run, sizeof run, "run-%016llx", (unsigned long long)rand_u64());
	snprintf(prefix, sizeof prefix, "%s/%s", run, place);
	const struct backends_pair option[] = {	/* the large bodies of the suite go in parts */
		{ "part_size", "5MiB" }, { "multipart_above", "8MiB" },
		{ "endpoint", setting("S3_ENDPOINT") }, { "region", setting("S3_REGION") },
		{ "bucket", setting("S3_BUCKET") }, { "prefix", prefix }, { "server", "ceph" },
		{ "access_key_id", setting("S3_ACCESS_KEY") },
		{ "secret_access_key", setting("S3_SECRET_KEY") },
		{ "ca_file", getenv("S3_CA") },
	};
	const struct block_store_conf conf = { option,
	    ARRAY_LEN(option) - (getenv("S3_CA") == NULL) };

	if (block_store_open("s3", &conf, &s, why, sizeof why) != OK)
		check_fail(__FILE__, __LINE__, "%s", why);
	return s;
}

const struct block_factory block_factory = { .durable = true, .conditional = true, .many = 1100,
	.open = open_s3 };
