/* What is not here any more is read from the remote store, verified, and kept. */
#include "backends/block/flaky/flaky.h"
#include "pipeline/base/meter.h"
#include "pipeline/base/rand.h"
#include "pipeline/block/mirror.h"
#include "tests/lib/check.h"
#include "tests/unit/backends/block/s3/store.h"
#include "tests/unit/pipeline/sync/cold_yard.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

CASE(all_is_read_back_from_the_remote_and_the_second_time_from_here)
{
	struct block_flaky_seen first, second;
	struct yard y;

	cold_make(&y, &(struct block_flaky_conf){ .seed = 3 });
	yard_compare(&y, 1);
	block_flaky_look(y.remote, &first);
	yard_compare(&y, 1);
	block_flaky_look(y.remote, &second);
	EQ(second.calls, first.calls);
	EQ(yard_recount(&y).wrong, 0);
	remote_end(&y);
}

CASE(reading_on_asks_for_more_at_once)
{
	struct block_flaky_seen before, after;
	struct yard y;

	cold_make(&y, &(struct block_flaky_conf){ .seed = 3 });
	block_flaky_look(y.remote, &before);
	yard_compare(&y, 1);
	block_flaky_look(y.remote, &after);
	TRUE(after.calls - before.calls < 40);	/* of some 270 units */
	remote_end(&y);
}

CASE(a_small_read_fetches_little)
{
	int64_t before;
	uint8_t to[4096];
	struct yard y;

	cold_make(&y, &(struct block_flaky_conf){ .seed = 3 });
	before = meter_value(METER_COLD_BYTES);
	EQ(yard_read(&y, 1, 9 << 20, sizeof to, to), OK);
	EQ_MEM(to, y.oracle[0] + (9 << 20), sizeof to);
	TRUE(meter_value(METER_COLD_BYTES) - before < 400 << 10);
	remote_end(&y);
}

CASE(flipped_and_cut_bytes_are_never_data)
{
	struct block_flaky_seen seen;
	uint8_t *to = xmalloc(65536);
	int good = 0;
	struct yard y;

	cold_make(&y, &(struct block_flaky_conf){ .seed = 3, .cut = 20, .flip = 40 });
	for (int i = 0; i < 200; i++) {
		uint64_t at = rand_u64() % (PIECES * PIECE - 65536);

		if (yard_read(&y, 1, at, 65536, to) != OK)
			continue;
		EQ_MEM(to, y.oracle[0] + at, 65536);
		good++;
	}
	TRUE(good > 0);
	block_flaky_look(y.remote, &seen);
	TRUE(seen.flipped > 0 && seen.cut > 0);
	free(to);
	remote_end(&y);
}

CASE(what_is_garbled_on_its_way_each_time_is_no_error_but_to_be_asked_again)
{
	uint8_t to[4096];
	int again = 0;
	struct yard y;

	cold_make(&y, &(struct block_flaky_conf){ .seed = 3, .flip = 100 });
	for (int i = 0; i < 8; i++) {
		enum status st = yard_read(&y, 1, (uint64_t)i << 21, sizeof to, to);

		again += st == ST_DELAY;
		if (st == OK)		/* a long reply was garbled beside what was asked for */
			EQ_MEM(to, y.oracle[0] + ((uint64_t)i << 21), sizeof to);
		else
			EQ(st, ST_DELAY);
	}
	TRUE(again > 0);
	remote_end(&y);
}

/* Each object of the remote has wrong bytes in it from now on, but where its index lies. */
static void
rot(struct block_store *s)
{
	struct waiter names;
	char *at, *save = NULL;

	waiter_init(&names, BLOCK_WALK, "0101010101010101");
	EQ(waiter_run(s, &names), OK);
	TRUE(names.count > 0);
	for (at = strtok_r(names.names, ";", &save); at != NULL; at = strtok_r(NULL, ";", &save)) {
		char *size = strchr(at, '=');
		size_t len = (size_t)strtoull(size + 1, NULL, 10);
		uint8_t *bytes = xmalloc(len);
		uint64_t got;

		*size = '\0';
		EQ(remote_get(s, at, bytes, len, &got), OK);
		EQ(got, len);
		for (size_t i = 8192; i + (64 << 10) < len; i += 10000)
			bytes[i] ^= 4;
		EQ(remote_put(s, at, bytes, len), OK);
		free(bytes);
	}
	waiter_drop(&names);
}

CASE(what_lies_damaged_in_the_remote_is_an_error_once_it_came_twice_alike)
{
	struct block_flaky_seen before, after;
	uint8_t to[4096];
	struct yard y;

	cold_make(&y, &(struct block_flaky_conf){ .seed = 3 });
	rot(y.remote);
	EQ(yard_read(&y, 1, 1 << 20, sizeof to, to), ST_CORRUPT);
	block_flaky_look(y.remote, &before);
	EQ(yard_read(&y, 1, 3 << 20, sizeof to, to), ST_CORRUPT);
	block_flaky_look(y.remote, &after);
	TRUE(after.calls - before.calls < 8);	/* an index; a unit or two, each twice */
	remote_end(&y);
}

CASE(while_the_remote_is_away_cold_reads_are_told_to_come_again)
{
	uint8_t to[4096];
	struct yard y;

	cold_make(&y, &(struct block_flaky_conf){ .seed = 3 });
	block_flaky_down(y.remote, true);
	EQ(yard_read(&y, 1, 5 << 20, sizeof to, to), ST_DELAY);
	EQ(yard_read(&y, 1, 5 << 20, sizeof to, to), ST_DELAY);
	block_flaky_down(y.remote, false);
	for (int i = 0; i < 200 && yard_read(&y, 1, 5 << 20, sizeof to, to) != OK; i++)
		usleep(20000);
	EQ(yard_read(&y, 1, 5 << 20, sizeof to, to), OK);
	EQ_MEM(to, y.oracle[0] + (5 << 20), sizeof to);
	remote_end(&y);
}

CASE(what_is_written_over_cold_data_is_carved_with_what_it_leaves_of_it)
{
	uint8_t bytes[5000];
	struct yard y;

	memset(bytes, 'w', sizeof bytes);
	cold_make(&y, &(struct block_flaky_conf){ .seed = 3 });
	yard_write(&y, 1, (7 << 20) + 77, bytes, sizeof bytes);
	(void)remote_push(&y);
	yard_compare(&y, 1);
	EQ(yard_recount(&y).wrong, 0);
	remote_end(&y);
}

/* A bit turned over in every local container. */
static void
spoil(struct yard *y)
{
	char path[700];
	glob_t found;

	snprintf(path, sizeof path, "%s/containers/*.dfc", y->dir);
	EQ(glob(path, 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		int fd = open(found.gl_pathv[i], O_RDWR);
		uint8_t byte;

		TRUE(fd >= 0 && pread(fd, &byte, 1, 100000) == 1);
		byte ^= 4;
		TRUE(pwrite(fd, &byte, 1, 100000) == 1);
		close(fd);
	}
	globfree(&found);
}

CASE(a_damaged_unit_is_healed_from_the_remote)
{
	struct block_flaky_seen before, after;
	struct yard y;

	remote_make(&y, "memory", 0, cold_flaky(&(struct block_flaky_conf){ .seed = 3 }));
	remote_noise(&y, 1, PIECES);
	(void)remote_push(&y);
	spoil(&y);
	yard_compare(&y, 1);
	block_flaky_look(y.remote, &before);
	yard_compare(&y, 1);		/* it is good again */
	block_flaky_look(y.remote, &after);
	EQ(after.calls, before.calls);
	remote_end(&y);
}

CASE(the_oldest_go_by_themselves_where_more_is_kept_than_may_be)
{
	struct sync_remote r = { .local_bytes = UINT64_MAX };
	uint8_t *bytes = xmalloc(PIECE);
	struct yard y;

	yard_start();
	yard_make(&y, "memory");
	yard_close(&y);
	y.remote = cold_flaky(&(struct block_flaky_conf){ .seed = 3 });
	y.local_bytes = 4 << 20;
	yard_open(&y, false);
	for (int n = 0; n < PIECES; n++) {
		rand_bytes(bytes, PIECE);
		yard_write(&y, 1, (uint64_t)n * PIECE, bytes, PIECE);
		if (n % 6 == 5)
			(void)remote_push(&y);
	}
	for (int i = 0; i < PATIENCE && r.local_bytes > 4 << 20; i++) {
		usleep(10000);
		sync_remote_look(y.share, &r);
	}
	TRUE(r.local_bytes <= 4 << 20);
	yard_compare(&y, 1);
	free(bytes);
	remote_end(&y);
}

CASE(nothing_is_dropped_here_that_the_remote_may_lose)
{
	struct sync_remote before, after;
	struct yard y;

	yard_start();
	yard_make(&y, "memory");
	yard_close(&y);
	y.remote = cold_flaky(&(struct block_flaky_conf){ .seed = 3 });
	y.remote_volatile = true;
	y.local_bytes = 1;		/* all of it is too much */
	yard_open(&y, false);
	remote_noise(&y, 1, 1);
	(void)remote_push(&y);
	sync_remote_look(y.share, &before);
	TRUE(before.local_bytes > 0);
	EQ(sync_evict_share(y.share, "", 0), ST_NOTSUPP);
	for (int i = 0; i < 20; i++) {
		sync_push_share(y.share);
		usleep(10000);
	}
	sync_remote_look(y.share, &after);
	EQ(after.local_bytes, before.local_bytes);
	remote_end(&y);
}
