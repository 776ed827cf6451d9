/*
 * History against an oracle: random puts, deletions and cuts over a few keys, and beside them a
 * naive list of full copies, one a cut.  Every key is read at every snapshot, every snapshot is
 * listed from anywhere, while memtables are frozen and applied at random.
 */
#include "tests/unit/pipeline/record/kit.h"

#include "pipeline/base/rand.h"
#include "pipeline/base/thread.h"
#include "pipeline/record/history.h"

#include <stdio.h>
#include <stdlib.h>

enum { DIR = 7, KEYS_MOST = 220, CUTS_MOST = 40, BODY = 16 };

struct oracle {
	uint32_t keys, cuts;
	char live[KEYS_MOST][BODY];			/* "": there is none */
	lsn_t live_lsn[KEYS_MOST];
	char at[CUTS_MOST + 1][KEYS_MOST][BODY];	/* at[S]: as epoch S ended */
	lsn_t at_lsn[CUTS_MOST + 1][KEYS_MOST];
	bool changed[CUTS_MOST + 2][KEYS_MOST];		/* in that epoch */
};

static struct oracle o;

static struct key
name_key(uint32_t i)
{
	return key_dirent(DIR, (uint64_t)(i + 1) << 16);
}

static void
change(struct kit *k, struct txn *t, uint32_t i)
{
	struct key key = name_key(i);
	struct version v;
	struct old_version old;

	EQ(catalog_get(k->c, key_slice(&key), true, &k->arena, &v), OK);
	old = (struct old_version){ v.exists, v.born, v.lsn, v.body };
	EQ(v.exists, o.live[i][0] != '\0');
	o.changed[catalog_epoch(k->c)][i] = true;
	o.live_lsn[i] = k->lsn + 1;
	if (v.exists && rand_u64() % 3 == 0) {
		o.live[i][0] = '\0';
		txn_del(t, key_slice(&key), &old);
		return;
	}
	snprintf(o.live[i], BODY, "%u", (unsigned)(rand_u64() % 1000000));
	txn_put(t, key_slice(&key), slice_str(o.live[i]), &old);
}

static void
cut(struct kit *k)
{
	struct txn *t = txn_new();
	uint64_t epoch = catalog_epoch(k->c);

	txn_cut(t, 0);
	kit_commit(k, t);
	EQ(catalog_epoch(k->c), epoch + 1);
	EQ(catalog_newest_snapshot(k->c), epoch);
	o.cuts = (uint32_t)epoch;
	memcpy(o.at[epoch], o.live, sizeof o.live);
	memcpy(o.at_lsn[epoch], o.live_lsn, sizeof o.live_lsn);
}

static void
step(struct kit *k)
{
	uint32_t chance = (uint32_t)(rand_u64() % 100), a = (uint32_t)(rand_u64() % o.keys);
	struct txn *t;

	if (chance < 4 && o.cuts < CUTS_MOST) {
		cut(k);
	} else if (chance < 8) {
		kit_apply(k);
	} else if (chance < 12) {
		catalog_freeze_locked(k->c, 0);
	} else if (chance < 13) {
		uint64_t epoch = catalog_epoch(k->c), newest = catalog_newest_snapshot(k->c);

		kit_apply(k);
		kit_again(k);
		catalog_set_epoch(k->c, epoch, newest);
	} else {
		t = txn_new();
		change(k, t, a);
		if (chance > 60)
			change(k, t, (a + 1) % o.keys);
		kit_commit(k, t);
	}
	arena_rewind(&k->arena);
}

static void
check_gets(struct kit *k)
{
	for (uint32_t s = 1; s <= o.cuts; s++)
		for (uint32_t i = 0; i < o.keys; i++) {
			struct key key = name_key(i);
			struct version v;

			EQ(history_get(k->c, key_slice(&key), s, true, &k->arena, &v), OK);
			EQ(v.exists, o.at[s][i][0] != '\0');
			if (v.exists) {
				TRUE(slice_eq(v.body, slice_str(o.at[s][i])));
				EQ(v.lsn, o.at_lsn[s][i]);
			}
			arena_rewind(&k->arena);
		}
}

struct walk {
	uint32_t snapshot, next, left;
	bool wrong;
};

/* Each row must be the oracle's next one that is there. */
static bool
walk_row(void *arg, struct slice key, const struct version *v)
{
	struct walk *w = arg;
	struct key want;

	while (w->next < o.keys && o.at[w->snapshot][w->next][0] == '\0')
		w->next++;
	if (w->next == o.keys) {
		w->wrong = true;
		return false;
	}
	want = name_key(w->next);
	w->wrong = !slice_eq(key, key_slice(&want)) ||
	    !slice_eq(v->body, slice_str(o.at[w->snapshot][w->next]));
	w->next++;
	return !w->wrong && --w->left > 0;
}

static void
check_scan(struct kit *k, uint32_t s, uint32_t from, uint32_t limit)
{
	struct key prefix = key_dirent_prefix(DIR), start = name_key(from);
	struct walk w = { s, from, limit, false };

	EQ(history_scan(k->c, key_slice(&prefix), key_slice(&start), s, true, walk_row, &w), OK);
	FALSE(w.wrong);
	if (w.left > 0)				/* it ended of itself: nothing may be left */
		while (w.next < o.keys)
			EQ(o.at[s][w.next++][0], '\0');
}

static void
check_scans(struct kit *k)
{
	for (uint32_t s = 1; s <= o.cuts; s++) {
		check_scan(k, s, 0, UINT32_MAX);
		check_scan(k, s, (uint32_t)(rand_u64() % o.keys), UINT32_MAX);
		check_scan(k, s, (uint32_t)(rand_u64() % o.keys), 1 + (uint32_t)(rand_u64() % 9));
	}
}

struct lines {
	bool seen[CUTS_MOST + 2][KEYS_MOST];
	bool wrong;
};

static bool
line_seen(void *arg, uint64_t epoch, struct slice key)
{
	struct lines *l = arg;
	uint64_t i = (get_be64(key.at + 9) >> 16) - 1;

	l->wrong |= key.len != 17 || epoch > CUTS_MOST + 1 || i >= KEYS_MOST || l->seen[epoch][i];
	if (!l->wrong)
		l->seen[epoch][i] = true;
	return !l->wrong;
}

/* `changed` names exactly the keys that changed in epochs that follow a snapshot. */
static void
check_changed(struct kit *k, uint64_t after, uint64_t upto)
{
	static struct lines l;

	memset(&l, 0, sizeof l);
	EQ(history_changed(k->c, after, upto, line_seen, &l), OK);
	FALSE(l.wrong);
	for (uint64_t e = 1; e <= (uint64_t)o.cuts + 1; e++)
		for (uint32_t i = 0; i < o.keys; i++)
			EQ(l.seen[e][i],
			    e > MAX(after, (uint64_t)1) && e <= upto && o.changed[e][i]);
}

static void
play(uint64_t seed, uint32_t keys, uint32_t steps)
{
	struct kit k;

	rand_seed(seed);
	memset(&o, 0, sizeof o);
	o.keys = keys;
	kit_up(&k);
	for (uint32_t i = 1; i <= steps; i++) {
		step(&k);
		if (i % (steps / 4) == 0) {
			check_gets(&k);
			check_scans(&k);
			check_changed(&k, 0, UINT64_MAX - 1);
			check_changed(&k, o.cuts / 2, o.cuts);
		}
	}
	TRUE(o.cuts > 5);
	kit_down(&k);
}

CASE(every_snapshot_reads_as_a_full_copy_would)
{
	for (uint64_t seed = 1; seed <= 12; seed++)
		play(seed, 12, 1200);
}

CASE(a_long_listing_of_a_snapshot_goes_on_in_turns)
{
	for (uint64_t seed = 100; seed <= 103; seed++)
		play(seed, KEYS_MOST, 3000);
}

CASE(churn_of_one_name_is_stepped_over)
{
	struct kit k;

	memset(&o, 0, sizeof o);
	rand_seed(5);
	o.keys = 3;
	kit_up(&k);
	for (uint32_t i = 0; i < CUTS_MOST; i++) {
		for (uint32_t name = 0; name < 3; name++) {
			struct txn *t = txn_new();

			change(&k, t, name);
			kit_commit(&k, t);
		}
		cut(&k);
		if (i % 7 == 0)
			kit_apply(&k);
	}
	check_gets(&k);
	check_scans(&k);
	kit_down(&k);
}

CASE(without_a_snapshot_nothing_is_kept)
{
	uint8_t history = TAG_HISTORY, changed = TAG_CHANGED;
	struct walk w = { .left = 1 };
	struct kit k;

	memset(&o, 0, sizeof o);
	o.keys = 4;
	kit_up(&k);
	for (int i = 0; i < 100; i++) {
		struct txn *t = txn_new();
		uint32_t was;

		change(&k, t, (uint32_t)i % 4);
		was = t->record_bytes;
		t->lsn = ++k.lsn;
		catalog_commit_locked(k.c, t);
		EQ(t->record_bytes, was);
		txn_free(&t);
	}
	EQ(catalog_scan(k.c, slice_of(&history, 1), slice_of(NULL, 0), true, walk_row, &w), OK);
	EQ(catalog_scan(k.c, slice_of(&changed, 1), slice_of(NULL, 0), true, walk_row, &w), OK);
	EQ(w.left, 1);
	kit_down(&k);
}

CASE(what_a_commit_adds_was_reserved_and_is_in_the_log_form)
{
	struct key key = name_key(1);
	struct version v;
	struct txn *t;
	struct kit k;
	uint32_t before;

	memset(&o, 0, sizeof o);
	o.keys = 2;
	kit_up(&k);
	t = txn_new();
	txn_put(t, key_slice(&key), slice_str("first"), &(struct old_version){ .exists = false });
	kit_commit(&k, t);
	EQ(catalog_cut_locked(k.c), 1);
	EQ(catalog_get(k.c, key_slice(&key), true, &k.arena, &v), OK);
	t = txn_new();
	txn_put(t, key_slice(&key), slice_str("second"),
	    &(struct old_version){ true, v.born, v.lsn, v.body });
	before = t->record_bytes;
	TRUE(t->history_bytes > 0);
	t->lsn = ++k.lsn;
	catalog_commit_locked(k.c, t);
	EQ(t->nitems, 3);
	EQ(t->record_bytes, before + t->history_bytes);
	txn_free(&t);
	EQ(catalog_get(k.c, key_slice(&key), true, &k.arena, &v), OK);
	t = txn_new();				/* the second change of an epoch adds nothing */
	txn_put(t, key_slice(&key), slice_str("third"),
	    &(struct old_version){ true, v.born, v.lsn, v.body });
	t->lsn = ++k.lsn;
	catalog_commit_locked(k.c, t);
	EQ(t->nitems, 1);
	txn_free(&t);
	kit_down(&k);
}

/* --- a reader of the past while the present changes --- */

struct past {
	struct kit *k;
	_Atomic bool over;
	_Atomic uint32_t wrong, reads;
};

static void
read_past(void *arg)
{
	struct past *p = arg;
	struct arena arena;

	arena_init(&arena, NULL, 0, 1 << 20);
	while (!p->over) {
		struct key key = name_key(0);
		struct version v;

		if (history_get(p->k->c, key_slice(&key), 1, true, &arena, &v) != OK || !v.exists ||
		    !slice_eq(v.body, slice_str("past")))
			p->wrong++;
		p->reads++;
		arena_rewind(&arena);
	}
}

CASE(a_snapshot_stays_as_it_was_while_its_first_change_is_made)
{
	for (int round = 0; round < 60; round++) {
		struct key key = name_key(0);
		struct past p = { .over = false };
		struct thread reader;
		struct txn *t;
		struct kit k;
		uint32_t seen;

		kit_up(&k);
		p.k = &k;
		t = txn_new();
		txn_put(t, key_slice(&key), slice_str("past"), &(struct old_version){ 0 });
		kit_commit(&k, t);
		catalog_cut_locked(k.c);
		thread_start(&reader, "past", 0, read_past, &p);
		while (p.reads < 20)
			continue;
		t = txn_new();
		txn_put(t, key_slice(&key), slice_str("present"),
		    &(struct old_version){ true, 1, k.lsn, slice_str("past") });
		kit_commit(&k, t);
		kit_apply(&k);
		for (seen = p.reads; p.reads < seen + 20;)
			continue;
		p.over = true;
		thread_join(&reader);
		EQ(p.wrong, 0);
		kit_down(&k);
	}
}
