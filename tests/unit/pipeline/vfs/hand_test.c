/*
 * The hand of the clock: it keeps the budget, spares what was asked for, and looks at no more than
 * it must.
 */
#include "pipeline/base/epoch.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/panic.h"
#include "pipeline/vfs/hand.h"
#include "tests/lib/check.h"

#include <stdlib.h>

enum { ONE = 100, HELD = 50, NODES = 5000 };

struct thing {
	struct table_node node;
	struct hand_mark mark;
	bool in;
};

static struct {
	struct table *table;
	struct hand hand;
	uint64_t looks;
} cache;

static void
consider(struct table_node *n, void *arg)
{
	struct thing *t = container_of(n, struct thing, node);

	cache.looks++;
	EQ(arg != NULL, true);
	if (hand_spares(&t->mark))
		return;
	table_lock(cache.table, n->hash);
	table_remove_locked(cache.table, n);
	table_unlock(cache.table, n->hash);
	hand_removed(&cache.hand, ONE);
	t->in = false;
}

static void
add(struct thing *t, uint64_t number, uint8_t recent)
{
	t->node.hash = hash_u64(number);
	atomic_init(&t->mark.recent, recent);
	t->in = true;
	table_lock(cache.table, t->node.hash);
	table_insert_locked(cache.table, &t->node);
	table_unlock(cache.table, t->node.hash);
	hand_added(&cache.hand, ONE);
	hand_move(&cache.hand, consider, &cache);
}

static struct thing *
begin(size_t buckets)
{
	cache.table = table_new(buckets);
	hand_init(&cache.hand, cache.table, HELD * ONE);
	cache.looks = 0;
	return calloc(NODES, sizeof(struct thing));
}

static void
end(struct thing *things)
{
	table_free(&cache.table);
	free(things);
}

CASE(a_cache_within_its_budget_is_not_looked_at)
{
	struct thing *t = begin(64);

	for (int i = 0; i < HELD; i++)
		add(&t[i], (uint64_t)i, 0);
	EQ(cache.looks, 0);
	EQ(table_count(cache.table), HELD);
	end(t);
}

CASE(a_full_cache_loses_about_one_for_each_that_comes)
{
	struct thing *t = begin(64);

	for (int i = 0; i < NODES; i++) {
		add(&t[i], (uint64_t)i, 0);
		TRUE(atomic_load(&cache.hand.bytes) <= (HELD + 1) * ONE);
	}
	TRUE(table_count(cache.table) >= HELD / 2);
	/* four buckets a step, with less than one node in each */
	TRUE(cache.looks <= 4 * NODES);
	end(t);
}

CASE(what_was_asked_for_stays_a_round_longer)
{
	struct thing *t = begin(64);

	for (int i = 0; i < HELD; i++)
		add(&t[i], (uint64_t)i, 0);
	hand_touch(&t[7].mark);
	for (int i = HELD; i < 2 * HELD - 10; i++)
		add(&t[i], (uint64_t)i, 1);
	EQ(t[7].in, true);
	for (int i = 2 * HELD; i < NODES; i++)
		add(&t[i], (uint64_t)i, 1);
	EQ(t[7].in, false);
	TRUE(atomic_load(&cache.hand.bytes) <= (HELD + 8) * ONE);
	end(t);
}

CASE(a_look_goes_only_so_far)
{
	struct thing *t = begin(4096);

	for (int i = 0; i < HELD; i++)
		add(&t[i], (uint64_t)i, 1);
	for (int i = HELD; i < HELD + 10; i++) {
		cache.looks = 0;
		add(&t[i], (uint64_t)i, 1);
		TRUE(cache.looks <= 16);	/* thirty-two buckets, nearly all of them empty */
	}
	end(t);
}
