/*
 * Carve, reaper and checkpoint end to end: written, carved, read back, overwritten, truncated,
 * removed; counts are recounted, and at the end nothing is left.
 */
#include "tests/unit/pipeline/sync/yard.h"

#include "crypto/aead.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/fault.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/rand.h"
#include "pipeline/base/thread.h"
#include "pipeline/block/index.h"
#include "pipeline/block/mirror.h"
#include "pipeline/record/key.h"
#include "tests/lib/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct {
	const char *kind;
	uint8_t aead, level;
} kinds[] = { { "memory", 0, 0 }, { "leveldb", 0, 1 }, { "leveldb", AEAD_AES_256_GCM, 1 } };

static uint64_t
below(uint64_t n)
{
	return rand_u64() % n;
}

static void
write_noise(struct yard *y, uint64_t content, uint64_t offset, uint32_t len)
{
	uint8_t *bytes = xmalloc(len);

	rand_bytes(bytes, len);
	yard_write(y, content, offset, bytes, len);
	free(bytes);
}

static void
nothing_left(struct yard *y)
{
	struct tally t;

	for (uint64_t c = 1; c <= YARD_CONTENTS; c++)
		yard_remove(y, c);
	yard_drain(y);
	t = yard_recount(y);
	EQ(t.wrong, 0);
	EQ(t.maps + t.leaves + t.chunks + t.containers + t.counts + t.reaps + t.files, 0);
	EQ(index_places(block_index(y->share)), 0);
}

CASE(written_carved_read_back)
{
	for (unsigned k = 0; k < ARRAY_LEN(kinds); k++) {
		struct block_usage u;
		struct tally t;
		struct yard y;

		yard_start();
		yard_make_as(&y, kinds[k].kind, kinds[k].aead, kinds[k].level);
		write_noise(&y, 1, 0, 1 << 20);
		write_noise(&y, 1, 10 << 20, 100000);	/* another window, a hole before it */
		write_noise(&y, 2, 5, 1);
		yard_compare(&y, 1);
		yard_drain(&y);
		block_usage_read(y.share, &u);
		EQ(u.dirty_bytes, 0);
		EQ(u.places, 0);
		t = yard_recount(&y);
		EQ(t.wrong, 0);
		EQ(t.maps, 3);
		TRUE(t.chunks >= 4 + 1 + 1 && t.chunks <= 64 + 7 + 1);
		TRUE(t.containers >= 1);	/* age may have carved a part already */
		yard_compare(&y, 1);
		yard_compare(&y, 2);
		nothing_left(&y);
		yard_close(&y);
		yard_end(&y);
	}
}

/* Windows are prepared ahead, large and small, of several contents, each of which looks like the
 * one before it; and again, over what the first time has left. */
CASE(windows_in_line_come_out_in_order_and_know_each_others_chunks)
{
	enum { WINDOWS = 3 };
	static const uint32_t lens[] = { 700000, 300000, 5000 };
	uint8_t *bytes = xmalloc(lens[0]);
	struct tally t, again;
	struct yard y;

	yard_start();
	yard_make_as(&y, "memory", AEAD_AES_256_GCM, 1);
	rand_bytes(bytes, lens[0]);
	for (int round = 0; round < 2; round++) {
		for (uint32_t w = 0; w < WINDOWS; w++)
			for (uint32_t c = 0; c < YARD_CONTENTS; c++)
				yard_write(&y, 1 + c, w * (uint64_t)MAP_WINDOW + 4096, bytes,
				    lens[(c + w) % 3]);
		yard_write(&y, 2, 2 * (uint64_t)MAP_WINDOW, "other", 5);
		if (round == 1)
			yard_hole(&y, 1, MAP_WINDOW, 2 * (uint64_t)MAP_WINDOW);
		yard_drain(&y);
		t = round == 0 ? yard_recount(&y) : t;
	}
	again = yard_recount(&y);
	EQ(t.wrong + again.wrong, 0);
	EQ(t.maps, YARD_CONTENTS * WINDOWS);
	EQ(again.maps, YARD_CONTENTS * WINDOWS - 1);
	TRUE(t.chunks < 2 * (lens[0] >> 14));	/* those of one, not of all */
	for (uint32_t c = 0; c < YARD_CONTENTS; c++)
		yard_compare(&y, 1 + c);
	nothing_left(&y);
	yard_close(&y);
	yard_end(&y);
	free(bytes);
}

CASE(equal_chunks_are_stored_once_and_counted)
{
	uint8_t *bytes = xmalloc(1 << 20);
	uint64_t chunks;
	struct tally t;
	struct yard y;

	yard_start();
	yard_make(&y, "memory");
	for (uint32_t i = 0; i < 1 << 16; i++)	/* the same cuts each time */
		bytes[i] = (uint8_t)hash_u64(i);
	for (int i = 1; i < 16; i++)
		memcpy(bytes + (i << 16), bytes, 1 << 16);
	yard_write(&y, 1, 0, bytes, 1 << 20);
	yard_drain(&y);
	t = yard_recount(&y);
	chunks = t.chunks;
	TRUE(chunks < 8);		/* not 16: it repeats itself */
	EQ(t.wrong, 0);
	yard_write(&y, 2, 12345, bytes, 1 << 20);
	yard_drain(&y);
	t = yard_recount(&y);
	EQ(t.chunks, chunks);
	EQ(t.containers, 1);		/* they were known the second time */
	EQ(t.wrong, 0);
	yard_remove(&y, 1);
	yard_drain(&y);
	t = yard_recount(&y);
	EQ(t.chunks, chunks);
	EQ(t.files, 1);
	EQ(t.wrong, 0);
	yard_compare(&y, 2);
	nothing_left(&y);
	yard_close(&y);
	yard_end(&y);
	free(bytes);
}

/* Two contents of more than a container each, equal but for their last bytes: the second is carved
 * while containers with the first's chunks are on their way. */
static void
write_twins(struct yard *y)
{
	enum { PART = 1 << 20 };
	uint8_t *bytes = xmalloc(PART);

	for (uint64_t at = 0; at + PART <= YARD_SPAN; at += PART) {
		for (uint32_t i = 0; i < PART; i += 8)
			put_le64(bytes + i, hash_u64(at + i));
		yard_write(y, 1, at, bytes, PART);
		yard_write(y, 2, at, bytes, PART);
	}
	free(bytes);
}

static void
compare_twins(struct yard *y)
{
	struct tally t;

	yard_drain(y);
	t = yard_recount(y);
	EQ(t.wrong, 0);
	EQ(t.files, t.containers);
	TRUE(mirror_bytes(block_mirror(y->share)) < YARD_SPAN + YARD_SPAN / 16);	/* once */
	yard_compare(y, 1);
	yard_compare(y, 2);
}

CASE(chunks_on_their_way_to_the_disk_are_known)
{
	static const uint8_t ways[][2] = { { 0, 0 }, { 1, 1 } };
	struct yard y;

	yard_start();
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		yard_make_as(&y, "memory", ways[i][0], ways[i][1]);
		write_twins(&y);
		compare_twins(&y);
		nothing_left(&y);
		yard_close(&y);
		yard_end(&y);
	}
}

static void
random_step(struct yard *y)
{
	uint64_t c = 1 + below(YARD_CONTENTS), size = y->size[c - 1];
	uint64_t kind = below(20);

	if (kind == 0 && size > 0) {
		yard_truncate(y, c, below(size + 1));
	} else if (kind == 1 && size > 1) {
		uint64_t from = below(size), to = from + 1 + below(size - from);

		yard_hole(y, c, from, to);
	} else if (kind == 2) {
		size += below(1 << 20);
		yard_truncate(y, c, MIN(size, (uint64_t)YARD_SPAN));
	} else if (kind == 3) {
		uint64_t at = below(YARD_SPAN - (1 << 20));

		write_noise(y, c, at, 1 + (uint32_t)below(1 << 20));
	} else {
		uint64_t at = below(MIN(size + 100000, (uint64_t)YARD_SPAN - 70000));

		write_noise(y, c, at, 1 + (uint32_t)below(kind < 12 ? 300 : 70000));
	}
}

CASE(random_changes_against_the_oracle_with_errands_running)
{
	for (unsigned k = 0; k < ARRAY_LEN(kinds); k++) {
		struct yard y;

		yard_start();
		yard_make_as(&y, kinds[k].kind, kinds[k].aead, kinds[k].level);
		for (int round = 0; round < 12; round++) {
			for (int i = 0; i < 60; i++)
				random_step(&y);
			yard_compare(&y, 1 + below(YARD_CONTENTS));
			if (round % 3 == 2) {
				yard_drain(&y);
				EQ(yard_recount(&y).wrong, 0);
			}
		}
		for (uint64_t c = 1; c <= YARD_CONTENTS; c++)
			yard_compare(&y, c);
		nothing_left(&y);
		yard_close(&y);
		yard_end(&y);
	}
}

CASE(what_is_carved_and_what_is_not_is_there_after_reopening)
{
	struct yard y;

	yard_start();
	yard_make(&y, "leveldb");
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < 40; i++)
			random_step(&y);
		if (round % 2 == 0)
			yard_drain(&y);
		for (int i = 0; i < 10; i++)
			random_step(&y);
		yard_close(&y);
		yard_open(&y, false);
		for (uint64_t c = 1; c <= YARD_CONTENTS; c++)
			yard_compare(&y, c);
	}
	nothing_left(&y);
	yard_close(&y);
	yard_end(&y);
}

CASE(a_truncated_file_does_not_come_back)
{
	struct yard y;

	yard_start();
	yard_make(&y, "leveldb");
	write_noise(&y, 1, 0, 1 << 20);
	write_noise(&y, 1, 9 << 20, 1 << 20);
	write_noise(&y, 1, 17 << 20, 1 << 20);
	yard_drain(&y);
	yard_truncate(&y, 1, 100);
	yard_truncate(&y, 1, 18 << 20);
	yard_compare(&y, 1);
	yard_close(&y);
	yard_open(&y, false);
	yard_compare(&y, 1);
	yard_drain(&y);
	yard_compare(&y, 1);
	EQ(yard_recount(&y).maps, 1);
	nothing_left(&y);
	yard_close(&y);
	yard_end(&y);
}

CASE(a_file_that_no_row_names_is_swept)
{
	char path[600];
	struct yard y;

	yard_start();
	yard_make(&y, "leveldb");
	write_noise(&y, 1, 0, 100000);
	yard_drain(&y);
	yard_close(&y);
	snprintf(path, sizeof path, "%s/containers/%016llx.dfc", y.dir, 0x123456ull);
	close(open(path, O_WRONLY | O_CREAT, 0600));
	yard_open(&y, false);
	yard_drain(&y);
	EQ(access(path, F_OK), -1);
	EQ(yard_recount(&y).wrong, 0);
	yard_compare(&y, 1);
	nothing_left(&y);
	yard_close(&y);
	yard_end(&y);
}

CASE(old_data_is_carved_without_being_asked)
{
	struct yard y;
	uint64_t until;

	yard_start();
	yard_make(&y, "memory");
	write_noise(&y, 1, 0, 200000);
	until = clock_mono_ns() + 10 * NS_PER_S;
	while (index_places(block_index(y.share)) > 0 && clock_mono_ns() < until)
		usleep(20000);
	EQ(index_places(block_index(y.share)), 0);
	yard_compare(&y, 1);
	nothing_left(&y);
	yard_close(&y);
	yard_end(&y);
}

CASE(more_than_the_journal_holds_goes_through_it)
{
	struct yard y;

	yard_start();
	yard_make(&y, "leveldb");
	for (int i = 0; i < 136; i++)		/* 136 MiB through a journal of 64 */
		write_noise(&y, 1 + (uint64_t)i % 2, ((uint64_t)i / 2 % 19) << 20, 1 << 20);
	yard_drain(&y);
	yard_compare(&y, 1);
	yard_compare(&y, 2);
	EQ(yard_recount(&y).wrong, 0);
	nothing_left(&y);
	yard_close(&y);
	yard_end(&y);
}

CASE(a_log_full_of_what_was_overwritten_is_emptied_though_nothing_is_old)
{
	struct sync_conf usual = { .apply_ms = 100, .carve_age_ms = 200, .carve_at_percent = 25 };
	struct sync_conf never = { .apply_ms = 100,
		.carve_age_ms = 3600000,
		.carve_at_percent = 25 };
	struct yard y;

	yard_start();
	sync_start(&never);
	yard_make(&y, "leveldb");
	write_noise(&y, 2, 0, 4096);		/* no segment goes before the one of this */
	for (int i = 0; i < 200; i++)		/* 160 MiB have room; one is live */
		write_noise(&y, 1, 0, 1 << 20);
	yard_compare(&y, 1);
	yard_compare(&y, 2);
	yard_close(&y);
	yard_end(&y);
	sync_start(&usual);
}

/* --- readers beside it all --- */

enum { PAGES = 600, PAGE = 4096, READERS = 2, ROUNDS = 3000 };

static struct yard *shared;
static _Atomic uint32_t committed[PAGES];
static _Atomic bool over;
static _Atomic uint64_t torn, reads;

static void
page_reader(void *arg)
{
	uint8_t *to = xmalloc(PAGE);

	(void)arg;
	while (!over) {
		uint64_t page = below(PAGES), first;
		uint32_t least = committed[page];
		enum status st = yard_read(shared, 1, page * 20000, PAGE, to);

		memcpy(&first, to, 8);
		torn += st != OK || (uint32_t)first < least;
		for (uint32_t i = 8; i < PAGE; i += 8)
			torn += memcmp(to + i, &first, 8) != 0;
		reads++;
	}
	free(to);
}

CASE(readers_see_whole_pages_and_never_an_older_one)
{
	struct thread t[READERS];
	uint64_t words[PAGE / 8];
	struct yard y;

	yard_start();
	yard_make(&y, "leveldb");
	shared = &y;
	for (int i = 0; i < READERS; i++)
		thread_start(&t[i], "reader", 0, page_reader, NULL);
	for (uint32_t n = 1; n <= ROUNDS; n++) {
		uint64_t page = below(PAGES);

		for (int i = 0; i < PAGE / 8; i++)
			words[i] = n;
		yard_write(&y, 1, page * 20000, words, PAGE);
		committed[page] = n;
		if (n % 1000 == 0)
			yard_drain(&y);
	}
	over = true;
	for (int i = 0; i < READERS; i++)
		thread_join(&t[i]);
	EQ(torn, 0);
	TRUE(reads > 100);
	yard_drain(&y);
	EQ(yard_recount(&y).wrong, 0);
	nothing_left(&y);
	yard_close(&y);
	yard_end(&y);
}

#ifdef HOUSE_FAULTS
CASE(a_container_that_cannot_be_synced_costs_nothing)
{
	struct yard y;
	struct tally t;

	yard_start();
	yard_make(&y, "memory");
	write_noise(&y, 1, 0, 300000);
	fault_arm("container.sync", 1);
	(void)!sync_drain_share(y.share);
	fault_arm("container.folder", 1);
	write_noise(&y, 2, 0, 300000);
	(void)!sync_drain_share(y.share);
	fault_arm(NULL, 0);
	yard_compare(&y, 1);
	yard_drain(&y);
	t = yard_recount(&y);
	EQ(t.wrong, 0);
	TRUE(t.chunks >= 4 && t.chunks <= 40);
	yard_compare(&y, 1);
	yard_compare(&y, 2);
	nothing_left(&y);
	yard_close(&y);
	yard_end(&y);
}

/* What was filled meanwhile cites what did not arrive. */
CASE(what_follows_a_container_that_failed_stays_dirty_too)
{
	struct yard y;

	yard_start();
	for (uint64_t nth = 1; nth <= 2; nth++) {
		yard_make(&y, "memory");
		fault_arm("container.sync", nth);
		write_twins(&y);
		(void)!sync_drain_share(y.share);
		TRUE(fault_fired() != NULL);
		fault_arm(NULL, 0);
		yard_compare(&y, 1);
		compare_twins(&y);
		nothing_left(&y);
		yard_close(&y);
		yard_end(&y);
	}
}
#endif
