/*
 * The only two crossings between threads: a ring from its owner to many (ck_ring, spmc: one
 * producer, so its enqueue is wait-free) and an inbox from many to its owner (ck_stack, push by
 * many, batch pop by one).  Each carries pointers.  ck's multi-producer rings are never used:
 * a preempted producer stalls all others.
 */
#ifndef STAGE_RING_H
#define STAGE_RING_H

#include <ck_ring.h>
#include <ck_stack.h>
#include <stdbool.h>
#include <stdint.h>

struct ring {
	ck_ring_t ring;
	ck_ring_buffer_t *slots;
	uint32_t size;
};

/* Room for at least count pointers; wider than all credits, so that ring_push never fails. */
void ring_init(struct ring *r, uint32_t count);
void ring_fini(struct ring *r);
void ring_push(struct ring *r, void *p);	/* the owner alone; asserts that there is room */
void *ring_pop(struct ring *r);			/* any thread; NULL: empty */
uint32_t ring_count(const struct ring *r);

struct inbox_link {
	ck_stack_entry_t entry;
	uint8_t kind;			/* the machine's: what it is that comes */
};

struct inbox {
	ck_stack_t stack;
};

void inbox_init(struct inbox *in);
void inbox_push(struct inbox *in, struct inbox_link *l);		/* any thread */

/* All that came since the last call, oldest first, linked by inbox_next; the owner alone. */
struct inbox_link *inbox_take(struct inbox *in);
struct inbox_link *inbox_next(struct inbox_link *l);
bool inbox_empty(const struct inbox *in);	/* the owner alone: nothing there to take */

#endif
