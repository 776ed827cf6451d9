/*
 * Counted buffers from bounded pools: where payload lives from the socket to the journal and
 * back.  A pool has one size; its slabs are mapped on first use and kept.  An empty pool is
 * ST_RESOURCE, never a malloc.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "pipeline/base/ref.h"
#include "pipeline/base/status.h"

#include <stddef.h>
#include <stdint.h>

struct buf_pool;

struct buf {
	struct ref refs;
	uint32_t size;			/* bytes at .bytes */
	uint8_t *bytes;
	struct buf_pool *pool;		/* where the last put returns it */
	_Atomic uint32_t next_free;	/* the pool's */
};

/* A pool of at most count buffers of size bytes each; house lifetime. */
struct buf_pool *buf_pool_new(const char *name, uint32_t size, uint32_t count);
void buf_pool_free(struct buf_pool **poolp);	/* asserts that all have come back */
uint32_t buf_pool_used(const struct buf_pool *pool);
uint32_t buf_pool_count(const struct buf_pool *pool);

/* A buffer with one reference; NULL where the pool is empty.  Any thread; LIFO, so warm. */
struct buf *buf_get(struct buf_pool *pool);

/* A buffer outside any pool, for set-up, tests and rare large things; panics without memory. */
struct buf *buf_new(uint32_t size);

static inline struct buf *
buf_ref(struct buf *b)
{
	ref_take(&b->refs);
	return b;
}

void buf_release(struct buf *b);	/* buf_put's slow half */

static inline void
buf_put(struct buf **bp)
{
	struct buf *b = TAKE(bp);

	if (b != NULL && ref_drop(&b->refs))
		buf_release(b);
}

#endif
