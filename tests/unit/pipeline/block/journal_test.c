/*
 * The journal as a whole: what was committed comes back, what does not belong together is refused,
 * what cannot be written ends the journal.
 */
#include "tests/unit/pipeline/block/rig.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/fault.h"
#include "pipeline/base/meter.h"
#include "pipeline/base/thread.h"
#include "pipeline/record/key.h"
#include "tests/lib/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void
put(struct rig *r, uint64_t ino, uint64_t value, lsn_t *lsn)
{
	EQ(rig_put(r, ino, &value, sizeof value, NULL, 0, 0, lsn), OK);
}

static uint64_t
get(struct rig *r, uint64_t ino)
{
	uint64_t value = 0;

	return rig_get(r, ino, &value, sizeof value) == sizeof value ? value : 0;
}

static void
open_close_twice(const char *kind)
{
	bool keeps = strcmp(kind, "leveldb") == 0;
	struct rig r;
	lsn_t lsn, first;
	uint8_t data[9000], back[9000];
	uint64_t verifier;

	rig_start();
	rig_place(&r, "twice", kind);
	EQ(rig_open(&r, true, NULL), OK);
	EQ(r.share->first_lsn, LSN_OF(1, 1));
	for (uint64_t i = 0; i < 100; i++)
		put(&r, 10 + i % 7, i + 1, &lsn);
	EQ(lsn, LSN_OF(1, 100));
	memset(data, 0x77, sizeof data);
	EQ(rig_put(&r, 20, "x", 1, data, sizeof data, 5000, &lsn), OK);
	EQ(block_wait(r.share, lsn), OK);
	TRUE(block_durable(r.share, lsn));
	verifier = r.share->verifier;
	rig_close(&r);

	EQ(rig_open(&r, false, NULL), OK);
	TRUE(r.share->was_clean);
	EQ(r.share->verifier, verifier);
	first = r.share->first_lsn;
	EQ(first, LSN_OF(2, 1));
	for (uint64_t i = 93; i < 100; i++)
		EQ(get(&r, 10 + i % 7), i + 1);
	EQ(rig_read(&r, 20, 5000, sizeof back, back, NULL, NULL), OK);
	EQ_MEM(back, data, sizeof data);
	if (keeps)
		EQ(rig_checkpoint(&r), OK);
	put(&r, 10, 1000, &lsn);
	EQ(lsn, first);
	rig_close(&r);

	EQ(rig_open(&r, false, NULL), OK);
	EQ(get(&r, 10), 1000);
	EQ(get(&r, 11), 100);
	EQ(rig_read(&r, 20, 5000, sizeof back, back, NULL, NULL), OK);
	EQ_MEM(back, data, sizeof data);
	rig_close(&r);
	rig_stop();
}

CASE(what_was_committed_comes_back_over_leveldb)
{
	open_close_twice("leveldb");
}

CASE(a_volatile_journal_comes_back_while_its_whole_log_is_there)
{
	open_close_twice("memory");
}

CASE(a_fresh_volatile_journal_replaces_the_old_and_counts_incarnations_on)
{
	struct rig r;
	lsn_t lsn;

	rig_start();
	rig_place(&r, "fresh", "memory");
	EQ(rig_open(&r, true, NULL), OK);
	put(&r, 10, 1, &lsn);
	rig_close(&r);
	EQ(rig_open(&r, true, NULL), OK);
	EQ(r.share->first_lsn, LSN_OF(2, 1));
	EQ(get(&r, 10), 0);
	rig_close(&r);
	rig_stop();
}

static void
remove_tree(const char *path)
{
	char cmd[800];

	snprintf(cmd, sizeof cmd, "rm -rf '%s'", path);
	EQ(system(cmd), 0);
}

CASE(a_journal_that_must_be_kept_is_not_made_anew)
{
	struct rig r;
	lsn_t lsn;

	rig_start();
	rig_place(&r, "kept", "leveldb");
	EQ(rig_open(&r, true, NULL), OK);
	put(&r, 10, 5, &lsn);
	rig_close(&r);
	rig_ids = 0x60;			/* another share's */
	EQ(rig_open(&r, true, NULL), ST_EXIST);
	TRUE(strstr(r.why, "already") != NULL);
	rig_ids = 0x51;
	EQ(rig_open(&r, false, NULL), OK);
	EQ(get(&r, 10), 5);
	rig_close(&r);
	rig_stop();
}

CASE(a_journal_whose_making_was_interrupted_before_the_claim_is_opened_as_it_is)
{
	char path[600];
	struct rig r;
	lsn_t lsn;

	rig_start();
	rig_place(&r, "claim", "leveldb");
	EQ(rig_open(&r, true, NULL), OK);
	put(&r, 10, 5, &lsn);
	rig_close(&r);
	snprintf(path, sizeof path, "%s/leveldb", r.dir);
	remove_tree(path);		/* the store has never been claimed */
	EQ(rig_open(&r, true, NULL), OK);
	EQ(get(&r, 10), 5);
	EQ(rig_checkpoint(&r), OK);
	rig_close(&r);
	remove_tree(path);		/* but a store that is lost is no fresh one */
	EQ(rig_open(&r, true, NULL), ST_MISMATCH);
	rig_stop();
}

CASE(a_second_opener_is_told_that_it_is_busy)
{
	struct rig r, again;

	rig_start();
	rig_place(&r, "busy", "memory");
	EQ(rig_open(&r, true, NULL), OK);
	again = r;
	EQ(rig_open(&again, false, NULL), ST_BUSY);
	again = r;
	EQ(rig_open(&again, true, NULL), ST_BUSY);
	rig_close(&r);
	rig_stop();
}

/* --- store and journal --- */

static void
copy_tree(const char *from, const char *to)
{
	char cmd[2400];

	snprintf(cmd, sizeof cmd, "rm -rf '%s' && cp -a '%s' '%s'", to, from, to);
	EQ(system(cmd), 0);
}

static void
swap_in(const struct rig *r, const char *what, const char *other)
{
	char from[600], to[600];

	snprintf(from, sizeof from, "%s/%s", r->dir, other);
	snprintf(to, sizeof to, "%s/%s", r->dir, what);
	copy_tree(from, to);
}

CASE(a_store_ahead_of_the_log_or_behind_its_start_is_refused_with_both_numbers)
{
	struct rig r;
	lsn_t lsn;

	rig_start();
	rig_place(&r, "apart", "leveldb");
	EQ(rig_open(&r, true, NULL), OK);
	put(&r, 10, 1, &lsn);
	EQ(rig_checkpoint(&r), OK);
	rig_close(&r);
	swap_in(&r, "leveldb.old", "leveldb");
	swap_in(&r, "journal.old", "journal");
	EQ(rig_open(&r, false, NULL), OK);
	put(&r, 10, 2, &lsn);
	put(&r, 10, 3, &lsn);
	EQ(rig_checkpoint(&r), OK);
	rig_close(&r);
	swap_in(&r, "leveldb.new", "leveldb");
	swap_in(&r, "journal.new", "journal");

	swap_in(&r, "leveldb", "leveldb.old");
	EQ(rig_open(&r, false, NULL), ST_MISMATCH);
	TRUE(strstr(r.why, "1.1") != NULL && strstr(r.why, "2.2") != NULL);
	swap_in(&r, "leveldb", "leveldb.new");
	swap_in(&r, "journal", "journal.old");
	EQ(rig_open(&r, false, NULL), ST_MISMATCH);
	TRUE(strstr(r.why, "2.2") != NULL && strstr(r.why, "1.1") != NULL);
	swap_in(&r, "journal", "journal.new");
	EQ(rig_open(&r, false, NULL), OK);
	EQ(get(&r, 10), 3);
	rig_close(&r);
	rig_stop();
}

CASE(a_store_without_the_newest_entries_heals_from_the_log)
{
	struct rig r;
	lsn_t lsn;

	rig_start();
	rig_place(&r, "lags", "leveldb");
	EQ(rig_open(&r, true, NULL), OK);
	put(&r, 10, 1, &lsn);
	EQ(rig_checkpoint(&r), OK);
	put(&r, 10, 2, &lsn);
	rig_close(&r);
	EQ(rig_open(&r, false, NULL), OK);
	EQ(get(&r, 10), 2);
	rig_close(&r);
	rig_stop();
}

CASE(another_share_s_store_is_refused)
{
	struct rig r, other;

	rig_start();
	rig_place(&r, "mine", "leveldb");
	rig_place(&other, "theirs", "leveldb");
	EQ(rig_open(&r, true, NULL), OK);
	rig_close(&r);
	swap_in(&other, "leveldb", "../mine-leveldb/leveldb");
	EQ(rig_open(&other, true, NULL), ST_MISMATCH);
	rig_stop();
}

/* --- segments and room --- */

CASE(segments_turn_over_and_are_used_again)
{
	enum { LEN = 256 << 10, ROUNDS = 200 };
	static uint8_t data[LEN], back[LEN];
	struct block_usage u;
	struct rig r;
	lsn_t lsn;

	rig_start();
	rig_place(&r, "turn", "leveldb");
	EQ(rig_open(&r, true, NULL), OK);
	/* One content overwritten again and again: 50 MiB through segments of 4 MiB. */
	for (uint64_t i = 0; i < ROUNDS; i++) {
		memset(data, (int)i + 1, sizeof data);
		EQ(rig_put(&r, 30, &i, sizeof i, data, LEN, 0, &lsn), OK);
		EQ(block_wait(r.share, lsn), OK);
		if (i % 20 == 19)
			EQ(rig_checkpoint(&r), OK);
	}
	block_usage_read(r.share, &u);
	EQ(u.dirty_bytes, LEN);
	TRUE(u.journal_bytes < r.share->block->journal->space_cap);
	rig_close(&r);
	EQ(rig_open(&r, false, NULL), OK);
	EQ(rig_read(&r, 30, 0, LEN, back, NULL, NULL), OK);
	EQ_MEM(back, data, LEN);
	EQ(get(&r, 30), ROUNDS - 1);
	rig_close(&r);
	rig_stop();
}

CASE(a_full_journal_says_delay_and_lets_what_frees_space_pass)
{
	enum { LEN = 1 << 20 };
	static uint8_t data[LEN];
	enum status st = OK;
	struct rig r;
	struct txn *t;
	lsn_t lsn;
	int n = 0;

	rig_start();
	rig_place(&r, "full", "memory");
	EQ(rig_open(&r, true, NULL), OK);
	for (; n < 200 && st == OK; n++)
		st = rig_put(&r, 30, "x", 1, data, LEN, (uint64_t)n * LEN, &lsn);
	EQ(st, ST_DELAY);
	EQ(n, 57);		/* 7/8 of 64 MiB hold 56 of them */
	t = txn_new();
	t->frees = true;
	txn_trunc(t, 30, 0);
	EQ(block_reserve(r.share, t), OK);
	block_commit(r.share, t, &lsn);
	EQ(rig_put(&r, 30, "x", 1, data, LEN, 0, &lsn), OK);
	rig_close(&r);
	rig_stop();
}

CASE(so_many_pieces_a_share_may_have_and_no_more)
{
	enum { MOST = 64 };
	struct block_usage u;
	enum status st = OK;
	struct rig r;
	lsn_t lsn;
	int n = 0;

	rig_start();
	rig_place(&r, "pieces", "memory");
	EQ(rig_open(&r, true, NULL), OK);
	block_usage_read(r.share, &u);
	EQ(u.places_max, 2 << 20);
	r.share->block->journal->places_max = MOST;
	for (; n < 2 * MOST && st == OK; n++)
		st = rig_put(&r, 30, "x", 1, "byte", 1, (uint64_t)n * 2, &lsn);
	EQ(st, ST_DELAY);
	EQ(n, MOST + 1);
	EQ(rig_put(&r, 31, "x", 1, NULL, 0, 0, &lsn), OK);	/* what has no data goes on */
	rig_close(&r);
	rig_stop();
}

CASE(what_is_reserved_counts_until_it_is_let_go)
{
	struct rig r;
	struct txn *t, *last;

	rig_start();
	rig_place(&r, "reserve", "memory");
	EQ(rig_open(&r, true, NULL), OK);
	r.share->block->journal->records_cap = 8 * 20000;
	t = txn_new();
	last = txn_new();
	EQ(block_reserve(r.share, t), OK);
	EQ(block_reserve(r.share, t), OK);	/* again: once */
	TRUE(r.share->block->journal->reserved_records < 20000);
	r.share->block->journal->records_cap = 20000;
	EQ(block_reserve(r.share, last), ST_DELAY);
	block_unreserve(r.share, t);
	EQ(r.share->block->journal->reserved_records, 0);
	r.share->block->journal->records_cap = 8 * 20000;
	EQ(block_reserve(r.share, last), OK);
	block_unreserve(r.share, last);
	txn_free(&t);
	txn_free(&last);
	rig_close(&r);
	rig_stop();
}

CASE(a_disk_below_its_reserve_refuses_all_but_what_frees)
{
	struct rig r;
	struct txn *t;

	rig_start();
	rig_place(&r, "disk", "memory");
	EQ(rig_open(&r, true, NULL), OK);
	atomic_store(&r.share->now.reserve_bytes, UINT64_MAX);
	t = txn_new();
	EQ(block_reserve(r.share, t), ST_NOSPC);
	t->frees = true;
	EQ(block_reserve(r.share, t), OK);
	block_unreserve(r.share, t);
	txn_free(&t);
	rig_close(&r);
	rig_stop();
}

/* --- nobody's contents, notes, numbers --- */

static uint32_t remembered;
static struct note last_note;

static void
remember(uint64_t share, const struct note *note)
{
	EQ(share, 7);
	remembered++;
	last_note = *note;
}

static void
add_note(struct rig *r, uint64_t wall_ns, lsn_t *lsn)
{
	struct note n = { .protocol = NOTE_NFS3, .request = 77, .ino = 5, .wall_ns = wall_ns };
	struct txn *t = txn_new();

	txn_note(t, &n);
	EQ(block_reserve(r->share, t), OK);
	block_commit(r->share, t, lsn);
}

CASE(notes_of_the_last_two_minutes_are_remembered)
{
	uint64_t now = clock_wall_ns();
	struct rig r;
	lsn_t lsn;

	rig_start();
	rig_place(&r, "notes", "leveldb");
	EQ(rig_open(&r, true, NULL), OK);
	add_note(&r, now - 130 * NS_PER_S, &lsn);
	add_note(&r, now - 10 * NS_PER_S, &lsn);
	EQ(rig_checkpoint(&r), OK);
	rig_close(&r);
	remembered = 0;
	EQ(rig_open(&r, false, remember), OK);
	EQ(remembered, 1);
	EQ(last_note.request, 77);
	EQ(last_note.after, lsn);
	rig_close(&r);
	rig_stop();
}

CASE(a_content_without_an_inode_is_dropped)
{
	static uint8_t data[8192];
	struct key key = key_inode(40);
	struct block_usage u;
	struct rig r;
	struct txn *t;
	lsn_t lsn;

	rig_start();
	rig_place(&r, "nobody", "memory");
	EQ(rig_open(&r, true, NULL), OK);
	EQ(rig_put(&r, 40, "x", 1, data, sizeof data, 0, &lsn), OK);
	EQ(rig_put(&r, 41, "x", 1, data, sizeof data, 0, &lsn), OK);
	t = txn_new();
	txn_del(t, key_slice(&key), NULL);
	EQ(block_reserve(r.share, t), OK);
	block_commit(r.share, t, &lsn);
	rig_close(&r);
	EQ(rig_open(&r, false, NULL), OK);
	block_usage_read(r.share, &u);
	EQ(u.dirty_bytes, sizeof data);
	TRUE(r.share->next_ino > 41 && r.share->next_ino < 100);
	TRUE(r.share->next_content > 41);
	rig_close(&r);
	rig_stop();
}

/* --- failures --- */

static void
fails_for_good(const char *point)
{
	static uint8_t data[5000], back[5000];
	struct rig r;
	lsn_t lsn, before;
	uint64_t verifier;
	enum status st;

	rig_start();
	rig_place(&r, point, "leveldb");
	EQ(rig_open(&r, true, NULL), OK);
	EQ(rig_put(&r, 50, "a", 1, data, sizeof data, 0, &lsn), OK);
	EQ(block_wait(r.share, lsn), OK);
	before = lsn;
	verifier = r.share->verifier;
	memset(data, 9, sizeof data);
	fault_arm(point, 1);
	EQ(rig_put(&r, 50, "b", 1, data, sizeof data, 0, &lsn), OK);
	st = block_wait(r.share, lsn);
	if (st == OK)			/* a head's point: the next checkpoint meets it */
		st = rig_checkpoint(&r);
	EQ(st, ST_IO);
	fault_arm(NULL, 0);
	EQ(block_state(r.share), ST_IO);
	TRUE(r.share->verifier != verifier);
	TRUE(block_durable(r.share, before));
	EQ(rig_read(&r, 50, 0, sizeof back, back, NULL, NULL), OK);	/* reads go on */
	EQ_MEM(back, data, sizeof data);
	EQ(rig_put(&r, 50, "c", 1, NULL, 0, 0, &lsn), ST_IO);
	EQ(rig_abandon(&r), ST_IO);
	EQ(rig_open(&r, false, NULL), OK);	/* only a restart clears it */
	FALSE(r.share->was_clean);
	EQ(rig_put(&r, 50, "d", 1, NULL, 0, 0, &lsn), OK);
	EQ(block_wait(r.share, lsn), OK);
	rig_close(&r);
	rig_stop();
}

#ifdef HOUSE_FAULTS
#define NEEDS_FAULTS() (void)0
#else
#define NEEDS_FAULTS() check_skip("built without fault points")
#endif

CASE(a_failed_write_ends_the_journal)
{
	NEEDS_FAULTS();
	fails_for_good("journal.write");
}

CASE(a_failed_sync_ends_the_journal)
{
	NEEDS_FAULTS();
	fails_for_good("journal.sync");
}

CASE(a_failed_write_of_the_head_ends_the_journal)
{
	NEEDS_FAULTS();
	fails_for_good("head.write");
}

CASE(a_failed_sync_of_the_head_ends_the_journal)
{
	NEEDS_FAULTS();
	fails_for_good("head.sync");
}

static void
opening_fails(const char *point, bool fresh)
{
	struct rig r;
	uint64_t n = 1;
	enum status st;
	char name[64];
	lsn_t lsn;

	rig_start();
	snprintf(name, sizeof name, "open-%s-%d", point, fresh);
	rig_place(&r, name, "leveldb");
	if (!fresh) {
		EQ(rig_open(&r, true, NULL), OK);
		put(&r, 10, 1, &lsn);
		rig_close(&r);
	}
	do {		/* the first call fails, then the second … until none does */
		fault_arm(point, n++);
		st = rig_open(&r, fresh, NULL);
		fault_arm(NULL, 0);
		TRUE(st == OK || st == ST_IO);
	} while (st != OK && n < 20);
	TRUE(n > 2 && n < 20);
	put(&r, 11, 2, &lsn);
	EQ(block_wait(r.share, lsn), OK);
	rig_close(&r);
	EQ(rig_open(&r, false, NULL), OK);
	EQ(get(&r, 10), fresh ? 0 : 1);
	EQ(get(&r, 11), 2);
	rig_close(&r);
	rig_stop();
}

CASE(opening_may_fail_at_each_sync_and_is_tried_again)
{
	NEEDS_FAULTS();
	opening_fails("journal.folder", true);
	opening_fails("segment.folder", true);
	opening_fails("segment.write", true);
	opening_fails("head.folder", true);
	opening_fails("head.write", false);
	opening_fails("head.sync", false);
	opening_fails("recover.sync", false);
	opening_fails("recover.folder", false);
}

/* --- threads --- */

struct writer_thread {
	struct thread thread;
	struct rig *rig;
	uint64_t ino, n;
};

static void
write_many(void *arg)
{
	struct writer_thread *w = arg;
	uint8_t data[4096];

	for (uint64_t i = 1; i <= w->n; i++) {
		lsn_t lsn;

		memset(data, (int)i, sizeof data);
		if (rig_put(w->rig, w->ino, &i, sizeof i, data, sizeof data, (i % 8) * 4096,
		    &lsn) != OK || block_wait(w->rig->share, lsn) != OK)
			return;
	}
}

CASE(many_writers_share_groups_and_all_come_back)
{
	enum { N = 6, EACH = 300 };
	struct writer_thread w[N];
	struct rig r;

	rig_start();
	rig_place(&r, "many", "leveldb");
	EQ(rig_open(&r, true, NULL), OK);
	for (int i = 0; i < N; i++) {
		w[i] = (struct writer_thread){ .rig = &r, .ino = 60 + (uint64_t)i, .n = EACH };
		thread_start(&w[i].thread, "writer", 0, write_many, &w[i]);
	}
	for (int i = 0; i < 20; i++)
		EQ(rig_checkpoint(&r), OK);
	for (int i = 0; i < N; i++)
		thread_join(&w[i].thread);
	rig_close(&r);
	EQ(rig_open(&r, false, NULL), OK);
	for (uint64_t ino = 60; ino < 60 + N; ino++) {
		uint8_t back[4096];

		EQ(get(&r, ino), EACH);
		EQ(rig_read(&r, ino, (EACH % 8) * 4096, sizeof back, back, NULL, NULL), OK);
		EQ(back[17], EACH & 0xff);
	}
	rig_close(&r);
	rig_stop();
}

CASE(an_entry_without_a_waiter_is_written_at_the_tick)
{
	struct rig r;
	lsn_t lsn;

	rig_start();
	rig_place(&r, "tick", "memory");
	EQ(rig_open(&r, true, NULL), OK);
	put(&r, 10, 1, &lsn);
	for (int i = 0; i < 100 && !block_durable(r.share, lsn); i++)
		usleep(10000);
	TRUE(block_durable(r.share, lsn));
	rig_close(&r);
	rig_stop();
}

CASE(a_burst_nobody_waits_for_is_written_at_once_and_synced_when_somebody_asks)
{
	static uint8_t data[300 << 10];
	int64_t groups, syncs;
	struct rig r;
	lsn_t lsn;

	rig_start();
	rig_place(&r, "burst", "leveldb");
	EQ(rig_open(&r, true, NULL), OK);
	rig_close(&r);
	rig_stop();
	block_start(&(struct block_conf){ .records_cap = 64 << 20, .segment_bytes = 4 << 20,
		.tick_ms = 600000 });
	EQ(rig_open(&r, false, NULL), OK);
	groups = meter_value(METER_JOURNAL_GROUPS);
	syncs = meter_value(METER_JOURNAL_SYNCS);
	EQ(rig_put(&r, 20, "x", 1, data, sizeof data, 0, &lsn), OK);
	for (int i = 0; i < 1000 && meter_value(METER_JOURNAL_GROUPS) == groups; i++)
		usleep(10000);
	EQ(meter_value(METER_JOURNAL_GROUPS), groups + 1);
	EQ(meter_value(METER_JOURNAL_SYNCS), syncs);
	FALSE(block_durable(r.share, lsn));
	EQ(block_wait(r.share, lsn), OK);
	EQ(meter_value(METER_JOURNAL_SYNCS), syncs + 1);
	rig_close(&r);
	rig_stop();
}

CASE(a_burst_nobody_waits_for_is_durable_after_the_tick)
{
	static uint8_t data[300 << 10];
	struct rig r;
	lsn_t lsn;

	rig_start();
	rig_place(&r, "bursts", "leveldb");
	EQ(rig_open(&r, true, NULL), OK);
	for (int i = 0; i < 8; i++)
		EQ(rig_put(&r, 20, "x", 1, data, sizeof data, (uint64_t)i * sizeof data, &lsn), OK);
	for (int i = 0; i < 1000 && !block_durable(r.share, lsn); i++)
		usleep(10000);
	TRUE(block_durable(r.share, lsn));
	rig_close(&r);
	rig_stop();
}
