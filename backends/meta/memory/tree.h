/*
 * An ordered map whose every batch makes a new version, by copying the nodes on the way to what it
 * changes: readers hold a version and walk it without any lock, a batch that is not published was
 * never there.
 *
 * A B+tree: leaves hold rows, inner nodes hold separators and children.  Leaves are not merged, an
 * empty one goes.  What a batch replaces is put on a list, and freed when no older version is held.
 */
#ifndef BACKENDS_META_MEMORY_TREE_H
#define BACKENDS_META_MEMORY_TREE_H

#include "pipeline/base/slice.h"

enum { META_TREE_WIDTH = 32, META_TREE_HEIGHT_MAX = 24 };

struct meta_tree_row {
	uint32_t len;
	uint16_t key_len;
	uint8_t bytes[];		/* key, then value */
};

struct meta_tree_sep {
	uint16_t len;
	uint8_t bytes[];
};

struct meta_tree_node {
	uint64_t made;			/* by which batch; only that one may change it */
	uint16_t n;
	bool leaf;
	/* A leaf's rows, or an inner node's children; sep[i] is at most the least key of child i,
	 * and above all keys of the child before.  sep[0] is not used. */
	union {
		struct meta_tree_row *row[META_TREE_WIDTH];
		struct meta_tree_node *child[META_TREE_WIDTH];
	};
	struct meta_tree_sep *sep[];	/* META_TREE_WIDTH of them in an inner node */
};

struct meta_tree_retired {		/* a list of what was replaced */
	void **v;
	uint32_t n, cap;
};

struct meta_tree_batch {		/* a version being made */
	struct meta_tree_node *root;	/* NULL: empty */
	uint64_t number;
	struct meta_tree_retired gone;
	int64_t bytes;			/* by how much it grew */
};

void meta_tree_put(struct meta_tree_batch *b, struct slice key, struct slice value);
void meta_tree_del(struct meta_tree_batch *b, struct slice key);
void meta_tree_retired_free(struct meta_tree_retired *gone);
void meta_tree_free(struct meta_tree_node *root);

const struct meta_tree_row *meta_tree_get(const struct meta_tree_node *root, struct slice key);

/* From the first row ≥ from on until each() says false. */
void meta_tree_walk(const struct meta_tree_node *root, struct slice from,
    bool (*each)(void *arg, const struct meta_tree_row *row), void *arg);

static inline struct slice
meta_tree_key(const struct meta_tree_row *r)
{
	return slice_of(r->bytes, r->key_len);
}

static inline struct slice
meta_tree_value(const struct meta_tree_row *r)
{
	return slice_of(r->bytes + r->key_len, r->len - r->key_len);
}

#endif
