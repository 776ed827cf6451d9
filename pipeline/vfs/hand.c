/*
 * A look at a node costs a miss of the processor's cache, so the hand stops as soon as the budget
 * is kept again: in the long run it moves as fast as the cache is filled.
 */
#include "pipeline/vfs/hand.h"

#include "pipeline/base/epoch.h"

enum { STEP_BUCKETS = 4, MOVE_BUCKETS = 32 };

void
hand_init(struct hand *h, struct table *table, uint64_t budget)
{
	h->table = table;
	h->budget = budget;
	atomic_init(&h->bytes, 0);
	atomic_init(&h->at, 0);
	atomic_flag_clear_explicit(&h->moving, memory_order_relaxed);
}

static bool
within_budget(const struct hand *h)
{
	return atomic_load_explicit(&h->bytes, memory_order_relaxed) <= h->budget;
}

void
hand_move(struct hand *h, void (*consider)(struct table_node *n, void *arg), void *arg)
{
	size_t at;

	/* Who finds another at it goes on: the next to come makes up for it. */
	if (within_budget(h) || atomic_flag_test_and_set_explicit(&h->moving, memory_order_acquire))
		return;
	epoch_begin();
	at = atomic_load_explicit(&h->at, memory_order_relaxed);
	for (int n = 0; n < MOVE_BUCKETS && !within_budget(h); n += STEP_BUCKETS)
		at = table_walk(h->table, at, STEP_BUCKETS, consider, arg);
	atomic_store_explicit(&h->at, at, memory_order_relaxed);
	epoch_end();
	atomic_flag_clear_explicit(&h->moving, memory_order_release);
}
