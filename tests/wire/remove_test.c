/*
 * REMOVE, RMDIR, RENAME, LINK.  RFC 1813 §3.3.12–15.
 */
#include "tests/wire/wire.h"

#include <stdio.h>

CASE(REMOVE_takes_a_name_away)
{
	struct nfs_fh dir = fresh();

	make_file(&dir, "file", 0644);
	WANT(nfs_remove(root(), &dir, "file", &res), NFS_OK);
	WCC(res.wcc);
	WANT(nfs_lookup(root(), &dir, "file", &res), NFS_NOENT);
}

CASE(REMOVE_of_a_name_that_is_not_there_is_noent)
{
	struct nfs_fh dir = fresh();

	WANT(nfs_remove(root(), &dir, "nothing", &res), NFS_NOENT);
	TRUE(res.wcc.after.ok);
}

CASE(REMOVE_of_a_directory_is_refused)
{
	struct nfs_fh dir = fresh();

	make_dir(&dir, "sub", 0755);
	WANT2(nfs_remove(root(), &dir, "sub", &res), NFS_ISDIR, NFS_PERM);
	WANT(nfs_lookup(root(), &dir, "sub", &res), NFS_OK);
}

CASE(REMOVE_of_a_link_leaves_its_target)
{
	struct nfs_fh dir = fresh();

	make_file(&dir, "file", 0644);
	WANT(nfs_symlink(root(), &dir, "link", "file", &res), NFS_OK);
	WANT(nfs_remove(root(), &dir, "link", &res), NFS_OK);
	WANT(nfs_lookup(root(), &dir, "file", &res), NFS_OK);
}

CASE(RMDIR_takes_an_empty_directory_away)
{
	struct nfs_fh dir = fresh();

	make_dir(&dir, "sub", 0755);
	WANT(nfs_rmdir(root(), &dir, "sub", &res), NFS_OK);
	WCC(res.wcc);
	EQ(res.wcc.after.nlink, 2);
	WANT(nfs_lookup(root(), &dir, "sub", &res), NFS_NOENT);
}

CASE(RMDIR_of_a_name_that_is_not_there_is_noent)
{
	struct nfs_fh dir = fresh();

	WANT(nfs_rmdir(root(), &dir, "nothing", &res), NFS_NOENT);
}

CASE(RMDIR_of_a_file_is_notdir)
{
	struct nfs_fh dir = fresh();

	make_file(&dir, "file", 0644);
	WANT(nfs_rmdir(root(), &dir, "file", &res), NFS_NOTDIR);
	WANT(nfs_symlink(root(), &dir, "link", ".", &res), NFS_OK);
	WANT(nfs_rmdir(root(), &dir, "link", &res), NFS_NOTDIR);
}

CASE(RMDIR_of_a_directory_with_something_in_it_is_notempty)
{
	struct nfs_fh dir = fresh(), sub = make_dir(&dir, "sub", 0755);

	make_file(&sub, "file", 0644);
	WANT(nfs_rmdir(root(), &dir, "sub", &res), NFS_NOTEMPTY);
	WANT(nfs_remove(root(), &sub, "file", &res), NFS_OK);
	make_dir(&sub, "deep", 0755);
	WANT(nfs_rmdir(root(), &dir, "sub", &res), NFS_NOTEMPTY);
	WANT(nfs_rmdir(root(), &sub, "deep", &res), NFS_OK);
	WANT(nfs_rmdir(root(), &dir, "sub", &res), NFS_OK);
}

CASE(RMDIR_of_dot_is_inval_and_of_dotdot_exist)
{
	struct nfs_fh dir = fresh(), sub = make_dir(&dir, "sub", 0755);

	WANT(nfs_rmdir(root(), &sub, ".", &res), NFS_INVAL);
	WANT2(nfs_rmdir(root(), &sub, "..", &res), NFS_EXIST, NFS_NOTEMPTY);
}

CASE(REMOVE_of_dot_and_dotdot_is_refused)
{
	struct nfs_fh dir = fresh(), sub = make_dir(&dir, "sub", 0755);

	TRUE(nfs_remove(root(), &sub, ".", &res) > 0);
	TRUE(nfs_remove(root(), &sub, "..", &res) > 0);
	WANT(nfs_lookup(root(), &dir, "sub", &res), NFS_OK);
}

static int
take_away(enum nfs_proc proc, struct nfs *n, const struct nfs_fh *dir, const char *name)
{
	struct nfs_call c = { .proc = proc, .fh = dir, .name = name };

	return nfs_run(n, &c, &res);
}

#define TAKING(proc, make)							\
	CASE(proc##_in_a_file_is_notdir)					\
	{									\
		struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0777);\
		WANT(take_away(NFS_##proc, root(), &fh, "x"), NFS_NOTDIR);	\
	}									\
	CASE(proc##_without_the_right_to_write_is_acces)			\
	{									\
		struct nfs_fh dir = fresh(), sub = make_dir(&dir, "sub", 0755);	\
		make(&sub, "x", 0777);						\
		WANT(take_away(NFS_##proc, user(1001), &sub, "x"), NFS_ACCES);	\
		WANT(nfs_lookup(root(), &sub, "x", &res), NFS_OK);		\
	}									\
	CASE(proc##_in_a_sticky_directory_is_for_owners)			\
	{									\
		struct nfs_fh dir = fresh(), sub = make_dir(&dir, "sub", 01777);\
		make(&sub, "x", 0777);						\
		WANT2(take_away(NFS_##proc, user(1001), &sub, "x"), NFS_ACCES, NFS_PERM);\
		WANT(nfs_lookup(root(), &sub, "x", &res), NFS_OK);		\
		struct nfs_fh fh = res.fh;					\
		WANT(nfs_setattr(root(), &fh, set_owner(1001, 1001), &res), NFS_OK);\
		WANT(take_away(NFS_##proc, user(1001), &sub, "x"), NFS_OK);	\
	}
TAKING(REMOVE, make_file) TAKING(RMDIR, make_dir)

CASE(RENAME_moves_a_name_and_tells_both_directories)
{
	struct nfs_fh dir = fresh(), a = make_dir(&dir, "a", 0755), b = make_dir(&dir, "b", 0755);
	struct nfs_fh fh = make_file(&a, "x", 0644);

	WANT(nfs_rename(root(), &a, "x", &b, "y", &res), NFS_OK);
	WCC(res.wcc);
	WCC(res.to_wcc);
	EQ(res.wcc.after.fileid, attr_of(&a).fileid);
	EQ(res.to_wcc.after.fileid, attr_of(&b).fileid);
	WANT(nfs_lookup(root(), &a, "x", &res), NFS_NOENT);
	WANT(nfs_lookup(root(), &b, "y", &res), NFS_OK);
	TRUE(same_fh(&res.fh, &fh));
}

CASE(RENAME_of_a_name_that_is_not_there_is_noent)
{
	struct nfs_fh dir = fresh();

	make_file(&dir, "target", 0644);
	WANT(nfs_rename(root(), &dir, "nothing", &dir, "target", &res), NFS_NOENT);
	WANT(nfs_lookup(root(), &dir, "target", &res), NFS_OK);
}

CASE(RENAME_over_a_file_replaces_it)
{
	struct nfs_fh dir = fresh(), x = make_file(&dir, "x", 0644), y = make_file(&dir, "y", 0644);

	WANT(nfs_rename(root(), &dir, "x", &dir, "y", &res), NFS_OK);
	WANT(nfs_lookup(root(), &dir, "y", &res), NFS_OK);
	TRUE(same_fh(&res.fh, &x));
	WANT(nfs_getattr(root(), &y, &res), NFS_STALE);
	WANT(nfs_lookup(root(), &dir, "x", &res), NFS_NOENT);
}

CASE(RENAME_over_an_empty_directory_replaces_it)
{
	struct nfs_fh dir = fresh(), x = make_dir(&dir, "x", 0755);

	make_dir(&dir, "y", 0755);
	WANT(nfs_rename(root(), &dir, "x", &dir, "y", &res), NFS_OK);
	WANT(nfs_lookup(root(), &dir, "y", &res), NFS_OK);
	TRUE(same_fh(&res.fh, &x));
	EQ(attr_of(&dir).nlink, 3);
}

CASE(RENAME_over_a_directory_with_something_in_it_is_notempty)
{
	struct nfs_fh dir = fresh(), y;

	make_dir(&dir, "x", 0755);
	y = make_dir(&dir, "y", 0755);
	make_file(&y, "file", 0644);
	WANT2(nfs_rename(root(), &dir, "x", &dir, "y", &res), NFS_NOTEMPTY, NFS_EXIST);
	WANT(nfs_lookup(root(), &dir, "x", &res), NFS_OK);
}

CASE(RENAME_of_a_directory_over_a_file_is_notdir)
{
	struct nfs_fh dir = fresh();

	make_dir(&dir, "x", 0755);
	make_file(&dir, "y", 0644);
	WANT2(nfs_rename(root(), &dir, "x", &dir, "y", &res), NFS_NOTDIR, NFS_EXIST);
}

CASE(RENAME_of_a_file_over_a_directory_is_isdir)
{
	struct nfs_fh dir = fresh();

	make_file(&dir, "x", 0644);
	make_dir(&dir, "y", 0755);
	WANT2(nfs_rename(root(), &dir, "x", &dir, "y", &res), NFS_ISDIR, NFS_EXIST);
}

CASE(RENAME_of_a_directory_into_itself_is_inval)
{
	struct nfs_fh dir = fresh(), x = make_dir(&dir, "x", 0755), deep = make_dir(&x, "d", 0755);

	WANT(nfs_rename(root(), &dir, "x", &x, "y", &res), NFS_INVAL);
	WANT(nfs_rename(root(), &dir, "x", &deep, "y", &res), NFS_INVAL);
	WANT(nfs_lookup(root(), &dir, "x", &res), NFS_OK);
}

CASE(RENAME_of_a_directory_over_its_own_parent_is_notempty)
{
	struct nfs_fh dir = fresh(), x = make_dir(&dir, "x", 0755);

	make_dir(&x, "y", 0755);
	WANT2(nfs_rename(root(), &x, "y", &dir, "x", &res), NFS_NOTEMPTY, NFS_EXIST);
}

CASE(RENAME_to_itself_does_nothing)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "x", 0644);

	WANT(nfs_rename(root(), &dir, "x", &dir, "x", &res), NFS_OK);
	WANT(nfs_lookup(root(), &dir, "x", &res), NFS_OK);
	TRUE(same_fh(&res.fh, &fh));
}

CASE(RENAME_to_another_link_of_the_same_file_does_nothing)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "x", 0644);

	WANT(nfs_link(root(), &fh, &dir, "y", &res), NFS_OK);
	WANT(nfs_rename(root(), &dir, "x", &dir, "y", &res), NFS_OK);
	WANT(nfs_lookup(root(), &dir, "x", &res), NFS_OK);
	WANT(nfs_lookup(root(), &dir, "y", &res), NFS_OK);
	EQ(attr_of(&fh).nlink, 2);
}

CASE(RENAME_of_dot_and_dotdot_is_inval)
{
	struct nfs_fh dir = fresh(), sub = make_dir(&dir, "sub", 0755);

	WANT2(nfs_rename(root(), &sub, ".", &dir, "y", &res), NFS_INVAL, NFS_EXIST);
	WANT2(nfs_rename(root(), &sub, "..", &dir, "y", &res), NFS_INVAL, NFS_EXIST);
}

CASE(RENAME_from_or_to_a_file_as_directory_is_notdir)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0777);

	WANT(nfs_rename(root(), &fh, "x", &dir, "y", &res), NFS_NOTDIR);
	WANT(nfs_rename(root(), &dir, "file", &fh, "y", &res), NFS_NOTDIR);
}

CASE(RENAME_to_a_removed_directory_is_stale)
{
	struct nfs_fh dir = fresh(), gone = stale_dir();

	make_file(&dir, "x", 0644);
	WANT(nfs_rename(root(), &dir, "x", &gone, "y", &res), NFS_STALE);
	WANT(nfs_lookup(root(), &dir, "x", &res), NFS_OK);
}

CASE(RENAME_needs_the_right_to_write_in_both_directories)
{
	struct nfs_fh dir = fresh(), shut = make_dir(&dir, "shut", 0755);

	make_file(&dir, "x", 0666);
	make_file(&shut, "y", 0666);
	WANT(nfs_rename(user(1001), &dir, "x", &shut, "z", &res), NFS_ACCES);
	WANT(nfs_rename(user(1001), &shut, "y", &dir, "z", &res), NFS_ACCES);
	WANT(nfs_lookup(root(), &dir, "x", &res), NFS_OK);
	WANT(nfs_lookup(root(), &shut, "y", &res), NFS_OK);
}

CASE(RENAME_from_and_over_in_a_sticky_directory_is_for_owners)
{
	struct nfs_fh dir = fresh(), sticky = make_dir(&dir, "sticky", 01777);

	make_file(&sticky, "roots", 0666);
	WANT2(nfs_rename(user(1001), &sticky, "roots", &sticky, "z", &res), NFS_ACCES, NFS_PERM);
	WANT(nfs_create(user(1001), &sticky, "own", 0644, &res), NFS_OK);
	WANT2(nfs_rename(user(1001), &sticky, "own", &sticky, "roots", &res), NFS_ACCES, NFS_PERM);
	WANT(nfs_rename(user(1001), &sticky, "own", &sticky, "new", &res), NFS_OK);
}

CASE(RENAME_to_another_export_is_xdev)
{
	struct nfs_fh dir = fresh(), other = wire_mount(wire_need("DFS_TEST_NFS_OTHER"));

	make_file(&dir, "x", 0644);
	WANT(nfs_rename(root(), &dir, "x", &other, "wire-x", &res), NFS_XDEV);
}

CASE(LINK_to_another_export_is_xdev)
{
	struct nfs_fh dir = fresh(), other = wire_mount(wire_need("DFS_TEST_NFS_OTHER"));
	struct nfs_fh fh = make_file(&dir, "x", 0644);

	WANT(nfs_link(root(), &fh, &other, "wire-x", &res), NFS_XDEV);
}

CASE(LINK_gives_a_file_a_second_name)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "x", 0644);
	struct nfs_attr was = attr_of(&fh);

	sleep_ms(20);
	WANT(nfs_link(root(), &fh, &dir, "y", &res), NFS_OK);
	TRUE(res.obj.ok);
	EQ(res.obj.nlink, 2);
	WCC(res.to_wcc);
	TRUE(time_cmp(attr_of(&fh).ctime, was.ctime) > 0);
	TRUE(time_cmp(attr_of(&fh).mtime, was.mtime) == 0);
	WANT(nfs_remove(root(), &dir, "x", &res), NFS_OK);
	EQ(attr_of(&fh).nlink, 1);
}

CASE(LINK_over_a_name_that_exists_is_exist)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "x", 0644);

	make_file(&dir, "y", 0644);
	WANT(nfs_link(root(), &fh, &dir, "y", &res), NFS_EXIST);
	WANT(nfs_link(root(), &fh, &dir, "x", &res), NFS_EXIST);
	EQ(attr_of(&fh).nlink, 1);
}

CASE(LINK_of_a_directory_is_refused)
{
	struct nfs_fh dir = fresh(), sub = make_dir(&dir, "sub", 0755);

	int status = nfs_link(root(), &sub, &dir, "y", &res);

	TRUE(status == NFS_ISDIR || status == NFS_INVAL || status == NFS_PERM);
	WANT(nfs_lookup(root(), &dir, "y", &res), NFS_NOENT);
}

CASE(LINK_in_a_file_is_notdir)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "x", 0777);

	WANT(nfs_link(root(), &fh, &fh, "y", &res), NFS_NOTDIR);
}

CASE(LINK_of_a_removed_file_is_stale)
{
	struct nfs_fh dir = fresh(), gone = stale_file();

	WANT(nfs_link(root(), &gone, &dir, "y", &res), NFS_STALE);
}

CASE(LINK_of_a_symlink_and_of_a_fifo_links_the_object_itself)
{
	struct nfs_fh dir = fresh();

	WANT(nfs_symlink(root(), &dir, "link", "nowhere", &res), NFS_OK);
	struct nfs_fh link = res.fh;

	WANT(nfs_link(root(), &link, &dir, "link2", &res), NFS_OK);
	WANT(nfs_lookup(root(), &dir, "link2", &res), NFS_OK);
	EQ(res.obj.type, NFS_LNK);
	EQ(res.obj.nlink, 2);
	WANT(nfs_mknod(root(), &dir, "fifo", NFS_FIFO, 0644, &res), NFS_OK);
	struct nfs_fh fifo = res.fh;

	WANT(nfs_link(root(), &fifo, &dir, "fifo2", &res), NFS_OK);
	EQ(attr_of(&fifo).nlink, 2);
}

CASE(LINK_without_the_right_to_write_is_acces)
{
	struct nfs_fh dir = fresh(), sub = make_dir(&dir, "sub", 0755);
	struct nfs_fh fh = make_file(&sub, "x", 0666);

	WANT(nfs_link(user(1001), &fh, &sub, "y", &res), NFS_ACCES);
}

/* Only a server with a small limit can be brought there in a test. */
CASE(LINK_beyond_linkmax_is_mlink)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "x", 0644);
	char name[32];

	WANT(nfs_pathconf(root(), &fh, &res), NFS_OK);
	uint32_t max = res.linkmax;

	if (max > 70000)
		check_skip("linkmax is %u", max);
	for (uint32_t i = 1; i < max; i += 128) {
		uint32_t xids[128], n = 0;

		for (uint32_t k = i; k < max && n < 128; k++) {
			struct nfs_call c = { .proc = NFS_LINK, .fh = &fh, .to_fh = &dir,
				.to_name = name };

			snprintf(name, sizeof name, "l%u", k);
			TRUE(nfs_send(root(), &c));
			xids[n++] = root()->xid;
		}
		for (uint32_t k = 0; k < n; k++)
			WANT(nfs_recv(root(), NFS_LINK, xids[k], &res), NFS_OK);
	}
	EQ(attr_of(&fh).nlink, max);
	WANT(nfs_link(root(), &fh, &dir, "one-more", &res), NFS_MLINK);
}
