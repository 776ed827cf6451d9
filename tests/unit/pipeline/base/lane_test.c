/*
 * Who writes in the background waits for the log, but not for ever, and not where the log is full.
 */
#include "pipeline/base/lane.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/panic.h"
#include "tests/lib/check.h"

#include <time.h>

enum { TRIES = 200, PAUSE_NS = 100000 };	/* a pause is longer, and no pause is shorter */

/* The shortest of some: what the machine does meanwhile makes it longer only. */
static uint64_t
shortest(void)
{
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < TRIES; i++) {
		uint64_t began = clock_mono_ns();

		lane_leave(lane_enter());
		least = MIN(least, clock_mono_ns() - began);
	}
	return least;
}

CASE(a_background_write_pauses_while_a_log_is_there_and_goes_on_in_the_end)
{
	TRUE(shortest() < PAUSE_NS);
	lane_log_enters();
	TRUE(shortest() > PAUSE_NS);
	lane_log_enters();
	lane_log_leaves();
	TRUE(shortest() > PAUSE_NS);		/* one of two is there still */
	lane_log_leaves();
	TRUE(shortest() < PAUSE_NS);
}

CASE(one_slice_of_all_is_in_the_lane)
{
	bool entered = lane_enter();

	EQ(entered, true);
	EQ(lane_enter(), false);		/* beside it, in the end */
	lane_leave(false);
	TRUE(shortest() > PAUSE_NS);
	lane_leave(entered);
	TRUE(shortest() < PAUSE_NS);
}

CASE(nobody_gives_way_to_a_log_that_fills_up_and_everybody_does_again_later)
{
	lane_log_enters();
	lane_hurry();
	TRUE(shortest() < PAUSE_NS);
	nanosleep(&(struct timespec){ .tv_nsec = 400 * NS_PER_MS }, NULL);
	TRUE(shortest() > PAUSE_NS);
	lane_log_leaves();
}
