/*
 * The cache of decoded inodes.
 *
 * An inode that is read from the catalog while another thread loads, changes and lets go of the
 * same one could enter an old version.  So evictions are counted by hash, and who loads looks at
 * the count before and after: a difference means reading again.
 */
#include "pipeline/vfs/inode.h"

#include "pipeline/base/hash.h"
#include "pipeline/base/meter.h"
#include "pipeline/record/key.h"
#include "pipeline/vfs/dentry.h"
#include "pipeline/vfs/names.h"

#include <stdlib.h>

enum { NAMES_PART = 5 };		/* one such part of the budget is for names */

static struct hand_group group;

void
inode_caches_start(uint64_t budget_bytes)
{
	hand_group_init(&group, budget_bytes - budget_bytes / NAMES_PART);
	dentry_caches_start(budget_bytes / NAMES_PART);
}

void
inode_caches_stop(void)
{
	dentry_caches_stop();
	hand_group_fini(&group);
}

static void
inode_free(struct epoch_entry *e)
{
	struct inode *i = container_of(e, struct inode, dead);

	mutex_destroy(&i->mutex);
	names_free(atomic_load_explicit(&i->names, memory_order_relaxed));
	free((void *)(uintptr_t)i->file.rest.at);
	slab_put(&i->cache->slab, i);
}

static void
take_out(struct table_node *n, void *arg)
{
	struct inode_cache *c = arg;
	struct inode *i = container_of(n, struct inode, node);

	table_lock(c->table, n->hash);
	table_remove_locked(c->table, n);
	table_unlock(c->table, n->hash);
	epoch_defer(&i->dead, inode_free);
}

void
inode_cache_free(struct inode_cache **cp)
{
	struct inode_cache *c = TAKE(cp);

	hand_empty(&c->hand, take_out, c);
	table_free(&c->table);
	dentry_cache_free(&c->dentries);
	mutex_destroy(&c->rename);
	slab_fini(&c->slab);
	free(c);
}

static bool
same_ino(const struct table_node *n, const void *key)
{
	return container_of(n, const struct inode, node)->ino == *(const uint64_t *)key;
}

static struct inode *
find(struct inode_cache *c, uint64_t ino, uint64_t hash)
{
	struct table_node *n;
	struct inode *i = NULL;

	epoch_begin();
	n = table_find(c->table, hash, same_ino, &ino);
	if (n != NULL) {
		i = container_of(n, struct inode, node);
		if (!ref_take_live(&i->refs))
			i = NULL;
		else
			hand_touch(&i->mark);
	}
	epoch_end();
	return i;
}

static void
let_go(struct inode_cache *c, struct inode *i)
{
	table_remove_locked(c->table, &i->node);
	atomic_fetch_add_explicit(&c->evicted[i->node.hash % EVICTIONS], 1, memory_order_release);
	hand_removed(&c->hand, INODE_MEMORY + i->file.rest.len + i->names_bytes);
	epoch_defer(&i->dead, inode_free);
}

static void
consider(struct table_node *n, void *arg)
{
	struct inode_cache *c = arg;
	struct inode *i = container_of(n, struct inode, node);
	uint32_t one = 1;

	if (hand_spares(&i->mark) || atomic_load_explicit(&i->refs.n, memory_order_relaxed) != 1)
		return;
	table_lock(c->table, n->hash);
	if (atomic_compare_exchange_strong_explicit(&i->refs.n, &one, 0, memory_order_acq_rel,
	    memory_order_relaxed))
		let_go(c, i);
	table_unlock(c->table, n->hash);
}

struct inode_cache *
inode_cache_new(void)
{
	struct inode_cache *c = xcalloc(1, sizeof *c);

	c->table = table_new(hand_group_room(&group, INODE_MEMORY));
	hand_init(&c->hand, c->table, group.budget);
	hand_join(&c->hand, &group, consider, c);
	slab_init(&c->slab, sizeof(struct inode));
	c->dentries = dentry_cache_new();
	mutex_init(&c->rename, RANK_RENAME, 0);
	return c;
}

static struct inode *
inode_make(struct inode_cache *c, const struct file *f, lsn_t change, uint64_t born)
{
	struct inode *i = slab_get(&c->slab);

	i->cache = c;
	ref_init(&i->refs);
	ref_take(&i->refs);
	i->ino = f->ino;
	i->node.hash = hash_u64(f->ino);
	mutex_init(&i->mutex, RANK_INODE, f->ino);
	i->file = *f;
	i->file.rest = slice_of(NULL, 0);
	if (f->rest.len > 0) {
		uint8_t *rest = xmalloc(f->rest.len);

		memcpy(rest, f->rest.at, f->rest.len);
		i->file.rest = slice_of(rest, f->rest.len);
	}
	i->change = change;
	i->born = born;
	atomic_init(&i->mark.recent, 1);
	return i;
}

/* Enter i, unless another of its number is there (then *there is that one, pinned), or one of
 * its hash was evicted since `seen`: false, read again. */
static bool
enter(struct inode_cache *c, struct inode *i, uint32_t seen, struct inode **there)
{
	struct table_node *n;
	bool entered = true;

	*there = NULL;
	epoch_begin();
	table_lock(c->table, i->node.hash);
	n = table_find(c->table, i->node.hash, same_ino, &i->ino);
	if (n != NULL && ref_take_live(&container_of(n, struct inode, node)->refs)) {
		*there = container_of(n, struct inode, node);
	} else if (n != NULL || seen !=
	    atomic_load_explicit(&c->evicted[i->node.hash % EVICTIONS], memory_order_acquire)) {
		entered = false;
	} else {
		table_insert_locked(c->table, &i->node);
		hand_added(&c->hand, INODE_MEMORY + i->file.rest.len);
	}
	table_unlock(c->table, i->node.hash);
	epoch_end();
	return entered;
}

static enum status
load(struct share *s, uint64_t ino, bool may_wait, struct arena *arena, struct inode **ip)
{
	struct key key = key_inode(ino);
	struct version v;
	struct file f;
	enum status st = catalog_get(s->catalog, key_slice(&key), may_wait, arena, &v);

	if (st != OK)
		return st;
	if (!v.exists)
		return ST_STALE;
	st = rec_file_decode(v.body, &f);
	if (st != OK || f.ino != ino)
		return ST_CORRUPT;
	*ip = inode_make(s->inodes, &f, v.lsn, v.born);
	return OK;
}

enum status
inode_get(struct share *s, uint64_t ino, bool may_wait, struct arena *arena, struct inode **ip)
{
	struct inode_cache *c = s->inodes;
	uint64_t hash = hash_u64(ino);
	struct inode *i = find(c, ino, hash), *there;

	if (i != NULL) {
		meter_add(METER_INODE_HITS, 1);
		*ip = i;
		return OK;
	}
	meter_add(METER_INODE_MISSES, 1);
	for (;;) {
		uint32_t seen = atomic_load_explicit(&c->evicted[hash % EVICTIONS],
		    memory_order_acquire);
		enum status st = load(s, ino, may_wait, arena, &i);
		bool entered;

		if (st != OK)
			return st;
		entered = enter(c, i, seen, &there);
		if (entered && there == NULL)
			break;
		inode_free(&i->dead);
		i = there;
		if (i != NULL)
			break;
	}
	hand_move(&c->hand, consider, c);
	*ip = i;
	return OK;
}

void
inode_put(struct inode **ip)
{
	struct inode *i = TAKE(ip);

	/* The table's reference is dropped by eviction alone, so this is never the last of an
	 * inode that is in it; one that was taken out by inode_drop_locked ends here. */
	if (i != NULL && ref_drop(&i->refs))
		epoch_defer(&i->dead, inode_free);
}

bool
inode_peek(struct share *s, uint64_t ino, struct attr *a)
{
	struct table_node *n;
	struct file f;
	lsn_t change;

	epoch_begin();
	n = table_find(s->inodes->table, hash_u64(ino), same_ino, &ino);
	if (n != NULL) {
		inode_read(container_of(n, struct inode, node), &f, &change);
		inode_attr(s, &f, change, a);
	}
	epoch_end();
	return n != NULL;
}

/*
 * A record is copied beside its writer, word by word, and copied again where the counter has moved.
 * Each word is loaded with acquire and stored with release, so that who sees a word of the new
 * version sees the counter odd, or moved: fences would say the same, but not to TSan.
 */
typedef uint64_t __attribute__((may_alias)) shared_word;

_Static_assert(sizeof(struct file) % sizeof(shared_word) == 0 &&
    _Alignof(struct file) % _Alignof(shared_word) == 0, "a record is whole words");

static inline void
words_load(struct file *to, const struct file *shared)
{
	const shared_word *from = (const shared_word *)shared;
	shared_word *w = (shared_word *)to;

	for (size_t n = 0; n < sizeof *to / sizeof *w; n++)
		w[n] = __atomic_load_n(&from[n], __ATOMIC_ACQUIRE);
}

static inline void
words_store(struct file *shared, const struct file *from)
{
	const shared_word *w = (const shared_word *)from;
	shared_word *to = (shared_word *)shared;

	for (size_t n = 0; n < sizeof *from / sizeof *w; n++)
		__atomic_store_n(&to[n], w[n], __ATOMIC_RELEASE);
}

void
inode_read(const struct inode *i, struct file *f, lsn_t *change)
{
	uint32_t before, after;

	do {
		before = atomic_load_explicit(&i->seq, memory_order_acquire);
		words_load(f, &i->file);
		*change = __atomic_load_n(&i->change, __ATOMIC_ACQUIRE);
		after = atomic_load_explicit(&i->seq, memory_order_relaxed);
	} while (before != after || (before & 1) != 0);
}

struct slice
inode_rest_locked(const struct inode *i, struct arena *arena)
{
	uint8_t *copy;

	mutex_assert_owned(&i->mutex);
	if (i->file.rest.len == 0)
		return slice_of(NULL, 0);
	copy = arena_copy(arena, i->file.rest.at, i->file.rest.len);
	return slice_of(copy, copy ? i->file.rest.len : 0);
}

void
inode_publish_locked(struct inode *i, const struct file *f, lsn_t change, uint64_t born)
{
	uint32_t seq = atomic_load_explicit(&i->seq, memory_order_relaxed);
	struct slice rest = i->file.rest;

	mutex_assert_owned(&i->mutex);
	assert(f->rest.at == rest.at && f->rest.len == rest.len);
	atomic_store_explicit(&i->seq, seq + 1, memory_order_relaxed);
	words_store(&i->file, f);
	__atomic_store_n(&i->change, change, __ATOMIC_RELEASE);
	i->born = born;
	atomic_store_explicit(&i->seq, seq + 2, memory_order_release);
}

void
inode_expect(const struct inode_cache *c, uint64_t ino)
{
	table_expect(c->table, hash_u64(ino));
}

struct inode *
inode_enter(struct inode_cache *c, const struct file *f, lsn_t change, uint64_t born)
{
	struct inode *i = inode_make(c, f, change, born), *there;
	bool entered;

	/* Its number is new: nobody can have loaded it before its record was committed, but a
	 * reader of the directory may have since. */
	do
		entered = enter(c, i, atomic_load_explicit(&c->evicted[i->node.hash % EVICTIONS],
		    memory_order_acquire), &there);
	while (!entered);
	if (there != NULL) {
		inode_free(&i->dead);
		return there;
	}
	hand_move(&c->hand, consider, c);
	return i;
}

void
inode_names_sized_locked(struct inode *i)
{
	uint32_t was = i->names_bytes;

	mutex_assert_owned(&i->mutex);
	i->names_bytes = names_bytes(atomic_load_explicit(&i->names, memory_order_relaxed));
	if (i->names_bytes >= was)
		hand_added(&i->cache->hand, i->names_bytes - was);
	else
		hand_removed(&i->cache->hand, was - i->names_bytes);
}

void
inode_drop_locked(struct inode_cache *c, struct inode *i)
{
	mutex_assert_owned(&i->mutex);
	assert(!i->gone);
	i->gone = true;
	table_lock(c->table, i->node.hash);
	table_remove_locked(c->table, &i->node);
	atomic_fetch_add_explicit(&c->evicted[i->node.hash % EVICTIONS], 1, memory_order_release);
	hand_removed(&c->hand, INODE_MEMORY + i->file.rest.len + i->names_bytes);
	table_unlock(c->table, i->node.hash);
	assert(!ref_drop(&i->refs));		/* the caller's pin remains */
}

void
inode_attr(const struct share *s, const struct file *f, lsn_t change, struct attr *a)
{
	*a = (struct attr){
		.type = f->type, .mode = f->mode, .nlink = f->nlink, .uid = f->uid, .gid = f->gid,
		.gen = f->gen, .rdev_major = f->rdev_major, .rdev_minor = f->rdev_minor,
		.size = f->size, .used = f->used, .fsid = s->row.fsid, .ino = f->ino,
		.change = s->was_clean ? change : MAX(change, s->first_lsn),
		.atime = f->atime, .mtime = f->mtime, .ctime = f->ctime, .btime = f->btime,
	};
}
