/*
 * Inside of sync: what an eviction keeps from one run of the data errand to the next.
 */
#ifndef SYNC_EVICT_H
#define SYNC_EVICT_H

#include "pipeline/sync/inner.h"

struct evict *evict_new(struct sync *y);	/* of a share that has a remote */
void evict_free(struct evict **ep);		/* errands are over */

#endif
