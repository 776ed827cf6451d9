/*
 * Bytes: READ, WRITE, COMMIT.  RFC 1813 §3.3.6, §3.3.7, §3.3.21.  Payload is cited both
 * ways, never copied.
 */
#include "gateway/nfs/v3/inner.h"

void
v3_read_to_op(struct job *job, struct rpc_call *call, struct reader *r)
{
	struct io *io = &job->io;

	(void)call;
	v3_read_handle(job, r);
	io->offset = xdr_u64(r);
	io->count = xdr_u32(r);
	io->count = MIN(io->count, (uint32_t)V3_IO_MAX);
	if (io->offset > INT64_MAX)
		io->offset = INT64_MAX;		/* behind every end, and sums do not overflow */
	io->count = (uint32_t)MIN(io->count, (uint64_t)INT64_MAX - io->offset);
}

/* How many of the wanted bytes can be cited by room slices. */
static uint32_t
citable(const struct chain *data, uint32_t room, uint64_t count)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < data->n && i < room && n < count; i++)
		n += data->v[i].len;
	return (uint32_t)MIN(n, count);
}

/* A READ may give less than was asked: what one reply cannot cite waits for the next. */
enum status
v3_read_from_op(struct job *job, struct rpc_call *call, struct writer *w)
{
	const struct op *op = &job->op;
	const struct chain *data = &job->io.data;
	uint32_t wanted = op->res.read.count, left;
	uint32_t count = citable(data, w->cites_max - w->ncites, wanted);

	(void)call;
	if (count == 0 && wanted > 0)
		return ST_SERVERFAULT;
	v3_put_on(w, &op->on);
	xdr_put_u32(w, count);
	xdr_put_bool(w, op->res.read.eof && count == wanted);
	xdr_put_u32(w, count);
	left = count;
	for (uint32_t i = 0; left > 0; i++) {
		uint32_t n = MIN(left, data->v[i].len);

		writer_cite(w, slice_sub(data->v[i], 0, n));
		left -= n;
	}
	write_zeroes(w, xdr_pad(count));
	return OK;
}

void
v3_write_to_op(struct job *job, struct rpc_call *call, struct reader *r)
{
	struct io *io = &job->io;
	struct slice data;
	uint32_t count;
	enum status st;

	(void)call;
	v3_read_handle(job, r);
	io->offset = xdr_u64(r);
	count = xdr_u32(r);
	job->op.arg.write.stable = (enum stability)xdr_enum(r, STABLE_FILE);
	data = xdr_opaque(r, UINT32_MAX);
	if (!reader_ok(r) || job->status != OK)
		return;
	if (count != data.len) {
		reader_fail(r);
		return;
	}
	io->count = MIN(count, (uint32_t)V3_IO_MAX);	/* of more, the first wtmax are written */
	if (io->offset > (uint64_t)INT64_MAX - io->count)
		v3_refuse(job, ST_FBIG);
	else if ((st = chain_push(&io->data, &job->arena, slice_sub(data, 0, io->count))) != OK)
		v3_refuse(job, st);
}

enum status
v3_write_from_op(struct job *job, struct rpc_call *call, struct writer *w)
{
	const struct op *op = &job->op;

	(void)call;
	v3_put_wcc(w, &op->on);
	xdr_put_u32(w, op->res.write.count);
	xdr_put_u32(w, op->res.write.committed);
	xdr_put_u64(w, op->res.write.verf);
	return OK;
}

void
v3_commit_to_op(struct job *job, struct rpc_call *call, struct reader *r)
{
	(void)call;
	v3_read_handle(job, r);
	job->op.arg.commit.offset = xdr_u64(r);
	job->op.arg.commit.count = xdr_u32(r);
}

enum status
v3_commit_from_op(struct job *job, struct rpc_call *call, struct writer *w)
{
	(void)call;
	v3_put_wcc(w, &job->op.on);
	xdr_put_u64(w, job->op.res.commit.verf);
	return OK;
}
