/*
 * A yard beside a remote store, all of its first content there and nothing of it here.
 */
#ifndef TESTS_SYNC_COLD_YARD_H
#define TESTS_SYNC_COLD_YARD_H

#include "backends/block/flaky/flaky.h"
#include "tests/unit/pipeline/sync/remote_yard.h"

/* 18 MiB; the pages hold 8. */
enum { PIECE = REMOTE_PIECE, PIECES = 18, PATIENCE = REMOTE_PATIENCE };

struct block_store *cold_flaky(const struct block_flaky_conf *f);
void cold_make(struct yard *y, const struct block_flaky_conf *f);
void cold_make_as(struct yard *y, const struct block_flaky_conf *f, uint8_t aead, uint8_t level);

#endif
