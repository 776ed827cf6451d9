/*
 * What every keeper of objects asks of a call before it does anything; contract/README, law 5.
 */
#ifndef BACKENDS_BLOCK_CALL_H
#define BACKENDS_BLOCK_CALL_H

#include "pipeline/contract/block_store.h"

/* INVAL: a name that no keeper takes, or a range beyond all numbers. */
must_check enum status block_call_check(const struct block_call *call);

/* A call that has just been started: nothing is known of its outcome. */
void block_call_begin(struct block_store *s, struct block_call *call);

/* It is over, its outcome is in it: counted, and its caller told.  call may be gone then, and,
 * unless close() waits for this thread, s as well. */
void block_call_end(struct block_store *s, struct block_call *call);

/* The figures as of now. */
void block_gauge_read(const struct block_gauge *from, struct block_gauge *to);

/* So many milliseconds or less took that percentage of the calls of a kind; 0: there were none.
 * UINT32_MAX: more than the last slot that has an end. */
uint32_t block_gauge_within_ms(const struct block_gauge *g, enum block_call_kind kind,
    unsigned percent);

/* Upper ends of a gauge's slots, in milliseconds; the last slot has none. */
extern const uint32_t block_gauge_ms[BLOCK_GAUGE_SLOTS - 1];

/* How many bytes of an object of size bytes a GET is to give; none behind its end. */
uint64_t block_call_wanted(const struct block_call *call, uint64_t size);

#endif
