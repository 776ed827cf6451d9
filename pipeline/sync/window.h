/*
 * One window of a content, built anew: the old leaf's pieces where nothing is dirty, new chunks
 * made of old and new bytes where something is.
 */
#ifndef SYNC_WINDOW_H
#define SYNC_WINDOW_H

#include "pipeline/sync/batch.h"
#include "pipeline/sync/chunker.h"
#include "pipeline/sync/crew.h"
#include "pipeline/sync/extent.h"

struct window_part;			/* window.c's */
struct window_cut;

struct window_room {			/* what building needs; a carving has one */
	struct chunker chunker;
	struct extents extents;
	uint8_t *bytes;			/* MAP_WINDOW of room: what is cut anew */
	struct window_part *parts;
	uint32_t parts_cap;
	struct window_cut *cuts;
	uint8_t aside[CREW_SEATS_MAX][CHUNK_UNIT];
	struct leaf_piece pieces[LEAF_PIECES_MAX];
};

struct window_room *window_room_new(const struct share *s);
void window_room_free(struct window_room **rp);

/* Build it, giving chunks to the batch and the outcome too.  CORRUPT: bytes are damaged, nothing
 * was given to it but chunks. */
must_check enum status window_build(struct sync *y, const struct window *w,
    struct window_room *room, struct batch *b);

#endif
