/*
 * The chain of segments: many of them, summaries in their place, one of them missing.
 */
#include "tests/unit/pipeline/block/rig.h"

#include "pipeline/base/clock.h"
#include "pipeline/block/scan.h"
#include "tests/lib/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LEN = 1 << 20, FILES = 20 };	/* 20 MiB in segments of 4 MiB */

static uint8_t data[LEN], back[LEN];

static void
fill_log(struct rig *r, const char *name)
{
	lsn_t lsn;

	rig_start();
	rig_place(r, name, "leveldb");
	EQ(rig_open(r, true, NULL), OK);
	for (uint64_t i = 0; i < FILES; i++) {
		memset(data, (int)i + 1, LEN);
		EQ(rig_put(r, 10 + i, &i, sizeof i, data, LEN, i * 4096, &lsn), OK);
		EQ(block_wait(r->share, lsn), OK);
	}
}

static void
read_all(struct rig *r)
{
	for (uint64_t i = 0; i < FILES; i++) {
		uint64_t value;

		EQ(rig_get(r, 10 + i, &value, sizeof value), 8);
		EQ(value, i);
		memset(data, (int)i + 1, LEN);
		EQ(rig_read(r, 10 + i, i * 4096, LEN, back, NULL, NULL), OK);
		EQ_MEM(back, data, LEN);
	}
}

/* How many segments of a closed journal are known by their summary alone. */
static uint32_t
summaries_used(struct rig *r)
{
	struct share_conf conf = { .name = "/rig" };
	struct share *s = share_new(&conf);
	struct journal j = { .share = s };
	char path[600], why[256];
	struct scan sc = { .j = &j, .why = why, .why_cap = sizeof why };
	uint32_t n = 0;

	snprintf(path, sizeof path, "%s/journal", r->dir);
	j.dirfd = open(path, O_RDONLY | O_DIRECTORY);
	EQ(head_open(j.dirfd, &j.head, &j.head_fd), OK);
	memcpy(j.id, j.head.journal_id, 16);
	EQ(scan_log(&sc), OK);
	for (uint32_t i = 0; i < sc.ngroups; i++)
		n += sc.groups[i].summary;
	scan_free(&sc);
	close(j.head_fd);
	close(j.dirfd);
	share_put(&s);
	return n;
}

static uint64_t ahead_ns;

static uint64_t
late_wall_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec + ahead_ns;
}

CASE(segments_below_the_checkpoint_are_known_by_their_summaries_once_they_are_old)
{
	const struct clock_ops *was = clock_now_ops;
	struct clock_ops late = { was->mono_ns, late_wall_ns };
	struct rig r;
	lsn_t lsn;

	fill_log(&r, "summaries");
	EQ(rig_checkpoint(&r), OK);
	rig_close(&r);
	EQ(summaries_used(&r), 0);		/* their NOTEs are too young */
	clock_now_ops = &late;
	ahead_ns = 300 * NS_PER_S;
	EQ(rig_open(&r, false, NULL), OK);
	EQ(rig_put(&r, 9, "x", 1, NULL, 0, 0, &lsn), OK);
	rig_close(&r);
	TRUE(summaries_used(&r) >= 5);
	EQ(rig_open(&r, false, NULL), OK);
	read_all(&r);
	EQ(rig_checkpoint(&r), OK);
	rig_close(&r);
	clock_now_ops = was;
	rig_stop();
}

static void
without_segment(struct rig *r, uint64_t nth, const char *what)
{
	struct journal *j = r->share->block->journal;
	struct list *l = j->used.next;
	char path[600], aside[600];

	for (uint64_t i = 0; i < nth; i++)
		l = l->next;
	snprintf(path, sizeof path, "%s/journal/seg-%u", r->dir,
	    container_of(l, struct segment, link)->number);
	snprintf(aside, sizeof aside, "%s/aside", r->dir);
	rig_close(r);
	EQ(rename(path, aside), 0);
	EQ(rig_open(r, false, NULL), ST_CORRUPT);
	if (strstr(r->why, what) == NULL)
		check_fail(__FILE__, __LINE__, "why: %s", r->why);
	EQ(rename(aside, path), 0);
	EQ(rig_open(r, false, NULL), OK);
}

CASE(a_missing_segment_is_corruption_wherever_it_was)
{
	struct rig r;

	fill_log(&r, "missing");
	without_segment(&r, 0, "missing");
	without_segment(&r, 2, "missing");
	without_segment(&r, 4, "missing");
	read_all(&r);
	rig_close(&r);
	rig_stop();
}

CASE(a_missing_end_of_a_clean_log_is_noticed)
{
	struct rig r;
	lsn_t lsn;

	rig_start();
	rig_place(&r, "end", "leveldb");
	EQ(rig_open(&r, true, NULL), OK);
	EQ(rig_put(&r, 9, "x", 1, NULL, 0, 0, &lsn), OK);
	without_segment(&r, 0, "missing");
	rig_close(&r);
	rig_stop();
}

/* --- when a segment may be used again --- */

static uint32_t
recycle(struct rig *r)
{
	struct journal *j = r->share->block->journal;
	uint64_t cap = j->space_cap;
	uint32_t n;

	j->space_cap = 0;		/* not roomy: NOTEs do not keep it */
	n = block_recycle(r->share);
	j->space_cap = cap;
	return n;
}

static lsn_t
drop_content(struct rig *r, uint64_t content, lsn_t as_of)
{
	struct txn *t = txn_new();
	lsn_t lsn;

	t->frees = true;
	txn_carved(t, content, 0, UINT64_MAX, as_of);
	EQ(block_reserve(r->share, t), OK);
	block_commit(r->share, t, &lsn);
	return lsn;
}

static void
drop_all(struct rig *r, uint64_t from)
{
	for (uint64_t i = from; i < FILES; i++)
		(void)drop_content(r, 10 + i, atomic_load(&r->share->block->journal->assigned));
}

CASE(carving_frees_what_it_carved)
{
	struct block_usage u;
	struct rig r;

	fill_log(&r, "carved");
	block_usage_read(r.share, &u);
	EQ(u.dirty_bytes, FILES * LEN);
	drop_all(&r, 1);
	block_usage_read(r.share, &u);
	EQ(u.dirty_bytes, LEN);
	rig_close(&r);
	rig_stop();
}

CASE(a_segment_stays_until_its_records_are_checkpointed)
{
	struct rig r;

	fill_log(&r, "unapplied");
	drop_all(&r, 0);
	EQ(recycle(&r), 0);
	EQ(rig_checkpoint(&r), OK);
	TRUE(recycle(&r) >= 4);
	rig_close(&r);
	EQ(rig_open(&r, false, NULL), OK);
	rig_close(&r);
	rig_stop();
}

CASE(the_oldest_live_data_keeps_all_segments_behind_it)
{
	struct rig r;

	fill_log(&r, "live");
	drop_all(&r, 1);
	EQ(rig_checkpoint(&r), OK);
	EQ(recycle(&r), 0);
	(void)drop_content(&r, 10, UINT64_MAX);
	TRUE(recycle(&r) >= 4);
	rig_close(&r);
	rig_stop();
}

CASE(a_hole_keeps_its_segment_too)
{
	struct rig r;
	struct txn *t;
	lsn_t lsn;

	rig_start();
	rig_place(&r, "hole", "leveldb");
	EQ(rig_open(&r, true, NULL), OK);
	t = txn_new();
	txn_trunc(t, 99, 100);
	EQ(block_reserve(r.share, t), OK);
	block_commit(r.share, t, &lsn);
	for (uint64_t i = 0; i < FILES; i++)
		EQ(rig_put(&r, 10 + i, &i, sizeof i, data, LEN, 0, &lsn), OK);
	EQ(block_wait(r.share, lsn), OK);
	drop_all(&r, 0);
	EQ(rig_checkpoint(&r), OK);
	EQ(recycle(&r), 0);
	(void)drop_content(&r, 99, lsn);
	TRUE(recycle(&r) >= 4);
	rig_close(&r);
	rig_stop();
}

CASE(a_reader_keeps_its_segment_and_reads_on)
{
	struct index_piece v[2];
	struct rig r;

	fill_log(&r, "reader");
	EQ(index_lookup(r.share->block->index, 10, 0, LEN, v, 2), 1);
	drop_all(&r, 0);
	EQ(rig_checkpoint(&r), OK);
	EQ(recycle(&r), 0);
	EQ(datum_read(v[0].datum, 0, LEN, back, false), OK);
	EQ(back[LEN - 1], 1);
	datum_put(&v[0].datum);
	TRUE(recycle(&r) >= 4);
	rig_close(&r);
	rig_stop();
}

CASE(what_replaced_the_data_is_durable_before_its_segment_goes)
{
	struct rig r;
	lsn_t last;

	fill_log(&r, "replaced");
	drop_all(&r, 1);
	EQ(rig_checkpoint(&r), OK);
	last = drop_content(&r, 10, UINT64_MAX);
	FALSE(block_durable(r.share, last));	/* nobody waits, the tick is far */
	TRUE(recycle(&r) >= 4);
	TRUE(block_durable(r.share, last));
	rig_close(&r);
	rig_stop();
}

CASE(a_gigabyte_of_log_is_not_needed_to_see_that_recovery_streams)
{
	struct rig r;
	uint64_t t;

	fill_log(&r, "speed");
	rig_close(&r);
	t = clock_mono_ns();
	EQ(rig_open(&r, false, NULL), OK);
	t = clock_mono_ns() - t;
	printf("# %d MiB of log recovered in %llu ms\n", FILES,
	    (unsigned long long)(t / NS_PER_MS));
	TRUE(t < 2 * NS_PER_S);
	rig_close(&r);
	rig_stop();
}
