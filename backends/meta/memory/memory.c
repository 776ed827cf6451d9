/*
 * The keeper in memory: a chain of versions of one tree.  A reader holds the newest and reads on
 * it without a lock; a version whose successors have replaced some of its nodes gives these back
 * once neither it nor an older one is held.
 */
#include "backends/meta/memory/memory.h"

#include "backends/conf.h"
#include "backends/meta/memory/tree.h"
#include "pipeline/base/mutex.h"

#include <stdlib.h>

struct memory_version {
	struct memory_version *next;	/* the one that replaced it */
	struct meta_tree_node *root;
	struct meta_tree_retired gone;	/* what the next one no longer has */
	uint64_t number, bytes;
	uint32_t held;
	bool claimed;
	struct meta_ident ident;
};

struct memory {
	struct meta_store store;
	struct mutex mutex;		/* guards what follows, not what versions hold */
	struct memory_version *oldest, *newest;
};

static struct memory *
memory_of(struct meta_store *s)
{
	return container_of(s, struct memory, store);
}

static struct memory_version *
version_hold(struct memory *m)
{
	struct memory_version *v;

	mutex_lock(&m->mutex);
	v = m->newest;
	v->held++;
	mutex_unlock(&m->mutex);
	return v;
}

/* The mutex is held: unchain what nobody can reach any more. */
static struct memory_version *
versions_over(struct memory *m)
{
	struct memory_version *over = NULL, *v;

	while ((v = m->oldest) != m->newest && v->held == 0) {
		m->oldest = v->next;
		v->next = over;
		over = v;
	}
	return over;
}

static void
versions_free(struct memory_version *over)
{
	struct memory_version *v;

	while ((v = over) != NULL) {
		over = v->next;
		meta_tree_retired_free(&v->gone);
		free(v);
	}
}

static void
version_drop(struct memory *m, struct memory_version *v)
{
	struct memory_version *over;

	mutex_lock(&m->mutex);
	v->held--;
	over = versions_over(m);
	mutex_unlock(&m->mutex);
	versions_free(over);
}

static void
version_publish(struct memory *m, struct memory_version *v, struct meta_tree_retired gone)
{
	struct memory_version *over;

	mutex_lock(&m->mutex);
	m->newest->gone = gone;
	m->newest->next = v;
	m->newest = v;
	over = versions_over(m);
	mutex_unlock(&m->mutex);
	versions_free(over);
}

static bool
key_fits(struct slice key)
{
	return key.len > 0 && key.len <= META_KEY_MAX;
}

static enum status
get_at(const struct memory_version *v, struct slice key, struct arena *arena, struct slice *value)
{
	const struct meta_tree_row *row = meta_tree_get(v->root, key);
	struct slice found;
	uint8_t *copy;

	if (!key_fits(key))
		return ST_INVAL;
	if (row == NULL)
		return ST_NOENT;
	found = meta_tree_value(row);
	copy = arena_alloc(arena, found.len + 1);	/* an empty value has an address */
	if (copy == NULL)
		return ST_RESOURCE;
	if (found.len > 0)
		memcpy(copy, found.at, found.len);
	*value = slice_of(copy, found.len);
	return OK;
}

static enum status
memory_get(struct meta_store *s, struct slice key, struct arena *arena, struct slice *value)
{
	struct memory *m = memory_of(s);
	struct memory_version *v = version_hold(m);
	enum status st = get_at(v, key, arena, value);

	version_drop(m, v);
	return st;
}

static enum status
memory_get_many(struct meta_store *s, const struct slice *keys, uint32_t n, struct arena *arena,
    struct slice *values, bool *absent)
{
	struct memory *m = memory_of(s);
	struct memory_version *v = version_hold(m);
	enum status st = OK;

	for (uint32_t i = 0; i < n && st == OK; i++) {
		st = get_at(v, keys[i], arena, &values[i]);
		absent[i] = st == ST_NOENT;
		if (absent[i])
			st = OK;
	}
	version_drop(m, v);
	return st;
}

struct memory_scan {
	struct slice prefix;
	bool (*each)(void *arg, struct slice key, struct slice value);
	void *arg;
};

static bool
scan_row(void *arg, const struct meta_tree_row *row)
{
	struct memory_scan *scan = arg;
	struct slice key = meta_tree_key(row);

	return key.len >= scan->prefix.len && (scan->prefix.len == 0 ||
	    memcmp(key.at, scan->prefix.at, scan->prefix.len) == 0) &&
	    scan->each(scan->arg, key, meta_tree_value(row));
}

static int
cmp_slices(struct slice a, struct slice b)
{
	size_t len = MIN(a.len, b.len);
	int c = len > 0 ? memcmp(a.at, b.at, len) : 0;

	return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

static enum status
memory_scan(struct meta_store *s, struct slice prefix, struct slice from,
    bool (*each)(void *arg, struct slice key, struct slice value), void *arg)
{
	struct memory_scan scan = { prefix, each, arg };
	struct memory *m = memory_of(s);
	struct memory_version *v = version_hold(m);
	struct slice start = cmp_slices(from, prefix) > 0 ? from : prefix;

	if (start.len == 0)
		start = slice_of("", 0);
	meta_tree_walk(v->root, start, scan_row, &scan);
	version_drop(m, v);
	return OK;
}

static struct memory_version *
version_next(const struct memory_version *was)
{
	struct memory_version *v = xcalloc(1, sizeof *v);

	v->root = was->root;
	v->number = was->number + 1;
	v->bytes = was->bytes;
	v->claimed = was->claimed;
	v->ident = was->ident;
	return v;
}

static enum status
memory_apply(struct meta_store *s, const struct meta_op *ops, uint32_t n, lsn_t lsn, uint64_t fence)
{
	struct memory *m = memory_of(s);
	struct memory_version *was = m->newest, *v;	/* one applier: newest stays */
	struct meta_tree_batch batch = { .root = was->root, .number = was->number + 1 };

	if (!was->claimed || was->ident.fence != fence)
		return ST_FENCED;
	for (uint32_t i = 0; i < n; i++)
		if (!key_fits(ops[i].key) || (!ops[i].del && ops[i].value.len > META_VALUE_MAX))
			return ST_INVAL;
	for (uint32_t i = 0; i < n; i++)
		if (ops[i].del)
			meta_tree_del(&batch, ops[i].key);
		else
			meta_tree_put(&batch, ops[i].key, ops[i].value);
	v = version_next(was);
	v->root = batch.root;
	v->bytes += (uint64_t)batch.bytes;
	v->ident.applied_lsn = lsn;
	version_publish(m, v, batch.gone);
	return OK;
}

static enum status
memory_sync(struct meta_store *s)
{
	(void)s;
	return OK;
}

static enum status
memory_ident(struct meta_store *s, struct meta_ident *out)
{
	struct memory *m = memory_of(s);
	struct memory_version *v = version_hold(m);
	enum status st = v->claimed ? OK : ST_NOENT;

	if (v->claimed)
		*out = v->ident;
	version_drop(m, v);
	return st;
}

static enum status
memory_claim(struct meta_store *s, const struct meta_ident *ident)
{
	struct memory *m = memory_of(s);
	struct memory_version *v = version_next(m->newest);

	v->claimed = true;
	v->ident = *ident;
	version_publish(m, v, (struct meta_tree_retired){ .n = 0 });
	return OK;
}

static uint64_t
memory_bytes(struct meta_store *s)
{
	struct memory *m = memory_of(s);
	struct memory_version *v = version_hold(m);
	uint64_t bytes = v->bytes;

	version_drop(m, v);
	return bytes;
}

static void
memory_close(struct meta_store *s)
{
	struct memory *m = memory_of(s);
	struct memory_version *v;

	assert(m->oldest == m->newest && m->newest->held == 0);
	v = m->newest;
	meta_tree_free(v->root);
	free(v);
	mutex_destroy(&m->mutex);
	free(m);
}

static const struct meta_store_ops memory_ops = {
	.kind = "memory", .durable = false, .get = memory_get, .get_many = memory_get_many,
	.scan = memory_scan, .apply = memory_apply, .sync = memory_sync, .ident = memory_ident,
	.claim = memory_claim, .bytes = memory_bytes, .close = memory_close,
};

enum status
meta_memory_open(const struct meta_conf *conf, struct meta_store **sp, struct text *why)
{
	enum status st = backends_conf_read(conf->options, NULL, 0, why);
	struct memory *m;

	if (st != OK)
		return st;
	m = xcalloc(1, sizeof *m);
	m->store.ops = &memory_ops;
	mutex_init(&m->mutex, RANK_STORE, 0);
	m->oldest = m->newest = xcalloc(1, sizeof *m->newest);
	*sp = &m->store;
	return OK;
}
