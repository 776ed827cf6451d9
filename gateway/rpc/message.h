/*
 * The head of RPC messages: calls are read, replies begun.  RFC 5531 §9.
 */
#ifndef GATEWAY_RPC_MESSAGE_H
#define GATEWAY_RPC_MESSAGE_H

#include "gateway/rpc/xdr.h"

enum { RPC_AUTH_BYTES_MAX = 400, RPC_VERSION = 2 };

enum rpc_flavour { RPC_AUTH_NONE = 0, RPC_AUTH_SYS = 1, RPC_AUTH_SHORT = 2, RPC_AUTH_GSS = 6 };

enum rpc_auth_stat {
	RPC_AUTH_OK = 0, RPC_AUTH_BADCRED, RPC_AUTH_REJECTEDCRED, RPC_AUTH_BADVERF,
	RPC_AUTH_REJECTEDVERF, RPC_AUTH_TOOWEAK,
};

/* What a reply's head says; values from RPC_DENIED_VERSION on are ours, for denied
 * messages. */
enum rpc_reply {
	RPC_SUCCESS = 0, RPC_PROG_UNAVAIL, RPC_PROG_MISMATCH, RPC_PROC_UNAVAIL, RPC_GARBAGE_ARGS,
	RPC_SYSTEM_ERR,
	RPC_DENIED_VERSION, RPC_DENIED_AUTH,
};

struct rpc_head {
	uint32_t xid, prog, vers, proc;
	uint32_t cred_flavour, verf_flavour;
	struct slice cred, verf;	/* borrowed from the message */
};

enum rpc_head_verdict {
	RPC_HEAD_OK,
	RPC_HEAD_ALIEN,			/* not a call: nothing to answer */
	RPC_HEAD_VERSION,		/* not RPC version 2; the xid is good */
	RPC_HEAD_AUTH,			/* credential or verifier cannot be read; the xid is good */
};

/* Read a call up to its arguments. */
enum rpc_head_verdict rpc_message_read(struct reader *r, struct rpc_head *head);

/* Begin a reply.  low, high: the versions a MISMATCH offers; for DENIED_AUTH low is
 * why. */
void rpc_message_reply(struct writer *w, uint32_t xid, enum rpc_reply reply, uint32_t low,
    uint32_t high);

#endif
