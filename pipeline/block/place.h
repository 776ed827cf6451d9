/*
 * A datum is the data of one DATA item: known from block_commit on, never moved, never changed.
 * Until its group is written it holds the very buffers the data came in; afterwards it says where
 * in which segment it lies, and keeps that segment from being reused.  Counted.
 *
 * A place is (datum, byte in it).  The page cache knows it as (LSN, byte).
 */
#ifndef BLOCK_PLACE_H
#define BLOCK_PLACE_H

#include "pipeline/base/chain.h"
#include "pipeline/base/mutex.h"
#include "pipeline/model/id.h"

struct segment;

struct datum {
	struct ref refs;
	lsn_t lsn;
	uint64_t content, offset;	/* the range it was written to */
	uint32_t len;
	uint32_t data_at;		/* its byte in the entry's data */
	struct mutex mutex;		/* rank PAGE: guards the hand-over from buffers to segment */
	struct chain bytes;		/* pinned buffers; empty once written */
	struct segment *segment;	/* counted; NULL until written */
	uint64_t segment_at;		/* byte offset of the datum's first byte in the segment's file */
	uint32_t ncrc;
	uint32_t crc[];			/* one a TXN_CRC_UNIT of it */
};

struct datum *datum_new(lsn_t lsn, uint64_t content, uint64_t offset, uint32_t len,
    uint32_t data_at, const uint32_t *crc, uint32_t ncrc);
void datum_put(struct datum **dp);

/* The committer: its bytes are in that segment now. The buffers go. */
void datum_written(struct datum *d, struct segment *seg, uint64_t at);

/*
 * Read [at, at+len) of a datum to to.  nowait: only what needs no disk (buffers, kernel's cache):
 * DELAY otherwise.  Verifies the checksum of every unit it touches whole; a partial unit is read
 * whole to be checked.  CORRUPT: the bytes are not what was written.
 */
must_check enum status datum_read(struct datum *d, uint32_t at, uint32_t len, uint8_t *to, bool nowait);

/* Cite instead of copying where the buffers are still pinned; false: they are not. */
bool datum_cite(struct datum *d, uint32_t at, uint32_t len, struct chain *to, struct arena *arena,
    enum status *st);

#endif
