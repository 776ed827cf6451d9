/*
 * Landings: what has come is checked, kept, and handed to those who wait for it; then the flight is
 * gone.  What came damaged is fetched again, a unit at a time, where somebody waits for it: the
 * same bytes twice lie there like that, and are an error; where they differ it is the way that
 * garbles them, and in the end who waits is told to come again.
 */
#include "pipeline/block/flight.h"

#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"
#include "pipeline/base/meter.h"
#include "pipeline/block/inner.h"
#include "pipeline/cache/page.h"

#include <stdlib.h>

enum { TICKET_TRIES = 3, GARBLED_TRIES = 8 };	/* nothing came; something else each time */

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

/* May it end well if it is asked for again?  Else *st is what is said. */
static bool
once_more(struct cold_ticket *t, enum status *st)
{
	bool same = t->came != 0 && t->came == t->came_before;

	if (*st != ST_CORRUPT)
		return *st == OK;
	t->came_before = t->came;
	if (same)
		return false;
	if (++t->tries < (t->came != 0 ? (uint32_t)GARBLED_TRIES : (uint32_t)TICKET_TRIES))
		return true;
	if (t->came != 0)
		*st = ST_DELAY;
	return false;
}

/* Under the mutex: their time may pass meanwhile.  NULL: that was the last. */
static struct cold_ticket *
next_ticket(struct cold *c, struct list *tickets)
{
	struct list *l;

	mutex_lock(&c->mutex);
	l = list_pop_front(tickets);
	mutex_unlock(&c->mutex);
	return l != NULL ? container_of(l, struct cold_ticket, link) : NULL;
}

/* Those who waited in vain: told, or sent on their way again where it may end well. */
static void
disembark(struct cold *c, struct list *tickets, enum status st)
{
	struct cold_ticket *t;

	while ((t = next_ticket(c, tickets)) != NULL) {
		enum status said = st;

		if (st == OK)		/* an index has come: what is here is judged by that */
			t->here = ST_NOENT;
		if (once_more(t, &said))
			flight_plan(c, t, 1);
		else
			cold_over(c, t, said, NULL);
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
	flight_call_locked(f, 0, f->at, f->len, f->bytes);
	mutex_unlock(&f->cold->mutex);
	*again = true;
	flight_start(f, 1);
	return OK;
}

/* In the mirror it is checked like any other; a whole file that is damaged there is mended with it,
 * so that its good units stay. */
static enum status
index_keep(struct flight *f)
{
	struct mirror *m = f->cold->share->block->mirror;
	struct vessel *v = NULL;
	enum status st;

	st = mirror_ends_put(m, f->number, f->row.bytes, &(struct mirror_ends){ f->head, f->bytes,
	    (uint32_t)MIN(f->row.bytes, (uint64_t)MIRROR_HEAD), f->len });
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
	uint32_t came = 0;

	if (st == OK)
		came = 1 |
		    crc32c(crc32c(0, f->head, (size_t)MIN(f->row.bytes, (uint64_t)MIRROR_HEAD)),
			f->bytes, f->len);
	if (st == OK)
		st = index_bytes(f, &again);
	if (again)
		return false;
	if (st == OK)
		st = index_keep(f);
	list_init(&tickets);
	mutex_lock(&c->mutex);
	flight_leave_locked(f, &tickets);
	LIST_EACH(link, &tickets)
		container_of(link, struct cold_ticket, link)->came = came;
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
	if (st == OK && give && f->page != NULL && f->page[i] != NO_PAGE) {
		struct page_key key;

		page_key_of_digest(&key, row->digest, f->page[i]);
		page_keep(&key, b, row->plain);
	}
	buf_put(&b);
	return st;
}

/* Only as much as the share may keep, and as the disk has to spare. */
static bool
may_keep(struct cold *c, uint64_t len)
{
	mirror_sparse_fit(c->share->block->mirror, atomic_load(&c->share->now.local_bytes), len);
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
		bool give = f->page != NULL || waited_for(f, f->first + i);
		bool good = unpack_unit(u, i, give) == OK;

		if (good) {
			to = rows[i].at + rows[i].stored + CONTAINER_TAG;
			if (i + 1 < f->n)
				continue;
		}
		if (room && kept == OK && to > from)
			kept = vessel_keep_bytes(f->cold->share->block->mirror, f->vessel,
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
	struct cold_ticket *t;
	struct list bad;

	list_init(&bad);
	while ((t = next_ticket(c, tickets)) != NULL) {
		uint32_t i = t->unit.index - f->first;

		if (u->plain[i] == NULL && unpack_unit(u, i, true) != OK) {
			const struct container_chunk *row = &f->vessel->rows[t->unit.index];

			t->came = 1 | crc32c(0, f->bytes + (row->at - f->at),
			    row->stored + CONTAINER_TAG);
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
	flight_leave_locked(f, &tickets);
	LIST_EACH(link, &tickets)
		container_of(link, struct cold_ticket, link)->came = 0;
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

void
flight_land(struct task *t)
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
	flight_gone(c);
}
