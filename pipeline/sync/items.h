/*
 * Containers that wait for something: first in, first out, unless one is taken from the middle,
 * which may change the order.  Whoever owns a queue guards it.
 */
#ifndef SYNC_ITEMS_H
#define SYNC_ITEMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct item {
	uint64_t number, bytes, fence;
	bool over;			/* put over what has its name there */
	uint32_t key;			/* held: the version of the share key that it waits for */
	bool del;			/* it is to go from there */
	unsigned refusals;		/* so often what lies there was not to be changed */
	uint64_t due_ns;		/* refused: not before that again */
};

struct items {				/* zeroes: an empty one; v is freed by its owner */
	struct item *v;
	size_t at, n, cap;		/* v[at..n) */
};

void items_push(struct items *q, const struct item *it);
bool items_pop(struct items *q, struct item *it);

/* Back to the front, where it came from. */
void items_unpop(struct items *q, const struct item *it);

/* That container's, wherever it is; false: it is not there. */
bool items_take(struct items *q, uint64_t number);
bool items_has(const struct items *q, uint64_t number);

#endif
