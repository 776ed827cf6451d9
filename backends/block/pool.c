/*
 * Two queues, a few threads.  An op is on one of three lists from start() until just before its
 * call's done(), so that a cancel looks calls up instead of following a pointer that may be gone.
 */
#include "backends/block/pool.h"

#include "backends/block/call.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/list.h"
#include "pipeline/base/mutex.h"
#include "pipeline/base/text.h"
#include "pipeline/base/thread.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { THREADS_MAX = 32, NICE = 10 };
enum queue { READS, OTHERS, QUEUES };

struct block_op {
	struct list link;
	struct block_call *call;
	atomic_bool canceled;
};

struct block_pool {
	block_pool_run *run;
	struct block_pooled *store;
	struct mutex mutex;
	struct cond changed;		/* an op came, or went, or the pool closes */
	struct list waiting[QUEUES], running;
	bool closing;
	unsigned nthreads;
	struct pooled_thread {
		struct block_pool *pool;
		bool reads_only;
		struct thread thread;
	} threads[THREADS_MAX];
};

enum status
block_op_alive(const struct block_op *op)
{
	if (atomic_load(&op->canceled))
		return ST_CANCELED;
	if (op->call->deadline_ns != 0 && clock_mono_ns() >= op->call->deadline_ns)
		return ST_TIMEDOUT;
	return OK;
}

static enum status
op_run(struct block_pool *pool, struct block_op *op)
{
	enum status st = block_call_check(op->call);

	if (st == OK)
		st = block_op_alive(op);
	if (st == OK)
		st = pool->run(pool->store, op->call, op);
	return st;
}

static void
say(struct block_call *call)
{
	struct text t = text_of(call->text, sizeof call->text);

	if (call->status != OK && call->text[0] == '\0')
		text_add(&t, status_text(call->status));
}

static enum queue
queue_of(const struct block_call *call)
{
	return call->kind == BLOCK_GET || call->kind == BLOCK_HEAD ? READS : OTHERS;
}

/* Others first, by whom they may be run at all: reads have threads of their own. */
static struct list *
next_locked(struct block_pool *pool, bool reads_only)
{
	struct list *l = reads_only ? NULL : list_pop_front(&pool->waiting[OTHERS]);

	return l != NULL ? l : list_pop_front(&pool->waiting[READS]);
}

static void
work(void *arg)
{
	struct pooled_thread *t = arg;
	struct block_pool *pool = t->pool;

	mutex_lock(&pool->mutex);
	for (;;) {
		struct list *l = next_locked(pool, t->reads_only);
		struct block_op *op;
		struct block_call *call;

		if (l == NULL && pool->closing)
			break;
		if (l == NULL) {
			cond_wait(&pool->changed, &pool->mutex);
			continue;
		}
		op = container_of(l, struct block_op, link);
		list_push_back(&pool->running, l);
		mutex_unlock(&pool->mutex);
		call = op->call;
		call->status = op_run(pool, op);
		say(call);
		mutex_lock(&pool->mutex);
		list_remove(&op->link);
		mutex_unlock(&pool->mutex);
		free(op);
		block_call_end(&pool->store->base, call);	/* close still waits: it joins us */
		mutex_lock(&pool->mutex);
	}
	mutex_unlock(&pool->mutex);
}

void
block_pool_open(struct block_pooled *s, const char *name, unsigned threads, block_pool_run *run)
{
	struct block_pool *pool = xcalloc(1, sizeof *pool);

	s->pool = pool;
	pool->run = run;
	pool->store = s;
	mutex_init(&pool->mutex, RANK_STORE, 0);
	cond_init(&pool->changed);
	for (int q = 0; q < QUEUES; q++)
		list_init(&pool->waiting[q]);
	list_init(&pool->running);
	pool->nthreads = MIN(MAX(threads, 2u), (unsigned)THREADS_MAX);
	for (unsigned i = 0; i < pool->nthreads; i++) {
		struct pooled_thread *t = &pool->threads[i];

		*t = (struct pooled_thread){ .pool = pool, .reads_only = i % 2 == 0 };
		thread_start(&t->thread, name, t->reads_only ? 0 : NICE, work, t);
		thread_leave_core(&t->thread, !t->reads_only);
	}
}

void
block_pool_start(struct block_store *s, struct block_call *call)
{
	struct block_pool *pool = ((struct block_pooled *)s)->pool;
	struct block_op *op = xcalloc(1, sizeof *op);

	block_call_begin(s, call);
	op->call = call;
	mutex_lock(&pool->mutex);
	list_push_back(&pool->waiting[queue_of(call)], &op->link);
	cond_broadcast(&pool->changed);
	mutex_unlock(&pool->mutex);
}

static void
cancel_in(struct list *ops, const struct block_call *call)
{
	LIST_EACH(link, ops) {
		struct block_op *op = container_of(link, struct block_op, link);

		if (op->call == call)
			atomic_store(&op->canceled, true);
	}
}

void
block_pool_cancel(struct block_store *s, struct block_call *call)
{
	struct block_pool *pool = ((struct block_pooled *)s)->pool;

	mutex_lock(&pool->mutex);
	for (int q = 0; q < QUEUES; q++)
		cancel_in(&pool->waiting[q], call);
	cancel_in(&pool->running, call);
	mutex_unlock(&pool->mutex);
}

/* What was started is run to its end first: a thread leaves only when nothing waits. */
void
block_pool_close(struct block_pooled *s)
{
	struct block_pool *pool = TAKE(&s->pool);

	mutex_lock(&pool->mutex);
	pool->closing = true;
	cond_broadcast(&pool->changed);
	mutex_unlock(&pool->mutex);
	for (unsigned i = 0; i < pool->nthreads; i++)
		thread_join(&pool->threads[i].thread);
	mutex_destroy(&pool->mutex);
	cond_destroy(&pool->changed);
	free(pool);
}
