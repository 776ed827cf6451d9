/*
 * The oldest frozen memtable becomes one batch of the store: records as they lie, sealed in place;
 * counters read, moved and written with the LSN up to which they are counted, so that the same
 * deltas, met again, are known.  Only when the store has it all is the memtable dropped.
 *
 * A row that came and went within one memtable is left out, where whoever made it knew that nothing
 * older has one (txn_put_new).  The log does not say so: what is replayed is given to the store as
 * it stands, since a store may have more than the checkpoint says.
 */
#include "pipeline/record/inner.h"

#include "pipeline/base/fault.h"

#include <stdlib.h>

enum { COUNTERS_A_ROUND = 128, ROUND_BYTES_MAX = COUNTERS_A_ROUND * 128 };

struct counter_row {			/* a counter's stored form */
	struct stored_head head;
	uint8_t body[8];
};

struct batch {
	struct meta_op *ops;
	uint32_t n;
	uint32_t *counters;		/* which of ops are counters */
	const struct mem_value **deltas;
	uint32_t ncounters;
	struct counter_row *rows;
};

static struct memtable *
oldest_frozen(struct catalog *c)
{
	struct memtable *m = NULL;
	struct view *v;

	mutex_lock(&c->mutex);
	v = atomic_load_explicit(&c->view, memory_order_relaxed);
	if (v->n > 1)
		m = memtable_ref(v->m[v->n - 1]);
	mutex_unlock(&c->mutex);
	return m;
}

static bool
left_out(const struct mem_node *n)
{
	return n->fresh && mem_value(n)->kind == MEM_DEL;
}

static const struct mem_node *
wanted(const struct mem_node *n)
{
	while (n != NULL && left_out(n))
		n = memtable_next(n);
	return n;
}

/* All rows in order; counters are noted, their values come later. */
static void
batch_fill(struct batch *b, struct memtable *m)
{
	b->ops = xcalloc(m->rows, sizeof *b->ops);
	for (const struct mem_node *n = wanted(memtable_seek(m, slice_of(NULL, 0))); n != NULL;
	    n = wanted(memtable_next(n))) {
		struct meta_op *op = &b->ops[b->n++];
		struct mem_value *v = mem_value(n);

		assert(b->n <= m->rows);
		op->key = mem_key(n);
		op->del = v->kind == MEM_DEL || v->kind == MEM_GONE;
		if (v->kind >= MEM_DELTA)
			b->ncounters++;
		if (v->kind != MEM_PUT)
			continue;
		stored_seal(op->key, &v->head, v->len);
		op->value = slice_of(&v->head, STORED_HEAD + v->len);
	}
}

static void
batch_note_counters(struct batch *b, struct memtable *m)
{
	uint32_t i = 0, at = 0;

	b->counters = xcalloc(b->ncounters + 1, sizeof *b->counters);
	b->deltas = xcalloc(b->ncounters + 1, sizeof *b->deltas);
	b->rows = xcalloc(b->ncounters + 1, sizeof *b->rows);
	for (const struct mem_node *n = wanted(memtable_seek(m, slice_of(NULL, 0))); n != NULL;
	    n = wanted(memtable_next(n)), at++)
		if (mem_value(n)->kind >= MEM_DELTA) {
			b->counters[i] = at;
			b->deltas[i++] = mem_value(n);
		}
}

/* What one counter becomes; stored NULL: there is none yet. */
static enum status
counter_move(struct batch *b, uint32_t i, const struct stored *stored)
{
	const struct mem_value *delta = b->deltas[i];
	struct meta_op *op = &b->ops[b->counters[i]];
	struct counter_row *row = &b->rows[i];
	struct version v = version_merge(&delta, 1, stored, row->body);
	int64_t ignored;

	if (stored != NULL && counter_value(stored, &ignored) != OK)
		return ST_CORRUPT;
	op->del = !v.exists;
	row->head = (struct stored_head){ STORED_VERSION, 0, 0, 0, 0, v.lsn };
	stored_seal(op->key, &row->head, sizeof row->body);
	op->value = slice_of(row, sizeof *row);
	return OK;
}

static enum status
batch_count_round(struct catalog *c, struct batch *b, uint32_t from, uint32_t n,
    struct arena *arena)
{
	struct slice keys[COUNTERS_A_ROUND] = { { .len = 0 } }, values[COUNTERS_A_ROUND];
	bool absent[COUNTERS_A_ROUND];
	struct stored stored;
	enum status st;

	for (uint32_t i = 0; i < n; i++)
		keys[i] = b->ops[b->counters[from + i]].key;
	st = FAULT("store.get_many") ? ST_IO :
	    c->store->ops->get_many(c->store, keys, n, arena, values, absent);
	for (uint32_t i = 0; i < n && st == OK; i++) {
		if (!absent[i])
			st = stored_open(keys[i], values[i], &stored);
		if (st == OK)
			st = counter_move(b, from + i, absent[i] ? NULL : &stored);
	}
	return st;
}

static enum status
batch_count(struct catalog *c, struct batch *b)
{
	enum status st = OK;
	struct arena arena;

	arena_init(&arena, NULL, 0, ROUND_BYTES_MAX);
	for (uint32_t at = 0, n; at < b->ncounters && st == OK; at += n) {
		n = MIN(b->ncounters - at, (uint32_t)COUNTERS_A_ROUND);
		st = batch_count_round(c, b, at, n, &arena);
		arena_rewind(&arena);
	}
	return st;
}

static void
batch_free(struct batch *b)
{
	free(b->ops);
	free(b->counters);
	free(b->deltas);
	free(b->rows);
}

/* applied_lsn never goes back, not even while a recovery applies again what the store has. */
static enum status
applied_read(struct catalog *c)
{
	struct meta_ident ident = { .applied_lsn = 0 };
	enum status st;

	if (c->applied_known)
		return OK;
	st = c->store->ops->ident(c->store, &ident);
	if (st != OK && st != ST_NOENT)
		return st;
	c->applied = ident.applied_lsn;
	c->applied_known = true;
	return OK;
}

/* The store has it: readers who come from here on look there. */
static void
drop_oldest(struct catalog *c, struct memtable *m)
{
	struct view *v = xcalloc(1, sizeof *v), *was;
	struct memtable *spare = memtable_new(&c->pool);

	mutex_lock(&c->mutex);
	was = atomic_load_explicit(&c->view, memory_order_relaxed);
	assert(was->n > 1 && was->m[was->n - 1] == m);
	v->n = was->n - 1;
	memcpy(v->m, was->m, v->n * sizeof v->m[0]);
	view_publish(c, v);
	if (c->spare == NULL)
		c->spare = TAKE(&spare);
	mutex_unlock(&c->mutex);
	atomic_fetch_sub_explicit(&c->unapplied,
	    atomic_load_explicit(&m->bytes, memory_order_relaxed), memory_order_relaxed);
	if (spare != NULL)
		memtable_free_now(&spare);
}

enum status
catalog_apply_oldest(struct catalog *c, uint64_t fence)
{
	struct memtable *m = oldest_frozen(c), *published;
	struct batch b = { .n = 0 };
	enum status st;
	lsn_t lsn;

	if (m == NULL)
		return OK;
	st = applied_read(c);
	lsn = MAX(c->applied, atomic_load_explicit(&m->last_lsn, memory_order_acquire));
	if (st == OK) {
		batch_fill(&b, m);
		if (b.ncounters > 0) {
			batch_note_counters(&b, m);
			st = batch_count(c, &b);
		}
	}
	if (st == OK)
		st = FAULT("store.apply") ? ST_IO :
		    c->store->ops->apply(c->store, b.ops, b.n, lsn, fence);
	batch_free(&b);
	if (st == OK) {
		c->applied = lsn;
		free(TAKE(&c->skip));		/* a replay's answers from before */
		published = m;
		drop_oldest(c, m);
		memtable_put(&published);	/* the catalog's own reference */
	}
	memtable_put(&m);
	epoch_poll();
	return st;
}
