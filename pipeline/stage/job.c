/*
 * The fixed pool of jobs.  Each worker keeps a short list of free ones, the last used first, so
 * that a job comes back warm and without a lock; only its overflow and other threads go to the
 * common list.
 */
#include "pipeline/stage/inner.h"

#include "pipeline/base/mutex.h"

#include <stdlib.h>

enum { FREE_KEPT = 128, FREE_MOVED = 64 };

static struct job *jobs;
static uint32_t njobs;
static struct mutex mutex;		/* common, free_common, of all that follows */
static struct job_list common;
static _Atomic uint32_t out;		/* taken from common; a worker's free ones count as out */
static void (*share_release)(struct share **sharep);

void
job_share_hook(void (*release)(struct share **sharep))
{
	share_release = release;
}

void
job_pool_init(uint32_t count)
{
	assert(jobs == NULL && count > 0);
	jobs = aligned_alloc(LINE_BYTES,
	    (sizeof *jobs * count + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES);
	if (jobs == NULL)
		panic("no memory for %u jobs", count);
	njobs = count;
	mutex_init(&mutex, RANK_POOL, 0);
	list_init(&common.jobs);
	common.n = 0;
	atomic_store(&out, 0);
	for (uint32_t i = 0; i < count; i++) {
		struct job *job = &jobs[i];

		memset(job, 0, offsetof(struct job, home_block));
		job->magic = JOB_MAGIC;
		list_init(&job->link);
		list_init(&job->parked_link);
		arena_init(&job->arena, job->home_block, JOB_HOME_BYTES, JOB_ARENA_MAX);
		list_push_back(&common.jobs, &job->link);
		common.n++;
	}
}

void
job_pool_fini(void)
{
	for (uint32_t i = 0; i < njobs; i++)
		arena_rewind(&jobs[i].arena);
	mutex_destroy(&mutex);
	free(TAKE(&jobs));
	njobs = 0;
}

/* Exact while the workers rest; near enough otherwise. */
uint32_t
job_pool_used(void)
{
	uint32_t used = atomic_load_explicit(&out, memory_order_relaxed);

	for (uint32_t i = 0; i < worker_count(); i++)
		used -= MIN(used, __atomic_load_n(&worker_at(i)->free.n, __ATOMIC_RELAXED));
	return used;
}

static void
move(struct job_list *from, struct job_list *to, uint32_t most)
{
	struct list *l;

	while (most-- > 0 && (l = list_pop_front(&from->jobs)) != NULL) {
		list_push_front(&to->jobs, l);
		__atomic_store_n(&from->n, from->n - 1, __ATOMIC_RELAXED);
		__atomic_store_n(&to->n, to->n + 1, __ATOMIC_RELAXED);
	}
}

static struct job *
pop(struct job_list *list)
{
	struct list *l = list_pop_front(&list->jobs);

	if (l == NULL)
		return NULL;
	__atomic_store_n(&list->n, list->n - 1, __ATOMIC_RELAXED);
	return container_of(l, struct job, link);
}

static struct job *
pop_common(struct job_list *mine)
{
	struct job *job = NULL;
	uint32_t before;

	mutex_lock(&mutex);
	before = common.n;
	if (mine != NULL) {
		move(&common, mine, FREE_MOVED);
		job = pop(mine);
	} else {
		job = pop(&common);
	}
	atomic_fetch_add_explicit(&out, before - common.n, memory_order_relaxed);
	mutex_unlock(&mutex);
	return job;
}

struct job *
job_get(struct worker *home)
{
	struct job_list *mine = worker_self() == home ? &home->free : NULL;
	struct job *job = NULL;

	if (mine != NULL)
		job = pop(mine);
	if (job == NULL && (job = pop_common(mine)) == NULL)
		return NULL;
	memset(&job->floor, 0, offsetof(struct job, arena) - offsetof(struct job, floor));
	job->home = home;
	job->state = JOB_DOWN;
	list_init(&job->link);
	list_init(&job->parked_link);
	list_init(&job->timer.link);
	chain_init(&job->io.data);
	return job;
}

void
job_put(struct job **jobp)
{
	struct job *job = TAKE(jobp);
	struct worker *self = worker_self();

	CHECK(job, JOB_MAGIC);
	assert(list_empty(&job->link) && list_empty(&job->parked_link));
	assert(job->state != JOB_FREE && job->state != JOB_PARKED);
	slice_put(&job->message);
	chain_clear(&job->io.data);
	if (job->cred != NULL)
		cred_put(&job->cred);
	if (job->share != NULL && share_release != NULL)
		share_release(&job->share);
	arena_rewind(&job->arena);
	job->state = JOB_FREE;
	if (self != NULL && self->free.n < FREE_KEPT) {
		list_push_front(&self->free.jobs, &job->link);
		__atomic_store_n(&self->free.n, self->free.n + 1, __ATOMIC_RELAXED);
		return;
	}
	mutex_lock(&mutex);
	list_push_front(&common.jobs, &job->link);
	common.n++;
	atomic_fetch_sub_explicit(&out, 1, memory_order_relaxed);
	if (self != NULL) {
		uint32_t before = common.n;

		move(&self->free, &common, FREE_MOVED);
		atomic_fetch_sub_explicit(&out, common.n - before, memory_order_relaxed);
	}
	mutex_unlock(&mutex);
}
