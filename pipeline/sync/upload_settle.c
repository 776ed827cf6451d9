/*
 * The data errand's half of uploading: it alone changes rows of containers, so it notes what has
 * arrived, asks for what is to go, and forgets what needs to go nowhere any more.
 */
#include "pipeline/sync/upload_inner.h"

#include "pipeline/block/mirror.h"
#include "pipeline/block/rows.h"

enum { SETTLE_ROWS = 64 };

/* The row of what has arrived; one that is dying stays as it is, and will be deleted there too. */
static enum status
note_row(struct upload *u, struct txn *t, const struct item *it)
{
	struct container_row row;
	enum status st = rows_container(u->sync->share, it->number, &row, NULL);

	if (st == OK && row.state == CONTAINER_LIVE) {
		row.remote = true;
		row.again = false;
		row.fence = it->fence;
		rows_container_put(t, it->number, &row);
	}
	return st == ST_NOENT ? OK : st;
}

enum status
upload_settle(struct upload *u, struct work *by, bool *more)
{
	struct item it[SETTLE_ROWS];
	enum status st = OK;
	uint32_t n = 0;
	struct txn *t;
	lsn_t lsn;

	mutex_lock(&u->mutex);
	while (n < SETTLE_ROWS && items_pop(&u->arrived, &it[n]))
		n++;
	u->settling = n;
	mutex_unlock(&u->mutex);
	*more = n == SETTLE_ROWS;
	if (n == 0)
		return OK;
	t = sync_txn(u->sync);
	st = t == NULL ? ST_RESOURCE : OK;
	for (uint32_t i = 0; i < n && st == OK; i++)
		st = note_row(u, t, &it[i]);
	if (st == OK)
		st = sync_commit(u->sync, by, TAKE(&t), &lsn);
	if (t != NULL)
		txn_free(&t);
	mutex_lock(&u->mutex);
	for (uint32_t i = 0; i < n; i++) {
		if (st == OK)
			upload_pending_add(u, -(int64_t)it[i].bytes);
		else
			items_push(&u->arrived, &it[i]);
	}
	u->settling = 0;
	mutex_unlock(&u->mutex);
	block_sent(u->sync->share);
	return st;
}

/* Its file's own, since that is what was put; the row's where there is no file. */
uint64_t
upload_fence(struct upload *u, uint64_t number)
{
	struct share *s = u->sync->share;
	struct container_row row;
	uint64_t said;

	if (mirror_head(block_mirror(s), number, &said, NULL) == OK)
		return said;
	return rows_container(s, number, &row, NULL) == OK && row.fence != 0 ? row.fence :
	    u->sync->fence;
}

static bool
on_its_way_locked(const struct upload *u, uint64_t number)
{
	for (int i = 0; i < UPLOAD_SLOTS; i++)
		if (u->slot[i].state != SLOT_FREE && u->slot[i].item.number == number)
			return true;
	return items_has(&u->unwanted, number) || items_has(&u->arrived, number) ||
	    items_has(&u->refused, number);
}

static void
forget_of_locked(struct upload *u, struct items *q, uint64_t number)
{
	for (size_t i = q->at; i < q->n; i++)
		if (q->v[i].number == number)
			upload_pending_add(u, -(int64_t)q->v[i].bytes);
	items_take(q, number);
}

/* It is to go from there, and may not. */
static bool
kept_there_locked(const struct upload *u, uint64_t number)
{
	for (size_t i = u->refused.at; i < u->refused.n; i++)
		if (u->refused.v[i].number == number && u->refused.v[i].del)
			return true;
	return false;
}

static void
forget_locked(struct upload *u, uint64_t number)
{
	forget_of_locked(u, &u->queue, number);
	forget_of_locked(u, &u->held, number);
	if (!kept_there_locked(u, number))
		forget_of_locked(u, &u->refused, number);
}

void
upload_forget(struct upload *u, uint64_t number)
{
	mutex_lock(&u->mutex);
	forget_locked(u, number);
	mutex_unlock(&u->mutex);
}

/* Where it was never begun, there is nothing to delete but what a lost reply has left: asked all
 * the same, since only the store knows. */
bool
upload_gone(struct upload *u, uint64_t number, uint64_t fence)
{
	struct item it = { .number = number, .fence = fence };
	bool gone;

	mutex_lock(&u->mutex);
	upload_made_no_more_locked(u, number);
	gone = items_take(&u->gone, number);
	if (!gone && !kept_there_locked(u, number))
		forget_locked(u, number);
	if (!gone && !on_its_way_locked(u, number)) {
		items_push(&u->unwanted, &it);
		work_post(&u->sync->up);
	}
	mutex_unlock(&u->mutex);
	block_sent(u->sync->share);
	return gone;
}

bool
upload_kept_there(struct upload *u, uint64_t number)
{
	bool kept;

	mutex_lock(&u->mutex);
	kept = kept_there_locked(u, number);
	mutex_unlock(&u->mutex);
	return kept;
}

bool
upload_refused_new(struct upload *u)
{
	bool any;

	mutex_lock(&u->mutex);
	any = u->refused_new;
	u->refused_new = false;
	mutex_unlock(&u->mutex);
	return any;
}

bool
upload_refused(struct upload *u, uint64_t number)
{
	bool is = false;

	mutex_lock(&u->mutex);
	for (size_t i = u->refused.at; i < u->refused.n && !is; i++)
		is = u->refused.v[i].number == number && !u->refused.v[i].del &&
		    u->refused.v[i].refusals >= REFUSED_TIMES;
	mutex_unlock(&u->mutex);
	return is;
}

static bool
any_below(const struct items *q, uint64_t below)
{
	for (size_t i = q->at; i < q->n; i++)
		if (q->v[i].number < below && !q->v[i].del)
			return true;
	return false;
}

bool
upload_arrived(struct upload *u, lsn_t lsn, uint64_t below)
{
	bool all;

	mutex_lock(&u->mutex);
	all = u->looked && u->learned >= lsn && u->settling == 0 &&
	    !any_below(&u->queue, below) && !any_below(&u->held, below) &&
	    !any_below(&u->refused, below) &&
	    !any_below(&u->arrived, below);
	for (int i = 0; i < UPLOAD_SLOTS && all; i++)
		all = u->slot[i].state == SLOT_FREE || u->slot[i].item.del ||
		    u->slot[i].item.number >= below;
	mutex_unlock(&u->mutex);
	return all;
}

void
upload_again(struct upload *u, uint64_t number, uint64_t bytes)
{
	mutex_lock(&u->mutex);
	items_push(&u->queue, &(struct item){ .number = number, .bytes = bytes, .over = true });
	upload_pending_add(u, (int64_t)bytes);
	mutex_unlock(&u->mutex);
	work_post(&u->sync->up);
}
