/*
 * A block_store behind a link with a delay and a rate: each GET takes the delay, and its bytes
 * follow those of all others, at that rate.  Other calls pass.
 */
#ifndef TESTS_BENCH_LINK_H
#define TESTS_BENCH_LINK_H

#include "pipeline/contract/block_store.h"

/* inner: taken.  delay_us: from the asking to the first byte; bytes_s: a second. */
struct block_store *link_wrap(struct block_store *inner, uint32_t delay_us, uint64_t bytes_s);

#endif
