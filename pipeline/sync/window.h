/*
 * One window of a content, built anew: the old leaf's pieces where nothing is dirty, chunks of
 * 64 KiB made of old and new bytes where something is.
 */
#ifndef SYNC_WINDOW_H
#define SYNC_WINDOW_H

#include "pipeline/block/index.h"
#include "pipeline/sync/batch.h"

struct window {
	uint64_t content, number;
	uint64_t base, to;		/* [base, to) in the file is looked at; to is base + window, or
					 * less, and then a multiple of CHUNK_UNIT */
	struct index_piece *v;		/* what the index had there, in order, without gaps */
	uint32_t n;
	lsn_t as_of;			/* the newest of them */
};

struct window_room {			/* buffers to build in */
	uint8_t unit[CHUNK_UNIT], chunk[CHUNK_UNIT];
	struct leaf_piece pieces[LEAF_PIECES_MAX];
};

/* Build it, giving chunks to the batch and the outcome too.  CORRUPT: bytes are damaged, nothing
 * was given to it but chunks. */
must_check enum status window_build(struct sync *y, const struct window *w, struct window_room *room,
    struct batch *b);

#endif
