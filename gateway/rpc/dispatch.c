/*
 * Down: head, credential, program, version, procedure, duplicate, arguments; the first
 * that fails decides the reply.  Up: mark, head, results.  A call that changes something
 * is in the duplicate cache from before its arguments are read until its reply has been
 * written.
 */
#include "gateway/rpc/dispatch.h"

#include "gateway/rpc/cred.h"
#include "gateway/rpc/record.h"

#include "pipeline/base/log.h"
#include "pipeline/base/meter.h"
#include "pipeline/net/conn.h"

static const struct rpc_service *
service_of(const struct job *job)
{
	return container_of(job->protocol, struct rpc_service, protocol);
}

static enum decoded
refuse(struct rpc_call *call, enum rpc_reply reply, uint32_t low, uint32_t high)
{
	call->proc = NULL;
	call->reply = (uint8_t)reply;
	call->low = low;
	call->high = high;
	return DECODED_REPLY;
}

static const struct rpc_program *
program_of(const struct rpc_service *service, uint32_t number)
{
	for (uint32_t i = 0; i < service->nprograms; i++)
		if (service->programs[i]->number == number)
			return service->programs[i];
	return NULL;
}

static const struct rpc_version *
version_of(const struct rpc_program *program, uint32_t number)
{
	for (uint32_t i = 0; i < program->nversions; i++)
		if (program->versions[i].number == number)
			return &program->versions[i];
	return NULL;
}

/* Find the row of a call; DECODED_OP where there is one. */
static enum decoded
find_row(const struct rpc_service *service, struct rpc_call *call)
{
	const struct rpc_program *program = program_of(service, call->head.prog);
	const struct rpc_version *version;

	if (program == NULL)
		return refuse(call, RPC_PROG_UNAVAIL, 0, 0);
	version = version_of(program, call->head.vers);
	if (version == NULL)
		return refuse(call, RPC_PROG_MISMATCH, program->versions[0].number,
		    program->versions[program->nversions - 1].number);
	if (call->head.proc >= version->nprocs ||
	    version->procs[call->head.proc].decode == NULL)
		return refuse(call, RPC_PROC_UNAVAIL, 0, 0);
	call->proc = &version->procs[call->head.proc];
	return DECODED_OP;
}

static struct rpc_drc *
drc_of(const struct job *job, const struct rpc_call *call)
{
	return service_of(job)->drc[call->proc->once];
}

/* Has this call been made before? */
static enum decoded
find_duplicate(struct job *job, struct rpc_call *call, const struct reader *r)
{
	struct rpc_drc *drc = drc_of(job, call);
	struct rpc_drc_key key = { .xid = call->head.xid, .prog = call->head.prog,
		.vers = call->head.vers, .proc = call->head.proc };

	memcpy(key.addr, conn_peer_addr(job->conn), sizeof key.addr);
	call->sum = key.sum = rpc_drc_sum(r->at, reader_left(r));
	switch (rpc_drc_begin(drc, &key, &job->arena, &call->hit)) {
	case RPC_DRC_NEW:
	case RPC_DRC_FULL:
		return DECODED_OP;
	case RPC_DRC_BUSY:
		meter_add(METER_DRC_BUSY, 1);
		return DECODED_SILENCE;
	case RPC_DRC_DONE:
		meter_add(METER_DRC_HITS, 1);
		return DECODED_REPLY;
	case RPC_DRC_REMEMBERED:
		meter_add(METER_DRC_HITS, 1);
		call->remembered = true;
		return DECODED_OP;
	}
	return DECODED_OP;
}

static enum decoded
decode_call(struct job *job, struct rpc_call *call, struct reader *r)
{
	enum rpc_auth_stat why;
	enum decoded verdict;

	why = rpc_cred_claim(&call->head, &job->arena, &job->claim);
	if (why != RPC_AUTH_OK)
		return refuse(call, RPC_DENIED_AUTH, why, 0);
	if ((verdict = find_row(service_of(job), call)) != DECODED_OP)
		return verdict;
	if (job->conn != NULL)
		conn_saw(job->conn, call->head.vers, &job->claim);
	if (call->proc->once != RPC_REPEATABLE && job->conn != NULL && drc_of(job, call) != NULL &&
	    (verdict = find_duplicate(job, call, r)) != DECODED_OP)
		return verdict;
	verdict = call->proc->decode(job, call, r);
	if (__builtin_expect(!reader_ok(r), 0)) {
		meter_add(METER_MALFORMED, 1);
		return refuse(call, RPC_GARBAGE_ARGS, 0, 0);
	}
	return verdict;
}

/* The head is read into it next; zeroing all of it would cost as much as reading it. */
static void
call_init(struct rpc_call *call)
{
	call->proc = NULL;
	call->reply = RPC_SUCCESS;
	call->again = call->remembered = false;
	call->low = call->high = 0;
	call->hit.entry = NULL;
	call->hit.reply.at = NULL;
	call->sum = call->limit = 0;
}

enum decoded
rpc_dispatch_decode(struct job *job)
{
	struct reader r = reader_of_slice(job->message);
	struct rpc_call *call = arena_alloc(&job->arena, sizeof *call);

	if (call == NULL)
		return DECODED_HANGUP;
	call_init(call);
	job->wire = call;
	job->status = OK;
	switch (rpc_message_read(&r, &call->head)) {
	case RPC_HEAD_OK:
		/* The connection's number with the xid: a capture of its packets has the latter. */
		job->named = job->whence != NULL ? job->whence->conn << 32 | call->head.xid : 0;
		return decode_call(job, call, &r);
	case RPC_HEAD_ALIEN:
		return DECODED_HANGUP;
	case RPC_HEAD_VERSION:
		return refuse(call, RPC_DENIED_VERSION, 0, 0);
	case RPC_HEAD_AUTH:
		meter_add(METER_MALFORMED, 1);
		return refuse(call, RPC_DENIED_AUTH, RPC_AUTH_BADCRED, 0);
	}
	return DECODED_HANGUP;
}

/* What was written since then does not stand: back to there, citations too. */
static void
take_back(struct writer *w, const struct writer *then)
{
	while (w->ncites > then->ncites)
		slice_put(&w->cites[--w->ncites].bytes);
	w->cited_bytes = then->cited_bytes;
	w->len = then->len;
	w->failed = then->failed;
}

static void
encode_body(struct job *job, struct rpc_call *call, struct writer *w)
{
	if (call->hit.reply.at != NULL) {
		write_bytes(w, call->hit.reply.at, call->hit.reply.len);
		return;
	}
	rpc_message_reply(w, call->head.xid, call->reply, call->low, call->high);
	if (call->proc != NULL)
		call->proc->encode(job, call, w);
}

/* Keep the reply for when the call comes again.  One that asks to come again is not
 * kept: then nothing has happened yet. */
static void
keep(struct job *job, struct rpc_call *call, const uint8_t *reply, uint32_t len,
    bool whole)
{
	struct rpc_drc_entry *entry = TAKE(&call->hit.entry);

	if (whole && job->status != ST_DELAY && job->status != ST_RESOURCE)
		rpc_drc_done(entry, reply, len);
	else
		rpc_drc_drop(entry);
}

/* One request's line, under the name that all lines of it have. */
static void
tell(const struct job *job, const struct rpc_call *call)
{
	bool ours = job->status == ST_IO || job->status == ST_CORRUPT ||
	    job->status == ST_SERVERFAULT;
	enum log_level level = ours ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG;

	if (__builtin_expect(level < log_least, 1) || job->conn == NULL)
		return;
	log_at(level, ours ? "rpc.failed" : "rpc.request", F_HEX("request", job->named),
	    F_STR("proc", call->proc ? call->proc->name : "none"),
	    F_STR("status", status_name(job->status)), F_U64("uid", job->claim.uid),
	    F_U64("ino", job->op.file.ino));
}

enum encoded
rpc_dispatch_encode(struct job *job, struct writer *w)
{
	const struct rpc_service *service = service_of(job);
	struct rpc_call *call = job->wire;
	struct writer then = *w;
	uint32_t mark = 0, body;

	if (!service->datagram)
		mark = rpc_record_begin(w);
	body = writer_mark(w);
	encode_body(job, call, w);
	if (__builtin_expect(!writer_ok(w) && !then.failed, 0)) {
		log_error("rpc.reply_too_long", F_U64("room", then.cap - then.len),
		    F_U64("xid", call->head.xid),
		    F_STR("proc", call->proc ? call->proc->name : "none"));
		take_back(w, &then);
		if (!service->datagram)
			mark = rpc_record_begin(w);
		body = writer_mark(w);
		rpc_message_reply(w, call->head.xid, RPC_SYSTEM_ERR, 0, 0);
	}
	if (call->again) {
		call->again = false;
		take_back(w, &then);
		return ENCODED_AGAIN;
	}
	if (call->hit.entry != NULL)
		keep(job, call, w->base + body, w->len - body,
		    writer_ok(w) && w->ncites == then.ncites);
	if (!service->datagram)
		rpc_record_end(w, mark, then.cited_bytes);
	tell(job, call);
	return ENCODED_REPLY;
}

void
rpc_dispatch_finish(struct job *job)
{
	struct rpc_call *call = job->wire;

	if (call != NULL && call->hit.entry != NULL)
		rpc_drc_drop(TAKE(&call->hit.entry));
}
