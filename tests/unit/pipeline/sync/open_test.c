/*
 * A share's errands may be due the moment it opens, after a crash they always are: opening and
 * they must not get into each other's way; and it closes, whatever became of its data.
 */
#include "tests/unit/pipeline/sync/yard.h"

#include "pipeline/base/clock.h"
#include "pipeline/record/catalog.h"
#include "tests/lib/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { OPENINGS = 300, WAITS = 2000, SPOILED = 2 << 20 };

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

/* All that the journal's files hold from their third block on becomes something else. */
static void
spoil_journal(const struct yard *y)
{
	static uint8_t garbage[1 << 16];
	char path[600];

	memset(garbage, 0xa5, sizeof garbage);
	for (int n = 1; n < 10; n++) {
		int fd;

		snprintf(path, sizeof path, "%s/journal/seg-%d", y->dir, n);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		for (off_t at = 8192; at < SPOILED; at += (off_t)sizeof garbage)
			EQ(pwrite(fd, garbage, sizeof garbage, at), sizeof garbage);
		close(fd);
	}
}

CASE(closing_ends_though_data_is_damaged)
{
	uint8_t *bytes = xcalloc(1, 1 << 20);
	uint64_t begin;
	struct yard y;

	yard_start();
	yard_make(&y, "memory");
	for (int i = 0; i < 1 << 20; i++)
		bytes[i] = (uint8_t)(i * 7 >> 3);
	yard_write(&y, 1, 0, bytes, 1 << 20);
	EQ(block_wait(y.share, 1), OK);
	usleep(50000);			/* all is in the file, nothing is carved yet */
	spoil_journal(&y);
	usleep(600000);			/* carve meets it, more than once */
	EQ(yard_read(&y, 1, 0, 1 << 20, bytes), ST_CORRUPT);
	begin = clock_mono_ns();
	yard_close(&y);
	TRUE(clock_mono_ns() - begin < 5 * NS_PER_S);
	yard_end(&y);
	free(bytes);
}
