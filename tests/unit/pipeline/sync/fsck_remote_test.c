/* fsck against what the remote store lists. */
#include "tests/unit/pipeline/sync/fsck_yard.h"

#include "pipeline/block/mirror.h"
#include "tests/lib/check.h"
#include "tests/unit/pipeline/sync/remote_yard.h"

#include <stdio.h>

static void
object(const struct yard *y, enum block_call_kind kind, uint64_t fence, uint64_t number,
    enum status want)
{
	char name[BLOCK_NAME_MAX];

	remote_object(name, fence, number);
	EQ(kind == BLOCK_PUT ? remote_put(y->remote, name, "object", 6) :
	    remote_ask(y->remote, kind, name), want);
}

static void gone_here(struct container_row *c) { c->local = false; }

CASE(what_was_brought_over_is_found_there)
{
	struct checked c;
	struct yard y;

	fy_make(&y, remote_memory());
	c = fy_check(&y, false, true);
	EQ_STR(c.words, "");
	TRUE(c.seen.objects > 0);
	EQ(c.seen.objects, c.seen.containers);
	EQ(fy_check(&y, false, false).seen.objects, 0);
	remote_end(&y);
}

CASE(what_is_evicted_is_clean_and_a_row_that_lags_is_work)
{
	uint64_t container;
	struct checked c;
	struct yard y;

	fy_make(&y, remote_memory());
	container = fy_first(&y, TAG_CONTAINER, NULL);
	EQ(mirror_thin(block_mirror(y.share), container), OK);
	c = fy_check(&y, true, true);
	EQ_STR(c.words, "");
	EQ(c.seen.rows_behind, 1);
	fy_container(&y, container, gone_here);
	c = fy_check(&y, true, true);
	EQ_STR(c.words, "");
	EQ(c.seen.rows_behind, 0);
	remote_end(&y);
}

CASE(an_object_that_is_not_there_is_put_again_where_its_file_is_here)
{
	uint64_t container;
	struct yard y;

	fy_make(&y, remote_memory());
	container = fy_first(&y, TAG_CONTAINER, NULL);
	object(&y, BLOCK_DEL, block_fence(y.share), container, OK);
	EQ_STR(fy_check(&y, false, false).words, "");		/* it was not asked */
	EQ_STR(fy_check(&y, false, true).words, "object-missing");
	EQ(fy_check(&y, true, true).seen.mended, 1);
	EQ_STR(fy_check(&y, false, true).words, "");
	remote_end(&y);
}

CASE(an_object_that_is_not_there_nor_here_is_left)
{
	uint64_t container;
	struct yard y;

	fy_make(&y, remote_memory());
	container = fy_first(&y, TAG_CONTAINER, NULL);
	EQ(mirror_thin(block_mirror(y.share), container), OK);
	fy_container(&y, container, gone_here);
	object(&y, BLOCK_DEL, block_fence(y.share), container, OK);
	EQ(fy_check(&y, true, true).seen.left, 1);
	EQ_STR(fy_check(&y, false, true).words, "object-missing");
	remote_end(&y);
}

CASE(an_object_that_no_row_names_goes_where_it_is_ours)
{
	struct yard y;
	uint64_t fence;
	struct checked c;

	fy_make(&y, remote_memory());
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
	remote_end(&y);
}
