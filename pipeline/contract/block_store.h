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
	bool if_absent;	/* PUT: EXIST where the name is taken, if the store can tell */
	uint64_t offset, len;		/* GET: which bytes; len 0: to the end */
	uint8_t *into;			/* GET: room for what comes, into_cap bytes */
	uint64_t into_cap;
	bool (*each)(struct block_call *call, const char *name, uint64_t size);	/* WALK */
	uint64_t deadline_ns;		/* monotonic; 0: the store's own limits */
	uint64_t request;  /* on whose behalf: what log lines and the far side's say; 0: the
			    * store makes one up, which is here from start() on */
	void (*done)(struct block_call *call);

	enum status status;	/* at done: OK, NOENT, EXIST, UNREACHABLE, TIMEDOUT, ACCES, … */
	uint64_t got;			/* GET: bytes; HEAD: size of the object */
	char text[160];			/* of a failure, for people; never a secret */
	void *owner;			/* the caller's */
	uint64_t begun_ns;		/* the store's: when start() was called */
};

/* What a store has been asked since it was opened, by kind of call; who reads it needs no lock, and
 * may find one figure newer than another. */
enum { BLOCK_KINDS = BLOCK_WALK + 1, BLOCK_GAUGE_SLOTS = 14 };
struct block_gauge {
	_Atomic uint64_t calls[BLOCK_KINDS];	/* that have ended */
	_Atomic uint64_t
	    failed[BLOCK_KINDS]; /* of them; that there is none, or one, is an answer */
	_Atomic uint64_t bytes[BLOCK_KINDS];	/* that were put, or got */
	_Atomic uint64_t ns[BLOCK_KINDS]; /* from start to end, attempts and waiting together */
	_Atomic uint64_t slot[BLOCK_KINDS][BLOCK_GAUGE_SLOTS]; /* calls that took so long: call.h */
	_Atomic uint64_t again;			/* attempts beyond the first of a call */
	_Atomic uint64_t running;		/* calls begun and not ended */
};

struct block_store;

struct block_store_ops {
	const char *kind;		/* "memory", "fs", "s3" */
	bool durable;
	bool local;
	void (*start)(struct block_store *s, struct block_call *call);
	void (*cancel)(struct block_store *s,
	    struct block_call *call); /* done() still comes, CANCELED */
	void (*close)(struct block_store *s);	/* waits for what runs; frees s */
};

struct block_store {			/* keepers embed this first */
	const struct block_store_ops *ops;
	struct block_gauge gauge;
};

#endif
