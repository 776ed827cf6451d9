/*
 * The memtable against a plain array, and under the eyes of readers who take no lock.
 */
#include "pipeline/base/epoch.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/rand.h"
#include "pipeline/base/thread.h"
#include "pipeline/record/memtable.h"
#include "tests/lib/check.h"
#include "tests/unit/pipeline/record/kit.h"

#include <stdio.h>

enum { ROWS = 3000, CHANGES = 20000 };

static struct key
some_key(uint64_t i)
{
	if (i % 3 == 0)
		return key_inode(i);
	if (i % 3 == 1)
		return key_dirent(i % 5, hash_u64(i));
	return key_leaf(i);		/* ascending, too, and behind all inodes */
}

CASE(rows_are_found_and_in_order)
{
	static lsn_t newest[ROWS];
	const struct mem_node *n;
	struct mem_pool pool;
	struct memtable *m;
	uint32_t rows = 0, want = 0;
	struct slice last = { .len = 0 };

	mem_pool_init(&pool);
	m = memtable_new(&pool);
	for (int i = 0; i < CHANGES; i++) {
		uint64_t at = rand_u64() % 4 == 0 ? rand_u64() % ROWS : (uint64_t)i / 8 % ROWS;
		struct key key = some_key(at);

		want += newest[at] == 0;
		newest[at] = (lsn_t)i + 1;
		memtable_set(m, key_slice(&key), slice_of(&at, sizeof at), 1, (lsn_t)i + 1);
	}
	for (uint64_t i = 0; i < ROWS; i++) {
		struct key key = some_key(i);
		const struct mem_value *v = memtable_find(m, key_slice(&key));

		EQ(v != NULL, newest[i] != 0);
		if (v != NULL) {
			EQ(v->head.lsn, newest[i]);
			EQ_MEM(v->body, &i, sizeof i);
			n = memtable_seek(m, key_slice(&key));
			TRUE(n != NULL && slice_eq(mem_key(n), key_slice(&key)));
		}
	}
	for (n = memtable_seek(m, slice_of(NULL, 0)); n != NULL; n = memtable_next(n), rows++) {
		TRUE(rows == 0 || key_cmp(last, mem_key(n)) < 0);
		last = mem_key(n);
	}
	EQ(rows, want);
	EQ(m->rows, want);
	memtable_free_now(&m);
	mem_pool_fini(&pool);
}

CASE(a_large_value_has_memory_of_its_own)
{
	static uint8_t large[1 << 20];
	struct key key = key_leaf(1), other = key_leaf(2);
	const struct mem_value *v;
	struct mem_pool pool;
	struct memtable *m;

	memset(large, 0x5a, sizeof large);
	mem_pool_init(&pool);
	m = memtable_new(&pool);
	memtable_set(m, key_slice(&other), slice_str("x"), 1, 1);
	memtable_set(m, key_slice(&key), slice_of(large, sizeof large), 1, 2);
	v = memtable_find(m, key_slice(&key));
	TRUE(v != NULL && v->len == sizeof large);
	EQ_MEM(v->body, large, sizeof large);
	TRUE(memtable_find(m, key_slice(&other)) != NULL);
	memtable_free_now(&m);
	mem_pool_fini(&pool);
}

/* --- who wants the order beside the writer --- */

enum { NEW_ROWS = 30000, SORTERS = 3 };

static struct sorting {
	struct memtable *m;
	_Atomic uint32_t set;			/* as many rows, at least, have been set */
	_Atomic uint32_t wrong, walks;
} sorting;

static void
sort_on(void *arg)
{
	uint32_t had = 0;

	(void)arg;
	while (had < NEW_ROWS) {
		const struct mem_node *n;
		struct slice last = { .len = 0 };
		uint32_t rows = 0;

		had = atomic_load(&sorting.set);
		for (n = memtable_seek(sorting.m, slice_of(NULL, 0)); n != NULL;
		    n = memtable_next(n)) {
			if (rows++ > 0 && key_cmp(last, mem_key(n)) >= 0)
				sorting.wrong++;
			last = mem_key(n);
		}
		if (rows < had)
			sorting.wrong++;
		sorting.walks++;
	}
}

CASE(whoever_seeks_sees_all_that_was_set_before_and_in_order)
{
	struct thread sorter[SORTERS];
	struct mem_pool pool;

	mem_pool_init(&pool);
	memset(&sorting, 0, sizeof sorting);
	sorting.m = memtable_new(&pool);
	for (int i = 0; i < SORTERS; i++)
		thread_start(&sorter[i], "sorter", 0, sort_on, NULL);
	for (uint32_t i = 0; i < NEW_ROWS; i++) {
		struct key key = i % 2 == 0 ? key_inode(i) : key_dirent(1, hash_u64(i));

		memtable_set(sorting.m, key_slice(&key), slice_of(&i, sizeof i), 1, i + 1);
		atomic_store(&sorting.set, i + 1);
	}
	for (int i = 0; i < SORTERS; i++)
		thread_join(&sorter[i]);
	EQ(sorting.wrong, 0);
	TRUE(sorting.walks >= SORTERS);
	memtable_free_now(&sorting.m);
	mem_pool_fini(&pool);
}

/* --- readers beside the writer --- */

enum { SHARED_KEYS = 500, READERS = 2, WRITES = 60000 };

struct shared {
	struct kit k;
	_Atomic bool over;
	_Atomic uint32_t wrong, scans;
	_Atomic uint64_t floor[SHARED_KEYS];	/* at least this LSN has been committed */
};

static struct shared sh;

/* A value never goes back, never goes away, and is whole: it says its own LSN. */
static void
read_one(uint64_t i, struct arena *arena)
{
	uint64_t floor = atomic_load(&sh.floor[i]), said;
	struct key key = key_inode(i);
	struct version v;

	if (catalog_get(sh.k.c, key_slice(&key), true, arena, &v) != OK || !v.exists ||
	    v.body.len < 8) {
		sh.wrong++;
		return;
	}
	said = get_le64(v.body.at);
	if (said != v.lsn || said < floor)
		sh.wrong++;
}

struct sweep {
	uint64_t next;
};

static bool
sweep_row(void *arg, struct slice key, const struct version *v)
{
	struct sweep *s = arg;
	uint64_t ino = get_be64(key.at + 1);

	if (ino != s->next || v->body.len < 8 || get_le64(v->body.at) != v->lsn)
		sh.wrong++;
	s->next = ino + 1;
	return true;
}

static void
read_on(void *arg)
{
	uint8_t tag = TAG_INODE;
	struct arena arena;

	(void)arg;
	arena_init(&arena, NULL, 0, 1 << 20);
	while (!sh.over) {
		struct sweep sweep = { .next = 0 };

		for (int i = 0; i < 300; i++) {
			read_one(rand_u64() % SHARED_KEYS, &arena);
			arena_rewind(&arena);
		}
		if (catalog_scan(sh.k.c, slice_of(&tag, 1), slice_of(NULL, 0), true, sweep_row,
		    &sweep) != OK || sweep.next != SHARED_KEYS)
			sh.wrong++;
		sh.scans++;
	}
}

static void
count_on(void *arg)
{
	struct key key = key_count(COUNT_USED_BYTES, NULL, 0);
	int64_t last = 0, now;

	(void)arg;
	while (!sh.over) {		/* it only ever grows, whatever is frozen or applied */
		if (catalog_count(sh.k.c, key_slice(&key), &now) != OK || now < last)
			sh.wrong++;
		last = now;
	}
}

static void
apply_on(void *arg)
{
	(void)arg;
	while (!sh.over)
		if (catalog_frozen_lsn(sh.k.c) == 0 ||
		    catalog_apply_oldest(sh.k.c, KIT_FENCE) != OK)
			epoch_poll();
}

static void
write_one(uint64_t i)
{
	struct key key = key_inode(i), counter = key_count(COUNT_USED_BYTES, NULL, 0);
	struct txn *t = txn_new();
	uint8_t body[40] = { 0 };

	put_le64(body, sh.k.lsn + 1);
	txn_put(t, key_slice(&key), slice_of(body, sizeof body), NULL);
	txn_count(t, key_slice(&counter), 1);
	kit_commit(&sh.k, t);
	atomic_store(&sh.floor[i], sh.k.lsn);
}

CASE(readers_never_miss_a_key_nor_see_an_old_value_again)
{
	struct thread reader[READERS], counter, applier;

	memset(&sh, 0, sizeof sh);
	kit_up(&sh.k);
	for (uint64_t i = 0; i < SHARED_KEYS; i++)
		write_one(i);
	for (int i = 0; i < READERS; i++)
		thread_start(&reader[i], "reader", 0, read_on, NULL);
	thread_start(&counter, "counter", 0, count_on, NULL);
	thread_start(&applier, "applier", 0, apply_on, NULL);
	for (int i = 0; i < WRITES || sh.scans < 20; i++) {
		write_one(rand_u64() % SHARED_KEYS);
		if (i % 97 == 0)
			catalog_freeze_locked(sh.k.c, 0);
	}
	sh.over = true;
	for (int i = 0; i < READERS; i++)
		thread_join(&reader[i]);
	thread_join(&counter);
	thread_join(&applier);
	EQ(sh.wrong, 0);
	EQ(kit_counted(&sh.k), (int64_t)(sh.k.lsn - LSN_OF(1, 0)));
	kit_down(&sh.k);
}
