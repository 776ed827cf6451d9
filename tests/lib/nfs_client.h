/*
 * NFSv3, MOUNT v3 and the portmapper from the client's side, for tests.  RFC 1813, RFC 1833.
 *
 * One description of a call (struct nfs_call) and one of a result (struct nfs_res) serve all 22
 * procedures: a test fills what its procedure has and looks at what it wants.  Every reply is
 * decoded to its last byte, pre- and post-operation attributes included; what the RFC forbids
 * (a bool of 2, an unknown file type, bytes left over) makes the call NFS_BAD_REPLY.
 *
 * Calls go one at a time (nfs_run and the short forms below it) or many in flight (nfs_send,
 * nfs_recv).  A result must start as zeros; it is emptied at each use and by nfs_res_free().
 */
#ifndef TESTS_LIB_NFS_CLIENT_H
#define TESTS_LIB_NFS_CLIENT_H

#include "tests/lib/rpc_client.h"

enum { NFS_PROG = 100003, NFS_V3 = 3, MOUNT_PROG = 100005, MOUNT_V3 = 3, PMAP_PROG = 100000 };

enum nfs_proc {
	NFS_NULL, NFS_GETATTR, NFS_SETATTR, NFS_LOOKUP, NFS_ACCESS, NFS_READLINK, NFS_READ,
	NFS_WRITE, NFS_CREATE, NFS_MKDIR, NFS_SYMLINK, NFS_MKNOD, NFS_REMOVE, NFS_RMDIR,
	NFS_RENAME, NFS_LINK, NFS_READDIR, NFS_READDIRPLUS, NFS_FSSTAT, NFS_FSINFO,
	NFS_PATHCONF, NFS_COMMIT, NFS_PROCS
};

enum nfs_stat {
	NFS_OK = 0, NFS_PERM = 1, NFS_NOENT = 2, NFS_IO = 5, NFS_NXIO = 6, NFS_ACCES = 13,
	NFS_EXIST = 17, NFS_XDEV = 18, NFS_NODEV = 19, NFS_NOTDIR = 20, NFS_ISDIR = 21,
	NFS_INVAL = 22, NFS_FBIG = 27, NFS_NOSPC = 28, NFS_ROFS = 30, NFS_MLINK = 31,
	NFS_NAMETOOLONG = 63, NFS_NOTEMPTY = 66, NFS_DQUOT = 69, NFS_STALE = 70,
	NFS_REMOTE = 71, NFS_BADHANDLE = 10001, NFS_NOT_SYNC = 10002, NFS_BAD_COOKIE = 10003,
	NFS_NOTSUPP = 10004, NFS_TOOSMALL = 10005, NFS_SERVERFAULT = 10006,
	NFS_BADTYPE = 10007, NFS_JUKEBOX = 10008,
	/* No status of the server: */
	NFS_LOST = -1,			/* no reply: connection gone or nothing within wait_ms */
	NFS_BAD_REPLY = -2,		/* a reply that does not decode */
	NFS_RPC_ERROR = -3		/* an RPC error; res->rpc says which */
};

enum { NFS_REG = 1, NFS_DIR, NFS_BLK, NFS_CHR, NFS_LNK, NFS_SOCK, NFS_FIFO };
enum { NFS_UNSTABLE, NFS_DATA_SYNC, NFS_FILE_SYNC };
enum { NFS_UNCHECKED, NFS_GUARDED, NFS_EXCLUSIVE };
enum { NFS_DONT_CHANGE, NFS_SERVER_TIME, NFS_CLIENT_TIME };
enum {
	NFS_ACC_READ = 1, NFS_ACC_LOOKUP = 2, NFS_ACC_MODIFY = 4, NFS_ACC_EXTEND = 8,
	NFS_ACC_DELETE = 16, NFS_ACC_EXECUTE = 32, NFS_ACC_ALL = 63,
	NFS_FH_MAX = 64, NFS_ENTRIES_MAX = 100000
};

struct nfs_time { uint32_t sec, nsec; };
struct nfs_fh { uint32_t len; uint8_t bytes[NFS_FH_MAX]; };

struct nfs_attr {
	bool ok;			/* post_op_attr: whether the rest is there */
	uint32_t type, mode, nlink, uid, gid;
	uint64_t size, used;
	uint32_t major, minor;
	uint64_t fsid, fileid;
	struct nfs_time atime, mtime, ctime;
};

struct nfs_wcc {
	bool before_ok;
	uint64_t size;
	struct nfs_time mtime, ctime;
	struct nfs_attr after;
};

struct nfs_sattr {
	bool mode_set, uid_set, gid_set, size_set;
	uint32_t mode, uid, gid;
	uint64_t size;
	uint32_t atime_how, mtime_how;
	struct nfs_time atime, mtime;
};

struct nfs_call {
	enum nfs_proc proc;
	const struct nfs_fh *fh, *to_fh;
	const char *name, *to_name;	/* to_name is SYMLINK's target, too */
	struct nfs_sattr attr;
	bool guard;
	struct nfs_time guard_ctime;
	uint64_t offset, cookie;
	uint32_t access, count, dircount, stable, how, type, major, minor;
	uint8_t verf[8];
	const void *data;
	uint32_t data_len;		/* count is sent as it is, so that they may disagree */
};

struct nfs_entry {
	uint64_t fileid, cookie;
	char name[256 * 4];
	struct nfs_attr attr;
	bool fh_ok;
	struct nfs_fh fh;
};

struct nfs_res {
	int status;			/* enum nfs_stat */
	struct rpc_reply rpc;
	bool fh_ok;
	struct nfs_fh fh;
	struct nfs_attr obj, dir;
	struct nfs_wcc wcc, to_wcc;	/* of the object or directory; RENAME's and LINK's target */
	uint32_t access, count, committed;
	bool eof;
	uint8_t verf[8];
	const uint8_t *data;		/* READ; lies in rpc.bytes */
	uint32_t data_len;
	char path[4097];		/* READLINK */
	struct nfs_entry *entries;
	size_t entry_count;
	uint64_t total_bytes, free_bytes, avail_bytes, total_files, free_files, avail_files;
	uint32_t invarsec;
	uint32_t rtmax, rtpref, rtmult, wtmax, wtpref, wtmult, dtpref, properties;
	uint64_t maxfilesize;
	struct nfs_time time_delta;
	uint32_t linkmax, name_max;
	bool no_trunc, chown_restricted, case_insensitive, case_preserving;
};

struct nfs {
	struct rpc_conn *conn;
	struct rpc_cred cred;
	uint32_t xid;			/* of the last call sent */
};

/* Connect as uid/gid by AUTH_SYS; conn is NULL when that failed. */
struct nfs nfs_dial(const char *host, int port, uint32_t uid, uint32_t gid);
void nfs_hangup(struct nfs *nfs);

const char *nfs_stat_name(int status);
const char *nfs_proc_name(enum nfs_proc proc);

/* The arguments of a call, and the whole call under an XID. */
void nfs_enc_args(struct enc *e, const struct nfs_call *call);
void nfs_enc_call(struct enc *e, uint32_t xid, const struct rpc_cred *cred,
    const struct nfs_call *call);
/* Send without waiting; the XID is in nfs->xid.  Then collect: the reply to that XID. */
bool nfs_send(struct nfs *nfs, const struct nfs_call *call);
int nfs_recv(struct nfs *nfs, enum nfs_proc proc, uint32_t xid, struct nfs_res *res);
int nfs_run(struct nfs *nfs, const struct nfs_call *call, struct nfs_res *res);
/* Decode a reply that was received otherwise; takes its bytes. */
int nfs_dec_reply(struct rpc_reply *reply, enum nfs_proc proc, struct nfs_res *res);
void nfs_res_free(struct nfs_res *res);

int nfs_getattr(struct nfs *n, const struct nfs_fh *fh, struct nfs_res *r);
int nfs_setattr(struct nfs *n, const struct nfs_fh *fh, struct nfs_sattr set, struct nfs_res *r);
int nfs_lookup(struct nfs *n, const struct nfs_fh *dir, const char *name, struct nfs_res *r);
int nfs_access(struct nfs *n, const struct nfs_fh *fh, uint32_t bits, struct nfs_res *r);
int nfs_readlink(struct nfs *n, const struct nfs_fh *fh, struct nfs_res *r);
int nfs_read(struct nfs *n, const struct nfs_fh *fh, uint64_t offset, uint32_t count,
    struct nfs_res *r);
int nfs_write(struct nfs *n, const struct nfs_fh *fh, uint64_t offset, const void *data,
    uint32_t len, uint32_t stable, struct nfs_res *r);
int nfs_commit(struct nfs *n, const struct nfs_fh *fh, uint64_t offset, uint32_t count,
    struct nfs_res *r);
int nfs_create(struct nfs *n, const struct nfs_fh *dir, const char *name, uint32_t mode,
    struct nfs_res *r);					/* GUARDED */
int nfs_mkdir(struct nfs *n, const struct nfs_fh *dir, const char *name, uint32_t mode,
    struct nfs_res *r);
int nfs_symlink(struct nfs *n, const struct nfs_fh *dir, const char *name, const char *target,
    struct nfs_res *r);
int nfs_mknod(struct nfs *n, const struct nfs_fh *dir, const char *name, uint32_t type,
    uint32_t mode, struct nfs_res *r);			/* device 3, 7 where it has one */
int nfs_remove(struct nfs *n, const struct nfs_fh *dir, const char *name, struct nfs_res *r);
int nfs_rmdir(struct nfs *n, const struct nfs_fh *dir, const char *name, struct nfs_res *r);
int nfs_rename(struct nfs *n, const struct nfs_fh *dir, const char *name,
    const struct nfs_fh *to_dir, const char *to_name, struct nfs_res *r);
int nfs_link(struct nfs *n, const struct nfs_fh *fh, const struct nfs_fh *dir, const char *name,
    struct nfs_res *r);
int nfs_readdir(struct nfs *n, const struct nfs_fh *dir, uint64_t cookie, const uint8_t *verf,
    uint32_t count, struct nfs_res *r);
int nfs_readdirplus(struct nfs *n, const struct nfs_fh *dir, uint64_t cookie,
    const uint8_t *verf, uint32_t count, struct nfs_res *r);	/* dircount as count */
int nfs_fsstat(struct nfs *n, const struct nfs_fh *fh, struct nfs_res *r);
int nfs_fsinfo(struct nfs *n, const struct nfs_fh *fh, struct nfs_res *r);
int nfs_pathconf(struct nfs *n, const struct nfs_fh *fh, struct nfs_res *r);

/* MOUNT.  The status of MNT is MOUNT's own; negative as above. */
enum {
	MOUNT_NULL, MOUNT_MNT, MOUNT_DUMP, MOUNT_UMNT, MOUNT_UMNTALL, MOUNT_EXPORT, MOUNT_PROCS,
	MOUNT_LIST_MAX = 64, MOUNT_FLAVORS_MAX = 16
};

struct mount_res {
	struct nfs_fh fh;
	uint32_t flavor_count, flavors[MOUNT_FLAVORS_MAX];
	size_t line_count;		/* DUMP: host and directory; EXPORT: directory, groups */
	struct { char dir[1025], host[256]; size_t groups; } lines[MOUNT_LIST_MAX];
	struct rpc_reply rpc;
};

int mount_run(struct nfs *nfs, uint32_t proc, const char *path, struct mount_res *res);

/* The portmapper: v2 GETPORT; v3 and v4 GETADDR.  A negative value is an error as above. */
int pmap_getport(struct nfs *nfs, uint32_t prog, uint32_t vers, uint32_t protocol);
int rpcb_getaddr(struct nfs *nfs, uint32_t rpcb_vers, uint32_t prog, uint32_t vers,
    const char *netid, char addr[256]);
/* The number of rows of v2 DUMP that name this program. */
int pmap_dump_count(struct nfs *nfs, uint32_t prog);

#endif
