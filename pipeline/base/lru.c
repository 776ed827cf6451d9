/*
 * The clock.  The ring is a list whose first entry is under the hand; who is spared
 * moves to the end, which is the same as the hand moving on.
 */
#include "pipeline/base/lru.h"

void
lru_init(struct lru *l)
{
	list_init(&l->ring);
	l->weight = 0;
	l->count = 0;
}

void
lru_entry_init(struct lru_entry *e)
{
	list_init(&e->link);
	e->weight = 0;
	e->in_ring = false;
	atomic_store_explicit(&e->touched, false, memory_order_relaxed);
}

void
lru_add(struct lru *l, struct lru_entry *e, uint64_t weight)
{
	assert(!e->in_ring);
	e->weight = weight;
	e->in_ring = true;
	atomic_store_explicit(&e->touched, false, memory_order_relaxed);
	list_push_back(&l->ring, &e->link);
	l->weight += weight;
	l->count++;
}

void
lru_remove(struct lru *l, struct lru_entry *e)
{
	if (!e->in_ring)
		return;
	e->in_ring = false;
	list_remove(&e->link);
	l->weight -= e->weight;
	l->count--;
}

void
lru_reweigh(struct lru *l, struct lru_entry *e, uint64_t weight)
{
	if (e->in_ring)
		l->weight += weight - e->weight;
	e->weight = weight;
}

size_t
lru_victims(struct lru *l, uint64_t budget,
    bool (*pinned)(struct lru_entry *e, void *arg), void *arg, struct list *victims)
{
	size_t visits = 2 * l->count, gone = 0;

	while (l->weight > budget && visits-- > 0) {
		struct lru_entry *e = container_of(l->ring.next, struct lru_entry, link);

		if (atomic_exchange_explicit(&e->touched, false, memory_order_relaxed) ||
		    (pinned != NULL && pinned(e, arg))) {
			list_remove(&e->link);
			list_push_back(&l->ring, &e->link);
			continue;
		}
		lru_remove(l, e);
		list_push_back(victims, &e->link);
		gone++;
	}
	return gone;
}
