/*
 * Counters.  A thread writes its own array and no other, so adding costs no more than a
 * plain store; the arrays stand in a list for who wants the sum, and an ended thread's
 * values stay in `ended`.
 */
#include "pipeline/base/meter.h"

#include "pipeline/base/list.h"
#include "pipeline/base/mutex.h"
#include "pipeline/base/thread.h"

#include <stdatomic.h>
#include <stdlib.h>

struct values {
	struct list link;
	_Atomic int64_t v[METER_COUNT];	/* written by the owner alone */
};

static const struct {
	const char *name, *help, *kind;
} rows[METER_COUNT] = {
#define COUNTER(id, name, help) { name, help, "counter" },
#define GAUGE(id, name, help) { name, help, "gauge" },
#include "pipeline/base/meter.def"
#undef COUNTER
#undef GAUGE
};

static MUTEX_STATIC(list_mutex, RANK_METER, 0);
static struct list all = { &all, &all };
static int64_t ended[METER_COUNT];

static _Thread_local struct values *mine;
static _Thread_local struct thread_end mine_end;

static void
leave(void)
{
	struct values *mv = TAKE(&mine);

	mutex_lock(&list_mutex);
	list_remove(&mv->link);
	for (int i = 0; i < METER_COUNT; i++)
		ended[i] += atomic_load_explicit(&mv->v[i], memory_order_relaxed);
	mutex_unlock(&list_mutex);
	free(mv);
}

static void
enter(void)
{
	mine = xcalloc(1, sizeof *mine);
	mutex_lock(&list_mutex);
	list_push_back(&all, &mine->link);
	mutex_unlock(&list_mutex);
	thread_at_end(&mine_end, leave);
}

void
meter_add(enum meter m, int64_t by)
{
	int64_t was;

	if (__builtin_expect(mine == NULL, 0))
		enter();
	was = atomic_load_explicit(&mine->v[m], memory_order_relaxed);
	atomic_store_explicit(&mine->v[m], was + by, memory_order_relaxed);
}

int64_t
meter_value(enum meter m)
{
	int64_t sum;

	mutex_lock(&list_mutex);
	sum = ended[m];
	LIST_EACH(l, &all)
		sum += atomic_load_explicit(&container_of(l, struct values, link)->v[m],
		    memory_order_relaxed);
	mutex_unlock(&list_mutex);
	return sum;
}

const char *
meter_name(enum meter m)
{
	return rows[m].name;
}

const char *
meter_help(enum meter m)
{
	return rows[m].help;
}

const char *
meter_kind(enum meter m)
{
	return rows[m].kind;
}
