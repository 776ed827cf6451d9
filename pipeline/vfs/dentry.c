/*
 * Names, cached.  An effect first advances the directory's dirseq, then commits, then sets what
 * is true now.  Who fills from the catalog checks dirseq under the table's lock: if it is
 * unchanged, any effect that comes later will set its own name after this fill.
 */
#include "pipeline/vfs/dentry.h"

#include "pipeline/base/epoch.h"
#include "pipeline/base/hash.h"
#include "pipeline/vfs/hand.h"

#include <stdlib.h>

enum { DENTRY_MEMORY = 112 };

struct dentry_cache {
	struct table *table;
	struct hand hand;
};

struct dentry {
	struct table_node node;
	struct epoch_entry dead;
	uint64_t dir;
	struct name_hit hit;
	struct hand_mark mark;
	uint8_t len;
	uint8_t name[];
};

struct wanted {
	uint64_t dir;
	struct slice name;
};

static struct hand_group group;

void
dentry_caches_start(uint64_t budget_bytes)
{
	hand_group_init(&group, budget_bytes);
}

void
dentry_caches_stop(void)
{
	hand_group_fini(&group);
}

static uint64_t
hash_of(uint64_t dir, struct slice name)
{
	return hash_u64(dir ^ (uint64_t)crc32c((uint32_t)name.len, name.at, name.len) << 20
	    ^ crc32c(~(uint32_t)dir, name.at, name.len));
}

static bool
same_name(const struct table_node *n, const void *key)
{
	const struct dentry *d = container_of(n, const struct dentry, node);
	const struct wanted *w = key;

	return d->dir == w->dir && d->len == w->name.len &&
	    memcmp(d->name, w->name.at, d->len) == 0;
}

static void
dentry_free(struct epoch_entry *e)
{
	free(container_of(e, struct dentry, dead));
}

static void
remove_locked(struct dentry_cache *c, struct table_node *n)
{
	struct dentry *d = container_of(n, struct dentry, node);

	table_remove_locked(c->table, n);
	hand_removed(&c->hand, DENTRY_MEMORY + d->len);
	epoch_defer(&d->dead, dentry_free);
}

static void
take_out(struct table_node *n, void *arg)
{
	struct dentry_cache *c = arg;

	table_lock(c->table, n->hash);
	remove_locked(c, n);
	table_unlock(c->table, n->hash);
}

void
dentry_cache_free(struct dentry_cache **cp)
{
	struct dentry_cache *c = TAKE(cp);

	hand_empty(&c->hand, take_out, c);
	table_free(&c->table);
	free(c);
}

bool
dentry_find(struct dentry_cache *c, uint64_t dir, struct slice name, struct name_hit *hit)
{
	struct wanted w = { dir, name };
	struct table_node *n;

	epoch_begin();
	n = table_find(c->table, hash_of(dir, name), same_name, &w);
	if (n != NULL) {
		struct dentry *d = container_of(n, struct dentry, node);

		*hit = d->hit;
		hand_touch(&d->mark);
	}
	epoch_end();
	return n != NULL;
}

void
dentry_expect(const struct dentry_cache *c, uint64_t dir, struct slice name)
{
	table_expect(c->table, hash_of(dir, name));
}

static void
consider(struct table_node *n, void *arg)
{
	struct dentry_cache *c = arg;
	struct dentry *d = container_of(n, struct dentry, node);
	struct wanted w = { d->dir, slice_of(d->name, d->len) };

	if (hand_spares(&d->mark))
		return;
	table_lock(c->table, n->hash);
	if (table_find(c->table, n->hash, same_name, &w) == n)
		remove_locked(c, n);
	table_unlock(c->table, n->hash);
}

struct dentry_cache *
dentry_cache_new(void)
{
	struct dentry_cache *c = xcalloc(1, sizeof *c);

	c->table = table_new(hand_group_room(&group, DENTRY_MEMORY));
	hand_init(&c->hand, c->table, group.budget);
	hand_join(&c->hand, &group, consider, c);
	return c;
}

static void
put(struct dentry_cache *c, uint64_t dir, struct slice name, const struct name_hit *hit,
    const _Atomic uint64_t *dirseq, uint64_t seen)
{
	struct dentry *d = xmalloc(sizeof *d + name.len);
	struct wanted w = { dir, name };
	struct table_node *n;

	d->dir = dir;
	d->hit = *hit;
	atomic_init(&d->mark.recent, 1);
	d->len = (uint8_t)name.len;
	memcpy(d->name, name.at, name.len);
	d->node.hash = hash_of(dir, name);
	epoch_begin();
	table_lock(c->table, d->node.hash);
	if (dirseq != NULL && atomic_load_explicit(dirseq, memory_order_acquire) != seen) {
		table_unlock(c->table, d->node.hash);
		epoch_end();
		free(d);
		return;
	}
	n = table_find(c->table, d->node.hash, same_name, &w);
	if (n != NULL)
		remove_locked(c, n);
	table_insert_locked(c->table, &d->node);
	hand_added(&c->hand, DENTRY_MEMORY + d->len);
	table_unlock(c->table, d->node.hash);
	epoch_end();
	hand_move(&c->hand, consider, c);
}

void
dentry_fill(struct dentry_cache *c, uint64_t dir, struct slice name, const struct name_hit *hit,
    const _Atomic uint64_t *dirseq, uint64_t seen)
{
	put(c, dir, name, hit, dirseq, seen);
}

void
dentry_set(struct dentry_cache *c, uint64_t dir, struct slice name, const struct name_hit *hit)
{
	put(c, dir, name, hit, NULL, 0);
}
