/*
 * The two ways between threads.
 */
#include "tests/lib/check.h"

#include "pipeline/base/panic.h"
#include "pipeline/base/thread.h"
#include "pipeline/stage/ring.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

CASE(a_ring_gives_back_in_order_and_says_when_it_is_empty)
{
	struct ring r;
	int v[100];

	ring_init(&r, 100);
	EQ(ring_pop(&r) == NULL, true);
	for (int round = 0; round < 7; round++) {
		for (int i = 0; i < 100; i++)
			ring_push(&r, &v[i]);
		EQ(ring_count(&r), 100);
		for (int i = 0; i < 100; i++)
			TRUE(ring_pop(&r) == &v[i]);
		EQ(ring_count(&r), 0);
	}
	ring_fini(&r);
}

enum { ITEMS = 100000, TAKERS = 3 };

static struct ring shared;
static _Atomic uint32_t taken[ITEMS];
static _Atomic uint32_t total;

static void
take(void *arg)
{
	(void)arg;
	while (atomic_load(&total) < ITEMS) {
		uint32_t *p = ring_pop(&shared);

		if (p == NULL) {
			sched_yield();
			continue;
		}
		atomic_fetch_add(&taken[*p], 1);
		atomic_fetch_add(&total, 1);
	}
}

CASE(many_takers_get_each_thing_once)
{
	struct thread t[TAKERS];
	uint32_t *v = calloc(ITEMS, sizeof *v);

	ring_init(&shared, 1000);
	for (int i = 0; i < TAKERS; i++)
		thread_start(&t[i], "taker", 0, take, NULL);
	for (uint32_t i = 0; i < ITEMS; i++) {
		v[i] = i;
		while (ring_count(&shared) >= 1000)
			sched_yield();
		ring_push(&shared, &v[i]);
	}
	for (int i = 0; i < TAKERS; i++)
		thread_join(&t[i]);
	for (uint32_t i = 0; i < ITEMS; i++)
		EQ(taken[i], 1);
	ring_fini(&shared);
	free(v);
}

struct note {
	struct inbox_link link;
	uint32_t from, number;
};

static struct inbox inbox;
static struct note *notes;

static void
push(void *arg)
{
	uint32_t from = *(uint32_t *)arg;

	for (uint32_t i = 0; i < ITEMS / TAKERS; i++) {
		struct note *n = &notes[from * (ITEMS / TAKERS) + i];

		n->from = from;
		n->number = i;
		inbox_push(&inbox, &n->link);
	}
}

CASE(an_inbox_keeps_the_order_of_each_sender)
{
	uint32_t ids[TAKERS], next[TAKERS] = { 0 }, got = 0;
	struct thread t[TAKERS];

	notes = calloc(ITEMS, sizeof *notes);
	inbox_init(&inbox);
	TRUE(inbox_empty(&inbox));
	for (uint32_t i = 0; i < TAKERS; i++) {
		ids[i] = i;
		thread_start(&t[i], "sender", 0, push, &ids[i]);
	}
	while (got < ITEMS / TAKERS * TAKERS) {
		struct inbox_link *l = inbox_take(&inbox);

		if (l == NULL)
			sched_yield();
		for (; l != NULL; l = inbox_next(l)) {
			struct note *n = container_of(l, struct note, link);

			EQ(n->number, next[n->from]);
			next[n->from]++;
			got++;
		}
	}
	for (int i = 0; i < TAKERS; i++)
		thread_join(&t[i]);
	TRUE(inbox_empty(&inbox));
	free(notes);
}
