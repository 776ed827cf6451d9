/*
 * The page cache.  Pages stand in a table that is read under an epoch, in buffers of two sizes,
 * each size with its pool, its clock and its part of the budget.
 *
 * A buffer of a pool is memory that stays what it is, so the cache may give its reference up at
 * once when a page is evicted, though a reader still looks at the page: the reader first takes a
 * reference if the buffer has any, then asks whether the page is still one.  If it was not, the
 * reference taken may be of the buffer's next life, and is given back.
 */
#include "pipeline/cache/page.h"

#include "pipeline/base/epoch.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/lru.h"
#include "pipeline/base/meter.h"
#include "pipeline/base/table.h"

#include <stdlib.h>

enum { SMALL_BYTES = 4096, CLASSES = 2, SMALL_PART = 4, COUNT_LEAST = 16, EVICT_BATCH = 16,
	RANK_NUMBER = 1 << 20 };

struct page {
	struct table_node node;
	struct page_key key;
	struct buf *buf;		/* a reference, until dead; its dropper's */
	struct buf *buf_seen;		/* the same, for readers: it stays */
	uint32_t len;
	_Atomic uint32_t dead;		/* only ever changed and read by read-modify-write */
	struct lru_entry lru;
	struct epoch_entry epoch;
};

struct class {
	struct buf_pool *pool;
	struct mutex mutex;		/* rank PAGE: the clock */
	struct lru lru;
	uint64_t keep_max;		/* pages beyond that are evicted */
	uint32_t bytes;			/* of one buffer */
};

static struct {
	struct table *table;
	struct class class[CLASSES];	/* small first */
	uint64_t budget;
} cache;

static void
class_start(struct class *c, const char *name, uint32_t bytes, uint64_t budget)
{
	uint64_t count = MAX(budget / bytes, (uint64_t)COUNT_LEAST);

	c->bytes = bytes;
	c->pool = buf_pool_new(name, bytes, (uint32_t)MIN(count, (uint64_t)UINT32_MAX - 1));
	c->keep_max = count - count / 8;	/* the rest is for pages on their way */
	mutex_init(&c->mutex, RANK_PAGE, RANK_NUMBER);
	lru_init(&c->lru);
}

void
page_start(uint64_t budget_bytes)
{
	class_start(&cache.class[0], "page.small", SMALL_BYTES, budget_bytes / SMALL_PART);
	class_start(&cache.class[1], "page", PAGE_BYTES, budget_bytes - budget_bytes / SMALL_PART);
	cache.budget = budget_bytes;
	cache.table = table_new((cache.class[0].keep_max + cache.class[1].keep_max) * 2);
}

uint64_t
page_budget(void)
{
	return cache.budget;
}

static void
page_free(struct epoch_entry *e)
{
	free(container_of(e, struct page, epoch));
}

/* Out of the table; its buffer goes now, itself when no reader can look at it any more. */
static void
page_drop(struct page *p)
{
	table_lock(cache.table, p->node.hash);
	table_remove_locked(cache.table, &p->node);
	table_unlock(cache.table, p->node.hash);
	atomic_fetch_or_explicit(&p->dead, 1, memory_order_acq_rel);	/* pairs with page_take's */
	buf_put(&p->buf);
	epoch_defer(&p->epoch, page_free);
}

/* Bring a class down to that many pages, a few at a time. */
static size_t
evict(struct class *c, uint64_t keep)
{
	struct list victims;
	struct list *l;
	size_t n;

	list_init(&victims);
	mutex_lock(&c->mutex);
	n = lru_victims(&c->lru, keep, NULL, NULL, &victims);
	mutex_unlock(&c->mutex);
	while ((l = list_pop_front(&victims)) != NULL)
		page_drop(container_of(l, struct page, lru.link));
	return n;
}

void
page_stop(void)
{
	for (int i = 0; i < CLASSES; i++) {
		evict(&cache.class[i], 0);
		evict(&cache.class[i], 0);	/* those that were touched, too */
		mutex_destroy(&cache.class[i].mutex);
	}
	epoch_drain();
	for (int i = 0; i < CLASSES; i++)
		buf_pool_free(&cache.class[i].pool);
	table_free(&cache.table);
}

static uint64_t
key_hash(const struct page_key *key)
{
	return hash_u64(key->a ^ hash_u64(key->b));
}

static bool
same_key(const struct table_node *n, const void *key)
{
	const struct page *p = container_of(n, const struct page, node);
	const struct page_key *k = key;

	return p->key.a == k->a && p->key.b == k->b;
}

static struct page *
page_of(struct table_node *n)
{
	return n == NULL ? NULL : container_of(n, struct page, node);
}

/*
 * In a section.  Of the two read-modify-writes of dead one is first: if it is this one, the
 * reference was taken before the page's own was given up, so it is of the right life.
 */
static struct slice
page_take(struct page *p)
{
	struct buf *b = p->buf_seen;

	if (!ref_take_live(&b->refs))
		return slice_of(NULL, 0);
	if (atomic_fetch_or_explicit(&p->dead, 0, memory_order_acq_rel) != 0) {
		buf_put(&b);
		return slice_of(NULL, 0);
	}
	lru_touch(&p->lru);
	return (struct slice){ b, b->bytes, p->len };
}

struct slice
page_find(const struct page_key *key)
{
	struct slice s = slice_of(NULL, 0);
	struct page *p;

	epoch_begin();
	p = page_of(table_find(cache.table, key_hash(key), same_key, key));
	if (p != NULL)
		s = page_take(p);
	epoch_end();
	meter_add(s.buf != NULL ? METER_PAGE_HITS : METER_PAGE_MISSES, 1);
	return s;
}

static struct buf *
class_buf(struct class *c)
{
	struct buf *b = buf_get(c->pool);

	for (int tries = 0; b == NULL && tries < 4; tries++) {
		uint64_t pages;

		mutex_lock(&c->mutex);
		pages = c->lru.count;
		mutex_unlock(&c->mutex);
		if (pages == 0 || evict(c, pages - MIN(pages, (uint64_t)EVICT_BATCH)) == 0)
			break;
		b = buf_get(c->pool);
	}
	return b;
}

struct buf *
page_buf(uint32_t len)
{
	struct buf *b = len <= SMALL_BYTES ? class_buf(&cache.class[0]) : NULL;

	return b != NULL ? b : class_buf(&cache.class[1]);
}

static struct class *
class_of(const struct buf *b)
{
	for (int i = 0; i < CLASSES; i++)
		if (cache.class[i].pool == b->pool)
			return &cache.class[i];
	return NULL;
}

void
page_keep(const struct page_key *key, struct buf *buf, uint32_t len)
{
	struct class *c = class_of(buf);
	uint64_t hash = key_hash(key);
	struct page *p;
	bool lost, over;

	assert(len <= buf->size);
	if (c == NULL)
		return;			/* not memory that stays a buffer */
	p = xcalloc(1, sizeof *p);
	*p = (struct page){ .node.hash = hash, .key = *key, .len = len };
	p->buf = p->buf_seen = buf_ref(buf);
	lru_entry_init(&p->lru);
	epoch_begin();
	table_lock(cache.table, hash);
	lost = table_find(cache.table, hash, same_key, key) != NULL;
	if (!lost)
		table_insert_locked(cache.table, &p->node);
	table_unlock(cache.table, hash);
	epoch_end();
	if (lost) {
		buf_put(&p->buf);
		free(p);
		return;
	}
	mutex_lock(&c->mutex);
	lru_add(&c->lru, &p->lru, 1);
	over = c->lru.count > c->keep_max;
	mutex_unlock(&c->mutex);
	if (over)
		evict(c, c->keep_max);
}

uint64_t
page_bytes(void)
{
	uint64_t sum = 0;

	for (int i = 0; i < CLASSES; i++) {
		mutex_lock(&cache.class[i].mutex);
		sum += cache.class[i].lru.count * cache.class[i].bytes;
		mutex_unlock(&cache.class[i].mutex);
	}
	return sum;
}
