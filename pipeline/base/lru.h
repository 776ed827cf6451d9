/*
 * Eviction by a clock: entries stand in a ring, a hand goes round; what was touched
 * since its last visit gets a second chance, what is pinned is passed over.  The ring is
 * the caller's to lock; lru_touch alone needs no lock, so that readers under an epoch
 * may call it.
 */
#ifndef BASE_LRU_H
#define BASE_LRU_H

#include "pipeline/base/list.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lru_entry {
	struct list link;		/* in the ring, or in a list of victims */
	uint64_t weight;
	_Atomic bool touched;
	bool in_ring;
};

struct lru {
	struct list ring;		/* the hand stands before the first */
	uint64_t weight;		/* of all entries */
	size_t count;
};

void lru_init(struct lru *l);
void lru_entry_init(struct lru_entry *e);	/* in no ring */

/*
 * Into the ring, behind the hand: a whole round before it is asked.  Counts as not
 * touched.
 */
void lru_add(struct lru *l, struct lru_entry *e, uint64_t weight);

/* Out of the ring; harmless for an entry that is in none. */
void lru_remove(struct lru *l, struct lru_entry *e);

void lru_reweigh(struct lru *l, struct lru_entry *e, uint64_t weight);

/* Used just now.  Any thread, no lock; a hint, so relaxed. */
static inline void
lru_touch(struct lru_entry *e)
{
	if (!atomic_load_explicit(&e->touched, memory_order_relaxed))
		atomic_store_explicit(&e->touched, true, memory_order_relaxed);
}

/*
 * Take entries out of the ring until its weight is at most budget, or until none of the
 * rest may go: at most two rounds.
 *
 * pinned   may be NULL; true: leave this one (it may be the moment to mark it as going)
 * victims  an initialised list; the evicted are added at its end by their link
 *
 * Returns how many went.
 */
size_t lru_victims(struct lru *l, uint64_t budget,
    bool (*pinned)(struct lru_entry *e, void *arg), void *arg, struct list *victims);

#endif
