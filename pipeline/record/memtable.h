/*
 * Records that are committed but not yet in the store: a hash table, and a skip list in order of
 * their keys, both in memory that is only ever added to.
 *
 * One writer, who holds the share's order mutex, enters a node in the hash table and leaves it
 * loose; whoever wants the order first puts what is loose into the list.  Point reads take no
 * lock: they stand in an epoch section or hold a reference.  A node, once linked, stays; a newer
 * value of its key replaces the pointer to the older one, and both stay readable until the whole
 * memtable goes.
 */
#ifndef RECORD_MEMTABLE_H
#define RECORD_MEMTABLE_H

#include "pipeline/base/epoch.h"
#include "pipeline/base/mutex.h"
#include "pipeline/base/ref.h"
#include "pipeline/record/stored.h"

enum { MEM_HEIGHT_MAX = 12 };

enum mem_kind {
	MEM_PUT,			/* body is the record */
	MEM_DEL,			/* there is none */
	MEM_DELTA,			/* a counter: delta on top of what lies below */
	MEM_SET,			/* a counter: delta is all of it */
	MEM_GONE,			/* a counter: taken away */
};

struct mem_value {			/* does not change once published, but for its head's crc */
	uint32_t len;			/* of the body */
	uint8_t kind;			/* enum mem_kind */
	int64_t delta;
	struct stored_head head;
	uint8_t body[];
};

struct mem_node {
	_Atomic(struct mem_value *) value;
	struct mem_node *hash_next;
	const uint8_t *key;
	uint32_t tag;			/* of the hash: most other keys differ in it */
	uint16_t key_len;
	uint8_t height;
	bool fresh;			/* nothing older has a row of this key */
	_Atomic(struct mem_node *) next[];	/* while it is loose the first is of that chain */
};

/* Where memtables get their memory: large chunks that are used again while they are warm. */
struct mem_chunk;

struct mem_pool {
	struct mutex mutex;
	struct mem_chunk *free;
	uint32_t nfree;
};

void mem_pool_init(struct mem_pool *pool);
void mem_pool_fini(struct mem_pool *pool);

struct memtable {
	struct epoch_entry entry;
	struct ref refs;
	struct mem_pool *pool;
	struct mem_chunk *chunks;
	uint8_t *at, *end;		/* the free part of the running chunk */
	_Atomic uint64_t bytes;		/* taken so far */
	_Atomic(lsn_t) last_lsn;	/* of the newest entry in it; 0: none */
	uint32_t rows;
	struct mem_node *head;		/* before the first; MEM_HEIGHT_MAX high */
	_Atomic(struct mem_node *) *buckets;
	_Atomic(struct mem_node *) loose;	/* by next[0], the newest first */
	struct mutex sort;		/* rank MEMTABLE: who puts loose ones into the list */
	_Atomic bool sorting;
};

struct memtable *memtable_new(struct mem_pool *pool);
struct memtable *memtable_ref(struct memtable *m);
void memtable_put(struct memtable **mp);		/* the last: freed after a grace period */
void memtable_free_now(struct memtable **mp);		/* no reader is left at all */

/* The writer's: set key to a record, to nothing, or move a counter.  Copies. */
void memtable_set(struct memtable *m, struct slice key, struct slice body, uint64_t born,
    lsn_t lsn);
void memtable_set_new(struct memtable *m, struct slice key, struct slice body, uint64_t born,
    lsn_t lsn);			/* neither an older memtable nor the store has a row of this key */
void memtable_del(struct memtable *m, struct slice key, uint64_t born, lsn_t lsn);
void memtable_count(struct memtable *m, struct slice key, enum mem_kind kind, int64_t delta,
    lsn_t lsn);

/* A key that will be set soon: a hint to the processor. */
void memtable_expect(const struct memtable *m, struct slice key);

/* NULL: nothing about this key here. */
const struct mem_value *memtable_find(const struct memtable *m, struct slice key);

/*
 * In order: the first node at or behind key (empty: the first of all), and the one after.  All that
 * was set before the seek is in it; what is set later is, or is not.  Takes: MEMTABLE.
 */
const struct mem_node *memtable_seek(struct memtable *m, struct slice key);
const struct mem_node *memtable_next(const struct mem_node *n);

static inline struct slice
mem_key(const struct mem_node *n)
{
	return slice_of(n->key, n->key_len);
}

static inline struct mem_value *
mem_value(const struct mem_node *n)	/* acquire: pairs with the release in value_publish */
{
	return atomic_load_explicit(&((struct mem_node *)n)->value, memory_order_acquire);
}

/* Order of keys: as unsigned bytes, a beginning before what it begins. */
static inline int
key_cmp(struct slice a, struct slice b)
{
	uint32_t both = MIN(a.len, b.len), at = 0;

	for (; both - at >= 8; at += 8) {	/* short keys: a call would cost more than this */
		uint64_t x = get_be64(a.at + at), y = get_be64(b.at + at);

		if (x != y)
			return x < y ? -1 : 1;
	}
	for (; at < both; at++)
		if (a.at[at] != b.at[at])
			return a.at[at] < b.at[at] ? -1 : 1;
	return (a.len > b.len) - (a.len < b.len);
}

static inline bool
key_begins(struct slice key, struct slice prefix)
{
	return key.len >= prefix.len &&
	    (prefix.len == 0 || memcmp(key.at, prefix.at, prefix.len) == 0);
}

#endif
