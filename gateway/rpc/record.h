/*
 * Record marking: how RPC messages follow each other on a stream.  RFC 5531 §11.
 */
#ifndef GATEWAY_RPC_RECORD_H
#define GATEWAY_RPC_RECORD_H

#include "pipeline/contract/protocol.h"

enum {
	RPC_MESSAGE_MAX = (1 << 20) + 8192,	/* a WRITE of 1 MiB with the longest header */
	RPC_FRAGMENTS_MAX = 1024,		/* of one record; more is refused */
};

/* protocol->frame and protocol->join of all RPC over TCP. */
enum frame_verdict rpc_record_frame(const uint8_t *bytes, uint32_t have, struct frame *f);
void rpc_record_join(const uint8_t *bytes, const struct frame *f, uint8_t *to);

/* Begin a record at the writer's end: returns what rpc_record_end needs to patch its
 * length. cited: w->cited_bytes at the beginning. */
uint32_t rpc_record_begin(struct writer *w);
void rpc_record_end(struct writer *w, uint32_t mark, uint32_t cited);

#endif
