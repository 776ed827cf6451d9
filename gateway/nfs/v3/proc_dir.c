/*
 * Directories: READDIR and READDIRPLUS.  RFC 1813 §3.3.16, §3.3.17.
 *
 * count and maxcount bound the whole result, all XDR words included; vfs stops by an
 * estimate that is never too small, and here entries are taken as long as they really
 * fit.  A list that was cut is not at the end, and one into which not a single entry fits
 * is TOOSMALL.
 */
#include "gateway/nfs/v3/inner.h"

enum {
	LIST_BYTES = V3_ATTR_BYTES + 8 + 4 + 4,	/* attributes, verifier, end of list, eof */
	ENTRY_BYTES = 4 + 8 + 4 + 8,		/* one more, fileid, length of name, cookie */
	PLUS_BYTES = V3_ATTR_BYTES + V3_POST_FH_BYTES,
	PLUS_NONE_BYTES = 4 + 4,		/* neither attributes nor handle */
};

static void
ask(struct job *job, struct rpc_call *call, uint32_t count, bool plus)
{
	struct op *op = &job->op;

	call->limit = MIN(count, (uint32_t)V3_DIR_BYTES_MAX);
	op->arg.readdir.bytes_max = call->limit > LIST_BYTES ? call->limit - LIST_BYTES : 1;
	op->arg.readdir.entry_bytes = ENTRY_BYTES + (plus ? PLUS_BYTES : 0);
	op->arg.readdir.entries_max = op->arg.readdir.bytes_max / op->arg.readdir.entry_bytes + 1;
	op->arg.readdir.attrs = plus;
}

void
v3_readdir_to_op(struct job *job, struct rpc_call *call, struct reader *r)
{
	struct op *op = &job->op;

	v3_read_handle(job, r);
	op->arg.readdir.cookie = xdr_u64(r);
	op->arg.readdir.verf = xdr_u64(r);
	op->arg.readdir.names_max = 0;
	ask(job, call, xdr_u32(r), false);
}

void
v3_readdirplus_to_op(struct job *job, struct rpc_call *call, struct reader *r)
{
	struct op *op = &job->op;

	v3_read_handle(job, r);
	op->arg.readdir.cookie = xdr_u64(r);
	op->arg.readdir.verf = xdr_u64(r);
	op->arg.readdir.names_max = xdr_u32(r);
	ask(job, call, xdr_u32(r), true);
}

static uint32_t
entry_bytes(const struct dir_entry *e, bool plus)
{
	uint32_t n = ENTRY_BYTES + xdr_padded(e->name.len);

	return plus ? n + (e->has_attr ? PLUS_BYTES : PLUS_NONE_BYTES) : n;
}

/* How many entries fit; used: bytes of all that is not an entry. */
static uint32_t
fitting(const struct op *op, uint32_t budget, uint32_t used, bool plus)
{
	for (uint32_t i = 0; i < op->res.readdir.n; i++) {
		used += entry_bytes(&op->res.readdir.v[i], plus);
		if (used > budget)
			return i;
	}
	return op->res.readdir.n;
}

static void
put_entry(struct job *job, struct writer *w, const struct dir_entry *e, bool plus)
{
	struct file_id id;

	xdr_put_bool(w, true);
	xdr_put_u64(w, e->ino);
	xdr_put_slice(w, e->name);
	xdr_put_u64(w, e->cookie);
	if (!plus)
		return;
	v3_put_attr(w, e->has_attr, &e->attr);
	xdr_put_bool(w, e->has_attr);
	if (!e->has_attr)
		return;
	id = job->op.file;			/* of the same share and time as its directory */
	id.ino = e->ino;
	id.gen = e->gen;
	v3_put_handle(w, job->share, &id);
}

static enum status
put_list(struct job *job, struct rpc_call *call, struct writer *w, bool plus)
{
	const struct op *op = &job->op;
	uint32_t budget = MIN(call->limit, writer_left(w));
	uint32_t used = LIST_BYTES - (op->on.has_after ? 0 : V3_FATTR_BYTES);
	uint32_t n = fitting(op, budget, used, plus);

	if (used > budget || (n == 0 && (op->res.readdir.n > 0 || !op->res.readdir.eof)))
		return ST_TOOSMALL;
	v3_put_on(w, &op->on);
	xdr_put_u64(w, op->res.readdir.verf);
	for (uint32_t i = 0; i < n; i++)
		put_entry(job, w, &op->res.readdir.v[i], plus);
	xdr_put_bool(w, false);
	xdr_put_bool(w, op->res.readdir.eof && n == op->res.readdir.n);
	return OK;
}

enum status
v3_readdir_from_op(struct job *job, struct rpc_call *call, struct writer *w)
{
	return put_list(job, call, w, false);
}

enum status
v3_readdirplus_from_op(struct job *job, struct rpc_call *call, struct writer *w)
{
	return put_list(job, call, w, true);
}
