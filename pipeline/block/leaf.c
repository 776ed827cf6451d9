/*
 * The leaf cache: a table read under an epoch, and a clock within a budget.  The table holds one
 * reference of each leaf; readers take theirs inside the section.
 */
#include "pipeline/block/leaf.h"

#include "pipeline/base/hash.h"
#include "pipeline/record/key.h"

#include <stdlib.h>

enum { ROW_BYTES_MAX = 1 << 20, BUCKET_BYTES = 4096, RANK_NUMBER = 1 << 25 };

struct leaves {
	struct table *table;
	struct mutex mutex;		/* rank PAGE: the clock */
	struct lru lru;
	uint64_t budget;
};

struct leaves *
leaves_new(uint64_t budget_bytes)
{
	struct leaves *lv = xcalloc(1, sizeof *lv);

	lv->table = table_new(MAX(budget_bytes / BUCKET_BYTES, (uint64_t)64));
	lv->budget = budget_bytes;
	mutex_init(&lv->mutex, RANK_PAGE, RANK_NUMBER);
	lru_init(&lv->lru);
	return lv;
}

static void
leaf_free(struct epoch_entry *e)
{
	free(container_of(e, struct leaf, epoch));
}

void
leaf_put(struct leaf **leafp)
{
	struct leaf *leaf = TAKE(leafp);

	if (leaf != NULL && ref_drop(&leaf->refs))
		epoch_defer(&leaf->epoch, leaf_free);
}

static void
evict(struct leaves *lv, uint64_t budget)
{
	struct list victims, *l;

	list_init(&victims);
	mutex_lock(&lv->mutex);
	lru_victims(&lv->lru, budget, NULL, NULL, &victims);
	mutex_unlock(&lv->mutex);
	while ((l = list_pop_front(&victims)) != NULL) {
		struct leaf *leaf = container_of(l, struct leaf, lru.link);

		table_lock(lv->table, leaf->node.hash);
		table_remove_locked(lv->table, &leaf->node);
		table_unlock(lv->table, leaf->node.hash);
		leaf_put(&leaf);
	}
}

void
leaves_free(struct leaves **lp)
{
	struct leaves *lv = TAKE(lp);

	if (lv == NULL)
		return;
	evict(lv, 0);
	evict(lv, 0);			/* those that were touched, too */
	epoch_drain();
	table_free(&lv->table);
	mutex_destroy(&lv->mutex);
	free(lv);
}

static bool
same_number(const struct table_node *n, const void *key)
{
	return container_of(n, const struct leaf, node)->number == *(const uint64_t *)key;
}

static struct leaf *
find(struct leaves *lv, uint64_t number)
{
	struct table_node *n;
	struct leaf *leaf = NULL;

	epoch_begin();
	n = table_find(lv->table, hash_u64(number), same_number, &number);
	if (n != NULL && ref_take_live(&container_of(n, struct leaf, node)->refs))
		leaf = container_of(n, struct leaf, node);
	epoch_end();
	if (leaf != NULL)
		lru_touch(&leaf->lru);
	return leaf;
}

/* Pieces must be in order, apart and inside their window: a leaf is read from a store. */
static bool
pieces_ok(const struct leaf_piece *v, uint32_t n)
{
	uint64_t at = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (v[i].len == 0 || v[i].from < at)
			return false;
		at = (uint64_t)v[i].from + v[i].len;
		if (at > MAP_WINDOW)
			return false;
		if (!v[i].hole && (uint64_t)v[i].at + v[i].len > CHUNK_MAX)
			return false;
	}
	return true;
}

static enum status
leaf_read(struct catalog *c, uint64_t number, bool may_wait, struct arena *arena,
    struct leaf **leafp)
{
	struct key key = key_leaf(number);
	struct leaf_piece *v;
	struct version row;
	struct leaf *leaf;
	enum status st;
	uint32_t n;

	if ((st = catalog_get(c, key_slice(&key), may_wait, arena, &row)) != OK)
		return st;
	if (!row.exists)
		return ST_NOENT;
	if ((st = rec_leaf_decode(row.body, arena, &v, &n)) != OK)
		return st;
	if (!pieces_ok(v, n))
		return ST_CORRUPT;
	leaf = xcalloc(1, sizeof *leaf + n * sizeof *v);
	ref_init(&leaf->refs);
	lru_entry_init(&leaf->lru);
	leaf->number = number;
	leaf->node.hash = hash_u64(number);
	leaf->n = n;
	if (n > 0)
		memcpy(leaf->v, v, n * sizeof *v);
	*leafp = leaf;
	return OK;
}

/* Into the table, unless another has been quicker; the table's reference is a further one. */
static void
keep(struct leaves *lv, struct leaf *leaf)
{
	bool lost, over;

	epoch_begin();
	table_lock(lv->table, leaf->node.hash);
	lost = table_find(lv->table, leaf->node.hash, same_number, &leaf->number) != NULL;
	if (!lost) {
		ref_take(&leaf->refs);
		table_insert_locked(lv->table, &leaf->node);
	}
	table_unlock(lv->table, leaf->node.hash);
	epoch_end();
	if (lost)
		return;
	mutex_lock(&lv->mutex);
	lru_add(&lv->lru, &leaf->lru, sizeof *leaf + leaf->n * sizeof leaf->v[0]);
	over = lv->lru.weight > lv->budget;
	mutex_unlock(&lv->mutex);
	if (over)
		evict(lv, lv->budget - lv->budget / 16);
}

enum status
leaf_get(struct leaves *lv, struct catalog *c, uint64_t number, bool may_wait, struct leaf **leafp)
{
	struct leaf *leaf = find(lv, number);
	enum status st = OK;
	struct arena arena;

	if (leaf == NULL) {
		arena_init(&arena, NULL, 0, 2 * ROW_BYTES_MAX);
		st = leaf_read(c, number, may_wait, &arena, &leaf);
		arena_rewind(&arena);
		if (st != OK)
			return st;
		keep(lv, leaf);
	}
	*leafp = leaf;
	return OK;
}

uint32_t
leaf_seek(const struct leaf *leaf, uint32_t at)
{
	uint32_t low = 0, high = leaf->n;

	while (low < high) {
		uint32_t mid = (low + high) / 2;

		if (leaf->v[mid].from + leaf->v[mid].len > at)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}
