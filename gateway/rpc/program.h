/*
 * What an RPC program offers: rows of procedures by version.  dispatch.c knows the rows
 * alone.
 */
#ifndef GATEWAY_RPC_PROGRAM_H
#define GATEWAY_RPC_PROGRAM_H

#include "gateway/rpc/drc.h"
#include "gateway/rpc/message.h"

#include "pipeline/stage/job.h"

struct rpc_call;

/* May a call run twice?  What moves bytes has a cache of its own: a flood of writes must not
 * push out what is known of names. */
enum rpc_once { RPC_REPEATABLE, RPC_ONCE, RPC_ONCE_BYTES, RPC_ONCE_COUNT };

struct rpc_proc {
	const char *name;
	uint8_t once;			/* enum rpc_once */

	/* Read the arguments and fill job->op (DECODED_OP), or answer here
	 * (DECODED_REPLY, with job->status).  Arguments that cannot be read leave r
	 * failed: that is answered for it. */
	enum decoded (*decode)(struct job *job, struct rpc_call *call, struct reader *r);

	/* Write the results, behind the reply's head; or fill job->op anew and set call->again:
	 * what was written is forgotten, and that operation goes down. */
	void (*encode)(struct job *job, struct rpc_call *call, struct writer *w);
};

struct rpc_version {
	uint32_t number;
	uint32_t nprocs;
	const struct rpc_proc *procs;
};

struct rpc_program {
	const char *name;
	uint32_t number;
	uint32_t nversions;		/* ascending */
	const struct rpc_version *versions;
};

/* A protocol on a port: which programs it serves. */
struct rpc_service {
	struct protocol protocol;
	bool datagram;			/* a message a datagram, no record marks */
	uint32_t nprograms;
	const struct rpc_program *const *programs;	/* the most asked first */
	struct rpc_drc *drc[RPC_ONCE_COUNT];	/* by enum rpc_once; NULL: none is kept */
};

/* A call on its way; job->wire. */
struct rpc_call {
	struct rpc_head head;
	const struct rpc_proc *proc;	/* NULL: refused */
	uint8_t reply;			/* enum rpc_reply */
	bool again;			/* encode asks for one more operation */
	bool remembered;		/* ran before a crash: hit says what it made */
	uint32_t low, high;		/* of a refusal */
	struct rpc_drc_hit hit;
	uint32_t sum;			/* of its arguments, where proc->once */
	uint32_t limit;			/* the procedure's own: bytes a reply may have */
	struct slice path, rest;	/* the procedure's own: asked, and still to be done */
};

#endif
