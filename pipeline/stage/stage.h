/*
 * The machine.  A stage is a pair of functions; the machine carries vectors of jobs down and up
 * the floors, runs a stage at once where its queue is empty and the budget lasts (bypass), and
 * crosses a thread boundary only where a stage says that it must wait.
 *
 * A job that turns at a floor begins its climb with that floor's own up().  up() is called for the
 * floors whose down() was due (not skipped), whatever skip() would say by then.
 *
 * down() of one job says:
 *	TURN_DOWN	nothing more to do here, next floor
 *	TURN_UP		the answer is ready (or failed: job->status): climb from here
 *	TURN_PARK	the job waits; somebody has it on a list and will job_wake() it
 *	TURN_POOL	this needs to wait: run this floor's down() again in the stage's pool
 * A woken or pooled job starts down() of its floor afresh.  In a pool, down() may block; what it
 * returns is carried out by the home worker.
 *
 * up() never blocks; TURN_UP goes on climbing, TURN_DOWN starts the next operation of the same
 * job from DECODE's floor + 1 (a compound), TURN_PARK ends the job's walk here: its owner
 * (net) has taken it.
 */
#ifndef STAGE_STAGE_H
#define STAGE_STAGE_H

#include "pipeline/stage/job.h"

enum turn { TURN_DOWN, TURN_UP, TURN_PARK, TURN_POOL };

struct stage_ops {
	bool (*skip)(const struct job *job);	/* "no business with me", both ways; NULL: never */
	enum turn (*down)(struct job *job);	/* NULL: pass */
	enum turn (*up)(struct job *job);	/* NULL: pass */
};

/* Before machine_start, by assemble alone. */
void stage_set(enum floor floor, const struct stage_ops *ops);

struct machine_conf {
	uint32_t workers;		/* 0: one a core */
	uint32_t jobs;			/* the pool's size, and the width of every ring */
};

void machine_start(const struct machine_conf *conf);
void machine_stop(void);		/* all connections are closed by then; joins all threads */

/* Carry a vector of fresh jobs down from floor on.  Their home worker alone. */
void machine_descend(struct worker *w, enum floor floor, struct job **v, uint32_t n);

/* Add a fresh job to the vector that goes down from DECODE when it is full, or at the latest when
 * this turn's sockets have been read.  Its home worker alone. */
void machine_feed(struct worker *w, struct job *job);

/* Start a job of our own (done set, no connection) on its home worker, from floor on.
 * Any thread. */
void machine_submit(struct job *job, enum floor floor);

/* Am I in a pool's thread, so that waiting is allowed? */
bool stage_may_wait(const struct job *job);
bool stage_in_pool(void);			/* the same, where no job is at hand */

/* What a stage has done: for metrics, summed over workers. */
struct stage_gauge {
	uint64_t in, bypassed, queued, pooled, parked;
	uint64_t service_ns;		/* sum, estimated from samples */
	uint64_t wait_ns;		/* sum, in queues */
	uint64_t depth;			/* now, in queues and pools */
};
void stage_gauge_read(enum floor floor, struct stage_gauge *out);
const char *stage_name(enum floor floor);

#endif
