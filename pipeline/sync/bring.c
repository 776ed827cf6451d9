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

static _Atomic bool one_at_work;

/* Stored bytes from chunk i of the list on, as far as the next lies right behind. */
static uint64_t
run_bytes(const struct live *l, uint32_t i)
{
	const struct container_chunk *rows = l->index.rows, *last;
	uint32_t j = i;

	while (j + 1 < l->n && l->v[j + 1].index == l->v[j].index + l->v[j].units)
		j++;
	last = &rows[l->v[j].index + l->v[j].units - 1];
	return last->at + last->stored + CONTAINER_TAG - rows[l->v[i].index].at;
}

static enum status
bring_chunk(struct sync *y, uint64_t number, const struct live *l, uint32_t i, uint8_t *unit)
{
	const struct live_chunk *c = &l->v[i];
	uint64_t ahead = run_bytes(l, i);
	enum status st = OK;

	for (uint32_t u = 0; u < c->units && st == OK; u++) {
		struct block_unit want = { number, c->index + u,
			MIN(c->len - u * CHUNK_UNIT, (uint32_t)CHUNK_UNIT), c->digest };

		st = block_unit_bring(y->share, &want, ahead, unit);
	}
	return st;
}

/* Of what is damaged there the rest is brought all the same. */
static enum status
bring(struct sync *y, uint64_t number)
{
	uint8_t *unit = xmalloc(CHUNK_UNIT);
	struct live l = { .n = 0 };
	enum status st = live_find(y->share, number, true, &l);

	for (uint32_t i = 0; i < l.n && st == OK; i++) {
		st = atomic_load(&y->closing) ? ST_DELAY : bring_chunk(y, number, &l, i, unit);
		if (st == ST_CORRUPT || st == ST_NOENT)
			st = OK;
	}
	live_drop(&l);
	free(unit);
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
