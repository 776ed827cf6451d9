/*
 * The index against an oracle: a small file of which every byte knows the item that made it.
 */
#include "pipeline/block/index.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/rand.h"
#include "pipeline/base/thread.h"
#include "pipeline/record/key.h"
#include "tests/lib/check.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

enum { SPAN = 400, CONTENTS = 5, STEPS = 20000, ITEMS = STEPS + 1 };

static struct { lsn_t lsn; bool hole; uint32_t at; } oracle[CONTENTS][SPAN + 1];

static uint32_t
below(uint32_t n)
{
	return (uint32_t)(rand_u64() % n);
}

static void
commit(struct index *ix, int kind, uint64_t content, uint64_t from, uint64_t to, lsn_t lsn)
{
	struct txn_item item = { .kind = (uint8_t)kind, .content = content, .from = from, .to = to,
		.as_of = lsn };
	uint32_t crc[1] = { 0 };

	index_commit_locked(ix, &item, lsn,
	    kind == ITEM_DATA ? datum_new(0, (uint32_t)(to - from), 0, crc) : NULL);
}

/* The oracle's last cell stands for all bytes behind SPAN. */
static void
oracle_set(int kind, uint64_t c, uint32_t from, uint32_t to, lsn_t lsn)
{
	for (uint32_t i = from; i < to; i++) {
		if (kind == ITEM_CARVED) {
			if (oracle[c][i].lsn <= lsn)
				oracle[c][i].lsn = 0;
			continue;
		}
		oracle[c][i].lsn = lsn;
		oracle[c][i].hole = kind != ITEM_DATA;
		oracle[c][i].at = i - from;
	}
}

static void
compare(struct index *ix, uint64_t c, uint32_t from, uint32_t to)
{
	struct index_piece v[7];
	uint64_t at = from;

	while (at < to) {
		uint32_t n = index_lookup(ix, c + 1, at, to, v, 7);

		TRUE(n > 0);
		for (uint32_t i = 0; i < n; i++) {
			EQ(v[i].from, at);
			TRUE(v[i].to > at && v[i].to <= to);
			for (; at < v[i].to; at++) {
				EQ(v[i].kind == PIECE_BELOW ? 0 : v[i].lsn, oracle[c][at].lsn);
				if (oracle[c][at].lsn == 0)
					continue;
				EQ(v[i].kind == PIECE_HOLE, oracle[c][at].hole);
				if (!oracle[c][at].hole)
					EQ(v[i].at + (at - v[i].from), oracle[c][at].at);
			}
			datum_put(&v[i].datum);
		}
	}
}

/* The sums and the order, from the oracle. */
static void
compare_sums(struct index *ix)
{
	struct index_dirty v[CONTENTS];
	uint64_t bytes = 0;
	lsn_t oldest[CONTENTS], all = 0, last = 0;
	uint32_t n, dirty = 0;

	for (int c = 0; c < CONTENTS; c++) {
		oldest[c] = 0;
		for (int i = 0; i <= SPAN; i++) {
			lsn_t lsn = oracle[c][i].lsn;

			bytes += i < SPAN && lsn != 0 && !oracle[c][i].hole;
			if (lsn != 0 && (oldest[c] == 0 || lsn < oldest[c]))
				oldest[c] = lsn;
		}
		dirty += oldest[c] != 0;
		if (oldest[c] != 0 && (all == 0 || oldest[c] < all))
			all = oldest[c];
	}
	EQ(index_live_bytes(ix), bytes);
	EQ(index_oldest_data(ix), all);
	n = index_dirty(ix, UINT64_MAX, v, CONTENTS);
	EQ(n, dirty);
	for (uint32_t i = 0; i < n; i++) {
		EQ(v[i].oldest, oldest[v[i].content - 1]);
		TRUE(v[i].oldest >= last);
		last = v[i].oldest;
	}
}

static int
random_kind(void)
{
	static const uint8_t kinds[] = { ITEM_DATA, ITEM_DATA, ITEM_DATA, ITEM_DATA, ITEM_TRUNC,
		ITEM_HOLE, ITEM_CARVED, ITEM_CARVED };

	return kinds[below(8)];
}

CASE(random_items_against_the_oracle)
{
	struct index *ix = index_new();

	memset(oracle, 0, sizeof oracle);
	for (lsn_t lsn = 1; lsn <= STEPS; lsn++) {
		uint64_t c = below(CONTENTS);
		int kind = random_kind();
		uint32_t from = below(SPAN), to = from + 1 + below(SPAN - from);
		lsn_t as = kind == ITEM_CARVED ? 1 + below((uint32_t)lsn) : lsn;

		if (kind == ITEM_CARVED && below(4) == 0)
			to = SPAN + 1;
		if (below(50) == 0) {
			index_drop_locked(ix, c + 1);
			oracle_set(ITEM_CARVED, c, 0, SPAN + 1, UINT64_MAX);
		}
		commit(ix, kind, c + 1, from, to == SPAN + 1 ? UINT64_MAX : to, as);
		oracle_set(kind, c, from, kind == ITEM_TRUNC ? SPAN + 1 : to, as);
		from = below(SPAN);
		compare(ix, c, from, from + 1 + below(SPAN - from));
		if (lsn % 97 == 0)
			compare_sums(ix);
	}
	for (uint64_t c = 0; c < CONTENTS; c++)
		index_drop_locked(ix, c + 1);
	EQ(index_places(ix), 0);
	EQ(index_live_bytes(ix), 0);
	EQ(index_oldest_data(ix), 0);
	index_free(&ix);
}

CASE(a_datum_goes_with_its_last_range)
{
	struct index *ix = index_new();
	struct index_piece v[3];
	struct datum *d;

	commit(ix, ITEM_DATA, 1, 0, 100, 5);
	EQ(index_lookup(ix, 1, 0, 100, v, 3), 1);
	d = v[0].datum;
	EQ(d->refs.n, 2);
	commit(ix, ITEM_DATA, 1, 40, 60, 6);
	EQ(d->cites, 2);
	commit(ix, ITEM_DATA, 1, 0, 40, 7);
	EQ(index_oldest_data(ix), 5);
	commit(ix, ITEM_HOLE, 1, 60, 100, 8);
	EQ(d->refs.n, 1);
	EQ(index_oldest_data(ix), 6);
	datum_put(&d);
	index_free(&ix);
}

CASE(carved_goes_only_what_is_not_newer)
{
	struct index *ix = index_new();
	struct index_piece v[4];

	commit(ix, ITEM_DATA, 1, 0, 100, 5);
	commit(ix, ITEM_DATA, 1, 20, 30, 9);
	commit(ix, ITEM_CARVED, 1, 0, 100, 8);
	EQ(index_lookup(ix, 1, 0, 100, v, 4), 3);
	EQ(v[0].kind, PIECE_BELOW);
	EQ(v[1].kind, PIECE_DATUM);
	EQ(v[1].lsn, 9);
	EQ(v[2].kind, PIECE_BELOW);
	datum_put(&v[1].datum);
	EQ(index_live_bytes(ix), 10);
	index_free(&ix);
}

CASE(what_the_map_said_is_forgotten_when_its_row_changes)
{
	struct index *ix = index_new();
	uint64_t leaf = 0, old, token;

	FALSE(index_map_find(ix, 1, 2, &leaf, &old));
	index_map_learn(ix, 1, 2, 77, old);
	TRUE(index_map_find(ix, 1, 2, &leaf, &token));
	EQ(leaf, 77);
	index_map_changed_locked(ix, 1, 2);
	FALSE(index_map_find(ix, 1, 2, &leaf, &token));
	index_map_learn(ix, 1, 2, 77, old);	/* read before the change */
	FALSE(index_map_find(ix, 1, 2, &leaf, &token));
	index_map_learn(ix, 1, 2, 78, token);
	TRUE(index_map_find(ix, 1, 2, &leaf, &token));
	EQ(leaf, 78);
	index_free(&ix);
}

CASE(a_content_that_is_to_be_reaped_is_dropped)
{
	struct index *ix = index_new();
	struct key part = key_reap(1, 7), all = key_reap(1, 0);

	commit(ix, ITEM_DATA, 1, 0, 100, 5);
	commit(ix, ITEM_DATA, 2, 0, 100, 6);
	index_key_changed_locked(ix, key_slice(&part));
	EQ(index_places(ix), 2);
	index_key_changed_locked(ix, key_slice(&all));
	EQ(index_places(ix), 1);
	EQ(index_oldest_data(ix), 6);
	index_free(&ix);
}

CASE(many_contents_are_found_oldest_first)
{
	enum { N = 100000 };
	struct index *ix = index_new();
	struct index_dirty v[16];

	for (uint64_t c = 1; c <= N; c++)
		commit(ix, ITEM_DATA, c, 0, 10, c);
	for (uint64_t c = 1; c <= N; c++) {
		EQ(index_dirty(ix, UINT64_MAX, v, 16), MIN((uint64_t)16, N - c + 1));
		EQ(v[0].content, c);
		index_drop_locked(ix, c);
	}
	EQ(index_dirty(ix, UINT64_MAX, v, 16), 0);
	index_free(&ix);
}

CASE(half_a_million_places_are_small)
{
	enum { N = 500000, UNIT = 4096 };
	struct index *ix = index_new();
	size_t before = mallinfo2().uordblks, used;

	for (lsn_t lsn = 1; lsn <= N; lsn++) {
		uint64_t at = rand_u64() % (4 * N) * UNIT;

		commit(ix, ITEM_DATA, 1, at, at + UNIT, lsn);
	}
	used = (mallinfo2().uordblks - before) / index_places(ix);
	printf("# %zu bytes a place\n", used);
	TRUE(used <= 150 || used > 100000);	/* a sanitizer's malloc counts nothing */
	index_free(&ix);
}

static struct index *shared;
static _Atomic bool over;
static _Atomic uint64_t bad;

static void
looker(void *arg)
{
	struct index_piece v[8];

	(void)arg;
	while (!over) {
		uint64_t from = below(SPAN), at = from;
		uint32_t n = index_lookup(shared, 1 + below(CONTENTS), from, SPAN + 1, v, 8);

		for (uint32_t i = 0; i < n; i++) {
			bad += v[i].from != at || v[i].to <= at;
			bad += v[i].kind == PIECE_DATUM && v[i].datum->lsn != v[i].lsn;
			at = v[i].to;
			datum_put(&v[i].datum);
		}
	}
}

CASE(look_ups_run_beside_commits)
{
	struct thread t[2];

	shared = index_new();
	for (int i = 0; i < 2; i++)
		thread_start(&t[i], "looker", 0, looker, NULL);
	for (lsn_t lsn = 1; lsn <= STEPS; lsn++) {
		uint32_t from = below(SPAN);

		commit(shared, random_kind(), 1 + below(CONTENTS), from,
		    from + 1 + below(SPAN - from), lsn);
	}
	over = true;
	for (int i = 0; i < 2; i++)
		thread_join(&t[i]);
	EQ(bad, 0);
	index_free(&shared);
}
