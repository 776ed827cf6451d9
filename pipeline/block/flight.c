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
#include "pipeline/base/log.h"
#include "pipeline/base/meter.h"
#include "pipeline/block/inner.h"
#include "pipeline/cache/page.h"

#include <stdlib.h>

enum { CALL_S = 10, SLOW_BYTES_S = 1 << 20, END_FIRST = 32 << 10, PLANS = 4, TICKET_TRIES = 3 };

#define PARTS_BYTES (2ull << 30)	/* kept of parts, where nothing is said */

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

static void land(struct task *t);

static struct flight *
flight_new(struct cold *c, uint64_t number, const struct container_row *row)
{
	struct flight *f = xcalloc(1, sizeof *f);

	f->task.run = land;
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

static void
flight_free(struct flight *f)
{
	vessel_put(&f->vessel);
	free(f->bytes);
	free(f);
}

static void
enter_locked(struct cold *c, struct flight *f)
{
	list_push_back(bucket_of(c, f->number), &f->link);
	c->flights++;
}

/* Nobody finds it any more; those who wait on it are the caller's. */
static void
leave_locked(struct flight *f, struct list *tickets)
{
	list_remove(&f->link);
	list_splice_back(tickets, &f->tickets);
}

/* The last that is done with a flight: the share may go after it. */
static void
gone(struct cold *c)
{
	mutex_lock(&c->mutex);
	c->flights--;
	cond_broadcast(&c->landed);
	mutex_unlock(&c->mutex);
}

static void
call_done(struct block_call *call)
{
	struct flight *f = call->owner;
	struct cold *c = f->cold;
	bool last;

	mutex_lock(&c->mutex);
	last = --f->away == 0;
	mutex_unlock(&c->mutex);
	if (last)
		hands_give(&f->task);
}

/* What is far behind in a long queue is given the time that this takes. */
static void
call_set(struct flight *f, uint32_t i, uint64_t at, uint64_t len, uint8_t *to)
{
	struct block_call *call = &f->call[i];
	uint64_t slow_ns = f->cold->flights * (uint64_t)FLIGHT_BYTES / SLOW_BYTES_S * NS_PER_S;

	*call = (struct block_call){ .kind = BLOCK_GET, .offset = at, .len = len, .into = to,
		.into_cap = len, .deadline_ns = clock_mono_ns() + CALL_S * NS_PER_S + slow_ns,
		.done = call_done, .owner = f };
	chain_init(&call->body);
	cold_object_name(f->cold->share, &f->row, f->number, call->name);
}

/* The calls may end, and the flight with them, before the last start() has returned. */
static void
start_calls(struct flight *f, uint32_t n)
{
	struct cold *c = f->cold;
	struct block_store *remote = c->share->remote;

	mutex_lock(&c->mutex);
	f->ncalls = f->away = n;
	mutex_unlock(&c->mutex);
	for (uint32_t i = 0; i < n; i++)
		remote->ops->start(remote, &f->call[i]);
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
	mutex_lock(&c->mutex);
	call_set(f, 0, f->at, f->len, f->bytes);
	if (f->vessel == NULL)
		call_set(f, 1, 0, MIN(f->row.bytes, (uint64_t)MIRROR_HEAD), f->head);
	mutex_unlock(&c->mutex);
	start_calls(f, f->vessel == NULL ? 2 : 1);
}

static void
take_off(struct flight *f)
{
	f->air = f->len;
	f->bytes = xmalloc(f->len);
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
		leave_locked(f, &left);
		mutex_unlock(&c->mutex);
		for (struct list *l; (l = list_pop_front(&left)) != NULL;)
			flight_plan(c, container_of(l, struct cold_ticket, link), 1);
		flight_free(f);
		gone(c);
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
	away = c->closing || (c->failures > 0 && (c->probing || clock_mono_ns() < c->pause_until_ns));
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

/* One flight of what is missing from index on; *np: how many units that, or what is here, are. */
static enum status
ahead_run(struct cold *c, const struct container_row *row, uint64_t number, struct vessel *v,
    uint32_t index, uint32_t *np)
{
	uint32_t n = 1, most = *np;
	struct flight *f;

	*np = 1;
	if (vessel_has(v, index))
		return OK;
	while (n < most && !vessel_has(v, index + n))
		n++;
	f = flight_new(c, number, row);
	f->ahead = true;
	mutex_lock(&c->mutex);
	if (find_locked(c, number, index) != NULL) {
		mutex_unlock(&c->mutex);
		flight_free(f);
		return OK;
	}
	units_set(f, v, index, free_locked(c, number, index, n));
	*np = f->n;
	if (!air_take(f->len, true)) {
		mutex_unlock(&c->mutex);
		flight_free(f);
		return ST_RESOURCE;
	}
	enter_locked(c, f);
	mutex_unlock(&c->mutex);
	f->air = f->len;
	f->bytes = xmalloc(f->len);
	meter_add(METER_COLD_AHEAD, (int64_t)f->len);
	flight_go(f);
	return OK;
}

enum status
flight_ahead(struct cold *c, uint64_t number, uint32_t first, uint32_t n)
{
	struct container_row row;
	struct vessel *v = NULL;
	enum status st;
	uint32_t step;

	if (remote_away(c))
		return ST_DELAY;
	if ((st = cold_row(c, number, &row)) != OK)
		return st == ST_NOENT ? OK : st;	/* it is here alone */
	st = vessel_for(c, number, &row, &v);
	if (st == ST_NOENT || st == ST_CORRUPT)
		return bring_index(c, NULL, number, &row);
	if (st != OK)
		return st;
	for (uint32_t i = first; v->part && i < v->n && i - first < n && st == OK; i += step) {
		step = MIN(n - (i - first), v->n - i);
		st = ahead_run(c, &row, number, v, i, &step);
	}
	vessel_put(&v);
	return st;
}

/* --- landing --- */

static enum status
call_outcome(const struct block_call *call)
{
	meter_add(METER_COLD_READS, 1);
	meter_add(METER_COLD_BYTES, (int64_t)call->got);
	if (call->status == OK)
		return call->got == call->len ? OK : ST_CORRUPT;
	/* A row names it: it should be there.  What was cut short may come whole the next time. */
	return call->status == ST_NOENT || call->status == ST_GARBAGE ? ST_CORRUPT : ST_DELAY;
}

static enum status
outcome(struct flight *f)
{
	enum status st = f->flew ? OK : ST_DELAY, one;

	for (uint32_t i = 0; f->flew && i < f->ncalls; i++) {
		const struct block_call *call = &f->call[i];

		/* Looking ahead may ask for more than a slow link brings in time. */
		cold_went(f->cold, call, !f->ahead || call->status != ST_TIMEDOUT);
		one = call_outcome(call);
		st = st == OK ? one : st;
	}
	return st;
}

/* Those who waited in vain: told, or sent on their way again where it may end well. */
static void
disembark(struct cold *c, struct list *tickets, enum status st)
{
	struct list *l;

	for (;;) {
		struct cold_ticket *t;

		/* Under the mutex: their time may pass meanwhile. */
		mutex_lock(&c->mutex);
		l = list_pop_front(tickets);
		mutex_unlock(&c->mutex);
		if (l == NULL)
			break;
		t = container_of(l, struct cold_ticket, link);
		if (st == OK || (st == ST_CORRUPT && ++t->tries < TICKET_TRIES))
			flight_plan(c, t, 1);
		else
			cold_over(c, t, st, NULL);
	}
}

/* The end of an object says how long it is; more of it is asked for where that is more. */
static enum status
index_bytes(struct flight *f, bool *again)
{
	uint64_t need = 0;
	enum status st = container_end_bytes(f->bytes + f->len - CONTAINER_TRAILER, f->row.bytes,
	    &need);

	if (st != OK || need <= f->len)
		return st;
	f->bytes = xrealloc(f->bytes, need);
	f->len = need;
	f->at = f->row.bytes - need;
	mutex_lock(&f->cold->mutex);
	call_set(f, 0, f->at, f->len, f->bytes);
	mutex_unlock(&f->cold->mutex);
	*again = true;
	start_calls(f, 1);
	return OK;
}

/* In the mirror it is checked like any other; what is damaged there gives way first, now that the
 * remote has shown its own. */
static enum status
index_keep(struct flight *f)
{
	struct mirror *m = mirror_of(f->cold);
	struct vessel *v = NULL;
	enum status st;

	if (vessel_get(m, f->number, &v) == ST_CORRUPT) {
		st = mirror_delete(m, f->number);
		if (st != OK && st != ST_NOENT)
			return st;
	}
	vessel_put(&v);
	st = mirror_sparse(m, f->number, f->row.bytes, f->head,
	    (uint32_t)MIN(f->row.bytes, (uint64_t)MIRROR_HEAD), f->bytes, f->len);
	if (st == OK)
		st = vessel_get(m, f->number, &v);
	vessel_put(&v);
	return st;
}

static bool
index_landed(struct flight *f, enum status st)
{
	struct cold *c = f->cold;
	struct list tickets;
	bool again = false;

	if (st == OK)
		st = index_bytes(f, &again);
	if (again)
		return false;
	if (st == OK)
		st = index_keep(f);
	list_init(&tickets);
	mutex_lock(&c->mutex);
	leave_locked(f, &tickets);
	mutex_unlock(&c->mutex);
	disembark(c, &tickets, st);
	ahead_unblock(c);
	return true;
}

struct unpack {				/* a flight's units, opened */
	struct flight *flight;
	struct buf **plain;		/* of those that somebody waits for */
	uint8_t *copy, *aside;
};

static bool
waited_for(struct flight *f, uint32_t index)
{
	bool yes = false;

	mutex_lock(&f->cold->mutex);
	LIST_EACH(link, &f->tickets)
		yes |= container_of(link, struct cold_ticket, link)->unit.index == index;
	mutex_unlock(&f->cold->mutex);
	return yes;
}

static enum status
unpack_unit(struct unpack *u, uint32_t i, bool give)
{
	struct flight *f = u->flight;
	const struct container_chunk *row = &f->vessel->rows[f->first + i];
	struct buf *b = give ? page_buf(row->plain) : NULL;
	enum status st;

	if (give && b == NULL)
		b = buf_new(row->plain);
	st = vessel_unseal(f->vessel, f->first + i, f->bytes + (row->at - f->at), u->copy,
	    give ? b->bytes : u->aside);
	if (st == OK && give)
		u->plain[i] = buf_ref(b);
	buf_put(&b);
	return st;
}

/* Only as much as the share may keep, and as the disk has to spare. */
static bool
may_keep(struct cold *c, uint64_t len)
{
	uint64_t cap = c->share->conf.local_bytes, most = cap != 0 ? cap / 4 : PARTS_BYTES;

	if (mirror_sparse_bytes(mirror_of(c)) + len > most)
		mirror_sparse_trim(mirror_of(c), most / 4 * 3);
	return block_disk_room(c->share, len);
}

/* All units against their tags; those that fit are kept, in runs. */
static void
keep_units(struct unpack *u)
{
	struct flight *f = u->flight;
	const struct container_chunk *rows = f->vessel->rows + f->first;
	bool room = may_keep(f->cold, f->len);
	uint64_t from = f->at, to = f->at;
	enum status kept = OK;

	for (uint32_t i = 0; i < f->n; i++) {
		bool good = unpack_unit(u, i, waited_for(f, f->first + i)) == OK;

		if (good) {
			to = rows[i].at + rows[i].stored + CONTAINER_TAG;
			if (i + 1 < f->n)
				continue;
		}
		if (room && kept == OK && to > from)
			kept = vessel_keep_bytes(mirror_of(f->cold), f->vessel,
			    f->bytes + (from - f->at), from, to - from);
		if (i + 1 < f->n)
			from = to = rows[i + 1].at;
	}
	if (kept != OK)
		log_debug("cold.keep", F_STR("share", f->cold->share->conf.name),
		    F_STR("status", status_name(kept)));
}

/* To each ticket its unit. */
static void
hand_out(struct unpack *u, struct list *tickets)
{
	struct flight *f = u->flight;
	struct cold *c = f->cold;
	struct list bad;

	list_init(&bad);
	for (;;) {
		struct cold_ticket *t;
		struct list *l;
		uint32_t i;

		mutex_lock(&c->mutex);
		l = list_pop_front(tickets);
		mutex_unlock(&c->mutex);
		if (l == NULL)
			break;
		t = container_of(l, struct cold_ticket, link);
		i = t->unit.index - f->first;
		if (u->plain[i] == NULL && unpack_unit(u, i, true) != OK) {
			mutex_lock(&c->mutex);
			list_push_back(&bad, &t->link);
			mutex_unlock(&c->mutex);
			continue;
		}
		cold_over(c, t, OK, u->plain[i]);
	}
	disembark(c, &bad, ST_CORRUPT);
}

static void
units_landed(struct flight *f, enum status st)
{
	struct cold *c = f->cold;
	struct unpack u = { .flight = f };
	struct list tickets;

	list_init(&tickets);
	if (st == OK) {
		u.plain = xcalloc(f->n, sizeof *u.plain);
		u.copy = xmalloc(CONTAINER_UNIT + CONTAINER_TAG);
		u.aside = xmalloc(CONTAINER_UNIT);
		keep_units(&u);
	}
	mutex_lock(&c->mutex);
	leave_locked(f, &tickets);
	mutex_unlock(&c->mutex);
	if (st == OK)
		hand_out(&u, &tickets);
	else
		disembark(c, &tickets, st);
	for (uint32_t i = 0; st == OK && i < f->n; i++)
		buf_put(&u.plain[i]);
	free(u.plain);
	free(u.copy);
	free(u.aside);
}

static void
land(struct task *t)
{
	struct flight *f = container_of(t, struct flight, task);
	struct cold *c = f->cold;
	enum status st = outcome(f);

	if (f->vessel != NULL)
		units_landed(f, st);
	else if (!index_landed(f, st))
		return;
	air_give(f->air);
	flight_free(f);
	gone(c);
}
