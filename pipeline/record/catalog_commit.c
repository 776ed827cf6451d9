/*
 * The catalog's writer: what an entry does to the active memtable, whether it is committed now or
 * found again at recovery; freezing; cuts.  All of it under the share's order mutex, or before
 * anybody else is there.
 */
#include "pipeline/record/inner.h"

#include <stdlib.h>

enum { HISTORY_HEAD = 16 };

/* A counter's row set or taken away: kept apart from records, since deltas may follow. */
static void
counter_set(struct memtable *m, const struct txn_item *item, lsn_t lsn)
{
	int64_t value = 0;

	if (item->kind == ITEM_PUT && item->body.len == 8)
		value = (int64_t)get_le64(item->body.at);
	memtable_count(m, item->key, item->kind == ITEM_PUT ? MEM_SET : MEM_GONE, value, lsn);
}

static void
cut(struct catalog *c, uint64_t closed)
{
	if (closed >= catalog_epoch(c))
		atomic_store_explicit(&c->epoch, closed + 1, memory_order_relaxed);
	if (closed > catalog_newest_snapshot(c))
		atomic_store_explicit(&c->newest_snapshot, closed, memory_order_relaxed);
}

void
active_set(struct catalog *c, const struct txn_item *item, lsn_t lsn)
{
	struct memtable *m = c->active;

	switch ((enum item_kind)item->kind) {
	case ITEM_PUT:
		if (item->key.at[0] == TAG_COUNT)
			counter_set(m, item, lsn);
		else if (item->fresh)
			memtable_set_new(m, item->key, item->body, catalog_epoch(c), lsn);
		else
			memtable_set(m, item->key, item->body, catalog_epoch(c), lsn);
		break;
	case ITEM_DEL:
		if (item->key.at[0] == TAG_COUNT)
			counter_set(m, item, lsn);
		else
			memtable_del(m, item->key, catalog_epoch(c), lsn);
		break;
	case ITEM_COUNT:
		memtable_count(m, item->key, MEM_DELTA, item->delta, lsn);
		break;
	case ITEM_CUT:
		cut(c, item->from);
		break;
	case ITEM_DATA:
	case ITEM_TRUNC:
	case ITEM_HOLE:
	case ITEM_MAP:
	case ITEM_CARVED:
	case ITEM_NOTE:
		break;
	}
}

/* A row that the commit itself adds: to the log form and to the memtable. */
static void
add_row(struct catalog *c, struct txn *t, struct slice key, struct slice head, struct slice body)
{
	struct txn_item **at = t->last;

	txn_put_reserved(t, key, head, body);
	active_set(c, *at, t->lsn);
}

/*
 * The first change of a key in an epoch leaves a line in `changed`; a version that a snapshot
 * still shows goes to history.  engine.md §5.
 */
static void
add_history(struct catalog *c, struct txn *t, const struct txn_item *item)
{
	const struct old_version *old = &item->old;
	uint64_t epoch = catalog_epoch(c), newest = catalog_newest_snapshot(c);
	uint8_t row[KEY_MAX], head[HISTORY_HEAD];
	uint32_t len;

	if (newest == 0 || !table_versioned(item->key.at[0]) || item->key.len > KEY_INNER_MAX ||
	    (old->exists && old->born >= epoch))
		return;
	if (old->exists && old->born <= newest) {
		len = key_history(row, item->key, epoch);
		put_le64(head, old->born);
		put_le64(head + 8, old->lsn);
		add_row(c, t, slice_of(row, len), slice_of(head, sizeof head), old->body);
	}
	if (table_lists_changes(item->key.at[0])) {
		len = key_changed(row, item->key, epoch);
		add_row(c, t, slice_of(row, len), slice_of(NULL, 0), slice_of(NULL, 0));
	}
}

static void
active_grew(struct catalog *c, uint64_t was, lsn_t lsn)
{
	uint64_t is = atomic_load_explicit(&c->active->bytes, memory_order_relaxed);

	atomic_fetch_add_explicit(&c->unapplied, is - was, memory_order_relaxed);
	if (lsn > atomic_load_explicit(&c->active->last_lsn, memory_order_relaxed))
		atomic_store_explicit(&c->active->last_lsn, lsn, memory_order_release);
}

void
catalog_commit_locked(struct catalog *c, struct txn *t)
{
	uint32_t n = t->nitems;			/* those that the commit adds come behind */
	uint64_t was;

	if (atomic_load_explicit(&c->active->bytes, memory_order_relaxed) >= MEMTABLE_BYTES_MAX)
		(void)catalog_freeze_locked(c, 0);
	for (const struct txn_item *item = t->first; item != NULL; item = item->next)
		if (item->key.len > 0)
			memtable_expect(c->active, item->key);
	was = atomic_load_explicit(&c->active->bytes, memory_order_relaxed);
	for (struct txn_item *item = t->first; n > 0; n--, item = item->next) {
		if (item->kind == ITEM_CUT && item->from == 0)
			item->from = catalog_epoch(c);
		if (item->kind == ITEM_PUT || item->kind == ITEM_DEL)
			add_history(c, t, item);
		active_set(c, item, t->lsn);
	}
	active_grew(c, was, t->lsn);
}

uint64_t
catalog_cut_locked(struct catalog *c)
{
	uint64_t closed = catalog_epoch(c);

	cut(c, closed);
	return closed;
}

/* --- freezing --- */

bool
catalog_freeze_locked(struct catalog *c, uint64_t min_bytes)
{
	struct view *was, *v;
	bool room;

	if (c->active->rows == 0 ||
	    atomic_load_explicit(&c->active->bytes, memory_order_relaxed) < min_bytes)
		return false;
	v = xcalloc(1, sizeof *v);
	mutex_lock(&c->mutex);
	was = atomic_load_explicit(&c->view, memory_order_relaxed);
	room = was->n < VIEW_MAX;
	if (room) {
		v->n = was->n + 1;
		memcpy(v->m + 1, was->m, was->n * sizeof v->m[0]);
		v->m[0] = c->spare != NULL ? TAKE(&c->spare) : memtable_new(&c->pool);
		c->active = v->m[0];
		view_publish(c, TAKE(&v));
	}
	mutex_unlock(&c->mutex);
	free(v);
	return room;
}

lsn_t
catalog_frozen_lsn(const struct catalog *c)
{
	lsn_t lsn = 0;
	struct view *v;

	epoch_begin();
	v = atomic_load_explicit(&((struct catalog *)c)->view, memory_order_acquire);
	if (v->n > 1)
		lsn = atomic_load_explicit(&v->m[v->n - 1]->last_lsn, memory_order_acquire);
	epoch_end();
	return lsn;
}

/* --- recovery --- */

/*
 * Up to which LSN a counter has been counted, by a memtable or else in the store.  The store's last
 * answers are remembered, for the few counters that stand in every entry.
 */
static enum status
counted_lsn(struct catalog *c, struct slice key, lsn_t *lsn)
{
	struct view *view = atomic_load_explicit(&c->view, memory_order_relaxed);
	const struct mem_value *fresh;
	struct skip_row *row;
	struct arena arena;
	struct stored stored;
	uint8_t home[256];
	uint64_t h = key.len;
	enum status st;

	*lsn = 0;
	for (uint32_t i = 0; i < view->n; i++)
		if ((fresh = memtable_find(view->m[i], key)) != NULL) {
			*lsn = fresh->head.lsn;
			return OK;
		}
	for (uint32_t i = 0; i < key.len; i++)
		h = h * 31 + key.at[i];
	if (c->skip == NULL)
		c->skip = xcalloc(SKIP_ROWS, sizeof *c->skip);
	row = &c->skip[h % SKIP_ROWS];
	if (slice_eq(key_slice(&row->key), key)) {
		*lsn = row->lsn;
		return OK;
	}
	arena_init(&arena, home, sizeof home, META_VALUE_MAX);
	st = store_get(c, key, &arena, &stored);
	if (st == OK)
		*lsn = stored.lsn;
	arena_rewind(&arena);
	if ((st == OK || st == ST_NOENT) && key.len <= sizeof row->key.bytes) {
		memcpy(row->key.bytes, key.at, key.len);
		row->key.len = (uint16_t)key.len;
		row->lsn = *lsn;
	}
	return st == ST_NOENT ? OK : st;
}

enum status
catalog_replay(struct catalog *c, lsn_t lsn, const struct txn_item *item)
{
	bool keyed = item->kind == ITEM_PUT || item->kind == ITEM_DEL || item->kind == ITEM_COUNT;
	lsn_t counted = 0;
	enum status st;
	uint64_t was;

	if (keyed && (item->key.len == 0 || item->key.len > KEY_MAX ||
	    (item->kind == ITEM_PUT && item->body.len > META_VALUE_MAX - STORED_HEAD) ||
	    (item->kind == ITEM_COUNT && item->key.at[0] != TAG_COUNT)))
		return ST_CORRUPT;
	if (keyed && item->key.at[0] == TAG_COUNT) {
		if (item->kind == ITEM_PUT && item->body.len != 8)
			return ST_CORRUPT;
		st = counted_lsn(c, item->key, &counted);
		if (st != OK)
			return st;
		if (lsn <= counted)
			keyed = false;
	}
	if (atomic_load_explicit(&c->active->bytes, memory_order_relaxed) >= MEMTABLE_BYTES_MAX &&
	    atomic_load_explicit(&c->active->last_lsn, memory_order_relaxed) != lsn)
		(void)catalog_freeze_locked(c, 0);	/* between entries, never inside one */
	was = atomic_load_explicit(&c->active->bytes, memory_order_relaxed);
	if (keyed || item->kind == ITEM_CUT)
		active_set(c, item, lsn);
	active_grew(c, was, lsn);
	return OK;
}
