/*
 * LOOKUP and READLINK, and what names may be in every procedure that takes one.
 * RFC 1813 §3.2, 3.3.3, 3.3.5.
 */
#include "tests/wire/wire.h"

#include <string.h>

CASE(LOOKUP_finds_a_file_and_tells_both_attributes)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0640);

	WANT(nfs_lookup(root(), &dir, "file", &res), NFS_OK);
	TRUE(same_fh(&res.fh, &fh));
	TRUE(res.obj.ok && res.dir.ok);
	EQ(res.obj.fileid, attr_of(&fh).fileid);
	EQ(res.obj.mode, 0640);
	EQ(res.dir.type, NFS_DIR);
}

CASE(LOOKUP_of_a_name_that_is_not_there_is_noent)
{
	struct nfs_fh dir = fresh();

	WANT(nfs_lookup(root(), &dir, "nothing", &res), NFS_NOENT);
	TRUE(res.dir.ok);
	make_file(&dir, "nothing", 0600);
	WANT(nfs_lookup(root(), &dir, "nothing", &res), NFS_OK);
	WANT(nfs_remove(root(), &dir, "nothing", &res), NFS_OK);
	WANT(nfs_lookup(root(), &dir, "nothing", &res), NFS_NOENT);
}

CASE(LOOKUP_tells_names_apart_by_case_and_by_byte)
{
	struct nfs_fh dir = fresh(), lower = make_file(&dir, "name", 0600);
	struct nfs_fh upper = make_file(&dir, "NAME", 0600);
	struct nfs_fh composed = make_file(&dir, "\xc3\xa9", 0600);
	struct nfs_fh decomposed = make_file(&dir, "e\xcc\x81", 0600);

	FALSE(same_fh(&lower, &upper));
	FALSE(same_fh(&composed, &decomposed));
	WANT(nfs_lookup(root(), &dir, "NAME", &res), NFS_OK);
	TRUE(same_fh(&res.fh, &upper));
	WANT(nfs_lookup(root(), &dir, "e\xcc\x81", &res), NFS_OK);
	TRUE(same_fh(&res.fh, &decomposed));
	WANT(nfs_lookup(root(), &dir, "Name", &res), NFS_NOENT);
}

CASE(names_are_bytes_whether_utf8_or_not)
{
	struct nfs_fh dir = fresh();
	char name[256];
	size_t len = 0;

	for (int byte = 1; byte < 256; byte++)
		if (byte != '/')
			name[len++] = (char)byte;
	name[len] = '\0';
	make_file(&dir, name, 0600);
	WANT(nfs_lookup(root(), &dir, name, &res), NFS_OK);
	WANT(nfs_readdir(root(), &dir, 0, NULL, 8192, &res), NFS_OK);
	bool seen = false;

	for (size_t i = 0; i < res.entry_count; i++)
		seen |= strcmp(res.entries[i].name, name) == 0;
	TRUE(seen);
	WANT(nfs_remove(root(), &dir, name, &res), NFS_OK);
}

CASE(LOOKUP_in_a_file_is_notdir)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0777);

	WANT(nfs_lookup(root(), &fh, "x", &res), NFS_NOTDIR);
	WANT(nfs_symlink(root(), &dir, "link", ".", &res), NFS_OK);
	struct nfs_fh link = res.fh;

	WANT(nfs_lookup(root(), &link, "x", &res), NFS_NOTDIR);
}

CASE(LOOKUP_without_the_right_to_search_is_acces)
{
	struct nfs_fh dir = fresh(), sub = make_dir(&dir, "sub", 0744);

	make_file(&sub, "file", 0666);
	WANT(nfs_lookup(user(1001), &sub, "file", &res), NFS_ACCES);
	WANT(nfs_lookup(user(1001), &sub, "nothing", &res), NFS_ACCES);
	WANT(nfs_lookup(root(), &sub, "file", &res), NFS_OK);
}

CASE(LOOKUP_of_dot_and_dotdot)
{
	struct nfs_fh dir = fresh(), sub = make_dir(&dir, "sub", 0755);

	WANT(nfs_lookup(root(), &sub, ".", &res), NFS_OK);
	TRUE(same_fh(&res.fh, &sub));
	WANT(nfs_lookup(root(), &sub, "..", &res), NFS_OK);
	TRUE(same_fh(&res.fh, &dir));
}

CASE(LOOKUP_of_dotdot_does_not_leave_the_export)
{
	WANT(nfs_lookup(root(), top(), "..", &res), NFS_OK);
	EQ(res.obj.fileid, attr_of(top()).fileid);
}

CASE(LOOKUP_of_dotdot_follows_a_directory_that_was_moved)
{
	struct nfs_fh dir = fresh(), a = make_dir(&dir, "a", 0755), b = make_dir(&dir, "b", 0755);
	struct nfs_fh sub = make_dir(&a, "sub", 0755);

	WANT(nfs_rename(root(), &a, "sub", &b, "sub", &res), NFS_OK);
	WANT(nfs_lookup(root(), &sub, "..", &res), NFS_OK);
	TRUE(same_fh(&res.fh, &b));
	EQ(attr_of(&a).nlink, 2);
	EQ(attr_of(&b).nlink, 3);
}

/* The procedure with that name, where all else would work if the name did. */
static int
by_name(enum nfs_proc proc, const char *name)
{
	struct nfs_fh dir = fresh(), file = make_file(&dir, "file", 0666);
	struct nfs_call c = { .proc = proc, .fh = &dir, .name = name, .to_fh = &dir,
		.to_name = proc == NFS_LINK ? name : "target", .how = NFS_UNCHECKED,
		.type = NFS_FIFO, .attr = set_mode(0644) };

	if (proc == NFS_LINK)
		c.fh = &file;
	return nfs_run(root(), &c, &res);
}

static int
rename_to(const char *name)
{
	struct nfs_fh dir = fresh();

	make_file(&dir, "file", 0666);
	return nfs_rename(root(), &dir, "file", &dir, name, &res);
}

#define NAMED(proc)								\
	CASE(proc##_of_a_name_of_256_bytes_is_nametoolong)			\
	{									\
		WANT(by_name(NFS_##proc, long_name(256)), NFS_NAMETOOLONG);	\
		WANT(by_name(NFS_##proc, long_name(1000)), NFS_NAMETOOLONG);	\
	}									\
	CASE(proc##_of_an_empty_name_is_acces)					\
	{									\
		WANT2(by_name(NFS_##proc, ""), NFS_ACCES, NFS_INVAL);		\
	}									\
	CASE(proc##_of_a_name_with_a_slash_is_refused)				\
	{									\
		WANT2(by_name(NFS_##proc, "a/b"), NFS_ACCES, NFS_INVAL);	\
	}
NAMED(LOOKUP) NAMED(CREATE) NAMED(MKDIR) NAMED(SYMLINK) NAMED(MKNOD) NAMED(REMOVE) NAMED(RMDIR)
NAMED(RENAME) NAMED(LINK)

#define MADE_AS_DOT(proc)							\
	CASE(proc##_of_dot_or_dotdot_is_exist)					\
	{									\
		WANT2(by_name(NFS_##proc, "."), NFS_EXIST, NFS_ISDIR);		\
		WANT2(by_name(NFS_##proc, ".."), NFS_EXIST, NFS_ISDIR);		\
	}
MADE_AS_DOT(CREATE) MADE_AS_DOT(MKDIR) MADE_AS_DOT(SYMLINK) MADE_AS_DOT(MKNOD) MADE_AS_DOT(LINK)

CASE(RENAME_to_a_bad_name_is_refused_and_keeps_the_old)
{
	WANT(rename_to(long_name(256)), NFS_NAMETOOLONG);
	WANT2(rename_to(""), NFS_ACCES, NFS_INVAL);
	WANT2(rename_to("a/b"), NFS_ACCES, NFS_INVAL);
	WANT2(rename_to("."), NFS_EXIST, NFS_INVAL);
	WANT2(rename_to(".."), NFS_EXIST, NFS_INVAL);
}

CASE(a_name_with_a_zero_byte_is_refused)
{
	struct nfs_fh dir = fresh();
	struct rpc_reply reply;
	struct enc e = { 0 };

	rpc_begin(&e, root()->conn->xid_next++, &root()->cred, NFS_PROG, NFS_V3, NFS_MKDIR);
	enc_opaque(&e, dir.bytes, dir.len);
	enc_opaque(&e, "a\0b", 3);
	for (int i = 0; i < 6; i++)
		enc_u32(&e, 0);
	TRUE(rpc_exchange(root()->conn, &e, &reply));
	if (reply.accept == RPC_SUCCESS)
		WANT2(dec_u32(&reply.body), NFS_ACCES, NFS_INVAL);
	else
		EQ(reply.accept, RPC_GARBAGE_ARGS);
	WANT(nfs_readdir(root(), &dir, 0, NULL, 4096, &res), NFS_OK);
	EQ(res.entry_count, 2);
}

CASE(names_of_255_bytes_work_everywhere)
{
	struct nfs_fh dir = fresh(), fh;
	char first[256], second[256];

	memset(first, 'a', 255), first[255] = '\0';
	memset(second, 'b', 255), second[255] = '\0';
	fh = make_file(&dir, first, 0644);
	WANT(nfs_lookup(root(), &dir, first, &res), NFS_OK);
	WANT(nfs_link(root(), &fh, &dir, second, &res), NFS_OK);
	WANT(nfs_remove(root(), &dir, first, &res), NFS_OK);
	WANT(nfs_rename(root(), &dir, second, &dir, first, &res), NFS_OK);
	WANT(nfs_mkdir(root(), &dir, second, 0755, &res), NFS_OK);
	WANT(nfs_readdirplus(root(), &dir, 0, NULL, 8192, &res), NFS_OK);
	EQ(res.entry_count, 4);
	WANT(nfs_rmdir(root(), &dir, second, &res), NFS_OK);
}

CASE(READLINK_gives_the_target_as_it_was_made)
{
	struct nfs_fh dir = fresh(), link;
	char target[1024];

	for (size_t i = 0; i < sizeof target - 1; i++)
		target[i] = i % 64 == 0 ? '/' : (char)('a' + i % 26);
	target[sizeof target - 1] = '\0';
	WANT(nfs_symlink(root(), &dir, "link", target, &res), NFS_OK);
	TRUE(res.fh_ok);
	EQ(res.obj.type, NFS_LNK);
	EQ(res.obj.size, sizeof target - 1);
	link = res.fh;
	WANT(nfs_readlink(user(1001), &link, &res), NFS_OK);
	EQ_STR(res.path, target);
	TRUE(res.obj.ok);
}

CASE(READLINK_gives_a_dangling_and_odd_target)
{
	struct nfs_fh dir = fresh();

	WANT(nfs_symlink(root(), &dir, "link", "../no//such/\xff\xfe thing", &res), NFS_OK);
	struct nfs_fh link = res.fh;

	WANT(nfs_readlink(root(), &link, &res), NFS_OK);
	EQ_STR(res.path, "../no//such/\xff\xfe thing");
}

CASE(READLINK_of_what_is_no_link_is_inval)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0644);

	WANT(nfs_readlink(root(), &fh, &res), NFS_INVAL);
	WANT(nfs_readlink(root(), &dir, &res), NFS_INVAL);
}
