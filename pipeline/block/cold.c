/*
 * One flight a range: who wants what is on its way waits for it.  A reader that goes on where the
 * last one of its container stopped is given more each time, as far as AHEAD_MOST.  The first
 * read of a container brings its header and index, which stay.
 *
 * While the remote fails, one call a while tries; all others are told to come again, so that
 * threads are there for what can be read.
 */
#include "pipeline/block/cold.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/list.h"
#include "pipeline/base/log.h"
#include "pipeline/base/meter.h"
#include "pipeline/base/mutex.h"
#include "pipeline/base/text.h"
#include "pipeline/block/inner.h"
#include "pipeline/record/key.h"

#include <stdlib.h>

enum { CALL_S = 15, AHEAD_FIRST = 128 << 10, AHEAD_MOST = 4 << 20, END_FIRST = 32 << 10, RUNS = 64,
	PAUSE_FIRST_MS = 500, PAUSE_MOST_MS = 8000 };

struct flight {
	struct list link;
	uint64_t number;
	uint32_t from, to;		/* units; 0..UINT32_MAX: header and index */
};

struct run {				/* of reads, in a container */
	uint64_t number;
	uint32_t next;			/* the unit behind what was brought last */
	uint64_t ahead;
};

struct cold {
	struct share *share;
	struct mutex mutex;
	struct cond landed;
	struct list flights;
	struct run run[RUNS];
	uint64_t pause_until_ns;
	unsigned failures;
	bool probing;
};

struct get {				/* a call that is waited for */
	struct block_call call;
	struct cold *cold;
	bool done;
};

struct cold *
cold_new(struct share *s)
{
	struct cold *c = xcalloc(1, sizeof *c);

	c->share = s;
	mutex_init(&c->mutex, RANK_PAGE, (1 << 24) + 1);
	cond_init(&c->landed);
	list_init(&c->flights);
	return c;
}

void
cold_free(struct cold **cp)
{
	struct cold *c = TAKE(cp);

	if (c == NULL)
		return;
	mutex_destroy(&c->mutex);
	cond_destroy(&c->landed);
	free(c);
}

/* --- calls --- */

static void
get_done(struct block_call *call)
{
	struct get *g = container_of(call, struct get, call);
	struct cold *c = g->cold;

	mutex_lock(&c->mutex);
	g->done = true;
	cond_broadcast(&c->landed);
	mutex_unlock(&c->mutex);
}

static void
object_name(const struct share *s, const struct container_row *row, uint64_t number, char *to)
{
	struct text t = text_of(to, BLOCK_NAME_MAX);

	text_hex(&t, s->row.share_id, sizeof s->row.share_id);
	text_addf(&t, "/c/%016llx-%016llx", (unsigned long long)row->fence,
	    (unsigned long long)number);
}

/* May the remote be asked now?  The caller tells how it went. */
static bool
admitted(struct cold *c)
{
	bool yes;

	mutex_lock(&c->mutex);
	yes = c->failures == 0 ||
	    (!c->probing && clock_mono_ns() >= c->pause_until_ns);
	c->probing |= yes && c->failures > 0;
	mutex_unlock(&c->mutex);
	return yes;
}

static void
went(struct cold *c, const struct block_call *call)
{
	bool well = call->status == OK || call->status == ST_NOENT || call->status == ST_GARBAGE;
	uint64_t pause = MIN((uint64_t)PAUSE_FIRST_MS << MIN(c->failures, 5u),
	    (uint64_t)PAUSE_MOST_MS);

	mutex_lock(&c->mutex);
	c->probing = false;
	if (!well && c->failures == 0)
		log_warn("cold.away", F_STR("share", c->share->conf.name), F_STR("why", call->text));
	if (well && c->failures > 0)
		log_info("cold.back", F_STR("share", c->share->conf.name));
	c->failures = well ? 0 : c->failures + 1;
	c->pause_until_ns = well ? 0 : clock_mono_ns() + pause * NS_PER_MS;
	mutex_unlock(&c->mutex);
}

/* Exactly len bytes of an object from at on. */
static enum status
fetch(struct cold *c, const struct container_row *row, uint64_t number, uint64_t at, uint64_t len,
    uint8_t *to)
{
	struct block_store *remote = c->share->remote;
	struct get g = { .cold = c };
	enum status st;

	if (!admitted(c))
		return ST_DELAY;
	g.call = (struct block_call){ .kind = BLOCK_GET, .offset = at, .len = len, .into = to,
		.into_cap = len, .deadline_ns = clock_mono_ns() + CALL_S * NS_PER_S,
		.done = get_done };
	chain_init(&g.call.body);
	object_name(c->share, row, number, g.call.name);
	remote->ops->start(remote, &g.call);
	mutex_lock(&c->mutex);
	while (!g.done)
		cond_wait(&c->landed, &c->mutex);
	mutex_unlock(&c->mutex);
	went(c, &g.call);
	st = g.call.status;
	meter_add(METER_COLD_READS, 1);
	meter_add(METER_COLD_BYTES, (int64_t)g.call.got);
	if (st == OK)
		return g.call.got == len ? OK : ST_CORRUPT;
	/* A row names it: it should be there.  What was cut short may come whole the next time. */
	return st == ST_NOENT || st == ST_GARBAGE ? ST_CORRUPT : ST_DELAY;
}

/* --- flights --- */

/* Take off, alone for that range; false: another had it, and has landed: look again. */
static bool
take_off(struct cold *c, struct flight *f)
{
	bool waited = false;

	mutex_lock(&c->mutex);
	for (bool meets = true; meets;) {
		meets = false;
		LIST_EACH(link, &c->flights) {
			const struct flight *o = container_of(link, struct flight, link);

			meets |= o->number == f->number && o->from < f->to && f->from < o->to;
		}
		if (meets) {
			waited = true;
			cond_wait(&c->landed, &c->mutex);
		}
	}
	if (!waited)
		list_push_back(&c->flights, &f->link);
	mutex_unlock(&c->mutex);
	return !waited;
}

static void
land(struct cold *c, struct flight *f)
{
	mutex_lock(&c->mutex);
	list_remove(&f->link);
	cond_broadcast(&c->landed);
	mutex_unlock(&c->mutex);
}

/* --- header and index --- */

static enum status
bring_end(struct cold *c, const struct container_row *row, uint64_t number, uint8_t **endp,
    uint64_t *lenp)
{
	uint64_t len = MIN(row->bytes, (uint64_t)END_FIRST), need;
	uint8_t *end = xmalloc(len);
	enum status st = fetch(c, row, number, row->bytes - len, len, end);

	if (st == OK)
		st = container_end_bytes(end + len - CONTAINER_TRAILER, row->bytes, &need);
	if (st == OK && need > len) {
		len = need;
		end = xrealloc(end, len);
		st = fetch(c, row, number, row->bytes - len, len, end);
	}
	if (st != OK) {
		free(end);
		return st;
	}
	*endp = end;
	*lenp = len;
	return OK;
}

static enum status
bring_index(struct cold *c, const struct container_row *row, uint64_t number)
{
	struct flight f = { .number = number, .from = 0, .to = UINT32_MAX };
	uint32_t head_len = (uint32_t)MIN(row->bytes, (uint64_t)MIRROR_HEAD);
	uint8_t head[MIRROR_HEAD], *end = NULL;
	uint64_t end_len = 0;
	enum status st;

	if (row->bytes < CONTAINER_HEADER + CONTAINER_TRAILER)
		return ST_CORRUPT;
	if (!take_off(c, &f))
		return ST_RESTART;	/* somebody has brought it */
	st = fetch(c, row, number, 0, head_len, head);
	if (st == OK)
		st = bring_end(c, row, number, &end, &end_len);
	if (st == OK)
		st = mirror_ends_put(c->share->block->mirror, number, row->bytes,
		    &(struct mirror_ends){ head, end, head_len, end_len });
	land(c, &f);
	free(end);
	return st;
}

/* --- units --- */

/* How far ahead to go: more where reads go on where the last one stopped. */
static uint64_t
ahead_of(struct cold *c, uint64_t number, uint32_t index, uint64_t wanted)
{
	struct run *r = &c->run[number % RUNS];
	uint64_t ahead;

	mutex_lock(&c->mutex);
	if (r->number != number)	/* from its beginning on: who reads a file, perhaps */
		*r = (struct run){ .number = number, .ahead = index == 0 ? AHEAD_FIRST : 0 };
	else if (index == r->next)
		r->ahead = MIN(MAX(r->ahead * 2, (uint64_t)AHEAD_FIRST), (uint64_t)AHEAD_MOST);
	else
		r->ahead = 0;
	ahead = MAX(r->ahead, MIN(wanted, (uint64_t)AHEAD_MOST));
	mutex_unlock(&c->mutex);
	return ahead;
}

static enum status
bring_units(struct cold *c, const struct container_row *row, const struct block_unit *u,
    const struct mirror_range *range, uint8_t *to)
{
	uint64_t number = u->container;
	struct flight f = { .number = number, .from = range->first, .to = range->first + range->n };
	uint8_t *bytes;
	enum status st;

	if (!take_off(c, &f))
		return ST_RESTART;
	bytes = xmalloc(range->len);
	st = fetch(c, row, number, range->at, range->len, bytes);
	if (st == OK)
		st = mirror_fill(c->share->block->mirror, number, range, bytes, u->digest, to,
		    u->len);
	if (st == OK) {
		mutex_lock(&c->mutex);
		c->run[number % RUNS].next = f.to;
		mutex_unlock(&c->mutex);
	}
	land(c, &f);
	free(bytes);
	return st;
}

static enum status
row_of(struct cold *c, uint64_t number, struct container_row *row)
{
	struct key key = key_container(number);
	uint8_t home[512];
	struct arena arena;
	struct version v;
	enum status st;

	arena_init(&arena, home, sizeof home, 4096);
	st = catalog_get(c->share->catalog, key_slice(&key), true, &arena, &v);
	if (st == OK && !v.exists)
		st = ST_NOENT;
	if (st == OK)
		st = rec_container_decode(v.body, row);
	if (st == OK && !row->remote)
		st = ST_NOENT;
	arena_rewind(&arena);
	return st;
}

/* Where the unit lies: of the index that is here, or of the one that the remote has. */
static enum status
find_unit(struct cold *c, const struct container_row *row, const struct block_unit *u,
    uint64_t ahead, struct mirror_range *range)
{
	struct mirror *m = c->share->block->mirror;
	enum status st = mirror_where(m, u->container, u->index, ahead, range);

	if (st != ST_NOENT && st != ST_CORRUPT)
		return st;
	st = bring_index(c, row, u->container);
	return st == OK ? mirror_where(m, u->container, u->index, ahead, range) : st;
}

enum status
cold_read(struct cold *c, const struct block_unit *u, uint64_t ahead, uint8_t *to)
{
	struct mirror_range range;
	struct container_row row;
	enum status st = row_of(c, u->container, &row);

	if (st != OK)
		return st;
	st = find_unit(c, &row, u, ahead_of(c, u->container, u->index, ahead), &range);
	if (st == OK)
		st = bring_units(c, &row, u, &range, to);
	return st == ST_NOENT ? ST_RESTART : st;	/* dropped meanwhile, to make room */
}
