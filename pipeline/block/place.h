/*
 * A datum is the data of one DATA item: known from block_commit on, never moved, never changed.
 * Until its group is written it cites the bytes of its entry; afterwards it says where in which
 * segment it lies, and keeps that segment from being reused.  Counted.  A hole (TRUNC, HOLE) is
 * a datum without bytes: the index orders both by LSN.
 *
 * A place is (datum, byte in it).  The page cache knows it as (LSN, byte of the entry's data).
 * There may be two million of them a share, so the struct is small: it has no mutex of its own,
 * the hand-over from buffers to segment is guarded by one of a few (rank PAGE).
 */
#ifndef BLOCK_PLACE_H
#define BLOCK_PLACE_H

#include "pipeline/base/chain.h"
#include "pipeline/base/list.h"
#include "pipeline/model/id.h"

struct opener;				/* pipeline/block/seal.h */
struct txn_item;
struct segment;				/* pipeline/block/segment.h: segment_fd, _ref, _put */

struct datum {
	struct ref refs;
	uint32_t len;
	lsn_t lsn;
	uint32_t data_at;		/* its first byte in the entry's data */
	uint32_t segment_at;		/* and in the segment's file, once written */
	_Atomic(struct segment *) segment;	/* counted; NULL until written, then it stays */
	const struct chain *bytes;	/* the entry's data; NULL once written */
	struct list link;		/* the index's: of its content, by LSN */
	uint32_t cites;			/* the index's: ranges that cite it */
	bool hole;
	bool kept;			/* bytes is the datum's own */
	bool sealed;			/* a struct sealed_datum * lies behind crc, owned */
	uint32_t crc[];			/* one a TXN_CRC_UNIT of it */
};

/* A datum of len bytes that begin at data_at of its entry's data; one reference.  crc has one
 * value for each started TXN_CRC_UNIT.  lsn may be 0: index_commit_locked sets it. */
struct datum *datum_new(lsn_t lsn, uint32_t len, uint32_t data_at, const uint32_t *crc);
struct datum *datum_hole(lsn_t lsn);

/* The datum of a DATA item, sealed or not; o: borrowed for as long as the datum lives. */
struct datum *datum_of_item(lsn_t lsn, const struct txn_item *item, const struct opener *o);

struct datum *datum_ref(struct datum *d);
void datum_put(struct datum **dp);

/* Its bytes are in the entry's data, which is borrowed until datum_written or datum_keep. */
void datum_hold(struct datum *d, const struct chain *entry_data);

/* The committer: they are in that segment now, from byte at on; takes a reference of its own. */
void datum_written(struct datum *d, struct segment *seg, uint32_t at);

/* The committer, whose write failed: reads go on from a copy of the datum's own. */
void datum_keep(struct datum *d);

/*
 * Read [at, at+len) of a datum to to.  nowait: only what needs no disk (buffers, kernel's cache):
 * DELAY otherwise.  Verifies the checksum of every unit it touches; a partial unit is read whole
 * to be checked.  CORRUPT: the bytes are not what was written.
 * NOKEY: they are sealed, and the share has no such key.
 */
must_check enum status datum_read(struct datum *d, uint32_t at, uint32_t len, uint8_t *to,
    bool nowait);

/* The same for bytes that nobody is going to read from there again: past the page cache where place
 * and memory allow it.  It waits. */
must_check enum status datum_read_once(struct datum *d, uint32_t at, uint32_t len, uint8_t *to);

/* Cite instead of copying where the buffers are still pinned; false: they are not. */
bool datum_cite(struct datum *d, uint32_t at, uint32_t len, struct chain *to, struct arena *arena,
    enum status *st);

#endif
