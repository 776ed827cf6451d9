/* fsck against what the remote store lists. */
#include "tests/unit/pipeline/sync/fsck_yard.h"

#include "backends/backends.h"
#include "pipeline/block/mirror.h"
#include "tests/lib/check.h"
#include "tests/unit/backends/block/s3/store.h"

#include <stdio.h>

static struct block_store *
memory(void)
{
	struct block_store_conf conf = { 0 };
	struct block_store *s = NULL;
	char why[200];

	yard_start();			/* before any thread */
	EQ(block_store_open("memory", &conf, &s, why, sizeof why), OK);
	return s;
}

static void
object(const struct yard *y, enum block_call_kind kind, uint64_t fence, uint64_t number,
    enum status want)
{
	char name[BLOCK_NAME_MAX];
	struct waiter w;

	snprintf(name, sizeof name, "01010101010101010101010101010101/c/%016llx-%016llx",
	    (unsigned long long)fence, (unsigned long long)number);
	waiter_init(&w, kind, name);
	if (kind == BLOCK_PUT)
		waiter_body(&w, "object", 6);
	EQ(waiter_run(y->remote, &w), want);
	waiter_drop(&w);
}

static void
end(struct yard *y)
{
	struct block_store *remote = y->remote;

	fy_end(y);
	remote->ops->close(remote);
}

static void gone_here(struct container_row *c) { c->local = false; }

CASE(what_was_brought_over_is_found_there)
{
	struct checked c;
	struct yard y;

	fy_make(&y, memory());
	c = fy_check(&y, false, true);
	EQ_STR(c.words, "");
	TRUE(c.seen.objects > 0);
	EQ(c.seen.objects, c.seen.containers);
	EQ(fy_check(&y, false, false).seen.objects, 0);
	end(&y);
}

CASE(what_is_evicted_is_clean_and_a_row_that_lags_is_work)
{
	uint64_t container;
	struct checked c;
	struct yard y;

	fy_make(&y, memory());
	container = fy_first(&y, TAG_CONTAINER, NULL);
	EQ(mirror_thin(block_mirror(y.share), container), OK);
	c = fy_check(&y, true, true);
	EQ_STR(c.words, "");
	EQ(c.seen.rows_behind, 1);
	fy_container(&y, container, gone_here);
	c = fy_check(&y, true, true);
	EQ_STR(c.words, "");
	EQ(c.seen.rows_behind, 0);
	end(&y);
}

CASE(an_object_that_is_not_there_is_put_again_where_its_file_is_here)
{
	uint64_t container;
	struct yard y;

	fy_make(&y, memory());
	container = fy_first(&y, TAG_CONTAINER, NULL);
	object(&y, BLOCK_DEL, block_fence(y.share), container, OK);
	EQ_STR(fy_check(&y, false, false).words, "");		/* it was not asked */
	EQ_STR(fy_check(&y, false, true).words, "object-missing");
	EQ(fy_check(&y, true, true).seen.mended, 1);
	EQ_STR(fy_check(&y, false, true).words, "");
	end(&y);
}

CASE(an_object_that_is_not_there_nor_here_is_left)
{
	uint64_t container;
	struct yard y;

	fy_make(&y, memory());
	container = fy_first(&y, TAG_CONTAINER, NULL);
	EQ(mirror_thin(block_mirror(y.share), container), OK);
	fy_container(&y, container, gone_here);
	object(&y, BLOCK_DEL, block_fence(y.share), container, OK);
	EQ(fy_check(&y, true, true).seen.left, 1);
	EQ_STR(fy_check(&y, false, true).words, "object-missing");
	end(&y);
}

CASE(an_object_that_no_row_names_goes_where_it_is_ours)
{
	struct yard y;
	uint64_t fence;
	struct checked c;

	fy_make(&y, memory());
	fence = block_fence(y.share);
	object(&y, BLOCK_PUT, fence, 0x900, OK);
	object(&y, BLOCK_PUT, fence + 1, 0x901, OK);
	EQ_STR(fy_check(&y, false, true).words, "object-unnamed,object-unnamed");
	object(&y, BLOCK_HEAD, fence, 0x900, OK);
	c = fy_check(&y, true, true);
	EQ(c.seen.mended, 1);
	EQ(c.seen.left, 1);
	object(&y, BLOCK_HEAD, fence, 0x900, ST_NOENT);
	object(&y, BLOCK_HEAD, fence + 1, 0x901, OK);
	EQ_STR(fy_check(&y, true, true).words, "object-unnamed");
	end(&y);
}
