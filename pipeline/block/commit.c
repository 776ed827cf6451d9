/*
 * An entry's way in: room for it before any lock is taken, its LSN under order.  engine.md §2.
 */
#include "pipeline/block/journal.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/fault.h"
#include "pipeline/block/group.h"

enum {
	SLACK_BYTES = 16 << 10,		/* records that are only built under the locks */
	ENTRY_SUMMARY_MAX = 1 << 20,
	FREES_PART = 8,			/* one such part is kept for entries that free space */
	SLOW_PART = 4,			/* in the last such part writers are slowed */
	SLOW_SHIFT = 10,		/* counted in KiB, so that the product fits */
};

#define SLOW_NS_MAX (80 * NS_PER_MS)

/* --- admission --- */

/* Room for need more in a cap, of which a part is kept for entries that free space. */
static bool
room_in(uint64_t used, uint64_t need, uint64_t cap, bool frees)
{
	uint64_t limit = frees ? cap : cap - cap / FREES_PART;

	return used <= limit && need <= limit - used;
}

/*
 * How long a writer shall wait for his turn: nothing below three quarters of what he may fill, then
 * longer in proportion, so that the cap is neared ever more slowly and what empties it keeps up.
 */
static uint64_t
slow_in(uint64_t used, uint64_t cap)
{
	uint64_t limit = cap - cap / FREES_PART, from = limit - limit / SLOW_PART;

	if (used <= from)
		return 0;
	return used >= limit ? SLOW_NS_MAX : SLOW_NS_MAX * ((used - from) >> SLOW_SHIFT) /
	    MAX((limit - from) >> SLOW_SHIFT, (uint64_t)1);
}

/* What no empty segment holds is refused here, so that the committer never meets it. */
static bool
too_large(const struct txn *t)
{
	uint64_t summary = 0;

	for (const struct txn_item *item = t->first; item != NULL; item = item->next)
		summary += summary_item_bytes(item);
	return summary > ENTRY_SUMMARY_MAX || t->record_bytes > TXN_RECORDS_MAX ||
	    t->data.len > TXN_DATA_MAX;
}

/* What only this machine has, carved or not: bounded where an operator says how much
 * may be here. */
static uint64_t
unsent(const struct journal *j, uint64_t dirty)
{
	return dirty + atomic_load_explicit(&j->unsent_bytes, memory_order_relaxed);
}

static bool
room_local(const struct journal *j, uint64_t dirty, const struct txn *t)
{
	return j->local_cap == 0 || t->data.len == 0 ||
	    room_in(unsent(j, dirty), t->data.len, j->local_cap, t->frees);
}

/* slow_ns: filled where there is room. */
static enum status
admit_locked(struct journal *j, const struct txn *t, uint64_t records, uint64_t *slow_ns)
{
	struct share *s = j->share;
	uint64_t unapplied = catalog_unapplied_bytes(s->catalog) + j->reserved_records;
	uint64_t dirty = index_live_bytes(s->block->index) + j->reserved_data;
	uint64_t space = j->filled_bytes + j->unwritten_bytes + j->reserved_records +
	    j->reserved_data;

	if (!FAULT("journal.room") && room_in(unapplied, records, j->records_cap, t->frees) &&
	    room_in(dirty, t->data.len, j->data_cap, t->frees) &&
	    room_in(space, records + t->data.len, j->space_cap, t->frees) &&
	    (t->data.len == 0 || index_places(s->block->index) < j->places_max) &&
	    room_local(j, dirty, t)) {
		uint64_t slow = MAX(slow_in(unapplied + records, j->records_cap),
		    slow_in(dirty + t->data.len, j->data_cap));

		slow = MAX(slow, slow_in(space + records + t->data.len, j->space_cap));
		if (t->data.len > 0)
			slow = MAX(slow, slow_in(index_places(s->block->index), j->places_max));
		if (t->data.len > 0 && j->local_cap != 0)
			slow = MAX(slow, slow_in(unsent(j, dirty) + t->data.len, j->local_cap));
		*slow_ns = slow;
		return OK;
	}
	j->full = true;
	return ST_DELAY;
}

/* What is admitted and not written yet comes first; and the log keeps room of its own. */
static bool
disk_has_room_locked(const struct journal *j, uint64_t disk_free, uint64_t need)
{
	uint64_t reserve = atomic_load(&j->share->now.reserve_bytes);

	need += LOG_ROOM_BYTES + j->reserved_records + j->reserved_data + j->unwritten_bytes;
	return !FAULT("journal.reserve") && disk_free >= reserve && disk_free - reserve >= need;
}

static void
unreserve_locked(struct journal *j, const struct txn *t)
{
	j->reserved_records -= t->reserved - t->data.len;
	j->reserved_data -= t->data.len;
}

/* A datum for each DATA item, made before any lock; its bytes stay in the txn until written. */
static void
make_data(struct journal *j, struct txn *t)
{
	size_t n = 0;

	for (const struct txn_item *item = t->first; item != NULL; item = item->next) {
		struct datum *d;

		if (item->kind != ITEM_DATA)
			continue;
		assert(n < ARRAY_LEN(t->datum));
		d = datum_of_item(0, item, &j->opener);
		datum_hold(d, &t->data);
		t->datum[n++] = d;
	}
}

/* slow_ns NULL: who reserves does not wait for a cap that is near. */
static enum status
reserve(struct share *s, struct txn *t, uint64_t *slow_ns)
{
	struct journal *j = journal_of(s);
	uint64_t records = t->record_bytes + SLACK_BYTES + (s->keys == NULL ? 0 : seal_bytes(t));
	uint64_t need = records + t->data.len, near_ns = 0, disk_free;
	enum status st = block_state(s);

	block_unreserve(s, t);
	if (st != OK)
		return ST_IO;
	if (too_large(t))
		return ST_RESOURCE;
	disk_free = journal_disk_free(j);
	mutex_lock(&j->mutex);
	st = t->frees || disk_has_room_locked(j, disk_free, need) ?
	    admit_locked(j, t, records, &near_ns) :
	    ST_NOSPC;
	if (st == OK && slow_ns != NULL && near_ns > 0) {
		*slow_ns = near_ns;
		st = ST_DELAY;
	}
	if (st == OK) {
		j->reserved_records += records;
		j->reserved_data += t->data.len;
		t->reserved = need;
	}
	mutex_unlock(&j->mutex);
	if (st == OK && s->keys != NULL && (st = seal_txn(j, t)) != OK)
		block_unreserve(s, t);
	if (st == OK)
		make_data(j, t);
	return st;
}

enum status
block_reserve(struct share *s, struct txn *t)
{
	return reserve(s, t, NULL);
}

enum status
block_reserve_slowly(struct share *s, struct txn *t, uint64_t *slow_ns)
{
	*slow_ns = 0;
	return reserve(s, t, slow_ns);
}

void
block_unreserve(struct share *s, struct txn *t)
{
	struct journal *j = journal_of(s);
	bool waited;

	if (t->reserved == 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(t->datum); i++) {
		struct datum *d = t->datum[i];

		datum_put(&d);
		t->datum[i] = NULL;
	}
	mutex_lock(&j->mutex);
	unreserve_locked(j, t);
	t->reserved = 0;
	waited = j->full;
	mutex_unlock(&j->mutex);
	if (waited)
		journal_room(j);
}

/* Those that came back before `full` was said are looked for; those behind it say so. */
void
block_starved(struct share *s)
{
	struct journal *j = journal_of(s);
	struct txn *t;

	mutex_lock(&j->mutex);
	j->full = true;
	mutex_unlock(&j->mutex);
	t = txn_new();
	if (t != NULL) {
		txn_free(&t);
		journal_room(j);
	} else {
		committer_kick();
	}
}

void
block_unsent(struct share *s, uint64_t bytes)
{
	atomic_store_explicit(&journal_of(s)->unsent_bytes, bytes, memory_order_relaxed);
}

void
block_sent(struct share *s)
{
	struct journal *j = journal_of(s);

	if (j->local_cap != 0 && atomic_load(&j->full))
		journal_room(j);
}

/* --- commit --- */

static void
publish_data_locked(struct share *s, struct txn *t)
{
	size_t n = 0;

	for (const struct txn_item *item = t->first; item != NULL; item = item->next) {
		if (item->kind == ITEM_DATA)
			index_commit_locked(s->block->index, item, t->lsn,
			    datum_ref(t->datum[n++]));
		else if (item->kind == ITEM_TRUNC || item->kind == ITEM_HOLE)
			index_commit_locked(s->block->index, item, t->lsn, NULL);
	}
}

/* Behind the records: a reader who finds a piece gone finds the row that took its place. */
static bool
publish_carved_locked(struct share *s, const struct txn *t)
{
	bool frees = t->frees;

	for (const struct txn_item *item = t->first; item != NULL; item = item->next)
		if (item->kind == ITEM_PUT || item->kind == ITEM_DEL)
			index_key_changed_locked(s->block->index, item->key);
	for (const struct txn_item *item = t->first; item != NULL; item = item->next) {
		if (item->kind == ITEM_CARVED)
			index_commit_locked(s->block->index, item, t->lsn, NULL);
		frees |= item->kind == ITEM_CARVED || item->kind == ITEM_TRUNC;
	}
	return frees;
}

/* To the committer's list; the txn is not ours behind this.  True: there is a lot by now. */
static bool
append_locked(struct journal *j, struct txn *t, bool *was_empty)
{
	bool much;

	mutex_lock(&j->mutex);
	*was_empty = list_empty(&j->pending);
	if (*was_empty)
		j->pending_since_ns = clock_mono_ns();
	list_push_back(&j->pending, &t->link);
	j->pending_bytes += t->record_bytes + t->data.len;
	unreserve_locked(j, t);		/* catalog and index count it now */
	j->unwritten_bytes += t->reserved;
	much = j->pending_bytes >= PENDING_KICK_BYTES;
	atomic_fetch_add(&j->npending, 1);
	mutex_unlock(&j->mutex);
	return much;
}

void
block_commit(struct share *s, struct txn *t, lsn_t *lsnp)
{
	struct journal *j = journal_of(s);
	bool frees, was_empty, much;

	assert(t->reserved > 0 && !t->failed);
	mutex_lock(&s->order);
	t->lsn = atomic_load_explicit(&j->assigned, memory_order_relaxed) + 1;
	*lsnp = t->lsn;
	publish_data_locked(s, t);
	catalog_commit_locked(s->catalog, t);
	frees = publish_carved_locked(s, t);
	much = append_locked(j, t, &was_empty);
	atomic_store_explicit(&j->assigned, *lsnp, memory_order_release);
	mutex_unlock(&s->order);
	if (much || block_state(s) != OK)
		committer_kick();
	else if (was_empty)
		committer_appended();
	if (frees && atomic_load_explicit(&j->full, memory_order_relaxed))
		journal_room(j);
}
