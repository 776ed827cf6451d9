/*
 * Who may do what: groups, sticky and setgid directories, squashed and absent credentials,
 * ownership.
 */
#include "tests/wire/wire.h"

CASE(a_supplementary_group_gives_its_rights)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0660);
	struct nfs n = wire_dial();

	WANT(nfs_setattr(root(), &fh, set_owner(0, 5000), &res), NFS_OK);
	n.cred.uid = n.cred.gid = 1001;
	WANT(nfs_read(&n, &fh, 0, 1, &res), NFS_ACCES);
	n.cred.gids[0] = 4000;
	n.cred.gids[1] = 5000;
	n.cred.gid_count = 2;
	WANT(nfs_read(&n, &fh, 0, 1, &res), NFS_OK);
	WANT(nfs_write(&n, &fh, 0, "x", 1, NFS_FILE_SYNC, &res), NFS_OK);
	nfs_hangup(&n);
}

CASE(sixteen_groups_are_all_heard)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0060);
	struct nfs n = wire_dial();

	WANT(nfs_setattr(root(), &fh, set_owner(0, 5015), &res), NFS_OK);
	n.cred.uid = n.cred.gid = 1001;
	n.cred.gid_count = 16;
	for (uint32_t i = 0; i < 16; i++)
		n.cred.gids[i] = 5000 + i;
	WANT(nfs_read(&n, &fh, 0, 1, &res), NFS_OK);
	nfs_hangup(&n);
}

CASE(group_rights_count_before_those_of_others)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0606);

	WANT(nfs_setattr(root(), &fh, set_owner(0, 1001), &res), NFS_OK);
	WANT(nfs_read(user(1001), &fh, 0, 1, &res), NFS_ACCES);
	WANT(nfs_read(user(1002), &fh, 0, 1, &res), NFS_OK);
}

CASE(an_owner_without_rights_has_none_by_his_group)
{
	struct nfs_fh dir = fresh(), sub = make_dir(&dir, "sub", 0077);

	WANT(nfs_setattr(root(), &sub, set_owner(1001, 1001), &res), NFS_OK);
	WANT(nfs_lookup(user(1001), &sub, "x", &res), NFS_ACCES);
	WANT(nfs_create(user(1001), &sub, "x", 0644, &res), NFS_ACCES);
	WANT(nfs_create(user(1002), &sub, "x", 0644, &res), NFS_OK);
}

CASE(root_may_all)
{
	struct nfs_fh dir = fresh(), sub = make_dir(&dir, "sub", 0);
	struct nfs_fh fh = make_file(&sub, "x", 0);

	WANT(nfs_setattr(root(), &sub, set_owner(1001, 1001), &res), NFS_OK);
	WANT(nfs_write(root(), &fh, 0, "x", 1, NFS_FILE_SYNC, &res), NFS_OK);
	WANT(nfs_read(root(), &fh, 0, 1, &res), NFS_OK);
	WANT(nfs_readdir(root(), &sub, 0, NULL, 4096, &res), NFS_OK);
	WANT(nfs_remove(root(), &sub, "x", &res), NFS_OK);
}

CASE(a_setgid_directory_gives_its_group_and_to_directories_the_bit)
{
	struct nfs_fh dir = fresh(), sub = make_dir(&dir, "sub", 0755);

	WANT(nfs_setattr(root(), &sub, set_owner(0, 5000), &res), NFS_OK);
	WANT(nfs_setattr(root(), &sub, set_mode(02777), &res), NFS_OK);
	WANT(nfs_create(user(1001), &sub, "file", 0644, &res), NFS_OK);
	EQ(res.obj.gid, 5000);
	EQ(res.obj.uid, 1001);
	EQ(res.obj.mode, 0644);
	WANT(nfs_mkdir(user(1001), &sub, "deep", 0755, &res), NFS_OK);
	EQ(res.obj.gid, 5000);
	EQ(res.obj.mode, 02755);
	WANT(nfs_symlink(user(1001), &sub, "link", "x", &res), NFS_OK);
	EQ(res.obj.gid, 5000);
	WANT(nfs_mknod(user(1001), &sub, "fifo", NFS_FIFO, 0644, &res), NFS_OK);
	EQ(res.obj.gid, 5000);
}

CASE(setgid_set_by_one_who_is_not_in_the_group_is_dropped)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0755);

	WANT(nfs_setattr(root(), &fh, set_owner(1001, 5000), &res), NFS_OK);
	WANT(nfs_setattr(user(1001), &fh, set_mode(02755), &res), NFS_OK);
	EQ(attr_of(&fh).mode, 0755);
	WANT(nfs_setattr(root(), &fh, set_owner(1001, 1001), &res), NFS_OK);
	WANT(nfs_setattr(user(1001), &fh, set_mode(02755), &res), NFS_OK);
	EQ(attr_of(&fh).mode, 02755);
}

CASE(an_owner_may_give_to_his_own_groups_only)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0644);
	struct nfs n = wire_dial();

	WANT(nfs_setattr(root(), &fh, set_owner(1001, 1001), &res), NFS_OK);
	n.cred.uid = n.cred.gid = 1001;
	n.cred.gids[0] = 5000;
	n.cred.gid_count = 1;
	WANT2(nfs_setattr(&n, &fh, set_owner(UINT32_MAX, 6000), &res), NFS_PERM, NFS_ACCES);
	WANT(nfs_setattr(&n, &fh, set_owner(UINT32_MAX, 5000), &res), NFS_OK);
	EQ(attr_of(&fh).gid, 5000);
	WANT2(nfs_setattr(&n, &fh, set_owner(1002, UINT32_MAX), &res), NFS_PERM, NFS_ACCES);
	nfs_hangup(&n);
}

CASE(chown_by_a_user_takes_setuid_and_setgid_away)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0755);
	struct nfs n = wire_dial();

	WANT(nfs_setattr(root(), &fh, set_owner(1001, 1001), &res), NFS_OK);
	WANT(nfs_setattr(root(), &fh, set_mode(06755), &res), NFS_OK);
	n.cred.uid = n.cred.gid = 1001;
	n.cred.gids[0] = 5000;
	n.cred.gid_count = 1;
	WANT(nfs_setattr(&n, &fh, set_owner(UINT32_MAX, 5000), &res), NFS_OK);
	EQ(attr_of(&fh).mode, 0755);
	nfs_hangup(&n);
}

CASE(truncate_by_a_user_takes_setuid_and_setgid_away)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0755);

	fill_file(&fh, 0, "abc", 3);
	WANT(nfs_setattr(root(), &fh, set_mode(06777), &res), NFS_OK);
	WANT(nfs_setattr(user(1001), &fh, set_size(1), &res), NFS_OK);
	EQ(attr_of(&fh).mode, 0777);
}

CASE(the_owner_of_a_sticky_directory_may_remove_what_others_made)
{
	struct nfs_fh dir = fresh(), sticky = make_dir(&dir, "sticky", 01777);

	WANT(nfs_setattr(root(), &sticky, set_owner(1001, 1001), &res), NFS_OK);
	WANT(nfs_create(user(1002), &sticky, "file", 0644, &res), NFS_OK);
	WANT2(nfs_remove(user(1003), &sticky, "file", &res), NFS_ACCES, NFS_PERM);
	WANT(nfs_remove(user(1001), &sticky, "file", &res), NFS_OK);
}

CASE(AUTH_NONE_is_nobody_or_refused)
{
	struct nfs_fh dir = fresh(), shut = make_file(&dir, "shut", 0600);
	struct nfs n = wire_dial();

	n.cred = (struct rpc_cred){ .flavor = RPC_AUTH_NONE };
	int status = nfs_read(&n, &shut, 0, 1, &res);

	if (status == NFS_RPC_ERROR) {
		EQ(res.rpc.state, RPC_DENIED);
		EQ(res.rpc.reject, RPC_AUTH_ERROR);
	} else {
		WANT(status, NFS_ACCES);
		WANT(nfs_create(&n, &dir, "by-nobody", 0644, &res), NFS_OK);
		TRUE(res.obj.uid != 0);
	}
	nfs_hangup(&n);
}

CASE(moving_a_directory_to_another_parent_needs_the_right_to_write_in_it)
{
	struct nfs_fh dir = fresh(), sub = make_dir(&dir, "sub", 0755);

	make_dir(&dir, "to", 0777);
	WANT(nfs_lookup(root(), &dir, "to", &res), NFS_OK);
	struct nfs_fh to = res.fh;

	(void)sub;		/* root's, 0755: its ".." would have to be written */
	WANT(nfs_rename(user(1001), &dir, "sub", &to, "sub", &res), NFS_ACCES);
	WANT(nfs_rename(user(1001), &dir, "sub", &dir, "renamed", &res), NFS_OK);
}
