/*
 * The checkpoint moves after the store's own sync, which means all batches before it; segments
 * that nobody needs any more are freed behind it.
 */
#include "pipeline/sync/inner.h"

#include "pipeline/base/fault.h"

enum status
sync_checkpoint(struct sync *y, lsn_t applied)
{
	struct share *s = y->share;
	enum status st = OK;

	if (applied != 0)
		st = FAULT("store.sync") ? ST_IO : s->store->ops->sync(s->store);
	if (st == OK && applied != 0)
		st = block_checkpoint(s, applied);
	if (st == OK)
		(void)block_recycle(s);		/* how many is a matter of metrics */
	return st;
}
