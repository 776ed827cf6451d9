/*
 * The checkpoint moves after the store's own sync, which means all batches before it; segments
 * that nobody needs any more are freed behind it.
 */
#include "pipeline/sync/inner.h"

enum status
sync_checkpoint(struct sync *y, lsn_t applied)
{
	struct share *s = y->share;
	enum status st = OK;

	if (applied != 0 && (st = s->store->ops->sync(s->store)) == OK)
		st = block_checkpoint(s, applied);
	if (st == OK)
		(void)block_recycle(s);		/* how many is a matter of metrics */
	return st;
}
