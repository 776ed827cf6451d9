/*
 * The frame of every procedure: arguments into an operation and down; up again, status
 * and results, or status and the shape that its failures have.
 *
 * A call that ran before a crash comes here with what the log remembers of it.  It must
 * not run again: a GETATTR of what it made, or of the directory it changed, goes down in
 * its place, and the answer is the success it was, whatever that GETATTR finds.
 */
#include "gateway/live.h"
#include "gateway/nfs/v3/inner.h"

#include "pipeline/net/conn.h"

struct row {
	v3_to_op *to_op;
	v3_from_op *from_op;
	void (*fail)(struct job *job, struct writer *w);
	uint32_t worst;
	uint8_t kind;				/* enum op_kind */
	uint8_t once;				/* enum rpc_once */
};

static void
fail_nothing(struct job *job, struct writer *w)
{
	(void)job, (void)w;
}

static void
fail_attr(struct job *job, struct writer *w)
{
	v3_put_on(w, &job->op.on);
}

static void
fail_wcc(struct job *job, struct writer *w)
{
	v3_put_wcc(w, &job->op.on);
}

static void
fail_wcc_both(struct job *job, struct writer *w)
{
	v3_put_wcc(w, &job->op.on);
	v3_put_wcc(w, &job->op.on2);
}

static void
fail_attr_wcc(struct job *job, struct writer *w)
{
	v3_put_on(w, &job->op.on);
	v3_put_wcc(w, &job->op.on2);
}

static const struct row rows[V3_PROC_COUNT] = {
#define PROC3(NAME, name, kind, once, fail, worst) \
	[V3_##NAME] = { v3_##name##_to_op, v3_##name##_from_op, fail_##fail, worst, \
		OP_##kind, RPC_##once },
#include "gateway/nfs/v3/proc.def"
#undef PROC3
};

static bool
makes(uint8_t kind)
{
	return kind == OP_CREATE || kind == OP_MKDIR || kind == OP_SYMLINK ||
	    kind == OP_MKNOD;
}

/* In the place of a call that has run: look at what it made or changed. */
static void
recall(struct job *job, const struct rpc_call *call)
{
	struct op *op = &job->op;

	if (makes(op->kind)) {
		op->file = (struct file_id){
			.share = call->hit.share,
			.ino = call->hit.ino,
			.gen = call->hit.gen,
		};
		op->found = op->file;
	}
	op->kind = OP_GETATTR;
}

static void
note(struct job *job, const struct rpc_call *call)
{
	struct note *n = &job->op.note;

	*n = (struct note){
		.protocol = NOTE_NFS3,
		.op = (uint8_t)job->op.kind,
		.proc = (uint16_t)call->head.proc,
		.uid = job->claim.uid,
		.request = (uint64_t)call->head.xid << 32 | call->sum,
	};
	if (job->conn != NULL)
		memcpy(n->client, conn_peer_addr(job->conn), sizeof n->client);
}

/* By an operator's word, for all shares. */
static bool
blocked(uint32_t proc)
{
	return atomic_load_explicit(&gateway_live.blocked, memory_order_relaxed) >> proc & 1;
}

static enum decoded
v3_decode(struct job *job, struct rpc_call *call, struct reader *r)
{
	const struct row *row = &rows[call->head.proc];
	struct op *op = &job->op;

	op->kind = row->kind;
	op->set.mask = 0;
	op->note.protocol = NOTE_NONE;
	op->on.has_before = op->on.has_after = false;
	op->on2.has_before = op->on2.has_after = false;
	op->has_found = false;
	op->found_attr.type = 0;
	row->to_op(job, call, r);
	if (__builtin_expect(blocked(call->head.proc), 0))
		job->status = v3_error(call->head.proc, ST_NOTSUPP) == NFS3ERR_NOTSUPP ?
		    ST_NOTSUPP :
		    ST_ACCES;
	if (!reader_ok(r) || job->status != OK || op->kind == OP_NONE)
		return DECODED_REPLY;
	if (row->once != RPC_ONCE)
		return DECODED_OP;
	call->remembered = call->remembered && call->hit.share == op->file.share;
	if (call->remembered)
		recall(job, call);
	else
		note(job, call);
	return DECODED_OP;
}

/* What the GETATTR has found, in the places where the remembered call's results go. */
static void
answer_recalled(struct job *job, const struct row *row)
{
	struct op *op = &job->op;

	if (makes(row->kind)) {
		op->has_found = job->status == OK && op->on.has_after;
		op->found_attr = op->on.after;
		op->on.has_after = false;
	}
	op->on.has_before = false;
	job->status = OK;
}

static void
v3_encode(struct job *job, struct rpc_call *call, struct writer *w)
{
	const struct row *row = &rows[call->head.proc];
	uint32_t mark = writer_mark(w);

	if (row->from_op == v3_null_from_op)
		return;
	if (__builtin_expect(call->remembered, 0) && job->op.kind == OP_GETATTR)
		answer_recalled(job, row);
	if (job->status == OK) {
		xdr_put_u32(w, NFS3_OK);
		job->status = row->from_op(job, call, w);
		if (__builtin_expect(job->status == OK, 1))
			return;
		writer_back(w, mark);
	}
	xdr_put_u32(w, v3_error(call->head.proc, job->status));
	row->fail(job, w);
}

void
v3_null_to_op(struct job *job, struct rpc_call *call, struct reader *r)
{
	(void)job, (void)call, (void)r;
}

enum status
v3_null_from_op(struct job *job, struct rpc_call *call, struct writer *w)
{
	(void)job, (void)call, (void)w;
	return OK;
}

static const struct rpc_proc procs[V3_PROC_COUNT] = {
#define PROC3(NAME, name, kind, once, fail, worst) \
	[V3_##NAME] = { "nfs3." #name, RPC_##once, v3_decode, v3_encode },
#include "gateway/nfs/v3/proc.def"
#undef PROC3
};

static const struct rpc_version versions[] = {
	{ V3_VERSION, V3_PROC_COUNT, procs },
};

const struct rpc_program v3_program = {
	"nfs", V3_PROGRAM, ARRAY_LEN(versions), versions,
};

/* All kept replies fit: head, status and results of every procedure that may not run
 * twice. */
#define PROC3(NAME, name, kind, once, fail, worst) \
	_Static_assert(RPC_##once == RPC_REPEATABLE || \
	    24 + 4 + (worst) <= RPC_DRC_REPLY_MAX, "reply of " #name);
#include "gateway/nfs/v3/proc.def"
#undef PROC3

void
v3_remember(struct rpc_drc *drc, uint64_t share, const struct note *n)
{
	struct rpc_drc_key key = {
		.xid = (uint32_t)(n->request >> 32),
		.prog = V3_PROGRAM,
		.vers = V3_VERSION,
		.proc = n->proc,
		.sum = (uint32_t)n->request,
	};

	if (n->proc >= V3_PROC_COUNT || rows[n->proc].once != RPC_ONCE)
		return;
	memcpy(key.addr, n->client, sizeof key.addr);
	rpc_drc_remember(drc, share, &key, n);
}
