/*
 * Check a share that serves nobody: what rows count and claim is computed anew from what cites it
 * and both are compared.  Differences are told, and with repair those are mended that can be
 * without loss.  engine.md §10: it recomputes, never guesses.
 */
#ifndef SYNC_FSCK_H
#define SYNC_FSCK_H

#include "pipeline/share/share.h"

enum fsck_kind {
#define FSCK(name, word, id, first, second, why) FSCK_##name,
#include "pipeline/sync/fsck.def"
#undef FSCK
	FSCK_KINDS
};

enum fsck_fate { FSCK_MENDS, FSCK_MENDED, FSCK_LEFT };	/* --repair would; it did; it cannot */

enum { FSCK_ID_TEXT = 80 };

struct fsck_line {			/* a difference: two truths about one thing */
	const char *word;		/* its kind */
	char id[FSCK_ID_TEXT];		/* of what: a number, a digest, "INODE in DIR at KEY" */
	const char *first, *second;	/* what the figures are */
	int64_t says, found;
	enum fsck_fate fate;
	const char *why;		/* it is left */
};

struct fsck_conf {
	bool repair;
	bool remote;			/* the bucket's listing, too */
	uint64_t memory;		/* bytes for sorting; 0: 32 MiB */
	void (*say)(void *arg, const struct fsck_line *line);
	void (*progress)(void *arg, const char *step, uint64_t rows);	/* now and then */
	void *arg;
};

struct fsck_seen {
	uint64_t inodes, names, used_bytes;
	uint64_t maps, leaves, chunks, containers, files, objects;
	uint64_t differences, mended, left;
	/* Work that is left, and no damage. */
	uint64_t reaps, dying, orphans;
	uint64_t files_unnamed;		/* of containers without a row; repair removes them */
	uint64_t rows_behind;		/* of containers that have been dropped here, or brought */
};

/*
 * s: opened as far as its journal is recovered, without errands (sync_open_share), and nobody else
 * changes it meanwhile.  What is mended is durable and in the store when this returns.
 *
 * OK: it ran, out says what it found.  DELAY, UNREACHABLE…: the remote did not answer; NOSPC, IO:
 * no room for sorting, or the journal failed; out says what was found until then.
 */
must_check enum status fsck_run(struct share *s, const struct fsck_conf *conf,
    struct fsck_seen *out);

#endif
