/*
 * The slow half of bump memory: chunks that double, each with its header in front, kept
 * in a list so that a rewind can free them.  A large piece gets a chunk of its own and
 * leaves the running one in place.
 */
#include "pipeline/base/arena.h"

#include "pipeline/base/fault.h"
#include "pipeline/base/panic.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

struct arena_chunk {
	struct arena_chunk *older;
	alignas(16) uint8_t bytes[];
};

enum { CHUNK_LEAST = 4096, CHUNK_MOST = 256 * 1024 };

void
arena_init(struct arena *a, void *home, size_t home_bytes, size_t limit_bytes)
{
	*a = (struct arena){
		.at = home, .end = (uint8_t *)home + home_bytes,
		.home = home, .home_end = (uint8_t *)home + home_bytes,
		.limit_bytes = limit_bytes,
	};
}

void
arena_rewind(struct arena *a)
{
	while (a->chunks != NULL) {
		struct arena_chunk *c = a->chunks;

		a->chunks = c->older;
		free(c);
	}
	a->at = a->home;
	a->end = a->home_end;
	a->grown_bytes = 0;
	a->overflow = false;
}

static uint8_t *
add_chunk(struct arena *a, size_t bytes)
{
	struct arena_chunk *c = xmalloc(sizeof *c + bytes);

	c->older = a->chunks;
	a->chunks = c;
	a->grown_bytes += bytes;
	return c->bytes;
}

void *
arena_grow(struct arena *a, size_t bytes)
{
	size_t left = a->limit_bytes - a->grown_bytes;
	size_t chunk = MIN(MAX(a->grown_bytes, (size_t)CHUNK_LEAST), (size_t)CHUNK_MOST);
	uint8_t *p;

	if (bytes > left || (!a->bounded && FAULT("arena.grow"))) {
		a->overflow = true;
		return NULL;
	}
	if (bytes >= chunk / 2)
		return add_chunk(a, bytes);
	chunk = MIN(chunk, left);
	p = add_chunk(a, chunk);
	a->at = p + bytes;
	a->end = p + chunk;
	return p;
}

void *
arena_zalloc(struct arena *a, size_t bytes)
{
	void *p = arena_alloc(a, bytes);

	if (p != NULL)
		memset(p, 0, bytes);
	return p;
}

void *
arena_copy(struct arena *a, const void *bytes, size_t len)
{
	uint8_t *p = len < SIZE_MAX ? arena_alloc(a, len + 1) : arena_grow(a, len);

	if (p == NULL)
		return NULL;
	if (len > 0)
		memcpy(p, bytes, len);
	p[len] = '\0';
	return p;
}
