/*
 * Reading ahead.  A stream is a content that is read on where the last READ ended; READs of a
 * client that has several under way come a little out of turn, so a few that are early are
 * remembered. Each time half of what was looked ahead is used, the window doubles, up to a quarter
 * of what pages may take, and a hand looks up what lies there and brings what is not here, several
 * ranges at once.
 */
#include "pipeline/base/arena.h"
#include "pipeline/base/hash.h"
#include "pipeline/block/flight.h"
#include "pipeline/block/inner.h"
#include "pipeline/block/rows.h"
#include "pipeline/cache/page.h"
#include "pipeline/cache/want.h"

enum { WINDOW_FIRST = 512 << 10, WINDOW_MOST = 16 << 20, EARLY_MOST = 8 << 20, LOOK = 2 << 20,
	LOOK_ARENA = 1 << 20 };

/* --- streams --- */

static struct stream *
way(struct cold *c, uint64_t content)
{
	uint64_t set = hash_u64(content) % (STREAMS / STREAM_WAYS);

	return &c->stream[set * STREAM_WAYS];
}

/* The stream that a READ at offset goes on with, or came too early or again for. */
static struct stream *
stream_locked(struct cold *c, uint64_t content, uint64_t offset)
{
	struct stream *s = way(c, content);

	for (int i = 0; i < STREAM_WAYS; i++)
		if (s[i].content == content && offset + EARLY_MOST >= s[i].at &&
		    offset <= s[i].at + EARLY_MOST)
			return &s[i];
	return NULL;
}

/* Those that came before their turn, and whose turn it is now. */
static void
catch_up(struct stream *s)
{
	for (bool more = true; more;) {
		more = false;
		for (size_t i = 0; i < ARRAY_LEN(s->early); i++)
			if (s->early[i].to > s->at && s->early[i].from <= s->at) {
				s->at = s->early[i].to;
				more = true;
			}
	}
}

static void
keep_early(struct stream *s, uint64_t from, uint64_t to)
{
	for (size_t i = 0; i < ARRAY_LEN(s->early); i++)
		if (s->early[i].to <= s->at) {
			s->early[i].from = from;
			s->early[i].to = to;
			return;
		}
}

static void
wake_hand_locked(struct stream *s)
{
	if (s->busy) {
		s->again = true;
		return;
	}
	if (s->cold->closing)
		return;
	s->busy = true;
	s->cold->busy++;
	hands_give(&s->task);
}

static void
advance_locked(struct stream *s, uint64_t offset, uint32_t len)
{
	uint64_t to = offset + len;

	s->used = ++s->cold->clock;
	if (to <= s->at)
		return;
	if (offset > s->at) {
		keep_early(s, offset, to);
		return;
	}
	s->at = to;
	catch_up(s);
	if (s->window != 0 && s->at + s->window / 2 < s->ahead_to)
		return;
	s->window = MIN(MAX(MAX(s->window * 2, (uint64_t)WINDOW_FIRST), (uint64_t)len * 2),
	    MIN((uint64_t)WINDOW_MOST, page_budget() / 4));
	s->ahead_to = MAX(s->ahead_to, s->at);
	wake_hand_locked(s);
}

void
cold_note(struct cold *c, uint64_t content, uint64_t offset, uint32_t len)
{
	struct stream *s;

	/* A guess: one more or less that is looked at. */
	if (atomic_load_explicit(&c->following, memory_order_relaxed) == 0 ||
	    offset > UINT64_MAX / 2)
		return;
	mutex_lock(&c->mutex);
	s = stream_locked(c, content, offset);
	if (s != NULL)
		advance_locked(s, offset, len);
	mutex_unlock(&c->mutex);
}

/* In place of the one that is least likely to go on: not known to be read on, then the oldest. */
static struct stream *
victim_locked(struct cold *c, uint64_t content)
{
	struct stream *s = way(c, content), *found = NULL;

	for (int i = 0; i < STREAM_WAYS; i++) {
		if (s[i].busy)
			continue;
		if (found == NULL || (s[i].window != 0) < (found->window != 0) ||
		    ((s[i].window != 0) == (found->window != 0) && s[i].used < found->used))
			found = &s[i];
	}
	return found;
}

/* Who begins at the beginning reads on, perhaps. */
void
cold_missed(struct cold *c, uint64_t content, uint64_t offset, uint32_t len)
{
	struct stream *s;

	if (offset > UINT64_MAX / 2)
		return;
	mutex_lock(&c->mutex);
	s = stream_locked(c, content, offset);
	if (s == NULL && (s = victim_locked(c, content)) != NULL) {
		if (s->content == 0)
			atomic_fetch_add_explicit(&c->following, 1, memory_order_relaxed);
		memset(s->early, 0, sizeof s->early);
		s->content = content;
		s->at = offset;
		s->ahead_to = offset;
		s->window = 0;
		s->blocked = s->again = false;
		if (offset == 0)
			advance_locked(s, offset, len);
		else
			s->at += len;
		s->used = ++c->clock;
	}
	mutex_unlock(&c->mutex);
}

/* --- looking ahead --- */

struct look {
	struct cold *cold;
	struct arena arena;
	struct ahead_units run;
	uint64_t run_at;		/* the offset that its first unit is wanted at */
	uint64_t blocked_at;		/* the first offset whose units are not on their way */
	enum status st;
};

/* An index that is on its way holds up what lies behind it, not what lies elsewhere. */
static void
bring_run(struct look *l)
{
	enum status st;

	if (l->run.n == 0)
		return;
	st = flight_ahead(l->cold, &l->run);
	if (st != OK && l->run_at < l->blocked_at)
		l->blocked_at = l->run_at;
	if (st != OK && st != ST_RESTART)
		l->st = st;
	l->run.n = 0;
}

static void
see_piece(struct look *l, const struct want_piece *p, uint64_t offset)
{
	struct ahead_units *run = &l->run;
	struct chunk chunk;
	uint32_t unit = p->at / CHUNK_UNIT, index;

	if (p->kind != WANT_CHUNK || rows_chunk(l->cold->share, p->digest, false, &chunk) != OK)
		return;
	index = chunk.index + unit;
	if (run->n > 0 && run->number == chunk.container && index >= run->first &&
	    index - run->first < run->n)
		return;			/* two pieces of one unit */
	if (run->n == 0 || run->number != chunk.container || index != run->first + run->n ||
	    run->n == AHEAD_UNITS) {
		bring_run(l);
		run->number = chunk.container;
		run->first = index;
		l->run_at = offset;
	}
	memcpy(run->v[run->n].digest, p->digest, sizeof p->digest);
	run->v[run->n++].unit = (uint8_t)unit;
}

/* What [from, from + len) of a content needs. */
static void
look_at(struct look *l, uint64_t content, uint64_t from, uint32_t len)
{
	struct io io = { .offset = from, .count = len };

	chain_init(&io.data);
	l->st = block_lookup_only(l->cold->share, content, &io, true, &l->arena);
	for (uint32_t i = 0; l->st == OK && i < io.want->n; i++) {
		see_piece(l, &io.want->v[i], from);
		from += io.want->v[i].len;
	}
	bring_run(l);
	block_want_clear(&io);
	arena_rewind(&l->arena);
}

/* As far as the window goes, or the air has room. */
static uint64_t
look_ahead(struct cold *c, uint64_t content, uint64_t from, uint64_t to, bool *blocked)
{
	struct look l;

	l.cold = c;
	l.run.n = 0;
	l.blocked_at = UINT64_MAX;
	l.st = OK;
	arena_init(&l.arena, NULL, 0, LOOK_ARENA);
	while (from < to && l.st == OK) {
		uint32_t len = (uint32_t)MIN(to - from, (uint64_t)LOOK);

		look_at(&l, content, from, len);
		from += len;
	}
	*blocked = l.st == OK && l.blocked_at != UINT64_MAX;
	return MIN(from, l.blocked_at);
}

static void
stream_run(struct task *t)
{
	struct stream *s = container_of(t, struct stream, task);
	struct cold *c = s->cold;

	mutex_lock(&c->mutex);
	do {
		uint64_t from = MAX(s->ahead_to, s->at), to = s->at + s->window, reached;
		bool blocked = false;

		s->again = s->blocked = false;
		mutex_unlock(&c->mutex);
		reached = look_ahead(c, s->content, from, to, &blocked);
		mutex_lock(&c->mutex);
		s->ahead_to = MAX(s->ahead_to, reached);
		s->blocked = blocked;
	} while (s->again && !c->closing);
	s->busy = false;
	c->busy--;
	cond_broadcast(&c->landed);
	mutex_unlock(&c->mutex);
}

void
ahead_unblock(struct cold *c)
{
	mutex_lock(&c->mutex);
	for (int i = 0; i < STREAMS; i++)
		if (c->stream[i].busy)
			c->stream[i].again = true;
		else if (c->stream[i].blocked)
			wake_hand_locked(&c->stream[i]);
	mutex_unlock(&c->mutex);
}

void
ahead_init(struct cold *c)
{
	for (int i = 0; i < STREAMS; i++) {
		c->stream[i].cold = c;
		c->stream[i].task.run = stream_run;
		list_init(&c->stream[i].task.link);
	}
}
