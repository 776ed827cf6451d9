/*
 * A segment is one file of the journal: zeroed before its first use, filled with groups from front
 * to back, closed by a summary, and used again in place under a new serial.  Its zeroes are there
 * so that its blocks are: nothing reads them as such, and the first sync of a group in it makes its
 * length durable.  Its name is synced before that, as no sync of the file would do it.
 * Counted: the journal holds one reference, every datum that lies in it another; a reader who
 * holds the datum may read the file without further ado.
 *
 * A serial is incarnation << 32 | count, so that no serial is ever used twice.
 */
#ifndef BLOCK_SEGMENT_H
#define BLOCK_SEGMENT_H

#include "pipeline/base/list.h"
#include "pipeline/base/ref.h"
#include "pipeline/base/status.h"
#include "pipeline/model/id.h"

enum { SEGMENT_BLOCK = 4096, SEGMENT_SMALL_BYTES = 4 << 20, SEGMENT_SMALL_COUNT = 2 };

#define SERIAL_OF(incarnation, n) ((uint64_t)(incarnation) << 32 | (uint64_t)(n))
#define SERIAL_INCARNATION(serial) ((uint32_t)((serial) >> 32))

struct segment {
	struct ref refs;
	struct list link;		/* the journal's: in use (by serial) or ready */
	int fd;				/* open for reading and writing while refs > 0 */
	int direct_fd;			/* the same, past the page cache; -1: there is no such way.
					 * Closed by the committer, before it holds any data */
	uint32_t number;		/* of the file: seg-<number> */
	uint64_t size;			/* bytes of the file, a multiple of SEGMENT_BLOCK */
	uint64_t serial;		/* 0: not in use */
	lsn_t first_lsn, last_lsn, prev_lsn;	/* of its entries, and before; 0: none yet */
	uint64_t at;			/* where the next group goes; the committer's */
	uint64_t sealed_ns;		/* monotonic; 0: not full yet */
	uint8_t *summary;		/* items for its summary so far; the committer's */
	uint32_t summary_len, summary_cap, summary_items;
};

/*
 * A new file of size bytes in the folder dirfd: its blocks allocated, its name durable.  NOSPC, IO:
 * nothing is left of it.  Waits.
 */
must_check enum status segment_create(int dirfd, uint32_t number, uint64_t size,
    struct segment **segp);

/* Open what is there.  CORRUPT: its size makes no sense. */
must_check enum status segment_open(int dirfd, uint32_t number, struct segment **segp);

/* Remove the file; the journal's reference goes. */
void segment_remove(int dirfd, struct segment **segp);

static inline struct segment *
segment_ref(struct segment *seg)
{
	ref_take(&seg->refs);
	return seg;
}

void segment_free(struct segment *seg);		/* segment_put's slow half */

static inline void
segment_put(struct segment **segp)
{
	struct segment *seg = TAKE(segp);

	if (seg != NULL && ref_drop(&seg->refs))
		segment_free(seg);
}

static inline int segment_fd(const struct segment *seg) { return seg->fd; }

static inline int segment_direct_fd(const struct segment *seg) { return seg->direct_fd; }

/* Does anybody but the journal cite it? */
static inline bool
segment_cited(const struct segment *seg)
{
	return atomic_load_explicit(&seg->refs.n, memory_order_acquire) > 1;
}

#endif
