/*
 * The READ half of the stage: pieces that are still wanted are read from segments and containers.
 */
#ifndef BLOCK_FETCH_H
#define BLOCK_FETCH_H

#include "pipeline/block/mirror.h"
#include "pipeline/share/share.h"
#include "pipeline/stage/stage.h"

/* job->io.want has open pieces: settle them, inline where that is little and the kernel has the
 * bytes, else in the pool (TURN_POOL).  TURN_UP: io->data is the answer, or job->status says why
 * not. */
enum turn block_fetch(struct job *job);

/* The same for who may wait; the want is settled, not chained yet.  CORRUPT: damaged. */
must_check enum status block_fetch_wait(struct share *s, struct io *io, struct arena *arena);

/* A unit of a chunk as its row says, from the mirror or the remote; may wait for that.  NOENT,
 * CORRUPT: neither has it as it was.  DELAY: the remote is away. */
struct block_unit {
	uint64_t container;
	uint32_t index, len;
	const uint8_t *digest;
};
must_check enum status block_unit_read(struct share *s, const struct block_unit *u, uint8_t *to);

/* The same for who goes on behind it: ahead bytes more are wanted of the container. */
must_check enum status block_unit_bring(struct share *s, const struct block_unit *u, uint64_t ahead,
    uint8_t *to);

/* What a container holds; bring: from the remote where it is not here.  NOENT: it is nowhere. */
must_check enum status block_container_index(struct share *s, uint64_t number, bool bring,
    struct mirror_index *out);

#endif
