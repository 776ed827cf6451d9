/*
 * READ, WRITE, COMMIT: bytes, holes, sizes, stability.  RFC 1813 §3.3.6, 7, 21.
 */
#include "tests/wire/wire.h"

#include <string.h>

enum { MIB = 1 << 20 };
static uint8_t pattern[MIB + 4096];

static void
make_pattern(uint32_t seed)
{
	for (size_t i = 0; i < sizeof pattern; i++)
		pattern[i] = (uint8_t)((i * 2654435761u + seed) >> 13);
}

static struct nfs_fh
one_file(void)
{
	struct nfs_fh dir = fresh();

	return make_file(&dir, "file", 0644);
}

CASE(READ_of_an_empty_file_is_at_its_end)
{
	struct nfs_fh fh = one_file();

	WANT(nfs_read(root(), &fh, 0, 4096, &res), NFS_OK);
	EQ(res.count, 0);
	TRUE(res.eof);
	TRUE(res.obj.ok);
}

CASE(READ_tells_the_end_of_file_truthfully)
{
	struct nfs_fh fh = one_file();

	fill_file(&fh, 0, "0123456789", 10);
	WANT(nfs_read(root(), &fh, 0, 9, &res), NFS_OK);
	EQ(res.count, 9);
	FALSE(res.eof);
	WANT(nfs_read(root(), &fh, 0, 10, &res), NFS_OK);
	EQ(res.count, 10);
	TRUE(res.eof);
	WANT(nfs_read(root(), &fh, 5, 100, &res), NFS_OK);
	EQ(res.count, 5);
	EQ_MEM(res.data, "56789", 5);
	TRUE(res.eof);
	WANT(nfs_read(root(), &fh, 10, 100, &res), NFS_OK);
	EQ(res.count, 0);
	TRUE(res.eof);
	WANT(nfs_read(root(), &fh, 1ull << 40, 100, &res), NFS_OK);
	EQ(res.count, 0);
	TRUE(res.eof);
}

CASE(READ_of_no_bytes_works)
{
	struct nfs_fh fh = one_file();

	fill_file(&fh, 0, "0123456789", 10);
	WANT(nfs_read(root(), &fh, 3, 0, &res), NFS_OK);
	EQ(res.count, 0);
	FALSE(res.eof);
}

CASE(READ_at_the_greatest_offsets_is_at_the_end_or_inval)
{
	struct nfs_fh fh = one_file();

	fill_file(&fh, 0, "x", 1);
	WANT2(nfs_read(root(), &fh, INT64_MAX, 4096, &res), NFS_OK, NFS_INVAL);
	EQ(res.count, 0);
	WANT2(nfs_read(root(), &fh, UINT64_MAX, 4096, &res), NFS_OK, NFS_INVAL);
	EQ(res.count, 0);
}

CASE(READ_of_more_than_rtmax_gives_at_most_what_was_asked)
{
	struct nfs_fh fh = one_file();

	fill_file(&fh, 0, "abc", 3);
	WANT2(nfs_read(root(), &fh, 0, UINT32_MAX, &res), NFS_OK, NFS_INVAL);
	if (res.status == NFS_OK) {
		EQ(res.count, 3);
		TRUE(res.eof);
	}
}

CASE(READ_of_a_directory_or_link_is_refused)
{
	struct nfs_fh dir = fresh();

	WANT2(nfs_read(root(), &dir, 0, 100, &res), NFS_ISDIR, NFS_INVAL);
	WANT(nfs_symlink(root(), &dir, "link", "x", &res), NFS_OK);
	struct nfs_fh link = res.fh;

	WANT(nfs_read(root(), &link, 0, 100, &res), NFS_INVAL);
}

CASE(READ_without_the_right_to_read_is_acces)
{
	struct nfs_fh fh = one_file();

	WANT(nfs_setattr(root(), &fh, set_mode(0622), &res), NFS_OK);
	WANT(nfs_read(user(1001), &fh, 0, 100, &res), NFS_ACCES);
	TRUE(res.obj.ok);
}

CASE(READ_is_allowed_to_one_who_may_only_execute)
{
	struct nfs_fh fh = one_file();

	fill_file(&fh, 0, "#!/bin/true\n", 12);
	WANT(nfs_setattr(root(), &fh, set_mode(0711), &res), NFS_OK);
	WANT(nfs_read(user(1001), &fh, 0, 100, &res), NFS_OK);
	EQ(res.count, 12);
}

CASE(READ_and_WRITE_are_allowed_to_the_owner_whatever_the_mode)
{
	struct nfs_fh fh = one_file();
	struct nfs_sattr set = set_owner(1001, 1001);

	set.mode_set = true;
	set.mode = 0;
	WANT(nfs_setattr(root(), &fh, set, &res), NFS_OK);
	WANT(nfs_write(user(1001), &fh, 0, "own", 3, NFS_FILE_SYNC, &res), NFS_OK);
	WANT(nfs_read(user(1001), &fh, 0, 100, &res), NFS_OK);
	WANT(nfs_read(user(1002), &fh, 0, 100, &res), NFS_ACCES);
}

CASE(WRITE_lengthens_a_file_and_tells_so)
{
	struct nfs_fh fh = one_file();

	WANT(nfs_write(root(), &fh, 0, "hello", 5, NFS_FILE_SYNC, &res), NFS_OK);
	EQ(res.count, 5);
	EQ(res.committed, NFS_FILE_SYNC);
	WCC(res.wcc);
	EQ(res.wcc.size, 0);
	EQ(res.wcc.after.size, 5);
}

CASE(WRITE_is_at_least_as_stable_as_asked)
{
	struct nfs_fh fh = one_file();
	uint8_t verf[8];

	WANT(nfs_write(root(), &fh, 0, "a", 1, NFS_UNSTABLE, &res), NFS_OK);
	memcpy(verf, res.verf, 8);
	WANT(nfs_write(root(), &fh, 1, "b", 1, NFS_DATA_SYNC, &res), NFS_OK);
	TRUE(res.committed >= NFS_DATA_SYNC);
	EQ_MEM(res.verf, verf, 8);
	WANT(nfs_write(root(), &fh, 2, "c", 1, NFS_FILE_SYNC, &res), NFS_OK);
	EQ(res.committed, NFS_FILE_SYNC);
	EQ_MEM(res.verf, verf, 8);
	WANT(nfs_commit(root(), &fh, 0, 0, &res), NFS_OK);
	EQ_MEM(res.verf, verf, 8);
	TRUE(res.wcc.after.ok);
}

CASE(WRITE_of_an_unknown_stability_is_garbage_or_inval)
{
	struct nfs_fh fh = one_file();

	WANT2(nfs_write(root(), &fh, 0, "a", 1, 3, &res), NFS_RPC_ERROR, NFS_INVAL);
	if (res.status == NFS_RPC_ERROR)
		EQ(res.rpc.accept, RPC_GARBAGE_ARGS);
	EQ(attr_of(&fh).size, 0);
}

CASE(WRITE_whose_count_disagrees_with_its_data_writes_no_more_than_the_data)
{
	struct nfs_fh fh = one_file();
	struct nfs_call c = { .proc = NFS_WRITE, .fh = &fh, .count = 100, .stable = NFS_FILE_SYNC,
		.data = "abcd", .data_len = 4 };
	int status = nfs_run(root(), &c, &res);

	if (status == NFS_OK)
		TRUE(res.count <= 4);
	else if (status != NFS_INVAL && status != NFS_RPC_ERROR)
		check_fail(__FILE__, __LINE__, "%s", nfs_stat_name(status));
	TRUE(attr_of(&fh).size <= 4);
}

CASE(WRITE_of_no_bytes_changes_nothing)
{
	struct nfs_fh fh = one_file();

	fill_file(&fh, 0, "abc", 3);
	WANT(nfs_write(root(), &fh, 100, "", 0, NFS_FILE_SYNC, &res), NFS_OK);
	EQ(res.count, 0);
	EQ(attr_of(&fh).size, 3);
}

CASE(WRITE_leaves_holes_that_read_as_zeros)
{
	struct nfs_fh fh = one_file();

	fill_file(&fh, 1000000, "end", 3);
	EQ(attr_of(&fh).size, 1000003);
	fill_file(&fh, 500001, "mid", 3);
	WANT(nfs_read(root(), &fh, 499000, 4096, &res), NFS_OK);
	EQ(res.count, 4096);
	for (uint32_t i = 0; i < 4096; i++)
		EQ(res.data[i], i >= 1001 && i < 1004 ? "mid"[i - 1001] : 0);
	WANT(nfs_read(root(), &fh, 0, 4096, &res), NFS_OK);
	EQ(res.count, 4096);
	EQ(res.data[0] | res.data[4095], 0);
}

CASE(WRITE_and_READ_of_a_whole_MiB)
{
	struct nfs_fh fh = one_file();

	make_pattern(1);
	WANT(nfs_write(root(), &fh, 0, pattern, MIB, NFS_UNSTABLE, &res), NFS_OK);
	EQ(res.count, MIB);
	WANT(nfs_write(root(), &fh, MIB, pattern + 1, MIB, NFS_FILE_SYNC, &res), NFS_OK);
	EQ(res.count, MIB);
	WANT(nfs_read(root(), &fh, 0, MIB, &res), NFS_OK);
	EQ(res.count, MIB);
	FALSE(res.eof);
	EQ_MEM(res.data, pattern, MIB);
	WANT(nfs_read(root(), &fh, MIB, MIB, &res), NFS_OK);
	EQ(res.count, MIB);
	TRUE(res.eof);
	EQ_MEM(res.data, pattern + 1, MIB);
	WANT(nfs_read(root(), &fh, MIB / 2, MIB, &res), NFS_OK);
	EQ_MEM(res.data, pattern + MIB / 2, MIB / 2);
	EQ_MEM(res.data + MIB / 2, pattern + 1, MIB / 2);
}

CASE(WRITEs_at_odd_offsets_and_lengths_add_up)
{
	static uint8_t model[200000];
	struct nfs_fh fh = one_file();
	uint32_t size = 0, state = 12345;

	memset(model, 0, sizeof model);
	make_pattern(2);
	for (int i = 0; i < 200; i++) {
		state = state * 1103515245 + 12345;
		uint32_t offset = (state >> 8) % 180000;

		state = state * 1103515245 + 12345;
		uint32_t len = 1 + (state >> 8) % (i % 10 == 0 ? 20000 : 700);

		WANT(nfs_write(root(), &fh, offset, pattern + i, len,
		    i % 3 == 0 ? NFS_FILE_SYNC : NFS_UNSTABLE, &res), NFS_OK);
		EQ(res.count, len);
		memcpy(model + offset, pattern + i, len);
		size = offset + len > size ? offset + len : size;
		if (i % 20 == 10) {
			size = size / 2 + 1;
			WANT(nfs_setattr(root(), &fh, set_size(size), &res), NFS_OK);
			memset(model + size, 0, sizeof model - size);
		}
	}
	EQ(attr_of(&fh).size, size);
	WANT(nfs_read(root(), &fh, 0, sizeof model, &res), NFS_OK);
	EQ(res.count, size);
	EQ_MEM(res.data, model, size);
	WANT(nfs_commit(root(), &fh, 0, 0, &res), NFS_OK);
	WANT(nfs_read(root(), &fh, 0, sizeof model, &res), NFS_OK);
	EQ_MEM(res.data, model, size);
}

CASE(WRITE_near_the_greatest_file_size)
{
	struct nfs_fh fh = one_file();

	WANT(nfs_fsinfo(root(), &fh, &res), NFS_OK);
	uint64_t max = res.maxfilesize;

	WANT2(nfs_write(root(), &fh, max - 4, "last", 4, NFS_FILE_SYNC, &res), NFS_OK, NFS_FBIG);
	if (max == INT64_MAX) {
		EQ(res.status, NFS_OK);
		EQ(attr_of(&fh).size, max);
		WANT(nfs_read(root(), &fh, max - 4, 100, &res), NFS_OK);
		EQ(res.count, 4);
		EQ_MEM(res.data, "last", 4);
		TRUE(res.eof);
	}
	WANT(nfs_setattr(root(), &fh, set_size(0), &res), NFS_OK);
}

CASE(WRITE_beyond_the_greatest_file_size_is_fbig)
{
	struct nfs_fh fh = one_file();

	WANT2(nfs_write(root(), &fh, INT64_MAX, "x", 1, NFS_FILE_SYNC, &res), NFS_FBIG, NFS_INVAL);
	WANT2(nfs_write(root(), &fh, UINT64_MAX - 1, "xyz", 3, NFS_FILE_SYNC, &res), NFS_FBIG,
	    NFS_INVAL);
	EQ(attr_of(&fh).size, 0);
}

CASE(WRITE_to_a_directory_or_link_is_refused)
{
	struct nfs_fh dir = fresh();

	WANT2(nfs_write(root(), &dir, 0, "x", 1, NFS_FILE_SYNC, &res), NFS_ISDIR, NFS_INVAL);
	WANT(nfs_symlink(root(), &dir, "link", "x", &res), NFS_OK);
	struct nfs_fh link = res.fh;

	WANT(nfs_write(root(), &link, 0, "x", 1, NFS_FILE_SYNC, &res), NFS_INVAL);
}

CASE(WRITE_without_the_right_to_write_is_acces)
{
	struct nfs_fh fh = one_file();

	WANT(nfs_write(user(1001), &fh, 0, "x", 1, NFS_FILE_SYNC, &res), NFS_ACCES);
	TRUE(res.wcc.after.ok);
	EQ(attr_of(&fh).size, 0);
}

CASE(WRITE_moves_mtime_and_ctime)
{
	struct nfs_fh fh = one_file();
	struct nfs_attr was = attr_of(&fh);

	sleep_ms(20);
	fill_file(&fh, 0, "x", 1);
	TRUE(time_cmp(attr_of(&fh).mtime, was.mtime) > 0);
	TRUE(time_cmp(attr_of(&fh).ctime, was.ctime) > 0);
}

CASE(WRITE_by_a_user_takes_setuid_and_setgid_away)
{
	struct nfs_fh fh = one_file();

	WANT(nfs_setattr(root(), &fh, set_mode(06777), &res), NFS_OK);
	WANT(nfs_write(user(1001), &fh, 0, "x", 1, NFS_FILE_SYNC, &res), NFS_OK);
	EQ(attr_of(&fh).mode & 06000, 0);
}

CASE(used_grows_with_what_is_written)
{
	struct nfs_fh fh = one_file();

	make_pattern(3);
	fill_file(&fh, 0, pattern, MIB);
	WANT(nfs_commit(root(), &fh, 0, 0, &res), NFS_OK);
	TRUE(attr_of(&fh).used >= MIB / 2);
}

CASE(COMMIT_of_a_directory_is_refused)
{
	struct nfs_fh dir = fresh();
	int status = nfs_commit(root(), &dir, 0, 0, &res);

	TRUE(status == NFS_ISDIR || status == NFS_INVAL);
}

CASE(COMMIT_of_any_range_works)
{
	struct nfs_fh fh = one_file();

	WANT(nfs_write(root(), &fh, 0, "abc", 3, NFS_UNSTABLE, &res), NFS_OK);
	WANT(nfs_commit(root(), &fh, 1, 1, &res), NFS_OK);
	WANT(nfs_commit(root(), &fh, 1ull << 40, 4096, &res), NFS_OK);
	WANT2(nfs_commit(root(), &fh, UINT64_MAX, UINT32_MAX, &res), NFS_OK, NFS_INVAL);
}

CASE(the_write_verifier_is_one_over_files)
{
	struct nfs_fh a = one_file(), b = one_file();
	uint8_t verf[8];

	WANT(nfs_write(root(), &a, 0, "x", 1, NFS_UNSTABLE, &res), NFS_OK);
	memcpy(verf, res.verf, 8);
	WANT(nfs_write(root(), &b, 0, "x", 1, NFS_UNSTABLE, &res), NFS_OK);
	EQ_MEM(res.verf, verf, 8);
	WANT(nfs_commit(root(), &b, 0, 0, &res), NFS_OK);
	EQ_MEM(res.verf, verf, 8);
}
