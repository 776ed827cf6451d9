/*
 * What a share is and can: FSSTAT, FSINFO, PATHCONF.  RFC 1813 §3.3.18 to §3.3.20.
 */
#include "gateway/live.h"
#include "gateway/nfs/v3/inner.h"

#include "pipeline/model/file.h"

void
v3_fsstat_to_op(struct job *job, struct rpc_call *call, struct reader *r)
{
	(void)call;
	v3_read_handle(job, r);
}

enum status
v3_fsstat_from_op(struct job *job, struct rpc_call *call, struct writer *w)
{
	const struct op *op = &job->op;

	(void)call;
	v3_put_on(w, &op->on);
	xdr_put_u64(w, op->res.statfs.bytes_total);
	xdr_put_u64(w, op->res.statfs.bytes_free);
	xdr_put_u64(w, op->res.statfs.bytes_avail);
	xdr_put_u64(w, op->res.statfs.files_total);
	xdr_put_u64(w, op->res.statfs.files_free);
	xdr_put_u64(w, op->res.statfs.files_avail);
	xdr_put_u32(w, 0);		/* invarsec: may change at any time */
	return OK;
}

void
v3_fsinfo_to_op(struct job *job, struct rpc_call *call, struct reader *r)
{
	(void)call;
	v3_read_handle(job, r);
}

enum status
v3_fsinfo_from_op(struct job *job, struct rpc_call *call, struct writer *w)
{
	uint32_t rtmax = atomic_load_explicit(&gateway_live.read_max, memory_order_relaxed);
	uint32_t wtmax = atomic_load_explicit(&gateway_live.write_max, memory_order_relaxed);
	uint32_t pref = atomic_load_explicit(&gateway_live.preferred, memory_order_relaxed);

	(void)call;
	v3_put_on(w, &job->op.on);
	xdr_put_u32(w, rtmax);			/* and rtpref, rtmult */
	xdr_put_u32(w, MIN(rtmax, pref));
	xdr_put_u32(w, 4096);
	xdr_put_u32(w, wtmax);			/* and wtpref, wtmult */
	xdr_put_u32(w, MIN(wtmax, pref));
	xdr_put_u32(w, 4096);
	xdr_put_u32(w, V3_DIR_BYTES_MAX);	/* dtpref */
	xdr_put_u64(w, INT64_MAX);		/* maxfilesize */
	xdr_put_u32(w, 0);			/* time_delta: 1 ns */
	xdr_put_u32(w, 1);
	xdr_put_u32(w, FSF3_LINK | FSF3_SYMLINK | FSF3_HOMOGENEOUS | FSF3_CANSETTIME);
	return OK;
}

void
v3_pathconf_to_op(struct job *job, struct rpc_call *call, struct reader *r)
{
	(void)call;
	v3_read_handle(job, r);
}

enum status
v3_pathconf_from_op(struct job *job, struct rpc_call *call, struct writer *w)
{
	(void)call;
	v3_put_on(w, &job->op.on);
	xdr_put_u32(w, LINKS_MAX);
	xdr_put_u32(w, NAME_BYTES_MAX);
	xdr_put_bool(w, true);		/* no_trunc: a longer name is an error */
	xdr_put_bool(w, true);		/* chown_restricted */
	xdr_put_bool(w, false);		/* case_insensitive */
	xdr_put_bool(w, true);		/* case_preserving */
	return OK;
}
