/*
 * A look at a node costs a miss of the processor's cache, so the hand stops as soon as the budget
 * is kept again: in the long run it moves as fast as the cache is filled.
 */
#include "pipeline/vfs/hand.h"

#include "pipeline/base/epoch.h"

enum { EMPTY_BUCKETS = 1024, STEP_BUCKETS = 4, MOVE_BUCKETS = 32, ROOM_SHARES_MAX = 16 };

void
hand_init(struct hand *h, struct table *table, uint64_t budget)
{
	h->table = table;
	h->budget = budget;
	h->group = NULL;
	atomic_init(&h->bytes, 0);
	atomic_init(&h->at, 0);
	atomic_flag_clear_explicit(&h->moving, memory_order_relaxed);
}

/* --- groups --- */

void
hand_group_init(struct hand_group *g, uint64_t budget)
{
	mutex_init(&g->mutex, RANK_CATALOG, 0);
	list_init(&g->hands);
	atomic_init(&g->count, 0);
	atomic_init(&g->bytes, 0);
	g->budget = budget;
}

void
hand_group_fini(struct hand_group *g)
{
	assert(list_empty(&g->hands));
	mutex_destroy(&g->mutex);
}

size_t
hand_group_room(const struct hand_group *g, uint32_t each_bytes)
{
	uint32_t shares = atomic_load_explicit(&g->count, memory_order_relaxed) + 1;

	shares = MIN(shares, (uint32_t)ROOM_SHARES_MAX);
	return (size_t)MIN(g->budget / each_bytes / shares, (uint64_t)1 << 20);
}

void
hand_join(struct hand *h, struct hand_group *g,
    void (*consider)(struct table_node *n, void *arg), void *arg)
{
	h->consider = consider;
	h->arg = arg;
	h->group = g;
	mutex_lock(&g->mutex);
	list_push_back(&g->hands, &h->link);
	atomic_fetch_add_explicit(&g->count, 1, memory_order_relaxed);
	mutex_unlock(&g->mutex);
}

void
hand_leave(struct hand *h)
{
	struct hand_group *g = h->group;

	mutex_lock(&g->mutex);
	list_remove(&h->link);
	atomic_fetch_sub_explicit(&g->count, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&g->bytes, atomic_load(&h->bytes), memory_order_relaxed);
	mutex_unlock(&g->mutex);
	h->group = NULL;
}

void
hand_empty(struct hand *h, void (*take_out)(struct table_node *n, void *arg), void *arg)
{
	size_t at = 0;

	hand_leave(h);
	epoch_begin();
	do
		at = table_walk(h->table, at, EMPTY_BUCKETS, take_out, arg);
	while (at != 0);
	epoch_end();
	epoch_drain();
}

/* --- moving --- */

static uint64_t
bytes_of(const struct hand *h)
{
	return atomic_load_explicit(&h->bytes, memory_order_relaxed);
}

static bool
group_over(const struct hand_group *g)
{
	return atomic_load_explicit(&g->bytes, memory_order_relaxed) > g->budget;
}

static uint64_t
part_of(const struct hand_group *g)
{
	return g->budget / MAX(atomic_load_explicit(&g->count, memory_order_relaxed), 1u);
}

static bool
within_budget(const struct hand *h)
{
	if (h->group == NULL)
		return bytes_of(h) <= h->budget;
	return !group_over(h->group) || bytes_of(h) <= part_of(h->group);
}

static void
move(struct hand *h, void (*consider)(struct table_node *n, void *arg), void *arg)
{
	size_t at;

	/* Who finds another at it goes on: the next to come makes up for it. */
	if (atomic_flag_test_and_set_explicit(&h->moving, memory_order_acquire))
		return;
	epoch_begin();
	at = atomic_load_explicit(&h->at, memory_order_relaxed);
	for (int n = 0; n < MOVE_BUCKETS && !within_budget(h); n += STEP_BUCKETS)
		at = table_walk(h->table, at, STEP_BUCKETS, consider, arg);
	atomic_store_explicit(&h->at, at, memory_order_relaxed);
	epoch_end();
	atomic_flag_clear_explicit(&h->moving, memory_order_release);
}

/* Trylock: this is called under inodes' mutexes, and who holds it makes room just now. */
static void
move_largest(struct hand_group *g)
{
	struct hand *largest = NULL;

	if (!mutex_trylock(&g->mutex))
		return;
	LIST_EACH(l, &g->hands) {
		struct hand *h = container_of(l, struct hand, link);

		if (largest == NULL || bytes_of(h) > bytes_of(largest))
			largest = h;
	}
	if (largest != NULL)
		move(largest, largest->consider, largest->arg);
	mutex_unlock(&g->mutex);
}

void
hand_move(struct hand *h, void (*consider)(struct table_node *n, void *arg), void *arg)
{
	if (!within_budget(h))
		move(h, consider, arg);
	else if (h->group != NULL && group_over(h->group))
		move_largest(h->group);
}
