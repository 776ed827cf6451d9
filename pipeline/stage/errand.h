/*
 * Background work: small jobs without a request, run in a stage's pool at nice 10.  An errand
 * takes no mutex that requests take: what it has to commit it sends to a home worker by
 * worker_call.
 */
#ifndef STAGE_ERRAND_H
#define STAGE_ERRAND_H

#include "pipeline/base/list.h"
#include "pipeline/stage/job.h"

struct errand {
	struct list link;
	void (*run)(struct errand *e);
	bool queued;			/* the machine's: posting twice before it runs is once */
};

void errand_init(struct errand *e, void (*run)(struct errand *e));

/* Run it once in the pool of that floor (SYNC or MGMT).  Any thread. */
void errand_post(enum floor pool, struct errand *e);

/*
 * It is not to run again: true where it was to, and will not; false where nobody has posted it, or
 * it runs, and does not come again of itself.  True while it runs only where it has posted itself,
 * which must be the last thing that it does with what it is part of.
 */
bool errand_revoke(enum floor pool, struct errand *e);

/* Errands leave one core to requests; so it begins.  Or they do not; the last wish counts. */
void errands_leave_core(enum floor pool, bool leave);

/* Wait until no errand runs or is queued in that pool; for closing. */
void errand_drain(enum floor pool);

#endif
