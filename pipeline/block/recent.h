/*
 * When containers were last used, about: a minute in memory for each, which who reads one stores
 * and who needs room looks at.  A mark is shared by numbers that are far apart, so that a container
 * may seem used later than it was, never earlier.
 */
#ifndef BLOCK_RECENT_H
#define BLOCK_RECENT_H

#include <stdatomic.h>
#include <stdint.h>

enum {
	RECENT_MARKS = 1 << 16,		/* as many numbers in a row have their own: 1 TiB */
	RECENT_FIRST = 1 << 24,		/* the minute of a machine's start: marks reach behind it */
};

struct recent {				/* all zero: used never */
	_Atomic uint32_t minute;	/* now; set by recent_tick alone */
	_Atomic uint32_t used[RECENT_MARKS];
};

/* Relaxed: a mark orders nothing, and one that comes a moment late is as good. */
static inline void
recent_use(struct recent *r, uint64_t number)
{
	_Atomic uint32_t *mark = &r->used[number % RECENT_MARKS];
	uint32_t now = atomic_load_explicit(&r->minute, memory_order_relaxed);

	/* Written once a minute, so that readers share the line. */
	if (atomic_load_explicit(mark, memory_order_relaxed) != now)
		atomic_store_explicit(mark, now, memory_order_relaxed);
}

/* mono_ns: of clock.h.  Now and then; marks are as fine as that. */
void recent_tick(struct recent *r, uint64_t mono_ns);

/* It was last used so many minutes ago, unless its mark says that it was later. */
void recent_seed(struct recent *r, uint64_t number, uint64_t minutes);

uint32_t recent_idle_minutes(const struct recent *r, uint64_t number);

#endif
