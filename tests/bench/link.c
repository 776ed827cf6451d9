/*
 * What comes from the store within is given out when the link would have brought it.  A thread
 * waits for those times; calls are kept in the order in which they end.
 */
#include "tests/bench/link.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/list.h"
#include "pipeline/base/mutex.h"
#include "pipeline/base/num.h"
#include "pipeline/base/thread.h"

#include <stdlib.h>
#include <string.h>

struct op {
	struct block_call call;		/* first: the copy for the store within */
	struct block_call *outer;
	struct link_store *store;
	struct list link;
	uint64_t asked_ns, due_ns;
};

struct link_store {
	struct block_store base;	/* first */
	struct block_store *inner;
	uint64_t delay_ns, bytes_s, free_ns;	/* free: when the link has brought all so far */
	struct mutex mutex;
	struct cond changed;
	struct list ops;		/* by due_ns: the first that was answered is due first */
	uint32_t running;
	bool closing;
	struct thread thread;
};

static void
finish(struct op *op)
{
	struct block_call *outer = op->outer;

	outer->status = op->call.status;
	outer->got = op->call.got;
	memcpy(outer->text, op->call.text, sizeof outer->text);
	free(op);
	outer->done(outer);
}

static void
answered(struct block_call *call)
{
	struct op *op = (struct op *)call;
	struct link_store *s = op->store;

	if (call->kind != BLOCK_GET) {
		mutex_lock(&s->mutex);
		s->running--;
		cond_broadcast(&s->changed);
		mutex_unlock(&s->mutex);
		finish(op);
		return;
	}
	mutex_lock(&s->mutex);
	s->free_ns = MAX(s->free_ns, op->asked_ns + s->delay_ns) +
	    call->got * NS_PER_S / s->bytes_s;
	op->due_ns = s->free_ns;
	list_push_back(&s->ops, &op->link);
	cond_broadcast(&s->changed);
	mutex_unlock(&s->mutex);
}

static void
work(void *arg)
{
	struct link_store *s = arg;

	mutex_lock(&s->mutex);
	while (!s->closing || s->running > 0) {
		struct op *op;

		if (list_empty(&s->ops)) {
			cond_wait(&s->changed, &s->mutex);
			continue;
		}
		op = container_of(s->ops.next, struct op, link);
		if (clock_mono_ns() < op->due_ns) {
			(void)cond_wait_until(&s->changed, &s->mutex, op->due_ns);
			continue;
		}
		list_remove(&op->link);
		s->running--;
		mutex_unlock(&s->mutex);
		finish(op);
		mutex_lock(&s->mutex);
	}
	mutex_unlock(&s->mutex);
}

static void
start(struct block_store *base, struct block_call *call)
{
	struct link_store *s = (struct link_store *)base;
	struct op *op = calloc(1, sizeof *op);

	if (op == NULL)
		abort();
	op->call = *call;		/* a body's slices stay where they are */
	if (call->body.v == call->body.few)
		op->call.body.v = op->call.body.few;
	op->call.done = answered;
	op->call.deadline_ns = 0;
	op->outer = call;
	op->store = s;
	op->asked_ns = clock_mono_ns();
	mutex_lock(&s->mutex);
	s->running++;
	mutex_unlock(&s->mutex);
	s->inner->ops->start(s->inner, &op->call);
}

/* Nothing takes long here: it ends by itself. */
static void
cancel(struct block_store *base, struct block_call *call)
{
	(void)base;
	(void)call;
}

static void
end(struct block_store *base)
{
	struct link_store *s = (struct link_store *)base;

	mutex_lock(&s->mutex);
	s->closing = true;
	cond_broadcast(&s->changed);
	mutex_unlock(&s->mutex);
	thread_join(&s->thread);
	s->inner->ops->close(s->inner);
	mutex_destroy(&s->mutex);
	cond_destroy(&s->changed);
	free(s);
}

static const struct block_store_ops ops = { .kind = "link", .durable = true, .start = start,
	.cancel = cancel, .close = end };

struct block_store *
link_wrap(struct block_store *inner, uint32_t delay_us, uint64_t bytes_s)
{
	struct link_store *s = calloc(1, sizeof *s);

	if (s == NULL)
		abort();
	s->base.ops = &ops;
	s->inner = inner;
	s->delay_ns = (uint64_t)delay_us * 1000;
	s->bytes_s = bytes_s;
	mutex_init(&s->mutex, RANK_POOL, 1);
	cond_init(&s->changed);
	list_init(&s->ops);
	thread_start(&s->thread, "link", 0, work, s);
	return &s->base;
}
