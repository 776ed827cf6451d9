/*
 * A store before a store, as one that keeps objects for a time: what it has may not be put over nor
 * deleted.  There is one at a time.
 */
#ifndef TESTS_SYNC_KEEPER_H
#define TESTS_SYNC_KEEPER_H

#include "pipeline/contract/block_store.h"

/* inner is taken: closed with it. */
struct block_store *keeper_before(struct block_store *inner);

/* locked: ACCES for who would change what is there; shut: for any call at all. */
void keeper_set(bool locked, bool shut);

#endif
