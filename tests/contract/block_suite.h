/*
 * The laws of a block store, one case a law; linked once for each keeper, whose run_block_*.c
 * says which it is.
 */
#ifndef TESTS_CONTRACT_BLOCK_SUITE_H
#define TESTS_CONTRACT_BLOCK_SUITE_H

#include "pipeline/contract/block_store.h"

struct block_factory {
	bool durable;			/* opened again, it has what it had */
	bool conditional;		/* if_absent is obeyed */
	uint32_t many;			/* objects of a large walk */
	/* A store at that place, which is a word; the case is skipped where there is none. */
	struct block_store *(*open)(const char *place);
};

extern const struct block_factory block_factory;

#endif
