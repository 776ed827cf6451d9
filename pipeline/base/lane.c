/*
 * Looks instead of wakes: the log's thread has no time to wake who waits, and pays for two
 * additions alone.
 */
#include "pipeline/base/lane.h"

#include "pipeline/base/clock.h"

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

enum { LOOKS = 12, LOOK_NS = 20000,	/* the kernel adds 50 µs to each */
	HURRY_MS = 250 };

static _Atomic uint32_t logs;		/* in the lane */
static _Atomic bool taken;		/* by a slice */
static _Atomic uint64_t hurry_until_ns;

void
lane_log_enters(void)
{
	atomic_fetch_add_explicit(&logs, 1, memory_order_relaxed);
}

void
lane_log_leaves(void)
{
	atomic_fetch_sub_explicit(&logs, 1, memory_order_relaxed);
}

static bool
hurries(void)
{
	return clock_mono_ns() < atomic_load_explicit(&hurry_until_ns, memory_order_relaxed);
}

bool
lane_enter(void)
{
	for (int i = 0; i < LOOKS; i++) {
		if (hurries())
			return false;
		if (atomic_load_explicit(&logs, memory_order_relaxed) == 0 &&
		    !atomic_exchange_explicit(&taken, true, memory_order_relaxed))
			return true;
		nanosleep(&(struct timespec){ .tv_nsec = LOOK_NS }, NULL);
	}
	return false;
}

void
lane_leave(bool entered)
{
	if (entered)
		atomic_store_explicit(&taken, false, memory_order_relaxed);
}

void
lane_hurry(void)
{
	atomic_store_explicit(&hurry_until_ns, clock_mono_ns() + HURRY_MS * NS_PER_MS,
	    memory_order_relaxed);
}
