/*
 * Who waits for what is not here, and whether the remote is there at all.  A job that waits holds
 * no thread: it parks, and the last of its tickets wakes it.
 *
 * While the remote fails, one flight a while tries; all others are told to come again at once.
 */
#include "pipeline/block/cold.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/base/meter.h"
#include "pipeline/block/flight.h"
#include "pipeline/block/inner.h"
#include "pipeline/block/rows.h"
#include "pipeline/cache/want.h"
#include "pipeline/stage/park.h"

#include <stdlib.h>

enum { RANGES = CONTAINER_BYTES / FLIGHT_BYTES + 1, CONTAINER_S = 60 };

enum { PAUSE_FIRST_MS = 500, PAUSE_MOST_MS = 8000, PARKED_MOST = 512 };

struct cold *
cold_new(struct share *s)
{
	struct cold *c = xcalloc(1, sizeof *c);

	c->share = s;
	mutex_init(&c->mutex, RANK_PAGE, (1 << 24) + 1);
	cond_init(&c->landed);
	for (int i = 0; i < FLIGHT_BUCKETS; i++)
		list_init(&c->bucket[i]);
	list_init(&c->hauls);
	ahead_init(c);
	return c;
}

struct haul {				/* of a whole container: its ranges, waited for */
	struct list link;		/* cold's */
	struct cold *cold;
	struct block_call call[RANGES];
	uint32_t n, away;
};

/* Calls in the air are given up; those that were held land as well.  Under the mutex no call is
 * done with. */
static void
cancel_locked(struct cold *c)
{
	struct block_store *remote = c->share->remote;

	for (int i = 0; i < FLIGHT_BUCKETS; i++)
		LIST_EACH(link, &c->bucket[i]) {
			struct flight *f = container_of(link, struct flight, link);

			for (uint32_t n = 0; f->away > 0 && n < f->ncalls; n++)
				remote->ops->cancel(remote, &f->call[n]);
			if (air_unhold(f))
				hands_give(&f->task);
		}
	LIST_EACH(link, &c->hauls) {
		struct haul *h = container_of(link, struct haul, link);

		for (uint32_t n = 0; n < h->n; n++)
			remote->ops->cancel(remote, &h->call[n]);
	}
}

void
cold_halt(struct cold *c, bool halted)
{
	if (c == NULL)
		return;
	mutex_lock(&c->mutex);
	c->closing = halted;
	if (halted)
		cancel_locked(c);
	mutex_unlock(&c->mutex);
}

void
cold_free(struct cold **cp)
{
	struct cold *c = TAKE(cp);

	if (c == NULL)
		return;
	mutex_lock(&c->mutex);
	c->closing = true;
	cancel_locked(c);
	while (c->flights > 0 || c->busy > 0)
		cond_wait(&c->landed, &c->mutex);
	mutex_unlock(&c->mutex);
	mutex_destroy(&c->mutex);
	cond_destroy(&c->landed);
	free(c);
}

/* --- the remote --- */

bool
cold_admitted(struct cold *c)
{
	bool yes;

	mutex_lock(&c->mutex);
	yes = !c->closing && (c->failures == 0 ||
	    (!c->probing && clock_mono_ns() >= c->pause_until_ns));
	c->probing |= yes && c->failures > 0;
	mutex_unlock(&c->mutex);
	return yes;
}

void
cold_went(struct cold *c, const struct block_call *call, bool counts)
{
	bool well = call->status == OK || call->status == ST_NOENT || call->status == ST_GARBAGE;
	uint64_t pause;

	mutex_lock(&c->mutex);
	c->probing = false;
	if (call->status == ST_CANCELED) {
		;			/* says nothing of the remote */
	} else if (!well && counts) {
		if (c->failures == 0)
			log_warn("cold.away", F_STR("share", c->share->conf.name),
			    F_HEX("request", call->request), F_STR("why", call->text));
		pause = MIN((uint64_t)PAUSE_FIRST_MS << MIN(c->failures, 5u),
		    (uint64_t)PAUSE_MOST_MS);
		c->failures++;
		c->pause_until_ns = clock_mono_ns() + pause * NS_PER_MS;
	} else if (well && c->failures > 0) {
		log_info("cold.back", F_STR("share", c->share->conf.name));
		c->failures = 0;
	}
	mutex_unlock(&c->mutex);
}

enum status
cold_row(struct cold *c, uint64_t number, struct container_row *row)
{
	enum status st = rows_container(c->share, number, row, NULL);

	return st == OK && !row->remote ? ST_NOENT : st;
}

/* --- who waits --- */

void
cold_ask(struct cold *c, struct cold_wait *w)
{
	mutex_lock(&c->mutex);
	w->open = w->n;
	w->job = NULL;
	w->late = false;
	for (uint32_t i = 0; i < w->n; i++) {
		list_init(&w->v[i].link);
		w->v[i].wait = w;
	}
	mutex_unlock(&c->mutex);
	for (uint32_t i = 0; i < w->n; i++) {
		const struct block_unit *u = &w->v[i].unit;
		uint32_t n = 1;

		/* What follows there is wanted, too: one flight for all of it. */
		for (uint32_t k = i + 1; k < w->n && w->v[k].unit.container == u->container &&
		    w->v[k].unit.index - u->index <= n; k++)
			n = MAX(n, w->v[k].unit.index - u->index + 1);
		flight_plan(c, &w->v[i], n);
	}
}

struct job *
cold_over_locked(struct cold *c, struct cold_ticket *t, enum status st, struct buf *bytes)
{
	struct cold_wait *w = t->wait;
	struct job *job = NULL;

	assert(!t->over && w->open > 0);
	list_remove(&t->link);
	t->over = true;
	t->status = st;
	t->bytes = bytes != NULL ? buf_ref(bytes) : NULL;
	if (--w->open == 0) {
		job = TAKE(&w->job);
		cond_broadcast(&c->landed);
	}
	return job;
}

void
cold_over(struct cold *c, struct cold_ticket *t, enum status st, struct buf *bytes)
{
	struct job *job;

	mutex_lock(&c->mutex);
	job = cold_over_locked(c, t, st, bytes);
	if (job != NULL)
		c->parked--;
	mutex_unlock(&c->mutex);
	if (job != NULL)
		job_wake(job);
}

/* Off the flights they are on.  Those that a hand is busy with stay open: it ends them soon. */
static void
give_up_locked(struct cold *c, struct cold_wait *w)
{
	w->late = true;
	for (uint32_t i = 0; i < w->n; i++)
		if (!w->v[i].over && !list_empty(&w->v[i].link))
			(void)cold_over_locked(c, &w->v[i], ST_DELAY, NULL);
}

/* Its time has passed: unless it has been woken, or is about to be, it is ours. */
static bool
expire(struct job *job)
{
	struct cold *c = job->share->block->cold;
	struct cold_wait *w = job->io.want->cold;
	struct job *waits;
	bool ours;

	mutex_lock(&c->mutex);
	waits = TAKE(&w->job);
	if (waits != NULL)
		give_up_locked(c, w);
	ours = waits != NULL && w->open == 0;
	if (ours)
		c->parked--;
	else
		w->job = waits;
	mutex_unlock(&c->mutex);
	return ours;
}

bool
cold_park(struct cold *c, struct job *job)
{
	struct cold_wait *w = job->io.want->cold;
	bool waits;

	mutex_lock(&c->mutex);
	if (c->parked >= PARKED_MOST)
		give_up_locked(c, w);
	waits = w->open > 0;
	if (waits) {
		park_begin(job, clock_mono_ns() + hands_wait_ns(), expire);
		w->job = job;
		c->parked++;
	}
	mutex_unlock(&c->mutex);
	if (waits)
		meter_add(METER_COLD_PARKED, 1);
	return waits;
}

void
cold_await(struct cold *c, struct cold_wait *w)
{
	mutex_lock(&c->mutex);
	while (w->open > 0)
		cond_wait(&c->landed, &c->mutex);
	mutex_unlock(&c->mutex);
}

void
cold_wait_clear(struct cold_wait *w)
{
	assert(w->open == 0);
	for (uint32_t i = 0; i < w->n; i++)
		buf_put(&w->v[i].bytes);
	w->n = 0;
}

/* --- a whole container --- */

static void
haul_done(struct block_call *call)
{
	struct haul *h = call->owner;
	struct cold *c = h->cold;

	mutex_lock(&c->mutex);
	h->away--;
	cond_broadcast(&c->landed);
	mutex_unlock(&c->mutex);
}

static enum status
haul(struct cold *c, struct haul *h, const struct container_row *row, uint64_t number, uint8_t *to)
{
	struct block_store *remote = c->share->remote;
	enum status st = OK;

	h->n = h->away = (uint32_t)((row->bytes + FLIGHT_BYTES - 1) / FLIGHT_BYTES);
	for (uint32_t i = 0; i < h->n; i++) {
		uint64_t at = (uint64_t)i * FLIGHT_BYTES;
		uint64_t len = MIN((uint64_t)FLIGHT_BYTES, row->bytes - at);
		struct block_call *call = &h->call[i];

		*call = (struct block_call){ .kind = BLOCK_GET, .offset = at, .len = len,
			.into = to + at, .into_cap = len, .done = haul_done, .owner = h,
			.deadline_ns = clock_mono_ns() + CONTAINER_S * NS_PER_S };
		chain_init(&call->body);
		rows_object_name(c->share, row->fence, number, call->name);
		remote->ops->start(remote, call);
	}
	mutex_lock(&c->mutex);
	list_push_back(&c->hauls, &h->link);
	for (uint32_t i = 0; i < h->n && c->closing; i++)	/* meanwhile */
		remote->ops->cancel(remote, &h->call[i]);
	while (h->away > 0)
		cond_wait(&c->landed, &c->mutex);
	list_remove(&h->link);
	mutex_unlock(&c->mutex);
	for (uint32_t i = 0; i < h->n; i++) {
		const struct block_call *call = &h->call[i];

		cold_went(c, call, true);
		meter_add(METER_COLD_READS, 1);
		meter_add(METER_COLD_BYTES, (int64_t)call->got);
		if (st == OK && call->status != OK)
			st = call->status == ST_NOENT || call->status == ST_GARBAGE ? ST_CORRUPT :
			    ST_DELAY;
		else if (st == OK && call->got != call->len)
			st = ST_CORRUPT;
	}
	return st;
}

enum status
cold_container(struct cold *c, uint64_t number, uint8_t **bytes, uint64_t *len)
{
	struct container_row row;
	enum status st = cold_row(c, number, &row);
	struct haul *h;
	uint8_t *to;

	if (st != OK)
		return st;
	if (row.bytes < CONTAINER_HEADER + CONTAINER_TRAILER || row.bytes > CONTAINER_BYTES)
		return ST_CORRUPT;
	if (!cold_admitted(c))
		return ST_DELAY;
	h = xcalloc(1, sizeof *h);
	h->cold = c;
	to = xmalloc(row.bytes);
	st = haul(c, h, &row, number, to);
	free(h);
	if (st != OK) {
		free(to);
		return st;
	}
	*bytes = to;
	*len = row.bytes;
	return OK;
}
