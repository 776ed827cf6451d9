/*
 * Changes go down from the root and make each node on the way their own first, so that a split or a
 * removal finds its parents already changeable.  The way is an array; the height is bounded by the
 * least fill of a split.
 */
#include "backends/meta/memory/tree.h"

#include <stdlib.h>

enum { WIDTH = META_TREE_WIDTH };

struct way {
	struct meta_tree_node *node[META_TREE_HEIGHT_MAX];
	uint16_t at[META_TREE_HEIGHT_MAX];	/* which child was taken */
	uint32_t n;
};

static int
cmp(struct slice a, const void *bytes, uint32_t len)
{
	int c = memcmp(a.at, bytes, MIN(a.len, len));

	return c != 0 ? c : (a.len > len) - (a.len < len);
}

static size_t
node_bytes(bool leaf)
{
	return sizeof(struct meta_tree_node) + (leaf ? 0 : WIDTH * sizeof(struct meta_tree_sep *));
}

static struct meta_tree_node *
node_new(struct meta_tree_batch *b, bool leaf)
{
	struct meta_tree_node *n = xcalloc(1, node_bytes(leaf));

	n->leaf = leaf;
	n->made = b->number;
	b->bytes += (int64_t)node_bytes(leaf);
	return n;
}

static void
retire(struct meta_tree_batch *b, void *p)
{
	struct meta_tree_retired *g = &b->gone;

	if (g->n == g->cap) {
		g->cap = g->cap == 0 ? 16 : g->cap * 2;
		g->v = xrealloc(g->v, g->cap * sizeof *g->v);
	}
	g->v[g->n++] = p;
}

void
meta_tree_retired_free(struct meta_tree_retired *gone)
{
	for (uint32_t i = 0; i < gone->n; i++)
		free(gone->v[i]);
	free(TAKE(&gone->v));
	gone->n = gone->cap = 0;
}

static void
retire_node(struct meta_tree_batch *b, struct meta_tree_node *n)
{
	b->bytes -= (int64_t)node_bytes(n->leaf);
	retire(b, n);
}

/* The node, or a copy of it that this batch may change, put in its place. */
static struct meta_tree_node *
own(struct meta_tree_batch *b, struct meta_tree_node **place)
{
	struct meta_tree_node *n = *place, *copy;

	if (n->made == b->number)
		return n;
	copy = xmalloc(node_bytes(n->leaf));
	memcpy(copy, n, node_bytes(n->leaf));
	copy->made = b->number;
	retire(b, n);
	*place = copy;
	return copy;
}

/* The last child whose separator is ≤ key. */
static uint16_t
child_of(const struct meta_tree_node *n, struct slice key)
{
	uint16_t low = 0, high = n->n;

	while (high - low > 1) {
		uint16_t mid = (uint16_t)((low + high) / 2);

		if (cmp(key, n->sep[mid]->bytes, n->sep[mid]->len) >= 0)
			low = mid;
		else
			high = mid;
	}
	return low;
}

/* The first row ≥ key, and whether it is key's. */
static uint16_t
row_of(const struct meta_tree_node *n, struct slice key, bool *same)
{
	uint16_t low = 0, high = n->n;

	*same = false;
	while (low < high) {
		uint16_t mid = (uint16_t)((low + high) / 2);
		int c = cmp(key, n->row[mid]->bytes, n->row[mid]->key_len);

		if (c == 0) {
			*same = true;
			return mid;
		}
		if (c > 0)
			low = (uint16_t)(mid + 1);
		else
			high = mid;
	}
	return low;
}

static struct meta_tree_row *
row_new(struct slice key, struct slice value)
{
	struct meta_tree_row *r = xmalloc(sizeof *r + key.len + value.len);

	r->len = key.len + value.len;
	r->key_len = (uint16_t)key.len;
	memcpy(r->bytes, key.at, key.len);
	if (value.len > 0)
		memcpy(r->bytes + key.len, value.at, value.len);
	return r;
}

static struct meta_tree_sep *
sep_new(struct slice key)
{
	struct meta_tree_sep *s = xmalloc(sizeof *s + key.len);

	s->len = (uint16_t)key.len;
	memcpy(s->bytes, key.at, key.len);
	return s;
}

/* Down to key's leaf, all of the way changeable; root exists. */
static void
go_down(struct meta_tree_batch *b, struct slice key, struct way *w)
{
	struct meta_tree_node *n = own(b, &b->root);

	for (w->n = 0; !n->leaf; w->n++) {
		assert(w->n < META_TREE_HEIGHT_MAX);
		w->node[w->n] = n;
		w->at[w->n] = child_of(n, key);
		n = own(b, &n->child[w->at[w->n]]);
	}
	assert(w->n < META_TREE_HEIGHT_MAX);
	w->node[w->n] = n;
}

static void
child_insert(struct meta_tree_node *n, uint16_t at, struct meta_tree_node *child,
    struct meta_tree_sep *sep)
{
	memmove(&n->child[at + 1], &n->child[at], (n->n - at) * sizeof n->child[0]);
	memmove(&n->sep[at + 1], &n->sep[at], (n->n - at) * sizeof n->sep[0]);
	n->child[at] = child;
	n->sep[at] = sep;
	n->n++;
}

/* Split a full node; its right half and the separator before that come back. */
static struct meta_tree_node *
split(struct meta_tree_batch *b, struct meta_tree_node *n, uint16_t at, struct meta_tree_sep **sep)
{
	struct meta_tree_node *right = node_new(b, n->leaf);
	uint16_t keep = at == n->n ? (uint16_t)(n->n - 1) : WIDTH / 2;	/* ascending keys fill up */

	right->n = (uint16_t)(n->n - keep);
	if (n->leaf) {
		memcpy(right->row, n->row + keep, right->n * sizeof n->row[0]);
		*sep = sep_new(meta_tree_key(right->row[0]));
	} else {
		memcpy(right->child, n->child + keep, right->n * sizeof n->child[0]);
		memcpy(right->sep, n->sep + keep, right->n * sizeof n->sep[0]);
		*sep = right->sep[0];
		right->sep[0] = NULL;
	}
	n->n = keep;
	return right;
}

/* Hang a new right half in behind w's node at level; splits upward as long as nodes are full. */
static void
hang_in(struct meta_tree_batch *b, struct way *w, uint32_t level, struct meta_tree_node *right,
    struct meta_tree_sep *sep)
{
	while (level > 0) {
		struct meta_tree_node *up = w->node[level - 1], *up_right;
		uint16_t at = (uint16_t)(w->at[level - 1] + 1);
		struct meta_tree_sep *up_sep;

		if (up->n < WIDTH) {
			child_insert(up, at, right, sep);
			return;
		}
		up_right = split(b, up, at, &up_sep);
		if (at <= up->n)
			child_insert(up, at, right, sep);
		else
			child_insert(up_right, (uint16_t)(at - up->n), right, sep);
		right = up_right;
		sep = up_sep;
		level--;
	}
	struct meta_tree_node *root = node_new(b, false);

	root->n = 1;
	root->child[0] = b->root;
	child_insert(root, 1, right, sep);
	b->root = root;
}

static void
row_insert(struct meta_tree_node *n, uint16_t at, struct meta_tree_row *row)
{
	memmove(&n->row[at + 1], &n->row[at], (n->n - at) * sizeof n->row[0]);
	n->row[at] = row;
	n->n++;
}

void
meta_tree_put(struct meta_tree_batch *b, struct slice key, struct slice value)
{
	struct meta_tree_row *row = row_new(key, value);
	struct meta_tree_node *leaf, *right;
	struct meta_tree_sep *sep;
	struct way w;
	uint16_t at;
	bool same;

	b->bytes += (int64_t)(sizeof *row + row->len);
	if (b->root == NULL)
		b->root = node_new(b, true);
	go_down(b, key, &w);
	leaf = w.node[w.n];
	at = row_of(leaf, key, &same);
	if (same) {
		b->bytes -= (int64_t)(sizeof *row + leaf->row[at]->len);
		retire(b, leaf->row[at]);
		leaf->row[at] = row;
		return;
	}
	if (leaf->n < WIDTH) {
		row_insert(leaf, at, row);
		return;
	}
	right = split(b, leaf, at, &sep);
	if (at <= leaf->n && cmp(key, sep->bytes, sep->len) < 0)
		row_insert(leaf, at, row);
	else
		row_insert(right, (uint16_t)(at - leaf->n), row);
	hang_in(b, &w, w.n, right, sep);
}

/* An empty node goes, and its parents as far as they become empty. */
static void
prune(struct meta_tree_batch *b, struct way *w)
{
	uint32_t level = w->n;

	while (w->node[level]->n == 0 && level > 0) {
		struct meta_tree_node *up = w->node[level - 1];
		uint16_t at = w->at[level - 1];
		struct meta_tree_sep *sep;

		retire_node(b, w->node[level]);
		memmove(&up->child[at], &up->child[at + 1], (up->n - at - 1) * sizeof up->child[0]);
		sep = at > 0 ? up->sep[at] : up->n > 1 ? up->sep[1] : NULL;
		if (sep != NULL)
			retire(b, sep);
		memmove(&up->sep[at], &up->sep[at + 1], (up->n - at - 1) * sizeof up->sep[0]);
		up->sep[0] = NULL;
		up->n--;
		level--;
	}
	while (b->root != NULL && (b->root->n == 0 || (!b->root->leaf && b->root->n == 1))) {
		struct meta_tree_node *root = b->root;

		b->root = root->n == 0 ? NULL : root->child[0];
		retire_node(b, root);
	}
}

void
meta_tree_del(struct meta_tree_batch *b, struct slice key)
{
	const struct meta_tree_row *was = meta_tree_get(b->root, key);
	struct meta_tree_node *leaf;
	struct way w;
	uint16_t at;
	bool same;

	if (was == NULL)
		return;
	go_down(b, key, &w);
	leaf = w.node[w.n];
	at = row_of(leaf, key, &same);
	assert(same);
	b->bytes -= (int64_t)(sizeof *was + was->len);
	retire(b, leaf->row[at]);
	memmove(&leaf->row[at], &leaf->row[at + 1], (leaf->n - at - 1) * sizeof leaf->row[0]);
	leaf->n--;
	if (leaf->n == 0)
		prune(b, &w);
}

const struct meta_tree_row *
meta_tree_get(const struct meta_tree_node *n, struct slice key)
{
	uint16_t at;
	bool same;

	if (n == NULL)
		return NULL;
	while (!n->leaf)
		n = n->child[child_of(n, key)];
	at = row_of(n, key, &same);
	return same ? n->row[at] : NULL;
}

void
meta_tree_walk(const struct meta_tree_node *root, struct slice from,
    bool (*each)(void *arg, const struct meta_tree_row *row), void *arg)
{
	const struct meta_tree_node *way[META_TREE_HEIGHT_MAX], *n = root;
	uint16_t next[META_TREE_HEIGHT_MAX], at;
	uint32_t depth = 0;
	bool same;

	if (n == NULL)
		return;
	for (; !n->leaf; n = n->child[next[depth++] - 1]) {
		way[depth] = n;
		next[depth] = (uint16_t)(child_of(n, from) + 1);
	}
	at = row_of(n, from, &same);
	for (;;) {
		for (; at < n->n; at++)
			if (!each(arg, n->row[at]))
				return;
		while (depth > 0 && next[depth - 1] == way[depth - 1]->n)
			depth--;
		if (depth == 0)
			return;
		for (n = way[depth - 1]->child[next[depth - 1]++]; !n->leaf; n = n->child[0]) {
			way[depth] = n;
			next[depth++] = 1;
		}
		at = 0;
	}
}

void
meta_tree_free(struct meta_tree_node *root)
{
	struct meta_tree_node *way[META_TREE_HEIGHT_MAX];
	uint16_t next[META_TREE_HEIGHT_MAX] = { 0 };
	int depth = 0;

	if (root == NULL)
		return;
	way[0] = root;
	while (depth >= 0) {
		struct meta_tree_node *n = way[depth];

		if (!n->leaf && next[depth] < n->n) {
			way[depth + 1] = n->child[next[depth]++];
			next[++depth] = 0;
			continue;
		}
		for (uint16_t i = 0; i < n->n; i++)
			free(n->leaf ? (void *)n->row[i] : (void *)n->sep[i]);
		free(n);
		depth--;
	}
}
