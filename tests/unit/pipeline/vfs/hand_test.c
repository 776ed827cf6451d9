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

/* --- hands of a group --- */

enum { GROUP_HELD = 200, STEP = 16 };	/* what one step of a hand may take out at once */

static struct hand_group group;
static struct member {
	struct table *table;
	struct hand hand;
	struct thing *things;
	uint32_t n;
} members[2];

static void
let_go(struct table_node *n, void *arg)
{
	struct member *m = arg;

	if (hand_spares(&container_of(n, struct thing, node)->mark))
		return;
	table_lock(m->table, n->hash);
	table_remove_locked(m->table, n);
	table_unlock(m->table, n->hash);
	hand_removed(&m->hand, ONE);
}

static void
member_begin(struct member *m)
{
	m->table = table_new(hand_group_room(&group, ONE));
	m->things = calloc(NODES, sizeof *m->things);
	m->n = 0;
	hand_init(&m->hand, m->table, 0);
	hand_join(&m->hand, &group, let_go, m);
}

static void
member_end(struct member *m)
{
	hand_leave(&m->hand);
	table_free(&m->table);
	free(m->things);
}

static void
member_adds(struct member *m, uint32_t count)
{
	while (count-- > 0) {
		struct thing *t = &m->things[m->n++];

		t->node.hash = hash_u64(m->n);
		table_lock(m->table, t->node.hash);
		table_insert_locked(m->table, &t->node);
		table_unlock(m->table, t->node.hash);
		hand_added(&m->hand, ONE);
		hand_move(&m->hand, let_go, m);
		TRUE(atomic_load(&group.bytes) <= (GROUP_HELD + 2) * ONE);
	}
}

CASE(one_of_a_group_may_take_it_all_and_gives_back_when_another_comes)
{
	hand_group_init(&group, GROUP_HELD * ONE);
	member_begin(&members[0]);
	member_begin(&members[1]);
	member_adds(&members[0], 1000);
	TRUE(table_count(members[0].table) >= GROUP_HELD - STEP);
	member_adds(&members[1], 1000);
	TRUE(table_count(members[1].table) >= GROUP_HELD / 2 - STEP);
	TRUE(table_count(members[0].table) >= GROUP_HELD / 2 - STEP);
	EQ(atomic_load(&group.bytes), (table_count(members[0].table) +
	    table_count(members[1].table)) * ONE);
	member_end(&members[0]);
	EQ(atomic_load(&group.bytes), table_count(members[1].table) * ONE);
	member_adds(&members[1], 1000);
	TRUE(table_count(members[1].table) >= GROUP_HELD - STEP);
	member_end(&members[1]);
	EQ(atomic_load(&group.bytes), 0);
	hand_group_fini(&group);
}

CASE(tables_of_many_are_smaller)
{
	struct hand h[40];

	hand_group_init(&group, 1600 * ONE);
	EQ(hand_group_room(&group, ONE), 1600);
	for (int i = 0; i < 40; i++) {
		hand_init(&h[i], NULL, 0);
		hand_join(&h[i], &group, let_go, NULL);
	}
	EQ(hand_group_room(&group, ONE), 100);
	for (int i = 0; i < 40; i++)
		hand_leave(&h[i]);
	hand_group_fini(&group);
}
