/*
 * Marks of last use: the side of those who do not read.
 */
#include "pipeline/block/recent.h"

#include "pipeline/base/clock.h"

void
recent_tick(struct recent *r, uint64_t mono_ns)
{
	uint32_t now = RECENT_FIRST + (uint32_t)(mono_ns / (60 * NS_PER_S));

	atomic_store_explicit(&r->minute, now, memory_order_relaxed);
}

void
recent_seed(struct recent *r, uint64_t number, uint64_t minutes)
{
	uint32_t now = atomic_load_explicit(&r->minute, memory_order_relaxed);
	_Atomic uint32_t *mark = &r->used[number % RECENT_MARKS];
	uint32_t at = minutes < now ? now - (uint32_t)minutes : 0;

	if (atomic_load_explicit(mark, memory_order_relaxed) < at)
		atomic_store_explicit(mark, at, memory_order_relaxed);
}

uint32_t
recent_idle_minutes(const struct recent *r, uint64_t number)
{
	uint32_t now = atomic_load_explicit(&r->minute, memory_order_relaxed);
	uint32_t at = atomic_load_explicit(&r->used[number % RECENT_MARKS], memory_order_relaxed);

	return at < now ? now - at : 0;
}
