/*
 * Compaction works on what is here.  What is live of a container that is not here is brought by
 * this errand first, run by run of what lies side by side, into the mirror's parts: the data
 * errand, which alone moves chunks, never waits for the remote.  One at a time in the whole
 * daemon, since it holds a thread of a pool that all shares use.
 */
#include "pipeline/sync/compact.h"

#include "pipeline/block/fetch.h"
#include "pipeline/sync/live.h"

#include <stdlib.h>

enum { UNITS_AT_ONCE = 64 };

static _Atomic bool one_at_work;

/* Of what is damaged there the rest is brought all the same. */
static enum status
bring_live(struct sync *y, uint64_t number, const struct live *l)
{
	struct block_unit *v = xmalloc(UNITS_AT_ONCE * sizeof *v);
	enum status st = OK;
	uint32_t n = 0;

	for (uint32_t i = 0; i < l->n && st == OK; i++) {
		const struct live_chunk *c = &l->v[i];

		for (uint32_t u = 0; u < c->units; u++)
			v[n++] = (struct block_unit){ number, c->index + u,
				MIN(c->len - u * CHUNK_UNIT, (uint32_t)CHUNK_UNIT), c->digest };
		if (n + CHUNK_UNITS > UNITS_AT_ONCE || i + 1 == l->n) {
			st = atomic_load(&y->closing) ? ST_DELAY :
			    block_units_bring(y->share, v, n);
			n = 0;
		}
		if (st == ST_CORRUPT || st == ST_NOENT)
			st = OK;
	}
	free(v);
	return st;
}

/* Its index stays when a container is evicted; without that it is brought as a whole. */
static enum status
bring(struct sync *y, uint64_t number)
{
	struct live l = { .n = 0 };
	enum status st = live_find(y->share, number, &l);

	if (st == OK)
		st = bring_live(y, number, &l);
	else if (st == ST_NOENT || st == ST_CORRUPT)
		st = block_container_bring(y->share, number);
	live_drop(&l);
	return st;
}

enum status
sync_bring(struct sync *y)
{
	uint64_t number = compact_wanted(y->compact);
	enum status st = ST_DELAY;

	if (number == 0)
		return OK;
	if (!atomic_exchange(&one_at_work, true)) {
		st = bring(y, number);
		atomic_store(&one_at_work, false);
	}
	compact_brought(y->compact, number, st);
	return OK;			/* what it costs is that the container stays */
}
