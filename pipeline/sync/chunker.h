/*
 * Where a content is cut into chunks: by what it says, not by where it stands, so that bytes which
 * moved are known again.  Chunks have 16 to 256 KiB, about 64.
 */
#ifndef SYNC_CHUNKER_H
#define SYNC_CHUNKER_H

#include "pipeline/record/rec.h"

struct chunker {
	uint64_t gear[256];		/* a random word for each byte */
};

/* A share's own places to cut, from its digest key: sizes of chunks tell nobody else anything. */
void chunker_init(struct chunker *c, const uint8_t digest_key[32]);

/*
 * The length of the chunk that begins at bytes: 1 to CHUNK_MAX.  len bytes are there; fewer than
 * CHUNK_MAX only where nothing follows them, and then the last chunk may be small.  What lies
 * behind a cut has no say in it, and neither has what lies before the chunk.
 */
uint32_t chunker_cut(const struct chunker *c, const uint8_t *bytes, uint32_t len);

#endif
