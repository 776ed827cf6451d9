/*
 * The hand of a clock over a cache's table: what is cached counts its bytes here, and where they
 * pass the budget the hand goes on and takes out what nobody has asked for since it last came by.
 */
#ifndef VFS_HAND_H
#define VFS_HAND_H

#include "pipeline/base/list.h"
#include "pipeline/base/table.h"

#include <stdatomic.h>

/*
 * Hands that keep one budget together, a share's each: one may take what the others leave, but
 * each is owed its equal part, and gets it back from the largest when it comes to need it.
 */
struct hand_group {
	struct mutex mutex;		/* the list; held while a hand is moved for another */
	struct list hands;
	_Atomic uint32_t count;
	_Atomic uint64_t bytes;		/* of all of them */
	uint64_t budget;
};

struct hand {
	struct table *table;
	_Atomic uint64_t bytes;		/* of all that is in the table */
	uint64_t budget;		/* alone; in a group the group's counts */
	_Atomic size_t at;		/* the bucket it stands before */
	atomic_flag moving;		/* one thread at a time moves it */
	struct hand_group *group;	/* NULL: alone */
	struct list link;
	void (*consider)(struct table_node *n, void *arg);	/* of a group's hands, for others */
	void *arg;
};

/* A node's second chance, for whoever is asked to consider it. */
struct hand_mark {
	_Atomic uint8_t recent;
};

/* table is borrowed; budget in bytes. */
void hand_init(struct hand *h, struct table *table, uint64_t budget);

void hand_group_init(struct hand_group *g, uint64_t budget);
void hand_group_fini(struct hand_group *g);		/* all have left */

/* How many things of that size a newcomer's table should be made for: tables take memory, too, so
 * that of a share among many is smaller. */
size_t hand_group_room(const struct hand_group *g, uint32_t each_bytes);

/* The group is borrowed; consider and arg as hand_move's, called by any thread until it has left.
 * Leaving waits for such a one. */
void hand_join(struct hand *h, struct hand_group *g,
    void (*consider)(struct table_node *n, void *arg), void *arg);
void hand_leave(struct hand *h);

/* Leave, then take out every node of the table, which nobody else uses any more; when it returns,
 * what take_out gave to the epoch is freed. */
void hand_empty(struct hand *h, void (*take_out)(struct table_node *n, void *arg), void *arg);

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
	if (h->group != NULL)
		atomic_fetch_add_explicit(&h->group->bytes, bytes, memory_order_relaxed);
}

static inline void
hand_removed(struct hand *h, uint64_t bytes)
{
	atomic_fetch_sub_explicit(&h->bytes, bytes, memory_order_relaxed);
	if (h->group != NULL)
		atomic_fetch_sub_explicit(&h->group->bytes, bytes, memory_order_relaxed);
}

/*
 * After something was added: where the budget is passed, go on until it is kept, at most a few
 * buckets far; where this hand has no more than its part of a group's, the largest goes on.
 * consider(node, arg) takes a node out, or does not: it asks hand_spares first. Enters a section of
 * its own; the caller holds no stripe of the table.
 */
void hand_move(struct hand *h, void (*consider)(struct table_node *n, void *arg), void *arg);

#endif
