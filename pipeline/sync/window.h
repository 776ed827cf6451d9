/*
 * One window of a content, built anew: the old leaf's pieces where nothing is dirty, new chunks
 * made of old and new bytes where something is.
 */
#ifndef SYNC_WINDOW_H
#define SYNC_WINDOW_H

#include "pipeline/sync/batch.h"
#include "pipeline/sync/extent.h"

/* Its pieces are put and freed. */
void window_clear(struct window *w);

/* It had more pieces than there was room for: the rest of it is for later. */
bool window_is_short(const struct window *w);

/* What damage in one content costs, and what only a remote has that is away, is this content's
 * carving, not that of the others: OK then. */
must_check enum status window_outcome(struct sync *y, const struct window *w, enum status st);

struct window_room;			/* what building one needs */

struct window_room *window_room_new(struct sync *y);

/* What was prepared there and not finished comes to nothing. */
void window_room_free(struct window_room **rp);

/* The window to build there next: borrowed until it is finished. */
void window_begin(struct window_room *room, const struct window *w);

/* First half, on any thread: its bytes are read, cut and hashed.  arg: the room; windows are
 * prepared independently of each other. */
void window_prepare(void *arg);

/* Second half, on the errand: chunks are given to the batch, and the outcome too.  CORRUPT: bytes
 * are damaged, nothing was given to it but chunks. */
must_check enum status window_finish(struct window_room *room, struct batch *b);

#endif
