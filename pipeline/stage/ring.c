/*
 * ck's ring and stack behind two narrow doors.  The ring is one producer to many consumers, the
 * stack many producers to one consumer who takes all at once: the two uses of ck in which no
 * thread can hold up another, and no entry can land in the wrong place.
 */
#include "pipeline/stage/ring.h"

#include "pipeline/base/panic.h"

#include <stdlib.h>

/*
 * ck orders by instructions that a thread sanitizer does not see: it is told that what happened
 * before a push happens before the pop, and to look away from the slots themselves.
 */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1
#endif
#endif
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);

static void
look_away(void)
{
	AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
	AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
}

static void
look_again(void)
{
	AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
	AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
}

static void given(void *p) { __tsan_release(p); }
static void taken(void *p) { __tsan_acquire(p); }
#else
static inline void look_away(void) {}
static inline void look_again(void) {}
static inline void given(void *p) { (void)p; }
static inline void taken(void *p) { (void)p; }
#endif

enum { RING_LEAST = 4, LINE = 64 };

void
ring_init(struct ring *r, uint32_t count)
{
	uint32_t size = RING_LEAST;

	assert(count < UINT32_MAX / 4);
	while (size < count + 1)	/* ck keeps one slot empty */
		size *= 2;
	r->size = size;
	r->slots = aligned_alloc(LINE, (sizeof(ck_ring_buffer_t) * size + LINE - 1) / LINE * LINE);
	if (r->slots == NULL)
		panic("no memory for a ring of %u", size);
	ck_ring_init(&r->ring, size);
}

void
ring_fini(struct ring *r)
{
	free(TAKE(&r->slots));
}

void
ring_push(struct ring *r, void *p)
{
	bool room;

	given(r);
	look_away();
	room = ck_ring_enqueue_spmc(&r->ring, r->slots, p);
	look_again();
	assert(room);
}

void *
ring_pop(struct ring *r)
{
	void *p = NULL;
	bool any;

	look_away();
	any = ck_ring_dequeue_spmc(&r->ring, r->slots, &p);
	look_again();
	if (!any)
		return NULL;
	taken(r);
	return p;
}

uint32_t
ring_count(const struct ring *r)
{
	uint32_t n;

	look_away();
	n = ck_ring_size(&r->ring);
	look_again();
	return n;
}

void
inbox_init(struct inbox *in)
{
	ck_stack_init(&in->stack);
}

void
inbox_push(struct inbox *in, struct inbox_link *l)
{
	given(in);
	look_away();
	ck_stack_push_upmc(&in->stack, &l->entry);
	look_again();
}

/* The stack gives the newest first: turn it round. */
struct inbox_link *
inbox_take(struct inbox *in)
{
	ck_stack_entry_t *e, *next, *oldest = NULL;

	look_away();
	e = ck_stack_batch_pop_upmc(&in->stack);
	for (; e != NULL; e = next) {
		next = e->next;
		e->next = oldest;
		oldest = e;
	}
	look_again();
	if (oldest == NULL)
		return NULL;
	taken(in);
	return container_of(oldest, struct inbox_link, entry);
}

struct inbox_link *
inbox_next(struct inbox_link *l)
{
	ck_stack_entry_t *next = l->entry.next;

	return next != NULL ? container_of(next, struct inbox_link, entry) : NULL;
}

bool
inbox_empty(const struct inbox *in)
{
	bool empty;

	look_away();
	empty = ck_pr_load_ptr(&in->stack.head) == NULL;
	look_again();
	return empty;
}
