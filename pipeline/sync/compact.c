/*
 * Compaction empties containers of which little is live: what is live moves to a new container,
 * chunk by chunk, and so do the chunks' rows; leaves cite digests and stay as they are.  The entry
 * that takes the last one makes the old container dying.  The data errand does so, after all else,
 * a new container at a time: what it has read stays true until it has committed.
 *
 * It goes by passes over all containers, oldest first, begun when something has been freed or an
 * operator asks.  Chosen are those of which less than a share is live; small ones where there are
 * many; and, asked for, those that an older share key wraps.  One that is not here costs a GET for
 * each run of what is live, so it is chosen where half as much is; its chunks are brought first
 * (bring.c).
 */
#include "pipeline/sync/compact.h"

#include "crypto/digest.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/base/meter.h"
#include "pipeline/block/keys.h"
#include "pipeline/block/rows.h"
#include "pipeline/block/suspect.h"
#include "pipeline/sync/batch.h"
#include "pipeline/sync/live.h"
#include "pipeline/sync/pressure.h"
#include "pipeline/sync/upload.h"

#include <stdlib.h>

enum {
	ROWS_A_SLICE = 64,
	ROWS_A_RUN = 1024,
	PERCENT_ASKED = 60,
	SMALL_BYTES = 1 << 20,
	SMALL_MANY = 16,
	BUSY_PERCENT = 50,
	RETRY_MS = 5000,
	AGES_A_PASS = 4,
	TIMES_A_PASS = 10,
	TRIES = 4,
	TRY_MS = 1000,
	SEAL_BYTES = 2 << 20
};

struct victim {
	uint64_t number;
	struct container_row row;
};

struct compact {
	struct sync *sync;
	_Atomic bool running, asked, old_keys;
	_Atomic uint64_t from, at, end, left, damaged, emptied, read, written;
	_Atomic(const char *) waits;
	_Atomic uint32_t orders;	/* of operators */
	_Atomic uint64_t wanted;	/* to be brought; 0: none */
	_Atomic bool brought;		/* wanted is, as far as it goes */
	_Atomic int brought_status;	/* enum status: how far that was */

	/* the data errand's */
	bool in_pass, pass_asked, pass_old;
	uint32_t pass_order;
	uint64_t began_ns, next_ns;	/* this pass; the next does not before that, unasked */
	uint64_t allow_ns;		/* nothing moves before, unasked: so many bytes an hour */
	uint32_t small, small_before;	/* small containers: in this pass, in the one before */
	uint64_t given_up;		/* was brought, and is not here all the same */
	uint32_t tries;			/* at that one */
	uint64_t bring_ns;		/* it is brought then; 0: it is being brought */
	uint8_t *bytes;			/* of chunks not sealed yet; NULL between the runs */
	uint32_t filled;
};

struct run {				/* one container's worth */
	struct compact *c;
	struct batch *batch;
	uint64_t read;
	uint32_t looked, emptied;
	bool full, waits;		/* the batch is; something is being brought */
};

struct compact *
compact_new(struct sync *y)
{
	struct compact *c = xcalloc(1, sizeof *c);

	c->sync = y;
	y->freed = true;		/* nobody knows what an earlier life has left */
	c->next_ns = clock_mono_ns() + y->conf.carve_age_ms * NS_PER_MS;
	return c;
}

void
compact_free(struct compact **cp)
{
	free(TAKE(cp));
}

uint64_t
compact_wanted(struct compact *c)
{
	return atomic_load(&c->brought) ? 0 : atomic_load(&c->wanted);
}

void
compact_brought(struct compact *c, uint64_t number, enum status st)
{
	if (st != OK)
		log_debug("compact.not_brought", F_HEX("container", number),
		    F_STR("status", status_name(st)));
	atomic_store(&c->brought_status, st);
	atomic_store(&c->brought, true);
	work_post(&c->sync->data);
}

/* --- choosing --- */

static uint32_t
percent_of(const struct compact *c)
{
	uint32_t set = c->sync->conf.compact_percent;

	return set == 0 && c->pass_asked ? PERCENT_ASKED : set;
}

/* Its key may be an older one; where its row does not say, the container does. */
static bool
old_key(const struct compact *c, const struct container_row *row)
{
	const struct share_keys *keys = c->sync->share->keys;

	return c->pass_old && keys != NULL && row->key != keys_newest(keys);
}

static bool
chosen(struct compact *c, const struct victim *v, int64_t count)
{
	const struct container_row *row = &v->row;
	uint64_t live = (uint64_t)count * 100, bound = (uint64_t)row->chunks * percent_of(c);

	if (row->state != CONTAINER_LIVE || count <= 0)
		return false;
	if (old_key(c, row))
		return true;
	if (row->again && c->sync->upload != NULL && upload_refused(c->sync->upload, v->number))
		return true;
	if (!row->local)
		return live * 2 < bound;
	c->small += row->bytes < SMALL_BYTES;
	return live < bound || (row->bytes < SMALL_BYTES && c->small_before >= SMALL_MANY &&
	    percent_of(c) > 0);
}

/* --- moving --- */

/* Plain bytes of a chunk, each unit by its tag and the whole by its digest. */
static enum status
read_chunk(struct compact *c, uint64_t number, const struct live_chunk *l)
{
	struct share *s = c->sync->share;
	uint8_t *to = c->bytes + c->filled;
	enum status st = OK;
	uint8_t digest[32];

	for (uint32_t u = 0; u < l->units && st == OK; u++)
		st = mirror_read(block_mirror(s), number, l->index + u, l->digest,
		    to + u * CHUNK_UNIT, MIN(l->len - u * CHUNK_UNIT, (uint32_t)CHUNK_UNIT),
		    false);
	if (st != OK)
		return st;
	digest_of(s->row.digest_key, to, l->len, digest);
	return memcmp(digest, l->digest, sizeof digest) == 0 ? OK : ST_CORRUPT;
}

/* What is not here is asked for, a few times where the remote is away; after that the container
 * stays as it is, in this pass. */
static bool
ask_for(struct run *r, const struct victim *v)
{
	struct compact *c = r->c;

	if (!v->row.remote)
		return false;
	if (c->given_up != v->number)
		c->tries = 0;
	else if (atomic_load(&c->brought_status) != ST_DELAY || c->tries == TRIES)
		return false;
	c->bring_ns = clock_mono_ns() + c->tries++ * TRY_MS * NS_PER_MS;
	c->given_up = v->number;
	atomic_store(&c->brought, false);
	atomic_store(&c->wanted, v->number);
	atomic_store(&c->waits, "the remote store");
	r->waits = true;
	return true;
}

/* What is wanted is not here yet; the errand is sent for it once, when it is time. */
static bool
being_brought(struct compact *c)
{
	if (atomic_load(&c->wanted) == 0 || atomic_load(&c->brought))
		return false;
	if (c->bring_ns != 0 && clock_mono_ns() >= c->bring_ns) {
		c->bring_ns = 0;
		work_post(&c->sync->bring);
	}
	return true;
}

/* What is not here is not there either. */
static bool
nowhere(const struct compact *c, const struct victim *v)
{
	return !v->row.remote ||
	    (c->given_up == v->number && atomic_load(&c->brought_status) == OK);
}

static void
stays(struct compact *c, const struct victim *v)
{
	bool damaged = nowhere(c, v);

	atomic_fetch_add(&c->left, 1);
	atomic_fetch_add(&c->damaged, damaged);
	log_debug("compact.left", F_STR("share", c->sync->share->conf.name),
	    F_HEX("container", v->number), F_U64("damaged", damaged));
}

static enum status
move_chunk(struct run *r, const struct victim *v, const struct live_chunk *l, bool *lost)
{
	struct compact *c = r->c;
	struct suspects *suspects = block_suspects(c->sync->share);
	enum status st;

	if (suspect_is(suspects, l->digest)) {
		*lost = true;
		return OK;
	}
	st = read_chunk(c, v->number, l);
	if (st == OK) {
		r->read += l->len;
		st = batch_move(r->batch, l->digest, c->bytes + c->filled, l->len, v->number);
		c->filled += l->len;
		return st;
	}
	if ((st == ST_NOENT || st == ST_CORRUPT) && ask_for(r, v))
		return OK;
	*lost = true;
	if (st == ST_CORRUPT && nowhere(c, v))
		suspect_add(suspects, l->digest);
	return st == ST_NOENT || st == ST_CORRUPT ? OK : st;
}

static enum status
seal_some(struct run *r)
{
	r->c->filled = 0;
	pressure_yield(r->c->sync);
	return batch_seal(r->batch);
}

/* All of its live chunks into the batch, as far as there is room. */
static enum status
move_all(struct run *r, const struct victim *v, const struct live *l)
{
	struct compact *c = r->c;
	enum status st = OK;
	bool lost = false;

	for (uint32_t i = 0; i < l->n && st == OK && !r->waits; i++) {
		if (!batch_has_chunk_room(r->batch)) {
			r->full = true;
			return OK;
		}
		st = move_chunk(r, v, &l->v[i], &lost);
		if (st == OK && c->filled + CHUNK_MAX > SEAL_BYTES)
			st = seal_some(r);
	}
	if (st != OK || r->waits)
		return st;
	if (lost) {
		stays(c, v);
	} else {
		r->emptied++;
	}
	return OK;
}

static enum status
empty(struct run *r, const struct victim *v)
{
	struct compact *c = r->c;
	struct live l = { .n = 0 };
	enum status st = live_find(c->sync->share, v->number, &l);

	if (st == OK && (!old_key(c, &v->row) || l.index.key != keys_newest(c->sync->share->keys)))
		st = move_all(r, v, &l);
	else if ((st == ST_NOENT || st == ST_CORRUPT) && !ask_for(r, v)) {
		stays(c, v);
		st = OK;
	} else if (r->waits) {
		st = OK;
	}
	live_drop(&l);
	return st;
}

/* --- passes --- */

struct slice_of_rows {
	struct victim v[ROWS_A_SLICE];
	uint32_t n;
	uint64_t end;
	bool more;
};

static bool
see_row(void *arg, const struct container_seen *c)
{
	struct slice_of_rows *r = arg;

	if (c->number >= r->end)
		return false;
	r->v[r->n++] = (struct victim){ c->number, c->row };
	r->more = r->n == ROWS_A_SLICE;
	return !r->more;
}

static bool
stops(const struct run *r)
{
	return r->full || r->waits || r->looked >= ROWS_A_RUN || atomic_load(&r->c->sync->closing);
}

/* The next rows; *over: they were the last of the pass. */
static enum status
go_on(struct run *r, bool *over)
{
	struct compact *c = r->c;
	struct slice_of_rows *rows = xcalloc(1, sizeof *rows);
	enum status st;
	uint32_t i;

	rows->end = atomic_load(&c->end);
	st = rows_containers(c->sync->share, atomic_load(&c->at), see_row, rows);
	for (i = 0; i < rows->n && st == OK && !stops(r); i++) {
		const struct victim *v = &rows->v[i];
		int64_t count;

		st = rows_container_count(c->sync->share, v->number, &count);
		if (st == OK && chosen(c, v, count))
			st = empty(r, v);
		if (atomic_load(&c->from) == 0)
			atomic_store(&c->from, v->number);
		if (r->full || r->waits || st != OK)
			break;		/* this one again */
		r->looked++;
		atomic_store(&c->at, v->number + 1);
	}
	*over = st == OK && i == rows->n && !rows->more;
	free(rows);
	return st;
}

static void
begin_pass(struct compact *c)
{
	c->pass_order = atomic_load(&c->orders);
	c->pass_asked = atomic_load(&c->asked);
	c->pass_old = atomic_load(&c->old_keys);
	c->small_before = c->small;
	c->small = 0;
	c->given_up = 0;
	c->in_pass = true;
	c->began_ns = clock_mono_ns();
	c->sync->freed = false;
	atomic_store(&c->left, 0);
	atomic_store(&c->damaged, 0);
	atomic_store(&c->from, 0);
	atomic_store(&c->at, 1);
	atomic_store(&c->end, atomic_load(&c->sync->share->next_container));
	atomic_store(&c->running, true);
}

/* What was left for want of something is tried again; what nobody can read is not. */
static void
end_pass(struct compact *c)
{
	bool again = atomic_load(&c->left) > atomic_load(&c->damaged);
	uint64_t now = clock_mono_ns();
	uint32_t ms = again && c->pass_asked ? RETRY_MS : AGES_A_PASS * c->sync->conf.carve_age_ms;

	c->in_pass = false;
	c->next_ns = now + (c->pass_asked ? ms * NS_PER_MS :
	    MAX(ms * NS_PER_MS, TIMES_A_PASS * (now - c->began_ns)));
	c->sync->freed |= again || c->small >= SMALL_MANY;
	if (c->pass_asked && !again && c->pass_order == atomic_load(&c->orders)) {
		atomic_store(&c->asked, false);
		atomic_store(&c->old_keys, false);
		log_info("compact.done", F_STR("share", c->sync->share->conf.name),
		    F_U64("left", atomic_load(&c->left)));
	}
	atomic_store(&c->running, false);
}

static bool
due(struct compact *c)
{
	uint64_t now = clock_mono_ns();
	bool asked = atomic_load(&c->asked);

	if (being_brought(c))
		return false;
	if (asked && c->pass_order != atomic_load(&c->orders))
		c->in_pass = false;	/* from the beginning, by what was asked for last */
	else if (!c->in_pass && now < c->next_ns)
		return false;
	if (!asked && (c->sync->conf.compact_percent == 0 || now < c->allow_ns))
		return false;
	return c->in_pass || asked || c->sync->freed;
}

/* Why it must not go on now; NULL: it may.  A new container is there before an old one goes. */
static const char *
held_up(struct compact *c)
{
	if (pressure_fill(c->sync->share) >= BUSY_PERCENT)
		return "the journal, which is filling";
	if (!block_disk_room(c->sync->share, 2 * (uint64_t)CONTAINER_BYTES))
		return "room on the disk";
	return NULL;
}

static enum status
flush(struct run *r)
{
	struct compact *c = r->c;
	uint64_t written, hour = c->sync->conf.compact_bytes_hour;
	enum status st = seal_some(r);

	written = batch_bytes(r->batch);
	if (st == OK)
		st = batch_flush(r->batch);
	atomic_fetch_add(&c->read, r->read);
	meter_add(METER_COMPACT_READ, (int64_t)r->read);
	if (st != OK)
		return st;
	atomic_fetch_add(&c->written, written);
	atomic_fetch_add(&c->emptied, r->emptied);
	meter_add(METER_COMPACTED, r->emptied);
	if (hour != 0 && !c->pass_asked)
		c->allow_ns = clock_mono_ns() + (r->read + written) * 3600 / hour * NS_PER_S;
	return OK;
}

static enum status
pass_on(struct run *r, bool *over)
{
	struct compact *c = r->c;
	enum status st = OK, flushed;

	c->bytes = xmalloc(SEAL_BYTES);
	while (st == OK && !*over && !stops(r))
		st = go_on(r, over);
	flushed = flush(r);
	free(TAKE(&c->bytes));
	return st == OK ? flushed : st;
}

enum status
sync_compact(struct sync *y, struct work *by, bool *more)
{
	struct compact *c = y->compact;
	struct run r = { .c = c };
	bool over = false;
	enum status st;
	uint64_t at;

	*more = false;
	y->freed |= y->upload != NULL && upload_refused_new(y->upload);
	if (!due(c))
		return OK;
	atomic_store(&c->waits, held_up(c));
	if (atomic_load(&c->waits) != NULL)
		return OK;
	if (!c->in_pass)
		begin_pass(c);
	atomic_store(&c->wanted, 0);
	at = atomic_load(&c->at);
	r.batch = batch_new(y, by);
	st = pass_on(&r, &over);
	batch_free(&r.batch);
	if (st != OK) {			/* the same ones again, later */
		atomic_store(&c->at, at);
		atomic_store(&c->waits, st == ST_NOSPC ? "room on the disk" : status_text(st));
	}
	if (st == ST_NOSPC || st == ST_DELAY)
		return OK;
	if (st == OK && over)
		end_pass(c);
	if (r.waits)
		(void)being_brought(c);
	*more = st == OK && c->in_pass && !r.waits &&
	    (c->pass_asked || clock_mono_ns() >= c->allow_ns);
	return st;
}

/* --- for those who ask --- */

void
sync_compact_share(struct share *s, bool old_keys)
{
	struct compact *c = s->sync->compact;

	if (old_keys)
		atomic_store(&c->old_keys, true);
	atomic_store(&c->asked, true);
	atomic_fetch_add(&c->orders, 1);
	work_post(&s->sync->data);
}

void
sync_compaction_look(struct share *s, struct sync_compaction *out)
{
	struct compact *c = s->sync->compact;

	*out = (struct sync_compaction){ .running = atomic_load(&c->running),
		.asked = atomic_load(&c->asked),
		.old_keys = atomic_load(&c->old_keys),
		.from = atomic_load(&c->from),
		.at = atomic_load(&c->at),
		.end = atomic_load(&c->end),
		.left = atomic_load(&c->left),
		.damaged = atomic_load(&c->damaged),
		.emptied = atomic_load(&c->emptied),
		.read_bytes = atomic_load(&c->read),
		.written_bytes = atomic_load(&c->written),
		.waits = atomic_load(&c->waits) };
}
