/* What is live of containers that are mostly dead moves, and they go: here, there, and under
 * readers. */
#include "backends/block/flaky/flaky.h"
#include "pipeline/base/meter.h"
#include "pipeline/base/rand.h"
#include "pipeline/base/thread.h"
#include "pipeline/block/mirror.h"
#include "pipeline/cache/page.h"
#include "pipeline/record/key.h"
#include "tests/lib/check.h"
#include "tests/unit/pipeline/sync/gate.h"
#include "tests/unit/pipeline/sync/remote_yard.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 256 << 10, PATIENCE = 3000 };

static const struct sync_conf usual = { .apply_ms = 100,
	.carve_age_ms = 200,
	.carve_at_percent = 25 };

/* Where it matters which containers hold what: on a slow machine age would carve in between. */
static const struct sync_conf when_told = { .apply_ms = 100,
	.carve_age_ms = 3600000,
	.carve_at_percent = 25 };

/* Two contents by turns, so that each container holds as much of both. */
static void
write_both(struct yard *y, uint32_t mib)
{
	static uint8_t bytes[PIECE];

	for (uint64_t at = 0; at < (uint64_t)mib << 20; at += PIECE)
		for (uint64_t content = 1; content <= 2; content++) {
			rand_bytes(bytes, PIECE);
			yard_write(y, content, at, bytes, PIECE);
			if (at % (4 << 20) == 0)
				yard_drain(y);	/* so it is carved in that order */
		}
	yard_drain(y);
}

static struct sync_compaction
compacted(struct yard *y)
{
	struct sync_compaction c;

	for (int i = 0; i < PATIENCE; i++) {
		sync_compaction_look(y->share, &c);
		if (!c.asked && !c.running) {
			yard_drain(y);
			return c;
		}
		usleep(10000);
	}
	check_fail(__FILE__, __LINE__, "no end: at %llu of %llu, waits for %s",
	    (unsigned long long)c.at, (unsigned long long)c.end, c.waits == NULL ? "-" : c.waits);
}

static struct sync_compaction
compact(struct yard *y, bool old_keys)
{
	sync_compact_share(y->share, old_keys);
	return compacted(y);
}

CASE(half_of_each_container_is_deleted_and_its_space_comes_back)
{
	static const struct { const char *kind; uint8_t aead, level; } kinds[] = {
		{ "memory", 0, 0 }, { "leveldb", 1, 1 } };

	for (unsigned k = 0; k < ARRAY_LEN(kinds); k++) {
		struct sync_compaction c;
		uint64_t before, after;
		struct tally t;
		struct yard y;

		yard_start();
		sync_start(&when_told);
		yard_make_as(&y, kinds[k].kind, kinds[k].aead, kinds[k].level);
		write_both(&y, 16);
		before = mirror_bytes(block_mirror(y.share));
		yard_remove(&y, 1);
		yard_drain(&y);
		c = compact(&y, false);
		after = mirror_bytes(block_mirror(y.share));
		printf("# %llu bytes of containers, %llu after it\n", (unsigned long long)before,
		    (unsigned long long)after);
		TRUE(after * 10 < before * 6);	/* more than 40 % is free again */
		TRUE(c.emptied > 0 && c.left == 0 && c.written_bytes > 0);
		t = yard_recount(&y);
		EQ(t.wrong, 0);
		yard_compare(&y, 2);
		if (k > 0) {
			yard_close(&y);
			yard_open(&y, false);
		}
		yard_compare(&y, 2);
		yard_drain(&y);
		EQ(yard_recount(&y).wrong, 0);
		EQ(yard_recount(&y).chunks, t.chunks);
		remote_end(&y);
		sync_start(&usual);
	}
}

CASE(what_is_mostly_live_stays_where_it_is)
{
	struct sync_compaction c;
	struct tally t, u;
	struct yard y;

	yard_start();
	sync_start(&when_told);
	yard_make(&y, "memory");
	write_both(&y, 8);
	yard_truncate(&y, 1, 6 << 20);	/* an eighth goes */
	yard_drain(&y);
	t = yard_recount(&y);
	c = compact(&y, false);
	EQ(c.emptied + c.written_bytes + c.left, 0);
	u = yard_recount(&y);
	EQ(u.containers, t.containers);
	EQ(u.wrong, 0);
	remote_end(&y);
	sync_start(&usual);
}

CASE(it_begins_by_itself_when_much_was_freed)
{
	struct sync_conf eager = usual;
	struct sync_compaction c = { .emptied = 0 };
	struct yard y;

	yard_start();
	eager.carve_age_ms = 50;
	eager.compact_percent = 60;
	eager.compact_bytes_hour = 1ull << 40;
	sync_start(&eager);
	yard_make(&y, "memory");
	write_both(&y, 8);
	yard_remove(&y, 1);
	for (int i = 0; i < PATIENCE && c.emptied == 0; i++) {
		usleep(10000);
		sync_compaction_look(y.share, &c);
	}
	TRUE(c.emptied > 0);
	yard_drain(&y);
	yard_compare(&y, 2);
	EQ(yard_recount(&y).wrong, 0);
	remote_end(&y);
	sync_start(&usual);
}

CASE(unasked_it_keeps_to_its_bytes_an_hour)
{
	struct sync_conf slow = usual;
	struct sync_compaction c;
	struct yard y;

	yard_start();
	slow.carve_age_ms = 50;
	slow.compact_percent = 60;
	slow.compact_bytes_hour = 1;
	sync_start(&slow);
	yard_make(&y, "memory");
	for (int i = 0; i < 3; i++) {	/* several that could go */
		write_both(&y, 16);
		yard_remove(&y, 1);
		yard_drain(&y);
	}
	for (int i = 0; i < 150; i++)
		usleep(10000);
	sync_compaction_look(y.share, &c);
	TRUE(c.written_bytes <= 17 << 20);	/* one container's worth, then an hour and more */
	sync_compact_share(y.share, false);	/* an operator is not kept waiting */
	c = compacted(&y);
	EQ(c.left, 0);
	yard_compare(&y, 2);
	EQ(yard_recount(&y).wrong, 0);
	remote_end(&y);
	sync_start(&usual);
}

CASE(many_small_containers_become_one)
{
	static uint8_t bytes[PIECE];
	struct tally t;
	struct yard y;

	yard_start();
	yard_make(&y, "memory");
	for (uint64_t i = 0; i < 24; i++) {
		rand_bytes(bytes, 8192);
		yard_write(&y, 1, i * PIECE, bytes, 8192);
		yard_drain(&y);
	}
	EQ(yard_recount(&y).containers, 24);
	(void)compact(&y, false);	/* counts them */
	(void)compact(&y, false);
	t = yard_recount(&y);
	EQ(t.containers, 1);
	EQ(t.wrong, 0);
	yard_compare(&y, 1);
	remote_end(&y);
}

/* --- readers --- */

struct readers {
	struct yard *yard;
	_Atomic bool over;
	_Atomic uint64_t reads, wrong;
};

/* Always the same bytes: they move underneath. */
static void
read_on(void *arg)
{
	struct readers *r = arg;
	uint8_t *to = xmalloc(PIECE);

	while (!atomic_load(&r->over)) {
		uint64_t at = rand_u64() % (16 << 20) / 4096 * 4096;
		enum status st;

		if (at + PIECE > r->yard->size[1])
			continue;
		st = yard_read(r->yard, 2, at, PIECE, to);
		if (st == ST_DELAY)	/* a remote that is away for a moment */
			continue;
		if (st != OK || memcmp(to, r->yard->oracle[1] + at, PIECE) != 0)
			atomic_fetch_add(&r->wrong, 1);
		atomic_fetch_add(&r->reads, 1);
	}
	free(to);
}

/* A newer key, which all is to be wrapped by. */
static void
another_key(struct yard *y)
{
	uint8_t key[SHARE_KEY_BYTES];

	rand_bytes(key, sizeof key);
	EQ(keys_add(y->share->keys, keys_newest(y->share->keys) + 1, key), OK);
}

static void
readers_begin(struct readers *r, struct thread *t, int n, struct yard *y)
{
	*r = (struct readers){ .yard = y };
	for (int i = 0; i < n; i++)
		thread_start(&t[i], "reader", 0, read_on, r);
}

static void
readers_end(struct readers *r, struct thread *t, int n)
{
	uint64_t enough = atomic_load(&r->reads) + 50;

	while (atomic_load(&r->reads) < enough)
		usleep(1000);
	atomic_store(&r->over, true);
	for (int i = 0; i < n; i++)
		thread_join(&t[i]);
	EQ(atomic_load(&r->wrong), 0);
}

CASE(readers_never_see_that_chunks_move)
{
	struct sync_compaction c;
	struct readers r;
	struct thread t[2];
	struct yard y;

	yard_start();
	yard_make_as(&y, "memory", 1, 0);
	write_both(&y, 16);
	readers_begin(&r, t, 2, &y);
	yard_remove(&y, 1);
	yard_drain(&y);
	for (int round = 0; round < 4; round++) {
		c = compact(&y, round > 0);
		EQ(c.left, 0);
		another_key(&y);
	}
	readers_end(&r, t, 2);
	yard_compare(&y, 2);
	EQ(yard_recount(&y).wrong, 0);
	remote_end(&y);
}

/* --- beside a remote store --- */

/* Rows and objects are the same in number: nothing is left behind there, nothing is missing. */
static void
none_left_behind(struct yard *y)
{
	(void)remote_push(y);
	for (int i = 0; i < PATIENCE; i++) {
		if (remote_objects(y->remote) == (int)yard_recount(y).containers)
			break;
		sync_push_share(y->share);
		usleep(10000);
	}
	EQ(remote_objects(y->remote), yard_recount(y).containers);
	EQ(yard_recount(y).wrong, 0);
}

CASE(what_is_live_of_containers_that_only_the_remote_has_is_brought_by_range)
{
	struct sync_compaction c;
	uint64_t before;
	struct yard y;

	remote_make(&y, "leveldb", 1, remote_memory());
	write_both(&y, 16);
	before = mirror_bytes(block_mirror(y.share));
	yard_truncate(&y, 2, 2 << 20);
	yard_remove(&y, 1);		/* a sixteenth of all is live */
	remote_evict(&y);
	another_key(&y);		/* all of it, however it fell into containers */
	c = compact(&y, true);
	TRUE(c.emptied > 0);
	EQ(c.left, 0);
	TRUE(c.read_bytes < before / 8);
	none_left_behind(&y);
	yard_compare(&y, 2);
	remote_end(&y);
}

CASE(half_dead_ones_that_only_the_remote_has_are_not_worth_it)
{
	struct sync_compaction c;
	struct yard y;

	remote_make(&y, "memory", 1, remote_memory());
	write_both(&y, 8);
	yard_remove(&y, 1);
	remote_evict(&y);
	c = compact(&y, false);
	EQ(c.emptied + c.read_bytes + c.left, 0);
	yard_compare(&y, 2);
	remote_end(&y);
}

CASE(a_remote_that_fails_now_and_then_keeps_nobody_from_the_end)
{
	struct block_flaky_conf f = { .seed = 7, .fail = 8, .lost = 5 };
	struct sync_compaction c;
	struct readers r;
	struct thread t[1];
	struct yard y;

	remote_make(&y, "leveldb", 1, block_flaky_wrap(remote_memory(), &f));
	write_both(&y, 8);
	yard_remove(&y, 1);
	(void)remote_push(&y);
	readers_begin(&r, t, 1, &y);
	for (int round = 0; round < 2; round++) {
		another_key(&y);
		c = compact(&y, true);
		EQ(c.left, 0);
		remote_evict(&y);
	}
	readers_end(&r, t, 1);
	none_left_behind(&y);
	yard_compare(&y, 2);
	remote_end(&y);
}

/* --- the end of an object --- */

CASE(no_object_goes_before_what_replaces_it_has_arrived)
{
	struct sync_remote r;
	struct yard y;
	int before;

	remote_make(&y, "memory", 1, gate_before(remote_memory()));
	write_both(&y, 8);
	(void)remote_push(&y);
	before = remote_objects(y.remote);
	another_key(&y);
	gate_close(y.remote, BLOCK_PUT);
	sync_compact_share(y.share, true);
	while (gate_held(y.remote) == 0 || compacted(&y).emptied < (uint64_t)before)
		sync_push_share(y.share);
	for (int i = 0; i < 50; i++) {
		sync_push_share(y.share);
		usleep(10000);
	}
	sync_remote_look(y.share, &r);
	EQ(r.deleted, 0);
	EQ(remote_objects(y.remote), before);
	gate_open(y.remote);
	none_left_behind(&y);
	sync_remote_look(y.share, &r);
	EQ(r.deleted, before);
	yard_compare(&y, 2);
	remote_end(&y);
}

CASE(an_object_stays_for_its_grace_also_over_a_restart)
{
	struct sync_conf grace = usual;
	struct sync_remote r;
	struct yard y;
	int before;

	yard_start();
	grace.grace_ms = 3600000;
	sync_start(&grace);
	remote_make(&y, "leveldb", 1, remote_memory());
	write_both(&y, 4);
	(void)remote_push(&y);
	before = remote_objects(y.remote);
	yard_remove(&y, 1);
	yard_remove(&y, 2);
	yard_drain(&y);			/* which does not wait for the grace */
	(void)remote_push(&y);
	sync_remote_look(y.share, &r);
	EQ(r.deleted, 0);
	EQ(remote_objects(y.remote), before);
	EQ(mirror_bytes(block_mirror(y.share)), 0);	/* room is made at once */
	yard_close(&y);
	sync_start(&usual);		/* from now on there is none */
	yard_open(&y, false);
	none_left_behind(&y);
	EQ(remote_objects(y.remote), 0);
	remote_end(&y);
}

/* --- late readers --- */

struct found {				/* a chunk, and its row */
	uint8_t digest[32];
	struct chunk chunk;
};

static bool
take_chunk(void *arg, struct slice key, const struct version *v)
{
	struct found *f = arg;

	memcpy(f->digest, key.at + 1, sizeof f->digest);
	EQ(rec_chunk_decode(v->body, &f->chunk), OK);
	return false;
}

/* The chunk lies there now, as its row says; other is a container's row that comes, or goes. */
static void
put_place(struct yard *y, const struct found *f, uint64_t container, uint64_t other, bool comes)
{
	struct container_row row = { .state = CONTAINER_LIVE, .remote = true, .bytes = 1 << 20,
		.chunks = 1, .fence = 1 };
	struct key chunk_key = key_chunk(f->digest), row_key = key_container(other);
	struct chunk chunk = f->chunk;
	struct txn *t = txn_new();
	uint8_t room[64], room2[64];
	struct writer w = writer_of(room, sizeof room), w2 = writer_of(room2, sizeof room2);
	lsn_t lsn;

	chunk.container = container;
	rec_chunk_encode(&w, &chunk);
	txn_put(t, key_slice(&chunk_key), slice_of(room, w.len), NULL);
	rec_container_encode(&w2, &row);
	if (comes)
		txn_put(t, key_slice(&row_key), slice_of(room2, w2.len), NULL);
	else
		txn_del(t, key_slice(&row_key), NULL);
	EQ(block_reserve(y->share, t), OK);
	block_commit(y->share, t, &lsn);
}

static void
read_once(void *arg)
{
	struct readers *r = arg;
	uint8_t *to = xmalloc(4096);

	if (yard_read(r->yard, 1, 0, 4096, to) != OK ||
	    memcmp(to, r->yard->oracle[0], 4096) != 0)
		atomic_fetch_add(&r->wrong, 1);
	free(to);
}

CASE(who_was_sent_to_a_place_that_is_gone_looks_it_up_once_more)
{
	enum { ELSEWHERE = 777777 };
	static const uint8_t tag = TAG_CHUNK;
	static uint8_t bytes[4096];
	struct found f = { .chunk = { 0 } };
	struct readers r;
	struct thread t;
	struct yard y;
	int64_t damaged;

	remote_make(&y, "memory", 1, gate_before(remote_memory()));
	rand_bytes(bytes, sizeof bytes);
	yard_write(&y, 1, 0, bytes, sizeof bytes);
	yard_drain(&y);
	(void)remote_push(&y);
	EQ(catalog_scan(y.share->catalog, slice_of(&tag, 1), slice_of(NULL, 0), true, take_chunk,
	       &f),
	    OK);
	page_stop();			/* nothing of it is in memory */
	page_start(8 << 20);
	put_place(&y, &f, ELSEWHERE, ELSEWHERE, true);
	gate_close(y.remote, BLOCK_GET);
	damaged = meter_value(METER_CHUNKS_DAMAGED);
	r = (struct readers){ .yard = &y };
	thread_start(&t, "reader", 0, read_once, &r);
	while (gate_held(y.remote) == 0)
		usleep(1000);
	put_place(&y, &f, f.chunk.container, ELSEWHERE, false);
	gate_open(y.remote);		/* there is no such object */
	thread_join(&t);
	EQ(atomic_load(&r.wrong), 0);
	EQ(meter_value(METER_CHUNKS_DAMAGED), damaged);
	EQ(yard_recount(&y).wrong, 0);
	remote_end(&y);
}
