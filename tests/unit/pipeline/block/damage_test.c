/*
 * Damage: what is a torn tail is cut off, what had been vouched for is corruption that names the
 * place; what a later incarnation did not build upon stays forgotten.
 */
#include "tests/unit/pipeline/block/rig.h"

#include "pipeline/block/group.h"
#include "tests/lib/check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DATA = 10000, GROUPS_MAX = 4096 };

/* Where the groups of a segment's present life are; empty ones, which only vouch, left out. */
struct layout {
	int fd;
	bool vouched;			/* the last was an empty one */
	struct group_head voucher;
	uint32_t n;
	uint64_t at[GROUPS_MAX], end;
	struct group_head head[GROUPS_MAX];
};

static struct layout layout;
static struct rig rig;

static void
look_at(uint32_t number)
{
	uint8_t id[16], head[GROUP_HEADER];
	struct group_head h;
	char path[600];

	memset(id, 0x4a, sizeof id);
	snprintf(path, sizeof path, "%s/journal/seg-%u", rig.dir, number);
	layout.fd = open(path, O_RDWR);
	TRUE(layout.fd >= 0);
	layout.n = 0;
	layout.end = 0;
	while (pread(layout.fd, head, sizeof head, (off_t)layout.end) == (ssize_t)sizeof head &&
	    group_parse(head, id, &h) && (layout.n == 0 || h.serial == layout.head[0].serial)) {
		TRUE(layout.n < GROUPS_MAX);
		layout.vouched = h.count == 0;
		if (layout.vouched) {
			layout.voucher = h;
		} else {
			layout.at[layout.n] = layout.end;
			layout.head[layout.n++] = h;
		}
		layout.end += group_bytes(&h);
	}
}

static void
flip(uint64_t at)
{
	uint8_t b;

	EQ(pread(layout.fd, &b, 1, (off_t)at), 1);
	b ^= 0xff;
	EQ(pwrite(layout.fd, &b, 1, (off_t)at), 1);
	close(layout.fd);
}

static void
put_one(uint64_t i, bool wait)
{
	uint8_t data[DATA];
	lsn_t lsn;

	memset(data, (int)i, sizeof data);
	if (rig_put(&rig, 10 + i, &i, sizeof i, data, sizeof data, 0, &lsn) != OK ||
	    (wait && block_wait(rig.share, lsn) != OK))
		_exit(9);
}

/* The last group must not have been vouched for, which a slow machine may do. */
static void
look_at_tail(void)
{
	look_at(1);
	EQ(layout.n, 6);
	if (layout.vouched)
		check_skip("the machine was too slow to die in time");
}

/* A child opens, puts entries from..to-1, one group each, idles, and is killed. */
static void
crash_after(bool fresh, uint64_t from, uint64_t to, bool idle)
{
	pid_t pid = fork();
	int status;

	TRUE(pid >= 0);
	if (pid == 0) {
		alarm(60);
		rig_start();
		if (rig_open(&rig, fresh, NULL) != OK)
			_exit(8);
		for (uint64_t i = from; i < to; i++)
			put_one(i, true);
		if (idle)
			usleep(350000);
		kill(getpid(), SIGKILL);
	}
	EQ(waitpid(pid, &status, 0), pid);
	EQ(status, SIGKILL);
}

/* In a child, since LevelDB leaves threads behind: open, and look for entries 0..n-1 and no more.
 * The status; why in rig.why. */
static enum status
reopen(uint64_t n, const char *why)
{
	pid_t pid = fork();
	int status;

	TRUE(pid >= 0);
	if (pid == 0) {
		uint8_t data[DATA], back[DATA];
		enum status st;

		alarm(60);
		rig_start();
		st = rig_open(&rig, false, NULL);
		if (st != OK) {
			if (strstr(rig.why, why) == NULL)
				fprintf(stderr, "# why: %s\n", rig.why);
			_exit(strstr(rig.why, why) != NULL ? (int)st : 99);
		}
		for (uint64_t i = 0; i < n + 5; i++) {
			uint64_t value = 0;
			int len = rig_get(&rig, 10 + i, &value, sizeof value);

			if (len != (i < n ? 8 : -1) || (i < n && value != i))
				_exit(98);
			memset(data, (int)i, sizeof data);
			if (i < n && (rig_read(&rig, 10 + i, 0, DATA, back, NULL, NULL) != OK ||
			    memcmp(back, data, DATA) != 0))
				_exit(97);
		}
		_exit(0);
	}
	EQ(waitpid(pid, &status, 0), pid);
	TRUE(WIFEXITED(status));
	TRUE(WEXITSTATUS(status) < 90);
	return (enum status)WEXITSTATUS(status);
}

CASE(a_torn_last_group_is_cut_off)
{
	rig_place(&rig, "torn", "leveldb");
	crash_after(true, 0, 6, false);
	look_at_tail();
	flip(layout.at[5] + 200);
	EQ(reopen(5, ""), OK);
	EQ(reopen(5, ""), OK);
}

CASE(a_last_group_with_torn_data_is_cut_off)
{
	rig_place(&rig, "torn-data", "leveldb");
	crash_after(true, 0, 6, false);
	look_at_tail();
	flip(layout.at[5] + GROUP_HEADER + layout.head[5].entries_bytes + 7000);
	EQ(reopen(5, ""), OK);
	/* Nothing was written since: the decision stands all the same. */
	EQ(reopen(5, ""), OK);
	crash_after(false, 5, 7, false);
	EQ(reopen(7, ""), OK);
}

CASE(a_last_group_that_was_torn_and_reads_well_later_stays_forgotten)
{
	rig_place(&rig, "whole-again", "leveldb");
	crash_after(true, 0, 6, false);
	look_at_tail();
	flip(layout.at[5] + 200);
	EQ(reopen(5, ""), OK);
	look_at(1);
	EQ(layout.n, 6);
	flip(layout.at[5] + 200);		/* whole again */
	EQ(reopen(5, ""), OK);
	crash_after(false, 5, 8, false);
	EQ(reopen(8, ""), OK);
}

CASE(damage_that_a_later_group_vouches_for_is_corruption)
{
	rig_place(&rig, "middle", "leveldb");
	crash_after(true, 0, 6, false);
	look_at(1);
	flip(layout.at[2] + 200);
	EQ(reopen(0, "seg-1 at byte"), ST_CORRUPT);
	look_at(1);
	flip(layout.at[2] + 200);
	EQ(reopen(6, ""), OK);
}

CASE(damage_in_the_first_group_of_the_last_segment_is_corruption_too)
{
	rig_place(&rig, "first", "leveldb");
	crash_after(true, 0, 6, false);
	look_at(1);
	flip(layout.at[0] + 200);
	EQ(reopen(0, "seg-1 at byte"), ST_CORRUPT);
}

CASE(after_an_idle_while_the_last_group_is_vouched_for)
{
	rig_place(&rig, "idle", "leveldb");
	crash_after(true, 0, 6, true);
	look_at(1);
	EQ(layout.n, 6);
	TRUE(layout.vouched);
	EQ(layout.voucher.durable, LSN_OF(1, 6));
	flip(layout.at[5] + 200);
	EQ(reopen(0, "seg-1 at byte"), ST_CORRUPT);
}

CASE(damaged_data_in_a_group_that_was_vouched_for_is_found_when_it_is_read)
{
	rig_place(&rig, "rot", "leveldb");
	crash_after(true, 0, 6, false);
	look_at(1);
	flip(layout.at[2] + GROUP_HEADER + layout.head[2].entries_bytes + 100);
	rig_start();
	EQ(rig_open(&rig, false, NULL), OK);
	{
		uint8_t back[DATA];

		EQ(rig_read(&rig, 11, 0, DATA, back, NULL, NULL), OK);
		EQ(rig_read(&rig, 12, 0, DATA, back, NULL, NULL), ST_CORRUPT);
	}
	rig_close(&rig);
	rig_stop();
}
