/*
 * The interval map: a treap of disjoint ranges.  A change cuts the tree in three
 * (before, inside and behind the range), mends the two ranges that the cuts may have
 * gone through, and joins what is left; all by loops, since depth follows from what
 * clients write.
 *
 * The law: at any moment the owner's citations of a value are as many as its ranges here.
 */
#include "pipeline/base/interval.h"

#include "pipeline/base/panic.h"
#include "pipeline/base/rand.h"

#include <stdlib.h>

struct node {
	struct interval i;
	struct node *left, *right;
	uint64_t weight;		/* by chance; no child is heavier */
};

struct interval_map {
	struct node *root;
	size_t count;
	void (*keep)(void *value);
	void (*drop)(void *value);
};

struct interval_map *
interval_map_new(void (*keep)(void *value), void (*drop)(void *value))
{
	struct interval_map *m = xcalloc(1, sizeof *m);

	m->keep = keep;
	m->drop = drop;
	return m;
}

static void
keep(const struct interval_map *m, void *value)
{
	if (value != NULL && m->keep != NULL)
		m->keep(value);
}

static void
drop(const struct interval_map *m, void *value)
{
	if (value != NULL && m->drop != NULL)
		m->drop(value);
}

/* Ranges that begin before `at` go to *before, the others to *behind. */
static void
split(struct node *t, uint64_t at, struct node **before, struct node **behind)
{
	while (t != NULL) {
		if (t->i.from < at) {
			*before = t;
			before = &t->right;
			t = t->right;
		} else {
			*behind = t;
			behind = &t->left;
			t = t->left;
		}
	}
	*before = *behind = NULL;
}

/* All of a lies before all of b. */
static struct node *
join(struct node *a, struct node *b)
{
	struct node *root, **link = &root;

	while (a != NULL && b != NULL) {
		if (a->weight >= b->weight) {
			*link = a;
			link = &a->right;
			a = a->right;
		} else {
			*link = b;
			link = &b->left;
			b = b->left;
		}
	}
	*link = a != NULL ? a : b;
	return root;
}

/* Free a whole tree: turn left children up until there are none. */
static void
free_tree(struct interval_map *m, struct node *t)
{
	while (t != NULL) {
		struct node *next = t->left;

		if (next != NULL) {
			t->left = next->right;
			next->right = t;
		} else {
			next = t->right;
			drop(m, t->i.value);
			free(t);
			m->count--;
		}
		t = next;
	}
}

static struct node *
node_new(struct interval_map *m, struct interval i)
{
	struct node *n = xmalloc(sizeof *n);

	*n = (struct node){ .i = i, .weight = rand_u64() };
	m->count++;
	return n;
}

static struct node *
last_of(struct node *t)
{
	while (t != NULL && t->right != NULL)
		t = t->right;
	return t;
}

/* The part of i that lies at and behind `at`. */
static struct interval
rest_of(struct interval i, uint64_t at)
{
	return (struct interval){ at, i.to, i.value, i.skew + (at - i.from) };
}

/* Cut [from, to) out of the tree, which falls into what lies before and behind. */
static void
cut(struct interval_map *m, uint64_t from, uint64_t to, struct node **before,
    struct node **behind)
{
	struct node *inside, *rest = NULL, *last;

	split(m->root, from, before, &inside);
	split(inside, to, &inside, behind);
	m->root = NULL;
	last = last_of(*before);
	if (last != NULL && last->i.to > from) {
		if (last->i.to > to) {
			rest = node_new(m, rest_of(last->i, to));
			keep(m, last->i.value);
		}
		last->i.to = from;
	}
	last = last_of(inside);
	if (last != NULL && last->i.to > to) {
		rest = node_new(m, rest_of(last->i, to));
		last->i.value = NULL;		/* its citation went to the rest */
	}
	free_tree(m, inside);
	*behind = join(rest, *behind);
}

void
interval_map_free(struct interval_map **mp)
{
	struct interval_map *m = TAKE(mp);

	if (m == NULL)
		return;
	free_tree(m, m->root);
	free(m);
}

size_t
interval_map_count(const struct interval_map *m)
{
	return m->count;
}

void
interval_set(struct interval_map *m, uint64_t from, uint64_t to, void *value,
    uint64_t skew)
{
	struct node *before, *behind, *n;

	if (from >= to) {
		drop(m, value);
		return;
	}
	cut(m, from, to, &before, &behind);
	n = node_new(m, (struct interval){ from, to, value, skew });
	m->root = join(join(before, n), behind);
}

void
interval_clear(struct interval_map *m, uint64_t from, uint64_t to)
{
	struct node *before, *behind;

	if (from >= to)
		return;
	cut(m, from, to, &before, &behind);
	m->root = join(before, behind);
}

bool
interval_next(const struct interval_map *m, uint64_t at, struct interval *out)
{
	const struct node *found = NULL;

	for (const struct node *t = m->root; t != NULL;) {
		if (t->i.to > at) {
			found = t;
			t = t->left;
		} else {
			t = t->right;
		}
	}
	if (found == NULL)
		return false;
	*out = found->i;
	return true;
}

bool
interval_prev(const struct interval_map *m, uint64_t at, struct interval *out)
{
	const struct node *found = NULL;

	for (const struct node *t = m->root; t != NULL;) {
		if (t->i.from < at) {
			found = t;
			t = t->right;
		} else {
			t = t->left;
		}
	}
	if (found == NULL)
		return false;
	*out = found->i;
	return true;
}
