/*
 * The reaper works off what operations dropped: contents that are gone, leaves that were
 * replaced.  It goes in slices, each one entry; where it stands is in the rows themselves, so a
 * crash between two slices loses nothing.  What holds no chunk any more is deleted after the
 * entry that says so is durable.
 */
#include "pipeline/sync/inner.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/base/meter.h"
#include "pipeline/block/mirror.h"
#include "pipeline/block/rows.h"
#include "pipeline/record/key.h"
#include "pipeline/sync/ledger.h"
#include "pipeline/sync/upload.h"

#include <stdlib.h>

enum { ROWS_A_SLICE = 64, COUNTS_A_SLICE = 1024, SLICES_A_RUN = 32, FILES_A_RUN = 64 };

struct reaping {			/* one slice */
	struct sync *sync;
	struct ledger *ledger;
	struct txn *txn;
	uint32_t rows;
	bool more;
};

struct rows {				/* of a scan, copied: nothing may be asked inside it */
	struct { struct key key; struct reap reap; uint64_t leaf; } v[ROWS_A_SLICE];
	uint32_t n, max;
	bool more;
	enum status st;
};

static bool
room_for_row(struct rows *r, struct slice key)
{
	if (r->n == r->max || key.len >= sizeof r->v[0].key.bytes) {
		r->more = true;
		return false;
	}
	r->v[r->n].key.len = (uint16_t)key.len;
	memcpy(r->v[r->n].key.bytes, key.at, key.len);
	return true;
}

static bool
take_reap(void *arg, struct slice key, const struct version *v)
{
	struct rows *r = arg;

	if (!room_for_row(r, key))
		return false;
	r->st = rec_reap_decode(v->body, &r->v[r->n].reap);
	r->n += r->st == OK;
	return r->st == OK;
}

static bool
take_map(void *arg, struct slice key, const struct version *v)
{
	struct rows *r = arg;

	if (!room_for_row(r, key))
		return false;
	r->st = rec_map_decode(v->body, &r->v[r->n].leaf);
	r->n += r->st == OK;
	return r->st == OK;
}

static enum status
scan_maps(struct sync *y, uint64_t content, uint32_t max, struct rows *r)
{
	struct key prefix = key_map_prefix(content);
	enum status st;

	*r = (struct rows){ .max = MIN(max, (uint32_t)ROWS_A_SLICE) };
	st = catalog_scan(y->share->catalog, key_slice(&prefix), slice_of(NULL, 0), true,
	    take_map, r);
	return st == OK ? r->st : st;
}

/* Has this slice enough? */
static bool
full(const struct reaping *rp)
{
	return rp->rows >= ROWS_A_SLICE || ledger_size(rp->ledger) >= COUNTS_A_SLICE;
}

/* The map rows of a content that is gone; its reap row goes with the last of them. */
static enum status
reap_content(struct reaping *rp, uint64_t content, bool *over)
{
	struct rows *r = xmalloc(sizeof *r);
	enum status st = scan_maps(rp->sync, content, ROWS_A_SLICE - rp->rows, r);
	uint32_t i;

	for (i = 0; i < r->n && st == OK && !full(rp); i++, rp->rows++) {
		txn_del(rp->txn, key_slice(&r->v[i].key), NULL);
		st = ledger_drop_leaf(rp->ledger, rp->txn, r->v[i].leaf);
	}
	*over = i == r->n && !r->more;
	free(r);
	return st;
}

static enum status
reap_row(struct reaping *rp, const struct key *key, const struct reap *reap)
{
	bool over = true;
	enum status st;

	if (reap->from_window == REAP_LEAF)
		st = ledger_drop_leaf(rp->ledger, rp->txn, reap->content);
	else
		st = reap_content(rp, reap->content, &over);
	if (st == OK && over)
		txn_del(rp->txn, key_slice(key), NULL);
	rp->more |= !over;
	rp->rows++;
	return st;
}

static enum status
commit_slice(struct reaping *rp, struct work *by)
{
	enum status st = ledger_settle(rp->ledger, rp->txn);
	const uint64_t *dying;
	uint32_t n;
	lsn_t lsn;

	if (st != OK)
		return st;
	if ((st = sync_commit(rp->sync, by, TAKE(&rp->txn), &lsn)) != OK)
		return st;
	rp->sync->freed = true;
	dying = ledger_dying(rp->ledger, &n);
	for (uint32_t i = 0; i < n; i++)
		sync_dying(rp->sync, dying[i], lsn);
	meter_add(METER_REAPED, rp->rows);
	return OK;
}

/* One entry's worth; *more: rows are left. */
static enum status
slice_of_work(struct sync *y, struct work *by, const struct rows *r, bool *more)
{
	struct reaping rp = { .sync = y, .ledger = ledger_new(y->share), .txn = sync_txn(y) };
	enum status st = rp.txn == NULL ? ST_RESOURCE : OK;
	uint32_t i;

	for (i = 0; i < r->n && st == OK && !full(&rp); i++)
		st = reap_row(&rp, &r->v[i].key, &r->v[i].reap);
	*more = r->more || rp.more || i < r->n;
	if (st == OK)
		st = commit_slice(&rp, by);
	if (rp.txn != NULL)
		txn_free(&rp.txn);
	ledger_free(&rp.ledger);
	return st;
}

/*
 * Damage under one row must not keep the others: a slice that meets it is done again row by row,
 * and the row itself is left alone until the share is opened again.
 */
static enum status
around_damage(struct sync *y, const struct rows *r, bool *more)
{
	*more = true;
	if (!y->reap_single) {
		y->reap_single = true;
		return OK;
	}
	y->reap_single = false;
	y->reap_after = r->v[0].key;
	y->reap_after.bytes[y->reap_after.len++] = 0;	/* the next key there can be */
	return OK;
}

static enum status
reap_slice(struct sync *y, struct work *by, bool *more)
{
	static const uint8_t tag = TAG_REAP;
	struct rows *r = xmalloc(sizeof *r);
	enum status st;

	*r = (struct rows){ .max = y->reap_single ? 1 : ROWS_A_SLICE };
	st = catalog_scan(y->share->catalog, slice_of(&tag, 1), key_slice(&y->reap_after), true,
	    take_reap, r);
	if (st == OK)
		st = r->st;
	*more = false;
	if (st == OK && r->n > 0) {
		st = slice_of_work(y, by, r, more);
		if (st == ST_CORRUPT)
			st = around_damage(y, r, more);
	}
	free(r);
	return st;
}

/* --- the dying --- */

static void
add_dying(struct sync *y, struct dying d)
{
	if (y->ndying == y->dying_cap) {
		y->dying_cap = MAX(64u, y->dying_cap * 2);
		y->dying = xrealloc(y->dying, y->dying_cap * sizeof *y->dying);
	}
	y->dying[y->ndying++] = d;
}

void
sync_dying(struct sync *y, uint64_t number, lsn_t lsn)
{
	add_dying(y, (struct dying){ .number = number, .lsn = lsn,
		.due_ns = clock_mono_ns() + y->conf.grace_ms * NS_PER_MS,
		.after = atomic_load(&y->share->next_container) });
}

/*
 * Is the object gone?  It is asked for after its grace, for who has looked a chunk up there and
 * has yet to read it; and after all that was carved or moved before it died has arrived: what the
 * remote has is complete at any moment.
 */
static bool
object_gone(struct sync *y, const struct dying *d, uint64_t now, uint32_t *asked)
{
	if (y->upload == NULL)
		return true;
	return now >= d->due_ns && *asked < FILES_A_RUN &&
	    upload_arrived(y->upload, d->lsn, d->after) && (++*asked,
	    upload_gone(y->upload, d->number, d->fence));
}

bool
sync_dying_rest(const struct sync *y, bool there)
{
	uint64_t now = clock_mono_ns();

	for (uint32_t i = 0; i < y->ndying; i++)
		if (!y->dying[i].no_file || (there && now >= y->dying[i].due_ns &&
		    !(y->upload != NULL && upload_kept_there(y->upload, y->dying[i].number))))
			return false;
	return true;
}

/* The file, whose header tells under which name the object lies. */
static enum status
bury_file(struct sync *y, struct dying *d)
{
	enum status st;

	if (d->no_file)
		return OK;
	if (y->upload != NULL) {
		d->fence = upload_fence(y->upload, d->number);
		upload_forget(y->upload, d->number);
	}
	st = mirror_delete(block_mirror(y->share), d->number);
	d->no_file = st == OK || st == ST_NOENT;
	return d->no_file ? OK : st;
}

/*
 * The file and the object first: a row without them is found again, either without a row would be
 * swept or lie there for ever.  While the remote is away, files go all the same: room is wanted.
 * A share that has failed, or is not ours any more, deletes nothing.
 */
static enum status
bury(struct sync *y, struct work *by)
{
	uint64_t now = clock_mono_ns(), gone[FILES_A_RUN];
	uint32_t n = 0, kept = 0, asked = 0;
	struct txn *t = NULL;
	enum status st = OK;
	lsn_t lsn;

	for (uint32_t i = 0; i < y->ndying; i++) {
		struct dying *d = &y->dying[i];

		if (st == OK && n < FILES_A_RUN &&
		    (d->no_file || block_durable(y->share, d->lsn)) &&
		    (st = bury_file(y, d)) == OK && object_gone(y, d, now, &asked)) {
			gone[n++] = d->number;
			continue;
		}
		y->dying[kept++] = *d;
	}
	y->ndying = kept;
	if (n > 0 && (t = sync_txn(y)) == NULL)
		st = ST_RESOURCE;
	for (uint32_t i = 0; i < n && t != NULL; i++) {
		struct key key = key_container(gone[i]);

		txn_del(t, key_slice(&key), NULL);
	}
	if (t != NULL)
		st = sync_commit(y, by, t, &lsn);
	for (uint32_t i = 0; i < n && st != OK; i++)
		add_dying(y, (struct dying){ .number = gone[i], .due_ns = now });
	return st;
}

/* A dying entry that nobody waits for becomes durable at the journal's next tick; a drain asks. */
static enum status
hurry(struct sync *y)
{
	lsn_t last = 0;

	for (uint32_t i = 0; i < y->ndying; i++)
		last = MAX(last, y->dying[i].lsn);
	return last == 0 || !atomic_load(&y->draining) ? OK : block_wait(y->share, last);
}

enum status
sync_reap(struct sync *y, struct work *by, bool *more)
{
	enum status st = OK;

	*more = true;
	for (int i = 0; i < SLICES_A_RUN && *more && st == OK; i++)
		st = reap_slice(y, by, more);
	if (st == OK)
		st = hurry(y);
	return st == OK && y->ndying > 0 && block_state(y->share) == OK ? bury(y, by) : st;
}

/* --- at opening --- */

struct sweep {
	struct sync *sync;
	uint64_t *known;		/* in order, as the rows are */
	size_t n, cap;
	uint64_t *orphan;
	size_t norphan, orphan_cap;
};

static void
add_number(uint64_t **v, size_t *n, size_t *cap, uint64_t number)
{
	if (*n == *cap) {
		*cap = MAX((size_t)256, *cap * 2);
		*v = xrealloc(*v, *cap * sizeof **v);
	}
	(*v)[(*n)++] = number;
}

static bool
know_container(void *arg, const struct container_seen *c)
{
	struct sweep *sw = arg;

	add_number(&sw->known, &sw->n, &sw->cap, c->number);
	if (c->row.state == CONTAINER_DYING)
		add_dying(sw->sync, (struct dying){ .number = c->number, .lsn = c->lsn,
			.after = atomic_load(&sw->sync->share->next_container) });
	return true;
}

static int
by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static bool
know_file(void *arg, uint64_t number, uint64_t bytes)
{
	struct sweep *sw = arg;

	(void)bytes;
	if (sw->n == 0 ||
	    bsearch(&number, sw->known, sw->n, sizeof number, by_number) == NULL)
		add_number(&sw->orphan, &sw->norphan, &sw->orphan_cap, number);
	return true;
}

enum status
sync_sweep(struct sync *y)
{
	struct sweep sw = { .sync = y };
	struct mirror *m = block_mirror(y->share);
	enum status st;

	y->ndying = 0;
	st = rows_containers(y->share, 0, know_container, &sw);
	if (st == OK)
		st = mirror_walk(m, know_file, &sw);
	if (st == OK)
		st = mirror_walk_parts(m, know_file, &sw);
	for (size_t i = 0; i < sw.norphan && st == OK; i++) {
		log_info("container.orphan", F_STR("share", y->share->conf.name),
		    F_HEX("container", sw.orphan[i]));
		st = mirror_delete(m, sw.orphan[i]);
		if (st == ST_NOENT)	/* a part alone, or seen as both */
			st = OK;
	}
	free(sw.known);
	free(sw.orphan);
	y->swept = st == OK;
	return st;
}
