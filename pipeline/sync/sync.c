/*
 * The stage sync and its errands.  A timer on the share's home worker looks at a few numbers and
 * posts what is due; the stage itself posts at once where a mutation passes and a cap is near.
 */
#include "pipeline/sync/inner.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/block/index.h"
#include "pipeline/block/keys.h"
#include "pipeline/block/mirror.h"
#include "pipeline/sync/crew.h"
#include "pipeline/sync/evict.h"
#include "pipeline/sync/keyship.h"
#include "pipeline/sync/pressure.h"
#include "pipeline/sync/scrub.h"
#include "pipeline/sync/upload.h"
#include "pipeline/sync/warm.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { UNAPPLIED_MAX = 8 << 20, UNAPPLIED_PART = 4,
	TICK_MS_MIN = 20, TICK_MS_MAX = 250, LOOK_MS = 1000,
	APPLY_RETRY_MS = 100, ROOM_PAUSE_MS = 20, ROOM_TRIES = 250,
	DRAIN_ROUNDS = 1000, PUSH_S = 5 };

static struct sync_conf conf = { .apply_ms = 1000, .carve_age_ms = 5000, .carve_at_percent = 25 };

void
sync_start(const struct sync_conf *c)
{
	conf = *c;
}

void
sync_stop(void)
{
}

/* --- work --- */

void
work_post(struct work *w)
{
	atomic_fetch_add(&w->asked, 1);
	if (!atomic_exchange(&w->waiting, true))
		errand_post(FLOOR_SYNC, &w->errand);
}

/* What an errand does around its own: runs asked for before it began are over with it. */
static void
work_run(struct errand *e, enum status (*run)(struct sync *y, struct work *w))
{
	struct work *w = container_of(e, struct work, errand);
	struct sync *y = w->sync;
	enum status st = OK;
	uint64_t asked;

	atomic_store(&w->waiting, false);
	asked = atomic_load(&w->asked);
	if (!atomic_load(&y->closing))
		st = run(y, w);
	mutex_lock(&y->mutex);
	w->done = asked;
	w->outcome = st;
	cond_broadcast(&y->changed);
	mutex_unlock(&y->mutex);
}

static enum status
apply_once(struct sync *y, struct work *w)
{
	enum status st = sync_apply(y, w);

	if (st != OK) {
		log_warn("sync.apply", F_STR("share", y->share->conf.name),
		    F_STR("status", status_name(st)));
		sync_pause(y, APPLY_RETRY_MS);		/* it is asked for again at once */
	}
	return st;
}

static void
apply_run(struct errand *e)
{
	work_run(e, apply_once);
}

static enum status
up_once(struct sync *y, struct work *w)
{
	enum status st;

	(void)w;
	keyship_run(y->keyship);
	st = upload_run(y->upload);
	if (st != OK)
		log_warn("sync.upload", F_STR("share", y->share->conf.name),
		    F_STR("status", status_name(st)));
	return st;
}

static void
up_run(struct errand *e)
{
	work_run(e, up_once);
}

static enum status
scrub_once(struct sync *y, struct work *w)
{
	enum status st = scrub_run(y->scrub, w);

	if (st != OK)
		log_warn("sync.scrub", F_STR("share", y->share->conf.name),
		    F_STR("status", status_name(st)));
	return st;
}

static void
scrubs_run(struct errand *e)
{
	work_run(e, scrub_once);
}

/* Which data is to be carved now: all that is older than that. */
static lsn_t
carve_before(struct sync *y)
{
	if (atomic_load(&y->draining) || clock_mono_ns() < atomic_load(&y->push_until_ns) ||
	    pressure_fill(y->share) >= y->conf.carve_at_percent)
		return UINT64_MAX;
	return atomic_load(&y->aged) + 1;
}

static enum status
data_once(struct sync *y, struct work *w)
{
	bool reap_more = false, carve_more = false, settle_more = false, evict_more = false;
	bool compact_more = false, here, more;
	enum status st = y->swept ? OK : sync_sweep(y), carved = OK;

	if (st == OK && y->upload != NULL)
		st = upload_settle(y->upload, w, &settle_more);
	if (st == OK)
		st = scrub_settle(y->scrub, w);
	if (st == OK) {
		st = sync_reap(y, w, &reap_more);
		carved = sync_carve(y, w, carve_before(y), &carve_more);
	}
	if (st == OK)
		st = carved;
	if (st == OK && y->warm != NULL)
		st = warm_settle(y->warm, w);
	if (st == OK)
		st = sync_evict(y, w, &evict_more);
	if (st == OK)
		st = sync_compact(y, w, &compact_more);
	reap_more |= settle_more || evict_more;
	here = st == OK && !reap_more && !carve_more && sync_dying_rest(y, false);
	atomic_store(&y->idle_here, here);
	atomic_store(&y->idle, here && sync_dying_rest(y, true));
	if (st != OK)
		log_warn("sync.data", F_STR("share", y->share->conf.name),
		    F_STR("status", status_name(st)));
	more = st == OK && (reap_more || carve_more || compact_more) && !atomic_load(&y->closing);
	if (more)
		work_post(w);
	else
		errands_leave_core(FLOOR_SYNC, true);	/* nobody looks any more */
	return st;
}

static enum status
bring_once(struct sync *y, struct work *w)
{
	(void)w;
	return sync_bring(y);
}

static void
bring_run(struct errand *e)
{
	work_run(e, bring_once);
}

static void
data_run(struct errand *e)
{
	work_run(e, data_once);
}

static void
work_init(struct work *w, struct sync *y, void (*run)(struct errand *e))
{
	errand_init(&w->errand, run);
	w->sync = y;
	w->bell = eventfd(0, EFD_CLOEXEC);
	if (w->bell < 0)
		panic("eventfd: errno %d", errno);
}

/* Until all runs asked for so far are over. */
static enum status
work_await(struct work *w)
{
	struct sync *y = w->sync;
	uint64_t asked = atomic_load(&w->asked);
	enum status st;

	mutex_lock(&y->mutex);
	while (w->done < asked)
		cond_wait(&y->changed, &y->mutex);
	st = w->outcome;
	mutex_unlock(&y->mutex);
	return st;
}

/* --- visits --- */

struct visit {
	struct call call;
	struct sync *sync;
	void (*run)(struct sync *y, void *arg);
	void *arg;
	int bell;
};

static void
visit_run(struct call *call)
{
	struct visit *v = container_of(call, struct visit, call);
	int bell = v->bell;
	uint64_t one = 1;

	v->run(v->sync, v->arg);
	if (write(bell, &one, sizeof one) != sizeof one)	/* v is gone behind this */
		panic("a visit's bell does not ring: errno %d", errno);
}

void
sync_visit(struct sync *y, struct work *by, void (*run)(struct sync *y, void *arg), void *arg)
{
	struct visit v = { .sync = y, .run = run, .arg = arg };
	uint64_t rung;
	ssize_t n;

	if (by == NULL) {
		run(y, arg);
		return;
	}
	v.bell = by->bell;
	v.call.run = visit_run;
	worker_call(y->home, &v.call);
	do
		n = read(by->bell, &rung, sizeof rung);
	while (n < 0 && errno == EINTR);
	if (n != sizeof rung)
		panic("a visit's bell cannot be heard: errno %d", errno);
}

void
sync_pause(struct sync *y, uint32_t ms)
{
	uint64_t until = clock_mono_ns() + ms * NS_PER_MS;

	mutex_lock(&y->mutex);
	while (!atomic_load(&y->closing) && cond_wait_until(&y->changed, &y->mutex, until))
		;
	mutex_unlock(&y->mutex);
}

struct txn *
sync_txn(struct sync *y)
{
	struct txn *t = txn_new();

	for (int i = 0; t == NULL && i < ROOM_TRIES && !atomic_load(&y->closing); i++) {
		sync_pause(y, ROOM_PAUSE_MS);
		t = txn_new();
	}
	if (t != NULL)
		t->frees = true;
	return t;
}

struct commit {
	struct txn *txn;
	lsn_t lsn;
	enum status st;
};

static void
commit_visit(struct sync *y, void *arg)
{
	struct commit *c = arg;

	c->st = block_reserve(y->share, c->txn);
	if (c->st == OK) {
		atomic_store(&y->committed, UINT64_MAX);	/* who looks now sees no end */
		block_commit(y->share, TAKE(&c->txn), &c->lsn);
		atomic_store(&y->committed, c->lsn);
	}
}

enum status
sync_commit(struct sync *y, struct work *by, struct txn *t, lsn_t *lsnp)
{
	struct commit c = { .txn = t, .st = ST_RESOURCE };

	for (int i = 0; !t->failed && i < ROOM_TRIES; i++) {
		sync_visit(y, by, commit_visit, &c);
		if (c.st != ST_DELAY || atomic_load(&y->closing))
			break;
		atomic_store(&y->checkpoint_wanted, true);
		sync_pause(y, ROOM_PAUSE_MS);
	}
	if (c.st == OK)
		*lsnp = c.lsn;
	else
		txn_free(&c.txn);
	return c.st;
}

/* --- the timer --- */

/* What was durable carve_age_ms ago: samples are that far apart that the ring spans it. */
static void
sample_age(struct sync *y, uint64_t now)
{
	uint64_t age = y->conf.carve_age_ms * NS_PER_MS, step = age / (AGE_SAMPLES / 2);
	uint32_t newest = (y->samples + AGE_SAMPLES - 1) % AGE_SAMPLES;
	lsn_t aged = atomic_load(&y->aged);

	if (y->samples > 0 && now - y->sample[newest].ns < step)
		return;
	y->sample[y->samples % AGE_SAMPLES].ns = now;
	y->sample[y->samples % AGE_SAMPLES].lsn = block_durable_lsn(y->share);
	y->samples++;
	for (uint32_t i = 0; i < MIN(y->samples, (uint32_t)AGE_SAMPLES); i++)
		if (now - y->sample[i].ns >= age && y->sample[i].lsn > aged)
			aged = y->sample[i].lsn;
	atomic_store(&y->aged, aged);
}

/*
 * Much is left to do by now: errands begin, whatever the time.  Asked behind each change that comes
 * down to this stage, and by the timer, since in tier writeback answers turn round above it.
 */
static void
nudge(struct sync *y)
{
	struct share *s = y->share;
	uint64_t cap = atomic_load_explicit(&s->now.journal_bytes, memory_order_relaxed);
	uint64_t local = atomic_load_explicit(&s->now.local_bytes, memory_order_relaxed);

	if (y->upload != NULL && local != 0)
		cap = MIN(cap, local);
	if (catalog_unapplied_bytes(s->catalog) > y->apply_bytes &&
	    !atomic_load_explicit(&y->apply.waiting, memory_order_relaxed))
		work_post(&y->apply);
	if (index_live_bytes(block_index(s)) > cap / 100 * y->conf.carve_at_percent &&
	    !atomic_load_explicit(&y->data.waiting, memory_order_relaxed))
		work_post(&y->data);
}

static void
look_around(struct sync *y, uint64_t now)
{
	struct index *ix = block_index(y->share);
	lsn_t oldest = index_oldest_data(ix);
	bool apply = catalog_unapplied_bytes(y->share->catalog) > 0 &&
	    now - y->applied_ns >= y->conf.apply_ms * NS_PER_MS;

	if (apply || atomic_exchange(&y->checkpoint_wanted, false)) {
		y->applied_ns = now;
		work_post(&y->apply);
	}
	if ((oldest != 0 && oldest <= atomic_load(&y->aged)) ||
	    now - y->looked_ns >= LOOK_MS * NS_PER_MS) {
		y->looked_ns = now;
		if (!atomic_load(&y->data.waiting))
			work_post(&y->data);
		if (y->upload != NULL)
			work_post(&y->up);
	}
	if (scrub_due(y->scrub, now) && !atomic_load(&y->scrubs.waiting))
		work_post(&y->scrubs);
}

/* Often while records come fast. */
static uint64_t
tick_ns(const struct sync *y)
{
	bool busy = catalog_unapplied_bytes(y->share->catalog) > y->apply_bytes / UNAPPLIED_PART;
	uint32_t ms = MIN(y->conf.carve_age_ms / AGE_SAMPLES, y->conf.apply_ms / 4);

	if (busy)
		return TICK_MS_MIN * NS_PER_MS;
	return MIN(MAX(ms, (uint32_t)TICK_MS_MIN), (uint32_t)TICK_MS_MAX) * NS_PER_MS;
}

static void
tick(struct timer *t)
{
	struct sync *y = container_of(t, struct sync, timer);
	uint64_t now = clock_mono_ns();

	sample_age(y, now);
	nudge(y);
	look_around(y, now);
	timer_set(y->home, t, now + tick_ns(y));
}

static void
timer_begin(struct sync *y, void *arg)
{
	(void)arg;
	tick(&y->timer);
}

static void
timer_end(struct sync *y, void *arg)
{
	(void)arg;
	timer_cancel(&y->timer);
}

/* --- opening and closing --- */

/* A visit from a thread that is no errand, with a bell of its own: an errand's would be heard by
 * whoever reads first. */
static void
visit_alone(struct sync *y, void (*run)(struct sync *y, void *arg))
{
	struct work by = { .bell = eventfd(0, EFD_CLOEXEC) };

	if (by.bell < 0)
		panic("eventfd: errno %d", errno);
	sync_visit(y, &by, run, NULL);
	close(by.bell);
}

void
sync_open_share(struct share *s)
{
	struct sync *y = xcalloc(1, sizeof *y);
	struct block_usage room;

	y->share = s;
	y->conf = conf;
	block_usage_read(s, &room);
	y->apply_bytes = MIN(room.records_bytes / UNAPPLIED_PART, (uint64_t)UNAPPLIED_MAX);
	y->home = worker_at((uint32_t)(s->row.share % worker_count()));
	y->fence = block_fence(s);
	mutex_init(&y->mutex, RANK_SHARE, s->row.share);
	cond_init(&y->changed);
	work_init(&y->apply, y, apply_run);
	work_init(&y->data, y, data_run);
	work_init(&y->up, y, up_run);
	work_init(&y->bring, y, bring_run);
	y->compact = compact_new(y);
	work_init(&y->scrubs, y, scrubs_run);
	y->scrub = scrub_new(y);
	y->crew = crew_new(s->row.share);
	if (s->remote != NULL) {
		y->upload = upload_new(y);
		y->keyship = keyship_new(y);
		y->warm = warm_new(y);
		y->evict = evict_new(y);
	}
	timer_init(&y->timer, tick);
	s->sync = y;
	visit_alone(y, timer_begin);
}

static void
sync_free(struct share *s)
{
	struct sync *y = TAKE(&s->sync);

	close(y->apply.bell);
	close(y->data.bell);
	close(y->up.bell);
	close(y->bring.bell);
	compact_free(&y->compact);
	close(y->scrubs.bell);
	mutex_destroy(&y->mutex);
	cond_destroy(&y->changed);
	free(y->dying);
	free(y);
}

/* The timer first, on its thread; what was posted runs out; then the rest is done from here. */
enum status
sync_close_share(struct share *s)
{
	struct sync *y = s->sync;
	enum status st, ignored;

	block_remote_halt(s, true);
	visit_alone(y, timer_end);
	mutex_lock(&y->mutex);
	atomic_store(&y->closing, true);
	cond_broadcast(&y->changed);
	mutex_unlock(&y->mutex);
	warm_end(y->warm);
	ignored = work_await(&y->apply);
	ignored = work_await(&y->data);
	ignored = work_await(&y->up);
	ignored = work_await(&y->bring);
	ignored = work_await(&y->scrubs);
	upload_free(&y->upload);
	scrub_free(&y->scrub);
	ignored = work_await(&y->scrubs);
	keyship_free(&y->keyship);
	ignored = work_await(&y->up);	/* a call's end may have asked for more runs of both */
	ignored = work_await(&y->data);
	(void)ignored;			/* it has been told of */
	warm_free(&y->warm);
	evict_free(&y->evict);
	crew_free(&y->crew);
	st = sync_apply(y, NULL);
	sync_free(s);
	return st;
}

static bool
drained(const struct sync *y)
{
	return atomic_load(&y->idle_here) && index_places(block_index(y->share)) == 0 &&
	    catalog_unapplied_bytes(y->share->catalog) == 0;
}

static enum status
drain_round(struct sync *y)
{
	enum status st;

	work_post(&y->data);
	if ((st = work_await(&y->data)) != OK)
		return st;
	work_post(&y->apply);
	return work_await(&y->apply);
}

enum status
sync_drain_share(struct share *s)
{
	struct sync *y = s->sync;
	enum status st = OK;
	int quiet = 0;

	atomic_store(&y->draining, true);
	for (int i = 0; st == OK && quiet < 2 && i < DRAIN_ROUNDS; i++) {
		st = drain_round(y);
		quiet = drained(y) ? quiet + 1 : 0;
	}
	atomic_store(&y->draining, false);
	return st == OK && quiet < 2 ? ST_DELAY : st;
}

void
sync_push_share(struct share *s)
{
	struct sync *y = s->sync;

	atomic_store(&y->push_until_ns, clock_mono_ns() + PUSH_S * NS_PER_S);
	if (!atomic_load(&y->data.waiting))
		work_post(&y->data);
	if (y->upload != NULL) {
		upload_push(y->upload);
		if (!atomic_load(&y->up.waiting))
			work_post(&y->up);
	}
}

void
sync_scrub_begin(struct share *s, bool remote)
{
	scrub_ask(s->sync->scrub, true, remote);
}

void
sync_scrub_stop(struct share *s)
{
	scrub_ask(s->sync->scrub, false, false);
}

void
sync_scrub_look(struct share *s, struct sync_scrub *out)
{
	scrub_look(s->sync->scrub, out);
}

void
sync_remote_look(struct share *s, struct sync_remote *out)
{
	struct sync *y = s->sync;
	bool here = atomic_load(&y->idle) && index_places(block_index(s)) == 0;

	*out = (struct sync_remote){ .has = false };
	if (y->upload != NULL)
		upload_look(y->upload, out);
	out->drained = here && (y->upload == NULL || upload_idle(y->upload));
	out->local_bytes = mirror_bytes(block_mirror(s));
	out->part_bytes = mirror_sparse_bytes(block_mirror(s));
	out->keys = s->keys != NULL ? keys_newest(s->keys) : 0;
	out->packed_bytes = atomic_load(&y->packed_bytes);
	out->stored_bytes = atomic_load(&y->stored_bytes);
	out->known_bytes = atomic_load(&y->known_bytes);
	out->evicted = atomic_load(&y->evicted);
	out->dirty_bytes = index_live_bytes(block_index(s));
}

/* --- the stage --- */

static bool
skip(const struct job *job)
{
	return job->share == NULL || job->share->sync == NULL || !op_rows[job->op.kind].changes;
}

static enum turn
down(struct job *job)
{
	nudge(job->share->sync);
	return TURN_UP;
}

const struct stage_ops sync_stage = { .skip = skip, .down = down };
