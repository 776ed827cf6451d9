/*
 * Epoch reclamation.  Sections are ck's, one record a thread; what is deferred is ours:
 * a stack that any thread pushes on, taken whole by the one thread at a time that reaps.
 * The reaper asks ck for one grace period a batch and then makes the calls, so it does
 * not matter whether the thread that deferred ever comes back, or still lives.
 */
#include "pipeline/base/epoch.h"

#include "pipeline/base/panic.h"
#include "pipeline/base/thread.h"

#include <ck_epoch.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

/*
 * ck orders by instructions that a thread sanitizer does not see.  What the order means
 * is told to it here: the end of every section happens before the calls made after a
 * grace period.
 */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1
#endif
#endif
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#define SECTION_LEFT(p) __tsan_release(p)
#define GRACE_OVER(p) __tsan_acquire(p)
#else
#define SECTION_LEFT(p) ((void)(p))
#define GRACE_OVER(p) ((void)(p))
#endif

enum { GRACE_POLLS = CK_EPOCH_LENGTH, DRAIN_PAUSE_NS = 100000 };

static ck_epoch_t epochs;
static ck_epoch_record_t reaper;		/* of who has set `reaping` */
static atomic_flag reaping = ATOMIC_FLAG_INIT;
static struct epoch_entry *batch;		/* the reaper's, in its grace period */
static ck_epoch_entry_t batch_mark;
static bool batch_over;
static _Atomic(struct epoch_entry *) pending;
static _Atomic uint64_t deferred, called;

static _Thread_local ck_epoch_record_t *mine;
static _Thread_local struct thread_end mine_end;
static _Thread_local bool am_reaping;

__attribute__((constructor)) static void
make_epochs(void)
{
	ck_epoch_init(&epochs);
	ck_epoch_register(&epochs, &reaper, NULL);
}

/* Records are never freed: the next thread takes over what an ended one has left. */
static void
leave(void)
{
	ck_epoch_record_t *record = TAKE(&mine);

	assert(record->active == 0);
	ck_epoch_unregister(record);
}

static void
enter(void)
{
	ck_epoch_record_t *record = ck_epoch_recycle(&epochs, NULL);

	if (record == NULL) {
		record = xaligned(CK_MD_CACHELINE, sizeof *record);
		ck_epoch_register(&epochs, record, NULL);
	}
	mine = record;
	thread_at_end(&mine_end, leave);
}

void
epoch_begin(void)
{
	if (__builtin_expect(mine == NULL, 0))
		enter();
	ck_epoch_begin(mine, NULL);
}

void
epoch_end(void)
{
	SECTION_LEFT(&epochs);
	ck_epoch_end(mine, NULL);
}

void
epoch_defer(struct epoch_entry *e, void (*free)(struct epoch_entry *e))
{
	struct epoch_entry *top = atomic_load_explicit(&pending, memory_order_relaxed);

	e->free = free;
	atomic_fetch_add_explicit(&deferred, 1, memory_order_relaxed);
	do {
		e->next = top;		/* the release pairs with the reaper's exchange */
	} while (!atomic_compare_exchange_weak_explicit(&pending, &top, e,
	    memory_order_release, memory_order_relaxed));
}

static void
grace_over(ck_epoch_entry_t *mark)
{
	(void)mark;
	batch_over = true;
}

/*
 * One step of reaping; the calls are made in the order of deferring.  False: nothing to
 * do now.
 */
static bool
reap(void)
{
	struct epoch_entry *oldest = NULL, *e;
	uint64_t n = 0;

	if (batch == NULL) {
		batch = atomic_exchange_explicit(&pending, NULL, memory_order_acquire);
		if (batch == NULL)
			return false;
		batch_over = false;
		ck_epoch_call(&reaper, &batch_mark, grace_over);
	}
	for (int i = 0; i < GRACE_POLLS && !batch_over; i++)
		if (!ck_epoch_poll(&reaper))
			break;
	if (!batch_over)
		return false;
	GRACE_OVER(&epochs);
	while ((e = batch) != NULL) {
		batch = e->next;
		e->next = oldest;
		oldest = e;
	}
	for (; (e = oldest) != NULL; n++) {
		oldest = e->next;
		e->free(e);
	}
	atomic_fetch_add_explicit(&called, n, memory_order_release);
	return true;
}

void
epoch_poll(void)
{
	if (atomic_load_explicit(&deferred, memory_order_relaxed) ==
	    atomic_load_explicit(&called, memory_order_relaxed))
		return;
	if (atomic_flag_test_and_set_explicit(&reaping, memory_order_acquire))
		return;			/* another thread is at it */
	am_reaping = true;
	while (reap())
		;
	am_reaping = false;
	atomic_flag_clear_explicit(&reaping, memory_order_release);
}

static void
called_for_nothing(struct epoch_entry *e)
{
	(void)e;
}

void
epoch_drain(void)
{
	static const struct timespec pause = { 0, DRAIN_PAUSE_NS };
	struct epoch_entry own;
	uint64_t upto;

	assert(!am_reaping && (mine == NULL || mine->active == 0));
	/* One of our own: without a deferral there would be no grace period to wait for. */
	epoch_defer(&own, called_for_nothing);
	upto = atomic_load_explicit(&deferred, memory_order_acquire);
	/*
	 * Batches go in order, one at a time: so many calls made are all deferred until
	 * now.
	 */
	for (;;) {
		epoch_poll();
		if (atomic_load_explicit(&called, memory_order_acquire) >= upto)
			return;
		nanosleep(&pause, NULL);
	}
}
