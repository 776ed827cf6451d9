/*
 * What is live of a container: the chunks whose rows say that they lie in it.  Its index names
 * more: what nothing cites any more, and what was stored anew elsewhere.
 */
#ifndef SYNC_LIVE_H
#define SYNC_LIVE_H

#include "pipeline/block/mirror.h"
#include "pipeline/share/share.h"

struct live_chunk {
	uint32_t index, units;		/* in the container's index */
	uint32_t len;			/* plain bytes */
	const uint8_t *digest;		/* of the container's index */
};

struct live {
	struct mirror_index index;
	struct live_chunk *v;		/* in the order of the index */
	uint32_t n;
};

/* l is blank; live_drop lets go of it in any case.  NOENT, CORRUPT: the container's index is not
 * here, or damaged. */
must_check enum status live_find(struct share *s, uint64_t number, struct live *l);
void live_drop(struct live *l);

#endif
