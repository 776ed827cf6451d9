/*
 * Threads for keepers whose system calls wait: a call started is put in a queue and run by one of
 * a few threads, which then tells its done().  Somebody may wait for what is read; the rest is
 * background: half of the threads serve reads alone, the others whatever there is, at nice 10 and
 * off one core.
 */
#ifndef BACKENDS_BLOCK_POOL_H
#define BACKENDS_BLOCK_POOL_H

#include "pipeline/contract/block_store.h"

struct block_pool;
struct block_op;			/* a call on its way through a pool */

/* Run on a thread of the pool; the outcome is the call's. */
typedef enum status block_pool_run(void *arg, struct block_call *call, const struct block_op *op);

struct block_pooled {			/* keepers embed this first */
	struct block_store base;
	struct block_pool *pool;
};

/* run gets s as its arg; threads: 2 or more. */
void block_pool_open(struct block_pooled *s, const char *name, unsigned threads,
    block_pool_run *run);

/* For their ops. */
void block_pool_start(struct block_store *s, struct block_call *call);
void block_pool_cancel(struct block_store *s, struct block_call *call);

/* Waits until all calls are done; joins the threads. */
void block_pool_close(struct block_pooled *s);

/* Shall it go on?  CANCELED, TIMEDOUT: no.  Asked between the pieces of a long call. */
must_check enum status block_op_alive(const struct block_op *op);

#endif
