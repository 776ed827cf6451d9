/*
 * MNT is the operation ATTACH: auth finds the share and asks its export rules, vfs its
 * root.  The others are answered here, from the list of mounts and the registry of
 * shares.
 */
#include "gateway/nfs/mount/inner.h"

#include "gateway/nfs/mount/list.h"
#include "gateway/status_map.h"

#include "pipeline/net/conn.h"
#include "pipeline/share/handle.h"

#include <arpa/inet.h>

static const uint8_t nobody[16];

static const uint8_t *
peer(const struct job *job)
{
	return job->conn == NULL ? nobody : conn_peer_addr(job->conn);
}

/* dirpath; slashes at its end say nothing. */
static struct slice
read_path(struct reader *r)
{
	struct slice path = xdr_opaque(r, MOUNT_PATH_MAX);

	while (path.len > 1 && path.at[path.len - 1] == '/')
		path.len--;
	return path;
}

/* mountstat3 has NFSv3's numbers, but fewer of them. */
static uint32_t
mount_error(enum status st)
{
	enum nfsstat3 error = gateway_nfsstat3(st);

	switch ((unsigned)error) {
	case NFS3_OK: case NFS3ERR_PERM: case NFS3ERR_NOENT: case NFS3ERR_IO:
	case NFS3ERR_ACCES: case NFS3ERR_NOTDIR: case NFS3ERR_INVAL:
	case NFS3ERR_NAMETOOLONG: case NFS3ERR_NOTSUPP:
		return error;
	case NFS3ERR_STALE:
		return NFS3ERR_NOENT;
	}
	return NFS3ERR_SERVERFAULT;
}

enum decoded
mount_null_decode(struct job *job, struct rpc_call *call, struct reader *r)
{
	(void)job, (void)call, (void)r;
	return DECODED_REPLY;
}

void
mount_null_encode(struct job *job, struct rpc_call *call, struct writer *w)
{
	(void)job, (void)call, (void)w;
}

/* The longest front of path that is a share's name: its length; all of it where none is. */
static uint32_t
share_in(struct slice path)
{
	for (uint32_t len = path.len; len > 0; len--) {
		struct share *s;

		if (len > 1 && len < path.len && path.at[len] != '/')
			continue;
		s = registry_by_name(path.at, len);
		if (s == NULL)
			continue;
		share_put(&s);
		return len;
	}
	return path.len;
}

enum decoded
mount_mnt_decode(struct job *job, struct rpc_call *call, struct reader *r)
{
	struct slice path = read_path(r);
	uint32_t len = share_in(path);

	call->path = path;
	call->rest = slice_sub(path, len, path.len - len);
	job->op.kind = OP_ATTACH;
	job->op.arg.attach.path = slice_sub(path, 0, len);
	return DECODED_OP;
}

/* The next name of what is left of a path; empty: there is none. */
static struct slice
next_name(struct slice *rest)
{
	struct slice name;
	uint32_t n = 0;

	do {
		while (rest->len > 0 && rest->at[0] == '/')
			*rest = slice_sub(*rest, 1, rest->len - 1);
		for (n = 0; n < rest->len && rest->at[n] != '/'; n++)
			continue;
		name = slice_sub(*rest, 0, n);
		*rest = slice_sub(*rest, n, rest->len - n);
	} while (name_is_dot(name));
	return name;
}

/* From the share's root on down, a LOOKUP a name, as the one who mounts; never up again. */
static void
walk(struct job *job, struct rpc_call *call)
{
	struct op *op = &job->op;
	struct slice name = next_name(&call->rest);

	if (name_is_dotdot(name)) {
		job->status = ST_ACCES;
	} else if (name.len > 0) {
		op->kind = OP_LOOKUP;
		op->file = op->found;
		op->name = name;
		op->has_found = false;
		call->again = true;
	} else if (op->found_attr.type != TYPE_DIR) {
		job->status = ST_NOTDIR;
	}
}

void
mount_mnt_encode(struct job *job, struct rpc_call *call, struct writer *w)
{
	uint8_t root[HANDLE_BYTES];

	if (job->status == OK && (!job->op.has_found || job->share == NULL))
		job->status = ST_SERVERFAULT;
	if (job->status == OK)
		walk(job, call);
	if (call->again)
		return;
	xdr_put_u32(w, mount_error(job->status));
	if (job->status != OK)
		return;
	handle_encode(job->share, &job->op.found, root);
	xdr_put_opaque(w, root, sizeof root);
	xdr_put_u32(w, 1);			/* one flavour */
	xdr_put_u32(w, RPC_AUTH_SYS);
	mount_list_add(peer(job), call->path);
}

enum decoded
mount_dump_decode(struct job *job, struct rpc_call *call, struct reader *r)
{
	(void)job, (void)call, (void)r;
	return DECODED_REPLY;
}

static bool
put_mounted(const struct mount_seen *m, void *arg)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	const uint8_t *addr = m->addr;
	struct writer *w = arg;
	bool v4 = memcmp(addr, mapped, sizeof mapped) == 0;
	char host[INET6_ADDRSTRLEN];

	/* Room for this one and for the end of the list: a longer list is cut. */
	if (writer_left(w) < 4 + 4 + sizeof host + 4 + xdr_padded(m->path.len) + 4 ||
	    inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? addr + 12 : addr, host,
	    sizeof host) == NULL)
		return false;
	xdr_put_bool(w, true);
	xdr_put_str(w, host);
	xdr_put_slice(w, m->path);
	return true;
}

void
mount_dump_encode(struct job *job, struct rpc_call *call, struct writer *w)
{
	(void)job, (void)call;
	mount_list_each(put_mounted, w);
	xdr_put_bool(w, false);
}

enum decoded
mount_umnt_decode(struct job *job, struct rpc_call *call, struct reader *r)
{
	struct slice path = read_path(r);

	(void)call;
	if (reader_ok(r))
		mount_list_drop(peer(job), path);
	return DECODED_REPLY;
}

void
mount_umnt_encode(struct job *job, struct rpc_call *call, struct writer *w)
{
	(void)job, (void)call, (void)w;
}

enum decoded
mount_umntall_decode(struct job *job, struct rpc_call *call, struct reader *r)
{
	(void)call, (void)r;
	mount_list_drop_all(peer(job));
	return DECODED_REPLY;
}

void
mount_umntall_encode(struct job *job, struct rpc_call *call, struct writer *w)
{
	(void)job, (void)call, (void)w;
}

static const struct rpc_proc procs[] = {
#define MOUNT(name) \
	{ "mount." #name, RPC_REPEATABLE, mount_##name##_decode, mount_##name##_encode },
#include "gateway/nfs/mount/mount.def"
#undef MOUNT
};

static const struct rpc_version versions[] = {
	{ MOUNT_VERSION, ARRAY_LEN(procs), procs },
};

const struct rpc_program mount_program = {
	"mount", MOUNT_PROGRAM, ARRAY_LEN(versions), versions,
};
