/*
 * The hand of a clock over a cache's table: what is cached counts its bytes here, and where they
 * pass the budget the hand goes on and takes out what nobody has asked for since it last came by.
 */
#ifndef VFS_HAND_H
#define VFS_HAND_H

#include "pipeline/base/table.h"

#include <stdatomic.h>

struct hand {
	struct table *table;
	_Atomic uint64_t bytes;		/* of all that is in the table */
	uint64_t budget;
	_Atomic size_t at;		/* the bucket it stands before */
	atomic_flag moving;		/* one thread at a time moves it */
};

/* A node's second chance, for whoever is asked to consider it. */
struct hand_mark {
	_Atomic uint8_t recent;
};

/* table is borrowed; budget in bytes. */
void hand_init(struct hand *h, struct table *table, uint64_t budget);

/* A node has been asked for. */
static inline void
hand_touch(struct hand_mark *m)
{
	if (!atomic_load_explicit(&m->recent, memory_order_relaxed))
		atomic_store_explicit(&m->recent, 1, memory_order_relaxed);
}

/* Has it been since the hand last came by?  Then it stays this time. */
static inline bool
hand_spares(struct hand_mark *m)
{
	if (!atomic_load_explicit(&m->recent, memory_order_relaxed))
		return false;
	atomic_store_explicit(&m->recent, 0, memory_order_relaxed);
	return true;
}

static inline void
hand_added(struct hand *h, uint64_t bytes)
{
	atomic_fetch_add_explicit(&h->bytes, bytes, memory_order_relaxed);
}

static inline void
hand_removed(struct hand *h, uint64_t bytes)
{
	atomic_fetch_sub_explicit(&h->bytes, bytes, memory_order_relaxed);
}

/*
 * After something was added: where the budget is passed, go on until it is kept, at most a few
 * buckets far.  consider(node, arg) takes a node out, or does not: it asks hand_spares first.
 * Enters a section of its own; the caller holds no stripe of the table.
 */
void hand_move(struct hand *h, void (*consider)(struct table_node *n, void *arg), void *arg);

#endif
