/*
 * Promise: objects by name, whole or by range, somewhere far away.  Calls start at once and end
 * with done() on a thread of the store's; done() only hands the outcome on (an inbox, a queue).
 * A call's struct belongs to the caller until done().  Laws: contract/README.
 */
#ifndef CONTRACT_BLOCK_STORE_H
#define CONTRACT_BLOCK_STORE_H

#include "pipeline/base/chain.h"
#include "pipeline/base/status.h"

enum { BLOCK_NAME_MAX = 512 };

enum block_call_kind { BLOCK_PUT, BLOCK_GET, BLOCK_HEAD, BLOCK_DEL, BLOCK_WALK };

struct block_call {
	enum block_call_kind kind;
	char name[BLOCK_NAME_MAX];	/* WALK: a prefix */
	struct chain body;		/* PUT: borrowed until done */
	bool if_absent;			/* PUT: EXIST where the name is taken, if the store can tell */
	uint64_t offset, len;		/* GET: which bytes; len 0: to the end */
	uint8_t *into;			/* GET: room for what comes, into_cap bytes */
	uint64_t into_cap;
	bool (*each)(struct block_call *call, const char *name, uint64_t size);	/* WALK */
	uint64_t deadline_ns;		/* monotonic; 0: the store's own limits */
	uint64_t request;		/* on whose behalf: what log lines and the far side's say; 0: the
					 * store makes one up, which is here from start() on */
	void (*done)(struct block_call *call);

	enum status status;		/* at done: OK, NOENT, EXIST, UNREACHABLE, TIMEDOUT, ACCES, … */
	uint64_t got;			/* GET: bytes; HEAD: size of the object */
	char text[160];			/* of a failure, for people; never a secret */
	void *owner;			/* the caller's */
	void *store_private;
};

struct block_store;

struct block_store_ops {
	const char *kind;		/* "memory", "fs", "s3" */
	bool durable;
	bool local;
	void (*start)(struct block_store *s, struct block_call *call);
	void (*cancel)(struct block_store *s, struct block_call *call);	/* done() still comes, CANCELED */
	void (*close)(struct block_store *s);	/* waits for what runs; frees s */
};

struct block_store {			/* keepers embed this first */
	const struct block_store_ops *ops;
};

#endif
