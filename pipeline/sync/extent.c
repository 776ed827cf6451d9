/*
 * Dirty bytes are always cut anew, and with them as much of the old leaf as makes the outcome
 * independent of when carve came by: a chunk that they reach into, and a last chunk that ended
 * where the bytes did.  So a content written in one go and the same written in ten, with carve in
 * between, are cut at the same places.
 *
 * Contents overwritten at random have chunks of 64 KiB at fixed places instead: there a small
 * overwrite costs one of them and moves no other.  A window in more than PIECES_MANY pieces is
 * built anew as a whole.
 */
#include "pipeline/sync/extent.h"

#include <stdlib.h>

enum { UNITS = MAP_WINDOW / CHUNK_UNIT, PIECES_MANY = 512, RUNS_RANDOM = 4 };

static void
add(struct extents *e, const struct extent *x)
{
	struct extent *last = e->n == 0 ? NULL : &e->v[e->n - 1];

	if (last != NULL && !last->dirty && !x->dirty && last->ref == x->ref &&
	    last->to == x->from && last->redo == x->redo) {
		last->to = x->to;
		return;
	}
	if (e->n == e->cap) {
		e->cap = MAX(256u, e->cap * 2);
		e->v = xrealloc(e->v, e->cap * sizeof *e->v);
	}
	e->v[e->n++] = *x;
}

static void
add_old(struct extents *e, const struct leaf *old, uint32_t from, uint32_t to)
{
	if (old == NULL)
		return;
	for (uint32_t i = leaf_seek(old, from); i < old->n && old->v[i].from < to; i++) {
		const struct leaf_piece *p = &old->v[i];

		if (!p->hole)
			add(e, &(struct extent){ .from = MAX(p->from, from),
				.to = MIN(p->from + p->len, to), .ref = i });
	}
}

static void
gather(const struct window *w, const struct leaf *old, struct extents *e)
{
	for (uint32_t i = 0; i < w->n; i++) {
		const struct index_piece *p = &w->v[i];
		uint32_t from = (uint32_t)(MAX(p->from, w->base) - w->base);
		uint32_t to = (uint32_t)(MIN(p->to, w->to) - w->base);

		if (from >= to)
			continue;
		if (p->kind == PIECE_BELOW)
			add_old(e, old, from, to);
		else if (p->kind == PIECE_DATUM)
			add(e, &(struct extent){ .from = from, .to = to, .dirty = true,
				.redo = true, .ref = i });
	}
	if (w->to < w->base + MAP_WINDOW)
		add_old(e, old, (uint32_t)(w->to - w->base), MAP_WINDOW);
}

/* --- which way --- */

/* Was the old leaf cut at fixed places?  Chunks found by content hardly ever lie like that. */
static bool
was_fixed(const struct leaf *old)
{
	uint32_t fit = 0;

	for (uint32_t i = 0; i < old->n; i++)
		fit += old->v[i].from % CHUNK_UNIT == 0 && old->v[i].len == CHUNK_UNIT;
	return old->n >= 2 && fit * 2 >= old->n;
}

/* Many short dirty runs, apart from one at the end: that is not how a file is written. */
static bool
at_random(const struct extents *e, const struct leaf *old)
{
	const struct leaf_piece *last = old == NULL || old->n == 0 ? NULL : &old->v[old->n - 1];
	uint32_t end = last == NULL ? 0 : last->from + last->len;
	uint32_t runs = 0, bytes = 0, at = UINT32_MAX;

	for (uint32_t i = 0; i < e->n; i++) {
		const struct extent *x = &e->v[i];

		if (!x->dirty)
			continue;
		runs += x->from != at;
		bytes += x->to - x->from;
		at = x->to;
	}
	if (at != UINT32_MAX && at >= end && runs > 0)
		runs--;			/* an append */
	if (runs == 0)
		return false;
	return (old != NULL && was_fixed(old)) ||
	    (runs >= RUNS_RANDOM && bytes / runs < CHUNK_UNIT);
}

/* --- by content --- */

static bool
near(const struct extent *a, const struct extent *b)
{
	return b->from - a->to < HOLE_MIN;
}

/* The leaf's piece ended where the bytes did, not where they said so. */
static bool
is_tail(const struct leaf *old, uint32_t ref)
{
	return ref + 1 == old->n || old->v[ref + 1].hole ||
	    old->v[ref + 1].from > old->v[ref].from + old->v[ref].len;
}

static void
mark_by_content(struct extents *e, const struct leaf *old)
{
	for (uint32_t i = 0; i < e->n; i++) {
		struct extent *x = &e->v[i];
		const struct extent *before = i == 0 ? NULL : x - 1;
		const struct extent *after = i + 1 == e->n ? NULL : x + 1;
		const struct leaf_piece *p;

		if (x->dirty)
			continue;
		p = &old->v[x->ref];
		if (before != NULL && before->dirty && before->to == x->from && x->from > p->from)
			x->redo = true;
		if (after != NULL && after->dirty && near(x, after) &&
		    (x->to < p->from + p->len || is_tail(old, x->ref)))
			x->redo = true;
	}
}

/* --- at fixed places --- */

/* The part of x from at on that lies in units which are all dirty, or all clean. */
static uint32_t
part_end(const bool *units, const struct extent *x, uint32_t at)
{
	uint32_t unit = at / CHUNK_UNIT;
	bool is = units[unit];

	while (unit < UNITS && units[unit] == is)
		unit++;
	return MIN(x->to, unit * CHUNK_UNIT);
}

static void
mark_fixed(struct extents *e)
{
	struct extents out = { .fixed = true };
	bool units[UNITS] = { false };

	for (uint32_t i = 0; i < e->n; i++)
		for (uint32_t at = e->v[i].from; e->v[i].dirty && at < e->v[i].to;
		    at = round_up(at + 1, CHUNK_UNIT))
			units[at / CHUNK_UNIT] = true;
	for (uint32_t i = 0; i < e->n; i++) {
		const struct extent *x = &e->v[i];
		uint32_t at = x->from;

		while (at < x->to) {
			uint32_t end = x->dirty ? x->to : part_end(units, x, at);

			add(&out, &(struct extent){ .from = at, .to = end, .dirty = x->dirty,
				.redo = x->dirty || units[at / CHUNK_UNIT], .ref = x->ref });
			at = end;
		}
	}
	free(e->v);
	*e = out;
}

static void
redo_all(struct extents *e)
{
	for (uint32_t i = 0; i < e->n; i++)
		e->v[i].redo = true;
}

void
extents_of(const struct window *w, const struct leaf *old, struct extents *e)
{
	uint32_t kept = 0;

	e->n = 0;
	e->fixed = false;
	gather(w, old, e);
	for (uint32_t i = 0; i < e->n; i++)
		kept += !e->v[i].dirty;
	if (at_random(e, old))
		mark_fixed(e);
	else
		mark_by_content(e, old);
	if (kept > PIECES_MANY)
		redo_all(e);
}
