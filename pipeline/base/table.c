/*
 * The fixed-size hash table.  A bucket is a chain whose links are written with release,
 * under the stripe's mutex, and read with acquire, under nothing but an epoch section: a
 * removed node keeps its own link, so that a reader who stands on it finds the way on.
 */
#include "pipeline/base/table.h"

#include "pipeline/base/panic.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { STRIPES = 64, LINE = 64 };

struct stripe {
	alignas(LINE) struct mutex mutex;
	_Atomic uint64_t count;		/* written under the mutex */
};

struct table {
	struct stripe stripes[STRIPES];
	struct table_node *_Atomic *buckets;
	size_t n;
	unsigned shift;
};

/* The upper bits of a product mix even hashes that are plain numbers. */
static size_t
bucket_of(const struct table *t, uint64_t hash)
{
	return (hash * 0x9e3779b97f4a7c15ull) >> t->shift;
}

static struct stripe *
stripe_of(const struct table *t, uint64_t hash)
{
	return (struct stripe *)&t->stripes[bucket_of(t, hash) % STRIPES];
}

struct table *
table_new(size_t buckets)
{
	struct table *t = xaligned(LINE, sizeof *t);
	unsigned bits = 6;

	assert(buckets <= (size_t)1 << 40);
	while ((size_t)1 << bits < buckets)
		bits++;
	t->n = (size_t)1 << bits;
	t->shift = 64 - bits;
	t->buckets = xcalloc(t->n, sizeof *t->buckets);
	for (unsigned i = 0; i < STRIPES; i++) {
		mutex_init(&t->stripes[i].mutex, RANK_TABLE, i);
		atomic_init(&t->stripes[i].count, 0);
	}
	return t;
}

void
table_free(struct table **tp)
{
	struct table *t = TAKE(tp);

	if (t == NULL)
		return;
	for (unsigned i = 0; i < STRIPES; i++)
		mutex_destroy(&t->stripes[i].mutex);
	free(t->buckets);
	free(t);
}

size_t
table_count(const struct table *t)
{
	size_t n = 0;

	for (unsigned i = 0; i < STRIPES; i++)
		n += atomic_load_explicit(&t->stripes[i].count, memory_order_relaxed);
	return n;
}

struct table_node *
table_find(const struct table *t, uint64_t hash,
    bool (*same)(const struct table_node *n, const void *key), const void *key)
{
	struct table_node *n;

	n = atomic_load_explicit(&t->buckets[bucket_of(t, hash)], memory_order_acquire);
	while (n != NULL && (n->hash != hash || !same(n, key)))
		n = atomic_load_explicit(&n->next, memory_order_acquire);
	return n;
}

void
table_expect(const struct table *t, uint64_t hash)
{
	__builtin_prefetch(&t->buckets[bucket_of(t, hash)], 1);
}

void
table_lock(struct table *t, uint64_t hash)
{
	mutex_lock(&stripe_of(t, hash)->mutex);
}

void
table_unlock(struct table *t, uint64_t hash)
{
	mutex_unlock(&stripe_of(t, hash)->mutex);
}

void
table_insert_locked(struct table *t, struct table_node *n)
{
	struct table_node *_Atomic *head = &t->buckets[bucket_of(t, n->hash)];
	struct stripe *s = stripe_of(t, n->hash);

	mutex_assert_owned(&s->mutex);
	atomic_store_explicit(&n->next, atomic_load_explicit(head, memory_order_relaxed),
	    memory_order_relaxed);
	atomic_store_explicit(head, n, memory_order_release);
	atomic_fetch_add_explicit(&s->count, 1, memory_order_relaxed);
}

void
table_remove_locked(struct table *t, struct table_node *n)
{
	struct table_node *_Atomic *link = &t->buckets[bucket_of(t, n->hash)];
	struct stripe *s = stripe_of(t, n->hash);
	struct table_node *at;

	mutex_assert_owned(&s->mutex);
	while ((at = atomic_load_explicit(link, memory_order_relaxed)) != n) {
		assert(at != NULL);
		link = &at->next;
	}
	atomic_store_explicit(link, atomic_load_explicit(&n->next, memory_order_relaxed),
	    memory_order_release);
	atomic_fetch_sub_explicit(&s->count, 1, memory_order_relaxed);
}

size_t
table_walk(const struct table *t, size_t from, size_t count,
    void (*see)(struct table_node *n, void *arg), void *arg)
{
	size_t end = from < t->n && count < t->n - from ? from + count : t->n;

	for (; from < end; from++) {
		struct table_node *n, *next;

		n = atomic_load_explicit(&t->buckets[from], memory_order_acquire);
		for (; n != NULL; n = next) {
			next = atomic_load_explicit(&n->next, memory_order_acquire);
			see(n, arg);
		}
	}
	return end == t->n ? 0 : end;
}
