/*
 * The fixed pool of jobs.  Each worker keeps a short list of free ones, the last used first, so
 * that a job comes back warm and without a lock; only its overflow and other threads go to the
 * common list.
 */
#include "pipeline/stage/inner.h"

#include "pipeline/base/fault.h"
#include "pipeline/base/mutex.h"
#include "pipeline/base/rand.h"

#include <stdlib.h>

static struct job *jobs;
static uint32_t njobs;
static uint64_t incarnation;		/* the upper 16 bits of what requests are called */
static struct mutex mutex;		/* of the common stack */
static struct job **common;
static uint32_t ncommon;
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
	incarnation = (rand_u64() | 1) << 48;
	mutex_init(&mutex, RANK_POOL, 0);
	common = xcalloc(count, sizeof *common);
	ncommon = 0;
	atomic_store(&out, 0);
	for (uint32_t i = 0; i < count; i++) {
		struct job *job = &jobs[i];

		memset(job, 0, offsetof(struct job, home_block));
		job->magic = JOB_MAGIC;
		arena_init(&job->arena, job->home_block, JOB_HOME_BYTES, JOB_ARENA_MAX);
		common[ncommon++] = job;
	}
}

uint64_t
job_request(const struct job *job)
{
	return job->named != 0 ? job->named :
				 incarnation | (uint64_t)(uint16_t)(job - jobs) << 32 | job->turns;
}

void
job_pool_fini(void)
{
	for (uint32_t i = 0; i < njobs; i++)
		arena_rewind(&jobs[i].arena);
	mutex_destroy(&mutex);
	free(TAKE(&jobs));
	free(TAKE(&common));
	njobs = 0;
}

/* Exact while the workers rest; near enough otherwise. */
uint32_t
job_pool_used(void)
{
	uint32_t used = atomic_load_explicit(&out, memory_order_relaxed);

	for (uint32_t i = 0; i < worker_count(); i++)
		used -= MIN(used, atomic_load_explicit(&worker_at(i)->free.n,
		    memory_order_relaxed));
	return used;
}

/* The owner alone moves n: no locked instruction. */
static struct job *
pop(struct job_stack *s)
{
	uint32_t n = atomic_load_explicit(&s->n, memory_order_relaxed);

	if (n == 0)
		return NULL;
	atomic_store_explicit(&s->n, n - 1, memory_order_relaxed);
	return s->v[n - 1];
}

static bool
push(struct job_stack *s, struct job *job)
{
	uint32_t n = atomic_load_explicit(&s->n, memory_order_relaxed);

	if (n == FREE_KEPT)
		return false;
	s->v[n] = job;
	atomic_store_explicit(&s->n, n + 1, memory_order_relaxed);
	return true;
}

/* A worker takes some more than the one it needs. */
static struct job *
pop_common(struct job_stack *mine)
{
	struct job *job = NULL;
	uint32_t before;

	mutex_lock(&mutex);
	before = ncommon;
	if (ncommon > 0)
		job = common[--ncommon];
	for (uint32_t i = 1; mine != NULL && i < FREE_MOVED && ncommon > 0; i++)
		if (!push(mine, common[--ncommon]))
			panic("an empty stack is full");
	atomic_fetch_add_explicit(&out, before - ncommon, memory_order_relaxed);
	mutex_unlock(&mutex);
	return job;
}

static void
push_common(struct job *job, struct job_stack *mine)
{
	uint32_t before;

	mutex_lock(&mutex);
	before = ncommon;
	common[ncommon++] = job;
	for (uint32_t i = 0; mine != NULL && i < FREE_MOVED; i++)
		common[ncommon++] = pop(mine);
	atomic_fetch_sub_explicit(&out, ncommon - before, memory_order_relaxed);
	mutex_unlock(&mutex);
}

/* Not inlined as string instructions, which take long to get going. */
static void
zero(void *from, void *to)
{
	size_t bytes = (size_t)((uint8_t *)to - (uint8_t *)from);

	__asm__("" : "+r"(bytes));
	memset(from, 0, bytes);
}

/* All but the attributes in op, which are large and have flags of their own, and what the chain
 * of slices keeps its own count of. */
static void
clean(struct job *job)
{
	struct op *op = &job->op;

	zero(&job->floor, &op->on);
	op->on.has_before = op->on.has_after = op->on2.has_before = op->on2.has_after = false;
	op->has_found = false;
	op->found = (struct file_id){ 0 };
	memset(&op->res, 0, sizeof op->res);
	job->io.offset = job->io.count = 0;
	job->io.want = NULL;
	chain_init(&job->io.data);
	job->wait_lsn = 0;
	job->vfs = NULL;
	job->done = NULL;
}

struct job *
job_get(struct worker *home)
{
	struct job_stack *mine = worker_self() == home ? &home->free : NULL;
	struct job *job;

	if (FAULT("job.get"))
		return NULL;
	job = mine != NULL ? pop(mine) : NULL;
	if (job == NULL && (job = pop_common(mine)) == NULL)
		return NULL;
	clean(job);
	job->turns++;
	job->home = home;
	job->state = JOB_DOWN;
	list_init(&job->link);
	list_init(&job->parked_link);
	list_init(&job->timer.link);
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
	if (job->io.data.n > 0)
		chain_clear(&job->io.data);
	if (job->cred != NULL)
		cred_put(&job->cred);
	if (job->share != NULL && share_release != NULL)
		share_release(&job->share);
	arena_rewind(&job->arena);
	job->state = JOB_FREE;
	if (self == NULL || !push(&self->free, job))
		push_common(job, self != NULL ? &self->free : NULL);
}
