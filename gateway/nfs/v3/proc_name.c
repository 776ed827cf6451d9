/*
 * Names: LOOKUP, READLINK, and what makes, links, moves and removes them.  RFC 1813
 * §3.3.3, §3.3.5, §3.3.8 to §3.3.15.
 */
#include "gateway/nfs/v3/inner.h"

/* diropargs3 → op.file, op.name */
static void
read_where(struct job *job, struct reader *r)
{
	v3_read_handle(job, r);
	job->op.name = v3_read_name(r);
}

/* The object that was made, and what that did to its directory. */
static enum status
put_made(struct job *job, struct writer *w)
{
	v3_put_found(job, w);
	v3_put_wcc(w, &job->op.on);
	return OK;
}

void
v3_lookup_to_op(struct job *job, struct rpc_call *call, struct reader *r)
{
	(void)call;
	read_where(job, r);
}

enum status
v3_lookup_from_op(struct job *job, struct rpc_call *call, struct writer *w)
{
	const struct op *op = &job->op;

	(void)call;
	if (!op->has_found)
		return ST_SERVERFAULT;
	v3_put_handle(w, job->share, &op->found);
	v3_put_attr(w, op->found_attr.type != 0, &op->found_attr);
	v3_put_on(w, &op->on);
	return OK;
}

void
v3_readlink_to_op(struct job *job, struct rpc_call *call, struct reader *r)
{
	(void)call;
	v3_read_handle(job, r);
}

enum status
v3_readlink_from_op(struct job *job, struct rpc_call *call, struct writer *w)
{
	struct slice target = job->op.res.readlink.target;

	(void)call;
	if (target.len > PATH_BYTES_MAX)
		return ST_IO;
	v3_put_on(w, &job->op.on);
	xdr_put_slice(w, target);	/* copied: it lies in the arena, which dies before it is sent */
	return OK;
}

void
v3_create_to_op(struct job *job, struct rpc_call *call, struct reader *r)
{
	struct op *op = &job->op;

	(void)call;
	read_where(job, r);
	op->arg.create.how = (enum create_how)xdr_enum(r, CREATE_EXCLUSIVE);
	if (op->arg.create.how == CREATE_EXCLUSIVE)
		op->arg.create.verf = xdr_u64(r);
	else
		v3_read_setattr(job, r);
}

enum status
v3_create_from_op(struct job *job, struct rpc_call *call, struct writer *w)
{
	(void)call;
	return put_made(job, w);
}

void
v3_mkdir_to_op(struct job *job, struct rpc_call *call, struct reader *r)
{
	(void)call;
	read_where(job, r);
	v3_read_setattr(job, r);
}

enum status
v3_mkdir_from_op(struct job *job, struct rpc_call *call, struct writer *w)
{
	(void)call;
	return put_made(job, w);
}

void
v3_symlink_to_op(struct job *job, struct rpc_call *call, struct reader *r)
{
	struct slice target;

	(void)call;
	read_where(job, r);
	v3_read_setattr(job, r);
	target = xdr_opaque(r, V3_PATH_ROOM);
	job->op.arg.symlink.target = target;
	if (target.len > PATH_BYTES_MAX)
		v3_refuse(job, ST_NAMETOOLONG);
}

enum status
v3_symlink_from_op(struct job *job, struct rpc_call *call, struct writer *w)
{
	(void)call;
	return put_made(job, w);
}

void
v3_mknod_to_op(struct job *job, struct rpc_call *call, struct reader *r)
{
	static const uint8_t types[] = { [3] = TYPE_BLK, [4] = TYPE_CHR, [6] = TYPE_SOCK, [7] = TYPE_FIFO };
	struct op *op = &job->op;
	uint32_t type;

	(void)call;
	read_where(job, r);
	type = xdr_u32(r);
	op->arg.mknod.type = type < ARRAY_LEN(types) ? types[type] : 0;
	if (op->arg.mknod.type == 0) {
		v3_refuse(job, ST_BADTYPE);
		return;
	}
	v3_read_setattr(job, r);
	if (op->arg.mknod.type == TYPE_BLK || op->arg.mknod.type == TYPE_CHR) {
		op->arg.mknod.major = xdr_u32(r);
		op->arg.mknod.minor = xdr_u32(r);
	}
}

enum status
v3_mknod_from_op(struct job *job, struct rpc_call *call, struct writer *w)
{
	(void)call;
	return put_made(job, w);
}

void
v3_remove_to_op(struct job *job, struct rpc_call *call, struct reader *r)
{
	(void)call;
	read_where(job, r);
}

enum status
v3_remove_from_op(struct job *job, struct rpc_call *call, struct writer *w)
{
	(void)call;
	v3_put_wcc(w, &job->op.on);
	return OK;
}

void
v3_rmdir_to_op(struct job *job, struct rpc_call *call, struct reader *r)
{
	(void)call;
	read_where(job, r);
}

enum status
v3_rmdir_from_op(struct job *job, struct rpc_call *call, struct writer *w)
{
	(void)call;
	v3_put_wcc(w, &job->op.on);
	return OK;
}

void
v3_rename_to_op(struct job *job, struct rpc_call *call, struct reader *r)
{
	(void)call;
	read_where(job, r);
	v3_read_handle2(job, r);
	job->op.name2 = v3_read_name(r);
}

enum status
v3_rename_from_op(struct job *job, struct rpc_call *call, struct writer *w)
{
	const struct op *op = &job->op;

	(void)call;
	v3_put_wcc(w, &op->on);
	v3_put_wcc(w, op->file.ino == op->file2.ino ? &op->on : &op->on2);
	return OK;
}

void
v3_link_to_op(struct job *job, struct rpc_call *call, struct reader *r)
{
	(void)call;
	v3_read_handle(job, r);
	v3_read_handle2(job, r);
	job->op.name = v3_read_name(r);
}

enum status
v3_link_from_op(struct job *job, struct rpc_call *call, struct writer *w)
{
	(void)call;
	v3_put_on(w, &job->op.on);
	v3_put_wcc(w, &job->op.on2);
	return OK;
}
