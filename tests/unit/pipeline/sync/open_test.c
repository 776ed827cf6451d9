/*
 * A share's errands may be due the moment it opens, after a crash they always are: opening and
 * they must not get into each other's way; and it closes, whatever became of its data.
 */
#include "tests/unit/pipeline/sync/yard.h"

#include "pipeline/base/clock.h"
#include "pipeline/record/catalog.h"
#include "pipeline/record/key.h"
#include "tests/lib/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { OPENINGS = 300, WAITS = 2000, SPOILED = 2 << 20,
	ROW_BYTES = 16 << 10, MANY_RECORDS = 4 << 20, FEW_RECORDS = 2 << 20 };

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

/* A row of that many bytes, by an entry that no request brings. */
static void
put_row(struct yard *y, uint64_t n, struct slice body)
{
	struct key key = key_link(1, 1, n);
	struct txn *t;
	lsn_t lsn;

	while ((t = txn_new()) == NULL)
		usleep(1000);
	txn_put(t, key_slice(&key), body, NULL);
	EQ(block_reserve(y->share, t), OK);
	block_commit(y->share, t, &lsn);
}

/* No more than so many bytes wait to be applied, soon. */
static void
applied_to(struct yard *y, uint64_t bytes)
{
	for (int i = 0; i < WAITS && catalog_unapplied_bytes(y->share->catalog) > bytes; i++)
		usleep(1000);
	TRUE(catalog_unapplied_bytes(y->share->catalog) <= bytes);
}

CASE(many_records_are_applied_before_their_time_though_no_request_comes_down)
{
	const struct sync_conf late = { .apply_ms = 600000, .carve_age_ms = 600000,
		.carve_at_percent = 25 };
	const struct sync_conf usual = { .apply_ms = 100, .carve_age_ms = 200,
		.carve_at_percent = 25 };
	static uint8_t bytes[ROW_BYTES];
	struct yard y;

	yard_start();
	sync_start(&late);
	yard_make(&y, "memory");
	put_row(&y, 0, slice_of(bytes, sizeof bytes));
	applied_to(&y, 0);		/* the first ever is due at once */
	for (uint64_t n = 1; n <= MANY_RECORDS / ROW_BYTES; n++)
		put_row(&y, n, slice_of(bytes, sizeof bytes));
	applied_to(&y, FEW_RECORDS);
	yard_close(&y);
	yard_end(&y);
	sync_start(&usual);
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
