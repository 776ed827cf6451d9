/*
 * Rows that come and go before they are applied: the store hears of them only where it may have an
 * older one.
 */
#include "pipeline/base/rand.h"
#include "tests/unit/pipeline/record/kit.h"

static const struct meta_store_ops *real;
static uint32_t sets, dels;

static enum status
spy_apply(struct meta_store *s, const struct meta_op *ops, uint32_t n, lsn_t lsn, uint64_t fence)
{
	for (uint32_t i = 0; i < n; i++)
		ops[i].del ? dels++ : sets++;
	return real->apply(s, ops, n, lsn, fence);
}

static void
up(struct kit *k)
{
	static struct meta_store_ops spied;

	kit_up(k);
	real = k->store->ops;
	spied = *real;
	spied.apply = spy_apply;
	k->store->ops = &spied;
	sets = dels = 0;
}

static void
make(struct kit *k, uint64_t ino, const char *body)
{
	struct key key = key_inode(ino);
	struct txn *t = txn_new();

	txn_put_new(t, key_slice(&key), slice_str(body), &(struct old_version){ .exists = false });
	kit_commit(k, t);
}

static bool
stored(struct kit *k, uint64_t ino)
{
	struct key key = key_inode(ino);
	struct slice value;
	enum status st = k->store->ops->get(k->store, key_slice(&key), &k->arena, &value);

	TRUE(st == OK || st == ST_NOENT);
	return st == OK;
}

CASE(what_came_and_went_in_one_memtable_is_left_out)
{
	struct kit k;

	up(&k);
	make(&k, 1, "stays");
	make(&k, 2, "goes");
	kit_count(&k, 5);
	kit_del(&k, 2);
	make(&k, 3, "goes, too");
	kit_del(&k, 3);
	kit_count(&k, 7);
	TRUE(kit_get(&k, 2) == NULL);
	kit_apply(&k);
	EQ(sets, 2);				/* with the counter */
	EQ(dels, 0);
	EQ(kit_counted(&k), 12);
	EQ_STR(kit_get(&k, 1), "stays");
	TRUE(kit_get(&k, 2) == NULL && !stored(&k, 3));
	kit_down(&k);
}

CASE(a_memtable_of_which_nothing_is_left_moves_the_applied_lsn)
{
	struct meta_ident ident;
	struct kit k;

	up(&k);
	make(&k, 1, "goes");
	kit_del(&k, 1);
	kit_apply(&k);
	EQ(sets + dels, 0);
	EQ(catalog_unapplied_bytes(k.c), 0);
	EQ(k.store->ops->ident(k.store, &ident), OK);
	EQ(ident.applied_lsn, k.lsn);
	kit_down(&k);
}

CASE(what_is_there_in_the_end_is_stored)
{
	struct kit k;

	up(&k);
	make(&k, 1, "first");
	kit_del(&k, 1);
	make(&k, 1, "again");
	make(&k, 2, "first");
	kit_del(&k, 2);
	kit_put(&k, 2, "again");
	kit_apply(&k);
	EQ(sets, 2);
	EQ_STR(kit_get(&k, 1), "again");
	EQ_STR(kit_get(&k, 2), "again");
	kit_down(&k);
}

CASE(what_an_older_memtable_has_is_deleted)
{
	struct kit k;

	up(&k);
	make(&k, 1, "older");
	TRUE(catalog_freeze_locked(k.c, 0));
	kit_del(&k, 1);
	TRUE(kit_get(&k, 1) == NULL);
	kit_apply(&k);
	EQ(dels, 1);
	FALSE(stored(&k, 1));
	kit_down(&k);
}

CASE(what_the_store_had_is_deleted_though_it_came_anew_meanwhile)
{
	struct kit k;

	up(&k);
	kit_put(&k, 1, "stored");
	kit_apply(&k);
	kit_del(&k, 1);
	make(&k, 1, "anew");			/* truly: no row is seen */
	kit_del(&k, 1);
	kit_apply(&k);
	EQ(dels, 1);
	FALSE(stored(&k, 1));
	kit_down(&k);
}

/* The store has more than the checkpoint says: a replay must not believe what was known then. */
CASE(what_is_replayed_is_deleted_in_any_case)
{
	struct key key = key_inode(1);
	struct txn_item put = { .kind = ITEM_PUT, .key = key_slice(&key), .body = slice_str("x") };
	struct txn_item del = { .kind = ITEM_DEL, .key = key_slice(&key) };
	struct kit k;

	up(&k);
	make(&k, 1, "x");
	kit_apply(&k);
	kit_again(&k);
	EQ(catalog_replay(k.c, LSN_OF(1, 1), &put), OK);
	EQ(catalog_replay(k.c, LSN_OF(1, 2), &del), OK);
	kit_apply(&k);
	EQ(dels, 1);
	FALSE(stored(&k, 1));
	kit_down(&k);
}

/* The log does not say who was new. */
CASE(an_entry_that_is_read_back_has_nothing_new)
{
	static uint8_t room[4096];
	struct key key = key_inode(1);
	struct writer w = writer_of(room, sizeof room);
	struct txn_item item;
	struct entry_head head;
	struct arena arena;
	struct reader r;
	struct txn *t;
	struct kit k;

	up(&k);
	t = txn_new();
	txn_put_new(t, key_slice(&key), slice_str("x"), NULL);
	t->lsn = LSN_OF(1, 1);
	txn_encode(t, &w);
	r = reader_of(room, w.len);
	arena_init(&arena, NULL, 0, 1 << 16);
	TRUE(entry_read_head(&r, &head) && entry_read_item(&r, &item, &arena));
	TRUE(item.kind == ITEM_PUT && !item.fresh);
	arena_rewind(&arena);
	txn_free(&t);
	kit_down(&k);
}

/* Random rows beside a plain list: what is seen, and in the end what is stored, is
 * what is there. */
CASE(many_that_come_and_go_leave_what_an_oracle_has)
{
	enum { KEYS = 24, STEPS = 6000 };
	bool there[KEYS + 1] = { false };
	struct kit k;

	up(&k);
	for (int step = 0; step < STEPS; step++) {
		uint64_t ino = 1 + rand_u64() % KEYS, chance = rand_u64() % 100;

		if (chance < 3)
			kit_apply(&k);
		else if (chance < 6)
			(void)catalog_freeze_locked(k.c, 0);
		else if (there[ino] && chance < 60)
			kit_del(&k, ino);
		else if (there[ino])
			kit_put(&k, ino, "changed");
		else
			make(&k, ino, "made");
		if (chance >= 6)
			there[ino] = !there[ino] || chance >= 60;
		TRUE((kit_get(&k, ino) != NULL) == there[ino]);
	}
	kit_apply(&k);
	for (uint64_t ino = 1; ino <= KEYS; ino++)
		EQ(stored(&k, ino), there[ino]);
	kit_down(&k);
}
