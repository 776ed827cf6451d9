/*
 * Decoded bytes by immutable place: (LSN, 64 KiB unit of the entry's data) or (chunk digest).
 * Nothing is ever invalidated.  Pages are counted buffers: a reply cites them.  Found without a
 * lock, evicted by clock within a budget.
 */
#ifndef CACHE_PAGE_H
#define CACHE_PAGE_H

#include "pipeline/base/slice.h"

enum { PAGE_BYTES = 1 << 16 };

struct page_key {
	uint64_t a, b;			/* LSN and unit with top bit of b clear; first 16 bytes of a
					 * digest with it set */
};

void page_start(uint64_t budget_bytes);	/* makes the pool of page buffers */
void page_stop(void);

/* The page's bytes with a reference, empty slice where it is not here. */
struct slice page_find(const struct page_key *key);

/* A buffer to read a page into; NULL: none can be freed right now (read without caching). */
struct buf *page_buf(void);

/* Keep len bytes of buf as that page; keeps a reference of its own.  Losing a race is fine. */
void page_keep(const struct page_key *key, struct buf *buf, uint32_t len);

uint64_t page_bytes(void);		/* in use by pages */

#endif
