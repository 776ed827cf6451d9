/*
 * Local containers that the remote has, as a durable row says, are dropped: those that an operator
 * asks for; where the share's retention is ttl, those that nobody has used for that long; and
 * while there are more than the share may keep, or the disk is short, those used longest ago.  Of
 * a share that pins, none.  The file goes first: a row that still calls it local is only a guess,
 * and what is not here is read from there.
 */
#include "pipeline/sync/inner.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/base/meter.h"
#include "pipeline/block/mirror.h"
#include "pipeline/block/rows.h"
#include "pipeline/sync/evict.h"
#include "pipeline/sync/warm_list.h"

#include <stdlib.h>

/* So many are chosen by one look at all rows, and more than those once in its course. */
enum { FILES_A_RUN = 64, CHOSEN = 1024, CHOSEN_ROOM = 2 * CHOSEN, NONE_PAUSE_S = 2 };

enum goal { GOAL_NONE, GOAL_CAP, GOAL_TTL, GOAL_HAND };

struct victim {
	uint64_t number;
	uint32_t idle;			/* minutes; it goes unless it was used since */
};

struct asked {				/* by hand */
	uint64_t id;			/* of asking; 0: nothing is */
	bool whole;			/* all of the share, else what the list has */
	uint32_t idle;			/* unused for so many minutes */
	struct warm_list list;
};

struct evict {
	struct sync *sync;
	struct mutex mutex;		/* rank LEDGER: next, ids */
	struct asked next;		/* not taken up yet */
	uint64_t ids;

	/* the data errand's */
	struct asked now;
	size_t list_at;
	enum goal goal;			/* what the victims were chosen for */
	struct victim v[CHOSEN_ROOM];
	size_t n, at;
	bool more, soon;		/* not all fitted; rows of some are not durable yet */
	uint64_t none_until_ns;		/* the disk is short, no row gave any: not before */
	uint64_t ttl_minute;		/* when that was looked at */
	uint32_t least;			/* idle for less is not chosen */
};

struct evict *
evict_new(struct sync *y)
{
	struct evict *e = xcalloc(1, sizeof *e);

	e->sync = y;
	mutex_init(&e->mutex, RANK_LEDGER, UINT64_MAX);
	return e;
}

void
evict_free(struct evict **ep)
{
	struct evict *e = TAKE(ep);

	if (e == NULL)
		return;
	free(e->next.list.v);
	free(e->now.list.v);
	mutex_destroy(&e->mutex);
	free(e);
}

/* What is acknowledged as durable is in a durable place at all times. */
static bool
may_evict(const struct share *s)
{
	return s->remote != NULL && !s->remote_volatile;
}

static bool
is_pinned(struct share *s)
{
	return atomic_load(&s->now.retention) == RETENTION_PIN;
}

static bool
over_cap(const struct sync *y)
{
	uint64_t most = atomic_load(&y->share->now.local_bytes);

	return most != 0 && mirror_bytes(block_mirror(y->share)) > most;
}

static bool
too_much(const struct sync *y)
{
	return over_cap(y) || block_disk_short(y->share);
}

/* --- choosing --- */

static int
by_use(const void *a, const void *b)
{
	const struct victim *x = a, *y = b;

	if (x->idle != y->idle)
		return x->idle > y->idle ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

/* Those used longest ago come first, and stay where not all do. */
static void
cut(struct evict *e)
{
	qsort(e->v, e->n, sizeof e->v[0], by_use);
	e->more |= e->n > CHOSEN;
	e->n = MIN(e->n, (size_t)CHOSEN);
}

static bool
see_row(void *arg, const struct container_seen *c)
{
	struct evict *e = arg;
	struct share *s = e->sync->share;
	uint32_t idle = mirror_idle_minutes(block_mirror(s), c->number);

	if (c->row.state != CONTAINER_LIVE || !c->row.remote || !c->row.local || idle < e->least)
		return true;
	if (!block_durable(s, c->lsn)) {
		e->soon = true;
		return true;
	}
	if (e->n == CHOSEN_ROOM)
		cut(e);
	e->v[e->n++] = (struct victim){ c->number, idle };
	return true;
}

static enum status
choose_from_rows(struct evict *e, uint32_t least)
{
	enum status st;

	e->least = least;
	st = rows_containers(e->sync->share, 0, see_row, e);
	if (st != OK)
		return st;
	cut(e);
	for (size_t i = 0; i < e->n && e->goal != GOAL_CAP; i++)
		e->v[i].idle = least;	/* use in between saves only what is too young then */
	return OK;
}

static void
choose_from_list(struct evict *e)
{
	const struct warm_list *l = &e->now.list;

	while (e->n < CHOSEN && e->list_at < l->n)
		e->v[e->n++] = (struct victim){ l->v[e->list_at++].number, e->now.idle };
	e->more = e->list_at < l->n;
}

static uint32_t
ttl_minutes(struct share *s)
{
	uint64_t minutes = atomic_load(&s->now.retention_ttl_s) / 60;

	return (uint32_t)MIN(MAX(minutes, (uint64_t)1), (uint64_t)UINT32_MAX);
}

static enum status
choose(struct evict *e)
{
	e->n = e->at = 0;
	e->more = false;
	if (e->goal == GOAL_HAND && !e->now.whole) {
		choose_from_list(e);
		return OK;
	}
	return choose_from_rows(e, e->goal == GOAL_HAND ? e->now.idle :
	    e->goal == GOAL_TTL ? ttl_minutes(e->sync->share) : 0);
}

/* --- dropping --- */

/* What was true when it was chosen may not be any more. */
static enum status
still(struct evict *e, const struct victim *v, struct container_row *row, bool *yes)
{
	struct share *s = e->sync->share;
	lsn_t lsn;
	enum status st = rows_container(s, v->number, row, &lsn);

	*yes = st == OK && row->state == CONTAINER_LIVE && row->remote && row->local &&
	    mirror_idle_minutes(block_mirror(s), v->number) >= v->idle;
	if (*yes && !block_durable(s, lsn)) {
		e->soon = true;
		*yes = false;
	}
	return st == ST_NOENT ? OK : st;
}

static enum status
drop_one(struct evict *e, struct txn *t, const struct victim *v, uint32_t *n)
{
	struct container_row row;
	bool yes;
	enum status st = still(e, v, &row, &yes);

	if (st != OK || !yes)
		return st;
	st = mirror_thin(block_mirror(e->sync->share), v->number);
	if (st != OK && st != ST_NOENT)
		return st;
	row.local = false;
	rows_container_put(t, v->number, &row);
	(*n)++;
	return OK;
}

static enum status
drop(struct evict *e, struct work *by)
{
	struct sync *y = e->sync;
	struct txn *t = sync_txn(y);
	enum status st = OK, said = OK;
	uint32_t n = 0;
	lsn_t lsn;

	if (t == NULL)
		return ST_RESOURCE;
	while (e->at < e->n && n < FILES_A_RUN && st == OK && (e->goal != GOAL_CAP || too_much(y)))
		st = drop_one(e, t, &e->v[e->at++], &n);
	if (n > 0) {
		meter_add(METER_EVICTED, n);
		atomic_fetch_add(&y->evicted, n);
		said = sync_commit(y, by, TAKE(&t), &lsn);
	}
	if (t != NULL)
		txn_free(&t);
	return st != OK ? st : said;
}

/* --- what for --- */

/* The last one who asked counts. */
static void
take_up(struct evict *e)
{
	struct asked old = { .id = 0 };

	mutex_lock(&e->mutex);
	if (e->next.id != 0) {
		old = e->now;
		e->now = e->next;
		e->next = (struct asked){ .id = 0 };
		e->goal = GOAL_NONE;
		e->list_at = 0;
	}
	mutex_unlock(&e->mutex);
	free(old.list.v);
}

static void
give_up(struct evict *e)
{
	free(e->now.list.v);
	e->now = (struct asked){ .id = 0 };
}

static enum goal
goal_of(struct evict *e, uint64_t now, uint64_t minute)
{
	struct share *s = e->sync->share;

	take_up(e);
	if (is_pinned(s)) {
		give_up(e);
		return GOAL_NONE;
	}
	if (e->now.id != 0)
		return GOAL_HAND;
	if (atomic_load(&s->now.retention) == RETENTION_TTL && e->ttl_minute != minute)
		return GOAL_TTL;
	if (over_cap(e->sync))
		return GOAL_CAP;
	return now >= e->none_until_ns && block_disk_short(s) ? GOAL_CAP : GOAL_NONE;
}

static void
trim_parts(struct sync *y, bool all)
{
	if (all)
		mirror_sparse_trim(block_mirror(y->share), 0);
	else
		mirror_sparse_fit(block_mirror(y->share),
		    atomic_load(&y->share->now.local_bytes), 0);
}

/* All that was chosen for it has been looked at, and there are no more. */
static void
reached(struct evict *e, uint64_t minute)
{
	if (e->goal == GOAL_TTL)
		e->ttl_minute = minute;
	if (e->goal == GOAL_HAND && !e->soon)
		give_up(e);
	e->list_at = 0;			/* else from the beginning, when rows are durable */
	e->soon = false;
}

enum status
sync_evict(struct sync *y, struct work *by, bool *more)
{
	uint64_t now = clock_mono_ns(), minute = now / (60 * NS_PER_S);
	struct evict *e = y->evict;
	bool enough, fresh;
	enum status st = OK;
	enum goal goal;

	*more = false;
	mirror_tick(block_mirror(y->share), now);
	if (e == NULL || !may_evict(y->share))
		return OK;
	goal = goal_of(e, now, minute);
	fresh = goal != GOAL_NONE && goal != e->goal;
	trim_parts(y, fresh && goal == GOAL_HAND && e->now.whole && e->now.idle == 0);
	if (is_pinned(y->share))
		block_sent(y->share);	/* what is gone made room */
	if (goal == GOAL_NONE)
		return OK;		/* those that were chosen last are not forgotten */
	e->goal = goal;
	e->soon &= !fresh;
	if (fresh || e->at == e->n)
		st = choose(e);
	if (goal == GOAL_CAP && e->n == 0)
		e->none_until_ns = now + NONE_PAUSE_S * NS_PER_S;
	if (st == OK && e->n > 0)
		st = drop(e, by);
	if (st != OK)
		return st;
	enough = goal == GOAL_CAP && !too_much(y);
	*more = !enough && (e->at < e->n || e->more);
	if (!enough && e->at == e->n && !e->more)
		reached(e, minute);
	return OK;
}

/* --- the door --- */

enum status
sync_evict_share(struct share *s, const char *path, uint64_t idle_s)
{
	struct asked ask = { .whole = path[strspn(path, "/")] == '\0',
		.idle = (uint32_t)MIN(idle_s / 60 + (idle_s % 60 != 0), (uint64_t)UINT32_MAX) };
	struct warm_list old;
	enum status st = OK;
	struct evict *e;

	if (!may_evict(s))
		return ST_NOTSUPP;
	if (is_pinned(s))
		return ST_PERM;
	e = s->sync->evict;
	if (!ask.whole)
		st = warm_list_fill(&ask.list, s, path);
	if (st != OK) {
		free(ask.list.v);
		return st == ST_NOENT ? ST_NOPATH : st;
	}
	mutex_lock(&e->mutex);
	old = e->next.list;
	ask.id = ++e->ids;
	e->next = ask;
	mutex_unlock(&e->mutex);
	free(old.v);
	work_post(&s->sync->data);
	return OK;
}
