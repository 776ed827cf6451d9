/*
 * A block_store around another that fails as networks and servers do, by a seed: for tests and
 * drills.  It keeps the contract; only flipped bytes break it, as a failing medium would.
 */
#ifndef BACKENDS_BLOCK_FLAKY_H
#define BACKENDS_BLOCK_FLAKY_H

#include "pipeline/contract/block_store.h"

struct block_flaky_conf {
	uint64_t seed;
	unsigned delay_ms;		/* up to so long before anything is done */
	/* Hundredths of all calls: */
	unsigned fail;			/* refused, nothing done */
	unsigned lost;			/* PUT, DEL: done, but the reply does not come */
	unsigned cut;			/* GET: a part of the bytes, then the end */
	unsigned flip;			/* GET: one bit is not what it was */
};

/* inner is taken: closed with the wrapper. */
struct block_store *block_flaky_wrap(struct block_store *inner,
    const struct block_flaky_conf *conf);

/* All is refused as unreachable, until it is up again.  Any thread. */
void block_flaky_down(struct block_store *s, bool down);

/* Nothing is answered, until it goes on again: calls wait, or their time passes.  Any thread. */
void block_flaky_hang(struct block_store *s, bool hung);

struct block_flaky_seen {
	uint64_t calls, failed, lost, cut, flipped;
	uint64_t request;		/* what the last call was for; block_store.h */
};

void block_flaky_look(struct block_store *s, struct block_flaky_seen *seen);

#endif
