/*
 * Scans: the memtables are pinned first, then the store tells its rows, and each is woven in at its
 * place.  A memtable that is applied and dropped meanwhile is still pinned here, so its rows are
 * seen from it; where the store has the same row already, or a newer one, the newer LSN counts, and
 * the key is told once.
 */
#include "pipeline/record/inner.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/fault.h"

struct weave {
	struct pins pins;
	const struct mem_node *at[VIEW_MAX];	/* each memtable's next row; NULL: no more */
	struct slice prefix;
	bool (*each)(void *arg, struct slice key, const struct version *v);
	void *arg;
	bool over;				/* each() said so */
	enum status st;
};

/* The smallest key that some memtable has next; NULL: none is left within the prefix. */
static const struct mem_node *
weave_least(struct weave *w)
{
	const struct mem_node *least = NULL;

	for (uint32_t i = 0; i < w->pins.n; i++) {
		const struct mem_node *n = w->at[i];

		if (n != NULL && (least == NULL || key_cmp(mem_key(n), mem_key(least)) < 0))
			least = n;
	}
	return least;
}

/* Take key's values out of all memtables, newest first, and tell what they and the store say. */
static void
weave_tell(struct weave *w, struct slice key, const struct stored *stored)
{
	const struct mem_value *values[VIEW_MAX];
	uint8_t counter[8];
	struct version v;
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->pins.n; i++)
		if (w->at[i] != NULL && slice_eq(mem_key(w->at[i]), key)) {
			values[n++] = mem_value(w->at[i]);
			w->at[i] = memtable_next(w->at[i]);
			if (w->at[i] != NULL && !key_begins(mem_key(w->at[i]), w->prefix))
				w->at[i] = NULL;
		}
	v = version_merge(values, n, stored, counter);
	if (v.exists && !w->each(w->arg, key, &v))
		w->over = true;
}

/* Tell all memtable rows before key; NULL: all that are left. */
static void
weave_until(struct weave *w, const struct slice *key)
{
	const struct mem_node *n;

	while (!w->over && (n = weave_least(w)) != NULL &&
	    (key == NULL || key_cmp(mem_key(n), *key) < 0))
		weave_tell(w, mem_key(n), NULL);
}

static bool
weave_stored(void *arg, struct slice key, struct slice value)
{
	struct weave *w = arg;
	struct stored stored;
	int64_t ignored;

	weave_until(w, &key);
	if (w->over)
		return false;
	w->st = stored_open(key, value, &stored);
	if (w->st == OK && key.at[0] == TAG_COUNT)
		w->st = counter_value(&stored, &ignored);
	if (w->st != OK)
		return false;
	weave_tell(w, key, &stored);
	return !w->over;
}

enum status
catalog_scan(struct catalog *c, struct slice prefix, struct slice from, bool may_wait,
    bool (*each)(void *arg, struct slice key, const struct version *v), void *arg)
{
	struct weave w = { .prefix = prefix, .each = each, .arg = arg, .st = OK };
	struct slice start = from.len > 0 && key_cmp(from, prefix) > 0 ? from : prefix;
	enum status st;

	if (!may_wait && !store_quick(c))
		return ST_DELAY;
	pins_take(c, &w.pins);
	for (uint32_t i = 0; i < w.pins.n; i++) {
		w.at[i] = memtable_seek(w.pins.m[i], start);
		if (w.at[i] != NULL && !key_begins(mem_key(w.at[i]), prefix))
			w.at[i] = NULL;
	}
	st = FAULT("store.scan") ? ST_IO :
	    c->store->ops->scan(c->store, prefix, from, weave_stored, &w);
	if (st == OK)
		st = w.st;
	if (st == OK)
		weave_until(&w, NULL);
	pins_drop(&w.pins);
	return st;
}
