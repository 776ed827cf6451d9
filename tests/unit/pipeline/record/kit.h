/*
 * What the cases of this room share: a catalog over a store in memory, and short ways to commit.
 */
#ifndef TESTS_UNIT_PIPELINE_RECORD_KIT_H
#define TESTS_UNIT_PIPELINE_RECORD_KIT_H

#include "backends/backends.h"
#include "pipeline/record/catalog.h"
#include "pipeline/record/key.h"
#include "tests/lib/check.h"

enum { KIT_FENCE = 3 };

struct kit {
	struct meta_store *store;
	struct catalog *c;
	lsn_t lsn;
	struct arena arena;
};

void kit_up(struct kit *k);		/* a fresh store, epoch 1, no snapshot */
void kit_again(struct kit *k);		/* a new catalog over the same store, as after a crash */
void kit_down(struct kit *k);

/* Commit t as the next entry; it is freed. */
void kit_commit(struct kit *k, struct txn *t);
void kit_put(struct kit *k, uint64_t ino, const char *body);
void kit_del(struct kit *k, uint64_t ino);
void kit_count(struct kit *k, int64_t delta);

/* Freeze what is active and apply all that is frozen. */
void kit_apply(struct kit *k);

const char *kit_get(struct kit *k, uint64_t ino);	/* NULL: absent */
int64_t kit_counted(struct kit *k);

#endif
