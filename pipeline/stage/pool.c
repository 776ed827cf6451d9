/*
 * Pools of threads that wait.  A home worker hands jobs over by a ring of its own (one producer,
 * many takers) and gets them back by its inbox.  Of the sleeping threads one is woken for a
 * hand-over; it wakes the next if it sees more work than its own.  Threads are made when all
 * there are have work, so a pool that is never needed costs nothing.
 */
#include "pipeline/stage/inner.h"

#include "pipeline/base/epoch.h"
#include "pipeline/base/mutex.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { POOL_THREADS_MAX = 64 };

struct pool_thread {
	struct pool *pool;
	uint32_t index;
	_Atomic uint32_t rung;		/* a futex: 1 = get up */
	struct thread thread;
};

struct pool {
	enum floor floor;
	uint32_t most;			/* threads */
	struct ring *rings;		/* one a worker */
	uint32_t nrings;
	_Atomic uint64_t asleep;	/* a bit a thread; pairs with the fence in pool_push */
	_Atomic uint32_t started;
	struct mutex mutex;		/* starting threads */
	struct pool_thread *threads;
	_Atomic bool stopping;
};

static struct pool pools[FLOOR_COUNT];
static _Thread_local bool in_pool;

bool
stage_in_pool(void)
{
	return in_pool;
}

bool
stage_may_wait(const struct job *job)
{
	(void)job;
	return in_pool;
}

static void call_one(struct pool *pool);

static void
ring_bell(struct pool_thread *t)
{
	atomic_store_explicit(&t->rung, 1, memory_order_release);
	syscall(SYS_futex, &t->rung, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void
wait_bell(struct pool_thread *t)
{
	while (atomic_exchange_explicit(&t->rung, 0, memory_order_acquire) == 0)
		syscall(SYS_futex, &t->rung, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static bool
any_work(const struct pool *pool)
{
	for (uint32_t i = 0; i < pool->nrings; i++)
		if (ring_count(&pool->rings[i]) > 0)
			return true;
	return false;
}

/* False: none sleeps. */
static bool
wake_one(struct pool *pool)
{
	uint64_t asleep = atomic_load_explicit(&pool->asleep, memory_order_relaxed);

	while (asleep != 0)
		if (atomic_compare_exchange_weak_explicit(&pool->asleep, &asleep,
		    asleep & (asleep - 1), memory_order_relaxed, memory_order_relaxed)) {
			ring_bell(&pool->threads[__builtin_ctzll(asleep)]);
			return true;
		}
	return false;
}

/* One job from the rings, beginning with another one each time, so that no home starves. */
static struct job *
take(struct pool *pool, uint32_t *at)
{
	for (uint32_t i = 0; i < pool->nrings; i++) {
		struct job *job;

		*at = *at + 1 < pool->nrings ? *at + 1 : 0;
		job = ring_pop(&pool->rings[*at]);
		if (job != NULL)
			return job;
	}
	return NULL;
}

static void
run_job(struct pool *pool, struct job *job)
{
	const struct stage_ops *ops = stage_table[pool->floor];
	struct worker *home = job->home;

	job->turn = (uint8_t)ops->down(job);
	job->inbox.kind = LINK_POOLED;
	inbox_push(&home->inbox, &job->inbox);
	worker_notify(home);
}

/* Say that one sleeps, full fence, look once more: either we see the push or it sees our bit. */
static void
sleep_until_rung(struct pool_thread *t)
{
	struct pool *pool = t->pool;
	uint64_t bit = 1ull << t->index;

	atomic_fetch_or_explicit(&pool->asleep, bit, memory_order_relaxed);
	full_fence();
	if (any_work(pool) || atomic_load_explicit(&pool->stopping, memory_order_relaxed)) {
		uint64_t was = atomic_fetch_and_explicit(&pool->asleep, ~bit, memory_order_relaxed);

		if (was & bit)
			return;		/* nobody has rung, nor will */
	}
	wait_bell(t);
}

static void
run(void *arg)
{
	struct pool_thread *t = arg;
	struct pool *pool = t->pool;
	uint32_t at = t->index % pool->nrings;

	in_pool = true;
	for (;;) {
		struct job *job = take(pool, &at);

		if (job != NULL) {
			if (any_work(pool))
				call_one(pool);
			run_job(pool, job);
			continue;
		}
		if (atomic_load_explicit(&pool->stopping, memory_order_acquire))
			break;
		epoch_poll();
		sleep_until_rung(t);
	}
	in_pool = false;
}

static void
start_one(struct pool *pool)
{
	uint32_t n;

	mutex_lock(&pool->mutex);
	n = atomic_load_explicit(&pool->started, memory_order_relaxed);
	if (n < pool->most && !atomic_load_explicit(&pool->stopping, memory_order_relaxed)) {
		struct pool_thread *t = &pool->threads[n];
		char name[16];

		t->pool = pool;
		t->index = n;
		snprintf(name, sizeof name, "%.10s-%u", stage_name(pool->floor), n % 1000);
		thread_start(&t->thread, name, 0, run, t);
		atomic_store_explicit(&pool->started, n + 1, memory_order_relaxed);
	}
	mutex_unlock(&pool->mutex);
}

/* Wake one of the sleeping, or make one where none sleeps.  The caller has pushed and fenced. */
static void
call_one(struct pool *pool)
{
	if (!wake_one(pool) &&
	    atomic_load_explicit(&pool->started, memory_order_relaxed) < pool->most)
		start_one(pool);
}

void
pool_push(struct worker *w, enum floor floor, struct job **v, uint32_t n)
{
	struct pool *pool = &pools[floor];

	assert(pool->most > 0);
	for (uint32_t i = 0; i < n; i++) {
		v[i]->state = JOB_POOLED;
		ring_push(&pool->rings[w->index], v[i]);
	}
	gauge_add(&w->gauges[floor].pooled, n);
	full_fence();
	call_one(pool);
}

uint64_t
pool_depth(enum floor floor)
{
	const struct pool *pool = &pools[floor];
	uint64_t n = 0;

	for (uint32_t i = 0; i < pool->nrings; i++)
		n += ring_count(&pool->rings[i]);
	return n;
}

void
pools_start(uint32_t workers, uint32_t jobs)
{
	for (uint32_t f = 0; f < FLOOR_COUNT; f++) {
		struct pool *pool = &pools[f];

		*pool = (struct pool){ .floor = (enum floor)f };
		pool->most = MIN(stage_threads((enum floor)f), POOL_THREADS_MAX);
		mutex_init(&pool->mutex, RANK_POOL, f);
		if (pool->most == 0)
			continue;
		pool->threads = xcalloc(pool->most, sizeof *pool->threads);
		pool->rings = xcalloc(workers, sizeof *pool->rings);
		for (uint32_t i = 0; i < workers; i++)
			ring_init(&pool->rings[i], jobs);
		pool->nrings = workers;
	}
}

static void
stop(struct pool *pool)
{
	uint32_t started;

	mutex_lock(&pool->mutex);
	atomic_store_explicit(&pool->stopping, true, memory_order_release);
	started = atomic_load_explicit(&pool->started, memory_order_relaxed);
	mutex_unlock(&pool->mutex);
	for (uint32_t i = 0; i < started; i++)
		ring_bell(&pool->threads[i]);
	for (uint32_t i = 0; i < started; i++)
		thread_join(&pool->threads[i].thread);
	for (uint32_t i = 0; i < pool->nrings; i++)
		ring_fini(&pool->rings[i]);
	pool->nrings = 0;
	free(TAKE(&pool->rings));
	free(TAKE(&pool->threads));
	mutex_destroy(&pool->mutex);
}

void
pools_stop(void)
{
	for (uint32_t f = 0; f < FLOOR_COUNT; f++)
		stop(&pools[f]);
}
