/*
 * Every procedure on handles that cannot work: of an object that is gone, made up, cut short,
 * empty, altered; and every change through a read-only export.  RFC 1813 §2.6, 3.3.*.
 */
#include "tests/wire/wire.h"

#include <string.h>

static void
garbage(enum nfs_proc proc)
{
	struct nfs_fh fh = { .len = 48 };

	memset(fh.bytes, 0xa5, 48);
	WANT2(call_on(root(), proc, &fh, &res), NFS_BADHANDLE, NFS_STALE);
	fh.len = 0;
	WANT(call_on(root(), proc, &fh, &res), NFS_BADHANDLE);
	fh = *top();
	fh.len /= 2;
	WANT2(call_on(root(), proc, &fh, &res), NFS_BADHANDLE, NFS_STALE);
}

/* A handle of 65 bytes is no nfs_fh3: the arguments do not decode. */
static void
oversized(enum nfs_proc proc)
{
	struct enc e = { 0 };
	struct rpc_reply reply;
	uint8_t long_fh[68] = { 1 };

	rpc_begin(&e, root()->conn->xid_next++, &root()->cred, NFS_PROG, NFS_V3, proc);
	enc_opaque(&e, long_fh, sizeof long_fh);
	for (int i = 0; i < 24; i++)
		enc_u32(&e, 0);
	TRUE(rpc_exchange(root()->conn, &e, &reply));
	EQ(reply.state, RPC_ACCEPTED);
	if (reply.accept == RPC_SUCCESS)	/* a status is an answer, too */
		WANT(dec_u32(&reply.body), NFS_BADHANDLE);
	else
		EQ(reply.accept, RPC_GARBAGE_ARGS);
	rpc_reply_free(&reply);
}

#define ON_DIR(proc)								\
	CASE(proc##_on_a_removed_directory_is_stale)				\
	{									\
		struct nfs_fh fh = stale_dir();					\
		WANT(call_on(root(), NFS_##proc, &fh, &res), NFS_STALE);	\
	}
#define ON_FILE(proc)								\
	CASE(proc##_on_a_removed_file_is_stale)					\
	{									\
		struct nfs_fh fh = stale_file();				\
		WANT(call_on(root(), NFS_##proc, &fh, &res), NFS_STALE);	\
	}
#define ON_GARBAGE(proc)							\
	CASE(proc##_on_a_made_up_handle_is_badhandle) { garbage(NFS_##proc); }	\
	CASE(proc##_with_a_handle_of_68_bytes_is_refused) { oversized(NFS_##proc); }
#define ON_ROFS(proc)								\
	CASE(proc##_through_a_read_only_export_is_rofs)				\
	{									\
		struct nfs_fh fh;						\
		struct nfs *n = reader(&fh);					\
		WANT(call_on(n, NFS_##proc, &fh, &res), NFS_ROFS);		\
	}

ON_FILE(GETATTR) ON_FILE(SETATTR) ON_FILE(ACCESS) ON_FILE(READLINK) ON_FILE(READ) ON_FILE(WRITE)
ON_FILE(COMMIT) ON_FILE(FSSTAT) ON_FILE(FSINFO) ON_FILE(PATHCONF)
ON_DIR(GETATTR) ON_DIR(SETATTR) ON_DIR(LOOKUP) ON_DIR(ACCESS) ON_DIR(CREATE) ON_DIR(MKDIR)
ON_DIR(SYMLINK) ON_DIR(MKNOD) ON_DIR(REMOVE) ON_DIR(RMDIR) ON_DIR(RENAME) ON_DIR(LINK)
ON_DIR(READDIR) ON_DIR(READDIRPLUS)
ON_GARBAGE(GETATTR) ON_GARBAGE(SETATTR) ON_GARBAGE(LOOKUP) ON_GARBAGE(ACCESS)
ON_GARBAGE(READLINK) ON_GARBAGE(READ) ON_GARBAGE(WRITE) ON_GARBAGE(CREATE) ON_GARBAGE(MKDIR)
ON_GARBAGE(SYMLINK) ON_GARBAGE(MKNOD) ON_GARBAGE(REMOVE) ON_GARBAGE(RMDIR) ON_GARBAGE(RENAME)
ON_GARBAGE(LINK) ON_GARBAGE(READDIR) ON_GARBAGE(READDIRPLUS) ON_GARBAGE(FSSTAT)
ON_GARBAGE(FSINFO) ON_GARBAGE(PATHCONF) ON_GARBAGE(COMMIT)
ON_ROFS(SETATTR) ON_ROFS(CREATE) ON_ROFS(MKDIR) ON_ROFS(SYMLINK) ON_ROFS(MKNOD)
ON_ROFS(REMOVE) ON_ROFS(RMDIR) ON_ROFS(RENAME)

/* A file through the read-only export, and its handle there. */
static struct nfs_fh
file_by_rofs(struct nfs **n, struct nfs_fh *ro_top)
{
	struct nfs_fh dir = fresh();
	struct nfs_res list = { 0 };
	uint64_t wanted = attr_of(&dir).fileid;

	*n = reader(ro_top);
	make_file(&dir, "file", 0666);
	WANT(nfs_readdirplus(*n, ro_top, 0, NULL, 65536, &list), NFS_OK);
	for (size_t i = 0; i < list.entry_count; i++)
		if (list.entries[i].fileid == wanted && list.entries[i].fh_ok) {
			struct nfs_fh home = list.entries[i].fh;

			nfs_res_free(&list);
			WANT(nfs_lookup(*n, &home, "file", &res), NFS_OK);
			return res.fh;
		}
	check_fail(__FILE__, __LINE__, "the fresh directory is not in the read-only export");
}

CASE(WRITE_through_a_read_only_export_is_rofs)
{
	struct nfs *n;
	struct nfs_fh ro_top, fh = file_by_rofs(&n, &ro_top);

	WANT(nfs_write(n, &fh, 0, "x", 1, NFS_FILE_SYNC, &res), NFS_ROFS);
}

CASE(LINK_through_a_read_only_export_is_rofs)
{
	struct nfs *n;
	struct nfs_fh ro_top, fh = file_by_rofs(&n, &ro_top);

	WANT(nfs_link(n, &fh, &ro_top, "wire-link", &res), NFS_ROFS);
}

CASE(READ_and_ACCESS_work_through_a_read_only_export_without_rights_to_change)
{
	struct nfs *n;
	struct nfs_fh ro_top, fh = file_by_rofs(&n, &ro_top);

	WANT(nfs_read(n, &fh, 0, 10, &res), NFS_OK);
	EQ(res.count, 0);
	WANT(nfs_access(n, &fh, NFS_ACC_ALL, &res), NFS_OK);
	EQ(res.access & (NFS_ACC_MODIFY | NFS_ACC_EXTEND | NFS_ACC_DELETE), 0);
	EQ(res.access & NFS_ACC_READ, NFS_ACC_READ);
}

CASE(no_single_altered_bit_makes_a_handle_to_something_else)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "file", 0600), bad;
	struct nfs_attr want = attr_of(&fh);

	for (uint32_t bit = 0; bit < fh.len * 8; bit++) {
		bad = fh;
		bad.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		int status = nfs_getattr(root(), &bad, &res);

		if (status == NFS_OK && res.obj.fileid == want.fileid)
			continue;
		if (status != NFS_BADHANDLE && status != NFS_STALE)
			check_fail(__FILE__, __LINE__, "bit %u: %s", bit, nfs_stat_name(status));
	}
}

CASE(a_handle_does_not_change_with_time_rename_or_link)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "a", 0644);

	WANT(nfs_rename(root(), &dir, "a", &dir, "b", &res), NFS_OK);
	WANT(nfs_lookup(root(), &dir, "b", &res), NFS_OK);
	TRUE(same_fh(&res.fh, &fh));
	WANT(nfs_link(root(), &fh, &dir, "c", &res), NFS_OK);
	WANT(nfs_lookup(root(), &dir, "c", &res), NFS_OK);
	TRUE(same_fh(&res.fh, &fh));
	WANT(nfs_remove(root(), &dir, "b", &res), NFS_OK);
	WANT(nfs_getattr(root(), &fh, &res), NFS_OK);
	EQ(res.obj.nlink, 1);
}

CASE(a_new_file_of_an_old_name_has_another_handle)
{
	struct nfs_fh dir = fresh(), fh = make_file(&dir, "same", 0644), again;

	WANT(nfs_remove(root(), &dir, "same", &res), NFS_OK);
	again = make_file(&dir, "same", 0644);
	FALSE(same_fh(&fh, &again));
	WANT(nfs_getattr(root(), &fh, &res), NFS_STALE);
}
