/*
 * Windows wait in the batch until their container is durable; then they are committed in a few
 * entries.  A chunk's row is written by the first entry that cites it, so that an entry which
 * does not come to be leaves nothing behind but unused bytes in a container.
 *
 * There are two containers: one is filled while the one before it is on its way to the disk.  What
 * is filled may cite chunks of the other, whose windows are committed first; if they are not, all
 * of it stays dirty.
 */
#include "pipeline/sync/batch.h"

#include "crypto/digest.h"
#include "crypto/secret.h"
#include "pipeline/base/log.h"
#include "pipeline/base/meter.h"
#include "pipeline/base/num.h"
#include "pipeline/block/compress.h"
#include "pipeline/block/mirror.h"
#include "pipeline/block/rows.h"
#include "pipeline/block/suspect.h"
#include "pipeline/sync/crew.h"
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
	bool moves;			/* no window here cites it: it has a row, which changes */
	uint64_t was_in;		/* the container of its older copy; 0: it had none */
	uint32_t next;			/* in its chain, + 1 */
};

struct load {				/* a container and the windows that wait for it */
	struct batch *batch;
	struct container_builder *builder;	/* NULL: no chunk yet */
	uint64_t number;		/* container's */
	uint8_t key;			/* version of the share key that wraps its own; 0: clear */
	struct stored stored[CONTAINER_CHUNKS_MAX];
	uint32_t nstored, units;
	uint64_t packed;		/* bytes of the chunks in it */
	uint32_t chain[CHAINS];
	bool has_row;			/* the container */
	bool moves;			/* some chunk does */
	struct carved *v;
	uint32_t n, cap;
	uint64_t len;			/* finished; 0: no container */
	enum status put;		/* what became of it */
};

struct batch {
	struct sync *sync;
	struct work *by;
	struct load *fill, *sent;	/* sent: on its way, or empty */
	struct load loads[2];
	uint32_t nsent;
	struct container_unit *making;	/* begun, not yet in the container */
	uint32_t nmaking, making_cap;
	struct container_maker makers[CREW_SEATS_MAX];
	uint8_t room[LEAF_BYTES_MAX];	/* to encode a leaf in */
};

struct batch *
batch_new(struct sync *y, struct work *by)
{
	struct batch *b = xcalloc(1, sizeof *b);
	uint8_t level = atomic_load(&y->share->now.compression);

	b->sync = y;
	b->by = by;
	b->fill = &b->loads[0];
	b->sent = &b->loads[1];
	b->fill->batch = b->sent->batch = b;
	for (uint32_t i = 0; i < crew_seats(y->crew); i++)
		b->makers[i].small = compressor_new(level);
	return b;
}

static void
empty(struct load *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		free(l->v[i].v);
	container_builder_free(&l->builder);
	l->n = l->nstored = l->units = 0;
	l->has_row = l->moves = false;
	l->packed = l->len = 0;
	l->put = OK;
	memset(l->chain, 0, sizeof l->chain);
}

void
batch_free(struct batch **bp)
{
	struct batch *b = TAKE(bp);

	if (b == NULL)
		return;
	crew_end(b->sync->crew, CREW_PUT);
	for (size_t i = 0; i < ARRAY_LEN(b->loads); i++) {
		empty(&b->loads[i]);
		free(b->loads[i].v);
	}
	for (size_t i = 0; i < ARRAY_LEN(b->makers); i++) {
		compressor_free(&b->makers[i].small);
		secret_wipe(b->makers[i].smaller, sizeof b->makers[i].smaller);
	}
	free(b->making);
	free(b);
}

bool
batch_has_room(const struct batch *b)
{
	const struct load *l = b->fill;
	uint64_t bytes = l->builder == NULL ? CONTAINER_HEADER : container_so_far(l->builder);

	return l->n < WINDOWS_MAX && l->units + WINDOW_UNITS <= CONTAINER_CHUNKS_MAX &&
	    bytes + (uint64_t)l->units * CONTAINER_ROW + WINDOW_BYTES_MAX + CONTAINER_TRAILER <=
	    CONTAINER_BYTES;
}

uint64_t
batch_bytes(const struct batch *b)
{
	const struct load *l = b->fill;
	uint64_t bytes = l->builder == NULL ? 0 : container_so_far(l->builder) +
	    (uint64_t)l->units * CONTAINER_ROW + CONTAINER_TRAILER;

	for (uint32_t i = 0; i < b->nmaking; i++)
		bytes += b->making[i].len + CONTAINER_TAG;
	return bytes;
}

bool
batch_has_chunk_room(const struct batch *b)
{
	return b->fill->units + CHUNK_UNITS <= CONTAINER_CHUNKS_MAX &&
	    batch_bytes(b) + CHUNK_MAX + CHUNK_UNITS * UNIT_OVERHEAD + CONTAINER_HEADER +
	    CONTAINER_TRAILER <= CONTAINER_BYTES;
}

/* --- chunks --- */

static uint32_t *
chain_of(struct load *l, const uint8_t digest[32])
{
	return &l->chain[get_le16(digest) % CHAINS];
}

static struct stored *
find_stored(struct load *l, const uint8_t digest[32])
{
	for (uint32_t at = *chain_of(l, digest); at != 0; at = l->stored[at - 1].next)
		if (memcmp(l->stored[at - 1].digest, digest, 32) == 0)
			return &l->stored[at - 1];
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
	struct chunk chunk = { .container = 0 };
	enum status st = rows_chunk(b->sync->share, digest, false, &chunk);
	bool there = st == OK;

	if (st != OK && st != ST_NOENT)
		return st;
	if (there && chunk.len != len)
		return ST_CORRUPT;
	*is = there && !suspect_is(block_suspects(b->sync->share), digest);
	*in = chunk.container;
	return OK;
}

static void
open_container(struct batch *b)
{
	struct share *s = b->sync->share;
	struct container_ident ident = { .fence = b->sync->fence };
	struct container_keys keys;

	b->fill->number = atomic_fetch_add(&s->next_container, 1);
	ident.number = b->fill->number;
	memcpy(ident.share_id, s->row.share_id, sizeof ident.share_id);
	if (s->keys != NULL)
		keys_container_make(s->keys, &ident, &keys);
	else
		container_plain_keys(s->row.digest_key, &keys);
	b->fill->builder = container_builder_new(&ident, &keys, NULL);
	b->fill->key = keys.aead == 0 ? 0 : (uint8_t)keys.version;
	secret_wipe(&keys, sizeof keys);
}

/* Its units one after another: their numbers are taken now. */
static void
begin_units(struct batch *b, const struct stored *chunk, uint8_t *bytes)
{
	for (uint32_t at = 0; at < chunk->chunk.len; at += CHUNK_UNIT) {
		if (b->nmaking == b->making_cap) {
			b->making_cap = MAX(256u, b->making_cap * 2);
			b->making = xrealloc(b->making, b->making_cap * sizeof *b->making);
		}
		b->making[b->nmaking++] = (struct container_unit){ .index = b->fill->units++,
			.len = MIN(chunk->chunk.len - at, (uint32_t)CHUNK_UNIT),
			.digest = chunk->digest, .plain = bytes + at, .to = bytes + at };
	}
}

static enum status
store(struct batch *b, const uint8_t digest[32], uint8_t *bytes, uint32_t len, struct stored **newp)
{
	struct load *l = b->fill;
	uint32_t *chain = chain_of(l, digest);
	struct stored *new;

	if (l->units + CHUNK_UNITS > CONTAINER_CHUNKS_MAX)
		return ST_RESOURCE;
	if (l->builder == NULL)
		open_container(b);
	new = &l->stored[l->nstored];
	*new = (struct stored){ .chunk = { .container = l->number, .index = l->units, .len = len,
		.algorithm = DIGEST_KEYED_BLAKE2B_256 }, .next = *chain };
	memcpy(new->digest, digest, 32);
	begin_units(b, new, bytes);
	*chain = ++l->nstored;
	l->packed += len;
	*newp = new;
	return OK;
}

enum status
batch_chunk(struct batch *b, const uint8_t digest[32], uint8_t *bytes, uint32_t len)
{
	struct load *l = b->fill;
	struct stored *new;
	enum status st;
	uint64_t in;
	bool is;

	st = OK;
	is = find_stored(l, digest) != NULL || find_stored(b->sent, digest) != NULL;
	if (is || (st = known(b, digest, len, &is, &in)) != OK || is) {
		meter_add(METER_DEDUPED_BYTES, st == OK ? len : 0);
		atomic_fetch_add(&b->sync->known_bytes, st == OK ? len : 0);
		return st;
	}
	if ((st = store(b, digest, bytes, len, &new)) == OK)
		new->was_in = in;
	return st;
}

enum status
batch_move(struct batch *b, const uint8_t digest[32], uint8_t *bytes, uint32_t len, uint64_t from)
{
	struct stored *new;
	enum status st;

	if (find_stored(b->fill, digest) != NULL)
		return OK;
	if ((st = store(b, digest, bytes, len, &new)) == OK) {
		new->was_in = from;
		new->moves = true;
		b->fill->moves = true;
	}
	return st;
}

static void
make_unit(void *arg, uint32_t seat, uint32_t i)
{
	struct batch *b = arg;

	container_unit_make(b->fill->builder, &b->makers[seat], &b->making[i]);
}

enum status
batch_seal(struct batch *b)
{
	enum status st = OK;
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < b->nmaking; i++)
		bytes += b->making[i].len;
	crew_run(b->sync->crew, b->nmaking, bytes, make_unit, b);
	for (uint32_t i = 0; i < b->nmaking && st == OK; i++)
		st = container_append(b->fill->builder, &b->making[i]);
	b->nmaking = 0;
	return st;
}

void
batch_add(struct batch *b, const struct carved *c)
{
	struct load *l = b->fill;

	if (l->n == l->cap) {
		l->cap = MAX(16u, l->cap * 2);
		l->v = xrealloc(l->v, l->cap * sizeof *l->v);
	}
	l->v[l->n++] = *c;
}

/* --- entries --- */

struct building {
	struct batch *batch;
	struct load *load;
	struct txn *txn;
	struct ledger *ledger;
};

static void
put_container(struct building *e)
{
	struct load *l = e->load;
	struct container_row row = { .state = CONTAINER_LIVE, .local = true, .bytes = l->len,
		.chunks = l->nstored, .fence = e->batch->sync->fence, .key = l->key };

	rows_container_put(e->txn, l->number, &row);
	l->has_row = true;
}

/* The row of a chunk that is stored here; the container's before it, where this is the first. */
static void
put_chunk(struct building *e, struct stored *s)
{
	struct key key = key_chunk(s->digest);
	uint8_t room[64];
	struct writer w = writer_of(room, sizeof room);

	if (!e->load->has_row)
		put_container(e);
	rec_chunk_encode(&w, &s->chunk);
	assert(writer_ok(&w));
	txn_put(e->txn, key_slice(&key), slice_of(room, w.len), NULL);
	ledger_add_container(e->ledger, s->chunk.container);
	if (s->was_in != 0)
		ledger_drop_container(e->ledger, s->was_in);
	s->has_row = true;
}

/* A reference to a chunk; its row too, where this is the first. */
static void
cite_chunk(struct building *e, const uint8_t digest[32])
{
	struct stored *s = find_stored(e->load, digest);

	ledger_add_chunk(e->ledger, digest);
	if (s != NULL && !s->has_row)
		put_chunk(e, s);
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
	struct old_version old = { .exists = c->old.exists,
		.born = c->old.born,
		.lsn = c->old.lsn };
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

/* What moves, from *at on. */
static void
put_moves(struct building *e, uint32_t *at)
{
	struct load *l = e->load;

	for (; *at < l->nstored && e->txn->record_bytes < ENTRY_BYTES; ++*at)
		if (l->stored[*at].moves && !l->stored[*at].has_row)
			put_chunk(e, &l->stored[*at]);
}

static void
put_windows(struct building *e, uint32_t *at)
{
	struct load *l = e->load;

	do
		put_window(e, &l->v[(*at)++]);
	while (*at < l->n && e->txn->record_bytes < ENTRY_BYTES);
}

/* What was damaged is whole again; a container may have lost its last chunk by that. */
static void
healed(struct building *e, lsn_t lsn)
{
	struct sync *y = e->batch->sync;
	struct load *l = e->load;
	const uint64_t *dying;
	uint32_t n;

	dying = ledger_dying(e->ledger, &n);
	for (uint32_t i = 0; i < n; i++)
		sync_dying(y, dying[i], lsn);
	for (uint32_t i = 0; i < l->nstored; i++)
		if (l->stored[i].was_in != 0 && l->stored[i].has_row)
			suspect_clear(block_suspects(y->share), l->stored[i].digest);
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

/* As much as makes one entry, from *at on: large windows alone, since an entry is committed in
 * one go, under order. */
static enum status
next_entry(struct load *l, void (*put)(struct building *e, uint32_t *at), uint32_t *at)
{
	struct batch *b = l->batch;
	struct building e = { .batch = b, .load = l, .txn = sync_txn(b->sync),
		.ledger = ledger_new(b->sync->share) };
	enum status st = e.txn == NULL ? ST_RESOURCE : OK;

	if (st == OK) {
		put(&e, at);
		st = commit_entry(&e);
	}
	if (e.txn != NULL)
		txn_free(&e.txn);
	ledger_free(&e.ledger);
	return st;
}

static enum status
commit_all(struct load *l, bool *any)
{
	enum status st = OK;

	for (uint32_t at = 0; at < l->n && st == OK;) {
		st = next_entry(l, put_windows, &at);
		*any |= st == OK && l->has_row;
	}
	for (uint32_t at = 0; l->moves && at < l->nstored && st == OK;) {
		st = next_entry(l, put_moves, &at);
		*any |= st == OK && l->has_row;
	}
	return st;
}

/* --- on their way --- */

static void
put(void *arg)
{
	struct load *l = arg;
	uint64_t len;
	const uint8_t *bytes = container_finish(l->builder, &len);

	l->put = mirror_put(block_mirror(l->batch->sync->share), l->number, bytes, len);
}

/* The one that was sent is there, or not: its windows are committed, or stay dirty. */
static enum status
settle(struct batch *b)
{
	struct mirror *m = block_mirror(b->sync->share);
	struct upload *up = b->sync->upload;
	struct load *l = b->sent;
	enum status st;
	bool any = false;

	crew_end(b->sync->crew, CREW_PUT);
	st = l->put;
	if (st == OK && l->builder != NULL && up != NULL)
		upload_made(up, l->number, l->len);
	if (st == OK)
		st = commit_all(l, &any);
	if (l->builder != NULL && any) {
		meter_add(METER_CONTAINERS, 1);
		meter_add(l->moves ? METER_COMPACT_WRITTEN : METER_CARVED_BYTES, (int64_t)l->len);
		if (!l->moves) {	/* what moves was counted when it came */
			meter_add(METER_PACKED_BYTES, (int64_t)l->packed);
			atomic_fetch_add(&b->sync->stored_bytes, l->len);
			atomic_fetch_add(&b->sync->packed_bytes, l->packed);
		}
	} else if (l->builder != NULL) {
		if (up != NULL)
			upload_unmade(up, l->number);
		if (mirror_delete(m, l->number) != OK)		/* swept later */
			log_debug("container.unused", F_HEX("container", l->number));
	}
	empty(l);
	return st;
}

enum status
batch_send(struct batch *b)
{
	enum status st = settle(b);
	struct load *l = b->fill;

	b->nsent++;
	if (st != OK) {			/* what it cites may have come to nothing */
		empty(l);
		return st;
	}
	b->fill = b->sent;
	b->sent = l;
	if (l->builder == NULL)
		return OK;
	(void)container_finish(l->builder, &l->len);
	if (block_disk_room(b->sync->share, l->len))
		crew_begin(b->sync->crew, CREW_PUT, put, l);
	else
		l->put = ST_NOSPC;
	return OK;
}

uint32_t
batch_sent(const struct batch *b)
{
	return b->nsent;
}

enum status
batch_flush(struct batch *b)
{
	enum status st = batch_send(b);

	return st == OK ? settle(b) : st;
}
