/*
 * Reading the log at recovery: which segments and groups are part of it, and where it ends.
 */
#ifndef BLOCK_SCAN_H
#define BLOCK_SCAN_H

#include "pipeline/block/group.h"
#include "pipeline/block/journal.h"

struct group_at {			/* a group, or a summary that stands for a whole segment */
	uint32_t seg;			/* index into segs */
	uint32_t at;			/* byte in the file; of a summary: of its items */
	bool summary;
	lsn_t first, last, prev;
	uint64_t epoch;			/* at its first entry; of a summary: behind its last */
	uint64_t wall_ns;
	uint32_t bytes;			/* of the entries, or of the summary's items */
};

struct window {				/* a piece of one segment's file, read ahead */
	uint8_t *bytes;
	const struct segment *seg;
	uint64_t at, len;
	uint64_t ahead;			/* read at least so much at once */
};

struct scan {
	struct journal *j;
	struct segment **segs;		/* of the log, by serial; counted */
	uint32_t nsegs, segs_cap;
	struct segment **spare;		/* files that hold nothing of the log */
	uint32_t nspare, spare_cap;
	uint32_t *junk;			/* numbers of files too small to be a segment */
	uint32_t njunk, junk_cap;
	struct group_at *groups;
	uint32_t ngroups, groups_cap;
	lsn_t end;			/* the last LSN of the log */
	lsn_t vouched;			/* the greatest durable LSN that a valid group states */
	struct window window;
	char *why;
	size_t why_cap;
};

/* len bytes of a segment; NULL and st: they cannot be read. */
const uint8_t *window_get(struct window *w, const struct segment *seg, uint64_t at, uint64_t len,
    enum status *st);

/* The group at byte at of a segment: OK, NOENT (none that is valid), or a failed read.  bytes:
 * header and entries, until the window moves. */
must_check enum status scan_group(struct scan *sc, const struct segment *seg, uint64_t at,
    struct group_head *h, const uint8_t **bytes);

/* Find the log in the journal's folder.  CORRUPT: a hole that is no torn tail; the text says
 * where.  What is found is in sc; scan_free lets go of what was not taken over. */
must_check enum status scan_log(struct scan *sc);
void scan_free(struct scan *sc);

/* Replay it: replay.c. */
must_check enum status replay_log(struct scan *sc,
    void (*remember)(uint64_t share, const struct note *note));

#endif
