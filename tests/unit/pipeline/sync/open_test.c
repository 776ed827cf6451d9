/*
 * A share's errands may be due the moment it opens, after a crash they always are: opening and
 * they must not get into each other's way.
 */
#include "tests/unit/pipeline/sync/yard.h"

#include "pipeline/record/catalog.h"
#include "tests/lib/check.h"

#include <unistd.h>

enum { OPENINGS = 300, WAITS = 2000 };

/* A record that waits to be applied, and bytes that wait to be carved. */
static void
leave_work(struct yard *y, int i)
{
	uint8_t bytes[512];

	memset(bytes, i, sizeof bytes);
	yard_write(y, 1, (uint64_t)i * sizeof bytes, bytes, sizeof bytes);
}

CASE(what_is_due_at_opening_is_done_and_opening_ends)
{
	struct yard y;

	yard_start();
	yard_make(&y, "memory");
	for (int i = 0; i < OPENINGS; i++) {
		EQ(sync_close_share(y.share), OK);
		leave_work(&y, i);
		sync_open_share(y.share);
		for (int n = 0; n < WAITS && catalog_unapplied_bytes(y.share->catalog) > 0; n++)
			usleep(1000);
		EQ(catalog_unapplied_bytes(y.share->catalog), 0);
	}
	yard_drain(&y);
	yard_compare(&y, 1);
	EQ(yard_recount(&y).wrong, 0);
	yard_close(&y);
	yard_end(&y);
}
