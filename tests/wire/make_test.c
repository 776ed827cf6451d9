/*
 * CREATE in its three ways, MKDIR, SYMLINK, MKNOD.  RFC 1813 §3.3.8–11.
 */
#include "tests/wire/wire.h"

#include <string.h>

static int
create_how(const struct nfs_fh *dir, const char *name, uint32_t how, struct nfs_sattr attr,
    const char *verf)
{
	struct nfs_call c = { .proc = NFS_CREATE, .fh = dir, .name = name, .how = how,
		.attr = attr };

	if (verf != NULL)
		memcpy(c.verf, verf, 8);
	return nfs_run(root(), &c, &res);
}

/* What each of the four says when it worked. */
static void
made(const struct nfs_fh *dir, uint32_t type, uint32_t mode)
{
	TRUE(res.fh_ok && res.obj.ok);
	EQ(res.obj.type, type);
	if (type != NFS_LNK)
		EQ(res.obj.mode, mode);
	EQ(res.obj.nlink, type == NFS_DIR ? 2 : 1);
	WCC(res.wcc);
	EQ(res.wcc.after.fileid, attr_of(dir).fileid);
	TRUE(time_cmp(res.wcc.after.mtime, res.wcc.mtime) >= 0);
}

CASE(CREATE_guarded_makes_a_file)
{
	struct nfs_fh dir = fresh();

	WANT(create_how(&dir, "file", NFS_GUARDED, set_mode(0604), NULL), NFS_OK);
	made(&dir, NFS_REG, 0604);
}

CASE(CREATE_guarded_of_a_name_that_exists_is_exist)
{
	struct nfs_fh dir = fresh();

	make_file(&dir, "file", 0644);
	WANT(create_how(&dir, "file", NFS_GUARDED, set_mode(0600), NULL), NFS_EXIST);
	TRUE(res.wcc.after.ok);
	make_dir(&dir, "dir", 0755);
	WANT(create_how(&dir, "dir", NFS_GUARDED, set_mode(0600), NULL), NFS_EXIST);
}

CASE(CREATE_unchecked_takes_a_file_that_exists_and_its_size_is_set)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0644);

	fill_file(&fh, 0, "content", 7);
	WANT(create_how(&dir, "file", NFS_UNCHECKED, set_mode(0600), NULL), NFS_OK);
	TRUE(!res.fh_ok || same_fh(&res.fh, &fh));
	EQ(attr_of(&fh).size, 7);
	WANT(create_how(&dir, "file", NFS_UNCHECKED, set_size(0), NULL), NFS_OK);
	EQ(attr_of(&fh).size, 0);
}

CASE(CREATE_unchecked_makes_a_file_with_attributes)
{
	struct nfs_fh dir = fresh();
	struct nfs_sattr set = set_owner(1001, 1002);

	set.mode_set = true;
	set.mode = 0620;
	set.size_set = true;
	set.size = 12345;
	set.mtime_how = NFS_CLIENT_TIME;
	set.mtime = (struct nfs_time){ 1234567890, 42 };
	WANT(create_how(&dir, "file", NFS_UNCHECKED, set, NULL), NFS_OK);
	made(&dir, NFS_REG, 0620);
	struct nfs_fh fh = res.fh;
	struct nfs_attr now = attr_of(&fh);

	EQ(now.uid, 1001);
	EQ(now.gid, 1002);
	EQ(now.size, 12345);
	EQ(now.mtime.sec, 1234567890);
	EQ(now.mtime.nsec, 42);
}

CASE(CREATE_unchecked_of_a_directory_that_exists_is_refused)
{
	struct nfs_fh dir = fresh();

	make_dir(&dir, "dir", 0755);
	WANT2(create_how(&dir, "dir", NFS_UNCHECKED, set_mode(0600), NULL), NFS_EXIST, NFS_ISDIR);
}

CASE(CREATE_exclusive_again_with_the_same_verifier_answers_the_same_file)
{
	struct nfs_fh dir = fresh(), fh;

	WANT(create_how(&dir, "file", NFS_EXCLUSIVE, set_mode(0), "\0\1\2\3\4\5\6\7"), NFS_OK);
	TRUE(res.fh_ok);
	fh = res.fh;
	WANT(create_how(&dir, "file", NFS_EXCLUSIVE, set_mode(0), "\0\1\2\3\4\5\6\7"), NFS_OK);
	TRUE(res.fh_ok && same_fh(&res.fh, &fh));
	EQ(attr_of(&fh).size, 0);
}

CASE(CREATE_exclusive_with_another_verifier_is_exist)
{
	struct nfs_fh dir = fresh();

	WANT(create_how(&dir, "file", NFS_EXCLUSIVE, set_mode(0), "verifier"), NFS_OK);
	WANT(create_how(&dir, "file", NFS_EXCLUSIVE, set_mode(0), "verifies"), NFS_EXIST);
	WANT(create_how(&dir, "file", NFS_EXCLUSIVE, set_mode(0), "Verifier"), NFS_EXIST);
}

CASE(CREATE_exclusive_over_an_ordinary_file_is_exist)
{
	struct nfs_fh dir = fresh();

	make_file(&dir, "file", 0644);
	WANT(create_how(&dir, "file", NFS_EXCLUSIVE, set_mode(0), "\0\0\0\0\0\0\0\0"), NFS_EXIST);
	WANT(create_how(&dir, "file", NFS_EXCLUSIVE, set_mode(0), "verifier"), NFS_EXIST);
}

CASE(CREATE_exclusive_then_SETATTR_gives_mode_and_true_times)
{
	struct nfs_fh dir = fresh(), fh;
	struct nfs_sattr set = set_mode(0640);

	WANT(create_how(&dir, "file", NFS_EXCLUSIVE, set_mode(0), "verifier"), NFS_OK);
	fh = res.fh;
	set.atime_how = set.mtime_how = NFS_SERVER_TIME;
	WANT(nfs_setattr(root(), &fh, set, &res), NFS_OK);
	EQ(attr_of(&fh).mode, 0640);
	TRUE(attr_of(&fh).mtime.sec + 60 > attr_of(&dir).mtime.sec);
	TRUE(attr_of(&fh).mtime.sec < attr_of(&dir).mtime.sec + 60);
}

CASE(CREATE_with_an_unknown_way_is_garbage)
{
	struct nfs_fh dir = fresh();

	WANT(create_how(&dir, "file", 3, set_mode(0644), NULL), NFS_RPC_ERROR);
	EQ(res.rpc.accept, RPC_GARBAGE_ARGS);
}

CASE(CREATE_by_eight_at_once_makes_one_file_and_one_winner)
{
	struct nfs_fh dir = fresh();
	struct nfs n[8];
	struct nfs_call c = { .proc = NFS_CREATE, .fh = &dir, .name = "one", .how = NFS_GUARDED,
		.attr = set_mode(0644) };
	int won = 0;

	for (int i = 0; i < 8; i++)
		n[i] = wire_dial();
	for (int i = 0; i < 8; i++)
		TRUE(nfs_send(&n[i], &c));
	for (int i = 0; i < 8; i++) {
		WANT2(nfs_recv(&n[i], NFS_CREATE, n[i].xid, &res), NFS_OK, NFS_EXIST);
		won += res.status == NFS_OK;
		nfs_hangup(&n[i]);
	}
	EQ(won, 1);
}

CASE(MKDIR_makes_a_directory)
{
	struct nfs_fh dir = fresh();

	WANT(nfs_mkdir(root(), &dir, "sub", 0750, &res), NFS_OK);
	made(&dir, NFS_DIR, 0750);
	struct nfs_fh sub = res.fh;

	EQ(attr_of(&dir).nlink, 3);
	WANT(nfs_readdir(root(), &sub, 0, NULL, 4096, &res), NFS_OK);
	EQ(res.entry_count, 2);
}

CASE(SYMLINK_makes_a_link)
{
	struct nfs_fh dir = fresh();

	WANT(nfs_symlink(root(), &dir, "link", "target", &res), NFS_OK);
	made(&dir, NFS_LNK, 0777);
}

CASE(SYMLINK_of_a_target_too_long_is_nametoolong)
{
	struct nfs_fh dir = fresh();

	WANT(nfs_symlink(root(), &dir, "link", long_name(4096), &res), NFS_NAMETOOLONG);
	WANT(nfs_lookup(root(), &dir, "link", &res), NFS_NOENT);
}

CASE(SYMLINK_of_an_empty_target_is_refused_or_kept)
{
	struct nfs_fh dir = fresh();
	int status = nfs_symlink(root(), &dir, "link", "", &res);

	if (status == NFS_OK) {
		struct nfs_fh link = res.fh;

		WANT(nfs_readlink(root(), &link, &res), NFS_OK);
		EQ_STR(res.path, "");
	} else if (status != NFS_INVAL && status != NFS_NOENT && status != NFS_ACCES) {
		check_fail(__FILE__, __LINE__, "SYMLINK to nothing is %s", nfs_stat_name(status));
	}
}

CASE(MKNOD_makes_fifo_socket_and_devices)
{
	struct nfs_fh dir = fresh();
	static const struct { uint32_t type; const char *name; } kinds[] = {
		{ NFS_FIFO, "fifo" }, { NFS_SOCK, "socket" }, { NFS_CHR, "chr" }, { NFS_BLK, "blk" }
	};

	for (int i = 0; i < 4; i++) {
		WANT(nfs_mknod(root(), &dir, kinds[i].name, kinds[i].type, 0621, &res), NFS_OK);
		made(&dir, kinds[i].type, 0621);
		if (kinds[i].type == NFS_CHR || kinds[i].type == NFS_BLK) {
			EQ(res.obj.major, 3);
			EQ(res.obj.minor, 7);
		}
		WANT(nfs_lookup(root(), &dir, kinds[i].name, &res), NFS_OK);
		EQ(res.obj.type, kinds[i].type);
		WANT(nfs_remove(root(), &dir, kinds[i].name, &res), NFS_OK);
	}
}

CASE(MKNOD_of_a_file_directory_or_link_is_badtype)
{
	struct nfs_fh dir = fresh();

	WANT(nfs_mknod(root(), &dir, "node", NFS_REG, 0644, &res), NFS_BADTYPE);
	WANT(nfs_mknod(root(), &dir, "node", NFS_DIR, 0644, &res), NFS_BADTYPE);
	WANT(nfs_mknod(root(), &dir, "node", NFS_LNK, 0644, &res), NFS_BADTYPE);
}

CASE(MKNOD_of_an_unknown_type_is_badtype_or_garbage)
{
	struct nfs_fh dir = fresh();

	WANT2(nfs_mknod(root(), &dir, "node", 8, 0644, &res), NFS_BADTYPE, NFS_RPC_ERROR);
	if (res.status == NFS_RPC_ERROR)
		EQ(res.rpc.accept, RPC_GARBAGE_ARGS);
}

CASE(MKNOD_of_a_device_by_a_user_is_perm)
{
	struct nfs_fh dir = fresh();

	WANT2(nfs_mknod(user(1001), &dir, "chr", NFS_CHR, 0644, &res), NFS_PERM, NFS_ACCES);
	WANT2(nfs_mknod(user(1001), &dir, "blk", NFS_BLK, 0644, &res), NFS_PERM, NFS_ACCES);
	WANT(nfs_mknod(user(1001), &dir, "fifo", NFS_FIFO, 0644, &res), NFS_OK);
}

CASE(READ_and_WRITE_of_a_fifo_are_inval)
{
	struct nfs_fh dir = fresh();

	WANT(nfs_mknod(root(), &dir, "fifo", NFS_FIFO, 0666, &res), NFS_OK);
	struct nfs_fh fh = res.fh;

	WANT(nfs_read(root(), &fh, 0, 10, &res), NFS_INVAL);
	WANT(nfs_write(root(), &fh, 0, "x", 1, NFS_FILE_SYNC, &res), NFS_INVAL);
}

static int
make_any(enum nfs_proc proc, struct nfs *n, const struct nfs_fh *dir, const char *name)
{
	struct nfs_call c = { .proc = proc, .fh = dir, .name = name, .to_name = "target",
		.how = NFS_GUARDED, .type = NFS_FIFO, .attr = set_mode(0644) };

	return nfs_run(n, &c, &res);
}

#define MAKING(proc)								\
	CASE(proc##_in_a_file_is_notdir)					\
	{									\
		struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0777);\
		WANT(make_any(NFS_##proc, root(), &fh, "x"), NFS_NOTDIR);	\
	}									\
	CASE(proc##_without_the_right_to_write_is_acces)			\
	{									\
		struct nfs_fh dir = fresh(), sub = make_dir(&dir, "sub", 0755);	\
		WANT(make_any(NFS_##proc, user(1001), &sub, "x"), NFS_ACCES);	\
		TRUE(res.wcc.after.ok);						\
		WANT(nfs_lookup(root(), &sub, "x", &res), NFS_NOENT);		\
	}									\
	CASE(proc##_over_any_kind_of_object_is_exist)				\
	{									\
		struct nfs_fh dir = fresh();					\
		make_file(&dir, "file", 0644);					\
		make_dir(&dir, "dir", 0755);					\
		WANT(nfs_symlink(root(), &dir, "link", "nowhere", &res), NFS_OK);\
		WANT(make_any(NFS_##proc, root(), &dir, "file"), NFS_EXIST);	\
		WANT(make_any(NFS_##proc, root(), &dir, "dir"), NFS_EXIST);	\
		WANT(make_any(NFS_##proc, root(), &dir, "link"), NFS_EXIST);	\
	}									\
	CASE(proc##_gives_the_new_object_to_its_maker)				\
	{									\
		struct nfs_fh dir = fresh();					\
		WANT(make_any(NFS_##proc, user(1001), &dir, "x"), NFS_OK);	\
		EQ(res.obj.uid, 1001);						\
		EQ(res.obj.gid, 1001);						\
	}
MAKING(CREATE) MAKING(MKDIR) MAKING(SYMLINK) MAKING(MKNOD)
