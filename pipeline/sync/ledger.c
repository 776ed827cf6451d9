/*
 * The ledger.  A count is read when the first reference to it goes; those that only grow are not
 * read at all.  A count that comes to nothing leaves no row behind.
 */
#include "pipeline/sync/ledger.h"

#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"
#include "pipeline/block/rows.h"
#include "pipeline/record/key.h"

#include <stdlib.h>

enum { CHAINS = 1024, LEAF_BYTES_MAX = 2 << 20, ID_MAX = 32 };

struct count {
	uint32_t next;			/* in its chain, + 1; 0: none */
	uint8_t what;			/* enum count_what */
	bool drops;			/* a reference went: the sum is looked at */
	bool over;			/* its sum has been acted on */
	int64_t delta;
	uint8_t id[ID_MAX];
};

struct ledger {
	struct share *share;
	struct count *v;
	uint32_t n, cap;
	uint32_t chain[CHAINS];
	uint64_t *dying;
	uint32_t ndying, dying_cap;
};

struct ledger *
ledger_new(struct share *s)
{
	struct ledger *l = xcalloc(1, sizeof *l);

	l->share = s;
	return l;
}

void
ledger_free(struct ledger **lp)
{
	struct ledger *l = TAKE(lp);

	if (l == NULL)
		return;
	free(l->v);
	free(l->dying);
	free(l);
}

uint32_t
ledger_size(const struct ledger *l)
{
	return l->n;
}

const uint64_t *
ledger_dying(const struct ledger *l, uint32_t *np)
{
	*np = l->ndying;
	return l->dying;
}

static uint16_t
id_len(uint8_t what)
{
	return what == COUNT_CHUNK ? 32 : 8;
}

/* The count of that, made where it is not here yet; valid until the next one is made. */
static struct count *
count_of(struct ledger *l, uint8_t what, const uint8_t id[ID_MAX])
{
	uint64_t word = get_be64(id);
	uint32_t *chain = &l->chain[hash_u64(word ^ what) % CHAINS];
	struct count *c;

	for (uint32_t at = *chain; at != 0; at = l->v[at - 1].next) {
		c = &l->v[at - 1];
		if (c->what == what && memcmp(c->id, id, ID_MAX) == 0)
			return c;
	}
	if (l->n == l->cap) {
		l->cap = MAX(256u, l->cap * 2);
		l->v = xrealloc(l->v, l->cap * sizeof *l->v);
	}
	c = &l->v[l->n++];
	*c = (struct count){ .next = *chain, .what = what };
	memcpy(c->id, id, ID_MAX);
	*chain = l->n;
	return c;
}

static struct count *
count_of_number(struct ledger *l, uint8_t what, uint64_t number)
{
	uint8_t id[ID_MAX] = { 0 };

	put_be64(id, number);
	return count_of(l, what, id);
}

void
ledger_add_leaf(struct ledger *l, uint64_t leaf)
{
	count_of_number(l, COUNT_LEAF, leaf)->delta++;
}

void
ledger_add_chunk(struct ledger *l, const uint8_t digest[32])
{
	count_of(l, COUNT_CHUNK, digest)->delta++;
}

void
ledger_add_container(struct ledger *l, uint64_t container)
{
	count_of_number(l, COUNT_CONTAINER, container)->delta++;
}

void
ledger_drop_container(struct ledger *l, uint64_t container)
{
	struct count *c = count_of_number(l, COUNT_CONTAINER, container);

	c->delta--;
	c->drops = true;
}

/* What the count is with the change set. */
static enum status
sum_of(struct ledger *l, const struct count *c, int64_t *sum)
{
	struct key key = key_count(c->what, c->id, id_len(c->what));
	int64_t value = 0;
	enum status st = catalog_count(l->share->catalog, key_slice(&key), &value);

	if (st != OK && st != ST_NOENT)
		return st;
	*sum = value + c->delta;
	return OK;
}

static enum status
damaged(const struct ledger *l, const char *what, uint64_t number)
{
	log_error("ledger.damaged", F_STR("share", l->share->conf.name), F_STR("what", what),
	    F_HEX("id", number));
	return ST_CORRUPT;
}

/* --- leaves: looked at as each reference goes --- */

static enum status
leaf_gone(struct ledger *l, struct txn *t, uint64_t leaf, struct arena *arena)
{
	struct key key = key_leaf(leaf);
	struct leaf_piece *v;
	struct version row;
	enum status st;
	uint32_t n;

	if ((st = catalog_get(l->share->catalog, key_slice(&key), true, arena, &row)) != OK)
		return st;
	if (!row.exists)
		return damaged(l, "leaf", leaf);
	if ((st = rec_leaf_decode(row.body, arena, &v, &n)) != OK)
		return st;
	for (uint32_t i = 0; i < n; i++) {
		struct count *c;

		if (v[i].hole)
			continue;
		c = count_of(l, COUNT_CHUNK, v[i].digest);
		c->delta--;
		c->drops = true;
	}
	txn_del(t, key_slice(&key), NULL);
	return OK;
}

enum status
ledger_drop_leaf(struct ledger *l, struct txn *t, uint64_t leaf)
{
	struct count *c = count_of_number(l, COUNT_LEAF, leaf);
	struct arena arena;
	enum status st;
	int64_t sum;

	if (c->over)
		return damaged(l, "leaf count", leaf);
	c->delta--;
	c->drops = true;
	if ((st = sum_of(l, c, &sum)) != OK || sum > 0)
		return st;
	if (sum < 0)
		return damaged(l, "leaf count", leaf);
	c->over = true;
	arena_init(&arena, NULL, 0, LEAF_BYTES_MAX);
	st = leaf_gone(l, t, leaf, &arena);
	arena_rewind(&arena);
	return st;
}

/* --- settling --- */

/* The chunk's row goes, and its container holds one less. */
static enum status
chunk_gone(struct ledger *l, struct txn *t, const uint8_t digest[32])
{
	struct key key = key_chunk(digest);
	struct chunk chunk;
	struct count *c;
	enum status st = rows_chunk(l->share, digest, false, &chunk);

	if (st != OK)
		return st == ST_NOENT ? damaged(l, "chunk", get_be64(digest)) : st;
	c = count_of_number(l, COUNT_CONTAINER, chunk.container);
	c->delta--;
	c->drops = true;
	txn_del(t, key_slice(&key), NULL);
	return OK;
}

static enum status
container_gone(struct ledger *l, struct txn *t, uint64_t number)
{
	struct container_row c;
	enum status st = rows_container(l->share, number, &c, NULL);

	if (st != OK)
		return st == ST_NOENT ? damaged(l, "container", number) : st;
	c.state = CONTAINER_DYING;
	rows_container_put(t, number, &c);
	if (l->ndying == l->dying_cap) {
		l->dying_cap = MAX(16u, l->dying_cap * 2);
		l->dying = xrealloc(l->dying, l->dying_cap * sizeof *l->dying);
	}
	l->dying[l->ndying++] = number;
	return OK;
}

static enum status
gone(struct ledger *l, struct txn *t, uint8_t what, const uint8_t *id)
{
	if (what == COUNT_CHUNK)
		return chunk_gone(l, t, id);
	return what == COUNT_CONTAINER ? container_gone(l, t, get_be64(id)) : OK;
}

static enum status
settle_one(struct ledger *l, struct txn *t, uint32_t at)
{
	struct count c = l->v[at];	/* a copy: the vector may move */
	struct key key = key_count(c.what, c.id, id_len(c.what));
	enum status st;
	int64_t sum;

	if (c.drops) {
		if ((st = sum_of(l, &c, &sum)) != OK)
			return st;
		if (sum < 0)
			return damaged(l, "count", get_be64(c.id));
		if (sum == 0) {
			txn_del(t, key_slice(&key), NULL);
			return gone(l, t, c.what, c.id);
		}
	}
	if (c.delta != 0)
		txn_count(t, key_slice(&key), c.delta);
	return OK;
}

/* Leaves have cited chunks by now; chunks tell of containers; so in this order. */
enum status
ledger_settle(struct ledger *l, struct txn *t)
{
	static const uint8_t order[] = { COUNT_LEAF, COUNT_CHUNK, COUNT_CONTAINER };
	enum status st = OK;

	for (size_t k = 0; k < ARRAY_LEN(order); k++)
		for (uint32_t i = 0; i < l->n && st == OK; i++)
			if (l->v[i].what == order[k])
				st = settle_one(l, t, i);
	return st == OK && t->failed ? ST_RESOURCE : st;
}
