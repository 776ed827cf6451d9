/*
 * Timers of a home worker: a wheel of 10 ms.  That worker's thread alone.
 */
#ifndef STAGE_TIMER_H
#define STAGE_TIMER_H

#include "pipeline/base/list.h"

#include <stdint.h>

struct worker;

struct timer {
	struct list link;		/* list_init'ed by timer_init */
	uint64_t when_ns;
	void (*fire)(struct timer *t);
};

void timer_init(struct timer *t, void (*fire)(struct timer *t));
void timer_set(struct worker *w, struct timer *t,
    uint64_t when_ns); /* monotonic; moves it if set */
void timer_cancel(struct timer *t);

#endif
