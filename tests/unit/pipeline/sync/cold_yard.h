/*
 * A yard beside a remote store, all of its first content there and nothing of it here.
 */
#ifndef TESTS_SYNC_COLD_YARD_H
#define TESTS_SYNC_COLD_YARD_H

#include "backends/block/flaky/flaky.h"
#include "tests/unit/pipeline/sync/yard.h"

enum { PIECE = 1 << 20, PIECES = 18, PATIENCE = 3000 };	/* 18 MiB; the pages hold 8 */

struct block_store *cold_flaky(const struct block_flaky_conf *f);
void cold_make(struct yard *y, const struct block_flaky_conf *f);
void cold_make_as(struct yard *y, const struct block_flaky_conf *f, uint8_t aead, uint8_t level);
void cold_drain(struct yard *y);		/* until the remote has all of it */
void cold_evict(struct yard *y);		/* until nothing whole is here */
void cold_end(struct yard *y);

#endif
