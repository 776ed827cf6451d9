/*
 * Building a window.  What is not cut anew keeps its piece.  The bytes of the rest are laid out
 * run by run, read, cut, hashed and given to the batch; all of it but the cutting by the crew,
 * each step for the whole window.
 */
#include "pipeline/sync/window.h"

#include "crypto/digest.h"
#include "crypto/secret.h"
#include "pipeline/block/fetch.h"
#include "pipeline/block/leaf.h"
#include "pipeline/block/rows.h"
#include "pipeline/block/suspect.h"
#include "pipeline/cache/page.h"
#include "pipeline/sync/crew.h"

#include <stdlib.h>

enum { ROW_BYTES_MAX = 4096, PART_BYTES = 4 * CHUNK_UNIT,
	ROOM_ALIGN = 4096 };

_Static_assert(PART_BYTES % TXN_CRC_UNIT == 0, "a part ends where a checksum does");

struct window_part {			/* bytes of one extent that are read in one go */
	const struct extent *x;
	uint32_t from, len;		/* within the window */
	uint8_t *to;
	enum status st;
};

struct window_cut {			/* a chunk, and the piece that cites it */
	uint8_t *bytes;
	struct leaf_piece *lp;
};

struct build {
	struct sync *sync;
	const struct window *w;
	struct window_room *room;
	struct batch *batch;
	struct leaf *old;		/* NULL: none */
	struct carved out;
	uint32_t n;			/* of room->pieces */
	uint32_t nparts, ncuts;		/* of room->parts, room->cuts */
	uint32_t len;			/* of room->bytes */
};

struct window_room *
window_room_new(const struct share *s)
{
	struct window_room *room = xcalloc(1, sizeof *room);

	room->bytes = xaligned(ROOM_ALIGN, MAP_WINDOW);
	room->cuts = xmalloc(LEAF_PIECES_MAX * sizeof *room->cuts);
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
	free(room->parts);
	free(room->cuts);
	free(room->bytes);
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

/* --- bytes, by who sits where --- */

/* One unit of a chunk to to, which has room for a whole one. */
static enum status
read_unit(struct build *b, const struct leaf_piece *lp, uint32_t unit, uint8_t *to, uint32_t *len)
{
	struct share *s = b->sync->share;
	struct chunk chunk;
	enum status st = rows_chunk(s, lp->digest, false, &chunk);

	if (st != OK)
		return st == ST_NOENT ? ST_CORRUPT : st;
	if (chunk.len <= unit * CHUNK_UNIT)
		return ST_CORRUPT;
	*len = chunk_unit_len(&chunk, unit);
	st = block_unit_read(s, &(struct block_unit){ chunk.container, chunk.index + unit, *len,
	    lp->digest }, to);
	if (st == ST_NOENT || st == ST_CORRUPT) {
		suspect_add(block_suspects(s), lp->digest);
		return ST_CORRUPT;
	}
	return st;
}

/* Where a part's bytes lie. */
struct spot {
	const struct leaf_piece *lp;
	uint32_t at, len;		/* of the chunk, within one unit */
	uint8_t *aside;			/* room for a unit */
};

static enum status
copy_unit(struct build *b, const struct spot *s, uint8_t *to)
{
	uint32_t unit = s->at / CHUNK_UNIT, in_unit = s->at % CHUNK_UNIT, have;
	struct page_key key;
	struct slice page;
	enum status st = OK;

	page_key_of_digest(&key, s->lp->digest, unit);
	page = page_find(&key);
	have = page.len;
	if (page.buf == NULL)
		st = read_unit(b, s->lp, unit, s->aside, &have);
	if (st == OK && (in_unit > have || s->len > have - in_unit))
		st = ST_CORRUPT;
	if (st == OK)
		memcpy(to, (page.buf != NULL ? page.at : s->aside) + in_unit, s->len);
	slice_put(&page);
	return st;
}

/* The byte of its datum, or chunk, where the extent has that byte of the window. */
static uint32_t
source_at(const struct build *b, const struct extent *x, uint32_t from)
{
	const struct index_piece *p = &b->w->v[x->ref];
	const struct leaf_piece *lp;

	if (x->dirty)
		return p->at + (uint32_t)(b->w->base + from - p->from);
	lp = &b->old->v[x->ref];
	return lp->at + (from - lp->from);
}

static enum status
read_old(struct build *b, const struct window_part *p, uint8_t *aside)
{
	struct spot s = { .lp = &b->old->v[p->x->ref], .at = source_at(b, p->x, p->from),
		.aside = aside };
	uint8_t *to = p->to;
	enum status st = OK;

	for (uint32_t left = p->len; left > 0 && st == OK; left -= s.len, s.at += s.len) {
		s.len = MIN(left, CHUNK_UNIT - s.at % CHUNK_UNIT);
		st = copy_unit(b, &s, to);
		to += s.len;
	}
	return st;
}

static void
read_part(void *arg, uint32_t seat, uint32_t i)
{
	struct build *b = arg;
	struct window_part *p = &b->room->parts[i];

	if (p->x->dirty)
		p->st = datum_read_once(b->w->v[p->x->ref].datum, source_at(b, p->x, p->from),
		    p->len, p->to);
	else
		p->st = read_old(b, p, b->room->aside[seat]);
}

static void
digest_cut(void *arg, uint32_t seat, uint32_t i)
{
	struct build *b = arg;
	struct window_cut *c = &b->room->cuts[i];

	(void)seat;
	digest_of(b->sync->share->row.digest_key, c->bytes, c->lp->len, c->lp->digest);
}

/* --- runs: extents that are cut anew, one after another, with short holes between them --- */

static uint32_t
run_length(const struct extents *e, uint32_t i)
{
	uint32_t n = 1;

	while (i + n < e->n && e->v[i + n].redo && e->v[i + n].from - e->v[i + n - 1].to < HOLE_MIN)
		n++;
	return n;
}

static void
add_part(struct build *b, const struct window_part *p)
{
	struct window_room *room = b->room;

	if (b->nparts == room->parts_cap) {
		room->parts_cap = MAX(256u, room->parts_cap * 2);
		room->parts = xrealloc(room->parts, room->parts_cap * sizeof *room->parts);
	}
	room->parts[b->nparts++] = *p;
}

/* Its place in room->bytes; holes are filled, the rest is what the parts will read. */
static void
lay_out_run(struct build *b, const struct extent *v, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t hole = i == 0 ? 0 : v[i].from - v[i - 1].to, len;

		memset(b->room->bytes + b->len, 0, hole);
		b->len += hole;
		for (uint32_t from = v[i].from; from < v[i].to; from += len) {
			len = MIN(v[i].to - from,
			    PART_BYTES - source_at(b, &v[i], from) % PART_BYTES);
			add_part(b, &(struct window_part){ .x = &v[i], .from = from, .len = len,
				.to = b->room->bytes + b->len });
			b->len += len;
		}
	}
}

/* The runs' bytes, one run behind the other: all together are no more than the window. */
static enum status
read_runs(struct build *b)
{
	const struct extents *e = &b->room->extents;
	enum status st = OK;
	uint32_t n;

	for (uint32_t i = 0; i < e->n; i += n) {
		n = e->v[i].redo ? run_length(e, i) : 1;
		if (e->v[i].redo)
			lay_out_run(b, &e->v[i], n);
	}
	crew_run(b->sync->crew, b->nparts, b->len, read_part, b);
	for (uint32_t i = 0; i < b->nparts && st == OK; i++)
		st = b->room->parts[i].st;
	return st;
}

static struct leaf_piece *
piece_new(struct build *b)
{
	return b->n == LEAF_PIECES_MAX ? NULL : &b->room->pieces[b->n++];
}

/* The run [from, from+len) of the window, whose bytes are there. */
static enum status
cut_run(struct build *b, uint32_t from, uint8_t *bytes, uint32_t len)
{
	struct window_room *room = b->room;

	for (uint32_t cut; len > 0; from += cut, bytes += cut, len -= cut) {
		struct leaf_piece *lp = piece_new(b);

		if (lp == NULL)
			return ST_RESOURCE;
		cut = room->extents.fixed ? MIN(len, CHUNK_UNIT - from % CHUNK_UNIT) :
		    chunker_cut(&room->chunker, bytes, len);
		*lp = (struct leaf_piece){ .from = from, .len = cut };
		room->cuts[b->ncuts++] = (struct window_cut){ bytes, lp };
	}
	return OK;
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
cut_extents(struct build *b)
{
	const struct extents *e = &b->room->extents;
	uint8_t *bytes = b->room->bytes;
	enum status st = OK;
	uint32_t n;

	for (uint32_t i = 0; i < e->n && st == OK; i += n) {
		const struct extent *x = &e->v[i];
		uint32_t len;

		n = 1;
		if (!x->redo) {
			st = keep(b, x);
			continue;
		}
		n = run_length(e, i);
		len = x[n - 1].to - x->from;
		st = cut_run(b, x->from, bytes, len);
		bytes += len;
	}
	return st;
}

/* Chunks that no window will cite are not left behind: what is built next would take them for
 * stored. */
static enum status
give(struct build *b)
{
	enum status st = OK, sealed;

	crew_run(b->sync->crew, b->ncuts, b->len, digest_cut, b);
	for (uint32_t i = 0; i < b->ncuts && st == OK; i++) {
		const struct window_cut *c = &b->room->cuts[i];

		st = batch_chunk(b->batch, c->lp->digest, c->bytes, c->lp->len);
	}
	sealed = batch_seal(b->batch);
	if (st == OK)
		st = sealed;
	if (st != OK && (sealed = batch_flush(b->batch)) != OK)
		return sealed;
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
		st = read_runs(&b);
	}
	if (st == OK)
		st = cut_extents(&b);
	if (st == OK)
		st = give(&b);
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
