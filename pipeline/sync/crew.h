/*
 * Helpers of an errand: its long computing is shared out among idle threads of the stage's pool,
 * and a few tasks may go on beside it.  Nothing waits for a thread: what no helper has begun, the
 * errand does itself, so that pools in which every thread is somebody's errand go on.
 */
#ifndef SYNC_CREW_H
#define SYNC_CREW_H

#include <stdbool.h>
#include <stdint.h>

enum { CREW_SEATS_MAX = 4,		/* who computes at once: the errand and three helpers */
	CREW_AHEAD = 3 };		/* windows in the making */

/* What may go on beside the errand, one of each. */
enum crew_task { CREW_PUT, CREW_WINDOW, CREW_TASKS = CREW_WINDOW + CREW_AHEAD };

struct crew;

/* number: of the share, for the mutex's rank. */
struct crew *crew_new(uint64_t number);

/* Nothing runs by it any more; what still stands in the pool's queue is waited for. */
void crew_free(struct crew **cp);

/* How many may compute at once; seats are numbered from 0, the errand's own. */
uint32_t crew_seats(const struct crew *c);

/*
 * Leave a core to others, or do not (so it begins): loops from now on are shared by one fewer than
 * there are cores, on two cores by nobody.  crew_width: by how many.  From crew_run's thread.
 */
void crew_leave_core(struct crew *c, bool leave);
uint32_t crew_width(const struct crew *c);

/*
 * Call one(arg, seat, i) once for each i below n, on this thread and on helpers, no seat twice at
 * the same time.  All are over when it returns.  bytes: what all have to do with; little is not
 * worth a wake-up and stays here.  From one thread at a time, the one that calls crew_begin, too.
 */
void crew_run(struct crew *c, uint32_t n, uint64_t bytes,
    void (*one)(void *arg, uint32_t seat, uint32_t i), void *arg);

/* Run run(arg) beside the caller, as that task, of which none goes on.  arg: borrowed until
 * crew_end. */
void crew_begin(struct crew *c, enum crew_task task, void (*run)(void *arg), void *arg);

/* The task is over when it returns; there may be none. */
void crew_end(struct crew *c, enum crew_task task);

#endif
