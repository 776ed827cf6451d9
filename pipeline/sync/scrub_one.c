/*
 * One container of a scrub.  What is here is read and verified; what the remote has is fetched when
 * that is asked for, or when what is here is damaged.  From the two the best is made, unit by unit.
 *
 * The order of healing keeps the last good copy at all times: first the file here is whole, then
 * the row says that the object is not to be believed, and only then is it put over.  A file that a
 * row does not call remote is not evicted, and an upload verifies it once more.
 */
#include "pipeline/sync/scrub_inner.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/base/meter.h"
#include "pipeline/block/rows.h"
#include "pipeline/block/suspect.h"
#include "pipeline/sync/upload.h"

#include <stdlib.h>

enum { CALL_S = 60, TRIES_UNASKED = 3 };

/* --- rows --- */

static enum status
container_row(struct sync *y, uint64_t number, struct container_row *row)
{
	enum status st = rows_container(y->share, number, row, NULL);

	return st == OK && row->state != CONTAINER_LIVE ? ST_NOENT : st;
}

struct pick {
	struct scrub *scrub;
	bool found;
};

static bool
see_row(void *arg, const struct container_seen *c)
{
	struct pick *p = arg;

	p->scrub->one.number = c->number;
	p->scrub->one.row = c->row;
	p->found = c->row.state == CONTAINER_LIVE;
	return !p->found;
}

bool
scrub_pick(struct scrub *s, enum status *st)
{
	struct pick p = { .scrub = s };

	s->one = (struct scrub_one){ .step = STEP_NONE };
	*st = rows_containers(s->sync->share, s->after + 1, see_row, &p);
	if (*st != OK || !p.found)
		return false;
	s->one.step = STEP_GET;
	return true;
}

void
scrub_one_drop(struct scrub *s)
{
	whole_free(&s->one.here);
	whole_free(&s->one.there);
	s->one = (struct scrub_one){ .step = STEP_NONE };
	mutex_lock(&s->mutex);
	s->ordered = s->settled = false;
	mutex_unlock(&s->mutex);
}

/* --- is the index what rows say? --- */

/* A chunk's row as it cites this container; false: it does not. */
static bool
cites(struct scrub *s, const uint8_t digest[32], struct chunk *chunk)
{
	return rows_chunk(s->sync->share, digest, false, chunk) == OK &&
	    chunk->container == s->one.number;
}

static bool
index_says(const struct whole *w, const struct chunk *c)
{
	uint32_t units = (c->len + CHUNK_UNIT - 1) / CHUNK_UNIT;

	if (c->index > w->n || units > w->n - c->index)
		return false;
	for (uint32_t i = 0; i < units; i++)
		if (w->rows[c->index + i].plain != chunk_unit_len(c, i))
			return false;
	return true;
}

static int64_t
count_of(struct scrub *s)
{
	int64_t n = 0;

	return rows_container_count(s->sync->share, s->one.number, &n) == OK ? n : 0;
}

/* Every chunk that cites the container is in its index, at its place, and they are as many as are
 * counted.  What moved meanwhile is not judged. */
static void
compare_rows(struct scrub *s, const struct whole *w)
{
	int64_t before = count_of(s), found = 0;
	bool differ = false;

	for (uint32_t i = 0; i < w->n; i++) {
		struct chunk c;

		if (i > 0 && memcmp(w->rows[i].digest, w->rows[i - 1].digest, 32) == 0)
			continue;
		if (!cites(s, w->rows[i].digest, &c))
			continue;
		found++;
		differ |= c.index != i || !index_says(w, &c);
	}
	if ((!differ && found == before) || count_of(s) != before)
		return;
	SCRUB_ADD(s, rows_differ, 1);
	log_error("scrub.rows_differ", F_STR("share", s->sync->share->conf.name),
	    F_HEX("container", s->one.number), F_U64("cited", found), F_U64("counted", before));
}

/* --- what has no good copy --- */

static void
lose(struct scrub *s, const struct whole *w)
{
	uint64_t lost = 0;
	uint32_t last = UINT32_MAX;

	for (uint32_t i = 0; i < w->n; i++) {
		struct chunk c;

		if (w->state[i] == UNIT_GOOD || !cites(s, w->rows[i].digest, &c))
			continue;
		suspect_add(block_suspects(s->sync->share), w->rows[i].digest);
		lost += c.index != last;
		last = c.index;
	}
	if (w->bytes == NULL || !w->index_ok)
		lost = (uint64_t)MAX(count_of(s), (int64_t)1);
	SCRUB_ADD(s, chunks_lost, lost);
	if (lost > 0)
		log_error("scrub.lost", F_STR("share", s->sync->share->conf.name),
		    F_HEX("container", s->one.number), F_U64("chunks", lost));
}

/* --- what is here --- */

static bool
is_damaged(const struct whole *w)
{
	uint32_t bad = 0;

	for (uint32_t i = 0; i < w->n; i++)
		bad += w->state[i] == UNIT_BAD;
	return w->bytes != NULL && (!w->index_ok || bad > 0);
}

static enum status
look_here(struct scrub *s)
{
	struct scrub_one *one = &s->one;
	struct sync *y = s->sync;
	enum status st = whole_load(block_mirror(y->share), one->number, one->row.bytes,
	    &one->here);

	if (st == OK)
		st = whole_check(block_mirror(y->share), one->number, y->share->row.digest_key,
		    NULL, &one->here);
	if (st == ST_NOENT) {
		st = container_row(y, one->number, &one->row);	/* evicted, or gone, meanwhile? */
		one->local_bad = st == OK && !one->row.remote;
	} else if (st == OK && one->here.part && is_damaged(&one->here)) {
		SCRUB_ADD(s, parts_damaged, 1);
		log_warn("scrub.part_damaged", F_STR("share", y->share->conf.name),
		    F_HEX("container", one->number), F_U64("index", one->here.index_ok));
		mirror_forget(block_mirror(y->share), one->number, &one->here);
	} else if (st == OK) {
		one->local_bad = is_damaged(&one->here);
	}
	if (one->local_bad) {
		SCRUB_ADD(s, local_damaged, 1);
		meter_add(METER_SCRUB_DAMAGED, 1);
		log_error("scrub.damaged", F_STR("share", y->share->conf.name),
		    F_STR("where", "local"), F_HEX("container", one->number),
		    F_U64("units", one->here.nbad), F_U64("of", one->here.n));
	}
	return st;
}

/* --- what the remote has --- */

static void
call_done(struct block_call *call)
{
	struct scrub *s = container_of(call, struct scrub, call);

	mutex_lock(&s->mutex);
	s->call_runs = false;
	atomic_store(&s->due_ns, 0);
	cond_broadcast(&s->ended);
	work_post(&s->sync->scrubs);
	mutex_unlock(&s->mutex);
}

static void
call_begin(struct scrub *s)
{
	struct scrub_one *one = &s->one;
	struct block_store *remote = s->sync->share->remote;

	whole_free(&one->there);
	one->there = (struct whole){ .len = one->row.bytes,
		.bytes = xcalloc(1, one->row.bytes + 1) };
	s->call = (struct block_call){ .kind = BLOCK_GET, .len = one->row.bytes,
		.into = one->there.bytes, .into_cap = one->row.bytes,
		.deadline_ns = clock_mono_ns() + CALL_S * NS_PER_S, .done = call_done };
	chain_init(&s->call.body);
	rows_object_name(s->sync->share, one->row.fence, one->number, s->call.name);
	mutex_lock(&s->mutex);
	s->call_runs = true;
	mutex_unlock(&s->mutex);
	one->step = STEP_WAIT;
	remote->ops->start(remote, &s->call);
}

/* What came: the bytes, which are judged by their tags, or that there is no such object. */
static enum status
call_ended(struct scrub *s)
{
	struct scrub_one *one = &s->one;
	enum status st = s->call.status;

	if (st == ST_NOENT || st == ST_GARBAGE || (st == OK && s->call.got != one->row.bytes)) {
		if (s->call.got == 0 || st != OK)
			whole_free(&one->there);
		one->remote_bad = true;
	} else if (st != OK) {
		one->step = STEP_GET;
		return ST_DELAY;
	}
	one->remote_asked = true;
	one->step = STEP_JUDGE;
	return OK;
}

/* --- from two copies one --- */

static enum status
check_both(struct scrub *s)
{
	struct scrub_one *one = &s->one;
	struct share *sh = s->sync->share;
	struct mirror *m = block_mirror(sh);
	enum status st = OK;

	if (one->there.bytes != NULL)
		st = whole_check(m, one->number, sh->row.digest_key, NULL, &one->there);
	one->remote_bad |= one->remote_asked && !whole_good(&one->there);
	if (st == OK && one->here.bytes != NULL && !one->here.index_ok && one->there.index_ok)
		st = whole_check(m, one->number, sh->row.digest_key, &one->there, &one->here);
	if (st == OK && one->there.bytes != NULL && !one->there.index_ok && one->here.index_ok)
		st = whole_check(m, one->number, sh->row.digest_key, &one->here, &one->there);
	return st;
}

static void
judge(struct scrub *s)
{
	struct scrub_one *one = &s->one;
	bool place;

	one->best = one->here.bytes != NULL && one->here.index_ok ? &one->here : &one->there;
	whole_merge(one->best, one->best == &one->here ? &one->there : &one->here);
	if (one->remote_bad) {
		SCRUB_ADD(s, remote_damaged, 1);
		meter_add(METER_SCRUB_DAMAGED, 1);
		log_error("scrub.damaged", F_STR("share", s->sync->share->conf.name),
		    F_STR("where", "remote"), F_HEX("container", one->number),
		    F_U64("units", one->there.nbad), F_U64("of", one->there.n));
	}
	if (one->best->index_ok)
		compare_rows(s, one->best);
	if (!whole_good(one->best) && (one->remote_asked || !one->row.remote))
		lose(s, one->best);
	/* What two copies made is no worse than what is here; what only parts had is
	 * all there is. */
	place = one->best->index_ok && ((one->local_bad && one->there.index_ok) ||
	    (one->remote_bad && whole_good(one->best) && one->here.part));
	one->step = place ? STEP_LOCAL :
	    one->remote_bad && whole_good(one->best) ? STEP_REMOTE : STEP_NONE;
}

/* --- the data errand's --- */

static enum status
put_row(struct scrub *s, struct work *by, const struct container_row *row)
{
	struct txn *t = sync_txn(s->sync);
	lsn_t lsn;

	if (t == NULL)
		return ST_RESOURCE;
	rows_container_put(t, s->one.number, row);
	return sync_commit(s->sync, by, t, &lsn);
}

/* The file is put back, and the row says that it is here. */
static enum status
put_here(struct scrub *s, struct work *by, struct container_row *row)
{
	struct scrub_one *one = &s->one;
	enum status st = block_disk_room(s->sync->share, one->best->len) ? OK : ST_NOSPC;

	if (st == OK)
		st = mirror_replace(block_mirror(s->sync->share), one->number, one->best->bytes,
		    one->best->len);
	if (st != OK || row->local)
		return st;
	row->local = true;
	return put_row(s, by, row);
}

/* From here on the object counts for nothing; its name stays in the row, to be put over. */
static enum status
put_there(struct scrub *s, struct work *by, struct container_row *row)
{
	enum status st;

	if (!row->remote)
		return OK;
	row->remote = false;
	row->again = true;
	st = put_row(s, by, row);
	if (st == OK)
		upload_again(s->sync->upload, s->one.number, row->bytes);
	return st;
}

enum status
scrub_settle(struct scrub *s, struct work *by)
{
	struct container_row row;
	bool mine;
	enum status st;

	mutex_lock(&s->mutex);
	mine = s->ordered && !s->settled;
	mutex_unlock(&s->mutex);
	if (!mine)
		return OK;
	st = container_row(s->sync, s->one.number, &row);
	if (st == OK)
		st = s->one.step == STEP_LOCAL ? put_here(s, by, &row) : put_there(s, by, &row);
	mutex_lock(&s->mutex);
	s->outcome = st;
	s->settled = true;
	mutex_unlock(&s->mutex);
	atomic_store(&s->due_ns, 0);
	work_post(&s->sync->scrubs);
	return st == ST_NOENT || st == ST_NOSPC ? OK : st;
}

/* --- the steps --- */

/* Asked first, then looked at: true once it has been done, in whatever way. */
static bool
order(struct scrub *s, enum status *outcome)
{
	bool settled;

	mutex_lock(&s->mutex);
	settled = s->settled;
	*outcome = s->outcome;
	if (settled)
		s->ordered = s->settled = false;
	else
		s->ordered = true;
	mutex_unlock(&s->mutex);
	if (!settled)
		work_post(&s->sync->data);
	return settled;
}

static void
healed(struct scrub *s, enum status st)
{
	struct scrub_one *one = &s->one;
	bool here = one->step == STEP_LOCAL;

	if (st != OK) {
		log_error("scrub.unhealed", F_STR("share", s->sync->share->conf.name),
		    F_HEX("container", one->number), F_STR("status", status_name(st)));
		one->step = STEP_NONE;
		return;
	}
	if (here && one->local_bad && whole_good(one->best)) {
		SCRUB_ADD(s, local_healed, 1);
		meter_add(METER_SCRUB_HEALED, 1);
	}
	if (!here) {
		SCRUB_ADD(s, remote_put, 1);
		meter_add(METER_SCRUB_HEALED, 1);
	}
	log_info("scrub.healed", F_STR("share", s->sync->share->conf.name),
	    F_STR("where", here ? "local" : "remote"), F_HEX("container", one->number));
	one->step = here && one->remote_bad && whole_good(one->best) ? STEP_REMOTE : STEP_NONE;
}

/* Is the remote's copy wanted, and may it be asked for? */
static bool
wants_there(const struct scrub *s)
{
	const struct scrub_one *one = &s->one;

	return one->row.remote && s->sync->share->remote != NULL &&
	    (s->seen.remote || (one->local_bad && one->tries < TRIES_UNASKED));
}

static enum status
step_get(struct scrub *s)
{
	struct scrub_one *one = &s->one;
	enum status st = OK;

	if (one->tries == 0)
		st = look_here(s);
	if (st != OK) {
		one->step = STEP_NONE;
		return st == ST_NOENT ? OK : st;
	}
	if (wants_there(s))
		call_begin(s);
	else
		one->step = STEP_JUDGE;
	return OK;
}

static enum status
step_judge(struct scrub *s)
{
	enum status st = check_both(s);

	if (st == OK)
		judge(s);
	else
		s->one.step = STEP_NONE;
	return st;
}

enum status
scrub_step(struct scrub *s)
{
	struct scrub_one *one = &s->one;
	enum status st = OK, outcome;
	bool runs;

	if (one->step == STEP_GET)
		st = step_get(s);
	if (one->step == STEP_WAIT) {
		mutex_lock(&s->mutex);
		runs = s->call_runs;
		mutex_unlock(&s->mutex);
		if (runs || st != OK)
			return st;
		st = call_ended(s);
	}
	if (st == OK && one->step == STEP_JUDGE)
		st = step_judge(s);
	while (st == OK && (one->step == STEP_LOCAL || one->step == STEP_REMOTE)) {
		if (!order(s, &outcome))
			break;
		healed(s, outcome);
	}
	return st;
}
