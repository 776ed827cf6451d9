/*
 * Errands: background work by threads of its own, at nice 10, so that neither a long errand nor
 * its niceness comes upon a request that waits in the same stage's pool.  What runs is known by
 * its address alone: an errand may free itself while it runs, unless it was posted again.
 */
#include "pipeline/stage/errand.h"

#include "pipeline/base/epoch.h"
#include "pipeline/base/mutex.h"
#include "pipeline/stage/inner.h"

#include <stdio.h>

enum { ERRAND_THREADS_MAX = 8, ERRAND_NICE = 10 };

struct runner {
	struct errand_pool *pool;
	struct errand *running;		/* NULL: idle */
	bool again;			/* posted while it ran */
	struct thread thread;
};

struct errand_pool {
	struct mutex mutex;
	struct cond more, quiet;
	struct list waiting;
	uint32_t nwaiting;
	uint32_t most, started, idle, busy;
	bool stopping, leave_core;
	struct runner runners[ERRAND_THREADS_MAX];
};

static struct errand_pool pools[FLOOR_COUNT];

void
errand_init(struct errand *e, void (*run)(struct errand *e))
{
	list_init(&e->link);
	e->run = run;
	e->queued = false;
}

static void
put_locked(struct errand_pool *pool, struct errand *e)
{
	e->queued = true;
	list_push_back(&pool->waiting, &e->link);
	pool->nwaiting++;
}

static void
run_one_locked(struct errand_pool *pool, struct runner *r)
{
	struct errand *e = container_of(list_pop_front(&pool->waiting), struct errand, link);

	pool->nwaiting--;
	e->queued = false;
	r->running = e;
	r->again = false;
	pool->busy++;
	mutex_unlock(&pool->mutex);
	e->run(e);
	mutex_lock(&pool->mutex);
	pool->busy--;
	r->running = NULL;
	if (r->again)
		put_locked(pool, e);
}

static void
run(void *arg)
{
	struct runner *r = arg;
	struct errand_pool *pool = r->pool;

	mutex_lock(&pool->mutex);
	for (;;) {
		if (!list_empty(&pool->waiting)) {
			run_one_locked(pool, r);
			continue;
		}
		if (pool->busy == 0)
			cond_broadcast(&pool->quiet);
		if (pool->stopping)
			break;
		mutex_unlock(&pool->mutex);
		epoch_poll();
		mutex_lock(&pool->mutex);
		if (!list_empty(&pool->waiting) || pool->stopping)
			continue;
		pool->idle++;
		cond_wait(&pool->more, &pool->mutex);
		pool->idle--;
	}
	mutex_unlock(&pool->mutex);
}

static struct runner *
running_locked(struct errand_pool *pool, const struct errand *e)
{
	for (uint32_t i = 0; i < pool->started; i++)
		if (pool->runners[i].running == e)
			return &pool->runners[i];
	return NULL;
}

/* A thread sleeps: wake it.  Fewer do than errands wait, for one that was woken a moment ago still
 * counts, and more are allowed: make one. */
static void
call_runner_locked(struct errand_pool *pool, enum floor floor)
{
	struct runner *r;
	char name[16];

	if (pool->idle > 0)
		cond_signal(&pool->more);
	if (pool->idle >= pool->nwaiting || pool->started == pool->most)
		return;
	r = &pool->runners[pool->started];
	r->pool = pool;
	snprintf(name, sizeof name, "errand-%.5s-%u", stage_name(floor), pool->started % 10);
	pool->started++;
	thread_start(&r->thread, name, ERRAND_NICE, run, r);
	thread_leave_core(&r->thread, pool->leave_core);	/* whatever who posts may use */
}

void
errand_post(enum floor floor, struct errand *e)
{
	struct errand_pool *pool = &pools[floor];
	struct runner *r;

	mutex_lock(&pool->mutex);
	assert(pool->most > 0 && !pool->stopping);
	if (!e->queued) {
		r = running_locked(pool, e);
		if (r != NULL) {
			r->again = true;
		} else {
			put_locked(pool, e);
			call_runner_locked(pool, floor);
		}
	}
	mutex_unlock(&pool->mutex);
}

bool
errand_revoke(enum floor floor, struct errand *e)
{
	struct errand_pool *pool = &pools[floor];
	struct runner *r;
	bool was;

	mutex_lock(&pool->mutex);
	r = running_locked(pool, e);
	was = e->queued || (r != NULL && r->again);
	if (e->queued) {
		list_remove(&e->link);
		pool->nwaiting--;
		e->queued = false;
	} else if (was) {
		r->again = false;
	}
	if (was && pool->busy == 0)
		cond_broadcast(&pool->quiet);
	mutex_unlock(&pool->mutex);
	return was;
}

void
errands_leave_core(enum floor floor, bool leave)
{
	struct errand_pool *pool = &pools[floor];

	mutex_lock(&pool->mutex);
	if (pool->leave_core != leave) {
		pool->leave_core = leave;
		for (uint32_t i = 0; i < pool->started; i++)
			thread_leave_core(&pool->runners[i].thread, leave);
	}
	mutex_unlock(&pool->mutex);
}

void
errand_drain(enum floor floor)
{
	struct errand_pool *pool = &pools[floor];

	mutex_lock(&pool->mutex);
	while (pool->busy > 0 || !list_empty(&pool->waiting))
		cond_wait(&pool->quiet, &pool->mutex);
	mutex_unlock(&pool->mutex);
}

void
errands_start(void)
{
	for (uint32_t f = 0; f < FLOOR_COUNT; f++) {
		struct errand_pool *pool = &pools[f];

		*pool = (struct errand_pool){ .leave_core = true };
		pool->most = MIN(stage_threads((enum floor)f), ERRAND_THREADS_MAX);
		mutex_init(&pool->mutex, RANK_POOL, FLOOR_COUNT + f);
		cond_init(&pool->more);
		cond_init(&pool->quiet);
		list_init(&pool->waiting);
	}
}

/* What waits is still run: an errand may be what somebody waits for. */
void
errands_stop(void)
{
	for (uint32_t f = 0; f < FLOOR_COUNT; f++) {
		struct errand_pool *pool = &pools[f];

		mutex_lock(&pool->mutex);
		pool->stopping = true;
		cond_broadcast(&pool->more);
		mutex_unlock(&pool->mutex);
		for (uint32_t i = 0; i < pool->started; i++)
			thread_join(&pool->runners[i].thread);
		cond_destroy(&pool->more);
		cond_destroy(&pool->quiet);
		mutex_destroy(&pool->mutex);
	}
}
