/* Queues of containers, in an array that slides. */
#include "pipeline/sync/items.h"

#include "pipeline/base/num.h"
#include "pipeline/base/panic.h"

#include <stdlib.h>
#include <string.h>

void
items_push(struct items *q, const struct item *it)
{
	if (q->n == q->cap && q->at > q->cap / 2) {
		memmove(q->v, q->v + q->at, (q->n - q->at) * sizeof *q->v);
		q->n -= q->at;
		q->at = 0;
	}
	if (q->n == q->cap) {
		q->cap = MAX((size_t)64, q->cap * 2);
		q->v = xrealloc(q->v, q->cap * sizeof *q->v);
	}
	q->v[q->n++] = *it;
}

bool
items_pop(struct items *q, struct item *it)
{
	if (q->at == q->n)
		return false;
	*it = q->v[q->at++];
	if (q->at == q->n)
		q->at = q->n = 0;
	return true;
}

void
items_unpop(struct items *q, const struct item *it)
{
	if (q->at > 0) {
		q->v[--q->at] = *it;
		return;
	}
	items_push(q, it);
	memmove(q->v + 1, q->v, (q->n - 1) * sizeof *q->v);
	q->v[0] = *it;
}

bool
items_take(struct items *q, uint64_t number)
{
	for (size_t i = q->at; i < q->n; i++)
		if (q->v[i].number == number) {
			q->v[i] = q->v[--q->n];
			return true;
		}
	return false;
}

bool
items_has(const struct items *q, uint64_t number)
{
	for (size_t i = q->at; i < q->n; i++)
		if (q->v[i].number == number)
			return true;
	return false;
}
