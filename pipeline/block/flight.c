/*
 * Flights: one a range of a container, found by all who want what it brings.  A flight is in its
 * bucket until what it brought is in the mirror: who finds neither the one nor the other looked
 * before, and looks again.
 *
 * The first flight to a container brings its header and index, which stay.
 */
#include "pipeline/block/flight.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/meter.h"
#include "pipeline/block/inner.h"
#include "pipeline/block/rows.h"
#include "pipeline/cache/page.h"

#include <stdlib.h>

enum { CALL_S = 10, SLOW_BYTES_S = 1 << 20, END_FIRST = 32 << 10, PLANS = 4 };

static struct list *
bucket_of(struct cold *c, uint64_t number)
{
	return &c->bucket[hash_u64(number) % FLIGHT_BUCKETS];
}

static struct mirror *
mirror_of(struct cold *c)
{
	return c->share->block->mirror;
}

/* The flight that brings that unit, or what must be known before. */
static struct flight *
find_locked(struct cold *c, uint64_t number, uint32_t index)
{
	LIST_EACH(link, bucket_of(c, number)) {
		struct flight *f = container_of(link, struct flight, link);

		if (f->number == number && (f->vessel == NULL ||
		    (f->first <= index && index - f->first < f->n)))
			return f;
	}
	return NULL;
}

/* How many units from index on, at most n, no flight brings. */
static uint32_t
free_locked(struct cold *c, uint64_t number, uint32_t index, uint32_t n)
{
	LIST_EACH(link, bucket_of(c, number)) {
		const struct flight *f = container_of(link, struct flight, link);

		if (f->number == number && f->vessel != NULL && f->first >= index)
			n = MIN(n, f->first - index);
	}
	return n;
}

static bool
board_locked(struct cold *c, struct cold_ticket *t)
{
	struct flight *f = find_locked(c, t->unit.container, t->unit.index);

	if (f != NULL)
		list_push_back(&f->tickets, &t->link);
	return f != NULL;
}

static bool
board(struct cold *c, struct cold_ticket *t)
{
	bool on;

	mutex_lock(&c->mutex);
	on = board_locked(c, t);
	mutex_unlock(&c->mutex);
	return on;
}

/* --- taking off --- */

static struct flight *
flight_new(struct cold *c, uint64_t number, const struct container_row *row)
{
	struct flight *f = xcalloc(1, sizeof *f);

	f->task.run = flight_land;
	list_init(&f->task.link);
	list_init(&f->link);
	list_init(&f->held);
	list_init(&f->tickets);
	f->cold = c;
	f->number = number;
	f->row = *row;
	f->ncalls = 1;
	return f;
}

void
flight_free(struct flight *f)
{
	vessel_put(&f->vessel);
	free(f->bytes);
	free(f->page);
	free(f);
}

static void
enter_locked(struct cold *c, struct flight *f)
{
	list_push_back(bucket_of(c, f->number), &f->link);
	c->flights++;
}

/* Nobody finds it any more; those who wait on it are the caller's. */
void
flight_leave_locked(struct flight *f, struct list *tickets)
{
	list_remove(&f->link);
	list_splice_back(tickets, &f->tickets);
}

/* The last that is done with a flight: the share may go after it. */
void
flight_gone(struct cold *c)
{
	mutex_lock(&c->mutex);
	c->flights--;
	cond_broadcast(&c->landed);
	mutex_unlock(&c->mutex);
}

/* The last of the calls, and of who starts them, gives the flight to the hands. */
static void
land_if_last(struct flight *f)
{
	struct cold *c = f->cold;
	bool last;

	mutex_lock(&c->mutex);
	last = --f->away == 0;
	mutex_unlock(&c->mutex);
	if (last)
		hands_give(&f->task);
}

static void
call_done(struct block_call *call)
{
	land_if_last(call->owner);
}

/* What is far behind in a long queue is given the time that this takes. */
void
flight_call_locked(struct flight *f, uint32_t i, uint64_t at, uint64_t len, uint8_t *to)
{
	struct block_call *call = &f->call[i];
	uint64_t slow_ns = f->cold->flights * (uint64_t)FLIGHT_BYTES / SLOW_BYTES_S * NS_PER_S;

	*call = (struct block_call){ .kind = BLOCK_GET, .offset = at, .len = len, .into = to,
		.into_cap = len, .deadline_ns = clock_mono_ns() + CALL_S * NS_PER_S + slow_ns,
		.request = f->request, .done = call_done, .owner = f };
	chain_init(&call->body);
	rows_object_name(f->cold->share, f->row.fence, f->number, call->name);
}

/* Who starts them counts as one more that is away, so that the flight is not over before all have
 * begun; who closes meanwhile cancels what he finds begun, and the rest is cancelled here. */
void
flight_start(struct flight *f, uint32_t n)
{
	struct cold *c = f->cold;
	struct block_store *remote = c->share->remote;
	bool closing;

	mutex_lock(&c->mutex);
	f->ncalls = n;
	f->away = n + 1;
	mutex_unlock(&c->mutex);
	for (uint32_t i = 0; i < n; i++)
		remote->ops->start(remote, &f->call[i]);
	mutex_lock(&c->mutex);
	closing = c->closing;
	mutex_unlock(&c->mutex);
	for (uint32_t i = 0; i < n && closing; i++)
		remote->ops->cancel(remote, &f->call[i]);
	land_if_last(f);
}

void
flight_go(struct flight *f)
{
	struct cold *c = f->cold;

	if (!cold_admitted(c)) {
		hands_give(&f->task);
		return;
	}
	f->flew = true;
	f->bytes = xmalloc(f->len);
	mutex_lock(&c->mutex);
	flight_call_locked(f, 0, f->at, f->len, f->bytes);
	if (f->vessel == NULL)
		flight_call_locked(f, 1, 0, MIN(f->row.bytes, (uint64_t)MIRROR_HEAD), f->head);
	mutex_unlock(&c->mutex);
	flight_start(f, f->vessel == NULL ? 2 : 1);
}

static void
take_off(struct flight *f)
{
	f->air = f->len;
	if (air_take(f->air, false))
		flight_go(f);
	else
		air_hold(f);
}

/* --- planning --- */

/* Header and index, for who wants a unit and does not know where it lies; t NULL: for nobody yet.
 * RESTART: they have come meanwhile. */
static enum status
bring_index(struct cold *c, struct cold_ticket *t, uint64_t number, const struct container_row *row)
{
	struct flight *f;
	struct vessel *v = NULL;
	struct list left;

	if (row->bytes < CONTAINER_HEADER + CONTAINER_TRAILER || row->bytes > CONTAINER_BYTES)
		return ST_CORRUPT;
	f = flight_new(c, number, row);
	f->len = MIN(row->bytes, (uint64_t)END_FIRST);
	f->at = row->bytes - f->len;
	f->ahead = t == NULL;
	f->request = t != NULL ? t->wait->request : 0;
	mutex_lock(&c->mutex);
	if (t != NULL ? board_locked(c, t) : find_locked(c, number, 0) != NULL) {
		mutex_unlock(&c->mutex);
		flight_free(f);
		return t != NULL ? OK : ST_RESTART;
	}
	enter_locked(c, f);
	mutex_unlock(&c->mutex);
	/* Alone now: was it brought between the look and this?  Others may have boarded. */
	if (vessel_get(mirror_of(c), number, &v) == OK && v->bytes == row->bytes) {
		vessel_put(&v);
		list_init(&left);
		mutex_lock(&c->mutex);
		flight_leave_locked(f, &left);
		mutex_unlock(&c->mutex);
		for (struct list *l; (l = list_pop_front(&left)) != NULL;)
			flight_plan(c, container_of(l, struct cold_ticket, link), 1);
		flight_free(f);
		flight_gone(c);
		return ST_RESTART;
	}
	vessel_put(&v);
	if (t != NULL) {
		mutex_lock(&c->mutex);
		list_push_back(&f->tickets, &t->link);
		mutex_unlock(&c->mutex);
	}
	take_off(f);
	return t != NULL ? OK : ST_RESTART;
}

/* Bytes of n units from index on, as far as they lie one behind the other; *np: how many. */
static uint64_t
run_of(const struct vessel *v, uint32_t index, uint32_t *np)
{
	uint32_t n = 0;
	uint64_t len = 0;

	do {
		len += (uint64_t)v->rows[index + n].stored + CONTAINER_TAG;
		n++;
	} while (n < *np && index + n < v->n && v->rows[index + n].at == v->rows[index].at + len &&
	    len + v->rows[index + n].stored + CONTAINER_TAG <= FLIGHT_BYTES);
	*np = n;
	return len;
}

static void
units_set(struct flight *f, struct vessel *v, uint32_t first, uint32_t n)
{
	ref_take(&v->refs);
	f->vessel = v;
	f->first = first;
	f->n = n;
	f->at = v->rows[first].at;
	f->len = run_of(v, first, &f->n);
}

static enum status
bring_units(struct cold *c, struct cold_ticket *t, uint32_t n, const struct container_row *row,
    struct vessel *v)
{
	const struct block_unit *u = &t->unit;
	struct flight *f;

	if (u->index >= v->n || v->rows[u->index].plain != u->len ||
	    memcmp(v->rows[u->index].digest, u->digest, 32) != 0)
		return ST_CORRUPT;
	f = flight_new(c, u->container, row);
	mutex_lock(&c->mutex);
	if (board_locked(c, t)) {
		mutex_unlock(&c->mutex);
		flight_free(f);
		return OK;
	}
	units_set(f, v, u->index, free_locked(c, u->container, u->index, n));
	f->request = t->wait->request;
	enter_locked(c, f);
	list_push_back(&f->tickets, &t->link);
	mutex_unlock(&c->mutex);
	take_off(f);
	return OK;
}

/* Somebody has brought it since it was looked for: OK, and the ticket is over. */
static enum status
came_meanwhile(struct cold *c, struct cold_ticket *t)
{
	const struct block_unit *u = &t->unit;
	struct buf *b = page_buf(u->len);
	enum status st;

	if (b == NULL)
		b = buf_new(u->len);
	st = mirror_read(mirror_of(c), u->container, u->index, u->digest, b->bytes, u->len, false);
	if (st == OK)
		cold_over(c, t, OK, b);
	buf_put(&b);
	return st;
}

static bool
remote_away(struct cold *c)
{
	bool away;

	mutex_lock(&c->mutex);
	away = c->closing ||
	    (c->failures > 0 && (c->probing || clock_mono_ns() < c->pause_until_ns));
	mutex_unlock(&c->mutex);
	return away;
}

/* Where its units lie, as a file here says.  NOENT: none does; a part of another container, left
 * by a crash, goes.  CORRUPT: the file does not say it. */
static enum status
vessel_for(struct cold *c, uint64_t number, const struct container_row *row, struct vessel **vp)
{
	struct vessel *v;
	enum status st = vessel_get(mirror_of(c), number, &v), gone_st;

	if (st != OK)
		return st;
	if (v->part && (v->bytes != row->bytes || v->ident.fence != row->fence)) {
		vessel_put(&v);
		gone_st = mirror_delete(mirror_of(c), number);
		return gone_st == OK ? ST_NOENT : gone_st;
	}
	*vp = v;
	return OK;
}

static enum status
plan(struct cold *c, struct cold_ticket *t, uint32_t n)
{
	uint64_t number = t->unit.container;
	struct container_row row;
	struct vessel *v = NULL;
	enum status st;

	if (board(c, t))
		return OK;
	if (remote_away(c))
		return ST_DELAY;
	if ((st = cold_row(c, number, &row)) != OK)
		return st;
	st = vessel_for(c, number, &row, &v);
	if (st == ST_NOENT || st == ST_CORRUPT)
		return bring_index(c, t, number, &row);
	if (st != OK)
		return st;
	if (t->tries > 0 || t->here != ST_NOENT || t->unit.index >= v->n ||
	    !vessel_has(v, t->unit.index) || came_meanwhile(c, t) != OK)
		st = bring_units(c, t, n, &row, v);
	vessel_put(&v);
	return st;
}

void
flight_plan(struct cold *c, struct cold_ticket *t, uint32_t n)
{
	enum status st;
	bool late;

	mutex_lock(&c->mutex);
	late = t->wait->late;
	mutex_unlock(&c->mutex);
	st = late ? ST_DELAY : ST_RESTART;
	for (int i = 0; i < PLANS && st == ST_RESTART; i++)
		st = plan(c, t, n);
	if (st != OK)
		cold_over(c, t, st == ST_RESTART ? ST_DELAY : st, NULL);
}

/* Which units of the flight become pages: those that are what their chunks' rows say. */
static void
pages_set(struct flight *f, const struct ahead_units *u)
{
	f->page = xmalloc(f->n);
	for (uint32_t i = 0; i < f->n; i++) {
		uint32_t k = f->first + i - u->first;

		f->page[i] = memcmp(f->vessel->rows[f->first + i].digest, u->v[k].digest, 32) == 0 ?
		    u->v[k].unit : NO_PAGE;
	}
}

/* One flight of what is missing from index on; *np: how many units that, or what is here, are. */
static enum status
ahead_run(struct cold *c, const struct container_row *row, const struct ahead_units *u,
    struct vessel *v, uint32_t *np)
{
	uint32_t index = u->first + *np, most = MIN(u->n, v->n - u->first) - *np, n = 1;
	struct flight *f;

	if (vessel_has(v, index)) {
		++*np;
		return OK;
	}
	while (n < most && !vessel_has(v, index + n))
		n++;
	f = flight_new(c, u->number, row);
	f->ahead = true;
	mutex_lock(&c->mutex);
	if (find_locked(c, u->number, index) != NULL) {
		mutex_unlock(&c->mutex);
		flight_free(f);
		++*np;
		return OK;
	}
	units_set(f, v, index, free_locked(c, u->number, index, n));
	if (!air_take(f->len, true)) {
		mutex_unlock(&c->mutex);
		flight_free(f);
		return ST_RESOURCE;
	}
	*np += f->n;
	pages_set(f, u);
	enter_locked(c, f);
	mutex_unlock(&c->mutex);
	f->air = f->len;
	meter_add(METER_COLD_AHEAD, (int64_t)f->len);
	flight_go(f);
	return OK;
}

enum status
flight_ahead(struct cold *c, const struct ahead_units *u)
{
	struct container_row row;
	struct vessel *v = NULL;
	enum status st;

	if (remote_away(c))
		return ST_DELAY;
	if ((st = cold_row(c, u->number, &row)) != OK)
		return st == ST_NOENT ? OK : st;	/* it is here alone */
	st = vessel_for(c, u->number, &row, &v);
	if (st == ST_NOENT || st == ST_CORRUPT)
		return bring_index(c, NULL, u->number, &row);
	if (st != OK)
		return st;
	for (uint32_t at = 0; v->part && at < u->n && u->first + at < v->n && st == OK;)
		st = ahead_run(c, &row, u, v, &at);
	vessel_put(&v);
	return st;
}
