/*
 * Units made smaller, where that helps: the only file that knows zstd.  A unit is kept as it is
 * unless a sixteenth of it is saved; where unit after unit saves nothing, not all are tried.
 */
#ifndef BLOCK_COMPRESS_H
#define BLOCK_COMPRESS_H

#include "pipeline/base/status.h"

#include <stddef.h>
#include <stdint.h>

enum compression {			/* on disk: never renumbered */
	COMPRESSION_NONE = 0, COMPRESSION_ZSTD = 1,
};

enum { COMPRESS_LEVEL_MAX = 19, COMPRESS_LEVEL_DEFAULT = 3 };

struct compressor;			/* one thread at a time */

/* level: 1 to COMPRESS_LEVEL_MAX; 0: NULL, and compress_unit(NULL, …) keeps everything. */
struct compressor *compressor_new(uint32_t level);
void compressor_free(struct compressor **cp);

/* to has room for len bytes; in and to do not overlap.  Returns the bytes that to has now; 0: keep
 * the unit as it is, to may hold anything. */
uint32_t compress_unit(struct compressor *c, const void *in, uint32_t len, void *to);

/* Any thread.  CORRUPT: in is no such unit, or it is not exactly len bytes that come of it. */
must_check enum status decompress_unit(const void *in, uint32_t in_len, void *to, uint32_t len);

#endif
