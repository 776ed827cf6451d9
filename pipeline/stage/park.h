/*
 * Leaving the thread.  A stage that must wait puts job->link on a list of its own (under its own
 * lock), calls park_begin *before* the job can be found there, and returns TURN_PARK.  Whoever
 * changes the thing waited for takes the job off that list and wakes it, once.
 */
#ifndef STAGE_PARK_H
#define STAGE_PARK_H

#include "pipeline/stage/job.h"

/* job is about to be published to a wait list.  deadline_ns 0: none.  A job whose deadline
 * passes is told by `expire` on its home worker: it takes the job off its list (if it is still
 * there) and returns true; false where a wake is already on its way. */
void park_begin(struct job *job, uint64_t deadline_ns, bool (*expire)(struct job *job));

/* The job goes on from its floor's down(), on its home worker.  Any thread, also before the
 * parking thread has left.  Exactly once a park_begin. */
void job_wake(struct job *job);

/* Wake many of them with one look at each home. v is borrowed. */
void job_wake_many(struct job **v, uint32_t n);

#endif
