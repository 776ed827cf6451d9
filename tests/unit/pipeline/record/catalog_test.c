/*
 * The merged view: what is committed is seen whichever of memtables and store holds it, nothing is
 * counted twice, and a replay changes nothing that was already there.
 */
#include "tests/unit/pipeline/record/kit.h"

#include "pipeline/base/rand.h"
#include "pipeline/base/thread.h"

#include <stdio.h>
#include <stdlib.h>

CASE(a_record_is_seen_in_memtable_frozen_and_store)
{
	struct kit k;
	struct key key = key_inode(5);
	struct version v;

	kit_up(&k);
	TRUE(kit_get(&k, 5) == NULL);
	kit_put(&k, 5, "one");
	EQ_STR(kit_get(&k, 5), "one");
	TRUE(catalog_freeze_locked(k.c, 0));
	EQ_STR(kit_get(&k, 5), "one");
	EQ(catalog_frozen_lsn(k.c), k.lsn);
	TRUE(catalog_unapplied_bytes(k.c) > 0);
	EQ(catalog_apply_oldest(k.c, KIT_FENCE), OK);
	EQ(catalog_frozen_lsn(k.c), 0);
	EQ(catalog_unapplied_bytes(k.c), 0);
	EQ(catalog_get(k.c, key_slice(&key), false, &k.arena, &v), OK);
	TRUE(v.exists && slice_eq(v.body, slice_str("one")));
	EQ(v.lsn, k.lsn);
	EQ(v.born, 1);
	kit_down(&k);
}

CASE(a_deletion_hides_what_the_store_has)
{
	struct kit k;

	kit_up(&k);
	kit_put(&k, 5, "one");
	kit_apply(&k);
	kit_del(&k, 5);
	TRUE(kit_get(&k, 5) == NULL);
	kit_apply(&k);
	TRUE(kit_get(&k, 5) == NULL);
	kit_put(&k, 5, "two");
	EQ_STR(kit_get(&k, 5), "two");
	kit_down(&k);
}

CASE(nothing_is_frozen_where_nothing_is)
{
	struct kit k;

	kit_up(&k);
	FALSE(catalog_freeze_locked(k.c, 0));
	EQ(catalog_apply_oldest(k.c, KIT_FENCE), OK);
	kit_put(&k, 1, "x");
	FALSE(catalog_freeze_locked(k.c, 1 << 20));
	TRUE(catalog_freeze_locked(k.c, 0));
	kit_down(&k);
}

CASE(a_fenced_apply_drops_nothing_and_may_be_tried_again)
{
	struct kit k;

	kit_up(&k);
	kit_put(&k, 1, "x");
	kit_count(&k, 5);
	TRUE(catalog_freeze_locked(k.c, 0));
	EQ(catalog_apply_oldest(k.c, KIT_FENCE + 1), ST_FENCED);
	EQ_STR(kit_get(&k, 1), "x");
	EQ(kit_counted(&k), 5);
	EQ(catalog_apply_oldest(k.c, KIT_FENCE), OK);
	EQ_STR(kit_get(&k, 1), "x");
	EQ(kit_counted(&k), 5);
	kit_down(&k);
}

/* --- counters --- */

CASE(deltas_add_up_over_memtables_and_store)
{
	struct key key = key_count(COUNT_USED_BYTES, NULL, 0);
	struct version v;
	struct kit k;

	kit_up(&k);
	EQ(kit_counted(&k), 0);
	kit_count(&k, 10);
	kit_count(&k, -3);
	EQ(kit_counted(&k), 7);
	kit_apply(&k);
	EQ(kit_counted(&k), 7);
	kit_count(&k, 100);
	TRUE(catalog_freeze_locked(k.c, 0));
	kit_count(&k, 1000);
	EQ(kit_counted(&k), 1107);
	EQ(catalog_get(k.c, key_slice(&key), true, &k.arena, &v), OK);
	TRUE(v.exists && v.body.len == 8);
	EQ(get_le64(v.body.at), 1107);
	EQ(catalog_apply_oldest(k.c, KIT_FENCE), OK);
	EQ(kit_counted(&k), 1107);
	kit_apply(&k);
	EQ(kit_counted(&k), 1107);
	kit_down(&k);
}

CASE(a_counter_may_be_set_and_taken_away)
{
	struct key key = key_count(COUNT_USED_BYTES, NULL, 0);
	struct version v;
	uint8_t body[8];
	struct txn *t;
	struct kit k;

	kit_up(&k);
	kit_count(&k, 10);
	kit_apply(&k);
	t = txn_new();
	txn_del(t, key_slice(&key), NULL);
	kit_commit(&k, t);
	EQ(kit_counted(&k), 0);
	EQ(catalog_get(k.c, key_slice(&key), true, &k.arena, &v), OK);
	FALSE(v.exists);
	kit_count(&k, 4);
	EQ(kit_counted(&k), 4);
	kit_apply(&k);
	EQ(kit_counted(&k), 4);
	put_le64(body, 50);
	t = txn_new();
	txn_put(t, key_slice(&key), slice_of(body, 8), NULL);
	kit_commit(&k, t);
	TRUE(catalog_freeze_locked(k.c, 0));
	kit_count(&k, 1);
	EQ(kit_counted(&k), 51);
	kit_apply(&k);
	EQ(kit_counted(&k), 51);
	kit_down(&k);
}

/* --- scans --- */

struct listing {
	char text[1024];
	uint32_t stop_after, n;
};

static bool
list(void *arg, struct slice key, const struct version *v)
{
	struct listing *l = arg;
	size_t len = strlen(l->text);

	snprintf(l->text + len, sizeof l->text - len, "%llu=%.*s ",
	    (unsigned long long)get_be64(key.at + 1), (int)v->body.len, v->body.at);
	return ++l->n != l->stop_after;
}

CASE(a_scan_weaves_memtables_and_store)
{
	struct listing l = { .n = 0 };
	uint8_t prefix = TAG_INODE;
	struct key from = key_inode(4);
	struct kit k;

	kit_up(&k);
	for (uint64_t i = 1; i <= 7; i++)
		kit_put(&k, i, "s");
	kit_apply(&k);
	kit_put(&k, 3, "f");
	kit_del(&k, 4);
	kit_put(&k, 9, "f");
	TRUE(catalog_freeze_locked(k.c, 0));
	kit_put(&k, 3, "a");
	kit_del(&k, 1);
	kit_put(&k, 8, "a");
	kit_put(&k, 4, "a");
	kit_del(&k, 9);
	kit_count(&k, 1);
	EQ(catalog_scan(k.c, slice_of(&prefix, 1), slice_of(NULL, 0), true, list, &l), OK);
	EQ_STR(l.text, "2=s 3=a 4=a 5=s 6=s 7=s 8=a ");
	l = (struct listing){ .stop_after = 2 };
	EQ(catalog_scan(k.c, slice_of(&prefix, 1), key_slice(&from), true, list, &l), OK);
	EQ_STR(l.text, "4=a 5=s ");
	l = (struct listing){ .stop_after = 0 };
	from = key_inode(8);
	EQ(catalog_scan(k.c, slice_of(&prefix, 1), key_slice(&from), true, list, &l), OK);
	EQ_STR(l.text, "8=a ");
	kit_down(&k);
}

CASE(get_many_asks_each_where_it_is)
{
	struct key keys[4] = { key_inode(1), key_inode(2), key_inode(3),
	    key_count(COUNT_USED_BYTES, NULL, 0) };
	struct slice slices[4];
	struct version v[4];
	struct kit k;

	kit_up(&k);
	kit_put(&k, 1, "stored");
	kit_put(&k, 2, "old");
	kit_count(&k, 7);
	kit_apply(&k);
	kit_put(&k, 2, "new");
	for (int i = 0; i < 4; i++)
		slices[i] = key_slice(&keys[i]);
	EQ(catalog_get_many(k.c, slices, 4, false, &k.arena, v), OK);
	TRUE(slice_eq(v[0].body, slice_str("stored")));
	TRUE(slice_eq(v[1].body, slice_str("new")));
	FALSE(v[2].exists);
	EQ(get_le64(v[3].body.at), 7);
	kit_down(&k);
}

/* --- damage --- */

struct raw {
	uint8_t bytes[256];
	uint32_t len;
};

static bool
take_raw(void *arg, struct slice key, struct slice value)
{
	struct raw *r = arg;

	(void)key;
	memcpy(r->bytes, value.at, value.len);
	r->len = value.len;
	return false;
}

/* Write bytes straight into the store under a key. */
static void
plant(struct kit *k, const struct key *key, const struct raw *r)
{
	struct meta_op op = { key_slice(key), slice_of(r->bytes, r->len), false };

	EQ(k->store->ops->apply(k->store, &op, 1, k->lsn, KIT_FENCE), OK);
}

CASE(a_stored_value_that_was_changed_or_moved_is_corrupt)
{
	struct key key = key_inode(5), other = key_inode(6);
	struct listing l = { .n = 0 };
	struct version v;
	struct slice slice;
	struct raw raw;
	struct kit k;

	kit_up(&k);
	kit_put(&k, 5, "a record's body");
	kit_apply(&k);
	slice = key_slice(&key);
	EQ(k.store->ops->scan(k.store, slice, slice, take_raw, &raw), OK);
	EQ(raw.len, 24 + strlen("a record's body"));
	for (uint32_t bit = 0; bit < raw.len * 8; bit++) {
		raw.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		plant(&k, &key, &raw);
		EQ(catalog_get(k.c, slice, true, &k.arena, &v), ST_CORRUPT);
		raw.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	EQ(catalog_get_many(k.c, &slice, 1, true, &k.arena, &v), ST_CORRUPT);
	EQ(catalog_scan(k.c, slice, slice_of(NULL, 0), true, list, &l), ST_CORRUPT);
	EQ(l.n, 0);
	plant(&k, &key, &raw);
	EQ_STR(kit_get(&k, 5), "a record's body");
	plant(&k, &other, &raw);		/* right bytes under the wrong key */
	slice = key_slice(&other);
	EQ(catalog_get(k.c, slice, true, &k.arena, &v), ST_CORRUPT);
	kit_down(&k);
}

/* --- recovery --- */

enum { REPLAY_ENTRIES = 400, REPLAY_KEYS = 40, REPLAY_COUNTERS = 5 };

struct entry {				/* what a log would say */
	struct txn_item item[3];
	struct key key[3];
	char body[16];
};

static void
entry_make(struct entry *e)
{
	uint64_t ino = 1 + rand_u64() % REPLAY_KEYS, which = rand_u64() % REPLAY_COUNTERS;

	memset(e, 0, sizeof *e);
	snprintf(e->body, sizeof e->body, "%u", (unsigned)(rand_u64() % 100000));
	e->key[0] = key_inode(ino);
	e->item[0].kind = rand_u64() % 4 == 0 ? ITEM_DEL : ITEM_PUT;
	e->item[0].body = slice_str(e->body);
	e->key[1] = key_count(COUNT_CONTENT, &which, sizeof which);
	e->item[1].kind = rand_u64() % 16 == 0 ? ITEM_DEL : ITEM_COUNT;
	e->item[1].delta = (int64_t)(rand_u64() % 9) - 4;
	e->key[2] = key_count(COUNT_USED_BYTES, NULL, 0);
	e->item[2].kind = ITEM_COUNT;
	e->item[2].delta = (int64_t)(rand_u64() % 1000) - 300;
	for (int i = 0; i < 3; i++)
		e->item[i].key = key_slice(&e->key[i]);
}

static void
entry_replay(struct kit *k, const struct entry *e, uint64_t number)
{
	for (int i = 0; i < 3; i++)
		EQ(catalog_replay(k->c, LSN_OF(1, number + 1), &e->item[i]), OK);
}

struct state {
	char text[REPLAY_KEYS * 32];
};

static bool
state_row(void *arg, struct slice key, const struct version *v)
{
	struct state *s = arg;
	size_t len = strlen(s->text);

	if (key.at[0] == TAG_COUNT)
		snprintf(s->text + len, sizeof s->text - len, "%d:%lld ",
		    key.at[key.len > 8 ? 2 : 1], (long long)get_le64(v->body.at));
	else
		snprintf(s->text + len, sizeof s->text - len, "%d=%.*s@%llx ", key.at[8],
		    (int)v->body.len, v->body.at, (unsigned long long)v->lsn);
	return true;
}

static void
state_read(struct kit *k, struct state *s)
{
	static const uint8_t tags[] = { TAG_INODE, TAG_COUNT };

	s->text[0] = '\0';
	for (int i = 0; i < 2; i++)
		EQ(catalog_scan(k->c, slice_of(&tags[i], 1), slice_of(NULL, 0), true, state_row, s),
		    OK);
}

/* What survives a crash: how long the log is, and from where it must be replayed. */
struct disk {
	uint64_t end, checkpoint;
};

enum { CRASHES = 60 };

/*
 * One life of a share: from the checkpoint over what the log holds and then on with new entries,
 * with memtables frozen and applied at any time.  The checkpoint moves only when the whole log has
 * been read; a life may end before that.  The last one, which does not, may begin anywhere before
 * the checkpoint: one that did and ended early would leave the store older than its checkpoint.
 */
static void
recover(struct kit *k, const struct entry *log, struct disk *disk, bool to_the_end)
{
	uint64_t from = to_the_end ? rand_u64() % (disk->checkpoint + 1) : disk->checkpoint;
	uint64_t frozen = 0;
	uint64_t to = from + rand_u64() % (disk->end + REPLAY_ENTRIES / 20 - from + 1);

	to = to_the_end ? REPLAY_ENTRIES : MIN(to, (uint64_t)REPLAY_ENTRIES);
	for (uint64_t i = from; i < to; i++) {
		entry_replay(k, &log[i], i);
		if (rand_u64() % 10 == 0 && catalog_frozen_lsn(k->c) == 0 &&
		    catalog_freeze_locked(k->c, 0))
			frozen = i + 1;
		if (rand_u64() % 10 == 0 && catalog_frozen_lsn(k->c) != 0) {
			EQ(catalog_apply_oldest(k->c, KIT_FENCE), OK);
			if (i + 1 >= disk->end)
				disk->checkpoint = MAX(disk->checkpoint, frozen);
		}
		disk->end = MAX(disk->end, i + 1);
	}
}

CASE(replaying_any_suffix_any_number_of_times_gives_the_same_state)
{
	static struct entry log[REPLAY_ENTRIES];
	static struct state want, got;
	struct disk disk = { .end = 0 };
	struct kit k;

	for (int i = 0; i < REPLAY_ENTRIES; i++)
		entry_make(&log[i]);
	kit_up(&k);
	for (uint64_t i = 0; i < REPLAY_ENTRIES; i++)
		entry_replay(&k, &log[i], i);
	state_read(&k, &want);
	TRUE(strlen(want.text) > 200);
	kit_down(&k);

	kit_up(&k);
	for (int crash = 0; crash < CRASHES; crash++) {
		recover(&k, log, &disk, crash == CRASHES - 1);
		if (crash < CRASHES - 1)
			kit_again(&k);
	}
	state_read(&k, &got);
	EQ_STR(got.text, want.text);
	kit_apply(&k);
	state_read(&k, &got);
	EQ_STR(got.text, want.text);
	kit_down(&k);
}
