/*
 * What the crash checker believes, tried without a server.
 */
#include "tests/crash/model.h"
#include "tests/lib/check.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static struct model m;

static void
begin(void)
{
	struct op create = { .kind = OP_CREATE, .file = 3, .id = 77, .mode = 0600 };

	model_init(&m, 8);
	model_apply(&m, &create, NULL);
}

static void
sent_and_acked(struct op op, uint32_t committed, const char *verf, bool acked)
{
	struct record r = { .op = op, .committed = committed };

	memcpy(r.verf, verf, 8);
	model_sent(&m, &op);
	if (acked)
		model_acked(&m, &r);
}

static struct op
write_op(uint32_t block, uint32_t gen)
{
	return (struct op){ .kind = OP_WRITE, .file = 3, .block = block, .blocks = 1, .gen = gen };
}

static const struct op commit = { .kind = OP_COMMIT, .file = 3 };

CASE(a_stamp_tells_its_generation_and_nothing_elses)
{
	uint8_t page[BLOCK], zeros[BLOCK] = { 0 };

	stamp(page, 5, 6, 7);
	EQ(stamp_of(page, 5, 6), 7);
	EQ(stamp_of(page, 5, 5), -1);
	EQ(stamp_of(page, 4, 6), -1);
	for (size_t at = 0; at < BLOCK; at += 97) {
		page[at] ^= 1;
		EQ(stamp_of(page, 5, 6), -1);
		page[at] ^= 1;
	}
	memset(page + BLOCK / 2, 0, BLOCK / 2);
	EQ(stamp_of(page, 5, 6), -1);
	EQ(stamp_of(zeros, 5, 6), 0);
	zeros[BLOCK - 1] = 1;
	EQ(stamp_of(zeros, 5, 6), -1);
}

CASE(an_unsynced_block_may_be_old_or_any_of_the_new)
{
	begin();
	sent_and_acked(write_op(2, 1), NFS_FILE_SYNC, "verifier", true);
	sent_and_acked(write_op(2, 2), NFS_UNSTABLE, "verifier", true);
	sent_and_acked(write_op(2, 3), NFS_UNSTABLE, "verifier", false);
	const struct block *b = &m.files[3].blocks[2];

	TRUE(block_may_be(b, 1) && block_may_be(b, 2) && block_may_be(b, 3));
	FALSE(block_may_be(b, 0) || block_may_be(b, 4));
	EQ(block_last(b), 3);
	model_free(&m);
}

CASE(a_commit_under_the_same_verifier_makes_the_last_the_only_one)
{
	begin();
	sent_and_acked(write_op(2, 1), NFS_UNSTABLE, "verifier", true);
	sent_and_acked(write_op(2, 2), NFS_UNSTABLE, "verifier", true);
	sent_and_acked(commit, 0, "verifier", true);
	FALSE(block_may_be(&m.files[3].blocks[2], 0));
	FALSE(block_may_be(&m.files[3].blocks[2], 1));
	TRUE(block_may_be(&m.files[3].blocks[2], 2));
	EQ(m.files[3].size_min, 3);
	FALSE(m.files[3].dirty);
	model_free(&m);
}

CASE(a_commit_under_another_verifier_vouches_for_nothing_until_all_is_written_again)
{
	begin();
	sent_and_acked(write_op(2, 1), NFS_UNSTABLE, "verifier", true);
	sent_and_acked(commit, 0, "another.", true);
	TRUE(block_may_be(&m.files[3].blocks[2], 0));
	EQ(m.files[3].size_min, 0);
	TRUE(m.files[3].mixed);
	sent_and_acked(write_op(2, 1), NFS_FILE_SYNC, "another.", true);
	FALSE(block_may_be(&m.files[3].blocks[2], 0));
	FALSE(m.files[3].dirty);
	EQ(m.files[3].size_min, 3);
	model_free(&m);
}

CASE(writes_under_two_verifiers_are_not_synced_by_one_commit)
{
	begin();
	sent_and_acked(write_op(1, 1), NFS_UNSTABLE, "verifier", true);
	sent_and_acked(write_op(2, 2), NFS_UNSTABLE, "another.", true);
	sent_and_acked(commit, 0, "another.", true);
	TRUE(block_may_be(&m.files[3].blocks[1], 0));
	TRUE(block_may_be(&m.files[3].blocks[2], 0));
	model_free(&m);
}

CASE(a_truncate_leaves_no_way_back)
{
	struct op cut = { .kind = OP_TRUNC, .file = 3, .size = 1 };

	begin();
	sent_and_acked(write_op(0, 1), NFS_FILE_SYNC, "verifier", true);
	sent_and_acked(write_op(2, 2), NFS_UNSTABLE, "verifier", true);
	sent_and_acked(cut, 0, "........", true);
	FALSE(block_may_be(&m.files[3].blocks[2], 2));
	TRUE(block_may_be(&m.files[3].blocks[2], 0));
	TRUE(block_may_be(&m.files[3].blocks[0], 1));
	EQ(m.files[3].size_max, 1);
	model_free(&m);
}

CASE(a_rename_over_the_last_link_frees_the_file_and_one_between_links_does_nothing)
{
	struct op other = { .kind = OP_CREATE, .name = 1, .file = 4, .id = 78, .mode = 0600 };
	struct op link = { .kind = OP_LINK, .file = 3, .to_name = 2 };
	struct op same = { .kind = OP_RENAME, .to_name = 2 };
	struct op over = { .kind = OP_RENAME, .name = 0, .to_name = 1 };

	begin();
	model_apply(&m, &other, NULL);
	model_apply(&m, &link, NULL);
	EQ(m.files[3].nlink, 2);
	model_apply(&m, &same, NULL);
	EQ(m.entries[0][0].type, ENTRY_FILE);
	model_apply(&m, &over, NULL);
	EQ(m.files[4].id, 0);
	EQ(m.entries[0][0].type, ENTRY_NONE);
	EQ(m.entries[0][1].file, 3);
	EQ(m.files[3].nlink, 2);
	model_free(&m);
}

static int
new_journal(char path[512])
{
	struct record r = { .kind = REC_HEAD, .op = { .kind = OP_WRITE, .blocks = 8 } };
	int fd;

	snprintf(path, 512, "%s/journal", check_tmpdir());
	fd = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);
	TRUE(fd >= 0 && record_write(fd, &r));
	return fd;
}

static void
log_op(int fd, uint32_t kind, struct op op, uint64_t *timep)
{
	struct record r = { .kind = kind, .op = op };

	TRUE(record_write(fd, &r));
	if (timep != NULL)
		*timep = r.time_ns;
}

CASE(a_journal_gives_the_model_back_and_what_was_in_flight)
{
	struct op create = { .kind = OP_CREATE, .file = 3, .id = 77 };
	struct op dir = { .kind = OP_MKDIR, .name = 5, .id = 78 };
	char path[512];
	int fd = new_journal(path);
	uint64_t between;

	log_op(fd, REC_SENT, create, NULL);
	log_op(fd, REC_ACKED, create, &between);
	log_op(fd, REC_SENT, dir, NULL);
	TRUE(model_load(&m, path, UINT64_MAX));
	EQ(m.entries[0][0].type, ENTRY_FILE);
	EQ(m.entries[0][5].type, ENTRY_NONE);
	TRUE(m.in_flight);
	EQ(m.sent.kind, OP_MKDIR);
	model_free(&m);
	TRUE(model_load(&m, path, between));
	EQ(m.entries[0][0].type, ENTRY_FILE);
	FALSE(m.in_flight);
	model_free(&m);
	TRUE(model_load(&m, path, between - 1));
	EQ(m.entries[0][0].type, ENTRY_NONE);
	TRUE(m.in_flight);
	EQ(m.sent.kind, OP_CREATE);
	model_free(&m);
	TRUE(model_load(&m, path, 1));
	FALSE(m.begun);
	model_free(&m);
	close(fd);
}

CASE(a_journal_cut_short_or_damaged_ends_there)
{
	struct op create = { .kind = OP_CREATE, .file = 3, .id = 77 };
	char path[512];
	int fd = new_journal(path);

	log_op(fd, REC_SENT, create, NULL);
	log_op(fd, REC_ACKED, create, NULL);
	EQ(ftruncate(fd, 3 * (off_t)sizeof(struct record) - 1), 0);
	TRUE(model_load(&m, path, UINT64_MAX));
	TRUE(m.in_flight);
	model_free(&m);
	EQ(pwrite(fd, "x", 1, sizeof(struct record) + 20), 1);
	TRUE(model_load(&m, path, UINT64_MAX));
	FALSE(m.in_flight);
	model_free(&m);
	EQ(ftruncate(fd, 10), 0);
	FALSE(model_load(&m, path, UINT64_MAX));
	close(fd);
}
