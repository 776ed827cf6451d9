/*
 * Local containers that the remote has, as a durable row says, are dropped: all of them where an
 * operator asks, else the oldest while they are more than the share may keep.  The file goes
 * first: a row that still calls it local is only a guess, and what is not here is read from there.
 */
#include "pipeline/sync/inner.h"

#include "pipeline/base/log.h"
#include "pipeline/base/meter.h"
#include "pipeline/block/mirror.h"

#include <stdlib.h>

#define SPARSE_BYTES (2ull << 30)	/* of parts kept, where nothing is said */

enum { FILES_A_RUN = 64 };

struct victims {
	struct sync *sync;
	struct { uint64_t number; struct container_row row; } v[FILES_A_RUN];
	uint32_t n;
	uint64_t last;
	bool more, soon;		/* soon: one that a row calls remote is not durable yet */
	enum status st;
};

static bool
see_row(void *arg, struct slice key, const struct version *v)
{
	struct victims *vs = arg;
	struct container_row row;

	if (vs->n == FILES_A_RUN) {
		vs->more = true;
		return false;
	}
	vs->st = key.len != 9 ? ST_CORRUPT : rec_container_decode(v->body, &row);
	if (vs->st != OK)
		return false;
	vs->last = get_be64(key.at + 1);
	if (row.state != CONTAINER_LIVE || !row.remote || !row.local)
		return true;
	if (!block_durable(vs->sync->share, v->lsn)) {
		vs->soon = true;
	} else {
		vs->v[vs->n].number = vs->last;
		vs->v[vs->n++].row = row;
	}
	return true;
}

/* What is acknowledged as durable is in a durable place at all times. */
static bool
may_evict(const struct share *s)
{
	return s->remote != NULL && !s->remote_volatile;
}

static bool
too_much(const struct sync *y)
{
	uint64_t most = atomic_load(&y->share->now.local_bytes);

	return most != 0 && mirror_bytes(block_mirror(y->share)) > most;
}

static void
put_row(struct txn *t, uint64_t number, struct container_row *row)
{
	struct key key = key_container(number);
	uint8_t room[64];
	struct writer w = writer_of(room, sizeof room);

	row->local = false;
	rec_container_encode(&w, row);
	assert(writer_ok(&w));
	txn_put(t, key_slice(&key), slice_of(room, w.len), NULL);
}

static enum status
drop(struct sync *y, struct work *by, struct victims *vs, bool all)
{
	struct txn *t = sync_txn(y);
	enum status st = t == NULL ? ST_RESOURCE : OK;
	uint32_t n;
	lsn_t lsn;

	for (n = 0; n < vs->n && st == OK && (all || too_much(y)); n++) {
		st = mirror_thin(block_mirror(y->share), vs->v[n].number);
		if (st == ST_NOENT)
			st = OK;
		if (st == OK)
			put_row(t, vs->v[n].number, &vs->v[n].row);
	}
	if (st == OK && n > 0) {
		meter_add(METER_EVICTED, n);
		atomic_fetch_add(&y->evicted, n);
		st = sync_commit(y, by, TAKE(&t), &lsn);
	}
	if (t != NULL)
		txn_free(&t);
	return st;
}

enum status
sync_evict(struct sync *y, struct work *by, bool *more)
{
	static const uint8_t tag = TAG_CONTAINER;
	uint64_t most = atomic_load(&y->share->now.local_bytes),
		 sparse = most != 0 ? most / 4 : SPARSE_BYTES;
	bool all = atomic_load(&y->evict_all);
	struct key from = key_container(y->evict_from);
	struct victims *vs;
	enum status st;

	*more = false;
	if (!may_evict(y->share))
		return OK;
	if (all && y->evict_from == 0)
		mirror_sparse_trim(block_mirror(y->share), 0);
	else if (mirror_sparse_bytes(block_mirror(y->share)) > sparse)
		mirror_sparse_trim(block_mirror(y->share), sparse / 4 * 3);
	if (!all && !too_much(y))
		return OK;
	vs = xcalloc(1, sizeof *vs);
	vs->sync = y;
	st = catalog_scan(y->share->catalog, slice_of(&tag, 1), key_slice(&from), true, see_row,
	    vs);
	if (st == OK)
		st = vs->st;
	if (st == OK && vs->n > 0)
		st = drop(y, by, vs, all);
	*more = vs->more;
	y->evict_from = vs->more ? vs->last + 1 : 0;
	if (st == OK && !vs->more && !vs->soon)
		atomic_store(&y->evict_all, false);
	free(vs);
	return st;
}

bool
sync_evict_share(struct share *s)
{
	struct sync *y = s->sync;

	if (!may_evict(s))
		return false;
	atomic_store(&y->evict_all, true);
	work_post(&y->data);
	return true;
}
