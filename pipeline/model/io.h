/*
 * Which bytes an operation moves: the payload of a WRITE, what a READ has gathered, and what it
 * still has to fetch.
 */
#ifndef MODEL_IO_H
#define MODEL_IO_H

#include "pipeline/base/chain.h"

enum { IO_BYTES_MAX = 1 << 20 };	/* one READ or WRITE; an entry's data */

struct io_want;				/* the pieces of a READ: cache/want.h */

struct io {
	uint64_t offset;
	uint32_t count;			/* asked (READ) or given (WRITE) */
	struct chain data;
	struct io_want *want;		/* NULL: nothing missing; in the job's arena */
};

#endif
