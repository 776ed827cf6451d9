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

CASE(a_gigabyte_of_log_is_not_needed_to_see_that_recovery_streams)
{
	struct rig r;
	uint64_t t;

	fill_log(&r, "speed");
	rig_close(&r);
	t = clock_mono_ns();
	EQ(rig_open(&r, false, NULL), OK);
	t = clock_mono_ns() - t;
	printf("# %d MiB of log recovered in %llu ms\n", FILES, (unsigned long long)(t / NS_PER_MS));
	TRUE(t < 2 * NS_PER_S);
	rig_close(&r);
	rig_stop();
}
