/*
 * Each digest of a container's index is looked up once: a chunk of several units stands there as
 * often, one behind another.  Rows move under nobody's hands here but the data errand's; another
 * errand that asks learns what was so a moment ago.
 */
#include "pipeline/sync/live.h"

#include "pipeline/block/block.h"
#include "pipeline/block/rows.h"

#include <stdlib.h>

/* Does the chunk's row say that it begins there? */
static enum status
look(struct share *s, uint64_t number, uint32_t index, const uint8_t digest[32],
    struct live_chunk *c, bool *is)
{
	struct chunk chunk;
	enum status st = rows_chunk(s, digest, false, &chunk);

	*is = st == OK && chunk.container == number && chunk.index == index;
	if (*is)
		*c = (struct live_chunk){ .index = index, .len = chunk.len, .digest = digest,
			.units = (chunk.len + CHUNK_UNIT - 1) / CHUNK_UNIT };
	return st == ST_NOENT ? OK : st;
}

/* The first unit behind those of the chunk that begins at i. */
static uint32_t
behind(const struct mirror_index *ix, uint32_t i)
{
	uint32_t j = i + 1;

	while (j < ix->n && memcmp(ix->rows[j].digest, ix->rows[i].digest, 32) == 0)
		j++;
	return j;
}

enum status
live_find(struct share *s, uint64_t number, struct live *l)
{
	enum status st = mirror_index(block_mirror(s), number, &l->index);

	if (st != OK)
		return st;
	l->v = xmalloc(MAX(l->index.n, 1u) * sizeof *l->v);
	for (uint32_t i = 0; i < l->index.n && st == OK; i = behind(&l->index, i)) {
		struct live_chunk c;
		bool is = false;

		st = look(s, number, i, l->index.rows[i].digest, &c, &is);
		if (st == OK && is && c.units > l->index.n - i)
			st = ST_CORRUPT;
		if (st == OK && is)
			l->v[l->n++] = c;
	}
	return st;
}

void
live_drop(struct live *l)
{
	free(l->index.rows);
	free(l->v);
	*l = (struct live){ .n = 0 };
}
