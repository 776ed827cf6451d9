/*
 * A container in the making, and the windows whose chunks it holds.  Nothing is committed before
 * the container's file and folder are synced; then each window becomes part of an entry: map row,
 * leaf, chunks, counts, CARVED.
 */
#ifndef SYNC_BATCH_H
#define SYNC_BATCH_H

#include "pipeline/sync/inner.h"

struct batch;

struct carved {				/* what carve made of a range of a content */
	uint64_t content;
	uint64_t from, to;		/* the range, in the file */
	lsn_t as_of;
	uint64_t window;
	bool changes;			/* the window's map row is new, or goes */
	struct version old;		/* the row as it was read; body not kept */
	uint64_t old_leaf;
	struct leaf_piece *v;		/* from malloc, taken; n 0: the row goes */
	uint32_t n;
};

struct batch *batch_new(struct sync *y, struct work *by);
void batch_free(struct batch **bp);

/* Is there room for another window, whatever it holds? */
bool batch_has_room(const struct batch *b);

/* A chunk that a window will cite: known in the share already, or to be stored.  bytes: the batch's
 * until batch_seal has changed them. */
must_check enum status batch_chunk(struct batch *b, const uint8_t digest[32], uint8_t *bytes,
    uint32_t len);

/* Is there room for another chunk, of any length? */
bool batch_has_chunk_room(const struct batch *b);

/* A chunk that lies in another container moves here, with its row; the count of that goes down.
 * bytes: as above. */
must_check enum status batch_move(struct batch *b, const uint8_t digest[32], uint8_t *bytes,
    uint32_t len, uint64_t from);

/* Bytes that its container would have now, at most; 0: none is open. */
uint64_t batch_bytes(const struct batch *b);

/* All chunks seen so far are compressed, sealed and in the container: by the share's crew. */
must_check enum status batch_seal(struct batch *b);

/* A window is done; its pieces cite chunks that batch_seal has seen, or the old leaf's. */
void batch_add(struct batch *b, const struct carved *c);

/*
 * The container is full: it goes to the disk while the next is filled, after the windows of the one
 * before it were committed.  Fails for what was sent before, too; nothing waits in the batch then.
 */
must_check enum status batch_send(struct batch *b);

/* How often that was done. */
uint32_t batch_sent(const struct batch *b);

/* The same, and wait for it; the batch is empty again.  What fails stays dirty. */
must_check enum status batch_flush(struct batch *b);

#endif
