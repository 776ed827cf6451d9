/*
 * Inside of sync: bringing here, whole, the containers of a share, or of a path in it, that only
 * the remote has.  One at a time a share; where it stands can be asked, and it can be given up.
 */
#ifndef SYNC_WARM_H
#define SYNC_WARM_H

#include "pipeline/sync/inner.h"

struct warm *warm_new(struct sync *y);		/* of a share that has a remote */
void warm_free(struct warm **wp);		/* given up first; warm_end was called */
void warm_end(struct warm *w);			/* no run begins any more, none is under way */

/* The data errand: rows say of what was brought that it is here. */
must_check enum status warm_settle(struct warm *w, struct work *by);

#endif
