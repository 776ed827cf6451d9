/*
 * Writes past the page cache: whatever the pieces, what was given lies in the file; what suits is
 * not copied; a journal goes on where the file system has no such way.
 */
#include "pipeline/block/direct.h"

#include "pipeline/base/num.h"
#include "pipeline/base/panic.h"
#include "tests/lib/check.h"
#include "tests/unit/pipeline/block/rig.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BYTES = 64 << 10 };

/* Two descriptors of one file; -1: the file system of the tests' folder has no direct writes. */
static int
open_both(int *plain)
{
	char path[600];

	snprintf(path, sizeof path, "%s/direct", check_tmpdir());
	*plain = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	TRUE(*plain >= 0);
	EQ(ftruncate(*plain, 16 * BYTES), 0);
	return open(path, O_WRONLY | O_DIRECT | O_CLOEXEC);
}

static uint8_t *
pattern(void)
{
	uint8_t *p = xaligned(4096, BYTES);

	for (uint32_t i = 0; i < BYTES; i++)
		p[i] = (uint8_t)(i * 31 + i / 255);
	return p;
}

CASE(pieces_of_any_length_and_place_lie_in_the_file_as_they_were_given)
{
	/* lengths, each list a multiple of 4096 in all; the last takes what is left */
	static const uint32_t cuts[][6] = { { 4096 }, { 1 }, { 700, 3396, 8192, 4096 },
		{ 8192, 1, 4095, 4096, 12288 }, { 700, 32768, 5000 }, { 4096, 4096, 512, 4096 } };
	uint8_t *from = pattern(), *back = xmalloc(BYTES);
	struct direct d;
	int plain, fd = open_both(&plain);

	direct_init(&d, BYTES);
	for (unsigned c = 0; fd >= 0 && c < ARRAY_LEN(cuts); c++) {
		struct iovec iov[8];
		uint32_t at = 0;
		int n = 0;

		for (; n < 6 && cuts[c][n] > 0; at += cuts[c][n++])
			iov[n] = (struct iovec){ from + at, cuts[c][n] };
		iov[n++] = (struct iovec){ from + at, BYTES - at };
		EQ(direct_writev(&d, fd, iov, n, (uint64_t)c * BYTES, "journal.write"), OK);
		EQ(pread(plain, back, BYTES, (off_t)c * BYTES), BYTES);
		EQ_MEM(back, from, BYTES);
	}
	direct_fini(&d);
	free(from);
	free(back);
	close(fd);
	close(plain);
}

CASE(a_piece_that_suits_is_not_copied_and_one_that_does_not_is)
{
	uint8_t *from = pattern();
	struct direct d;
	struct iovec suits = { from, BYTES }, odd[2] = { { from, 100 }, { from + 100, 3996 } };
	int plain, fd = open_both(&plain);

	direct_init(&d, BYTES);
	memset(d.room, 0xee, d.cap);
	if (fd >= 0) {
		EQ(direct_writev(&d, fd, &suits, 1, 0, "journal.write"), OK);
		EQ(d.room[0], 0xee);
		EQ(direct_writev(&d, fd, odd, 2, 0, "journal.write"), OK);
		EQ_MEM(d.room, from, 4096);
		EQ(d.room[4096], 0xee);
	}
	direct_fini(&d);
	free(from);
	close(fd);
	close(plain);
}

/* A file of /proc answers a write that makes no sense to it as a file system answers one that is
 * not aligned as it wants. */
CASE(a_journal_on_a_file_system_that_refuses_direct_writes_goes_on_through_the_cache)
{
	uint8_t data[20000], back[20000];
	struct segment *seg;
	struct rig r;
	lsn_t lsn;

	memset(data, 0x3c, sizeof data);
	rig_start();
	rig_place(&r, "refused", "leveldb");
	EQ(rig_open(&r, true, NULL), OK);
	seg = r.share->block->journal->current;
	if (seg->direct_fd >= 0)
		close(seg->direct_fd);
	seg->direct_fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	TRUE(seg->direct_fd >= 0);
	EQ(rig_put(&r, 20, "x", 1, data, sizeof data, 0, &lsn), OK);
	EQ(block_wait(r.share, lsn), OK);
	EQ(seg->direct_fd, -1);
	rig_close(&r);
	EQ(rig_open(&r, false, NULL), OK);
	EQ(rig_read(&r, 20, 0, sizeof back, back, NULL, NULL), OK);
	EQ_MEM(back, data, sizeof data);
	rig_close(&r);
	rig_stop();
}
