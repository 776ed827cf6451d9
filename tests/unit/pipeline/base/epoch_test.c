#include "pipeline/base/epoch.h"

#include "dies.h"
#include "pipeline/base/mutex.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/rand.h"
#include "pipeline/base/table.h"
#include "pipeline/base/thread.h"
#include "tests/lib/check.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

struct cell {
	struct epoch_entry epoch;
	int n;
};

static _Atomic int freed;
static int order[8];

static void
count_free(struct epoch_entry *e)
{
	struct cell *c = container_of(e, struct cell, epoch);
	int n = atomic_fetch_add(&freed, 1);

	if (n < 8)
		order[n] = c->n;
	free(c);
}

static void
defer(int n)
{
	struct cell *c = xmalloc(sizeof *c);

	c->n = n;
	epoch_defer(&c->epoch, count_free);
}

CASE(what_is_deferred_is_called_once_and_in_order)
{
	freed = 0;
	for (int i = 0; i < 5; i++)
		defer(i);
	epoch_drain();
	EQ(freed, 5);
	for (int i = 0; i < 5; i++)
		EQ(order[i], i);
	epoch_poll();
	epoch_drain();
	EQ(freed, 5);
}

/* Two threads in step by a mutex and a word: `stage` says how far they are. */
static struct mutex step_mutex;
static struct cond step_cond;
static int stage;

static void
step(int to)
{
	mutex_lock(&step_mutex);
	stage = to;
	cond_broadcast(&step_cond);
	mutex_unlock(&step_mutex);
}

static void
await(int want)
{
	mutex_lock(&step_mutex);
	while (stage < want)
		cond_wait(&step_cond, &step_mutex);
	mutex_unlock(&step_mutex);
}

static void
stand_in_sections(void *unused)
{
	(void)unused;
	epoch_begin();
	epoch_begin();
	step(1);
	await(2);
	epoch_end();
	step(3);
	await(4);
	epoch_end();
	step(5);
	await(6);
}

CASE(nothing_is_called_while_a_section_could_see_it)
{
	struct thread t;

	freed = stage = 0;
	mutex_init(&step_mutex, RANK_POOL, 0);
	cond_init(&step_cond);
	thread_start(&t, "reader", 0, stand_in_sections, NULL);
	await(1);
	defer(0);
	for (int i = 0; i < 20; i++)
		epoch_poll();
	EQ(freed, 0);
	step(2);
	await(3);			/* the inner section has ended */
	for (int i = 0; i < 20; i++)
		epoch_poll();
	EQ(freed, 0);
	step(4);
	await(5);
	epoch_poll();
	EQ(freed, 1);
	step(6);
	thread_join(&t);
}

static _Atomic bool section_over;

static void
stand_for_a_while(void *unused)
{
	(void)unused;
	epoch_begin();
	step(1);
	nanosleep(&(struct timespec){ 0, 30000000 }, NULL);
	atomic_store(&section_over, true);
	epoch_end();
}

CASE(drain_waits_for_sections_though_nothing_was_deferred)
{
	struct thread t;

	stage = 0;
	atomic_store(&section_over, false);
	mutex_init(&step_mutex, RANK_POOL, 0);
	cond_init(&step_cond);
	thread_start(&t, "reader", 0, stand_for_a_while, NULL);
	await(1);
	epoch_drain();
	TRUE(atomic_load(&section_over));
	thread_join(&t);
}

static void
defer_and_end(void *unused)
{
	(void)unused;
	epoch_begin();
	defer(1);
	epoch_end();
}

CASE(what_an_ended_thread_deferred_is_called_by_others)
{
	freed = 0;
	for (int i = 0; i < 50; i++) {
		struct thread t;

		thread_start(&t, "passer", 0, defer_and_end, NULL);
		thread_join(&t);
	}
	epoch_drain();
	EQ(freed, 50);
}

static void
defer_more(struct epoch_entry *e)
{
	free(container_of(e, struct cell, epoch));
	defer(2);
	epoch_poll();			/* inside a call: nothing happens */
}

CASE(a_call_may_defer_again)
{
	struct cell *c = xmalloc(sizeof *c);

	freed = 0;
	epoch_defer(&c->epoch, defer_more);
	epoch_drain();
	epoch_drain();
	EQ(freed, 1);
}

static void
drain_inside(void)
{
	epoch_begin();
	epoch_drain();
}

CASE(to_drain_inside_a_section_is_our_fault)
{
	TRUE(dies(drain_inside, "active == 0"));
}

/* The table, under its readers. */

struct number {
	struct table_node node;
	struct epoch_entry epoch;
	uint64_t key, guard;
};

static bool
same_key(const struct table_node *n, const void *key)
{
	return container_of(n, struct number, node)->key == *(const uint64_t *)key;
}

static struct number *
number_new(uint64_t key, uint64_t hash)
{
	struct number *n = xcalloc(1, sizeof *n);

	n->key = key;
	n->guard = ~key;
	n->node.hash = hash;
	return n;
}

static void
number_free(struct epoch_entry *e)
{
	struct number *n = container_of(e, struct number, epoch);

	n->guard = 0;
	free(n);
}

static void
insert(struct table *t, uint64_t key, uint64_t hash)
{
	struct number *n = number_new(key, hash);

	table_lock(t, hash);
	table_insert_locked(t, &n->node);
	table_unlock(t, hash);
}

static bool
remove_key(struct table *t, uint64_t key, uint64_t hash)
{
	struct table_node *n;

	table_lock(t, hash);
	n = table_find(t, hash, same_key, &key);
	if (n != NULL)
		table_remove_locked(t, n);
	table_unlock(t, hash);
	if (n == NULL)
		return false;
	epoch_defer(&container_of(n, struct number, node)->epoch, number_free);
	return true;
}

static void
see_key(struct table_node *n, void *arg)
{
	uint8_t *seen = arg;

	seen[container_of(n, struct number, node)->key]++;
}

CASE(a_table_finds_what_it_holds_and_walks_it_all)
{
	struct table *t = table_new(100);
	uint8_t seen[1000] = { 0 };
	size_t from = 0;
	int rounds = 0;

	for (uint64_t key = 0; key < 1000; key++)
		insert(t, key, key % 300);	/* equal hashes too */
	EQ(table_count(t), 1000);
	epoch_begin();
	for (uint64_t key = 0; key < 1000; key++) {
		uint64_t other = key + 1000;

		TRUE(table_find(t, key % 300, same_key, &key) != NULL);
		TRUE(table_find(t, key % 300, same_key, &other) == NULL);
	}
	do {
		from = table_walk(t, from, 10, see_key, seen);
		rounds++;
	} while (from != 0);
	EQ(table_walk(t, 120, SIZE_MAX, see_key, (uint8_t[1000]){ 0 }), 0);
	EQ(table_walk(t, 500, 1, see_key, seen), 0);
	epoch_end();
	EQ(rounds, 13);			/* 128 buckets */
	for (int i = 0; i < 1000; i++)
		EQ(seen[i], 1);
	for (uint64_t key = 0; key < 1000; key++)
		TRUE(remove_key(t, key, key % 300));
	FALSE(remove_key(t, 5, 5));
	EQ(table_count(t), 0);
	table_free(&t);
	TRUE(t == NULL);
	epoch_drain();
}

enum { KEYS = 64, CHANGES = 20000 };

static struct table *shared;
static _Atomic bool over;
static _Atomic uint64_t spoilt, hits;

static void
read_all(void *unused)
{
	(void)unused;
	while (!over) {
		for (uint64_t key = 0; key < KEYS; key++) {
			struct table_node *n;

			epoch_begin();
			n = table_find(shared, key / 4, same_key, &key);
			if (n != NULL) {
				struct number *at = container_of(n, struct number, node);

				spoilt += at->key != key || at->guard != ~key;
				hits++;
			}
			epoch_end();
		}
		epoch_poll();
	}
}

static void
change_all(void *unused)
{
	(void)unused;
	for (int i = 0; i < CHANGES; i++) {
		uint64_t key = rand_u64() % KEYS;

		if (!remove_key(shared, key, key / 4))
			insert(shared, key, key / 4);
		if (i % 64 == 0)
			epoch_poll();
	}
}

CASE(readers_without_locks_never_see_a_freed_node)
{
	struct thread readers[2], writers[2];

	shared = table_new(64);
	over = false;
	spoilt = hits = 0;
	for (int i = 0; i < 2; i++) {
		thread_start(&readers[i], "reader", 0, read_all, NULL);
		thread_start(&writers[i], "writer", 0, change_all, NULL);
	}
	for (int i = 0; i < 2; i++)
		thread_join(&writers[i]);
	over = true;
	for (int i = 0; i < 2; i++)
		thread_join(&readers[i]);
	EQ(spoilt, 0);
	TRUE(hits > 0);
	/* Two writers may have inserted one key twice. */
	for (uint64_t key = 0; key < KEYS; key++)
		while (remove_key(shared, key, key / 4))
			;
	EQ(table_count(shared), 0);
	epoch_drain();
	table_free(&shared);
}
