/*
 * Building a window: its extents in order.  What is not cut anew keeps its piece; the rest goes
 * through a stream, run by run, and leaves it as chunks.
 */
#include "pipeline/sync/window.h"

#include "crypto/digest.h"
#include "crypto/secret.h"
#include "pipeline/block/fetch.h"
#include "pipeline/block/leaf.h"
#include "pipeline/block/suspect.h"
#include "pipeline/cache/page.h"
#include "pipeline/sync/pressure.h"

#include <stdlib.h>

enum { ROW_BYTES_MAX = 4096 };

struct build {
	struct sync *sync;
	const struct window *w;
	struct window_room *room;
	struct batch *batch;
	struct leaf *old;		/* NULL: none */
	struct carved out;
	uint32_t n;			/* of room->pieces */
};

struct run {				/* extents cut anew, and how far that has come */
	const struct extent *v;
	uint32_t n, at;			/* the extent that is read next */
	uint32_t read_to;		/* bytes within the window: in the stream, or before it */
	uint32_t start, len;		/* what the stream holds; its first byte lies at read_to − len */
};

struct window_room *
window_room_new(const struct share *s)
{
	struct window_room *room = xmalloc(sizeof *room);

	room->extents = (struct extents){ NULL, 0, 0, false };
	chunker_init(&room->chunker, s->row.digest_key);
	return room;
}

void
window_room_free(struct window_room **rp)
{
	struct window_room *room = TAKE(rp);

	if (room == NULL)
		return;
	secret_wipe(&room->chunker, sizeof room->chunker);
	free(room->extents.v);
	free(room);
}

static enum status
read_row(struct build *b)
{
	struct share *s = b->sync->share;
	struct key key = key_map(b->w->content, b->w->number);
	uint8_t home[ROW_BYTES_MAX];
	struct arena arena;
	enum status st;

	arena_init(&arena, home, sizeof home, ROW_BYTES_MAX);
	st = catalog_get(s->catalog, key_slice(&key), true, &arena, &b->out.old);
	if (st == OK && b->out.old.exists)
		st = rec_map_decode(b->out.old.body, &b->out.old_leaf);
	b->out.old.body = slice_of(NULL, 0);
	arena_rewind(&arena);
	if (st == OK && b->out.old.exists)
		st = leaf_get(block_leaves(s), s->catalog, b->out.old_leaf, true, &b->old);
	return st == ST_NOENT ? ST_CORRUPT : st;
}

/* --- old bytes --- */

/* One unit of a chunk into room->unit. */
static enum status
read_unit(struct build *b, const struct leaf_piece *lp, uint32_t unit, uint32_t *len)
{
	struct share *s = b->sync->share;
	struct key key = key_chunk(lp->digest);
	uint8_t home[ROW_BYTES_MAX];
	struct arena arena;
	struct version row;
	struct chunk chunk;
	enum status st;

	arena_init(&arena, home, sizeof home, ROW_BYTES_MAX);
	st = catalog_get(s->catalog, key_slice(&key), true, &arena, &row);
	if (st == OK)
		st = row.exists ? rec_chunk_decode(row.body, &chunk) : ST_CORRUPT;
	arena_rewind(&arena);
	if (st != OK)
		return st;
	if (chunk.len <= unit * CHUNK_UNIT)
		return ST_CORRUPT;
	*len = chunk_unit_len(&chunk, unit);
	st = block_unit_read(s, &(struct block_unit){ chunk.container, chunk.index + unit, *len,
	    lp->digest }, b->room->unit);
	if (st == ST_NOENT || st == ST_CORRUPT) {
		suspect_add(block_suspects(s), lp->digest);
		return ST_CORRUPT;
	}
	return st;
}

/* Bytes [at, at+len) of one unit of a chunk to to. */
static enum status
copy_unit(struct build *b, const struct leaf_piece *lp, uint32_t at, uint32_t len, uint8_t *to)
{
	uint32_t unit = at / CHUNK_UNIT, in_unit = at % CHUNK_UNIT, have;
	struct page_key key;
	struct slice page;
	enum status st = OK;

	page_key_of_digest(&key, lp->digest, unit);
	page = page_find(&key);
	have = page.len;
	if (page.buf == NULL)
		st = read_unit(b, lp, unit, &have);
	if (st == OK && (in_unit > have || len > have - in_unit))
		st = ST_CORRUPT;
	if (st == OK)
		memcpy(to, (page.buf != NULL ? page.at : b->room->unit) + in_unit, len);
	slice_put(&page);
	return st;
}

static enum status
copy_old(struct build *b, const struct extent *x, uint32_t from, uint32_t len, uint8_t *to)
{
	const struct leaf_piece *lp = &b->old->v[x->ref];
	uint32_t at = lp->at + (from - lp->from);
	enum status st = OK;

	while (len > 0 && st == OK) {
		uint32_t n = MIN(len, CHUNK_UNIT - at % CHUNK_UNIT);

		st = copy_unit(b, lp, at, n, to);
		at += n;
		to += n;
		len -= n;
	}
	return st;
}

static enum status
copy_dirty(struct build *b, const struct extent *x, uint32_t from, uint32_t len, uint8_t *to)
{
	const struct index_piece *p = &b->w->v[x->ref];

	return datum_read(p->datum, p->at + (uint32_t)(b->w->base + from - p->from), len, to, false);
}

/* --- runs --- */

/* Where the next bytes come from: how many of them, up to max; *x NULL: a short hole. */
static uint32_t
next_part(struct run *r, uint32_t max, const struct extent **x)
{
	const struct extent *e = &r->v[r->at];

	if (e->from > r->read_to) {
		*x = NULL;
		return MIN(max, e->from - r->read_to);
	}
	*x = e;
	return MIN(max, e->to - r->read_to);
}

static enum status
fill_stream(struct build *b, struct run *r)
{
	uint8_t *stream = b->room->stream;
	enum status st = OK;

	memmove(stream, stream + r->start, r->len);
	r->start = 0;
	while (st == OK && r->at < r->n && r->len < STREAM_BYTES) {
		const struct extent *x;
		uint32_t n = next_part(r, STREAM_BYTES - r->len, &x);
		uint8_t *to = stream + r->len;

		if (x == NULL)
			memset(to, 0, n);
		else if (x->dirty)
			st = copy_dirty(b, x, r->read_to, n, to);
		else
			st = copy_old(b, x, r->read_to, n, to);
		r->read_to += n;
		r->len += n;
		r->at += x != NULL && r->read_to == x->to;
	}
	return st;
}

static struct leaf_piece *
piece_new(struct build *b)
{
	return b->n == LEAF_PIECES_MAX ? NULL : &b->room->pieces[b->n++];
}

static enum status
emit(struct build *b, uint32_t from, const uint8_t *bytes, uint32_t len)
{
	struct leaf_piece *lp = piece_new(b);

	if (lp == NULL)
		return ST_RESOURCE;
	*lp = (struct leaf_piece){ .from = from, .len = len };
	digest_of(b->sync->share->row.digest_key, bytes, len, lp->digest);
	return batch_chunk(b->batch, lp->digest, bytes, len);
}

static enum status
build_run(struct build *b, const struct extent *v, uint32_t n)
{
	struct run r = { .v = v, .n = n, .read_to = v->from };
	enum status st = OK;

	while (st == OK && (r.at < r.n || r.len > 0)) {
		uint32_t from, cut;

		if (r.len < CHUNK_MAX && r.at < r.n && (st = fill_stream(b, &r)) != OK)
			break;
		from = r.read_to - r.len;
		cut = b->room->extents.fixed ? MIN(r.len, CHUNK_UNIT - from % CHUNK_UNIT) :
		    chunker_cut(&b->room->chunker, b->room->stream + r.start, r.len);
		st = emit(b, from, b->room->stream + r.start, cut);
		r.start += cut;
		r.len -= cut;
	}
	return st;
}

/* An old piece, or what is left of it. */
static enum status
keep(struct build *b, const struct extent *x)
{
	const struct leaf_piece *was = &b->old->v[x->ref];
	struct leaf_piece *lp = piece_new(b);

	if (lp == NULL)
		return ST_RESOURCE;
	*lp = *was;
	lp->from = x->from;
	lp->len = x->to - x->from;
	lp->at = was->at + (x->from - was->from);
	return OK;
}

static enum status
build_extents(struct build *b)
{
	const struct extents *e = &b->room->extents;
	enum status st = OK;
	uint32_t n;

	for (uint32_t i = 0; i < e->n && st == OK; i += n) {
		const struct extent *x = &e->v[i];

		n = 1;
		if (!x->redo) {
			st = keep(b, x);
			continue;
		}
		while (i + n < e->n && x[n].redo && x[n].from - x[n - 1].to < HOLE_MIN)
			n++;
		st = build_run(b, x, n);
	}
	return st;
}

enum status
window_build(struct sync *y, const struct window *w, struct window_room *room, struct batch *batch)
{
	struct build b = { .sync = y, .w = w, .room = room, .batch = batch };
	enum status st;

	b.out = (struct carved){ .content = w->content, .from = w->base, .to = w->to,
		.as_of = w->as_of, .window = w->number };
	st = read_row(&b);
	if (st == OK) {
		extents_of(w, b.old, &room->extents);
		st = build_extents(&b);
	}
	if (st == OK) {
		b.out.changes = b.n > 0 || b.out.old.exists;
		b.out.n = b.n;
		if (b.n > 0) {
			b.out.v = xmalloc(b.n * sizeof *b.out.v);
			memcpy(b.out.v, room->pieces, b.n * sizeof *b.out.v);
		}
		batch_add(batch, &b.out);
	}
	leaf_put(&b.old);
	return st;
}
