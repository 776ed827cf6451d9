/*
 * The disk's lane.  A disk serves what it was given in turn, and a flush waits for all of it: who
 * reads or writes much in the background does it by slices, one slice of all of them at a time, and
 * gives way to the log.  So a commit beside it meets a slice, not a container.  Every wait is
 * bounded: no slow disk holds up another for long, and a log that is always there does not stop
 * what makes it room.
 */
#ifndef BASE_LANE_H
#define BASE_LANE_H

#include <stdbool.h>

enum { LANE_SLICE = 64 << 10 };	/* bytes */

/* Around what a log writes and syncs.  Counted; any thread. */
void lane_log_enters(void);
void lane_log_leaves(void);

/*
 * Around each slice that is read or written in the background: waits while a log or another slice
 * is in the lane, for about a millisecond at most.  False: it goes beside them.  lane_leave is told
 * what lane_enter said.
 */
bool lane_enter(void);
void lane_leave(bool entered);

/* A log fills up: for the next quarter of a second nobody waits. */
void lane_hurry(void);

#endif
