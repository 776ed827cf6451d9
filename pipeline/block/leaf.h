/*
 * Leaves of the content map, decoded: a bounded cache, found without a lock.  A leaf never
 * changes and its number is never used again, so what is here needs no forgetting.
 */
#ifndef BLOCK_LEAF_H
#define BLOCK_LEAF_H

#include "pipeline/base/epoch.h"
#include "pipeline/base/lru.h"
#include "pipeline/base/ref.h"
#include "pipeline/base/table.h"
#include "pipeline/record/catalog.h"
#include "pipeline/record/rec.h"

struct leaves;

struct leaf {
	struct ref refs;
	struct table_node node;
	struct lru_entry lru;
	struct epoch_entry epoch;
	uint64_t number;
	uint32_t n;
	struct leaf_piece v[];		/* by from, disjoint; gaps are holes */
};

struct leaves *leaves_new(uint64_t budget_bytes);
void leaves_free(struct leaves **lp);

/* With a reference.  NOENT: there is no such leaf (any more).  may_wait as for catalog_get. */
must_check enum status leaf_get(struct leaves *lv, struct catalog *c, uint64_t number,
    bool may_wait, struct leaf **leafp);
void leaf_put(struct leaf **leafp);

/* The first piece that ends behind at; n: none. */
uint32_t leaf_seek(const struct leaf *leaf, uint32_t at);

#endif
