/*
 * The short forms: one function a procedure, and MOUNT and the portmapper.
 */
#include "tests/lib/nfs_client.h"

#include <stdio.h>
#include <string.h>

static int
run_name(struct nfs *n, enum nfs_proc proc, const struct nfs_fh *dir, const char *name,
    struct nfs_res *r)
{
	struct nfs_call c = { .proc = proc, .fh = dir, .name = name };

	return nfs_run(n, &c, r);
}

int
nfs_getattr(struct nfs *n, const struct nfs_fh *fh, struct nfs_res *r)
{
	return run_name(n, NFS_GETATTR, fh, NULL, r);
}

int
nfs_setattr(struct nfs *n, const struct nfs_fh *fh, struct nfs_sattr set, struct nfs_res *r)
{
	struct nfs_call c = { .proc = NFS_SETATTR, .fh = fh, .attr = set };

	return nfs_run(n, &c, r);
}

int
nfs_lookup(struct nfs *n, const struct nfs_fh *dir, const char *name, struct nfs_res *r)
{
	return run_name(n, NFS_LOOKUP, dir, name, r);
}

int
nfs_access(struct nfs *n, const struct nfs_fh *fh, uint32_t bits, struct nfs_res *r)
{
	struct nfs_call c = { .proc = NFS_ACCESS, .fh = fh, .access = bits };

	return nfs_run(n, &c, r);
}

int
nfs_readlink(struct nfs *n, const struct nfs_fh *fh, struct nfs_res *r)
{
	return run_name(n, NFS_READLINK, fh, NULL, r);
}

int
nfs_read(struct nfs *n, const struct nfs_fh *fh, uint64_t offset, uint32_t count,
    struct nfs_res *r)
{
	struct nfs_call c = { .proc = NFS_READ, .fh = fh, .offset = offset, .count = count };

	return nfs_run(n, &c, r);
}

int
nfs_write(struct nfs *n, const struct nfs_fh *fh, uint64_t offset, const void *data,
    uint32_t len, uint32_t stable, struct nfs_res *r)
{
	struct nfs_call c = { .proc = NFS_WRITE, .fh = fh, .offset = offset, .count = len,
		.stable = stable, .data = data, .data_len = len };

	return nfs_run(n, &c, r);
}

int
nfs_commit(struct nfs *n, const struct nfs_fh *fh, uint64_t offset, uint32_t count,
    struct nfs_res *r)
{
	struct nfs_call c = { .proc = NFS_COMMIT, .fh = fh, .offset = offset, .count = count };

	return nfs_run(n, &c, r);
}

int
nfs_create(struct nfs *n, const struct nfs_fh *dir, const char *name, uint32_t mode,
    struct nfs_res *r)
{
	struct nfs_call c = { .proc = NFS_CREATE, .fh = dir, .name = name, .how = NFS_GUARDED,
		.attr = { .mode_set = true, .mode = mode } };

	return nfs_run(n, &c, r);
}

int
nfs_mkdir(struct nfs *n, const struct nfs_fh *dir, const char *name, uint32_t mode,
    struct nfs_res *r)
{
	struct nfs_call c = { .proc = NFS_MKDIR, .fh = dir, .name = name,
		.attr = { .mode_set = true, .mode = mode } };

	return nfs_run(n, &c, r);
}

int
nfs_symlink(struct nfs *n, const struct nfs_fh *dir, const char *name, const char *target,
    struct nfs_res *r)
{
	struct nfs_call c = { .proc = NFS_SYMLINK, .fh = dir, .name = name, .to_name = target,
		.attr = { .mode_set = true, .mode = 0777 } };

	return nfs_run(n, &c, r);
}

int
nfs_mknod(struct nfs *n, const struct nfs_fh *dir, const char *name, uint32_t type,
    uint32_t mode, struct nfs_res *r)
{
	struct nfs_call c = { .proc = NFS_MKNOD, .fh = dir, .name = name, .type = type,
		.major = 3, .minor = 7, .attr = { .mode_set = true, .mode = mode } };

	return nfs_run(n, &c, r);
}

int
nfs_remove(struct nfs *n, const struct nfs_fh *dir, const char *name, struct nfs_res *r)
{
	return run_name(n, NFS_REMOVE, dir, name, r);
}

int
nfs_rmdir(struct nfs *n, const struct nfs_fh *dir, const char *name, struct nfs_res *r)
{
	return run_name(n, NFS_RMDIR, dir, name, r);
}

int
nfs_rename(struct nfs *n, const struct nfs_fh *dir, const char *name,
    const struct nfs_fh *to_dir, const char *to_name, struct nfs_res *r)
{
	struct nfs_call c = { .proc = NFS_RENAME, .fh = dir, .name = name, .to_fh = to_dir,
		.to_name = to_name };

	return nfs_run(n, &c, r);
}

int
nfs_link(struct nfs *n, const struct nfs_fh *fh, const struct nfs_fh *dir, const char *name,
    struct nfs_res *r)
{
	struct nfs_call c = { .proc = NFS_LINK, .fh = fh, .to_fh = dir, .to_name = name };

	return nfs_run(n, &c, r);
}

int
nfs_readdir(struct nfs *n, const struct nfs_fh *dir, uint64_t cookie, const uint8_t *verf,
    uint32_t count, struct nfs_res *r)
{
	struct nfs_call c = { .proc = NFS_READDIR, .fh = dir, .cookie = cookie, .count = count };

	if (verf != NULL)
		memcpy(c.verf, verf, 8);
	return nfs_run(n, &c, r);
}

int
nfs_readdirplus(struct nfs *n, const struct nfs_fh *dir, uint64_t cookie, const uint8_t *verf,
    uint32_t count, struct nfs_res *r)
{
	struct nfs_call c = { .proc = NFS_READDIRPLUS, .fh = dir, .cookie = cookie,
		.dircount = count, .count = count };

	if (verf != NULL)
		memcpy(c.verf, verf, 8);
	return nfs_run(n, &c, r);
}

int
nfs_fsstat(struct nfs *n, const struct nfs_fh *fh, struct nfs_res *r)
{
	return run_name(n, NFS_FSSTAT, fh, NULL, r);
}

int
nfs_fsinfo(struct nfs *n, const struct nfs_fh *fh, struct nfs_res *r)
{
	return run_name(n, NFS_FSINFO, fh, NULL, r);
}

int
nfs_pathconf(struct nfs *n, const struct nfs_fh *fh, struct nfs_res *r)
{
	return run_name(n, NFS_PATHCONF, fh, NULL, r);
}

/* Run a call of another program; the reply's body then stands in reply->body. */
static int
exchange(struct nfs *n, const uint32_t where[3], struct enc *args, struct rpc_reply *reply)
{
	struct enc e = { 0 };

	n->xid = n->conn->xid_next++;
	rpc_begin(&e, n->xid, &n->cred, where[0], where[1], where[2]);
	enc_raw(&e, args->bytes, args->len);
	enc_free(args);
	if (!rpc_exchange(n->conn, &e, reply))
		return NFS_LOST;
	return reply->state == RPC_ACCEPTED && reply->accept == RPC_SUCCESS ?
	    NFS_OK : NFS_RPC_ERROR;
}

static void
dec_name(struct dec *d, char *text, size_t room)
{
	uint32_t len;
	const uint8_t *bytes = dec_opaque(d, room - 1, &len);

	if (bytes != NULL)
		memcpy(text, bytes, len), text[len] = '\0';
}

static int
dec_mnt(struct dec *d, struct mount_res *res)
{
	int status = (int)dec_u32(d);
	const uint8_t *bytes;

	if (status != 0)
		return status;
	bytes = dec_opaque(d, NFS_FH_MAX, &res->fh.len);
	if (bytes != NULL)
		memcpy(res->fh.bytes, bytes, res->fh.len);
	res->flavor_count = dec_u32(d);
	if (res->flavor_count > MOUNT_FLAVORS_MAX)
		d->bad = true;
	for (uint32_t i = 0; i < res->flavor_count && !d->bad; i++)
		res->flavors[i] = dec_u32(d);
	return 0;
}

static void
dec_lines(struct dec *d, uint32_t proc, struct mount_res *res)
{
	while (dec_bool(d) && !d->bad) {
		char group[256];

		if (res->line_count == MOUNT_LIST_MAX) {
			d->bad = true;
			return;
		}
		if (proc == MOUNT_DUMP)
			dec_name(d, res->lines[res->line_count].host, 256);
		dec_name(d, res->lines[res->line_count].dir, 1025);
		while (proc == MOUNT_EXPORT && dec_bool(d) && !d->bad) {
			dec_name(d, group, sizeof group);
			res->lines[res->line_count].groups++;
		}
		res->line_count++;
	}
}

int
mount_run(struct nfs *n, uint32_t proc, const char *path, struct mount_res *res)
{
	const uint32_t where[3] = { MOUNT_PROG, MOUNT_V3, proc };
	struct enc args = { 0 };
	int status;

	memset(res, 0, sizeof *res);
	if (n->conn == NULL)
		return NFS_LOST;
	if (proc == MOUNT_MNT || proc == MOUNT_UMNT)
		enc_string(&args, path);
	status = exchange(n, where, &args, &res->rpc);
	if (status != NFS_OK)
		return status;
	if (proc == MOUNT_MNT)
		status = dec_mnt(&res->rpc.body, res);
	if (proc == MOUNT_DUMP || proc == MOUNT_EXPORT)
		dec_lines(&res->rpc.body, proc, res);
	if (!dec_done(&res->rpc.body))
		status = NFS_BAD_REPLY;
	rpc_reply_free(&res->rpc);
	return status;
}

int
pmap_getport(struct nfs *n, uint32_t prog, uint32_t vers, uint32_t protocol)
{
	const uint32_t where[3] = { PMAP_PROG, 2, 3 };
	struct rpc_reply reply;
	struct enc args = { 0 };
	int status;

	enc_u32(&args, prog);
	enc_u32(&args, vers);
	enc_u32(&args, protocol);
	enc_u32(&args, 0);
	status = exchange(n, where, &args, &reply);
	if (status != NFS_OK)
		return status;
	status = (int)dec_u32(&reply.body);
	if (!dec_done(&reply.body) || status < 0 || status > 65535)
		status = NFS_BAD_REPLY;
	rpc_reply_free(&reply);
	return status;
}

int
rpcb_getaddr(struct nfs *n, uint32_t rpcb_vers, uint32_t prog, uint32_t vers, const char *netid,
    char addr[256])
{
	const uint32_t where[3] = { PMAP_PROG, rpcb_vers, 3 };
	struct rpc_reply reply;
	struct enc args = { 0 };
	int status;

	enc_u32(&args, prog);
	enc_u32(&args, vers);
	enc_string(&args, netid);
	enc_string(&args, "");
	enc_string(&args, "");
	status = exchange(n, where, &args, &reply);
	if (status != NFS_OK)
		return status;
	dec_name(&reply.body, addr, 256);
	if (!dec_done(&reply.body))
		status = NFS_BAD_REPLY;
	rpc_reply_free(&reply);
	return status;
}

int
pmap_dump_count(struct nfs *n, uint32_t prog)
{
	const uint32_t where[3] = { PMAP_PROG, 2, 4 };
	struct rpc_reply reply;
	struct enc args = { 0 };
	int status = exchange(n, where, &args, &reply), count = 0;

	if (status != NFS_OK)
		return status;
	while (dec_bool(&reply.body) && !reply.body.bad) {
		count += dec_u32(&reply.body) == prog;
		dec_u32(&reply.body);
		dec_u32(&reply.body);
		dec_u32(&reply.body);
	}
	if (!dec_done(&reply.body))
		count = NFS_BAD_REPLY;
	rpc_reply_free(&reply);
	return count;
}
