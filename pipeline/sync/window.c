/*
 * Building a window.  What is not cut anew keeps its piece.  The bytes of the rest are laid out
 * run by run, read, cut, hashed: that needs nobody and is done ahead, on a thread of its own; and
 * given to the batch, in order, by the errand.
 */
#include "pipeline/sync/window.h"

#include "crypto/digest.h"
#include "crypto/secret.h"
#include "pipeline/base/log.h"
#include "pipeline/block/fetch.h"
#include "pipeline/block/leaf.h"
#include "pipeline/block/rows.h"
#include "pipeline/block/suspect.h"
#include "pipeline/cache/page.h"
#include "pipeline/sync/chunker.h"

#include <stdlib.h>

enum { ROW_BYTES_MAX = 4096, PART_BYTES = TXN_DATA_MAX,
	ROOM_ALIGN = 4096 };

_Static_assert(PART_BYTES % TXN_CRC_UNIT == 0, "a part ends where a checksum does");

struct window_part {			/* bytes of one extent that are read in one go */
	const struct extent *x;
	uint32_t from, len;		/* within the window */
	uint8_t *to;
};

struct window_cut {			/* a chunk, and the piece that cites it */
	uint8_t *bytes;
	struct leaf_piece *lp;
};

struct window_room {
	struct sync *sync;
	struct chunker chunker;
	const struct window *w;		/* NULL: none */
	enum status st;			/* of preparing */
	struct leaf *old;		/* NULL: none */
	struct carved out;
	struct extents extents;
	uint8_t *bytes;			/* MAP_WINDOW of room: what is cut anew */
	struct window_cut *cuts;
	uint32_t ncuts, n;		/* n: of pieces */
	uint8_t aside[CHUNK_UNIT];
	struct leaf_piece pieces[LEAF_PIECES_MAX];
};

void
window_clear(struct window *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		datum_put(&w->v[i].datum);
	free(TAKE(&w->v));
	w->n = 0;
}

bool
window_is_short(const struct window *w)
{
	return w->to < w->base + MAP_WINDOW;
}

enum status
window_outcome(struct sync *y, const struct window *w, enum status st)
{
	if (st == ST_CORRUPT)
		log_error("carve.damaged", F_STR("share", y->share->conf.name),
		    F_U64("content", w->content), F_U64("offset", w->base));
	return st == ST_CORRUPT || st == ST_DELAY ? OK : st;
}

struct window_room *
window_room_new(struct sync *y)
{
	struct window_room *r = xcalloc(1, sizeof *r);

	r->sync = y;
	r->bytes = xaligned(ROOM_ALIGN, MAP_WINDOW);
	r->cuts = xmalloc(LEAF_PIECES_MAX * sizeof *r->cuts);
	chunker_init(&r->chunker, y->share->row.digest_key);
	return r;
}

void
window_room_free(struct window_room **rp)
{
	struct window_room *r = TAKE(rp);

	if (r == NULL)
		return;
	leaf_put(&r->old);
	secret_wipe(&r->chunker, sizeof r->chunker);
	free(r->extents.v);
	free(r->cuts);
	free(r->bytes);
	free(r);
}

static enum status
read_row(struct window_room *r)
{
	struct share *s = r->sync->share;
	struct key key = key_map(r->w->content, r->w->number);
	uint8_t home[ROW_BYTES_MAX];
	struct arena arena;
	enum status st;

	arena_init(&arena, home, sizeof home, ROW_BYTES_MAX);
	st = catalog_get(s->catalog, key_slice(&key), true, &arena, &r->out.old);
	if (st == OK && r->out.old.exists)
		st = rec_map_decode(r->out.old.body, &r->out.old_leaf);
	r->out.old.body = slice_of(NULL, 0);
	arena_rewind(&arena);
	if (st == OK && r->out.old.exists)
		st = leaf_get(block_leaves(s), s->catalog, r->out.old_leaf, true, &r->old);
	return st == ST_NOENT ? ST_CORRUPT : st;
}

/* --- bytes, by who sits where --- */

/* One unit of a chunk, aside. */
static enum status
read_unit(struct window_room *r, const struct leaf_piece *lp, uint32_t unit, uint32_t *len)
{
	struct share *s = r->sync->share;
	struct chunk chunk;
	enum status st = rows_chunk(s, lp->digest, false, &chunk);

	if (st != OK)
		return st == ST_NOENT ? ST_CORRUPT : st;
	if (chunk.len <= unit * CHUNK_UNIT)
		return ST_CORRUPT;
	*len = chunk_unit_len(&chunk, unit);
	st = block_unit_read(s, &(struct block_unit){ chunk.container, chunk.index + unit, *len,
	    lp->digest }, r->aside);
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
};

static enum status
copy_unit(struct window_room *r, const struct spot *s, uint8_t *to)
{
	uint32_t unit = s->at / CHUNK_UNIT, in_unit = s->at % CHUNK_UNIT, have;
	struct page_key key;
	struct slice page;
	enum status st = OK;

	page_key_of_digest(&key, s->lp->digest, unit);
	page = page_find(&key);
	have = page.len;
	if (page.buf == NULL)
		st = read_unit(r, s->lp, unit, &have);
	if (st == OK && (in_unit > have || s->len > have - in_unit))
		st = ST_CORRUPT;
	if (st == OK)
		memcpy(to, (page.buf != NULL ? page.at : r->aside) + in_unit, s->len);
	slice_put(&page);
	return st;
}

/* The byte of its datum, or chunk, where the extent has that byte of the window. */
static uint32_t
source_at(const struct window_room *r, const struct extent *x, uint32_t from)
{
	const struct index_piece *p = &r->w->v[x->ref];
	const struct leaf_piece *lp;

	if (x->dirty)
		return p->at + (uint32_t)(r->w->base + from - p->from);
	lp = &r->old->v[x->ref];
	return lp->at + (from - lp->from);
}

static enum status
read_old(struct window_room *r, const struct window_part *p)
{
	struct spot s = { .lp = &r->old->v[p->x->ref], .at = source_at(r, p->x, p->from) };
	uint8_t *to = p->to;
	enum status st = OK;

	for (uint32_t left = p->len; left > 0 && st == OK; left -= s.len, s.at += s.len) {
		s.len = MIN(left, CHUNK_UNIT - s.at % CHUNK_UNIT);
		st = copy_unit(r, &s, to);
		to += s.len;
	}
	return st;
}

static enum status
read_part(struct window_room *r, const struct window_part *p)
{
	if (!p->x->dirty)
		return read_old(r, p);
	return datum_read_once(r->w->v[p->x->ref].datum, source_at(r, p->x, p->from), p->len,
	    p->to);
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

/* A run of n extents to *to on, which moves behind it; its holes are zeroes. */
static enum status
read_run(struct window_room *r, const struct extent *v, uint32_t n, uint8_t **to)
{
	enum status st = OK;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t hole = i == 0 ? 0 : v[i].from - v[i - 1].to, len;

		memset(*to, 0, hole);
		*to += hole;
		for (uint32_t from = v[i].from; from < v[i].to && st == OK; from += len) {
			len = MIN(v[i].to - from,
			    PART_BYTES - source_at(r, &v[i], from) % PART_BYTES);
			st = read_part(r, &(struct window_part){ .x = &v[i], .from = from,
				.len = len, .to = *to });
			*to += len;
		}
	}
	return st;
}

/* The runs' bytes, one run behind the other: all together are no more than the window. */
static enum status
read_runs(struct window_room *r)
{
	const struct extents *e = &r->extents;
	uint8_t *to = r->bytes;
	enum status st = OK;
	uint32_t n;

	for (uint32_t i = 0; i < e->n && st == OK; i += n) {
		n = e->v[i].redo ? run_length(e, i) : 1;
		if (e->v[i].redo)
			st = read_run(r, &e->v[i], n, &to);
	}
	return st;
}

static struct leaf_piece *
piece_new(struct window_room *r)
{
	return r->n == LEAF_PIECES_MAX ? NULL : &r->pieces[r->n++];
}

/* The run [from, from+len) of the window, whose bytes are there. */
static enum status
cut_run(struct window_room *r, uint32_t from, uint8_t *bytes, uint32_t len)
{
	for (uint32_t cut; len > 0; from += cut, bytes += cut, len -= cut) {
		struct leaf_piece *lp = piece_new(r);

		if (lp == NULL)
			return ST_RESOURCE;
		cut = r->extents.fixed ? MIN(len, CHUNK_UNIT - from % CHUNK_UNIT) :
		    chunker_cut(&r->chunker, bytes, len);
		*lp = (struct leaf_piece){ .from = from, .len = cut };
		digest_of(r->sync->share->row.digest_key, bytes, cut, lp->digest);
		r->cuts[r->ncuts++] = (struct window_cut){ bytes, lp };
	}
	return OK;
}

/* An old piece, or what is left of it. */
static enum status
keep(struct window_room *r, const struct extent *x)
{
	const struct leaf_piece *was = &r->old->v[x->ref];
	struct leaf_piece *lp = piece_new(r);

	if (lp == NULL)
		return ST_RESOURCE;
	*lp = *was;
	lp->from = x->from;
	lp->len = x->to - x->from;
	lp->at = was->at + (x->from - was->from);
	return OK;
}

static enum status
cut_extents(struct window_room *r)
{
	const struct extents *e = &r->extents;
	uint8_t *bytes = r->bytes;
	enum status st = OK;
	uint32_t n;

	for (uint32_t i = 0; i < e->n && st == OK; i += n) {
		const struct extent *x = &e->v[i];
		uint32_t len;

		n = 1;
		if (!x->redo) {
			st = keep(r, x);
			continue;
		}
		n = run_length(e, i);
		len = x[n - 1].to - x->from;
		st = cut_run(r, x->from, bytes, len);
		bytes += len;
	}
	return st;
}

void
window_begin(struct window_room *r, const struct window *w)
{
	assert(r->old == NULL);
	r->w = w;
	r->n = r->ncuts = 0;
	r->out = (struct carved){ .content = w->content, .from = w->base, .to = w->to,
		.as_of = w->as_of, .window = w->number };
}

void
window_prepare(void *arg)
{
	struct window_room *r = arg;

	r->st = read_row(r);
	if (r->st == OK) {
		extents_of(r->w, r->old, &r->extents);
		r->st = read_runs(r);
	}
	if (r->st == OK)
		r->st = cut_extents(r);
}

/* Chunks that no window will cite are not left behind: what is built next would take them for
 * stored. */
static enum status
give(struct window_room *r, struct batch *b)
{
	enum status st = OK, sealed;

	for (uint32_t i = 0; i < r->ncuts && st == OK; i++) {
		const struct window_cut *c = &r->cuts[i];

		st = batch_chunk(b, c->lp->digest, c->bytes, c->lp->len);
	}
	sealed = batch_seal(b);
	if (st == OK)
		st = sealed;
	if (st != OK && (sealed = batch_flush(b)) != OK)
		return sealed;
	return st;
}

enum status
window_finish(struct window_room *r, struct batch *b)
{
	enum status st = r->st == OK ? give(r, b) : r->st;

	if (st == OK) {
		r->out.changes = r->n > 0 || r->out.old.exists;
		r->out.n = r->n;
		if (r->n > 0) {
			r->out.v = xmalloc(r->n * sizeof *r->out.v);
			memcpy(r->out.v, r->pieces, r->n * sizeof *r->out.v);
		}
		batch_add(b, &r->out);
	}
	leaf_put(&r->old);
	return st;
}
