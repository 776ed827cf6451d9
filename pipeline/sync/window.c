/*
 * Building a window.  It goes unit by unit: a unit without anything dirty keeps the old leaf's
 * pieces as they are; else its bytes are put together in a buffer, to the last one that is no
 * hole, and become one chunk.
 */
#include "pipeline/sync/window.h"

#include "crypto/digest.h"
#include "pipeline/block/leaf.h"
#include "pipeline/block/mirror.h"
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
	uint32_t at;			/* the first index piece that ends behind the unit's start */
};

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

/* --- a unit's old bytes --- */

static enum status
read_chunk(struct build *b, const struct leaf_piece *lp, uint32_t *len)
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
	if (chunk.len > CHUNK_UNIT)
		return ST_CORRUPT;
	st = mirror_read(block_mirror(s), chunk.container, chunk.index, lp->digest, b->room->chunk,
	    chunk.len, false);
	*len = chunk.len;
	return st == ST_NOENT ? ST_CORRUPT : st;
}

/* Bytes [at, at+len) of a chunk to to. */
static enum status
copy_chunk(struct build *b, const struct leaf_piece *lp, uint32_t at, uint32_t len, uint8_t *to)
{
	struct page_key key;
	struct slice page;
	enum status st = OK;
	uint32_t have;

	page_key_of_digest(&key, lp->digest);
	page = page_find(&key);
	have = page.len;
	if (page.buf == NULL)
		st = read_chunk(b, lp, &have);
	if (st == OK && (at > have || len > have - at))
		st = ST_CORRUPT;
	if (st == OK)
		memcpy(to, (page.buf != NULL ? page.at : b->room->chunk) + at, len);
	slice_put(&page);
	return st;
}

/* [from, to) of the window, as the old leaf has it, into the unit that begins at base. */
static enum status
fill_old(struct build *b, uint32_t base, uint32_t from, uint32_t to, uint32_t *end)
{
	enum status st = OK;

	if (b->old == NULL)
		return OK;
	for (uint32_t i = leaf_seek(b->old, from); i < b->old->n && st == OK; i++) {
		const struct leaf_piece *lp = &b->old->v[i];
		uint32_t start = MAX(lp->from, from), stop = MIN(lp->from + lp->len, to);

		if (lp->from >= to)
			break;
		if (lp->hole)
			continue;
		st = copy_chunk(b, lp, lp->at + (start - lp->from), stop - start,
		    b->room->unit + (start - base));
		*end = MAX(*end, stop - base);
	}
	return st;
}

/* --- units --- */

/* The unit's bytes; *end: behind the last that is no hole. */
static enum status
fill_unit(struct build *b, uint32_t base, uint32_t stop, uint32_t *end)
{
	const struct window *w = b->w;
	enum status st = OK;

	*end = 0;
	memset(b->room->unit, 0, sizeof b->room->unit);
	for (uint32_t i = b->at; i < w->n && st == OK; i++) {
		const struct index_piece *p = &w->v[i];
		uint64_t from = MAX(p->from, w->base + base), to = MIN(p->to, w->base + stop);
		uint32_t at = (uint32_t)(from - w->base);

		if (p->from >= w->base + stop)
			break;
		if (p->kind == PIECE_BELOW) {
			st = fill_old(b, base, at, (uint32_t)(to - w->base), end);
		} else if (p->kind == PIECE_DATUM) {
			st = datum_read(p->datum, p->at + (uint32_t)(from - p->from),
			    (uint32_t)(to - from), b->room->unit + (at - base), false);
			*end = MAX(*end, (uint32_t)(to - w->base) - base);
		}
	}
	return st;
}

static struct leaf_piece *
piece_new(struct build *b)
{
	return b->n == LEAF_PIECES_MAX ? NULL : &b->room->pieces[b->n++];
}

static enum status
dirty_unit(struct build *b, uint32_t base, uint32_t stop)
{
	struct leaf_piece *lp;
	uint32_t end;
	enum status st = fill_unit(b, base, stop, &end);

	if (st != OK || end == 0)
		return st;
	if ((lp = piece_new(b)) == NULL)
		return ST_RESOURCE;
	*lp = (struct leaf_piece){ .from = base, .len = end };
	digest_of(b->sync->share->row.digest_key, b->room->unit, end, lp->digest);
	return batch_chunk(b->batch, lp->digest, b->room->unit, end);
}

/* The old pieces of [from, to), cut to it. */
static enum status
clean_range(struct build *b, uint32_t from, uint32_t to)
{
	if (b->old == NULL)
		return OK;
	for (uint32_t i = leaf_seek(b->old, from); i < b->old->n && b->old->v[i].from < to; i++) {
		const struct leaf_piece *was = &b->old->v[i];
		uint32_t start = MAX(was->from, from), stop = MIN(was->from + was->len, to);
		struct leaf_piece *lp;

		if (was->hole)
			continue;
		if ((lp = piece_new(b)) == NULL)
			return ST_RESOURCE;
		*lp = *was;
		lp->from = start;
		lp->len = stop - start;
		lp->at = was->at + (start - was->from);
	}
	return OK;
}

/* Has the index anything in the unit? */
static bool
is_dirty(struct build *b, uint64_t from, uint64_t to)
{
	const struct window *w = b->w;

	while (b->at < w->n && w->v[b->at].to <= from)
		b->at++;
	for (uint32_t i = b->at; i < w->n && w->v[i].from < to; i++)
		if (w->v[i].kind != PIECE_BELOW)
			return true;
	return false;
}

static enum status
build_units(struct build *b)
{
	const struct window *w = b->w;
	enum status st = OK;

	for (uint32_t base = 0; base < MAP_WINDOW && st == OK; base += CHUNK_UNIT) {
		uint64_t from = w->base + base, to = from + CHUNK_UNIT;

		if (from < w->to && is_dirty(b, from, to))
			st = dirty_unit(b, base, base + CHUNK_UNIT);
		else
			st = clean_range(b, base, base + CHUNK_UNIT);
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
	if (st == OK)
		st = build_units(&b);
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
