/*
 * The head of a call is six words and two opaques of at most 400 bytes; the head of a
 * reply is six words, or what says why there is no result.
 */
#include "gateway/rpc/message.h"

enum { MSG_CALL = 0, MSG_REPLY = 1, REPLY_ACCEPTED = 0, REPLY_DENIED = 1 };
enum { REJECT_VERSION = 0, REJECT_AUTH = 1 };

enum rpc_head_verdict
rpc_message_read(struct reader *r, struct rpc_head *head)
{
	const uint8_t *p = reader_take(r, 24);

	*head = (struct rpc_head){ 0 };
	if (p == NULL)
		return RPC_HEAD_ALIEN;
	head->xid = get_be32(p);
	if (get_be32(p + 4) != MSG_CALL)
		return RPC_HEAD_ALIEN;
	if (get_be32(p + 8) != RPC_VERSION)
		return RPC_HEAD_VERSION;
	head->prog = get_be32(p + 12);
	head->vers = get_be32(p + 16);
	head->proc = get_be32(p + 20);
	head->cred_flavour = xdr_u32(r);
	head->cred = xdr_opaque(r, RPC_AUTH_BYTES_MAX);
	head->verf_flavour = xdr_u32(r);
	head->verf = xdr_opaque(r, RPC_AUTH_BYTES_MAX);
	return reader_ok(r) ? RPC_HEAD_OK : RPC_HEAD_AUTH;
}

static void
denied(struct writer *w, uint32_t xid, enum rpc_reply reply, uint32_t why)
{
	xdr_put_u32(w, xid);
	xdr_put_u32(w, MSG_REPLY);
	xdr_put_u32(w, REPLY_DENIED);
	if (reply == RPC_DENIED_AUTH) {
		xdr_put_u32(w, REJECT_AUTH);
		xdr_put_u32(w, why);
		return;
	}
	xdr_put_u32(w, REJECT_VERSION);
	xdr_put_u32(w, RPC_VERSION);
	xdr_put_u32(w, RPC_VERSION);
}

void
rpc_message_reply(struct writer *w, uint32_t xid, enum rpc_reply reply, uint32_t low,
    uint32_t high)
{
	uint8_t *p;

	if (__builtin_expect(reply >= RPC_DENIED_VERSION, 0)) {
		denied(w, xid, reply, low);
		return;
	}
	if ((p = writer_room(w, 24)) == NULL)
		return;
	put_be32(p, xid);
	put_be32(p + 4, MSG_REPLY);
	put_be32(p + 8, REPLY_ACCEPTED);
	put_be64(p + 12, RPC_AUTH_NONE);	/* verifier: no flavour, no bytes */
	put_be32(p + 20, reply);
	if (reply == RPC_PROG_MISMATCH) {
		xdr_put_u32(w, low);
		xdr_put_u32(w, high);
	}
}
