/*
 * What a window consists of: bytes that are dirty, bytes of the old leaf, and between them holes;
 * and which of it is cut into chunks anew.
 */
#ifndef SYNC_EXTENT_H
#define SYNC_EXTENT_H

#include "pipeline/block/index.h"
#include "pipeline/block/leaf.h"

struct window {
	uint64_t content, number;
	uint64_t base, to;  /* [base, to) in the file is looked at; to is base + window, or
			     * less, and then a multiple of CHUNK_UNIT */
	struct index_piece *v;		/* what the index had there, in order, without gaps */
	uint32_t n;
	lsn_t as_of;			/* the newest of them */
};

struct extent {				/* in order; what lies between two is a hole */
	uint32_t from, to;		/* bytes within the window */
	bool dirty;			/* ref is an index piece; else a piece of the old leaf */
	bool redo;			/* cut anew */
	uint32_t ref;
};

struct extents {
	struct extent *v;		/* from malloc */
	uint32_t n, cap;
	bool fixed;			/* chunks end at multiples of CHUNK_UNIT in the window */
};

/* Holes shorter than that between two extents that are cut anew become bytes. */
enum { HOLE_MIN = CHUNK_UNIT };

/* old: NULL where there is none.  *e is blank or from a call before. */
void extents_of(const struct window *w, const struct leaf *old, struct extents *e);

#endif
