/*
 * Warming.  An errand in the pool of operators' work, which may wait for the remote: it lists the
 * containers, then brings one a run and asks for the next.  What was brought is verified, synced
 * and then told to the data errand, which alone changes rows.  It stops where the share's cap, or
 * the disk, has no room, and says so; while the remote is away it waits.
 */
#include "pipeline/sync/warm.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/base/meter.h"
#include "pipeline/base/text.h"
#include "pipeline/block/fetch.h"
#include "pipeline/block/mirror.h"
#include "pipeline/block/rows.h"
#include "pipeline/sync/warm_list.h"

#include <stdio.h>
#include <stdlib.h>

enum { AWAY_PAUSE_MS = 1000, SETTLE_MOST = 64 };

struct warm {
	struct sync *sync;
	struct errand errand;
	struct mutex mutex;		/* rank LEDGER */
	struct cond changed;
	bool busy, closing, cancel;	/* busy: the errand is posted or runs */
	struct sync_warm seen;
	struct warm_list list;		/* the errand's while it is busy */
	size_t next;
	bool listed;
	uint64_t *brought;		/* not settled yet */
	size_t nbrought, brought_cap;
};

static void run(struct errand *e);

struct warm *
warm_new(struct sync *y)
{
	struct warm *w = xcalloc(1, sizeof *w);

	w->sync = y;
	errand_init(&w->errand, run);
	mutex_init(&w->mutex, RANK_LEDGER, UINT64_MAX);
	cond_init(&w->changed);
	return w;
}

void
warm_end(struct warm *w)
{
	if (w == NULL)
		return;
	mutex_lock(&w->mutex);
	w->closing = true;
	cond_broadcast(&w->changed);
	/* Where it waits for its turn, another share's may hold that up for long. */
	if (w->busy && errand_revoke(FLOOR_MGMT, &w->errand))
		w->busy = false;
	while (w->busy)
		cond_wait(&w->changed, &w->mutex);
	mutex_unlock(&w->mutex);
}

void
warm_free(struct warm **wp)
{
	struct warm *w = TAKE(wp);

	if (w == NULL)
		return;
	free(w->list.v);
	free(w->brought);
	mutex_destroy(&w->mutex);
	cond_destroy(&w->changed);
	free(w);
}

/* --- one container --- */

static bool
given_up(struct warm *w)
{
	bool yes;

	mutex_lock(&w->mutex);
	yes = w->cancel || w->closing;
	mutex_unlock(&w->mutex);
	return yes;
}

static bool
has_room(struct warm *w, uint64_t bytes, const char **why)
{
	struct share *s = w->sync->share;
	uint64_t most = atomic_load(&s->now.local_bytes);

	*why = "the share's local tier is full: more would drop what was brought before";
	if (most != 0 && mirror_bytes(block_mirror(s)) + bytes > most)
		return false;
	*why = "the local disk is full";
	return block_disk_room(s, bytes);
}

static void
note_brought(struct warm *w, uint64_t number, uint64_t bytes)
{
	mutex_lock(&w->mutex);
	if (w->nbrought == w->brought_cap) {
		w->brought_cap = MAX((size_t)16, w->brought_cap * 2);
		w->brought = xrealloc(w->brought, w->brought_cap * sizeof *w->brought);
	}
	w->brought[w->nbrought++] = number;
	w->seen.bytes += bytes;
	mutex_unlock(&w->mutex);
	work_post(&w->sync->data);
}

/* NOENT: it has gone meanwhile.  NOSPC: there is no room for more; *why says of what kind. */
static enum status
bring(struct warm *w, const struct warm_item *it, const char **why)
{
	struct share *s = w->sync->share;
	struct mirror *m = block_mirror(s);
	enum status st;

	if (mirror_whole(m, it->number)) {
		note_brought(w, it->number, 0);		/* if its row does not say so yet */
		return OK;
	}
	if (!has_room(w, it->bytes, why))
		return ST_NOSPC;
	st = block_container_bring(s, it->number);
	if (st == OK)
		note_brought(w, it->number, it->bytes);
	return st;
}

/* --- the errand --- */

static void
say(struct warm *w, const char *text)
{
	mutex_lock(&w->mutex);
	snprintf(w->seen.text, sizeof w->seen.text, "%s", text);
	mutex_unlock(&w->mutex);
}

static void
finish(struct warm *w, enum warm_state state)
{
	mutex_lock(&w->mutex);
	w->seen.state = state;
	w->seen.finished_s = (int64_t)(clock_wall_ns() / NS_PER_S);
	mutex_unlock(&w->mutex);
	log_info("warm.end", F_STR("share", w->sync->share->conf.name),
	    F_U64("containers", w->seen.done), F_U64("of", w->seen.containers),
	    F_U64("bytes", w->seen.bytes), F_STR("why", w->seen.text));
}

static bool
list(struct warm *w)
{
	enum status st = warm_list_fill(&w->list, w->sync->share, w->seen.path);

	w->listed = true;
	w->next = 0;
	mutex_lock(&w->mutex);
	w->seen.containers = w->list.n;
	mutex_unlock(&w->mutex);
	if (st == OK)
		return true;
	say(w, st == ST_NOENT ? "there is no such path in the share" : status_text(st));
	finish(w, WARM_FAILED);
	return false;
}

/* One step; false: it is over. */
static bool
step(struct warm *w)
{
	const char *why = "";
	enum status st;

	if (given_up(w)) {
		say(w, "given up");
		finish(w, WARM_CANCELED);
		return false;
	}
	if (!w->listed)
		return list(w);
	if (w->next == w->list.n) {
		finish(w, WARM_DONE);
		return false;
	}
	st = bring(w, &w->list.v[w->next], &why);
	if (st == ST_DELAY) {		/* away: come again, after a while */
		say(w, "the remote store is away");
		mutex_lock(&w->mutex);
		if (!w->cancel && !w->closing)
			(void)cond_wait_until(&w->changed, &w->mutex,
			    clock_mono_ns() + AWAY_PAUSE_MS * NS_PER_MS);
		mutex_unlock(&w->mutex);
		return true;
	}
	if (st == ST_NOSPC) {
		say(w, *why != '\0' ? why : status_text(st));
		finish(w, WARM_DONE);
		return false;
	}
	w->next++;
	mutex_lock(&w->mutex);
	w->seen.done += st == OK || st == ST_NOENT;
	w->seen.damaged += st != OK && st != ST_NOENT;
	mutex_unlock(&w->mutex);
	say(w, st == OK || st == ST_NOENT ? "" : status_text(st));
	return true;
}

static void
run(struct errand *e)
{
	struct warm *w = container_of(e, struct warm, errand);
	bool more = step(w), again;

	mutex_lock(&w->mutex);
	again = more && !w->closing;
	w->busy = again;
	if (again)
		errand_post(FLOOR_MGMT, e);	/* others take their turn in between */
	else
		cond_broadcast(&w->changed);
	mutex_unlock(&w->mutex);
}

/* --- the data errand's half --- */

static enum status
settle_one(struct warm *w, struct txn *t, uint64_t number)
{
	struct share *s = w->sync->share;
	struct container_row row;
	enum status st = rows_container(s, number, &row, NULL);

	if (st != OK && st != ST_NOENT)
		return st;
	if (st == ST_NOENT || row.state != CONTAINER_LIVE) {	/* it went while it was brought */
		st = mirror_delete(block_mirror(s), number);
		return st == ST_NOENT ? OK : st;
	}
	if (row.local)
		return OK;
	row.local = true;
	rows_container_put(t, number, &row);
	return OK;
}

enum status
warm_settle(struct warm *w, struct work *by)
{
	uint64_t v[SETTLE_MOST];
	enum status st = OK;
	struct txn *t;
	size_t n;
	lsn_t lsn;

	mutex_lock(&w->mutex);
	n = MIN(w->nbrought, (size_t)SETTLE_MOST);
	if (n > 0)			/* before the first there is no list */
		memcpy(v, w->brought + (w->nbrought - n), n * sizeof *v);
	w->nbrought -= n;
	mutex_unlock(&w->mutex);
	if (n == 0)
		return OK;
	if ((t = sync_txn(w->sync)) == NULL)
		return ST_RESOURCE;
	for (size_t i = 0; i < n && st == OK; i++)
		st = settle_one(w, t, v[i]);
	if (st == OK)
		return sync_commit(w->sync, by, t, &lsn);
	txn_free(&t);
	return st;
}

/* --- the door --- */

enum status
sync_warm_start(struct share *s, const char *path)
{
	struct warm *w = s->sync->warm;
	enum status st = OK;

	if (w == NULL)
		return ST_NOTSUPP;
	if (strlen(path) >= sizeof w->seen.path)
		return ST_NAMETOOLONG;
	mutex_lock(&w->mutex);
	if (w->busy || w->closing) {
		st = ST_BUSY;
	} else {
		uint64_t id = w->seen.id + 1;

		w->busy = true;
		w->cancel = w->listed = false;
		w->seen = (struct sync_warm){ .id = id, .state = WARM_RUNS,
			.started_s = (int64_t)(clock_wall_ns() / NS_PER_S) };
		snprintf(w->seen.path, sizeof w->seen.path, "%s", path);
		errand_post(FLOOR_MGMT, &w->errand);
	}
	mutex_unlock(&w->mutex);
	return st;
}

void
sync_warm_cancel(struct share *s)
{
	struct warm *w = s->sync->warm;

	if (w == NULL)
		return;
	mutex_lock(&w->mutex);
	w->cancel = true;
	cond_broadcast(&w->changed);
	mutex_unlock(&w->mutex);
}

bool
sync_warm_look(struct share *s, struct sync_warm *out)
{
	struct warm *w = s->sync->warm;

	if (w == NULL)
		return false;
	mutex_lock(&w->mutex);
	*out = w->seen;
	mutex_unlock(&w->mutex);
	return true;
}
