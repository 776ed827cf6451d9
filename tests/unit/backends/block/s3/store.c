#include "tests/unit/backends/block/s3/store.h"

#include "pipeline/base/panic.h"

#include <stdio.h>
#include <string.h>

static void
note_done(struct block_call *call)
{
	struct waiter *w = container_of(call, struct waiter, call);

	mutex_lock(&w->mutex);
	w->done++;
	cond_broadcast(&w->cond);
	mutex_unlock(&w->mutex);
}

static bool
note_name(struct block_call *call, const char *name, uint64_t size)
{
	struct waiter *w = container_of(call, struct waiter, call);
	size_t len = strlen(w->names);

	snprintf(w->names + len, sizeof w->names - len, "%s=%llu;", name,
	    (unsigned long long)size);
	return ++w->count != w->stop_after;
}

void
waiter_init(struct waiter *w, enum block_call_kind kind, const char *name)
{
	memset(w, 0, sizeof *w);
	mutex_init(&w->mutex, RANK_TABLE, 0);
	cond_init(&w->cond);
	chain_init(&w->call.body);
	w->call.kind = kind;
	snprintf(w->call.name, sizeof w->call.name, "%s", name);
	w->call.each = note_name;
	w->call.done = note_done;
}

void
waiter_body(struct waiter *w, const char *bytes, size_t len)
{
	size_t half = len / 2;

	assert(chain_push(&w->call.body, NULL, slice_of(bytes, (uint32_t)half)) == OK);
	assert(chain_push(&w->call.body, NULL,
	    slice_of(bytes + half, (uint32_t)(len - half))) == OK);
}

void
waiter_drop(struct waiter *w)
{
	chain_clear(&w->call.body);
	cond_destroy(&w->cond);
	mutex_destroy(&w->mutex);
}

void
waiter_wait(struct waiter *w)
{
	mutex_lock(&w->mutex);
	while (w->done == 0)
		cond_wait(&w->cond, &w->mutex);
	mutex_unlock(&w->mutex);
}

enum status
waiter_run(struct block_store *s, struct waiter *w)
{
	w->done = 0;
	s->ops->start(s, &w->call);
	waiter_wait(w);
	return w->call.status;
}
