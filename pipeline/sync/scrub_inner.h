/*
 * Inside of scrub: what scrub.c (when, how far) and scrub_one.c (one container) share.
 */
#ifndef SYNC_SCRUB_INNER_H
#define SYNC_SCRUB_INNER_H

#include "pipeline/block/whole.h"
#include "pipeline/sync/pressure.h"
#include "pipeline/sync/scrub.h"

enum scrub_phase { PHASE_CONTAINERS, PHASE_ROWS };

enum scrub_step { STEP_NONE, STEP_GET, STEP_WAIT, STEP_JUDGE, STEP_LOCAL, STEP_REMOTE };

struct scrub_one {			/* the container at hand */
	enum scrub_step step;
	uint64_t number;
	struct container_row row;
	bool local_bad, remote_asked, remote_bad;
	struct whole here, there;
	struct whole *best;		/* one of them, with all that is good */
	uint32_t tries;
};

struct scrub {
	struct sync *sync;
	struct mutex mutex;		/* rank LEDGER: asks, seen, order, call_runs */
	struct cond ended;
	bool begin, begin_remote, stop;	/* asked for */
	struct sync_scrub seen;
	bool ordered, settled;		/* the data errand is to do, has done, the step at hand */
	enum status outcome;
	bool call_runs;

	/* the errand's */
	bool loaded;			/* what an earlier life left */
	enum scrub_phase phase;
	uint64_t after;			/* containers up to that have been looked at */
	struct { uint32_t len; uint8_t bytes[META_KEY_MAX + 1]; } from;	/* of rows */
	uint64_t kept_ns;		/* when it was last written down */
	_Atomic uint64_t due_ns;
	struct pressure_gauge gauge;
	struct scrub_one one;
	struct block_call call;
};

/* --- scrub_one.c --- */

/* The next container behind s->after; false: there is none. */
bool scrub_pick(struct scrub *s, enum status *st);

/* Go on with it; s->one.step is STEP_NONE when it is done.  DELAY: the remote is away. */
must_check enum status scrub_step(struct scrub *s);

void scrub_one_drop(struct scrub *s);

#define SCRUB_ADD(s, member, by) scrub_count(s, &(s)->seen.member, by)
void scrub_count(struct scrub *s, uint64_t *of, uint64_t by);

#endif
