/* Scrub: what is damaged is found, healed where there is a second copy, and never given as data. */
#include "pipeline/base/clock.h"
#include "pipeline/base/rand.h"
#include "pipeline/block/mirror.h"
#include "pipeline/block/suspect.h"
#include "pipeline/record/key.h"
#include "tests/lib/check.h"
#include "tests/unit/pipeline/sync/keeper.h"
#include "tests/unit/pipeline/sync/remote_yard.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 1 << 20, PIECES = 3, PATIENCE = 3000, OBJECT_MAX = 4 << 20 };

/* A container a piece: 1, 2, 3; each also in the remote, where there is one. */
static void
make(struct yard *y, struct block_store *remote, uint8_t aead)
{
	uint8_t *bytes = xmalloc(PIECE);

	remote_make(y, "leveldb", aead, remote);
	for (uint64_t n = 0; n < PIECES; n++) {
		rand_bytes(bytes, PIECE);
		yard_write(y, 1, n * PIECE, bytes, PIECE);
		yard_drain(y);
		if (remote != NULL)
			(void)remote_push(y);
	}
	free(bytes);
	EQ(yard_recount(y).containers, PIECES);
}

/* So that no file is open whose index was read before. */
static void
reopen(struct yard *y)
{
	yard_close(y);
	yard_open(y, false);
}

static struct sync_scrub
scrub(struct yard *y, bool remote)
{
	struct sync_scrub r;

	sync_scrub_begin(y->share, remote);
	for (int i = 0; i < PATIENCE; i++) {
		sync_scrub_look(y->share, &r);
		if (r.state == SCRUB_DONE)
			return r;
		if (r.state == SCRUB_FAILED)
			check_fail(__FILE__, __LINE__, "failed: %s", r.text);
		usleep(5000);
	}
	check_fail(__FILE__, __LINE__, "no end: state %d, %s", r.state, r.text);
}

/* --- damage here --- */

static void
path_of(const struct yard *y, uint64_t number, char path[600])
{
	snprintf(path, 600, "%s/containers/%016llx.dfc", y->dir, (unsigned long long)number);
}

static uint64_t
file(const struct yard *y, uint64_t number, uint8_t **bytes)
{
	char path[600];
	struct stat sb;
	int fd;

	path_of(y, number, path);
	fd = open(path, O_RDONLY);
	TRUE(fd >= 0 && fstat(fd, &sb) == 0);
	*bytes = xmalloc((size_t)sb.st_size);
	EQ(read(fd, *bytes, (size_t)sb.st_size), sb.st_size);
	close(fd);
	return (uint64_t)sb.st_size;
}

/* A bit at that byte; negative: from the end. */
static void
flip(const struct yard *y, uint64_t number, int64_t at)
{
	char path[600];
	uint8_t byte;
	int fd;

	path_of(y, number, path);
	fd = open(path, O_RDWR);
	TRUE(fd >= 0);
	if (at < 0)
		at += lseek(fd, 0, SEEK_END);
	EQ(pread(fd, &byte, 1, at), 1);
	byte ^= 4;
	EQ(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

/* --- and there --- */

/* Under the fence that its file's header says. */
static uint64_t
fence_of(const struct yard *y, uint64_t number)
{
	uint64_t fence;

	EQ(mirror_head(block_mirror(y->share), number, &fence, NULL), OK);
	return fence;
}

static uint64_t
get(const struct yard *y, uint64_t number, uint8_t *to)
{
	char name[BLOCK_NAME_MAX];
	uint64_t got;

	remote_object(name, fence_of(y, number), number);
	EQ(remote_get(y->remote, name, to, OBJECT_MAX, &got), OK);
	return got;
}

static void
put(const struct yard *y, uint64_t number, const uint8_t *bytes, uint64_t len)
{
	char name[BLOCK_NAME_MAX];

	remote_object(name, fence_of(y, number), number);
	EQ(len == 0 ? remote_ask(y->remote, BLOCK_DEL, name) :
	    remote_put(y->remote, name, bytes, len), OK);
}

static void
flip_there(const struct yard *y, uint64_t number, uint64_t at)
{
	uint8_t *bytes = xmalloc(OBJECT_MAX);
	uint64_t len = get(y, number, bytes);

	bytes[at] ^= 4;
	put(y, number, bytes, len);
	free(bytes);
}

/* How many blocks of 4 KiB cannot be read: no more than one unit holds; all others are right. */
static int
unreadable(struct yard *y)
{
	uint8_t to[4096];
	int n = 0;

	for (uint64_t at = 0; at < y->size[0]; at += sizeof to) {
		enum status st = yard_read(y, 1, at, sizeof to, to);

		if (st == OK)
			EQ_MEM(to, y->oracle[0] + at, sizeof to);
		else
			EQ(st, ST_CORRUPT);
		n += st != OK;
	}
	TRUE(n <= CHUNK_UNIT / (int)sizeof to + 1);
	return n;
}

/* --- the cases --- */

CASE(a_sound_share_is_found_sound)
{
	struct sync_scrub r;
	struct yard y;

	make(&y, remote_memory(), 0);
	sync_scrub_look(y.share, &r);
	EQ(r.state, SCRUB_NEVER);
	r = scrub(&y, true);
	EQ(r.containers, PIECES);
	EQ(r.containers_total, PIECES);
	EQ(r.bytes, 2 * r.bytes_total);
	TRUE(r.rows > PIECES);
	EQ(r.local_damaged + r.remote_damaged + r.parts_damaged + r.chunks_lost, 0);
	EQ(r.rows_damaged + r.rows_differ, 0);
	TRUE(r.started_ns != 0 && r.ended_ns >= r.started_ns);
	remote_end(&y);
}

CASE(without_a_second_copy_damage_is_said_and_no_data)
{
	struct sync_scrub r;
	struct yard y;

	make(&y, NULL, 0);
	flip(&y, 2, 1000);
	r = scrub(&y, true);
	EQ(r.remote, false);		/* there is none */
	EQ(r.local_damaged, 1);
	EQ(r.local_healed, 0);
	EQ(r.chunks_lost, 1);
	EQ(suspects_count(block_suspects(y.share)), 1);
	TRUE(unreadable(&y) > 0);
	remote_end(&y);
}

CASE(a_file_without_its_index_loses_all_its_chunks_and_says_how_many)
{
	struct sync_scrub r;
	struct yard y;

	make(&y, NULL, 0);
	flip(&y, 2, -200);		/* in the index */
	r = scrub(&y, false);
	EQ(r.local_damaged, 1);
	TRUE(r.chunks_lost >= PIECE / CHUNK_MAX);
	remote_end(&y);
}

static void
heals_here(int64_t at, uint8_t aead)
{
	uint8_t *before, *after;
	struct sync_scrub r;
	struct yard y;
	uint64_t len;

	make(&y, remote_memory(), aead);
	len = file(&y, 2, &before);
	flip(&y, 2, at);
	r = scrub(&y, false);
	EQ(r.local_damaged, 1);
	EQ(r.local_healed, 1);
	EQ(r.chunks_lost + r.remote_damaged + r.rows_differ, 0);
	EQ(file(&y, 2, &after), len);
	EQ_MEM(after, before, len);
	free(after);
	free(before);
	yard_compare(&y, 1);
	EQ(yard_recount(&y).wrong, 0);
	remote_end(&y);
}

CASE(a_damaged_unit_here_is_healed_from_the_remote) { heals_here(1000, 0); }
CASE(a_damaged_header_here_is_healed_from_the_remote) { heals_here(3, 0); }
CASE(a_damaged_index_here_is_healed_from_the_remote) { heals_here(-200, 0); }
CASE(a_damaged_trailer_here_is_healed_from_the_remote) { heals_here(-10, 0); }
CASE(a_sealed_unit_here_is_healed_from_the_remote) { heals_here(100000, 1); }
CASE(a_wrapped_key_here_is_healed_from_the_remote) { heals_here(80, 1); }

CASE(a_file_cut_short_is_healed_from_the_remote)
{
	struct sync_scrub r;
	char path[600];
	struct yard y;

	make(&y, remote_memory(), 0);
	path_of(&y, 3, path);
	EQ(truncate(path, 500000), 0);
	r = scrub(&y, false);
	EQ(r.local_healed, 1);
	yard_compare(&y, 1);
	remote_end(&y);
}

/* The object is put anew under its name, from the copy that is here. */
static void
heals_there(int64_t at)
{
	uint8_t *before = xmalloc(OBJECT_MAX), *after = xmalloc(OBJECT_MAX);
	struct sync_scrub r;
	struct yard y;
	uint64_t len;

	make(&y, remote_memory(), 0);
	len = get(&y, 2, before);
	if (at == 0)
		put(&y, 2, NULL, 0);
	else
		flip_there(&y, 2, at > 0 ? (uint64_t)at : len - (uint64_t)-at);
	r = scrub(&y, true);
	EQ(r.remote_damaged, 1);
	EQ(r.remote_put, 1);
	EQ(r.local_damaged + r.chunks_lost, 0);
	(void)remote_push(&y);
	EQ(get(&y, 2, after), len);
	EQ_MEM(after, before, len);
	r = scrub(&y, true);
	EQ(r.remote_damaged, 0);
	EQ(yard_recount(&y).wrong, 0);
	free(before);
	free(after);
	remote_end(&y);
}

CASE(a_damaged_object_is_put_anew) { heals_there(70000); }
CASE(an_object_without_its_index_is_put_anew) { heals_there(-200); }
CASE(a_missing_object_is_put_anew) { heals_there(0); }

CASE(an_object_that_is_not_to_be_believed_is_put_over_after_a_restart_too)
{
	uint8_t *before = xmalloc(OBJECT_MAX), *after = xmalloc(OBJECT_MAX);
	struct key key = key_container(2);
	struct container_row row = { .state = CONTAINER_LIVE, .local = true, .again = true };
	uint8_t room[64];
	struct writer w = writer_of(room, sizeof room);
	struct txn *t;
	struct yard y;
	lsn_t lsn;

	make(&y, remote_memory(), 0);
	t = txn_new();
	row.bytes = get(&y, 2, before);
	row.fence = fence_of(&y, 2);
	flip_there(&y, 2, 5000);
	rec_container_encode(&w, &row);
	txn_put(t, key_slice(&key), slice_of(room, w.len), NULL);
	EQ(block_reserve(y.share, t), OK);
	block_commit(y.share, t, &lsn);
	yard_close(&y);
	yard_open(&y, false);
	(void)remote_push(&y);
	EQ(get(&y, 2, after), row.bytes);
	EQ_MEM(after, before, row.bytes);
	free(before);
	free(after);
	remote_end(&y);
}

/* --- a store that lets nobody replace or delete what it has --- */

static void
write_behind(struct yard *y)
{
	uint8_t *bytes = xmalloc(PIECE);

	rand_bytes(bytes, PIECE);
	yard_write(y, 1, PIECES * PIECE, bytes, PIECE);
	yard_drain(y);
	free(bytes);
}

/* Until so many are refused, and no more than that wait. */
static void
settled(struct yard *y, uint64_t refused)
{
	struct sync_remote r = { .has = false };

	for (int i = 0; i < PATIENCE; i++) {
		sync_push_share(y->share);
		sync_remote_look(y->share, &r);
		if (r.refused == refused && r.pending == refused)
			return;
		usleep(10000);
	}
	check_fail(__FILE__, __LINE__, "%llu refused, %llu pending, %s",
	    (unsigned long long)r.refused, (unsigned long long)r.pending, r.text);
}

CASE(a_damaged_object_that_may_not_be_replaced_holds_up_no_other)
{
	uint8_t *after = xmalloc(OBJECT_MAX), *damaged = xmalloc(OBJECT_MAX);
	struct sync_scrub r;
	uint64_t fence, len;
	struct yard y;

	make(&y, keeper_before(remote_memory()), 0);
	flip_there(&y, 2, 70000);
	len = get(&y, 2, damaged);
	fence = fence_of(&y, 2);
	keeper_set(true, false);
	r = scrub(&y, true);
	EQ(r.remote_damaged, 1);
	write_behind(&y);
	settled(&y, 1);			/* what was made since is there */
	sync_scrub_look(y.share, &r);
	EQ(r.remote_refused, 1);
	EQ(get(&y, 2, after), len);
	EQ_MEM(after, damaged, len);
	yard_compare(&y, 1);
	reopen(&y);			/* its row says that it is to be put over */
	settled(&y, 1);

	/* Written anew under another name, it needs that object no more. */
	sync_compact_share(y.share, false);
	(void)remote_push(&y);
	sync_scrub_look(y.share, &r);
	EQ(r.remote_refused, 0);
	EQ(mirror_head(block_mirror(y.share), 2, &fence, NULL), ST_NOENT);
	yard_compare(&y, 1);
	free(after);
	free(damaged);
	remote_end(&y);
}

/* Where nobody is let in, that says nothing of one object. */
CASE(it_is_replaced_once_that_is_allowed_and_a_store_that_refuses_all_is_away)
{
	uint8_t *before = xmalloc(OBJECT_MAX), *after = xmalloc(OBJECT_MAX);
	struct sync_remote r = { .has = false };
	struct yard y;
	uint64_t len;

	make(&y, keeper_before(remote_memory()), 0);
	len = get(&y, 2, before);
	flip_there(&y, 2, 70000);
	keeper_set(true, false);
	EQ(scrub(&y, true).remote_damaged, 1);
	keeper_set(true, true);
	for (int i = 0; i < PATIENCE && (r.retries < 4 || !r.away); i++) {
		sync_push_share(y.share);
		usleep(10000);
		sync_remote_look(y.share, &r);
	}
	TRUE(r.away);
	keeper_set(true, false);
	settled(&y, 1);
	keeper_set(false, false);
	(void)remote_push(&y);
	EQ(get(&y, 2, after), len);
	EQ_MEM(after, before, len);
	free(before);
	free(after);
	remote_end(&y);
}

CASE(two_damaged_copies_make_a_good_one)
{
	struct sync_scrub r;
	struct yard y;

	make(&y, remote_memory(), 0);
	flip(&y, 2, 1000);
	flip(&y, 2, -10);
	flip_there(&y, 2, 900000);
	r = scrub(&y, true);
	EQ(r.local_damaged, 1);
	EQ(r.local_healed, 1);
	EQ(r.remote_damaged, 1);
	EQ(r.remote_put, 1);
	EQ(r.chunks_lost, 0);
	(void)remote_push(&y);
	r = scrub(&y, true);
	EQ(r.local_damaged + r.remote_damaged, 0);
	yard_compare(&y, 1);
	remote_end(&y);
}

CASE(what_is_damaged_in_both_is_lost_and_the_rest_is_healed)
{
	struct sync_scrub r;
	struct yard y;

	make(&y, remote_memory(), 0);
	flip(&y, 2, 1000);
	flip(&y, 2, 900000);
	flip_there(&y, 2, 1000);
	r = scrub(&y, true);
	EQ(r.local_damaged, 1);
	EQ(r.local_healed, 0);
	EQ(r.remote_put, 0);
	EQ(r.chunks_lost, 1);
	TRUE(unreadable(&y) > 0);
	remote_end(&y);
}

CASE(a_damaged_index_costs_no_good_unit_where_the_remote_has_damaged_ones)
{
	struct yard y;

	make(&y, remote_memory(), 0);
	flip(&y, 2, -200);		/* the index here, units there: reads need both */
	flip_there(&y, 2, 1000);
	flip_there(&y, 2, 900000);
	reopen(&y);
	yard_compare(&y, 1);
	EQ(yard_recount(&y).files, PIECES);
	remote_end(&y);
}

CASE(a_file_stays_where_the_remote_has_nothing_to_mend_it_with)
{
	uint8_t *before, *after, *to = xmalloc(4096);
	struct yard y;
	uint64_t len;

	make(&y, remote_memory(), 0);
	flip(&y, 2, -200);
	flip_there(&y, 2, 10);		/* its header */
	len = file(&y, 2, &before);
	reopen(&y);
	EQ(yard_read(&y, 1, PIECE + PIECE / 2, 4096, to), ST_CORRUPT);
	EQ(file(&y, 2, &after), len);
	EQ_MEM(after, before, len);
	free(before);
	free(after);
	free(to);
	remote_end(&y);
}

CASE(parts_that_are_damaged_are_fetched_again)
{
	struct sync_remote r = { .local_bytes = 1 };
	struct sync_scrub seen;
	uint8_t *to = xmalloc(65536), byte;
	char path[600];
	struct yard y;
	int fd;

	make(&y, remote_memory(), 0);
	EQ(sync_evict_share(y.share, "", 0), OK);
	for (int i = 0; i < PATIENCE && r.local_bytes > 0; i++) {
		usleep(10000);
		sync_remote_look(y.share, &r);
	}
	EQ(yard_read(&y, 1, PIECE, 65536, to), OK);
	snprintf(path, sizeof path, "%s/containers/%016llx.dfp", y.dir, 2ull);
	fd = open(path, O_RDWR);
	TRUE(fd >= 0 && pread(fd, &byte, 1, 1000) == 1);
	byte ^= 4;
	TRUE(pwrite(fd, &byte, 1, 1000) == 1);
	seen = scrub(&y, false);
	EQ(seen.parts_damaged, 1);
	EQ(seen.local_damaged + seen.chunks_lost, 0);
	TRUE(pread(fd, &byte, 1, 1000) == 1);
	EQ(byte, 0);
	close(fd);
	yard_compare(&y, 1);
	EQ(scrub(&y, false).parts_damaged, 0);
	free(to);
	remote_end(&y);
}

CASE(rows_that_are_not_what_the_index_says_are_told)
{
	struct key key;
	struct chunk c = { .container = 2, .index = 7, .len = 1, .algorithm = 1 };
	uint8_t room[64], id[8], digest[32];
	struct writer w = writer_of(room, sizeof room);
	struct txn *t;
	struct yard y;
	lsn_t lsn;

	make(&y, NULL, 0);
	memset(digest, 9, sizeof digest);	/* a chunk that no container holds */
	t = txn_new();
	key = key_chunk(digest);
	rec_chunk_encode(&w, &c);
	txn_put(t, key_slice(&key), slice_of(room, w.len), NULL);
	put_be64(id, 2);
	key = key_count(COUNT_CONTAINER, id, 8);
	txn_count(t, key_slice(&key), 1);
	EQ(block_reserve(y.share, t), OK);
	block_commit(y.share, t, &lsn);
	EQ(scrub(&y, false).rows_differ, 1);
	remote_end(&y);
}

CASE(a_row_whose_checksum_does_not_fit_is_told)
{
	struct meta_op op = { .key = slice_of("\x12zzzz", 5), .value = slice_of("garbage", 7) };
	struct meta_ident ident;
	struct yard y;

	make(&y, NULL, 0);
	yard_drain(&y);
	EQ(y.share->store->ops->ident(y.share->store, &ident), OK);
	EQ(y.share->store->ops->apply(y.share->store, &op, 1, ident.applied_lsn, ident.fence), OK);
	EQ(scrub(&y, false).rows_damaged, 1);
	op.del = true;
	EQ(y.share->store->ops->apply(y.share->store, &op, 1, ident.applied_lsn, ident.fence), OK);
	remote_end(&y);
}

CASE(a_scrub_goes_on_after_a_restart_and_can_be_stopped)
{
	struct sync_conf slow = { .apply_ms = 100, .carve_age_ms = 200, .carve_at_percent = 25,
		.scrub_bytes = 32 << 10 };
	struct sync_conf fast = { .apply_ms = 100, .carve_age_ms = 200, .carve_at_percent = 25 };
	struct sync_scrub r = { 0 };
	uint64_t began, until;
	struct yard y;

	make(&y, NULL, 0);
	yard_close(&y);
	sync_start(&slow);		/* one, then half a minute none */
	yard_open(&y, false);
	sync_scrub_begin(y.share, false);
	for (int i = 0; i < PATIENCE && r.containers == 0; i++) {
		usleep(2000);
		sync_scrub_look(y.share, &r);
	}
	EQ(r.state, SCRUB_RUNS);
	EQ(r.containers, 1);
	for (int n = 0; n < 6; n++) {
		began = r.started_ns;
		sync_scrub_stop(y.share);
		until = clock_mono_ns() + 10 * NS_PER_S;
		while (r.state != SCRUB_STOPPED && clock_mono_ns() < until)
			sync_scrub_look(y.share, &r);	/* at once: that end is still being kept */
		sync_scrub_begin(y.share, false);
		EQ(r.state, SCRUB_STOPPED);
		EQ(r.containers, 1);
		for (int i = 0; i < PATIENCE && (r.containers != 1 || r.started_ns == began); i++) {
			usleep(2000);
			sync_scrub_look(y.share, &r);
		}
		EQ(r.containers, 1);
	}
	began = r.started_ns;
	yard_close(&y);
	sync_start(&fast);
	yard_open(&y, false);
	for (int i = 0; i < PATIENCE && r.state != SCRUB_DONE; i++) {
		usleep(2000);
		sync_scrub_look(y.share, &r);
	}
	EQ(r.state, SCRUB_DONE);
	EQ(r.started_ns, began);
	EQ(r.containers, PIECES);
	yard_close(&y);
	yard_open(&y, false);
	r.state = SCRUB_NEVER;		/* the last one is told of */
	for (int i = 0; i < PATIENCE && r.state == SCRUB_NEVER; i++) {
		usleep(2000);
		sync_scrub_look(y.share, &r);
	}
	EQ(r.started_ns, began);
	remote_end(&y);
}
