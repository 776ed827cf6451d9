/*
 * Attributes and access: GETATTR, SETATTR, ACCESS.  RFC 1813 §3.3.1, §3.3.2, §3.3.4.
 */
#include "gateway/nfs/v3/inner.h"

#include "pipeline/model/access.h"

void
v3_getattr_to_op(struct job *job, struct rpc_call *call, struct reader *r)
{
	(void)call;
	v3_read_handle(job, r);
}

enum status
v3_getattr_from_op(struct job *job, struct rpc_call *call, struct writer *w)
{
	(void)call;
	if (!job->op.on.has_after)
		return ST_SERVERFAULT;
	v3_put_fattr(w, &job->op.on.after);
	return OK;
}

void
v3_setattr_to_op(struct job *job, struct rpc_call *call, struct reader *r)
{
	struct op *op = &job->op;

	(void)call;
	v3_read_handle(job, r);
	v3_read_setattr(job, r);
	op->arg.guard.check = xdr_bool(r);
	if (op->arg.guard.check)
		op->arg.guard.ctime = v3_read_time(job, r);
}

enum status
v3_setattr_from_op(struct job *job, struct rpc_call *call, struct writer *w)
{
	(void)call;
	v3_put_wcc(w, &job->op.on);
	return OK;
}

void
v3_access_to_op(struct job *job, struct rpc_call *call, struct reader *r)
{
	(void)call;
	v3_read_handle(job, r);
	job->op.arg.access.want = xdr_u32(r) & (ACCESS_READ | ACCESS_LOOKUP | ACCESS_MODIFY |
	    ACCESS_EXTEND | ACCESS_DELETE | ACCESS_EXECUTE);
}

enum status
v3_access_from_op(struct job *job, struct rpc_call *call, struct writer *w)
{
	(void)call;
	v3_put_on(w, &job->op.on);
	xdr_put_u32(w, job->op.res.access.granted);
	return OK;
}
