/*
 * Bump memory of one job: never freed singly, all at once by rewind.  It starts in a block that
 * its owner provides and grows by chunks up to a limit; beyond that it hands out NULL and its
 * overflow flag stays set until rewound, so that code may ask once at the end.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena_chunk;

struct arena {
	uint8_t *at, *end;		/* the free part of the running chunk */
	uint8_t *home, *home_end;	/* the owner's block */
	struct arena_chunk *chunks;	/* newest first */
	size_t grown_bytes, limit_bytes;
	bool overflow;
	bool bounded;		/* its owner asks for less than the limit: never made to fail */
};

/* home is borrowed for the arena's life; limit_bytes bounds what it may take beyond home. */
void arena_init(struct arena *a, void *home, size_t home_bytes, size_t limit_bytes);

/* Forget everything: back to the owner's block, chunks freed, overflow cleared. */
void arena_rewind(struct arena *a);

void *arena_grow(struct arena *a, size_t bytes);	/* arena_alloc's slow half */

/* 16-byte aligned, not zeroed; NULL where the limit is reached. */
static inline void *
arena_alloc(struct arena *a, size_t bytes)
{
	uint8_t *p = (uint8_t *)(((uintptr_t)a->at + 15) & ~(uintptr_t)15);

	if (__builtin_expect(p > a->end || bytes > (size_t)(a->end - p), 0))
		return arena_grow(a, bytes);
	a->at = p + bytes;
	return p;
}

void *arena_zalloc(struct arena *a, size_t bytes);
void *arena_copy(struct arena *a, const void *bytes, size_t len);	/* adds a NUL behind */

#endif
