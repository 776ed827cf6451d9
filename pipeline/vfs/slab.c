/*
 * Under the address sanitizer each piece is malloc's own, so that what is touched after it was
 * given back is seen.
 */
#include "pipeline/vfs/slab.h"

#include "pipeline/base/num.h"
#include "pipeline/base/panic.h"

#include <stdlib.h>
#include <string.h>

#ifdef __SANITIZE_ADDRESS__
enum { BY_MALLOC = 1 };
#else
enum { BY_MALLOC = 0 };
#endif

enum { CHUNK_BYTES = 64 << 10, PIECE_MAX = 4096, ALIGN = 16 };

struct slab_piece {
	struct slab_piece *next;
};

struct slab_chunk {
	struct slab_chunk *next;
	_Alignas(ALIGN) uint8_t bytes[];
};

void
slab_init(struct slab *s, size_t bytes)
{
	assert(bytes >= sizeof(struct slab_piece) && bytes <= PIECE_MAX);
	*s = (struct slab){ .bytes = round_up(bytes, ALIGN) };
	mutex_init(&s->mutex, RANK_POOL, 2);
}

void
slab_fini(struct slab *s)
{
	struct slab_chunk *c;

	while ((c = s->chunks) != NULL) {
		s->chunks = c->next;
		free(c);
	}
	mutex_destroy(&s->mutex);
}

static uint8_t *
fresh_locked(struct slab *s)
{
	uint8_t *piece;

	if ((size_t)(s->end - s->at) < s->bytes) {
		struct slab_chunk *c = xmalloc(sizeof *c + CHUNK_BYTES);

		c->next = s->chunks;
		s->chunks = c;
		s->at = c->bytes;
		s->end = c->bytes + CHUNK_BYTES;
	}
	piece = s->at;
	s->at += s->bytes;
	return piece;
}

void *
slab_get(struct slab *s)
{
	void *piece;

	if (BY_MALLOC)
		return xcalloc(1, s->bytes);
	mutex_lock(&s->mutex);
	piece = s->free;
	if (piece != NULL)
		s->free = s->free->next;
	else
		piece = fresh_locked(s);
	mutex_unlock(&s->mutex);
	return memset(piece, 0, s->bytes);
}

void
slab_put(struct slab *s, void *piece)
{
	struct slab_piece *p = piece;

	if (BY_MALLOC) {
		free(piece);
		return;
	}
	mutex_lock(&s->mutex);
	p->next = s->free;
	s->free = p;
	mutex_unlock(&s->mutex);
}
