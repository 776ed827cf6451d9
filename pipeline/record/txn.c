/*
 * Change sets: a bounded pool of them, and the builders that fill one.  Every builder keeps the
 * size of the log form exact as it goes, so that room in the journal can be reserved before any
 * lock is taken; a passed limit is sticky and found by whoever reserves.
 */
#include "pipeline/record/txn.h"

#include "pipeline/base/fault.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/mutex.h"
#include "pipeline/record/key.h"

#include <stdlib.h>

enum {
	TXN_DATA_ITEMS_MAX = 2,
	TXN_ARENA_MAX = 32 << 20,	/* never reached: items and bytes are limited before it */
	DATA_VALUE_FIXED = 24, TRUNC_VALUE = 16, HOLE_VALUE = 24,
	CARVED_VALUE = 32, COUNT_VALUE = 8, CUT_VALUE = 8, NOTE_VALUE = 68,
};

static struct {				/* house lifetime */
	struct mutex mutex;
	struct txn *all;
	struct list free;
	uint32_t count, out;
} pool;

void
txn_pool_init(uint32_t count)
{
	assert(pool.all == NULL && count > 0);
	mutex_init(&pool.mutex, RANK_POOL, 0);
	list_init(&pool.free);
	pool.all = xcalloc(count, sizeof *pool.all);
	pool.count = count;
	for (uint32_t i = 0; i < count; i++)
		list_push_back(&pool.free, &pool.all[i].link);
}

void
txn_pool_fini(void)
{
	assert(pool.out == 0);
	free(TAKE(&pool.all));
	mutex_destroy(&pool.mutex);
}

static void
txn_clean(struct txn *t)
{
	list_init(&t->link);
	t->first = NULL;
	t->last = &t->first;
	t->nitems = 0;
	t->record_bytes = ENTRY_HEAD_BYTES;
	t->history_bytes = 0;
	chain_init(&t->data);
	chain_init(&t->sealed);
	t->lsn = 0;
	t->datum[0] = t->datum[1] = NULL;
	t->reserved = 0;
	t->frees = t->failed = false;
	arena_init(&t->arena, t->home, sizeof t->home, TXN_ARENA_MAX);
	t->arena.bounded = true;
}

struct txn *
txn_new(void)
{
	struct list *l;
	struct txn *t;

	if (FAULT("txn.get"))
		return NULL;
	mutex_lock(&pool.mutex);
	l = list_pop_front(&pool.free);
	if (l != NULL)
		pool.out++;
	mutex_unlock(&pool.mutex);
	if (l == NULL)
		return NULL;
	t = container_of(l, struct txn, link);
	txn_clean(t);
	return t;
}

uint32_t
txn_pool_used(void)
{
	uint32_t out;

	mutex_lock(&pool.mutex);
	out = pool.out;
	mutex_unlock(&pool.mutex);
	return out;
}

void
txn_free(struct txn **txnp)
{
	struct txn *t = TAKE(txnp);

	if (t == NULL)
		return;
	chain_clear(&t->data);
	chain_clear(&t->sealed);
	arena_rewind(&t->arena);
	mutex_lock(&pool.mutex);
	list_push_front(&pool.free, &t->link);		/* last out is warmest */
	pool.out--;
	mutex_unlock(&pool.mutex);
}

/* Add an item whose log form has a key and a value of that many bytes, key copied. */
static struct txn_item *
item_add(struct txn *t, enum item_kind kind, struct slice key, uint32_t value_bytes)
{
	struct txn_item *item = arena_zalloc(&t->arena, sizeof *item);
	uint8_t *copy = key.len > 0 ? arena_alloc(&t->arena, key.len) : t->home;

	if (item == NULL || copy == NULL) {
		t->failed = true;
		return NULL;
	}
	item->kind = (uint8_t)kind;
	if (key.len > 0)
		item->key = slice_of(memcpy(copy, key.at, key.len), key.len);
	*t->last = item;
	t->last = &item->next;
	t->nitems++;
	t->record_bytes += ITEM_HEAD_BYTES + key.len + value_bytes;
	return item;
}

/* The same where the limits are still to be asked: those of an entry, with its history. */
static struct txn_item *
item_ask(struct txn *t, enum item_kind kind, struct slice key, uint32_t value_bytes)
{
	uint64_t bytes = (uint64_t)t->record_bytes + t->history_bytes + ITEM_HEAD_BYTES + key.len +
	    value_bytes;

	if (key.len > KEY_INNER_MAX || bytes > TXN_RECORDS_MAX || t->nitems >= TXN_ITEMS_MAX)
		t->failed = true;
	return t->failed ? NULL : item_add(t, kind, key, value_bytes);
}

/* Room for what the commit may add: a changed line, and the old version as a history row. */
static void
history_reserve(struct txn *t, struct txn_item *item, const struct old_version *old)
{
	uint64_t more;

	if (item == NULL || old == NULL || !table_versioned(item->key.at[0]))
		return;
	item->old = *old;
	more = ITEM_HEAD_BYTES + item->key.len + KEY_AROUND;
	if (old->exists)
		more = 2 * more + 16 + old->body.len;
	if (t->record_bytes + (uint64_t)t->history_bytes + more > TXN_RECORDS_MAX)
		t->failed = true;
	else
		t->history_bytes += (uint32_t)more;
}

static void
put(struct txn *t, struct slice key, struct slice body, const struct old_version *old, bool fresh)
{
	struct txn_item *item;
	uint8_t *copy;

	if (body.len > TXN_RECORDS_MAX || key.len == 0 || FAULT("txn.put"))
		t->failed = true;
	item = item_ask(t, ITEM_PUT, key, body.len);
	if (item == NULL)
		return;
	copy = arena_alloc(&t->arena, body.len + 1);
	if (copy == NULL) {
		t->failed = true;
		return;
	}
	if (body.len > 0)
		memcpy(copy, body.at, body.len);
	item->body = slice_of(copy, body.len);
	item->fresh = fresh;
	history_reserve(t, item, old);
}

void
txn_put(struct txn *t, struct slice key, struct slice body, const struct old_version *old)
{
	put(t, key, body, old, false);
}

void
txn_put_new(struct txn *t, struct slice key, struct slice body, const struct old_version *old)
{
	put(t, key, body, old, true);
}

void
txn_put_reserved(struct txn *t, struct slice key, struct slice head, struct slice body)
{
	struct txn_item *item = item_add(t, ITEM_PUT, key, head.len + body.len);
	uint8_t *copy = arena_alloc(&t->arena, (size_t)head.len + body.len + 1);

	assert(item != NULL && copy != NULL);
	if (head.len > 0)
		memcpy(copy, head.at, head.len);
	if (body.len > 0)
		memcpy(copy + head.len, body.at, body.len);
	item->body = slice_of(copy, head.len + body.len);
}

void
txn_del(struct txn *t, struct slice key, const struct old_version *old)
{
	if (key.len == 0 || FAULT("txn.del"))
		t->failed = true;
	history_reserve(t, item_ask(t, ITEM_DEL, key, 0), old);
}

void
txn_count(struct txn *t, struct slice key, int64_t delta)
{
	struct txn_item *item;

	for (item = t->first; item != NULL; item = item->next)
		if (item->kind == ITEM_COUNT && slice_eq(item->key, key))
			break;
	if (key.len == 0)
		t->failed = true;
	if (item == NULL)
		item = item_ask(t, ITEM_COUNT, key, COUNT_VALUE);
	if (item != NULL)
		item->delta += delta;
}

void
txn_trunc(struct txn *t, uint64_t content, uint64_t size)
{
	struct txn_item *item = item_ask(t, ITEM_TRUNC, slice_of(NULL, 0), TRUNC_VALUE);

	if (item != NULL) {
		item->content = content;
		item->from = size;
	}
}

void
txn_hole(struct txn *t, uint64_t content, uint64_t from, uint64_t to)
{
	struct txn_item *item = item_ask(t, ITEM_HOLE, slice_of(NULL, 0), HOLE_VALUE);

	if (item != NULL) {
		item->content = content;
		item->from = from;
		item->to = to;
	}
}

void
txn_carved(struct txn *t, uint64_t content, uint64_t from, uint64_t to, lsn_t as_of)
{
	struct txn_item *item = item_ask(t, ITEM_CARVED, slice_of(NULL, 0), CARVED_VALUE);

	if (item != NULL) {
		item->content = content;
		item->from = from;
		item->to = to;
		item->as_of = as_of;
	}
}

void
txn_cut(struct txn *t, uint64_t epoch)
{
	struct txn_item *item = item_ask(t, ITEM_CUT, slice_of(NULL, 0), CUT_VALUE);

	if (item != NULL)
		item->from = epoch;
}

void
txn_note(struct txn *t, const struct note *note)
{
	struct txn_item *item = item_ask(t, ITEM_NOTE, slice_of(NULL, 0), NOTE_VALUE);

	if (item != NULL)
		item->note = *note;
}

/* One checksum for each TXN_CRC_UNIT of the bytes, whatever slices they lie in. */
static void
chain_checksums(const struct chain *bytes, uint32_t *crc)
{
	uint32_t in_unit = 0;

	*crc = 0;
	for (uint16_t i = 0; i < bytes->n; i++) {
		const uint8_t *at = bytes->v[i].at;

		for (uint32_t left = bytes->v[i].len, step; left > 0; left -= step, at += step) {
			if (in_unit == TXN_CRC_UNIT) {
				*++crc = 0;
				in_unit = 0;
			}
			step = MIN(left, TXN_CRC_UNIT - in_unit);
			*crc = crc32c(*crc, at, step);
			in_unit += step;
		}
	}
}

static uint32_t
data_items(const struct txn *t)
{
	uint32_t n = 0;

	for (const struct txn_item *item = t->first; item != NULL; item = item->next)
		n += item->kind == ITEM_DATA;
	return n;
}

void
txn_data(struct txn *t, uint64_t content, uint64_t offset, const struct chain *bytes)
{
	uint32_t at = (uint32_t)t->data.len, units;
	struct txn_item *item;
	uint32_t *crc;
	uint64_t end;

	if (bytes->len == 0 || bytes->len > TXN_DATA_MAX - t->data.len ||
	    !add_ok(offset, bytes->len, &end) || data_items(t) == TXN_DATA_ITEMS_MAX ||
	    FAULT("txn.data")) {
		t->failed = true;
		return;
	}
	units = (uint32_t)((bytes->len + TXN_CRC_UNIT - 1) / TXN_CRC_UNIT);
	item = item_ask(t, ITEM_DATA, slice_of(NULL, 0), DATA_VALUE_FIXED + 4 * units);
	if (item == NULL)
		return;
	crc = arena_alloc(&t->arena, units * sizeof *crc);
	if (crc == NULL ||
	    chain_push_part(&t->data, &t->arena, bytes, 0, bytes->len) != OK) {
		t->failed = true;
		return;
	}
	chain_checksums(bytes, crc);
	item->content = content;
	item->from = offset;
	item->to = end;
	item->data_at = at;
	item->crc = crc;
}

void
txn_item_sealed(struct txn *t, struct txn_item *item, const struct item_seal *seal,
    const uint32_t *crc)
{
	uint32_t units = (uint32_t)((item->to - item->from + TXN_CRC_UNIT - 1) / TXN_CRC_UNIT);

	assert(item->kind == ITEM_DATA && item->seal == NULL);
	item->seal = seal;
	item->crc = crc;
	t->record_bytes += ITEM_SEAL_BYTES + ITEM_TAG_BYTES * units;
}
