/*
 * When a scrub goes on, how far it is, and what is kept of that: a row, so that it goes on after a
 * restart where it was.  A slice is one container or some thousand rows; then it is some time until
 * the next one, as the rate says.
 */
#include "pipeline/sync/scrub_inner.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/base/meter.h"
#include "pipeline/base/text.h"
#include "pipeline/record/stored.h"
#include "pipeline/sync/upload.h"

#include <stdlib.h>

enum {
	ROW_VERSION = 1,
	KEEP_S = 5,
	ROWS_A_SLICE = 4096,
	PAUSE_FIRST_MS = 500,
	PAUSE_MOST_MS = 30000,
	RUN_SLICES = 8,
	PLACE_BYTES = 48
};

static const uint8_t row_key[] = { TAG_INTENT, 's' };

static struct slice
key_of_row(void)
{
	return slice_of(row_key, sizeof row_key);
}

struct scrub *
scrub_new(struct sync *y)
{
	struct scrub *s = xcalloc(1, sizeof *s);

	s->sync = y;
	mutex_init(&s->mutex, RANK_LEDGER, y->share->row.share);
	cond_init(&s->ended);
	return s;
}

void
scrub_free(struct scrub **sp)
{
	struct scrub *s = TAKE(sp);

	if (s == NULL)
		return;
	mutex_lock(&s->mutex);
	if (s->call_runs)
		s->sync->share->remote->ops->cancel(s->sync->share->remote, &s->call);
	while (s->call_runs)
		cond_wait(&s->ended, &s->mutex);
	mutex_unlock(&s->mutex);
	scrub_one_drop(s);
	mutex_destroy(&s->mutex);
	cond_destroy(&s->ended);
	free(s);
}

void
scrub_count(struct scrub *s, uint64_t *of, uint64_t by)
{
	mutex_lock(&s->mutex);
	*of += by;
	mutex_unlock(&s->mutex);
}

void
scrub_look(struct scrub *s, struct sync_scrub *out)
{
	struct sync_remote r = { .refused = 0 };

	if (s->sync->upload != NULL)
		upload_look(s->sync->upload, &r);
	mutex_lock(&s->mutex);
	*out = s->seen;
	if (s->begin)			/* it will have begun when it is asked next */
		*out = (struct sync_scrub){ .state = SCRUB_RUNS, .remote = s->begin_remote };
	mutex_unlock(&s->mutex);
	out->remote_refused = r.refused;
}

void
scrub_ask(struct scrub *s, bool begin, bool remote)
{
	mutex_lock(&s->mutex);
	s->begin = begin;
	s->begin_remote = remote;
	s->stop = !begin;
	mutex_unlock(&s->mutex);
	atomic_store(&s->due_ns, 0);
	work_post(&s->sync->scrubs);
}

static bool
running(const struct scrub *s)
{
	return s->seen.state == SCRUB_RUNS || s->seen.state == SCRUB_WAITS;
}

bool
scrub_due(struct scrub *s, uint64_t now)
{
	uint64_t due = atomic_load(&s->due_ns);

	return due != UINT64_MAX && now >= due;
}

static void
set_state(struct scrub *s, enum scrub_state state, const char *why)
{
	struct text t;

	mutex_lock(&s->mutex);
	s->seen.state = (uint8_t)state;
	t = text_of(s->seen.text, sizeof s->seen.text);
	text_add(&t, why);
	if (!running(s) && s->seen.ended_ns == 0)
		s->seen.ended_ns = clock_wall_ns();
	mutex_unlock(&s->mutex);
}

/* --- what is kept --- */

static void
encode(const struct scrub *s, struct writer *w)
{
	write_u8(w, ROW_VERSION);
	write_u8(w, s->seen.state);
	write_u8(w, s->seen.remote);
	write_u8(w, (uint8_t)s->phase);
	write_le64(w, s->seen.started_ns);
	write_le64(w, s->seen.ended_ns);
	write_le64(w, s->after);
	write_le32(w, s->from.len);
	write_bytes(w, s->from.bytes, s->from.len);
#define SCRUB_COUNT(member) write_le64(w, s->seen.member);
#include "pipeline/sync/scrub.def"
#undef SCRUB_COUNT
}

/* Fields that an older row lacks are 0. */
static enum status
decode(struct scrub *s, struct slice body)
{
	struct reader r = reader_of_slice(body);
	uint8_t version = read_u8(&r), state = read_u8(&r), remote = read_u8(&r),
		phase = read_u8(&r);
	struct sync_scrub seen = { .state = state, .remote = remote != 0 };
	uint64_t after;
	struct slice from;
	uint32_t len;

	seen.started_ns = read_le64(&r);
	seen.ended_ns = read_le64(&r);
	after = read_le64(&r);
	len = read_le32(&r);
	from = len <= META_KEY_MAX ? read_slice(&r, len) : slice_of(NULL, 0);
#define SCRUB_COUNT(member) seen.member = reader_left(&r) >= 8 ? read_le64(&r) : 0;
#include "pipeline/sync/scrub.def"
#undef SCRUB_COUNT
	if (!reader_ok(&r) || version != ROW_VERSION || state > SCRUB_FAILED ||
	    phase > PHASE_ROWS || len > META_KEY_MAX)
		return ST_CORRUPT;
	mutex_lock(&s->mutex);
	s->seen = seen;
	mutex_unlock(&s->mutex);
	s->phase = phase;
	s->after = after;
	s->from.len = len;
	if (len > 0)
		memcpy(s->from.bytes, from.at, len);
	return OK;
}

/* A row that makes no sense costs nothing but what it told: it is written anew. */
static void
load(struct scrub *s)
{
	uint8_t home[2048];
	struct arena arena;
	struct version v;

	s->loaded = true;
	arena_init(&arena, home, sizeof home, 8192);
	if (catalog_get(s->sync->share->catalog, key_of_row(), true, &arena, &v) == OK &&
	    v.exists && decode(s, v.body) != OK)
		log_warn("scrub.row", F_STR("share", s->sync->share->conf.name));
	arena_rewind(&arena);
}

static enum status
keep(struct scrub *s, struct work *by)
{
	struct txn *t = sync_txn(s->sync);
	uint8_t room[64 + META_KEY_MAX + sizeof(struct sync_scrub)];
	struct writer w = writer_of(room, sizeof room);
	lsn_t lsn;

	s->kept_ns = clock_mono_ns();
	if (t == NULL)
		return ST_RESOURCE;
	mutex_lock(&s->mutex);
	encode(s, &w);
	mutex_unlock(&s->mutex);
	assert(writer_ok(&w));
	txn_put(t, key_of_row(), slice_of(room, w.len), NULL);
	return sync_commit(s->sync, by, t, &lsn);
}

/* --- rows --- */

struct rows {
	struct scrub *scrub;
	uint32_t n;
	uint64_t bytes;
	uint32_t damaged;
	bool over;
};

static void
place_say(const struct scrub *s, const char *event)
{
	char key[2 * PLACE_BYTES + 1];
	struct text t = text_of(key, sizeof key);

	text_hex(&t, s->from.bytes, MIN(s->from.len, (uint32_t)PLACE_BYTES));
	log_error(event, F_STR("share", s->sync->share->conf.name), F_STR("key", key));
}

static bool
see_stored(void *arg, struct slice key, struct slice value)
{
	struct rows *r = arg;
	struct scrub *s = r->scrub;
	struct stored stored;

	if (r->n == ROWS_A_SLICE)
		return false;
	r->n++;
	r->bytes += key.len + value.len;
	s->from.len = MIN(key.len, (uint32_t)META_KEY_MAX);
	memcpy(s->from.bytes, key.at, s->from.len);
	if (stored_open(key, value, &stored) != OK) {
		r->damaged++;
		place_say(s, "scrub.row_damaged");
	}
	return true;
}

/*
 * Behind a place that the store itself finds damaged nothing is told; how far the damage goes is
 * not known.  So the rest of that table is left, and it is said.
 */
static void
skip_table(struct scrub *s, struct rows *r)
{
	uint8_t table = s->from.len > 0 ? s->from.bytes[0] : 0;

	r->damaged++;
	place_say(s, "scrub.store_damaged_behind");
	r->over = table == UINT8_MAX;
	s->from.len = 1;
	s->from.bytes[0] = (uint8_t)(table + 1);
}

static enum status
scrub_rows(struct scrub *s, uint64_t *bytes, bool *over)
{
	struct meta_store *store = s->sync->share->store;
	struct rows r = { .scrub = s };
	struct slice from;
	uint8_t at[META_KEY_MAX + 1];
	enum status st;

	/* The key behind the last one; a table's first where one was left. */
	memcpy(at, s->from.bytes, s->from.len);
	at[s->from.len] = 0;
	from = slice_of(at, s->from.len > 1 ? s->from.len + 1 : s->from.len);
	st = store->ops->scan(store, slice_of(NULL, 0), from, see_stored, &r);
	if (st == ST_CORRUPT)
		skip_table(s, &r);
	else
		r.over = st == OK && r.n < ROWS_A_SLICE;
	SCRUB_ADD(s, rows, r.n);
	SCRUB_ADD(s, rows_damaged, r.damaged);
	*bytes = r.bytes;
	*over = r.over;
	return st == ST_CORRUPT ? OK : st;
}

/* --- a run --- */

struct totals {
	uint64_t n, bytes;
};

static bool
see_total(void *arg, struct slice key, const struct version *v)
{
	struct totals *t = arg;
	struct container_row row;

	(void)key;
	if (rec_container_decode(v->body, &row) == OK && row.state == CONTAINER_LIVE) {
		t->n++;
		t->bytes += row.bytes;
	}
	return true;
}

static enum status
begin(struct scrub *s, bool remote)
{
	static const uint8_t tag = TAG_CONTAINER;
	struct totals t = { 0 };
	enum status st = catalog_scan(s->sync->share->catalog, slice_of(&tag, 1), slice_of(NULL, 0),
	    true, see_total, &t);

	mutex_lock(&s->mutex);
	s->begin = false;
	s->seen = (struct sync_scrub){ .state = SCRUB_RUNS, .started_ns = clock_wall_ns(),
		.remote = remote && s->sync->share->remote != NULL, .containers_total = t.n,
		.bytes_total = t.bytes };
	mutex_unlock(&s->mutex);
	atomic_store(&s->due_ns, 0); /* the last one may have ended since it was asked for */
	s->phase = PHASE_CONTAINERS;
	s->after = 0;
	s->from.len = 0;
	log_info("scrub.begin", F_STR("share", s->sync->share->conf.name), F_U64("containers", t.n),
	    F_U64("remote", s->seen.remote));
	return st;
}

static void
finish(struct scrub *s)
{
	const struct sync_scrub *r = &s->seen;

	set_state(s, SCRUB_DONE, "");
	log_info("scrub.end", F_STR("share", s->sync->share->conf.name),
	    F_U64("containers", r->containers), F_U64("rows", r->rows),
	    F_U64("local_damaged", r->local_damaged), F_U64("local_healed", r->local_healed),
	    F_U64("remote_damaged", r->remote_damaged), F_U64("chunks_lost", r->chunks_lost),
	    F_U64("rows_damaged", r->rows_damaged), F_U64("rows_differ", r->rows_differ));
}

/* One slice; bytes: what it read.  *wait: nothing more now, another will post this errand. */
static enum status
slice_run(struct scrub *s, uint64_t *bytes, bool *wait)
{
	bool over = false;
	enum status st = OK;

	*bytes = 0;
	*wait = false;
	if (s->phase == PHASE_ROWS) {
		st = scrub_rows(s, bytes, &over);
		if (st == OK && over)
			finish(s);
		return st;
	}
	if (s->one.step == STEP_NONE && !scrub_pick(s, &st)) {
		s->phase = PHASE_ROWS;
		s->from.len = 0;
		return st;
	}
	st = scrub_step(s);
	*wait = s->one.step != STEP_NONE;
	if (st == OK && s->one.step == STEP_NONE) {
		*bytes = s->one.row.bytes * (1 + (uint64_t)s->one.remote_asked);
		s->after = s->one.number;
		SCRUB_ADD(s, containers, 1);
		SCRUB_ADD(s, bytes, *bytes);
		meter_add(METER_SCRUBBED_BYTES, (int64_t)*bytes);
		scrub_one_drop(s);
	}
	return st;
}

/* When the next slice may begin: the rate, by what was read since. */
static uint64_t
due_after(const struct scrub *s, uint64_t now, uint64_t bytes)
{
	uint64_t rate = s->sync->conf.scrub_bytes;

	return rate == 0 ? now : now + (uint64_t)((double)bytes / (double)rate * (double)NS_PER_S);
}

/* The remote is away: later, each time a little more so. */
static void
away(struct scrub *s, uint64_t now)
{
	uint64_t ms = MIN((uint64_t)PAUSE_FIRST_MS << MIN(s->one.tries, 6u),
	    (uint64_t)PAUSE_MOST_MS);

	set_state(s, SCRUB_WAITS, s->call.text[0] != '\0' ? s->call.text : "the remote is away");
	s->one.tries++;
	atomic_store(&s->due_ns, now + ms * NS_PER_MS);
}

/* Is there something on its way that uses the container at hand? */
static bool
busy(struct scrub *s)
{
	bool is;

	mutex_lock(&s->mutex);
	is = s->call_runs || (s->ordered && !s->settled);
	mutex_unlock(&s->mutex);
	return is;
}

/* What was asked for since; a new beginning waits until what is on its way has ended. */
static enum status
asked(struct scrub *s)
{
	bool begins, remote, stops, later = busy(s);

	mutex_lock(&s->mutex);
	begins = s->begin && !later;
	remote = s->begin_remote;
	stops = s->stop && running(s);
	/* begin() takes it: who looks meanwhile sees no old end. */
	s->begin &= !running(s) || stops;
	s->stop = false;
	mutex_unlock(&s->mutex);
	if (stops)
		set_state(s, SCRUB_STOPPED, "");
	if (!begins || running(s))
		return OK;
	scrub_one_drop(s);
	return begin(s, remote);
}

/* Whoever ended what the container at hand waits for has posted this run. */
static bool
may_go_on(const struct scrub *s, uint64_t now)
{
	return s->one.step > STEP_GET || now >= atomic_load(&s->due_ns);
}

static enum status
slices(struct scrub *s, uint64_t *now)
{
	enum status st = OK;
	bool wait = false;

	for (int i = 0; i < RUN_SLICES && st == OK && running(s) && !wait && may_go_on(s, *now) &&
	    !atomic_load(&s->sync->closing); i++) {
		uint64_t bytes;

		if (s->seen.state == SCRUB_WAITS)
			set_state(s, SCRUB_RUNS, "");
		st = slice_run(s, &bytes, &wait);
		pressure_yield_by(s->sync, &s->gauge);
		*now = clock_mono_ns();
		atomic_store(&s->due_ns, wait && st == OK ? UINT64_MAX : due_after(s, *now, bytes));
	}
	return st;
}

enum status
scrub_run(struct scrub *s, struct work *by)
{
	uint64_t now = clock_mono_ns();
	enum status st = OK;
	bool was;

	if (!s->loaded)
		load(s);
	was = running(s);
	st = asked(s);
	if (st == OK)
		st = slices(s, &now);
	if (st == ST_DELAY) {
		away(s, now);
		st = OK;
	} else if (st != OK) {
		set_state(s, SCRUB_FAILED, status_text(st));
	}
	if (was != running(s) || (running(s) && now - s->kept_ns >= KEEP_S * NS_PER_S)) {
		enum status kept = keep(s, by);

		if (st == OK && !atomic_load(&s->sync->closing))
			st = kept;
	}
	if (!running(s)) {
		atomic_store(&s->due_ns, UINT64_MAX);
		if (!busy(s))
			scrub_one_drop(s);
	} else if (scrub_due(s, clock_mono_ns()) && !atomic_load(&s->sync->closing)) {
		work_post(by);
	}
	return st;
}
