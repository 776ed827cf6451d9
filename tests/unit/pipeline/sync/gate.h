/*
 * A store before a store, with a gate for calls of one kind: those that come while it is closed
 * are begun when it opens.
 */
#ifndef TESTS_SYNC_GATE_H
#define TESTS_SYNC_GATE_H

#include "pipeline/contract/block_store.h"

/* inner is taken: closed with it. */
struct block_store *gate_before(struct block_store *inner);
void gate_close(struct block_store *s, enum block_call_kind kind);
void gate_open(struct block_store *s);
int gate_held(struct block_store *s);

#endif
