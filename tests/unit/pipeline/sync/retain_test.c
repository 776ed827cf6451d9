/* What leaves the local tier, by itself and by hand, in which order: by a clock that is moved. */
#include "tests/unit/pipeline/sync/cold_yard.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/rand.h"
#include "pipeline/block/mirror.h"
#include "tests/lib/check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILES = 3, FILE_MIB = 4, CAP_MIB = 64, FOUND = 64 };

/* --- the clock --- */

static _Atomic uint64_t moved_ns;
static struct clock_ops real, moving;

static uint64_t
mono(void)
{
	return real.mono_ns() + atomic_load(&moved_ns);
}

static uint64_t
wall(void)
{
	return real.wall_ns() + atomic_load(&moved_ns);
}

static void
clock_begin(void)
{
	if (moving.mono_ns != NULL)
		return;
	real = *clock_now_ops;
	moving = (struct clock_ops){ mono, wall };
	clock_now_ops = &moving;	/* before the machine starts */
}

/* --- containers --- */

struct found {				/* containers, by number */
	uint64_t number[FOUND];
	uint32_t n;
};

struct made {				/* those of each content: perhaps carved in parts */
	struct found of[FILES];
	uint64_t first;
};

static bool
see(void *arg, uint64_t number, uint64_t bytes)
{
	struct found *f = arg;

	(void)bytes;
	TRUE(f->n < FOUND);
	f->number[f->n++] = number;
	return true;
}

static int
by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static struct found
here(struct yard *y)
{
	struct found f = { .n = 0 };

	EQ(mirror_walk(block_mirror(y->share), see, &f), OK);
	qsort(f.number, f.n, sizeof f.number[0], by_number);
	return f;
}

static uint32_t
left(struct yard *y, const struct found *f)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < f->n; i++)
		n += mirror_whole(block_mirror(y->share), f->number[i]);
	return n;
}

static uint32_t
idle(struct yard *y, uint64_t number)
{
	return mirror_idle_minutes(block_mirror(y->share), number);
}

/* Time passes, and the data errand hears of it. */
static void
pass(struct yard *y, uint32_t minutes, uint64_t unused)
{
	uint32_t least = idle(y, unused) + minutes;

	atomic_fetch_add(&moved_ns, minutes * 60 * NS_PER_S);
	for (int i = 0; i < PATIENCE && idle(y, unused) < least; i++) {
		sync_push_share(y->share);
		usleep(10000);
	}
	TRUE(idle(y, unused) >= least);
}

/* As often as it takes for what may go to be gone, and then some. */
static void
rest(struct yard *y)
{
	for (int i = 0; i < 30; i++) {
		sync_push_share(y->share);
		usleep(10000);
	}
}

static void
until_left(struct yard *y, const struct found *f, uint32_t most)
{
	for (int i = 0; i < PATIENCE && left(y, f) > most; i++) {
		sync_push_share(y->share);
		usleep(10000);
	}
	TRUE(left(y, f) <= most);
}

static void
use(struct yard *y, uint64_t content, const struct found *f)
{
	uint8_t *to = xmalloc(PIECE);

	for (int i = 0; i < FILE_MIB; i++)
		EQ(yard_read(y, content, (uint64_t)i * PIECE, PIECE, to), OK);
	free(to);
	for (uint32_t i = 0; i < f->n; i++)
		EQ(idle(y, f->number[i]), 0);
}

static void
tune(struct yard *y, uint8_t retention, uint64_t ttl_s, uint64_t local_bytes)
{
	struct share_tuning t = share_tuning_get(y->share);

	t.retention = retention;
	t.retention_ttl_s = ttl_s;
	t.local_bytes = local_bytes;
	share_tuning_set(y->share, &t);
	block_retuned(y->share);
}

/* Three contents, each in containers of its own, here and in the remote. */
static struct made
make(struct yard *y)
{
	struct made m = { .first = 0 };
	struct found all;
	uint32_t seen = 0;

	clock_begin();
	yard_start();
	yard_make(y, "leveldb");
	yard_close(y);
	y->remote = cold_flaky(&(struct block_flaky_conf){ .seed = 3 });
	yard_open(y, false);
	for (uint64_t c = 0; c < FILES; c++) {
		remote_noise(y, c + 1, FILE_MIB);
		(void)remote_push(y);
		all = here(y);
		TRUE(all.n > seen);
		for (; seen < all.n; seen++)
			m.of[c].number[m.of[c].n++] = all.number[seen];
	}
	m.first = all.number[0];
	return m;
}

CASE(what_was_used_longest_ago_goes_first)
{
	struct yard y;
	struct made m = make(&y);

	pass(&y, 10, m.first);
	use(&y, 1, &m.of[0]);
	use(&y, 3, &m.of[2]);
	tune(&y, RETENTION_LRU, 0, 9 << 20);
	until_left(&y, &m.of[1], m.of[1].n - 1);
	rest(&y);
	EQ(left(&y, &m.of[0]), m.of[0].n);
	EQ(left(&y, &m.of[2]), m.of[2].n);
	TRUE(mirror_bytes(block_mirror(y.share)) <= 9 << 20);
	for (uint64_t c = 1; c <= FILES; c++)
		yard_compare(&y, c);
	remote_end(&y);
}

CASE(what_is_not_used_for_long_goes_though_there_is_room)
{
	struct yard y;
	struct made m = make(&y);
	uint32_t all = here(&y).n;

	tune(&y, RETENTION_TTL, 3600, 0);
	pass(&y, 30, m.first);
	use(&y, 1, &m.of[0]);
	rest(&y);
	EQ(here(&y).n, all);
	pass(&y, 31, m.first);
	until_left(&y, &m.of[1], 0);
	until_left(&y, &m.of[2], 0);
	rest(&y);
	EQ(left(&y, &m.of[0]), m.of[0].n);
	EQ(yard_recount(&y).wrong, 0);	/* rows say so */
	for (uint64_t c = 1; c <= FILES; c++)
		yard_compare(&y, c);
	remote_end(&y);
}

CASE(of_a_pinned_share_nothing_goes_and_a_full_tier_keeps_writers_out)
{
	enum status st = ST_DELAY;
	struct txn *t;
	struct yard y;
	struct made m = make(&y);
	uint32_t all = here(&y).n;

	tune(&y, RETENTION_PIN, 60, 1 << 20);
	pass(&y, 90, m.first);
	rest(&y);
	EQ(here(&y).n, all);
	EQ(sync_evict_share(y.share, "", 0), ST_PERM);
	tune(&y, RETENTION_PIN, 60, 0);
	for (uint64_t c = 1; c <= YARD_CONTENTS; c++) {	/* 72 MiB in containers */
		remote_noise(&y, c, 18);
		(void)remote_push(&y);
	}
	tune(&y, RETENTION_PIN, 60, (uint64_t)CAP_MIB << 20);
	t = txn_new();
	t->record_bytes = 100;
	EQ(block_reserve(y.share, t), OK);	/* names go on: files may be removed */
	block_unreserve(y.share, t);
	EQ(yard_room(&y, PIECE, NULL), ST_DELAY);
	txn_free(&t);
	tune(&y, RETENTION_LRU, 60, (uint64_t)CAP_MIB << 20);
	for (int i = 0; i < PATIENCE && (st = yard_room(&y, PIECE, NULL)) == ST_DELAY; i++)
		usleep(10000);
	EQ(st, OK);
	for (int i = 0; i < PATIENCE &&
	    mirror_bytes(block_mirror(y.share)) > (uint64_t)CAP_MIB << 20; i++)
		usleep(10000);
	TRUE(mirror_bytes(block_mirror(y.share)) <= (uint64_t)CAP_MIB << 20);
	remote_end(&y);
}

static uint64_t
disk_free(struct yard *y)
{
	struct block_usage usage;

	block_usage_read(y->share, &usage);
	return usage.disk_free;
}

static void
reserve(struct yard *y, uint64_t bytes)
{
	struct share_tuning t = share_tuning_get(y->share);

	t.reserve_bytes = bytes;
	share_tuning_set(y->share, &t);
	block_retuned(y->share);
}

/* There is half a gibibyte above the reserve: writers have room, and what can be had again goes. */
CASE(what_the_remote_has_goes_while_the_disk_is_short_and_writers_go_on)
{
	uint8_t *bytes = xmalloc(PIECE);
	struct made m;
	struct yard y;

	m = make(&y);
	if (disk_free(&y) < 4ull << 30)
		check_skip("the disk has less than 4 GiB free");
	tune(&y, RETENTION_PIN, 0, 0);
	reserve(&y, disk_free(&y) - (512 << 20));
	rest(&y);
	for (int c = 0; c < FILES; c++)
		EQ(left(&y, &m.of[c]), m.of[c].n);	/* pinned */
	tune(&y, RETENTION_LRU, 0, 0);
	for (int c = 0; c < FILES; c++)
		until_left(&y, &m.of[c], 0);
	rand_bytes(bytes, PIECE);
	yard_write(&y, FILES + 1, 0, bytes, PIECE);
	reserve(&y, 0);
	for (uint64_t c = 1; c <= FILES + 1; c++)
		yard_compare(&y, c);
	free(bytes);
	remote_end(&y);
}

CASE(by_hand_all_go_or_those_that_nobody_used_for_that_long)
{
	struct yard y;
	struct made m = make(&y);
	uint32_t all = here(&y).n;

	pass(&y, 20, m.first);
	use(&y, 2, &m.of[1]);
	EQ(sync_evict_share(y.share, "/there/is/no/such", 0), ST_NOPATH);
	EQ(sync_evict_share(y.share, "", 30 * 60), OK);	/* none is that old */
	rest(&y);
	EQ(here(&y).n, all);
	EQ(sync_evict_share(y.share, "/", 15 * 60), OK);
	until_left(&y, &m.of[0], 0);
	until_left(&y, &m.of[2], 0);
	rest(&y);
	EQ(left(&y, &m.of[1]), m.of[1].n);
	remote_evict(&y);
	remote_end(&y);
}

CASE(an_orderly_end_keeps_when_containers_were_used)
{
	struct yard y;
	struct made m = make(&y);

	pass(&y, 40, m.first);
	use(&y, 1, &m.of[0]);
	yard_close(&y);
	yard_open(&y, false);
	TRUE(idle(&y, m.first) <= 1);
	TRUE(idle(&y, m.of[1].number[0]) >= 39 && idle(&y, m.of[2].number[0]) >= 39);
	remote_end(&y);
}
