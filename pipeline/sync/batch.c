/*
 * Windows wait in the batch until their container is durable; then they are committed in a few
 * entries.  A chunk's row is written by the first entry that cites it, so that an entry which
 * does not come to be leaves nothing behind but unused bytes in a container.
 */
#include "pipeline/sync/batch.h"

#include "crypto/digest.h"
#include "crypto/secret.h"
#include "pipeline/base/log.h"
#include "pipeline/base/meter.h"
#include "pipeline/base/num.h"
#include "pipeline/block/compress.h"
#include "pipeline/block/mirror.h"
#include "pipeline/block/suspect.h"
#include "pipeline/sync/ledger.h"
#include "pipeline/sync/upload.h"

#include <stdlib.h>

/* A window has at most so many units: one for each 64 KiB, one more for each chunk. */
enum { CHAINS = 1024, ENTRY_BYTES = 24 << 10, WINDOWS_MAX = 4096,
	WINDOW_UNITS = MAP_WINDOW / CHUNK_UNIT + MAP_WINDOW / CHUNK_MIN + 640,
	UNIT_OVERHEAD = CONTAINER_TAG + CONTAINER_ROW,
	WINDOW_BYTES_MAX = MAP_WINDOW + WINDOW_UNITS * UNIT_OVERHEAD,
	ROW_BYTES_MAX = 4096, LEAF_BYTES_MAX = 8 + LEAF_PIECES_MAX * 48 };

struct stored {
	uint8_t digest[32];
	struct chunk chunk;
	bool has_row;			/* committed, or in the entry that is being built */
	uint64_t was_in;		/* the container of its damaged copy; 0: it had none */
	uint32_t next;			/* in its chain, + 1 */
};

struct batch {
	struct sync *sync;
	struct work *by;
	struct container_builder *builder;	/* NULL: no chunk yet */
	uint64_t number;		/* container's */
	struct compressor *small;	/* NULL: the share does not compress */
	struct stored stored[CONTAINER_CHUNKS_MAX];
	uint32_t nstored, units;
	uint32_t chain[CHAINS];
	bool has_row;			/* the container */
	struct carved *v;
	uint32_t n, cap;
	uint8_t room[LEAF_BYTES_MAX];	/* to encode a leaf in */
};

struct batch *
batch_new(struct sync *y, struct work *by)
{
	struct batch *b = xcalloc(1, sizeof *b);

	b->sync = y;
	b->by = by;
	b->small = compressor_new(y->share->conf.compression);
	return b;
}

static void
empty(struct batch *b)
{
	for (uint32_t i = 0; i < b->n; i++)
		free(b->v[i].v);
	container_builder_free(&b->builder);
	b->n = b->nstored = b->units = 0;
	b->has_row = false;
	memset(b->chain, 0, sizeof b->chain);
}

void
batch_free(struct batch **bp)
{
	struct batch *b = TAKE(bp);

	if (b == NULL)
		return;
	empty(b);
	compressor_free(&b->small);
	free(b->v);
	free(b);
}

bool
batch_has_room(const struct batch *b)
{
	uint64_t bytes = b->builder == NULL ? CONTAINER_HEADER : container_so_far(b->builder);

	return b->n < WINDOWS_MAX && b->units + WINDOW_UNITS <= CONTAINER_CHUNKS_MAX &&
	    bytes + (uint64_t)b->units * CONTAINER_ROW + WINDOW_BYTES_MAX + CONTAINER_TRAILER <=
	    CONTAINER_BYTES;
}

/* --- chunks --- */

static uint32_t *
chain_of(struct batch *b, const uint8_t digest[32])
{
	return &b->chain[get_le16(digest) % CHAINS];
}

static struct stored *
find_stored(struct batch *b, const uint8_t digest[32])
{
	for (uint32_t at = *chain_of(b, digest); at != 0; at = b->stored[at - 1].next)
		if (memcmp(b->stored[at - 1].digest, digest, 32) == 0)
			return &b->stored[at - 1];
	return NULL;
}

/*
 * A chunk that has a row has a reference, and nobody but this errand takes that away: so its
 * container is not dying.  One whose bytes were seen missing or damaged is not known: *in says
 * which container holds those, 0 without a row.
 */
static enum status
known(struct batch *b, const uint8_t digest[32], uint32_t len, bool *is, uint64_t *in)
{
	struct key key = key_chunk(digest);
	uint8_t home[ROW_BYTES_MAX];
	struct arena arena;
	struct version row;
	struct chunk chunk;
	enum status st;

	arena_init(&arena, home, sizeof home, ROW_BYTES_MAX);
	st = catalog_get(b->sync->share->catalog, key_slice(&key), true, &arena, &row);
	if (st == OK && row.exists && (st = rec_chunk_decode(row.body, &chunk)) == OK &&
	    chunk.len != len)
		st = ST_CORRUPT;
	if (st == OK) {
		*is = row.exists && !suspect_is(block_suspects(b->sync->share), digest);
		*in = row.exists ? chunk.container : 0;
	}
	arena_rewind(&arena);
	return st;
}

static void
open_container(struct batch *b)
{
	struct share *s = b->sync->share;
	struct container_ident ident = { .fence = b->sync->fence };
	struct container_keys keys;

	b->number = atomic_fetch_add(&s->next_container, 1);
	ident.number = b->number;
	memcpy(ident.share_id, s->row.share_id, sizeof ident.share_id);
	if (s->keys != NULL)
		keys_container_make(s->keys, &ident, &keys);
	else
		container_plain_keys(s->row.digest_key, &keys);
	b->builder = container_builder_new(&ident, &keys, b->small);
	secret_wipe(&keys, sizeof keys);
}

/* Its units one after another; *first: the index of the first. */
static enum status
add_units(struct batch *b, const uint8_t digest[32], const uint8_t *bytes, uint32_t len,
    uint32_t *first)
{
	enum status st = OK;

	for (uint32_t at = 0, index; at < len && st == OK; at += CHUNK_UNIT) {
		uint32_t n = MIN(len - at, (uint32_t)CHUNK_UNIT);

		st = container_add(b->builder, digest, bytes + at, n, &index);
		if (at == 0)
			*first = index;
		b->units++;
	}
	return st;
}

enum status
batch_chunk(struct batch *b, const uint8_t digest[32], const void *bytes, uint32_t len)
{
	uint32_t *chain = chain_of(b, digest);
	struct stored *new;
	enum status st;
	uint64_t in;
	bool is;

	if (find_stored(b, digest) != NULL)
		return OK;
	if ((st = known(b, digest, len, &is, &in)) != OK || is) {
		meter_add(METER_DEDUPED_BYTES, st == OK ? len : 0);
		return st;
	}
	if (b->units + CHUNK_UNITS > CONTAINER_CHUNKS_MAX)
		return ST_RESOURCE;
	if (b->builder == NULL)
		open_container(b);
	new = &b->stored[b->nstored];
	*new = (struct stored){ .chunk = { .container = b->number, .len = len,
		.algorithm = DIGEST_KEYED_BLAKE2B_256 }, .was_in = in, .next = *chain };
	memcpy(new->digest, digest, 32);
	if ((st = add_units(b, digest, bytes, len, &new->chunk.index)) != OK)
		return st;
	*chain = ++b->nstored;
	return OK;
}

void
batch_add(struct batch *b, const struct carved *c)
{
	if (b->n == b->cap) {
		b->cap = MAX(16u, b->cap * 2);
		b->v = xrealloc(b->v, b->cap * sizeof *b->v);
	}
	b->v[b->n++] = *c;
}

/* --- entries --- */

struct building {
	struct batch *batch;
	struct txn *txn;
	struct ledger *ledger;
	uint64_t container_bytes;
};

static void
put_container(struct building *e)
{
	struct batch *b = e->batch;
	struct key key = key_container(b->number);
	struct container_row row = { .state = CONTAINER_LIVE, .local = true,
		.bytes = e->container_bytes, .chunks = b->nstored };
	uint8_t room[64];
	struct writer w = writer_of(room, sizeof room);

	rec_container_encode(&w, &row);
	assert(writer_ok(&w));
	txn_put(e->txn, key_slice(&key), slice_of(room, w.len), NULL);
	b->has_row = true;
}

/* A reference to a chunk; its row too, where this is the first. */
static void
cite_chunk(struct building *e, const uint8_t digest[32])
{
	struct stored *s = find_stored(e->batch, digest);
	struct key key = key_chunk(digest);
	uint8_t room[64];
	struct writer w = writer_of(room, sizeof room);

	ledger_add_chunk(e->ledger, digest);
	if (s == NULL || s->has_row)
		return;
	if (!e->batch->has_row)
		put_container(e);
	rec_chunk_encode(&w, &s->chunk);
	assert(writer_ok(&w));
	txn_put(e->txn, key_slice(&key), slice_of(room, w.len), NULL);
	ledger_add_container(e->ledger, s->chunk.container);
	if (s->was_in != 0)
		ledger_drop_container(e->ledger, s->was_in);
	s->has_row = true;
}

static uint64_t
put_leaf(struct building *e, const struct carved *c)
{
	struct batch *b = e->batch;
	uint64_t leaf = atomic_fetch_add(&b->sync->share->next_leaf, 1);
	struct key key = key_leaf(leaf);
	struct writer w = writer_of(b->room, sizeof b->room);

	rec_leaf_encode(&w, c->v, c->n);
	if (!writer_ok(&w))
		e->txn->failed = true;
	txn_put(e->txn, key_slice(&key), slice_of(b->room, w.len), NULL);
	ledger_add_leaf(e->ledger, leaf);
	for (uint32_t i = 0; i < c->n; i++)
		if (!c->v[i].hole)
			cite_chunk(e, c->v[i].digest);
	return leaf;
}

/* The replaced leaf loses a reference, unless a snapshot's history row goes on naming it. */
static void
drop_old_leaf(struct building *e, const struct carved *c)
{
	struct key key = key_reap(c->old_leaf, REAP_LEAF);
	uint64_t newest = catalog_newest_snapshot(e->batch->sync->share->catalog);
	uint8_t room[64];
	struct writer w = writer_of(room, sizeof room);

	if (newest != 0 && c->old.born <= newest)
		return;
	rec_reap_encode(&w, &(struct reap){ c->old_leaf, REAP_LEAF });
	assert(writer_ok(&w));
	txn_put(e->txn, key_slice(&key), slice_of(room, w.len), NULL);
}

/* The replaced row again, for history: it must last until the commit. */
static struct slice
old_body(struct txn *t, uint64_t leaf)
{
	uint8_t room[32], *copy;
	struct writer w = writer_of(room, sizeof room);

	rec_map_encode(&w, leaf);
	assert(writer_ok(&w));
	copy = arena_copy(&t->arena, room, w.len);
	t->failed |= copy == NULL;
	return slice_of(copy, copy == NULL ? 0 : w.len);
}

static void
put_window(struct building *e, const struct carved *c)
{
	struct key key = key_map(c->content, c->window);
	struct old_version old = { .exists = c->old.exists, .born = c->old.born, .lsn = c->old.lsn };
	uint8_t room[32];
	struct writer w = writer_of(room, sizeof room);

	txn_carved(e->txn, c->content, c->from, c->to, c->as_of);
	if (!c->changes)
		return;
	if (c->old.exists) {
		old.body = old_body(e->txn, c->old_leaf);
		drop_old_leaf(e, c);
	}
	if (c->n == 0) {
		txn_del(e->txn, key_slice(&key), &old);
	} else {
		rec_map_encode(&w, put_leaf(e, c));
		txn_put(e->txn, key_slice(&key), slice_of(room, w.len), &old);
	}
	assert(writer_ok(&w));
}

/* What was damaged is whole again; a container may have lost its last chunk by that. */
static void
healed(struct building *e, lsn_t lsn)
{
	struct batch *b = e->batch;
	const uint64_t *dying;
	uint32_t n;

	dying = ledger_dying(e->ledger, &n);
	for (uint32_t i = 0; i < n; i++)
		sync_dying(b->sync, dying[i], lsn);
	for (uint32_t i = 0; i < b->nstored; i++)
		if (b->stored[i].was_in != 0 && b->stored[i].has_row)
			suspect_clear(block_suspects(b->sync->share), b->stored[i].digest);
}

static enum status
commit_entry(struct building *e)
{
	struct batch *b = e->batch;
	enum status st = ledger_settle(e->ledger, e->txn);
	lsn_t lsn;

	if (st == OK)
		st = sync_commit(b->sync, b->by, TAKE(&e->txn), &lsn);
	if (st == OK)
		healed(e, lsn);
	return st;
}

/* As many windows as make one entry, from *at on: large ones alone, since an entry is committed
 * in one go, under order. */
static enum status
next_entry(struct batch *b, uint64_t container_bytes, uint32_t *at)
{
	struct building e = { .batch = b, .txn = sync_txn(b->sync),
		.ledger = ledger_new(b->sync->share), .container_bytes = container_bytes };
	enum status st = e.txn == NULL ? ST_RESOURCE : OK;

	if (st == OK) {
		do
			put_window(&e, &b->v[(*at)++]);
		while (*at < b->n && e.txn->record_bytes < ENTRY_BYTES);
		st = commit_entry(&e);
	}
	if (e.txn != NULL)
		txn_free(&e.txn);
	ledger_free(&e.ledger);
	return st;
}

static enum status
commit_all(struct batch *b, uint64_t container_bytes, bool *any)
{
	enum status st = OK;

	for (uint32_t at = 0; at < b->n && st == OK;) {
		st = next_entry(b, container_bytes, &at);
		*any |= st == OK && b->has_row;
	}
	return st;
}

enum status
batch_flush(struct batch *b)
{
	struct mirror *m = block_mirror(b->sync->share);
	struct upload *up = b->sync->upload;
	enum status st = OK;
	uint64_t len = 0;
	bool any = false;

	if (b->builder != NULL) {
		const uint8_t *bytes = container_finish(b->builder, &len);

		st = block_disk_room(b->sync->share, len) ? mirror_put(m, b->number, bytes, len) :
		    ST_NOSPC;
	}
	if (st == OK && b->builder != NULL && up != NULL)
		upload_made(up, b->number, len);
	if (st == OK)
		st = commit_all(b, len, &any);
	if (b->builder != NULL && any) {
		meter_add(METER_CONTAINERS, 1);
		meter_add(METER_CARVED_BYTES, (int64_t)len);
	} else if (b->builder != NULL) {
		if (up != NULL)
			upload_unmade(up, b->number);
		if (mirror_delete(m, b->number) != OK)		/* swept later */
			log_debug("container.unused", F_HEX("container", b->number));
	}
	empty(b);
	return st;
}
