/*
 * What stands around the gateway, replaced: one share with handles that anybody can read,
 * a connection that is only an address, jobs outside any pool; and calls of every
 * procedure.
 */
#ifndef TESTS_UNIT_GATEWAY_FAKES_H
#define TESTS_UNIT_GATEWAY_FAKES_H

#include "gateway/rpc/program.h"
#include "gateway/rpc/xdr.h"

#include "pipeline/share/handle.h"

enum { FAKE_SHARE = 7, FAKE_OTHER = 8, FAKE_DIR = 2, FAKE_DIR2 = 3, FAKE_FILE = 10,
    FAKE_GEN = 5 };

struct conn {
	uint8_t addr[16];
};

struct fake {
	struct conn conn;
	struct job job;
	struct cite cites[64];
	uint8_t out[1 << 17];
	struct writer w;
	bool again;			/* the encoder asked for one more operation */
};

extern int fake_share_refs;		/* taken by decoding and not given back */

/* The service of NFS and MOUNT as gateway.c has it; drc is the test's. */
extern struct rpc_service fake_service;

struct fake *fake_new(void);
void fake_free(struct fake **fp);

/* A fresh job with that message (copied into a counted buffer), decoded. */
enum decoded fake_decode(struct fake *f, const void *message, size_t len);

/* Fill in all results that the operation could have. */
void fake_answer(struct fake *f);

/* Encode; what lies behind the record mark and the 24 bytes of an accepted reply's
 * head. */
struct reader fake_encode(struct fake *f);

/* The job's end: what a pipeline would do. */
void fake_finish(struct fake *f);

void fake_handle(struct writer *w, uint64_t ino);
void fake_head(struct writer *w, uint32_t xid, uint32_t prog, uint32_t vers,
    uint32_t proc);

/* A whole, valid call of NFSv3's proc; its arguments are always the same. */
uint32_t fake_call3(uint8_t *to, uint32_t cap, uint32_t xid, uint32_t proc);

#endif
