/*
 * The content index: for every content with anything in the journal, its active layer: ranges of
 * the file that are newer than the content map, each a datum's bytes or a hole.  Changed under the
 * share's order mutex and the content's own (rank INDEX); looked up under the content's alone.
 */
#ifndef BLOCK_INDEX_H
#define BLOCK_INDEX_H

#include "pipeline/block/place.h"
#include "pipeline/record/txn.h"

struct index;

struct index *index_new(void);
void index_free(struct index **ip);

struct index_piece {
	uint64_t from, to;		/* of the content */
	enum { PIECE_BELOW, PIECE_DATUM, PIECE_HOLE } kind;	/* BELOW: ask the content map */
	struct datum *datum;		/* counted; put by who looked up */
	uint32_t at;			/* byte in the datum where `from` lies */
};

/* The pieces of [from, to) in order, at most max; returns their number. to of the last says how
 * far it came. */
uint32_t index_lookup(struct index *ix, uint64_t content, uint64_t from, uint64_t to,
    struct index_piece *v, uint32_t max);

/* Under order: what t's DATA, TRUNC, HOLE and CARVED items say, as of t->lsn.  d[] are the data of
 * its DATA items in order, counted references handed over.
 *   DATA    its range is that datum
 *   TRUNC   [size, ∞) is a hole
 *   HOLE    its range is a hole
 *   CARVED  pieces of the range that are not newer than as_of go: the map has them now */
void index_commit_locked(struct index *ix, const struct txn_item *item, lsn_t lsn, struct datum *d);

/* Under order: the content is gone with all its pieces. */
void index_drop_locked(struct index *ix, uint64_t content);

/*
 * For carve: the contents that have pieces older than lsn, oldest first, at most max.  And a
 * snapshot of one content's pieces in [from, to) with the newest LSN among them.
 */
struct index_dirty { uint64_t content; lsn_t oldest; uint64_t bytes; };
uint32_t index_dirty(struct index *ix, lsn_t before, struct index_dirty *v, uint32_t max);

uint64_t index_live_bytes(const struct index *ix);	/* of data cited by pieces */
uint64_t index_places(const struct index *ix);
lsn_t index_oldest_data(const struct index *ix);	/* LSN of the oldest datum cited; 0: none */

#endif
