/*
 * A container is in the queue, in a slot, or among those that have arrived.  Calls end on a thread
 * of the store's, which only notes the outcome and posts the errand.  After a failure nothing
 * begins for a while, longer each time, with jitter; then one call tries whether the remote is
 * back.  How many run at once grows while all go well and is halved when one does not.
 *
 * Each object is verified on its way out.  PUT asks for a free name; where it is taken, by a
 * reply that was lost before a restart, a HEAD must show our size, or it is put over.
 *
 * A store that keeps objects for a time refuses that, and refuses to delete.  Where a HEAD shows
 * the object all the same, it is no failure of the store's: that one alone is tried again, less
 * and less often, and the others go on.
 */
#include "pipeline/sync/upload_inner.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/base/meter.h"
#include "pipeline/base/rand.h"
#include "pipeline/base/text.h"
#include "pipeline/block/keys.h"
#include "pipeline/block/mirror.h"
#include "pipeline/block/rows.h"
#include "pipeline/sync/keyship.h"

#include <stdio.h>
#include <stdlib.h>

enum { AT_ONCE_FIRST = 2, AT_ONCE_MOST = 6, PAUSE_FIRST_MS = 500, PAUSE_MOST_MS = 60000,
	DOUBLINGS = 7, CALL_S = 600, SCAN_ROWS = 1024, REFUSED_FIRST_S = 5, REFUSED_MOST_S = 3600,
	REFUSED_TIMES_EIGHT = 3 };

#define PUSH_PAUSE_NS NS_PER_S		/* where an operator waits */

/* --- opening and closing --- */

struct upload *
upload_new(struct sync *y)
{
	struct upload *u = xcalloc(1, sizeof *u);

	u->sync = y;
	u->store = y->share->remote;
	u->at_once = y->share->remote_uploads != 0 ?
	    MIN(y->share->remote_uploads, (uint32_t)UPLOAD_SLOTS) : AT_ONCE_FIRST;
	mutex_init(&u->mutex, RANK_LEDGER, y->share->row.share);
	cond_init(&u->ended);
	for (int i = 0; i < UPLOAD_SLOTS; i++)
		u->slot[i].upload = u;
	return u;
}

/* The errand's own thread runs no more; calls that were begun end first. */
void
upload_free(struct upload **up)
{
	struct upload *u = TAKE(up);

	if (u == NULL)
		return;
	mutex_lock(&u->mutex);
	u->closing = true;
	for (int i = 0; i < UPLOAD_SLOTS; i++)
		if (u->slot[i].state == SLOT_RUNS)
			u->store->ops->cancel(u->store, &u->slot[i].call);
	while (u->running > 0)
		cond_wait(&u->ended, &u->mutex);
	mutex_unlock(&u->mutex);
	for (int i = 0; i < UPLOAD_SLOTS; i++)
		free(u->slot[i].bytes);
	meter_add(METER_UPLOAD_PENDING, -(int64_t)u->pending_bytes);
	free(u->queue.v);
	free(u->held.v);
	free(u->refused.v);
	free(u->arrived.v);
	free(u->unwanted.v);
	free(u->gone.v);
	free(u->made.v);
	mutex_destroy(&u->mutex);
	cond_destroy(&u->ended);
	free(u);
}

/* --- what there is to do --- */

struct scan {
	struct upload *upload;
	struct item v[SCAN_ROWS];
	uint32_t n;
	uint64_t known;
	bool more;
};

/* A row is good for it once its entry is durable: what may yet be lost does not go far away. */
static bool
see_row(void *arg, const struct container_seen *c)
{
	struct scan *sc = arg;

	if (!block_durable(sc->upload->sync->share, c->lsn))
		return false;
	sc->known = c->number;
	if (c->row.state == CONTAINER_LIVE && !c->row.remote)
		sc->v[sc->n++] = (struct item){ .number = c->number, .bytes = c->row.bytes,
			.over = c->row.again };
	sc->more = sc->n == SCAN_ROWS;
	return !sc->more;
}

void
upload_pending_add(struct upload *u, int64_t bytes)
{
	u->pending_bytes += (uint64_t)bytes;
	block_unsent(u->sync->share, u->pending_bytes + u->made_bytes);
	meter_add(METER_UPLOAD_PENDING, bytes);
}

void
upload_made(struct upload *u, uint64_t number, uint64_t bytes)
{
	mutex_lock(&u->mutex);
	items_push(&u->made, &(struct item){ .number = number, .bytes = bytes });
	u->made_bytes += bytes;
	upload_pending_add(u, 0);
	mutex_unlock(&u->mutex);
}

void
upload_made_no_more_locked(struct upload *u, uint64_t number)
{
	for (size_t i = u->made.at; i < u->made.n; i++)
		if (u->made.v[i].number == number)
			u->made_bytes -= u->made.v[i].bytes;
	items_take(&u->made, number);
	upload_pending_add(u, 0);
}

void
upload_unmade(struct upload *u, uint64_t number)
{
	mutex_lock(&u->mutex);
	upload_made_no_more_locked(u, number);
	mutex_unlock(&u->mutex);
	block_sent(u->sync->share);
}

/* What has a row that was seen, or had one, is counted by that. */
static void
made_seen_locked(struct upload *u)
{
	for (size_t i = u->made.at; i < u->made.n;) {
		const struct item *it = &u->made.v[i];

		if (it->number > u->known) {
			i++;
			continue;
		}
		u->made_bytes -= it->bytes;
		items_take(&u->made, it->number);
	}
}

/* Containers get their numbers in order, so what is new lies behind what is known. */
static enum status
learn(struct upload *u)
{
	struct scan *sc = xcalloc(1, sizeof *sc);
	lsn_t durable = block_durable_lsn(u->sync->share);
	enum status st = OK;

	sc->upload = u;
	do {
		sc->n = 0;
		sc->more = false;
		sc->known = u->known;
		st = rows_containers(u->sync->share, u->known + 1, see_row, sc);
		if (st != OK)
			break;
		mutex_lock(&u->mutex);
		u->known = sc->known;
		made_seen_locked(u);
		for (uint32_t i = 0; i < sc->n; i++) {
			items_push(&u->queue, &sc->v[i]);
			upload_pending_add(u, (int64_t)sc->v[i].bytes);
		}
		upload_pending_add(u, 0);
		mutex_unlock(&u->mutex);
	} while (sc->more);
	mutex_lock(&u->mutex);
	if (st == OK) {
		u->learned = durable;
		u->looked = true;
	}
	mutex_unlock(&u->mutex);
	free(sc);
	return st;
}

/* --- calls --- */

static void
call_ended(struct block_call *call)
{
	struct slot *s = container_of(call, struct slot, call);
	struct upload *u = s->upload;

	mutex_lock(&u->mutex);
	s->state = SLOT_ENDED;
	u->running--;
	cond_broadcast(&u->ended);
	if (!u->closing)
		work_post(&u->sync->up);
	mutex_unlock(&u->mutex);
}

static void
call_begin_locked(struct upload *u, struct slot *s, enum block_call_kind kind, bool if_absent)
{
	s->call = (struct block_call){ .kind = kind, .if_absent = if_absent, .done = call_ended,
		.deadline_ns = clock_mono_ns() + CALL_S * NS_PER_S };
	chain_init(&s->call.body);
	rows_object_name(u->sync->share, s->item.fence, s->item.number, s->call.name);
	if (kind == BLOCK_PUT && chain_push(&s->call.body, NULL,
	    slice_of(s->bytes, (uint32_t)s->item.bytes)) != OK)
		panic("one slice does not fit into a chain");
	s->state = SLOT_RUNS;
	s->refused &= kind == BLOCK_HEAD;
	u->running++;
	u->seen.puts += kind == BLOCK_PUT;
	u->store->ops->start(u->store, &s->call);	/* never ends inside */
}

static void
slot_free(struct slot *s)
{
	free(TAKE(&s->bytes));
	s->state = SLOT_FREE;
}

static void
well_locked(struct upload *u)
{
	uint32_t most = u->sync->share->remote_uploads;

	if (u->failures > 0)
		log_info("upload.back", F_STR("share", u->sync->share->conf.name),
		    F_U64("away_ms", (clock_mono_ns() - u->away_since_ns) / NS_PER_MS));
	u->failures = 0;
	u->pause_until_ns = u->away_since_ns = 0;
	u->seen.text[0] = '\0';
	most = most != 0 ? MIN(most, (uint32_t)UPLOAD_SLOTS) : (uint32_t)AT_ONCE_MOST;
	if (++u->good >= 2 * u->at_once && u->at_once < most) {
		u->at_once++;
		u->good = 0;
	}
}

static void
unwell_locked(struct upload *u, const struct slot *s)
{
	uint64_t now = clock_mono_ns(), whole;
	struct text t = text_of(u->seen.text, sizeof u->seen.text);

	text_add(&t, s->refused ? s->why : s->call.text[0] != '\0' ? s->call.text :
	    status_text(s->call.status));
	u->failed_ns = now;
	if (u->failures++ == 0) {
		u->away_since_ns = now;
		log_warn("upload.away", F_STR("share", u->sync->share->conf.name),
		    F_HEX("request", s->call.request), F_STR("why", u->seen.text));
	}
	whole = MIN((uint64_t)PAUSE_FIRST_MS << MIN(u->failures - 1, (unsigned)DOUBLINGS),
	    (uint64_t)PAUSE_MOST_MS) * NS_PER_MS;
	u->pause_until_ns = now + whole / 2 + rand_u64() % (whole / 2 + 1);
	u->at_once = MAX(u->at_once / 2, 1u);
	u->good = 0;
	u->seen.retries++;
	meter_add(METER_UPLOAD_RETRIES, 1);
}

static void
arrived_locked(struct upload *u, struct slot *s)
{
	items_push(&u->arrived, &s->item);
	u->seen.uploaded++;
	u->seen.uploaded_bytes += s->item.bytes;
	meter_add(METER_UPLOADED, 1);
	meter_add(METER_UPLOADED_BYTES, (int64_t)s->item.bytes);
	slot_free(s);
	work_post(&u->sync->data);
}

static void
deleted_locked(struct upload *u, struct slot *s)
{
	u->seen.deleted++;
	items_push(&u->gone, &s->item);
	slot_free(s);
	work_post(&u->sync->data);
}

static void
unwell_again_locked(struct upload *u, struct slot *s)
{
	unwell_locked(u, s);
	items_unpop(s->item.del ? &u->unwanted : &u->queue, &s->item);
	slot_free(s);
}

/* May it be that what has the name there may not be changed? */
static bool
may_be_refused(const struct block_call *call)
{
	return (call->kind == BLOCK_DEL || (call->kind == BLOCK_PUT && !call->if_absent)) &&
	    (call->status == ST_ACCES || call->status == ST_PERM || call->status == ST_BUSY ||
	    call->status == ST_EXIST || call->status == ST_NOTSUPP);
}

static void
ask_whether_refused_locked(struct upload *u, struct slot *s)
{
	struct text t = text_of(s->why, sizeof s->why);

	text_add(&t, s->call.text[0] != '\0' ? s->call.text : status_text(s->call.status));
	call_begin_locked(u, s, BLOCK_HEAD, false);
	s->refused = true;
}

/* The store answers, and has it: it is that object which may not be changed. */
static void
refused_locked(struct upload *u, struct slot *s)
{
	struct item *it = &s->item;
	uint64_t wait_s = (uint64_t)REFUSED_FIRST_S <<
	    MIN(REFUSED_TIMES_EIGHT * it->refusals, 30u);

	well_locked(u);
	it->over = true;
	it->due_ns = clock_mono_ns() + MIN(wait_s, (uint64_t)REFUSED_MOST_S) * NS_PER_S;
	if (++it->refusals == REFUSED_TIMES)
		log_error(it->del ? "upload.kept_there" : "upload.refused",
		    F_STR("share", u->sync->share->conf.name), F_HEX("container", it->number),
		    F_STR("why", s->why));
	if (it->refusals >= REFUSED_TIMES && !it->del) {
		u->refused_new = true;
		work_post(&u->sync->data);
	}
	items_push(&u->refused, it);
	slot_free(s);
}

static void
head_after_refusal_locked(struct upload *u, struct slot *s)
{
	if (s->call.status == OK) {
		refused_locked(u, s);
	} else if (s->call.status == ST_NOENT && s->item.del) {
		well_locked(u);
		deleted_locked(u, s);
	} else {
		unwell_again_locked(u, s);
	}
}

static void
slot_ended_locked(struct upload *u, struct slot *s)
{
	enum block_call_kind kind = s->call.kind;
	enum status st = s->call.status;

	chain_clear(&s->call.body);
	if (kind == BLOCK_HEAD && s->refused) {
		head_after_refusal_locked(u, s);
		return;
	}
	if (may_be_refused(&s->call)) {
		ask_whether_refused_locked(u, s);
		return;
	}
	if (kind == BLOCK_PUT && st == ST_EXIST) {
		call_begin_locked(u, s, BLOCK_HEAD, false);
		return;
	}
	if (kind == BLOCK_HEAD && (st == ST_NOENT || (st == OK && s->call.got != s->item.bytes))) {
		call_begin_locked(u, s, BLOCK_PUT, false);
		return;
	}
	if (st != OK) {
		unwell_again_locked(u, s);
		return;
	}
	well_locked(u);
	if (kind != BLOCK_DEL) {
		arrived_locked(u, s);
		return;
	}
	deleted_locked(u, s);
}

/* --- the errand --- */

/* Those whose time has come are tried again. */
static void
look_at_refused(struct upload *u)
{
	uint64_t now = clock_mono_ns();
	struct item it;

	mutex_lock(&u->mutex);
	for (size_t n = u->refused.n - u->refused.at; n > 0 && items_pop(&u->refused, &it); n--)
		items_push(now < it.due_ns ? &u->refused : it.del ? &u->unwanted : &u->queue, &it);
	mutex_unlock(&u->mutex);
}

static struct slot *
slot_find_locked(struct upload *u)
{
	if (u->running >= u->at_once || clock_mono_ns() < u->pause_until_ns)
		return NULL;
	for (int i = 0; i < UPLOAD_SLOTS; i++)
		if (u->slot[i].state == SLOT_FREE)
			return &u->slot[i];
	return NULL;
}

/* Does it have to stay here for now, for its key's sake? */
static bool
is_held(struct upload *u, struct item *it)
{
	return mirror_head(block_mirror(u->sync->share), it->number, NULL, &it->key) == OK &&
	    keyship_holds(u->sync->keyship, it->key);
}

/* Those whose key has its place now go back to where they came from. */
static void
look_at_held(struct upload *u)
{
	bool holds[SHARE_KEYS_MAX + 1], any;
	struct item it;

	mutex_lock(&u->mutex);
	any = u->held.at < u->held.n;
	mutex_unlock(&u->mutex);
	for (uint32_t v = 0; any && v <= SHARE_KEYS_MAX; v++)
		holds[v] = keyship_holds(u->sync->keyship, v);
	mutex_lock(&u->mutex);
	for (size_t n = any ? u->held.n - u->held.at : 0; n > 0 && items_pop(&u->held, &it); n--)
		items_push(holds[it.key] ? &u->held : &u->queue, &it);
	mutex_unlock(&u->mutex);
}

/* Read it, verified; false: it does not go: gone meanwhile, or damaged, which is said. */
static bool
load(struct upload *u, struct item *it, uint8_t **bytes)
{
	enum status st = mirror_load(block_mirror(u->sync->share), it->number, &it->fence, bytes,
	    &it->bytes);

	if (st == OK)
		return true;
	if (st != ST_NOENT) {
		log_error("upload.unreadable", F_STR("share", u->sync->share->conf.name),
		    F_HEX("container", it->number), F_STR("status", status_name(st)));
		mutex_lock(&u->mutex);
		u->seen.damaged++;
		mutex_unlock(&u->mutex);
	}
	return false;
}

/* One call more; false: none may begin now, or there is none. */
static bool
begin_one(struct upload *u)
{
	uint64_t bytes_said;
	struct item it;
	uint8_t *bytes = NULL;
	struct slot *s;
	bool del, any, good, held;

	mutex_lock(&u->mutex);
	s = slot_find_locked(u);
	del = s != NULL && items_pop(&u->unwanted, &it);
	any = del || (s != NULL && items_pop(&u->queue, &it));
	if (any) {
		s->state = SLOT_ENDED;	/* ours: the errand is the only one that takes any */
		s->item = it;
		s->item.del = it.del = del;
		s->call.kind = del ? BLOCK_DEL : BLOCK_PUT;
	}
	mutex_unlock(&u->mutex);
	if (!any)
		return false;
	bytes_said = it.bytes;
	held = !del && is_held(u, &it);
	good = del || (!held && load(u, &it, &bytes));
	mutex_lock(&u->mutex);
	if (held)
		items_push(&u->held, &it);
	else if (!del)
		upload_pending_add(u, (int64_t)(good ? it.bytes : 0) - (int64_t)bytes_said);
	s->item = it;
	s->bytes = bytes;
	if (good)
		call_begin_locked(u, s, del ? BLOCK_DEL : BLOCK_PUT, !it.over);
	else
		slot_free(s);
	mutex_unlock(&u->mutex);
	if (!good && !held)
		block_sent(u->sync->share);
	return true;
}

enum status
upload_run(struct upload *u)
{
	enum status st;

	mutex_lock(&u->mutex);
	for (int i = 0; i < UPLOAD_SLOTS; i++)
		if (u->slot[i].state == SLOT_ENDED)
			slot_ended_locked(u, &u->slot[i]);
	mutex_unlock(&u->mutex);
	st = learn(u);
	look_at_held(u);
	look_at_refused(u);
	while (!atomic_load(&u->sync->closing) && keyship_there(u->sync->keyship) && begin_one(u))
		;
	return st;
}

/* --- for those who ask --- */

void
upload_push(struct upload *u)
{
	mutex_lock(&u->mutex);
	u->pause_until_ns = MIN(u->pause_until_ns, u->failed_ns + PUSH_PAUSE_NS);
	for (size_t i = u->refused.at; i < u->refused.n; i++)
		u->refused.v[i].due_ns = MIN(u->refused.v[i].due_ns,
		    clock_mono_ns() + PUSH_PAUSE_NS);
	mutex_unlock(&u->mutex);
	keyship_push(u->sync->keyship);
}

static uint64_t
pending_locked(const struct upload *u)
{
	uint64_t n = u->queue.n - u->queue.at + u->held.n - u->held.at + u->arrived.n -
	    u->arrived.at + u->settling;

	for (size_t i = u->refused.at; i < u->refused.n; i++)
		n += !u->refused.v[i].del;

	for (int i = 0; i < UPLOAD_SLOTS; i++)
		n += u->slot[i].state != SLOT_FREE && !u->slot[i].item.del;
	return n;
}

/* Of those that were to be put over; many are not expected. */
static uint64_t
refused_count_locked(const struct upload *u)
{
	uint64_t n = 0;

	for (size_t i = u->refused.at; i < u->refused.n; i++)
		n += !u->refused.v[i].del && u->refused.v[i].refusals >= REFUSED_TIMES;
	return n;
}

bool
upload_idle(struct upload *u)
{
	bool idle;

	mutex_lock(&u->mutex);
	idle = u->looked && u->running == 0 && pending_locked(u) == 0 &&
	    u->learned >= atomic_load(&u->sync->committed);
	mutex_unlock(&u->mutex);
	return idle && keyship_there(u->sync->keyship);
}

void
upload_look(struct upload *u, struct sync_remote *out)
{
	uint64_t now = clock_mono_ns();

	mutex_lock(&u->mutex);
	*out = u->seen;
	out->has = true;
	out->pending = pending_locked(u);
	out->pending_bytes = u->pending_bytes;
	out->refused = refused_count_locked(u);
	if (out->refused > 0 && out->text[0] == '\0')
		snprintf(out->text, sizeof out->text, "%llu objects that are damaged there may not "
		    "be replaced", (unsigned long long)out->refused);
	out->running = u->running;
	out->at_once = u->at_once;
	out->away = u->failures > 0;
	out->away_ms = u->failures > 0 ? (now - u->away_since_ns) / NS_PER_MS : 0;
	mutex_unlock(&u->mutex);
	out->keys_remote = keyship_look(u->sync->keyship, &out->keys_other, out->text,
	    sizeof out->text);
}
