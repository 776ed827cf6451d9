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
	lsn_t lsn;			/* DATUM, HOLE: of the item that made it */
};

/* The pieces of [from, to) in order, at most max; returns their number. to of the last says how
 * far it came. */
uint32_t index_lookup(struct index *ix, uint64_t content, uint64_t from, uint64_t to,
    struct index_piece *v, uint32_t max);

/*
 * Under order: what one DATA, TRUNC, HOLE or CARVED item says, as of lsn; other kinds are passed
 * over.  d is the datum of a DATA item, a reference handed over; it gets its LSN here.
 *   DATA    its range is that datum
 *   TRUNC   [from, 2^64-1) is a hole
 *   HOLE    its range is a hole
 *   CARVED  pieces of the range that are not newer than as_of go: the map has them now
 *
 * The order inside block_commit: DATA, TRUNC and HOLE before the entry's records reach the
 * catalog; then the catalog; then index_map_changed_locked for each PUT or DEL of a map row;
 * then CARVED.  A reader asks the index first and the map after it, so it finds either the
 * piece or the row that took its place.
 */
void index_commit_locked(struct index *ix, const struct txn_item *item, lsn_t lsn, struct datum *d);

/* Under order: the row map(content, window) has changed; what is cached of it is forgotten. */
void index_map_changed_locked(struct index *ix, uint64_t content, uint64_t window);

/* Under order: the content is gone with all its pieces. */
void index_drop_locked(struct index *ix, uint64_t content);

/* Under order, for the key of each PUT and DEL: a map row is forgotten as above; a content that
 * is to be reaped from its first window on is dropped.  Other keys are passed over. */
void index_key_changed_locked(struct index *ix, struct slice key);

/* For carve: the contents that have pieces older than before, oldest first, at most max. */
struct index_dirty { uint64_t content; lsn_t oldest; uint64_t bytes; };
uint32_t index_dirty(struct index *ix, lsn_t before, struct index_dirty *v, uint32_t max);

/* The leaf that map(content, window) names, where that is known; leaf 0: there is no row.  A
 * miss gives a token: with it index_map_learn says what the catalog said, unless that changed
 * meanwhile. */
bool index_map_find(struct index *ix, uint64_t content, uint64_t window, uint64_t *leaf,
    uint64_t *token);
void index_map_learn(struct index *ix, uint64_t content, uint64_t window, uint64_t leaf,
    uint64_t token);

/* Its own in this process, never used twice: LSNs alone do not tell shares apart. */
uint64_t index_number(const struct index *ix);
uint64_t index_live_bytes(const struct index *ix);	/* of data cited by pieces */
uint64_t index_places(const struct index *ix);		/* pieces in all */
lsn_t index_oldest_data(const struct index *ix); /* LSN of the oldest piece, holes too; 0: none */

#endif
