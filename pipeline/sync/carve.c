/*
 * Carving: the contents whose pieces are oldest first, window by window.  What is dirty is looked
 * up on the home worker, a few contents a visit; the bytes are read, hashed and stored here; the
 * outcome is committed by the batch.  A window is carved as of the newest piece it had: what is
 * written meanwhile is newer and stays.
 */
#include "pipeline/sync/inner.h"

#include "pipeline/base/log.h"
#include "pipeline/block/index.h"
#include "pipeline/sync/batch.h"
#include "pipeline/sync/line.h"
#include "pipeline/sync/pressure.h"
#include "pipeline/sync/window.h"

#include <stdlib.h>

enum { CONTENTS = 256, PLANS = 16, PIECES_FIRST = 8192, SKIPS_A_VISIT = 64, ROWS_A_RUN = 64,
	BATCHES_A_RUN = 8 };

struct todo {				/* a content, and how far it is planned */
	uint64_t content, at;		/* UINT64_MAX: to its end */
	bool stops;			/* no more of it in this visit */
};

enum plan_kind { PLAN_DONE, PLAN_WINDOW, PLAN_HOLE, PLAN_LATER };

struct plan {
	enum plan_kind kind;
	struct window w;		/* WINDOW: pieces from malloc; HOLE: base, to, as_of */
	uint64_t next;			/* LATER, and after the others: go on from there */
	struct todo *todo;
};

struct carving {
	struct sync *sync;
	struct work *by;
	lsn_t before;
	struct batch *batch;
	struct line *line;
	struct todo todo[CONTENTS];
	uint32_t ntodo;
	struct plan plan[PLANS];
	uint32_t nplans;
	struct index_piece *scratch;	/* of cap pieces: one window's */
	uint32_t cap;
};

/* --- planning, on the home worker --- */

static void
put_pieces(struct index_piece *v, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		datum_put(&v[i].datum);
}

/* The first piece at or behind at that is not below; false: none. */
static bool
first_dirty(struct index *ix, uint64_t content, uint64_t at, struct index_piece *found)
{
	struct index_piece v[2];
	uint32_t n = index_lookup(ix, content, at, UINT64_MAX, v, 2);

	put_pieces(v, n);
	for (uint32_t i = 0; i < n; i++)
		if (v[i].kind != PIECE_BELOW) {
			*found = v[i];
			found->datum = NULL;
			return true;
		}
	return false;
}

/* More pieces than there is room for: the window ends at the last whole unit that they cover. */
static uint64_t
cut_short(struct carving *c, uint64_t base, uint32_t *n)
{
	uint64_t covered = c->scratch[*n - 1].to;

	return base + (covered - base) / CHUNK_UNIT * CHUNK_UNIT;
}

/* All pieces of one window; false: none of them is old enough. */
static bool
plan_window(struct carving *c, struct plan *p, uint64_t content, uint64_t base)
{
	struct index *ix = block_index(c->sync->share);
	uint64_t end = base + MAP_WINDOW, to = end;
	bool old = false;
	uint32_t n;

	n = index_lookup(ix, content, base, end, c->scratch, c->cap);
	while (c->scratch[n - 1].to < end && (to = cut_short(c, base, &n)) == base) {
		put_pieces(c->scratch, n);
		c->cap *= 2;
		c->scratch = xrealloc(c->scratch, c->cap * sizeof *c->scratch);
		n = index_lookup(ix, content, base, end, c->scratch, c->cap);
		to = end;
	}
	p->w = (struct window){ .content = content, .number = base / MAP_WINDOW, .base = base,
		.to = to, .n = n };
	for (uint32_t i = 0; i < n; i++) {
		if (c->scratch[i].kind == PIECE_BELOW)
			continue;
		old |= c->scratch[i].lsn < c->before;
		p->w.as_of = MAX(p->w.as_of, c->scratch[i].lsn);
	}
	if (!old) {
		put_pieces(c->scratch, n);
		p->w.n = 0;
		return false;
	}
	p->w.v = xmalloc(n * sizeof *p->w.v);
	memcpy(p->w.v, c->scratch, n * sizeof *p->w.v);
	return true;
}

/* A hole that covers whole windows, from a window's start on. */
static bool
plan_hole(struct plan *p, uint64_t content, const struct index_piece *piece)
{
	uint64_t to = piece->to == UINT64_MAX ? UINT64_MAX : piece->to / MAP_WINDOW * MAP_WINDOW;

	if (piece->kind != PIECE_HOLE || piece->from % MAP_WINDOW != 0 ||
	    to < piece->from + MAP_WINDOW)
		return false;
	p->w = (struct window){ .content = content, .base = piece->from, .to = to,
		.as_of = piece->lsn };
	return true;
}

static void
plan_one(struct carving *c, struct plan *p, struct todo *t)
{
	struct index *ix = block_index(c->sync->share);
	struct index_piece piece;

	*p = (struct plan){ .kind = PLAN_LATER };
	for (int i = 0; i < SKIPS_A_VISIT; i++) {
		uint64_t base;

		if (!first_dirty(ix, t->content, t->at, &piece)) {
			p->kind = PLAN_DONE;
			return;
		}
		if (plan_hole(p, t->content, &piece)) {
			p->kind = PLAN_HOLE;
			p->next = p->w.to;
			if (piece.lsn < c->before)
				return;
		} else {
			base = piece.from / MAP_WINDOW * MAP_WINDOW;
			if (plan_window(c, p, t->content, base)) {
				p->kind = PLAN_WINDOW;
				p->next = p->w.to;
				return;
			}
			p->next = p->w.to;
		}
		p->kind = PLAN_LATER;
		t->at = p->next;
		if (t->at == UINT64_MAX) {
			p->kind = PLAN_DONE;
			return;
		}
	}
}

/* The next of a content.  Behind a hole, and behind a window that was cut short, it depends on what
 * becomes of that. */
static void
plan_next(struct carving *c, struct todo *t)
{
	struct plan *p = &c->plan[c->nplans++];

	plan_one(c, p, t);
	p->todo = t;
	t->at = p->kind == PLAN_DONE ? UINT64_MAX : p->next;
	t->stops = p->kind != PLAN_WINDOW || window_is_short(&p->w) || t->at == UINT64_MAX;
}

/* A few contents, in turn; what one visit does is bounded by the pieces that it may copy. */
static void
plan_visit(struct sync *y, void *arg)
{
	struct carving *c = arg;
	uint32_t first = c->ntodo - MIN(c->ntodo, (uint32_t)PLANS), pieces = 0, before;

	(void)y;
	for (uint32_t i = first; i < c->ntodo; i++)
		c->todo[i].stops = false;
	c->nplans = 0;
	do {
		before = c->nplans;
		for (uint32_t i = c->ntodo; i-- > first;) {
			struct todo *t = &c->todo[i];

			if (t->stops || c->nplans == PLANS || pieces >= PIECES_FIRST / 4)
				continue;
			plan_next(c, t);
			pieces += c->plan[c->nplans - 1].w.n;
		}
	} while (c->nplans > before);
}

static void
dirty_visit(struct sync *y, void *arg)
{
	struct index_dirty v[CONTENTS];
	struct carving *c = arg;

	c->ntodo = index_dirty(block_index(y->share), c->before, v, CONTENTS);
	for (uint32_t i = 0; i < c->ntodo; i++)		/* taken from the end: the oldest last */
		c->todo[c->ntodo - 1 - i] = (struct todo){ .content = v[i].content };
}

/* --- holes --- */

struct map_rows {
	struct sync *sync;
	struct { uint64_t window, leaf; struct version row; } v[ROWS_A_RUN];
	uint32_t n;
	uint64_t end;			/* windows from there on do not count */
	bool more;
	enum status st;
};

static bool
take_row(void *arg, struct slice key, const struct version *v)
{
	struct map_rows *r = arg;
	uint64_t window;

	if (key.len != 17) {
		r->st = ST_CORRUPT;
		return false;
	}
	window = get_be64(key.at + 9);
	if (window >= r->end)
		return false;
	if (r->n == ROWS_A_RUN) {
		r->more = true;
		return false;
	}
	r->v[r->n].window = window;
	r->v[r->n].row = *v;
	r->v[r->n].row.body = slice_of(NULL, 0);
	r->st = rec_map_decode(v->body, &r->v[r->n].leaf);
	r->n += r->st == OK;
	return r->st == OK;
}

/* Map rows under a hole go; without any left the rest of it is carved at once. */
static enum status
carve_hole(struct carving *c, const struct window *w, uint64_t *done_to)
{
	struct share *s = c->sync->share;
	struct key prefix = key_map_prefix(w->content);
	struct key from = key_map(w->content, w->base / MAP_WINDOW);
	struct map_rows *r = xcalloc(1, sizeof *r);
	uint64_t at = w->base;
	enum status st;

	r->end = w->to == UINT64_MAX ? UINT64_MAX : w->to / MAP_WINDOW;
	st = catalog_scan(s->catalog, key_slice(&prefix), key_slice(&from), true, take_row, r);
	if (st == OK)
		st = r->st;
	for (uint32_t i = 0; i < r->n && st == OK; i++) {
		uint64_t end = (r->v[i].window + 1) * MAP_WINDOW;

		batch_add(c->batch, &(struct carved){ .content = w->content, .from = at, .to = end,
			.as_of = w->as_of, .window = r->v[i].window, .changes = true,
			.old = r->v[i].row, .old_leaf = r->v[i].leaf });
		at = end;
	}
	if (st == OK && !r->more && at < w->to) {
		batch_add(c->batch,
		    &(struct carved){ .content = w->content,
			.from = at,
			.to = w->to,
			.as_of = w->as_of });
		at = w->to;
	}
	*done_to = at;
	free(r);
	return st;
}

/* --- carving --- */

/* A hole is carved behind all that was planned before it. */
static enum status
carve_after_all(struct carving *c, struct plan *p)
{
	enum status st = line_empty(c->line);

	if (st == OK && !batch_has_room(c->batch))
		st = batch_send(c->batch);
	if (st == OK)
		st = window_outcome(c->sync, &p->w, carve_hole(c, &p->w, &p->todo->at));
	return st;
}

static enum status
carve_plan(struct carving *c, struct plan *p)
{
	switch (p->kind) {
	case PLAN_WINDOW:
		return line_push(c->line, &p->w);
	case PLAN_HOLE:
		return carve_after_all(c, p);
	case PLAN_DONE:
	case PLAN_LATER:
		break;
	}
	return OK;
}

static enum status
carve_plans(struct carving *c)
{
	enum status st = OK;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < c->nplans; i++)
		if (st == OK) {
			st = carve_plan(c, &c->plan[i]);
			pressure_yield(c->sync);
		} else {
			window_clear(&c->plan[i].w);
		}
	for (uint32_t i = 0; i < c->ntodo; i++)
		if (c->todo[i].at != UINT64_MAX)
			c->todo[kept++] = c->todo[i];
	c->ntodo = kept;
	return st;
}

static bool
enough(const struct carving *c)
{
	return batch_sent(c->batch) >= BATCHES_A_RUN || atomic_load(&c->sync->closing);
}

enum status
sync_carve(struct sync *y, struct work *by, lsn_t before, bool *more)
{
	struct carving *c;
	enum status st = OK, flushed;
	lsn_t oldest = index_oldest_data(block_index(y->share));

	*more = false;
	if (oldest == 0 || oldest >= before)
		return OK;
	c = xcalloc(1, sizeof *c);
	*c = (struct carving){ .sync = y, .by = by, .before = before, .cap = PIECES_FIRST,
		.batch = batch_new(y, by),
		.scratch = xmalloc(PIECES_FIRST * sizeof *c->scratch) };
	c->line = line_new(y, c->batch);
	sync_visit(y, by, dirty_visit, c);
	*more = c->ntodo == CONTENTS;
	while (c->ntodo > 0 && st == OK && !enough(c)) {
		sync_visit(y, by, plan_visit, c);
		st = carve_plans(c);
	}
	*more |= c->ntodo > 0;
	if (st == OK)
		st = line_empty(c->line);
	line_free(&c->line);
	flushed = batch_flush(c->batch);
	if (st == OK)
		st = flushed;
	*more &= index_oldest_data(block_index(y->share)) != oldest;	/* else: not right now */
	if (st == OK)
		atomic_store(&y->checkpoint_wanted, true);
	batch_free(&c->batch);
	free(c->scratch);
	free(c);
	return st;
}
