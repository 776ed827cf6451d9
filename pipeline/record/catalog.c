/*
 * The merged view: point reads and the commit.  Readers find the memtables by a set that never
 * changes once published; the writer changes the active one under the share's order mutex.  Within
 * a commit history rows are published before the live rows that made them necessary: whoever reads
 * the live row first and history afterwards (history.c) never falls between the two.
 */
#include "pipeline/record/inner.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/fault.h"

#include <stdlib.h>

enum { SLOW_STORE_NS = 40000, MISS_NS_MAX = 1000000, EWMA_SHIFT = 3 };

struct catalog *
catalog_new(struct meta_store *store, uint64_t epoch, uint64_t newest_snapshot)
{
	struct catalog *c = xcalloc(1, sizeof *c);
	struct view *v = xcalloc(1, sizeof *v);

	c->store = store;
	mutex_init(&c->mutex, RANK_CATALOG, 0);
	mem_pool_init(&c->pool);
	c->active = v->m[0] = memtable_new(&c->pool);
	v->n = 1;
	atomic_init(&c->view, v);
	c->spare = memtable_new(&c->pool);
	c->fast = !store->ops->durable;
	catalog_set_epoch(c, epoch, newest_snapshot);
	return c;
}

void
catalog_free(struct catalog **cp)
{
	struct catalog *c = TAKE(cp);
	struct view *v;

	if (c == NULL)
		return;
	epoch_drain();			/* what was deferred gives its chunks back to our pool */
	v = atomic_load_explicit(&c->view, memory_order_relaxed);
	for (uint32_t i = 0; i < v->n; i++)
		memtable_free_now(&v->m[i]);
	free(v);
	if (c->spare != NULL)
		memtable_free_now(&c->spare);
	mem_pool_fini(&c->pool);
	mutex_destroy(&c->mutex);
	free(c->skip);
	free(c);
}

void
catalog_set_epoch(struct catalog *c, uint64_t epoch, uint64_t newest_snapshot)
{
	atomic_store_explicit(&c->epoch, epoch, memory_order_relaxed);
	atomic_store_explicit(&c->newest_snapshot, newest_snapshot, memory_order_relaxed);
}

uint64_t
catalog_epoch(const struct catalog *c)
{
	return atomic_load_explicit(&c->epoch, memory_order_relaxed);
}

uint64_t
catalog_newest_snapshot(const struct catalog *c)
{
	return atomic_load_explicit(&c->newest_snapshot, memory_order_relaxed);
}

uint64_t
catalog_unapplied_bytes(const struct catalog *c)
{
	return atomic_load_explicit(&c->unapplied, memory_order_relaxed);
}

/* --- the set of memtables --- */

static struct view *
view_now(const struct catalog *c)	/* acquire: pairs with the release in view_publish */
{
	return atomic_load_explicit(&((struct catalog *)c)->view, memory_order_acquire);
}

static void
view_freed(struct epoch_entry *e)
{
	free(container_of(e, struct view, entry));
}

/* The catalog's mutex is held. */
void
view_publish(struct catalog *c, struct view *v)
{
	struct view *was = atomic_load_explicit(&c->view, memory_order_relaxed);

	atomic_store_explicit(&c->view, v, memory_order_release);
	epoch_defer(&was->entry, view_freed);
}

void
pins_take(struct catalog *c, struct pins *p)
{
	struct view *v;

	epoch_begin();
	v = view_now(c);
	/* One whose last reference has gone is in the store as a whole, and the store is asked
	 * after this. */
	p->n = 0;
	for (uint32_t i = 0; i < v->n; i++)
		if (ref_take_live(&v->m[i]->refs))
			p->m[p->n++] = v->m[i];
	epoch_end();
}

void
pins_drop(struct pins *p)
{
	while (p->n > 0)
		memtable_put(&p->m[--p->n]);
}

/* --- versions --- */

enum status
counter_value(const struct stored *stored, int64_t *value)
{
	if (stored->body.len != 8)
		return ST_CORRUPT;
	*value = (int64_t)get_le64(stored->body.at);
	return OK;
}

static struct version
version_of_stored(const struct stored *stored)
{
	return (struct version){ true, stored->born, stored->lsn, stored->body };
}

/* Deltas from the newest down to one that sets, or to what the store has counted already. */
static struct version
counter_merge(const struct mem_value *const *v, uint32_t n, const struct stored *stored,
    uint8_t *counter)
{
	struct version out = { .lsn = v[0]->head.lsn, .body = slice_of(counter, 8) };
	uint64_t sum = 0;
	int64_t base = 0;
	bool whole = false;

	for (uint32_t i = 0; i < n && !whole; i++) {
		if (stored != NULL && v[i]->head.lsn <= stored->lsn)
			break;
		sum += (uint64_t)v[i]->delta;
		out.exists |= v[i]->kind != MEM_GONE;
		whole = v[i]->kind != MEM_DELTA;
	}
	if (!whole && stored != NULL) {
		if (counter_value(stored, &base) == OK)
			sum += (uint64_t)base;
		out.exists = true;
		out.lsn = MAX(out.lsn, stored->lsn);
	}
	put_le64(counter, sum);
	return out;
}

struct version
version_merge(const struct mem_value *const *v, uint32_t n, const struct stored *stored,
    uint8_t *counter)
{
	if (n == 0)
		return version_of_stored(stored);
	if (v[0]->kind >= MEM_DELTA)
		return counter_merge(v, n, stored, counter);
	if (stored != NULL && stored->lsn > v[0]->head.lsn)
		return version_of_stored(stored);
	if (v[0]->kind == MEM_DEL)
		return (struct version){ .exists = false };
	return (struct version){ true, v[0]->head.born, v[0]->head.lsn,
	    slice_of(v[0]->body, v[0]->len) };
}

/* --- reading --- */

bool
store_quick(const struct catalog *c)
{
	return c->fast || atomic_load_explicit(&c->miss_ns, memory_order_relaxed) <= SLOW_STORE_NS;
}

/* One stall must not keep a fast store suspected for long: what counts is limited. */
void
store_timed(struct catalog *c, uint64_t took_ns)
{
	uint64_t was = atomic_load_explicit(&c->miss_ns, memory_order_relaxed);
	uint64_t took = MIN(took_ns, (uint64_t)MISS_NS_MAX);

	atomic_store_explicit(&c->miss_ns, was - (was >> EWMA_SHIFT) + (took >> EWMA_SHIFT),
	    memory_order_relaxed);
}

enum status
store_get(struct catalog *c, struct slice key, struct arena *arena, struct stored *out)
{
	uint64_t start = c->fast ? 0 : clock_mono_ns();
	struct slice value;
	enum status st = FAULT("store.get") ? ST_IO :
	    c->store->ops->get(c->store, key, arena, &value);

	if (!c->fast)
		store_timed(c, clock_mono_ns() - start);
	return st == OK ? stored_open(key, value, out) : st;
}

static enum status
version_copy(const struct mem_value *value, struct arena *arena, struct version *v)
{
	struct version got = version_merge(&value, 1, NULL, NULL);

	if (got.exists) {
		uint8_t *copy = arena_alloc(arena, got.body.len + 1);

		if (copy == NULL)
			return ST_RESOURCE;
		if (got.body.len > 0)
			memcpy(copy, got.body.at, got.body.len);
		got.body.at = copy;
	}
	*v = got;
	return OK;
}

/* In a section: the newest value among memtables.  False: none knows the key. */
static bool
find_fresh(const struct view *view, struct slice key, struct arena *arena, struct version *v,
    enum status *st)
{
	const struct mem_value *value;

	for (uint32_t i = 0; i < view->n; i++)
		if ((value = memtable_find(view->m[i], key)) != NULL) {
			*st = version_copy(value, arena, v);
			return true;
		}
	return false;
}

/* A counter, summed.  The store is read between pinning and looking: deltas of a memtable that
 * was applied in between are known by their LSN, and not counted twice. */
static enum status
counter_get(struct catalog *c, struct slice key, struct arena *arena, struct version *out)
{
	uint8_t *counter = arena_alloc(arena, 8);
	const struct mem_value *values[VIEW_MAX];
	struct stored stored;
	struct pins pins;
	enum status st;
	uint32_t n = 0;
	int64_t ignored;

	if (counter == NULL)
		return ST_RESOURCE;
	pins_take(c, &pins);
	st = store_get(c, key, arena, &stored);
	if (st == OK)
		st = counter_value(&stored, &ignored);
	if (st == OK || st == ST_NOENT) {
		for (uint32_t i = 0; i < pins.n; i++)
			if ((values[n] = memtable_find(pins.m[i], key)) != NULL)
				n++;
		if (n > 0 || st == OK)
			*out = version_merge(values, n, st == OK ? &stored : NULL, counter);
		else
			*out = (struct version){ .exists = false };
		st = OK;
	}
	pins_drop(&pins);
	return st;
}

enum status
catalog_count(struct catalog *c, struct slice key, int64_t *value)
{
	uint8_t home[512];
	struct arena arena;
	struct version v;
	enum status st;

	arena_init(&arena, home, sizeof home, META_VALUE_MAX);
	st = counter_get(c, key, &arena, &v);
	if (st == OK)
		*value = v.exists ? (int64_t)get_le64(v.body.at) : 0;
	arena_rewind(&arena);
	return st;
}

static enum status
get_below(struct catalog *c, struct slice key, struct arena *arena, struct version *v)
{
	struct stored stored;
	enum status st = store_get(c, key, arena, &stored);

	if (st == ST_NOENT) {
		*v = (struct version){ .exists = false };
		return OK;
	}
	if (st == OK)
		*v = version_of_stored(&stored);
	return st;
}

enum status
catalog_get(struct catalog *c, struct slice key, bool may_wait, struct arena *arena,
    struct version *v)
{
	enum status st = OK;
	bool found;

	if (key.len == 0 || key.len > KEY_MAX)
		return ST_INVAL;
	if (key.at[0] != TAG_COUNT) {
		epoch_begin();
		found = find_fresh(view_now(c), key, arena, v, &st);
		epoch_end();
		if (found)
			return st;
	}
	if (!may_wait && !store_quick(c))
		return ST_DELAY;
	return key.at[0] == TAG_COUNT ? counter_get(c, key, arena, v) :
	    get_below(c, key, arena, v);
}

/* --- many at once --- */

struct many {
	const struct slice *keys;
	struct version *v;
	struct slice *missing;		/* keys that no memtable has, and which they are */
	uint32_t *which;
	uint32_t n, nmissing;
};

static enum status
many_fresh(struct catalog *c, struct many *q, struct arena *arena)
{
	enum status st = OK;
	struct view *view;

	epoch_begin();
	view = view_now(c);
	for (uint32_t i = 0; i < q->n && st == OK; i++) {
		if (q->keys[i].len > 0 && q->keys[i].len <= KEY_MAX &&
		    q->keys[i].at[0] != TAG_COUNT &&
		    find_fresh(view, q->keys[i], arena, &q->v[i], &st))
			continue;
		q->missing[q->nmissing] = q->keys[i];
		q->which[q->nmissing++] = i;
	}
	epoch_end();
	return st;
}

static enum status
many_below(struct catalog *c, struct many *q, struct arena *arena)
{
	struct slice *values = arena_alloc(arena, q->nmissing * sizeof *values);
	bool *absent = arena_alloc(arena, q->nmissing * sizeof *absent);
	uint64_t start = clock_mono_ns();
	enum status st;

	if (values == NULL || absent == NULL)
		return ST_RESOURCE;
	st = FAULT("store.get_many") ? ST_IO :
	    c->store->ops->get_many(c->store, q->missing, q->nmissing, arena, values, absent);
	store_timed(c, (clock_mono_ns() - start) / q->nmissing);
	for (uint32_t i = 0; i < q->nmissing && st == OK; i++) {
		struct version *v = &q->v[q->which[i]];
		struct stored stored;

		*v = (struct version){ .exists = false };
		if (q->missing[i].at[0] == TAG_COUNT)
			st = counter_get(c, q->missing[i], arena, v);
		else if (!absent[i] && (st = stored_open(q->missing[i], values[i], &stored)) == OK)
			*v = version_of_stored(&stored);
	}
	return st;
}

enum status
catalog_get_many(struct catalog *c, const struct slice *keys, uint32_t n, bool may_wait,
    struct arena *arena, struct version *v)
{
	struct many q = { .keys = keys, .v = v, .n = n };
	enum status st;

	if (n == 0)
		return OK;
	q.missing = arena_alloc(arena, n * sizeof *q.missing);
	q.which = arena_alloc(arena, n * sizeof *q.which);
	if (q.missing == NULL || q.which == NULL)
		return ST_RESOURCE;
	st = many_fresh(c, &q, arena);
	if (st != OK || q.nmissing == 0)
		return st;
	if (!may_wait && !store_quick(c))
		return ST_DELAY;
	return many_below(c, &q, arena);
}
