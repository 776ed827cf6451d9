/*
 * The READ half of the stage: pieces that are still wanted are read from segments and containers.
 */
#ifndef BLOCK_FETCH_H
#define BLOCK_FETCH_H

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

/* All that is given of one container, brought here from the remote where it is not; waits.  What
 * comes stays in the mirror until trimmed.  The first that does not come decides, as above. */
must_check enum status block_units_bring(struct share *s, const struct block_unit *u, uint32_t n);

/* A whole container, to be here as one that was made here.  NOENT: the remote has none.  Else as
 * above. */
must_check enum status block_container_bring(struct share *s, uint64_t number);

#endif
