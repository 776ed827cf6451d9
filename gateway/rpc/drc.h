/*
 * The duplicate request cache: a call that comes again is answered, not run again, over
 * whichever connection of its client it comes, and after a crash too.  Only for
 * procedures that may not run twice.  engine.md §3, RFC 1813 §4.5.
 *
 * A call is known by its client's address, xid, program, version and procedure, and a
 * checksum of its arguments: xids alone repeat.  The head is left out of the checksum,
 * for a credential may be written anew when the call is sent again.
 */
#ifndef GATEWAY_RPC_DRC_H
#define GATEWAY_RPC_DRC_H

#include "pipeline/base/arena.h"
#include "pipeline/base/slice.h"
#include "pipeline/model/note.h"

enum {
	RPC_DRC_REPLY_MAX = 512,	/* kept replies; all of NFSv3's are shorter */
	RPC_DRC_SUM_BYTES = 256,	/* of the arguments that are summed */
};

struct rpc_drc;
struct rpc_drc_entry;

struct rpc_drc_key {
	uint8_t addr[16];
	uint32_t xid, prog, vers, proc;
	uint32_t sum;
};

enum rpc_drc_verdict {
	RPC_DRC_NEW,		/* run it; the entry is the caller's until done or drop */
	RPC_DRC_BUSY,		/* the first still runs: say nothing */
	RPC_DRC_DONE,		/* answer with hit.reply */
	RPC_DRC_REMEMBERED,	/* ran before a crash: build the answer from hit.note */
	RPC_DRC_FULL,		/* run it, unremembered: everything here is in progress */
};

struct rpc_drc_hit {
	struct rpc_drc_entry *entry;	/* NEW */
	struct slice reply;		/* DONE; in the arena */
	uint64_t share, ino;		/* REMEMBERED */
	uint32_t gen;
};

struct rpc_drc *rpc_drc_new(uint32_t entries, uint64_t bytes, uint64_t keep_ns);
void rpc_drc_free(struct rpc_drc **drcp);
uint32_t rpc_drc_capacity(const struct rpc_drc *drc);

uint32_t rpc_drc_sum(const void *args, size_t len);

/* Any thread.  Takes: DRC. */
enum rpc_drc_verdict rpc_drc_begin(struct rpc_drc *drc, const struct rpc_drc_key *key,
    struct arena *arena, struct rpc_drc_hit *hit);

/* The call has been answered with these bytes (record mark excluded): keep them. */
void rpc_drc_done(struct rpc_drc_entry *entry, const void *reply, uint32_t len);

/* It was not answered, or changed nothing: forget it. */
void rpc_drc_drop(struct rpc_drc_entry *entry);

/* A NOTE from the log, before anything is served. */
void rpc_drc_remember(struct rpc_drc *drc, uint64_t share, const struct rpc_drc_key *key,
    const struct note *note);

#endif
