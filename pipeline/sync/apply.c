/*
 * Records to the store: freeze what there is, wait until it is durable in the journal, apply
 * oldest first, then let the checkpoint move.  engine.md §1.4.
 */
#include "pipeline/sync/inner.h"

static void
freeze(struct sync *y, void *arg)
{
	(void)arg;
	mutex_lock(&y->share->order);
	(void)catalog_freeze_locked(y->share->catalog, 0);	/* nothing to freeze is fine */
	mutex_unlock(&y->share->order);
}

enum status
sync_apply(struct sync *y, struct work *by)
{
	struct share *s = y->share;
	lsn_t lsn, applied = 0;
	enum status st = OK;

	sync_visit(y, by, freeze, NULL);
	while (st == OK && (lsn = catalog_frozen_lsn(s->catalog)) != 0) {
		if ((st = block_wait(s, lsn)) == OK &&
		    (st = catalog_apply_oldest(s->catalog, y->fence)) == OK)
			applied = lsn;
	}
	if (st == OK)
		st = sync_checkpoint(y, applied);
	return st;
}
