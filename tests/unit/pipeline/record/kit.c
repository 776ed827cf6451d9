/*
 * A catalog in a box.
 */
#include "tests/unit/pipeline/record/kit.h"

#include <stdlib.h>

static struct key
counter_key(void)
{
	return key_count(COUNT_USED_BYTES, NULL, 0);
}

void
kit_up(struct kit *k)
{
	struct meta_ident ident = { .fence = KIT_FENCE };
	char why[256];

	memset(k, 0, sizeof *k);
	EQ(meta_store_open("memory", &(struct meta_conf){ 0 }, &k->store, why, sizeof why), OK);
	EQ(k->store->ops->claim(k->store, &ident), OK);
	k->c = catalog_new(k->store, 1, 0);
	k->lsn = LSN_OF(1, 0);
	arena_init(&k->arena, NULL, 0, 64 << 20);
	txn_pool_init(16);
}

void
kit_again(struct kit *k)
{
	catalog_free(&k->c);
	k->c = catalog_new(k->store, 1, 0);
}

void
kit_down(struct kit *k)
{
	catalog_free(&k->c);
	k->store->ops->close(k->store);
	arena_rewind(&k->arena);
	txn_pool_fini();
}

void
kit_commit(struct kit *k, struct txn *t)
{
	FALSE(t->failed);
	t->lsn = ++k->lsn;
	catalog_commit_locked(k->c, t);
	txn_free(&t);
}

static void
old_of(struct kit *k, struct slice key, struct old_version *old)
{
	struct version v;

	EQ(catalog_get(k->c, key, true, &k->arena, &v), OK);
	*old = (struct old_version){ v.exists, v.born, v.lsn, v.body };
}

void
kit_put(struct kit *k, uint64_t ino, const char *body)
{
	struct key key = key_inode(ino);
	struct txn *t = txn_new();
	struct old_version old;

	old_of(k, key_slice(&key), &old);
	txn_put(t, key_slice(&key), slice_str(body), &old);
	kit_commit(k, t);
}

void
kit_del(struct kit *k, uint64_t ino)
{
	struct key key = key_inode(ino);
	struct txn *t = txn_new();
	struct old_version old;

	old_of(k, key_slice(&key), &old);
	txn_del(t, key_slice(&key), &old);
	kit_commit(k, t);
}

void
kit_count(struct kit *k, int64_t delta)
{
	struct key key = counter_key();
	struct txn *t = txn_new();

	txn_count(t, key_slice(&key), delta);
	kit_commit(k, t);
}

void
kit_apply(struct kit *k)
{
	catalog_freeze_locked(k->c, 0);
	while (catalog_frozen_lsn(k->c) != 0)
		EQ(catalog_apply_oldest(k->c, KIT_FENCE), OK);
}

const char *
kit_get(struct kit *k, uint64_t ino)
{
	struct key key = key_inode(ino);
	struct version v;

	EQ(catalog_get(k->c, key_slice(&key), true, &k->arena, &v), OK);
	return v.exists ? arena_copy(&k->arena, v.body.at, v.body.len) : NULL;
}

int64_t
kit_counted(struct kit *k)
{
	struct key key = counter_key();
	int64_t n = 0;

	EQ(catalog_count(k->c, key_slice(&key), &n), OK);
	return n;
}
