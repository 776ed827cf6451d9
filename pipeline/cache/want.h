/*
 * What a READ wants, piece by piece in order.  block_lookup fills it; cache and block settle it:
 * a settled piece has its bytes in `bytes`.  When none is open they are chained to io->data in
 * order (want_chain).  The list lies in the job's arena; block_want_clear lets go of what it
 * counts.
 */
#ifndef CACHE_WANT_H
#define CACHE_WANT_H

#include "pipeline/cache/page.h"
#include "pipeline/model/io.h"

struct datum;
struct cold_wait;

struct want_piece {
	enum { WANT_HOLE, WANT_DATUM, WANT_CHUNK } kind;
	bool settled;
	uint32_t len;			/* at most to the end of one page */
	struct page_key page;		/* DATUM, CHUNK: the page it lies in, and where */
	uint32_t page_at;
	struct chain bytes;

	struct datum *datum;		/* DATUM: counted; block's */
	uint32_t at;			/* byte in the datum or in the chunk */
	uint8_t digest[32];		/* CHUNK */
	uint64_t container;
	uint32_t index, unit_len;	/* of the unit that it lies in */
};

struct io_want {
	struct want_piece *v;
	uint64_t content;		/* whose bytes, to look up again */
	uint32_t n, open;		/* open: not settled */
	uint32_t tries;			/* block's: looks at what had moved */
	struct cold_wait *cold;		/* block's: what the remote was asked for; NULL: nothing */
};

/* Settle what pages hold, and holes (from one constant page of zeroes). */
must_check enum status want_fill(struct io_want *want, struct arena *arena);

/* None is open: chain all bytes to io->data, in order. */
must_check enum status want_chain(struct io *io, struct arena *arena);

#endif
