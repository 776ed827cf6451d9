/*
 * What every keeper of objects asks of a call before it does anything; contract/README, law 5.
 */
#ifndef BACKENDS_BLOCK_CALL_H
#define BACKENDS_BLOCK_CALL_H

#include "pipeline/contract/block_store.h"

/* INVAL: a name that no keeper takes, or a range beyond all numbers. */
must_check enum status block_call_check(const struct block_call *call);

/* A call that has just been started: nothing is known of its outcome. */
void block_call_clear(struct block_call *call);

/* How many bytes of an object of size bytes a GET is to give; none behind its end. */
uint64_t block_call_wanted(const struct block_call *call, uint64_t size);

#endif
