/*
 * The hands of all shares: two threads that take in what has come from remote stores, and look
 * ahead.  And the air: how many bytes may be on their way at once, whoever they are for.
 */
#include "pipeline/base/clock.h"
#include "pipeline/base/epoch.h"
#include "pipeline/base/num.h"
#include "pipeline/base/thread.h"
#include "pipeline/block/flight.h"

#include <stdio.h>

enum { HANDS = 2 };

static struct hands {
	struct mutex mutex;		/* rank POOL */
	struct cond changed;
	struct list tasks, held;
	uint64_t air, most;		/* bytes on their way; as many as may be */
	uint64_t wait_ns;
	bool stop;
	struct thread thread[HANDS];
} hands;

static void
run(void *arg)
{
	struct hands *h = arg;
	bool polled = true;		/* what was dropped has gone, as far as it can */

	mutex_lock(&h->mutex);
	for (;;) {
		struct list *l = list_pop_front(&h->tasks);
		struct task *t;

		if (l == NULL && h->stop)
			break;
		if (l == NULL && !polled) {
			mutex_unlock(&h->mutex);
			epoch_poll();
			polled = true;
			mutex_lock(&h->mutex);
			continue;
		}
		if (l == NULL) {
			cond_wait(&h->changed, &h->mutex);
			continue;
		}
		mutex_unlock(&h->mutex);
		polled = false;
		t = container_of(l, struct task, link);
		t->run(t);
		mutex_lock(&h->mutex);
	}
	mutex_unlock(&h->mutex);
}

void
cold_start(uint64_t air_bytes, uint32_t wait_ms)
{
	mutex_init(&hands.mutex, RANK_POOL, UINT64_MAX - 1);
	cond_init(&hands.changed);
	list_init(&hands.tasks);
	list_init(&hands.held);
	hands.air = 0;
	hands.most = MAX(air_bytes, (uint64_t)4 * FLIGHT_BYTES);
	hands.wait_ns = wait_ms * NS_PER_MS;
	hands.stop = false;
	for (int i = 0; i < HANDS; i++) {
		char name[20];

		snprintf(name, sizeof name, "cold-%d", i % 100);
		thread_start(&hands.thread[i], name, 0, run, &hands);
	}
}

void
cold_stop(void)
{
	mutex_lock(&hands.mutex);
	hands.stop = true;
	cond_broadcast(&hands.changed);
	mutex_unlock(&hands.mutex);
	for (int i = 0; i < HANDS; i++)
		thread_join(&hands.thread[i]);
	cond_destroy(&hands.changed);
	mutex_destroy(&hands.mutex);
}

void
hands_give(struct task *t)
{
	mutex_lock(&hands.mutex);
	list_push_back(&hands.tasks, &t->link);
	cond_signal(&hands.changed);
	mutex_unlock(&hands.mutex);
}

uint64_t
hands_wait_ns(void)
{
	return hands.wait_ns;
}

/* A quarter is for those who wait already. */
bool
air_take(uint64_t bytes, bool ahead)
{
	bool yes;

	mutex_lock(&hands.mutex);
	yes = ahead ? hands.air + bytes <= hands.most / 4 * 3 && list_empty(&hands.held) :
	    hands.air == 0 || (hands.air + bytes <= hands.most && list_empty(&hands.held));
	if (yes)
		hands.air += bytes;
	mutex_unlock(&hands.mutex);
	return yes;
}

/* The first of those that are held, where there is room for it by now. */
static struct flight *
next(void)
{
	struct flight *f = NULL;

	mutex_lock(&hands.mutex);
	if (!list_empty(&hands.held)) {
		f = container_of(hands.held.next, struct flight, held);
		if (hands.air != 0 && hands.air + f->air > hands.most) {
			f = NULL;
		} else {
			list_remove(&f->held);
			hands.air += f->air;
		}
	}
	mutex_unlock(&hands.mutex);
	return f;
}

void
air_give(uint64_t bytes)
{
	struct flight *f;

	mutex_lock(&hands.mutex);
	assert(hands.air >= bytes);
	hands.air -= bytes;
	mutex_unlock(&hands.mutex);
	while ((f = next()) != NULL)
		flight_go(f);
}

void
air_hold(struct flight *f)
{
	struct flight *go;

	mutex_lock(&hands.mutex);
	list_push_back(&hands.held, &f->held);
	mutex_unlock(&hands.mutex);
	while ((go = next()) != NULL)	/* room may have come meanwhile */
		flight_go(go);
}

bool
air_unhold(struct flight *f)
{
	bool was;

	mutex_lock(&hands.mutex);
	was = !list_empty(&f->held);
	list_remove(&f->held);
	if (was)
		hands.air += f->air;	/* its landing gives it back */
	mutex_unlock(&hands.mutex);
	return was;
}
