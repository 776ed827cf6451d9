/*
 * A hash table with intrusive nodes: found under an epoch section without any lock, changed
 * under one of a few striped mutexes (rank TABLE).  It has a fixed number of buckets, chosen for
 * the memory it may describe, so nothing ever stops for a resize.
 */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include "pipeline/base/mutex.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_node {
	struct table_node *_Atomic next;
	uint64_t hash;
};

struct table;

/* At least buckets buckets (rounded up to a power of two); house lifetime. */
struct table *table_new(size_t buckets);
void table_free(struct table **tp);	/* nodes are the caller's */
size_t table_count(const struct table *t);

/* First node of that hash for which same(node, key) holds; NULL otherwise.  In a section. */
struct table_node *table_find(const struct table *t, uint64_t hash,
    bool (*same)(const struct table_node *n, const void *key), const void *key);

/* A hash that will be asked for or inserted soon: a hint to the processor, so that it need not wait
 * for its bucket then. */
void table_expect(const struct table *t, uint64_t hash);

/* Lock the stripe of a hash: between the two calls that hash's nodes are the caller's. */
void table_lock(struct table *t, uint64_t hash);
void table_unlock(struct table *t, uint64_t hash);
void table_insert_locked(struct table *t, struct table_node *n);	/* n->hash is set */
void table_remove_locked(struct table *t, struct table_node *n);	/* then free by epoch */

/* Call see(node, arg) for nodes of buckets [from, from+count); for sweeps.  In a section.
 * Returns the next from, 0 when the round is complete. */
size_t table_walk(const struct table *t, size_t from, size_t count,
    void (*see)(struct table_node *n, void *arg), void *arg);

#endif
