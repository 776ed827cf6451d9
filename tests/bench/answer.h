/*
 * The same constant answers for both servers of the bench: ONC RPC calls of NFS version 3 (NULL,
 * GETATTR, ACCESS, LOOKUP, READ of at most 4 KiB) and MOUNT's MNT.  RFC 5531, RFC 1813.
 */
#ifndef TESTS_BENCH_ANSWER_H
#define TESTS_BENCH_ANSWER_H

#include "pipeline/base/reader.h"
#include "pipeline/base/writer.h"

enum { ANSWER_HANDLE_BYTES = 48, ANSWER_MAX = 4096 + 512 };

struct question {
	uint32_t xid, prog, proc;
	uint32_t wants;			/* ACCESS: bits; READ: bytes */
};

/* Read a call's header, credentials and arguments; false: not a call that is known here. */
bool question_read(struct slice message, struct question *q);

/* The reply with its record mark. */
void answer_write(struct writer *w, const struct question *q);

#endif
