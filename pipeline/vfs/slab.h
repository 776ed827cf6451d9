/*
 * Pieces of one size out of large chunks, for what a cache makes and lets go by the thousand.  What
 * is given back is used again first; chunks go when the slab goes, so it holds as much as there
 * ever was at once: it is for caches that keep a budget.
 */
#ifndef VFS_SLAB_H
#define VFS_SLAB_H

#include "pipeline/base/mutex.h"

#include <stddef.h>

struct slab_piece;
struct slab_chunk;

struct slab {
	struct mutex mutex;		/* rank POOL */
	size_t bytes;			/* of a piece */
	struct slab_piece *free;	/* the latest first: it is warmest */
	struct slab_chunk *chunks;
	uint8_t *at, *end;		/* the part of the newest chunk that was never given out */
};

/* bytes of a piece, at most 4 KiB. */
void slab_init(struct slab *s, size_t bytes);

/* All pieces are back, or are not touched any more. */
void slab_fini(struct slab *s);

/* A piece, zeroed, aligned for anything.  Any thread. */
void *slab_get(struct slab *s);
void slab_put(struct slab *s, void *piece);

#endif
