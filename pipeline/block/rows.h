/*
 * Rows of the block tier, one at a time, as memtables and store have them: a container's, a
 * chunk's, and what objects are called.  engine.md §6.
 */
#ifndef BLOCK_ROWS_H
#define BLOCK_ROWS_H

#include "pipeline/record/catalog.h"
#include "pipeline/record/rec.h"
#include "pipeline/record/txn.h"
#include "pipeline/share/share.h"

enum { ROWS_NAME_CAP = 96 };		/* of an object's name, with its NUL */

/* *row as it is, whatever its state; *lsn, unless lsn is NULL: of its last change.  NOENT: there is
 * none.  Waits for the store; not on a home worker.  Outputs are untouched on failure. */
must_check enum status rows_container(struct share *s, uint64_t number, struct container_row *row,
    lsn_t *lsn);

/* Into a change set. */
void rows_container_put(struct txn *t, uint64_t number, const struct container_row *row);

struct container_seen {			/* a row as a scan meets it */
	uint64_t number;
	lsn_t lsn;			/* of its last change */
	struct container_row row;
};

/* CORRUPT: the key or the row is none of a container. */
must_check enum status rows_container_seen(struct slice key, const struct version *v,
    struct container_seen *out);

/* Call each(arg, seen) for the rows from that number on, in order, until it says false; the first
 * that cannot be read ends it.  Laws and outcomes are catalog_scan's. */
must_check enum status rows_containers(struct share *s, uint64_t from,
    bool (*each)(void *arg, const struct container_seen *c), void *arg);

/* How many chunks are counted to lie in it; 0 where nothing is. */
must_check enum status rows_container_count(struct share *s, uint64_t number, int64_t *count);

/* Where a chunk lies.  NOENT: it has no row.  nowait: DELAY where the store would have to be
 * asked. */
must_check enum status rows_chunk(struct share *s, const uint8_t digest[32], bool nowait,
    struct chunk *chunk);

/* The name of a container's object, SHARE/c/fence-number, so that no other owner's is met; name has
 * ROWS_NAME_CAP bytes. */
void rows_object_name(const struct share *s, uint64_t fence, uint64_t number, char *name);

#endif
