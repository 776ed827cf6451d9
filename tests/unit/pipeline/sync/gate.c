/* The gate: what is held is a list of calls, given on by who opens it. */
#include "tests/unit/pipeline/sync/gate.h"

#include "pipeline/base/mutex.h"
#include "tests/lib/check.h"

#include <stdlib.h>

enum { HELD_MAX = 64 };

struct gate {
	struct block_store base;	/* first */
	struct block_store *inner;
	struct mutex mutex;
	bool closed;
	enum block_call_kind kind;
	struct block_call *held[HELD_MAX];
	int n;
};

static void
start(struct block_store *s, struct block_call *call)
{
	struct gate *g = (struct gate *)s;
	bool held;

	mutex_lock(&g->mutex);
	held = g->closed && call->kind == g->kind && g->n < HELD_MAX;
	if (held)
		g->held[g->n++] = call;
	mutex_unlock(&g->mutex);
	if (!held)
		g->inner->ops->start(g->inner, call);
}

static void
cancel(struct block_store *s, struct block_call *call)
{
	struct gate *g = (struct gate *)s;

	gate_open(s);
	g->inner->ops->cancel(g->inner, call);
}

static void
close_gate(struct block_store *s)
{
	struct gate *g = (struct gate *)s;

	gate_open(s);
	g->inner->ops->close(g->inner);
	mutex_destroy(&g->mutex);
	free(g);
}

static const struct block_store_ops ops = { .kind = "gate", .durable = true, .start = start,
	.cancel = cancel, .close = close_gate };

struct block_store *
gate_before(struct block_store *inner)
{
	struct gate *g = xcalloc(1, sizeof *g);

	g->base.ops = &ops;
	g->inner = inner;
	mutex_init(&g->mutex, RANK_POOL, 0);	/* beneath any of a caller's */
	return &g->base;
}

void
gate_close(struct block_store *s, enum block_call_kind kind)
{
	struct gate *g = (struct gate *)s;

	mutex_lock(&g->mutex);
	g->closed = true;
	g->kind = kind;
	mutex_unlock(&g->mutex);
}

void
gate_open(struct block_store *s)
{
	struct gate *g = (struct gate *)s;
	struct block_call *held[HELD_MAX];
	int n;

	mutex_lock(&g->mutex);
	g->closed = false;
	n = g->n;
	memcpy(held, g->held, (size_t)n * sizeof *held);
	g->n = 0;
	mutex_unlock(&g->mutex);
	for (int i = 0; i < n; i++)
		g->inner->ops->start(g->inner, held[i]);
}

int
gate_held(struct block_store *s)
{
	struct gate *g = (struct gate *)s;
	int n;

	mutex_lock(&g->mutex);
	n = g->n;
	mutex_unlock(&g->mutex);
	return n;
}
