/*
 * Decoded bytes by immutable place: (share, LSN, 64 KiB unit of a datum) or (chunk digest, 64 KiB
 * unit of the chunk). Nothing is ever invalidated.  Pages are counted buffers: a reply cites them.
 * Found without a lock, evicted by clock within a budget.
 */
#ifndef CACHE_PAGE_H
#define CACHE_PAGE_H

#include "pipeline/base/slice.h"

enum { PAGE_BYTES = 1 << 16 };

struct page_key {
	uint64_t a, b;   /* LSN; index and byte of the entry's data, top bit clear: or
			  * the first 16 bytes of a digest, in b the unit in place of two
			  * bits and the top bit set */
};

/* index: the number of the share's; at: the unit's first byte in the entry's data, ≤ 1 MiB. */
static inline void
page_key_of_datum(struct page_key *key, uint64_t index, uint64_t lsn, uint32_t at)
{
	key->a = lsn;
	key->b = (index << 21 | at) & ~(1ull << 63);
}

/* unit: 0 to 3. */
static inline void
page_key_of_digest(struct page_key *key, const uint8_t digest[32], uint32_t unit)
{
	memcpy(&key->a, digest, 8);
	memcpy(&key->b, digest + 8, 8);
	key->b = (key->b & ~(3ull << 61)) | 1ull << 63 | (uint64_t)unit << 61;
}

void page_start(uint64_t budget_bytes);	/* makes the pool of page buffers */
void page_stop(void);

/* The page's bytes with a reference, empty slice where it is not here. */
struct slice page_find(const struct page_key *key);

/* A buffer to read a page of len bytes into; small pages get small buffers.  NULL: none can be
 * freed right now (read without caching). */
struct buf *page_buf(uint32_t len);

/* Keep the first len bytes of a buffer of page_buf's as that page; takes a reference of its own.
 * Losing a race is fine; other buffers are not kept. */
void page_keep(const struct page_key *key, struct buf *buf, uint32_t len);

uint64_t page_bytes(void);		/* in use by pages */
uint64_t page_budget(void);		/* as much as they may take */

#endif
