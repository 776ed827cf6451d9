/*
 * Intrusive, circular, doubly linked lists.  A head is a struct list that links to itself.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "pipeline/base/panic.h"

#include <stdbool.h>

struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *l) { l->next = l->prev = l; }
static inline bool list_empty(const struct list *l) { return l->next == l; }

static inline void
list_push_back(struct list *head, struct list *l)
{
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}

static inline void
list_push_front(struct list *head, struct list *l)
{
	list_push_back(head->next, l);
}

/* Unlink; the element links to itself afterwards, so that removing it twice is harmless. */
static inline void
list_remove(struct list *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	list_init(l);
}

static inline struct list *
list_pop_front(struct list *head)
{
	struct list *l = head->next;

	if (l == head)
		return NULL;
	list_remove(l);
	return l;
}

/* Move all of from to the end of head; from is empty afterwards. */
static inline void
list_splice_back(struct list *head, struct list *from)
{
	if (list_empty(from))
		return;
	from->next->prev = head->prev;
	head->prev->next = from->next;
	from->prev->next = head;
	head->prev = from->prev;
	list_init(from);
}

#define LIST_EACH(it, head) \
	for (struct list *it = (head)->next, *it##_next; it##_next = it->next, it != (head); \
	    it = it##_next)

#endif
