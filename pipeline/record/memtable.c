/*
 * Point reads go by the hash table, one miss of the processor's cache instead of a dozen, and most
 * rows are never asked for in order before their memtable is frozen.  So the writer does not search
 * the list: what is loose is sorted and put into it by the first who wants the order, mostly the
 * one who gives the whole to the store.
 *
 * Publication: a node or value is filled, then linked by a store with release; readers follow by
 * loads with acquire.  Nothing is ever unlinked.
 */
#include "pipeline/record/memtable.h"

#include "pipeline/base/rand.h"

#include <stdlib.h>

enum {
	CHUNK_BYTES = 256 << 10, POOL_CHUNKS_MAX = 64, BUCKETS = 1 << 15,
	ALIGN = 16, LARGE = CHUNK_BYTES / 4, SORT_AT_HOME = 32,
};

struct mem_chunk {
	struct mem_chunk *next;
	bool pooled;
	uint8_t bytes[] __attribute__((aligned(16)));
};

void
mem_pool_init(struct mem_pool *pool)
{
	mutex_init(&pool->mutex, RANK_POOL, 1);
	pool->free = NULL;
	pool->nfree = 0;
}

void
mem_pool_fini(struct mem_pool *pool)
{
	struct mem_chunk *c;

	while ((c = pool->free) != NULL) {
		pool->free = c->next;
		free(c);
	}
	mutex_destroy(&pool->mutex);
}

static struct mem_chunk *
chunk_get(struct mem_pool *pool)
{
	struct mem_chunk *c;

	mutex_lock(&pool->mutex);
	c = pool->free;
	if (c != NULL) {
		pool->free = c->next;
		pool->nfree--;
	}
	mutex_unlock(&pool->mutex);
	if (c == NULL)
		c = xmalloc(sizeof *c + CHUNK_BYTES);
	c->pooled = true;
	return c;
}

static void
chunk_put(struct mem_pool *pool, struct mem_chunk *c)
{
	mutex_lock(&pool->mutex);
	if (c->pooled && pool->nfree < POOL_CHUNKS_MAX) {
		c->next = pool->free;
		pool->free = c;
		pool->nfree++;
		c = NULL;
	}
	mutex_unlock(&pool->mutex);
	free(c);
}

static void *
mem_alloc_slow(struct memtable *m, size_t bytes)
{
	struct mem_chunk *c;

	if (bytes > LARGE) {			/* a chunk of its own; the running one stays */
		c = xmalloc(sizeof *c + bytes);
		c->pooled = false;
	} else {
		c = chunk_get(m->pool);
		m->at = c->bytes + bytes;
		m->end = c->bytes + CHUNK_BYTES;
	}
	c->next = m->chunks;
	m->chunks = c;
	return c->bytes;
}

static void *
mem_alloc(struct memtable *m, size_t bytes)
{
	uint8_t *p = m->at;

	bytes = round_up(bytes, ALIGN);
	atomic_store_explicit(&m->bytes,
	    atomic_load_explicit(&m->bytes, memory_order_relaxed) + bytes, memory_order_relaxed);
	if (bytes > (size_t)(m->end - p))
		return mem_alloc_slow(m, bytes);
	m->at = p + bytes;
	return p;
}

struct memtable *
memtable_new(struct mem_pool *pool)
{
	struct memtable *m = xcalloc(1, sizeof *m);
	size_t head = sizeof *m->head + MEM_HEIGHT_MAX * sizeof m->head->next[0];

	ref_init(&m->refs);
	m->pool = pool;
	m->buckets = xcalloc(BUCKETS, sizeof *m->buckets);
	m->head = xcalloc(1, head);
	m->head->height = MEM_HEIGHT_MAX;
	mutex_init(&m->sort, RANK_MEMTABLE, 0);
	return m;
}

void
memtable_free_now(struct memtable **mp)
{
	struct memtable *m = TAKE(mp);
	struct mem_chunk *c;

	while ((c = m->chunks) != NULL) {
		m->chunks = c->next;
		chunk_put(m->pool, c);
	}
	mutex_destroy(&m->sort);
	free(m->buckets);
	free(m->head);
	free(m);
}

static void
memtable_freed(struct epoch_entry *e)
{
	struct memtable *m = container_of(e, struct memtable, entry);

	memtable_free_now(&m);
}

struct memtable *
memtable_ref(struct memtable *m)
{
	ref_take(&m->refs);
	return m;
}

void
memtable_put(struct memtable **mp)
{
	struct memtable *m = TAKE(mp);

	if (m != NULL && ref_drop(&m->refs))
		epoch_defer(&m->entry, memtable_freed);
}

static uint64_t
key_hash(struct slice key)
{
	const uint64_t odd = 0x9e3779b97f4a7c15ull;
	uint64_t h = key.len * odd, w;
	const uint8_t *p = key.at;
	uint32_t left = key.len;

	for (; left >= 8; left -= 8, p += 8) {
		memcpy(&w, p, 8);
		h = (h ^ w) * odd;
		h ^= h >> 29;
	}
	w = 0;
	memcpy(&w, p, left);
	h = (h ^ w) * odd;
	return h ^ h >> 32;
}

static struct mem_node *
node_next(const struct mem_node *n, unsigned h)	/* acquire: pairs with the release in list_link */
{
	return atomic_load_explicit(&((struct mem_node *)n)->next[h], memory_order_acquire);
}

static uint32_t
tag_of(uint64_t hash)
{
	return (uint32_t)(hash >> 32);
}

static struct mem_node *
node_find(const struct memtable *m, struct slice key, uint64_t hash)
{
	struct mem_node *n = atomic_load_explicit(&m->buckets[hash & (BUCKETS - 1)],
	    memory_order_acquire);		/* pairs with the release in node_enter */

	while (n != NULL && (n->tag != tag_of(hash) || n->key_len != key.len ||
	    memcmp(n->key, key.at, key.len) != 0))
		n = n->hash_next;
	return n;
}

void
memtable_expect(const struct memtable *m, struct slice key)
{
	__builtin_prefetch(&m->buckets[key_hash(key) & (BUCKETS - 1)], 1);
}

const struct mem_value *
memtable_find(const struct memtable *m, struct slice key)
{
	const struct mem_node *n = node_find(m, key, key_hash(key));

	return n != NULL ? mem_value(n) : NULL;
}

/* The last node before key at each height, from the top down. */
static void
search(const struct memtable *m, struct slice key, struct mem_node **prev)
{
	struct mem_node *n = m->head, *next;

	for (unsigned h = MEM_HEIGHT_MAX; h-- > 0; prev[h] = n)
		while ((next = node_next(n, h)) != NULL && key_cmp(mem_key(next), key) < 0)
			n = next;
}

/* --- order --- */

struct sortee {
	uint64_t begin[2];	/* of the key, as numbers: mostly that is all there is to see */
	struct mem_node *node;
};

static int
by_key(const void *a, const void *b)
{
	const struct sortee *x = a, *y = b;

	for (int i = 0; i < 2; i++)
		if (x->begin[i] != y->begin[i])
			return x->begin[i] < y->begin[i] ? -1 : 1;
	return key_cmp(mem_key(x->node), mem_key(y->node));
}

static struct sortee
sortee_of(struct mem_node *n)
{
	struct sortee s = { .node = n };
	uint8_t begin[16] = { 0 };

	memcpy(begin, n->key, MIN((size_t)n->key_len, sizeof begin));
	s.begin[0] = get_be64(begin);
	s.begin[1] = get_be64(begin + 8);
	return s;
}

/* Link n behind prev, the nodes before it at each height. */
static void
list_link(struct mem_node *n, struct mem_node **prev)
{
	for (unsigned h = 0; h < n->height; h++)
		atomic_store_explicit(&n->next[h], node_next(prev[h], h), memory_order_relaxed);
	for (unsigned h = 0; h < n->height; h++)
		atomic_store_explicit(&prev[h]->next[h], n, memory_order_release);
}

/* Does key belong right behind prev[0]?  Then prev is right at each height. */
static bool
goes_behind(struct mem_node *const *prev, struct slice key)
{
	const struct mem_node *next = node_next(prev[0], 0);

	return next == NULL || key_cmp(mem_key(next), key) > 0;
}

static void
list_add(struct memtable *m, const struct sortee *s, uint32_t n)
{
	struct mem_node *prev[MEM_HEIGHT_MAX];

	for (uint32_t i = 0; i < n; i++) {
		struct mem_node *node = s[i].node;

		if (i == 0 || !goes_behind(prev, mem_key(node)))
			search(m, mem_key(node), prev);
		list_link(node, prev);
		for (unsigned h = 0; h < node->height; h++)
			prev[h] = node;
	}
}

static void
sort_locked(struct memtable *m)
{
	struct mem_node *loose = atomic_exchange_explicit(&m->loose, NULL, memory_order_acq_rel);
	struct sortee home[SORT_AT_HOME], *all = home;
	bool ascending = true;
	uint32_t n = 0, at;

	for (const struct mem_node *l = loose; l != NULL; l = node_next(l, 0))
		n++;
	if (n > ARRAY_LEN(home))
		all = xmalloc(n * sizeof *all);
	at = n;
	for (struct mem_node *l = loose; l != NULL; l = node_next(l, 0))
		all[--at] = sortee_of(l);
	for (uint32_t i = 1; i < n && ascending; i++)
		ascending = by_key(&all[i - 1], &all[i]) < 0;
	if (!ascending)
		qsort(all, n, sizeof *all, by_key);
	list_add(m, all, n);
	if (all != home)
		free(all);
}

/*
 * Everything that was set until now is in the list behind this.  `sorting` is set before the loose
 * ones are taken: who sees them gone sees it, too, until they are in the list.
 */
static void
put_in_order(struct memtable *m)
{
	if (atomic_load_explicit(&m->loose, memory_order_acquire) == NULL &&
	    !atomic_load_explicit(&m->sorting, memory_order_acquire))
		return;
	mutex_lock(&m->sort);
	atomic_store_explicit(&m->sorting, true, memory_order_relaxed);
	sort_locked(m);
	atomic_store_explicit(&m->sorting, false, memory_order_release);
	mutex_unlock(&m->sort);
}

const struct mem_node *
memtable_seek(struct memtable *m, struct slice key)
{
	struct mem_node *prev[MEM_HEIGHT_MAX];

	put_in_order(m);
	if (key.len == 0)
		return node_next(m->head, 0);
	search(m, key, prev);
	return node_next(prev[0], 0);
}

const struct mem_node *
memtable_next(const struct mem_node *n)
{
	return node_next(n, 0);
}

/* --- the writer --- */

static unsigned
height_random(void)
{
	uint64_t chance = rand_u64();
	unsigned h = 1;

	for (; h < MEM_HEIGHT_MAX && (chance & 3) == 0; chance >>= 2)
		h++;
	return h;
}

/* A node for key, entered in the table with its first value. */
static void
node_enter(struct memtable *m, struct slice key, uint64_t hash, struct mem_value *value, bool fresh)
{
	unsigned height = height_random();
	size_t bytes = sizeof(struct mem_node) + height * sizeof(_Atomic(struct mem_node *));
	struct mem_node *n = mem_alloc(m, bytes + key.len), *loose;
	_Atomic(struct mem_node *) *bucket = &m->buckets[hash & (BUCKETS - 1)];

	memcpy((uint8_t *)n + bytes, key.at, key.len);
	n->key = (uint8_t *)n + bytes;
	n->key_len = (uint16_t)key.len;
	n->tag = tag_of(hash);
	n->height = (uint8_t)height;
	n->fresh = fresh;
	n->hash_next = atomic_load_explicit(bucket, memory_order_relaxed);
	atomic_init(&n->value, value);
	loose = atomic_load_explicit(&m->loose, memory_order_relaxed);
	do				/* the release pairs with the exchange in sort_locked */
		atomic_store_explicit(&n->next[0], loose, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&m->loose, &loose, n, memory_order_release,
	    memory_order_relaxed));
	atomic_store_explicit(bucket, n, memory_order_release);
	m->rows++;
}

static struct mem_value *
value_new(struct memtable *m, uint32_t len, uint64_t born, lsn_t lsn)
{
	struct mem_value *v = mem_alloc(m, sizeof *v + len);

	v->len = len;
	v->delta = 0;
	v->head = (struct stored_head){ STORED_VERSION, 0, 0, 0, born, lsn };
	return v;
}

/* A node that is there stays what it was: something older may have a row of which this one knows
 * that it is gone. */
static void
value_publish(struct memtable *m, struct slice key, struct mem_value *v, bool fresh)
{
	uint64_t hash = key_hash(key);
	struct mem_node *n = node_find(m, key, hash);

	if (n == NULL)
		node_enter(m, key, hash, v, fresh);
	else
		atomic_store_explicit(&n->value, v, memory_order_release);
}

static void
set(struct memtable *m, struct slice key, struct slice body, uint64_t born, lsn_t lsn, bool fresh)
{
	struct mem_value *v = value_new(m, body.len, born, lsn);

	v->kind = MEM_PUT;
	if (body.len > 0)
		memcpy(v->body, body.at, body.len);
	value_publish(m, key, v, fresh);
}

void
memtable_set(struct memtable *m, struct slice key, struct slice body, uint64_t born, lsn_t lsn)
{
	set(m, key, body, born, lsn, false);
}

void
memtable_set_new(struct memtable *m, struct slice key, struct slice body, uint64_t born, lsn_t lsn)
{
	set(m, key, body, born, lsn, true);
}

void
memtable_del(struct memtable *m, struct slice key, uint64_t born, lsn_t lsn)
{
	struct mem_value *v = value_new(m, 0, born, lsn);

	v->kind = MEM_DEL;
	value_publish(m, key, v, false);
}

void
memtable_count(struct memtable *m, struct slice key, enum mem_kind kind, int64_t delta, lsn_t lsn)
{
	const struct mem_value *was = memtable_find(m, key);
	struct mem_value *v = value_new(m, 0, 0, lsn);

	v->kind = (uint8_t)kind;
	v->delta = delta;
	if (kind == MEM_DELTA && was != NULL) {
		v->delta = (int64_t)((uint64_t)delta + (uint64_t)was->delta);
		if (was->kind != MEM_DELTA)
			v->kind = MEM_SET;
	}
	value_publish(m, key, v, false);
}
