/*
 * A call's fate is drawn when it starts.  A thread waits out the delays; then the call fails, or
 * a copy of it goes to the store within, whose answer is passed on, or spoilt.
 */
#include "backends/block/flaky/flaky.h"

#include "backends/block/call.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/list.h"
#include "pipeline/base/mutex.h"
#include "pipeline/base/text.h"
#include "pipeline/base/thread.h"

#include <stdatomic.h>
#include <stdlib.h>

enum fate { FATE_GOOD, FATE_FAIL, FATE_LOST, FATE_CUT, FATE_FLIP };

struct op {
	struct block_call call;		/* first: the copy for the store within */
	struct block_call *outer;
	struct flaky *flaky;
	struct list link;		/* in waiting, or in within */
	enum fate fate;
	uint64_t due_ns, chance;
	bool canceled;
};

struct flaky {
	struct block_store base;	/* first */
	struct block_store *inner;
	struct block_flaky_conf conf;
	struct mutex mutex;
	struct cond changed;
	struct list waiting, within;
	uint64_t state;			/* of the draw */
	bool closing;
	atomic_bool down, hung;
	struct block_flaky_seen seen;
	struct thread thread;
};

/* SplitMix64: the same seed gives the same faults. */
static uint64_t
draw_locked(struct flaky *f)
{
	uint64_t z = f->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static enum fate
fate_locked(struct flaky *f, enum block_call_kind kind)
{
	unsigned n = (unsigned)(draw_locked(f) % 100);

	if (n < f->conf.fail)
		return FATE_FAIL;
	n = (unsigned)(draw_locked(f) % 100);
	if (kind == BLOCK_PUT || kind == BLOCK_DEL)
		return n < f->conf.lost ? FATE_LOST : FATE_GOOD;
	if (kind != BLOCK_GET)
		return FATE_GOOD;
	return n < f->conf.cut ? FATE_CUT : n < f->conf.cut + f->conf.flip ? FATE_FLIP : FATE_GOOD;
}

/* Gone from the list: the caller hears of it. */
static void
finish(struct op *op, enum status st, const char *text)
{
	struct block_call *outer = op->outer;
	struct flaky *f = op->flaky;
	struct text t = text_of(outer->text, sizeof outer->text);

	outer->status = st;
	outer->got = op->call.got;
	text_add(&t, text);
	free(op);
	block_call_end(&f->base, outer);
}

/* A bit of the bytes read turns over. */
static void
flip(struct op *op)
{
	uint64_t bit = op->chance % (op->call.got * 8);

	op->call.into[bit / 8] ^= (uint8_t)(1 << bit % 8);
}

static void
answered(struct block_call *call)
{
	struct op *op = (struct op *)call;
	struct flaky *f = op->flaky;
	enum status st = call->status;
	const char *text = call->text;
	char said[sizeof call->text];
	struct text t = text_of(said, sizeof said);

	text_add(&t, text);
	mutex_lock(&f->mutex);
	if (st == OK && op->fate == FATE_LOST) {
		f->seen.lost++;
		st = ST_UNREACHABLE;
	} else if (st == OK && op->fate == FATE_CUT && call->got > 0) {
		f->seen.cut++;
		st = ST_GARBAGE;
		call->got = 0;
	} else if (st == OK && op->fate == FATE_FLIP && call->got > 0) {
		f->seen.flipped++;
		flip(op);
	}
	list_remove(&op->link);
	cond_broadcast(&f->changed);
	mutex_unlock(&f->mutex);
	finish(op, st, st == call->status ? said : "the reply did not come");
}

static bool
pass_name(struct block_call *call, const char *name, uint64_t size)
{
	struct op *op = (struct op *)call;

	return op->outer->each(op->outer, name, size);
}

/* Its time has come: what becomes of it; OK: it went within. */
static enum status
release_locked(struct flaky *f, struct op *op, uint64_t now)
{
	if (op->canceled)
		return ST_CANCELED;
	if (op->call.deadline_ns != 0 && now >= op->call.deadline_ns)
		return ST_TIMEDOUT;
	if (atomic_load(&f->down) || op->fate == FATE_FAIL) {
		f->seen.failed++;
		return ST_UNREACHABLE;
	}
	list_push_back(&f->within, &op->link);
	f->inner->ops->start(f->inner, &op->call);	/* done() never runs in it */
	return OK;
}

/* The first that is due; else until when nothing is. */
static struct op *
next_locked(struct flaky *f, uint64_t now, uint64_t *until)
{
	*until = UINT64_MAX;
	LIST_EACH(link, &f->waiting) {
		struct op *op = container_of(link, struct op, link);
		uint64_t due = atomic_load(&f->hung) ? UINT64_MAX : op->due_ns;

		if (op->call.deadline_ns != 0)
			due = MIN(due, op->call.deadline_ns);

		if (op->canceled || due <= now)
			return op;
		*until = MIN(*until, due);
	}
	return NULL;
}

static void
work(void *arg)
{
	struct flaky *f = arg;

	mutex_lock(&f->mutex);
	while (!f->closing || !list_empty(&f->waiting) || !list_empty(&f->within)) {
		uint64_t now = clock_mono_ns(), until;
		struct op *op = next_locked(f, now, &until);
		enum status st;

		if (op == NULL && until == UINT64_MAX)
			cond_wait(&f->changed, &f->mutex);
		else if (op == NULL)
			(void)cond_wait_until(&f->changed, &f->mutex, until);
		if (op == NULL)
			continue;
		list_remove(&op->link);
		st = release_locked(f, op, now);
		if (st == OK)
			continue;
		mutex_unlock(&f->mutex);
		finish(op, st, status_text(st));
		mutex_lock(&f->mutex);
	}
	mutex_unlock(&f->mutex);
}

static void
start(struct block_store *base, struct block_call *call)
{
	struct flaky *f = (struct flaky *)base;
	struct op *op = xcalloc(1, sizeof *op);

	block_call_begin(base, call);
	op->call = *call;		/* a body's slices stay where they are */
	if (call->body.v == call->body.few)
		op->call.body.v = op->call.body.few;
	op->call.done = answered;
	op->call.each = pass_name;
	op->outer = call;
	op->flaky = f;
	mutex_lock(&f->mutex);
	f->seen.calls++;
	f->seen.request = call->request;
	op->fate = fate_locked(f, call->kind);
	op->chance = draw_locked(f);
	op->due_ns = clock_mono_ns() +
	    draw_locked(f) % ((uint64_t)f->conf.delay_ms * NS_PER_MS + 1);
	list_push_back(&f->waiting, &op->link);
	cond_broadcast(&f->changed);
	mutex_unlock(&f->mutex);
}

static void
cancel(struct block_store *base, struct block_call *call)
{
	struct flaky *f = (struct flaky *)base;

	mutex_lock(&f->mutex);
	LIST_EACH(link, &f->waiting) {
		struct op *op = container_of(link, struct op, link);

		op->canceled |= op->outer == call;
	}
	LIST_EACH(link, &f->within) {
		struct op *op = container_of(link, struct op, link);

		if (op->outer == call)
			f->inner->ops->cancel(f->inner, &op->call);
	}
	cond_broadcast(&f->changed);
	mutex_unlock(&f->mutex);
}

static void
end(struct block_store *base)
{
	struct flaky *f = (struct flaky *)base;

	mutex_lock(&f->mutex);
	f->closing = true;
	cond_broadcast(&f->changed);
	mutex_unlock(&f->mutex);
	thread_join(&f->thread);
	f->inner->ops->close(f->inner);
	mutex_destroy(&f->mutex);
	cond_destroy(&f->changed);
	free(f);
}

static const struct block_store_ops ops = { .kind = "flaky", .durable = false, .local = false,
	.start = start, .cancel = cancel, .close = end };

struct block_store *
block_flaky_wrap(struct block_store *inner, const struct block_flaky_conf *conf)
{
	struct flaky *f = xcalloc(1, sizeof *f);

	f->base.ops = &ops;
	f->inner = inner;
	f->conf = *conf;
	f->state = conf->seed;
	mutex_init(&f->mutex, RANK_POOL, 1);	/* held while the store within is asked */
	cond_init(&f->changed);
	list_init(&f->waiting);
	list_init(&f->within);
	thread_start(&f->thread, "flaky", 0, work, f);
	return &f->base;
}

void
block_flaky_down(struct block_store *s, bool down)
{
	atomic_store(&((struct flaky *)s)->down, down);
}

void
block_flaky_hang(struct block_store *s, bool hung)
{
	struct flaky *f = (struct flaky *)s;

	mutex_lock(&f->mutex);
	atomic_store(&f->hung, hung);
	cond_broadcast(&f->changed);
	mutex_unlock(&f->mutex);
}

void
block_flaky_look(struct block_store *s, struct block_flaky_seen *seen)
{
	struct flaky *f = (struct flaky *)s;

	mutex_lock(&f->mutex);
	*seen = f->seen;
	mutex_unlock(&f->mutex);
}
