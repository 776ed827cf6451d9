/*
 * GETATTR, SETATTR, ACCESS and the three questions about the file system.  RFC 1813 §3.3.1, 2,
 * 4, 18–20.
 */
#include "tests/wire/wire.h"

#include <string.h>
#include <time.h>

CASE(NULL_answers_with_nothing)
{
	struct nfs_call c = { .proc = NFS_NULL };

	WANT(nfs_run(root(), &c, &res), NFS_OK);
}

CASE(GETATTR_tells_a_new_file)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0640);
	time_t now = time(NULL);

	WANT(nfs_getattr(root(), &fh, &res), NFS_OK);
	EQ(res.obj.type, NFS_REG);
	EQ(res.obj.mode, 0640);
	EQ(res.obj.nlink, 1);
	EQ(res.obj.uid, 0);
	EQ(res.obj.gid, 0);
	EQ(res.obj.size, 0);
	EQ(res.obj.fsid, attr_of(&dir).fsid);
	TRUE(res.obj.fileid != 0 && res.obj.fileid != attr_of(&dir).fileid);
	TRUE(res.obj.mtime.sec + 60 > now && res.obj.mtime.sec < now + 60);
	EQ(time_cmp(res.obj.mtime, res.obj.ctime), 0);
}

CASE(GETATTR_tells_a_directory_and_counts_its_subdirectories)
{
	struct nfs_fh dir = fresh();

	WANT(nfs_getattr(root(), &dir, &res), NFS_OK);
	EQ(res.obj.type, NFS_DIR);
	EQ(res.obj.mode, 0777);
	EQ(res.obj.nlink, 2);
	make_dir(&dir, "a", 0755);
	make_dir(&dir, "b", 0755);
	EQ(attr_of(&dir).nlink, 4);
	WANT(nfs_rmdir(root(), &dir, "a", &res), NFS_OK);
	EQ(attr_of(&dir).nlink, 3);
}

CASE(SETATTR_sets_nothing_if_nothing_is_asked)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0640);
	struct nfs_attr was = attr_of(&fh), now;

	WANT(nfs_setattr(root(), &fh, (struct nfs_sattr){ 0 }, &res), NFS_OK);
	now = attr_of(&fh);
	EQ(now.mode, was.mode);
	EQ(now.size, was.size);
	EQ(time_cmp(now.mtime, was.mtime), 0);
	EQ(time_cmp(now.atime, was.atime), 0);
}

CASE(SETATTR_sets_mode_owner_and_group)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0640);

	WANT(nfs_setattr(root(), &fh, set_mode(07777), &res), NFS_OK);
	WCC(res.wcc);
	EQ(res.wcc.after.mode, 07777);
	WANT(nfs_setattr(root(), &fh, set_owner(1001, 1002), &res), NFS_OK);
	EQ(attr_of(&fh).uid, 1001);
	EQ(attr_of(&fh).gid, 1002);
	WANT(nfs_setattr(root(), &fh, set_owner(4294967293u, 4294967292u), &res), NFS_OK);
	EQ(attr_of(&fh).uid, 4294967293u);
	EQ(attr_of(&fh).gid, 4294967292u);
}

CASE(SETATTR_sets_times_to_the_nanosecond)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0640);
	struct nfs_sattr set = { .atime_how = NFS_CLIENT_TIME, .atime = { 1000000000, 123456789 },
		.mtime_how = NFS_CLIENT_TIME, .mtime = { 2000000000, 999999999 } };
	struct nfs_attr was = attr_of(&fh), now;

	sleep_ms(20);
	WANT(nfs_setattr(root(), &fh, set, &res), NFS_OK);
	now = attr_of(&fh);
	EQ(now.atime.sec, 1000000000);
	EQ(now.atime.nsec, 123456789);
	EQ(now.mtime.sec, 2000000000);
	EQ(now.mtime.nsec, 999999999);
	TRUE(time_cmp(now.ctime, was.ctime) > 0);
}

CASE(SETATTR_sets_the_servers_time)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0640);
	struct nfs_sattr old = { .mtime_how = NFS_CLIENT_TIME, .mtime = { 5, 0 },
		.atime_how = NFS_CLIENT_TIME, .atime = { 6, 0 } };

	WANT(nfs_setattr(root(), &fh, old, &res), NFS_OK);
	WANT(nfs_setattr(root(), &fh, (struct nfs_sattr){ .mtime_how = NFS_SERVER_TIME }, &res),
	    NFS_OK);
	TRUE(attr_of(&fh).mtime.sec + 60 > time(NULL));
	EQ(attr_of(&fh).atime.sec, 6);
	WANT(nfs_setattr(root(), &fh, (struct nfs_sattr){ .atime_how = NFS_SERVER_TIME }, &res),
	    NFS_OK);
	TRUE(attr_of(&fh).atime.sec + 60 > time(NULL));
}

CASE(SETATTR_takes_times_before_2038_and_after)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0640);
	struct nfs_sattr set = { .mtime_how = NFS_CLIENT_TIME, .mtime = { 0x7fffffff, 1 } };

	WANT(nfs_setattr(root(), &fh, set, &res), NFS_OK);
	EQ(attr_of(&fh).mtime.sec, 0x7fffffff);
	set.mtime = (struct nfs_time){ 0, 0 };
	WANT(nfs_setattr(root(), &fh, set, &res), NFS_OK);
	EQ(attr_of(&fh).mtime.sec, 0);
}

CASE(SETATTR_of_size_shortens_and_lengthens_with_zeros)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0640);

	fill_file(&fh, 0, "abcdefgh", 8);
	WANT(nfs_setattr(root(), &fh, set_size(3), &res), NFS_OK);
	WCC(res.wcc);
	EQ(res.wcc.size, 8);
	EQ(res.wcc.after.size, 3);
	WANT(nfs_setattr(root(), &fh, set_size(6), &res), NFS_OK);
	WANT(nfs_read(root(), &fh, 0, 100, &res), NFS_OK);
	EQ(res.count, 6);
	EQ_MEM(res.data, "abc\0\0\0", 6);
	TRUE(res.eof);
}

CASE(SETATTR_of_size_moves_mtime_and_ctime_even_if_the_size_stays)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0640);
	struct nfs_attr was;

	fill_file(&fh, 0, "abcd", 4);
	was = attr_of(&fh);
	sleep_ms(20);
	WANT(nfs_setattr(root(), &fh, set_size(2), &res), NFS_OK);
	TRUE(time_cmp(attr_of(&fh).mtime, was.mtime) > 0);
	TRUE(time_cmp(attr_of(&fh).ctime, was.ctime) > 0);
}

CASE(SETATTR_of_size_reaches_2_63_less_1)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0640);

	WANT(nfs_fsinfo(root(), &dir, &res), NFS_OK);
	uint64_t max = res.maxfilesize;

	WANT2(nfs_setattr(root(), &fh, set_size(INT64_MAX), &res), NFS_OK, NFS_FBIG);
	if (max == INT64_MAX) {
		EQ(res.status, NFS_OK);
		EQ(attr_of(&fh).size, INT64_MAX);
	}
	WANT(nfs_setattr(root(), &fh, set_size(0), &res), NFS_OK);
}

CASE(SETATTR_of_size_above_2_63_is_refused)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0640);

	WANT2(nfs_setattr(root(), &fh, set_size(1ull << 63), &res), NFS_INVAL, NFS_FBIG);
	WANT2(nfs_setattr(root(), &fh, set_size(UINT64_MAX), &res), NFS_INVAL, NFS_FBIG);
	EQ(attr_of(&fh).size, 0);
}

CASE(SETATTR_of_size_of_a_directory_is_refused)
{
	struct nfs_fh dir = fresh();

	WANT2(nfs_setattr(root(), &dir, set_size(0), &res), NFS_ISDIR, NFS_INVAL);
}

CASE(SETATTR_of_size_of_a_fifo_is_inval)
{
	struct nfs_fh dir = fresh();

	WANT(nfs_mknod(root(), &dir, "fifo", NFS_FIFO, 0666, &res), NFS_OK);
	struct nfs_fh fh = res.fh;

	WANT(nfs_setattr(root(), &fh, set_size(10), &res), NFS_INVAL);
}

CASE(SETATTR_with_a_guard_that_matches_works)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0640);
	struct nfs_call c = { .proc = NFS_SETATTR, .fh = &fh, .attr = set_mode(0600),
		.guard = true, .guard_ctime = attr_of(&fh).ctime };

	WANT(nfs_run(root(), &c, &res), NFS_OK);
	EQ(attr_of(&fh).mode, 0600);
}

CASE(SETATTR_with_a_guard_that_differs_is_not_sync)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0640);
	struct nfs_call c = { .proc = NFS_SETATTR, .fh = &fh, .attr = set_mode(0600),
		.guard = true, .guard_ctime = attr_of(&fh).ctime };

	c.guard_ctime.nsec ^= 1;
	WANT(nfs_run(root(), &c, &res), NFS_NOT_SYNC);
	EQ(attr_of(&fh).mode, 0640);
}

CASE(SETATTR_with_an_unknown_way_to_set_time_is_garbage)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0640);
	struct nfs_sattr set = { .mtime_how = 3 };

	WANT(nfs_setattr(root(), &fh, set, &res), NFS_RPC_ERROR);
	EQ(res.rpc.accept, RPC_GARBAGE_ARGS);
}

CASE(SETATTR_with_a_billion_nanoseconds_is_inval)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0640);
	struct nfs_sattr set = { .mtime_how = NFS_CLIENT_TIME, .mtime = { 1, 1000000000 } };

	WANT(nfs_setattr(root(), &fh, set, &res), NFS_INVAL);
}

CASE(SETATTR_of_mode_by_another_user_is_perm)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0666);

	WANT2(nfs_setattr(user(1001), &fh, set_mode(0600), &res), NFS_PERM, NFS_ACCES);
	WANT2(nfs_setattr(user(1001), &fh, set_owner(1001, UINT32_MAX), &res), NFS_PERM,
	    NFS_ACCES);
	EQ(attr_of(&fh).mode, 0666);
}

CASE(SETATTR_of_size_needs_the_right_to_write)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0644);

	WANT(nfs_setattr(user(1001), &fh, set_size(9), &res), NFS_ACCES);
	WANT(nfs_setattr(root(), &fh, set_mode(0646), &res), NFS_OK);
	WANT(nfs_setattr(user(1001), &fh, set_size(9), &res), NFS_OK);
}

CASE(SETATTR_to_the_servers_time_needs_the_right_to_write_but_to_a_given_time_ownership)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0646);
	struct nfs_sattr now = { .mtime_how = NFS_SERVER_TIME, .atime_how = NFS_SERVER_TIME };
	struct nfs_sattr given = { .mtime_how = NFS_CLIENT_TIME, .mtime = { 7, 7 } };

	WANT(nfs_setattr(user(1001), &fh, now, &res), NFS_OK);
	WANT2(nfs_setattr(user(1001), &fh, given, &res), NFS_PERM, NFS_ACCES);
	WANT(nfs_setattr(root(), &fh, set_mode(0644), &res), NFS_OK);
	WANT2(nfs_setattr(user(1001), &fh, now, &res), NFS_ACCES, NFS_PERM);
}

CASE(ACCESS_tells_what_mode_bits_allow_each_user)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0640);

	WANT(nfs_setattr(root(), &fh, set_owner(1001, 1002), &res), NFS_OK);
	WANT(nfs_access(user(1001), &fh, NFS_ACC_ALL, &res), NFS_OK);
	EQ(res.access & ~NFS_ACC_DELETE, NFS_ACC_READ | NFS_ACC_MODIFY | NFS_ACC_EXTEND);
	TRUE(res.obj.ok);
	WANT(nfs_access(user(1002), &fh, NFS_ACC_ALL, &res), NFS_OK);
	EQ(res.access & ~NFS_ACC_DELETE, NFS_ACC_READ);
	WANT(nfs_access(user(1003), &fh, NFS_ACC_ALL, &res), NFS_OK);
	EQ(res.access & ~NFS_ACC_DELETE, 0);
	WANT(nfs_setattr(root(), &fh, set_mode(0101), &res), NFS_OK);
	WANT(nfs_access(user(1003), &fh, NFS_ACC_ALL, &res), NFS_OK);
	EQ(res.access & ~NFS_ACC_DELETE, NFS_ACC_EXECUTE);
}

CASE(ACCESS_of_a_directory_tells_lookup_and_never_execute)
{
	struct nfs_fh dir = fresh();

	WANT(nfs_setattr(root(), &dir, set_mode(0751), &res), NFS_OK);
	WANT(nfs_access(user(1003), &dir, NFS_ACC_ALL, &res), NFS_OK);
	EQ(res.access & ~NFS_ACC_DELETE, NFS_ACC_LOOKUP);
	WANT(nfs_access(root(), &dir, NFS_ACC_ALL, &res), NFS_OK);
	EQ(res.access & NFS_ACC_EXECUTE, 0);
	EQ(res.access | NFS_ACC_DELETE, NFS_ACC_READ | NFS_ACC_LOOKUP | NFS_ACC_MODIFY |
	    NFS_ACC_EXTEND | NFS_ACC_DELETE);
}

CASE(ACCESS_answers_only_what_was_asked)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0777);

	WANT(nfs_access(root(), &fh, NFS_ACC_READ, &res), NFS_OK);
	EQ(res.access, NFS_ACC_READ);
	WANT(nfs_access(root(), &fh, 0, &res), NFS_OK);
	EQ(res.access, 0);
	WANT(nfs_access(root(), &fh, 0xffffffc0, &res), NFS_OK);
	EQ(res.access, 0);
}

CASE(ACCESS_lets_root_execute_only_if_someone_may)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0600);

	WANT(nfs_access(root(), &fh, NFS_ACC_EXECUTE, &res), NFS_OK);
	EQ(res.access, 0);
	WANT(nfs_setattr(root(), &fh, set_mode(0601), &res), NFS_OK);
	WANT(nfs_access(root(), &fh, NFS_ACC_EXECUTE, &res), NFS_OK);
	EQ(res.access, NFS_ACC_EXECUTE);
}

CASE(FSSTAT_tells_space_that_makes_sense)
{
	WANT(nfs_fsstat(root(), top(), &res), NFS_OK);
	TRUE(res.obj.ok);
	TRUE(res.total_bytes > 0);
	TRUE(res.free_bytes <= res.total_bytes);
	TRUE(res.avail_bytes <= res.free_bytes);
	TRUE(res.total_files > 0);
	TRUE(res.free_files <= res.total_files);
	TRUE(res.avail_files <= res.free_files);
}

CASE(FSINFO_tells_sizes_that_are_kept)
{
	WANT(nfs_fsinfo(root(), top(), &res), NFS_OK);
	TRUE(res.obj.ok);
	TRUE(res.rtmax >= 1 << 20 && res.wtmax >= 1 << 20);
	TRUE(res.rtpref > 0 && res.rtpref <= res.rtmax);
	TRUE(res.wtpref > 0 && res.wtpref <= res.wtmax);
	TRUE(res.rtmult > 0 && res.wtmult > 0 && res.dtpref >= 4096);
	TRUE(res.maxfilesize >= 1ull << 40 && res.maxfilesize <= INT64_MAX);
	TRUE((res.properties & ~0x1bu) == 0);
	TRUE((res.properties & 1) != 0 && (res.properties & 2) != 0);	/* links of both kinds */
	TRUE((res.properties & 8) != 0 && (res.properties & 16) != 0);	/* homogeneous, times */
	TRUE(res.time_delta.sec == 0 && res.time_delta.nsec > 0);
}

CASE(PATHCONF_tells_names_of_255_bytes_without_truncation)
{
	WANT(nfs_pathconf(root(), top(), &res), NFS_OK);
	TRUE(res.obj.ok);
	EQ(res.name_max, 255);
	TRUE(res.linkmax >= 32000);
	EQ(res.no_trunc, true);
	EQ(res.chown_restricted, true);
	EQ(res.case_insensitive, false);
	EQ(res.case_preserving, true);
}

CASE(fsid_is_one_over_the_whole_export)
{
	struct nfs_fh dir = fresh(), sub = make_dir(&dir, "sub", 0755);
	struct nfs_fh fh = make_file(&sub, "file", 0644);

	EQ(attr_of(&fh).fsid, attr_of(top()).fsid);
	EQ(attr_of(&sub).fsid, attr_of(top()).fsid);
}
