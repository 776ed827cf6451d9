/*
 * A place in the line is a room to build in and a task of the crew.  What is begun needs nothing of
 * what stands before it; so the disk reads for one window while another is hashed and a third one
 * sealed, and no core waits for a disk as long as there is another window.
 */
#include "pipeline/sync/line.h"

#include "pipeline/sync/crew.h"
#include "pipeline/sync/window.h"

#include <stdlib.h>

enum { WORTH_BYTES = 256 << 10 };

struct place {
	struct window w;
	struct window_room *room;	/* NULL: not used yet */
	bool begun;			/* its task */
};

struct line {
	struct sync *sync;
	struct batch *batch;
	struct place v[CREW_AHEAD];
	uint32_t first, n;		/* places in use, around */
};

struct line *
line_new(struct sync *y, struct batch *b)
{
	struct line *l = xcalloc(1, sizeof *l);

	l->sync = y;
	l->batch = b;
	return l;
}

/* Its bytes are read, cut and hashed, where that was begun; and it is the first no more. */
static struct place *
leave(struct line *l)
{
	struct place *p = &l->v[l->first];

	if (p->begun)
		crew_end(l->sync->crew, CREW_WINDOW + l->first);
	l->first = (l->first + 1) % CREW_AHEAD;
	l->n--;
	return p;
}

void
line_free(struct line **lp)
{
	struct line *l = TAKE(lp);

	if (l == NULL)
		return;
	while (l->n > 0)
		window_clear(&leave(l)->w);
	for (uint32_t i = 0; i < CREW_AHEAD; i++)
		window_room_free(&l->v[i].room);
	free(l);
}

static enum status
build_first(struct line *l)
{
	struct place *p = leave(l);
	enum status st = OK, flushed;

	if (!p->begun)
		window_prepare(p->room);
	if (!batch_has_room(l->batch))
		st = batch_send(l->batch);
	if (st == OK)
		st = window_finish(p->room, l->batch);
	if (window_is_short(&p->w)) {	/* its rest is built upon what this makes */
		flushed = batch_flush(l->batch);
		st = st == OK ? flushed : st;
	}
	st = window_outcome(l->sync, &p->w, st);
	window_clear(&p->w);
	return st;
}

enum status
line_empty(struct line *l)
{
	enum status st = OK;

	while (l->n > 0 && st == OK)
		st = build_first(l);
	return st;
}

static uint64_t
dirty_bytes(const struct window *w)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < w->n; i++)
		if (w->v[i].kind != PIECE_BELOW)
			bytes += MIN(w->v[i].to, w->to) - w->v[i].from;
	return bytes;
}

/* How many may be in the making beside the errand: where a core is left to others, what is left. */
static uint32_t
ahead_most(const struct line *l)
{
	uint32_t width = crew_width(l->sync->crew);

	return width == crew_seats(l->sync->crew) ? CREW_AHEAD : width - 1;
}

static uint32_t
begun(const struct line *l)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < l->n; i++)
		n += l->v[(l->first + i) % CREW_AHEAD].begun;
	return n;
}

enum status
line_push(struct line *l, const struct window *w)
{
	enum status st = l->n == CREW_AHEAD ? build_first(l) : OK;
	uint32_t at = (l->first + l->n) % CREW_AHEAD;
	struct place *p = &l->v[at];
	bool much = dirty_bytes(w) >= WORTH_BYTES, alone = l->n == 0;

	if (p->room == NULL)
		p->room = window_room_new(l->sync);
	p->w = *w;
	p->begun = st == OK && much && begun(l) < ahead_most(l);
	l->n++;
	window_begin(p->room, &p->w);
	if (p->begun)
		crew_begin(l->sync->crew, CREW_WINDOW + at, window_prepare, p->room);
	if (st == OK && (window_is_short(w) || (alone && !much)))
		st = line_empty(l);
	return st;
}
