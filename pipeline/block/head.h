/*
 * The journal's head: what must be known before the log can be read.  One file of two 4 KiB
 * blocks, written in turn and synced: a torn write leaves the other, which is the one before.
 * The file is flock'ed while the journal is open, and named only once it is whole.
 */
#ifndef BLOCK_HEAD_H
#define BLOCK_HEAD_H

#include "pipeline/base/status.h"
#include "pipeline/model/id.h"

#include <stdbool.h>
#include <stdint.h>

enum { HEAD_BLOCK = 4096, HEAD_CLEAN = 1, HEAD_VOLATILE = 2 };

struct head {
	uint64_t sequence;		/* of head writes; its parity chooses the block */
	uint32_t flags;			/* HEAD_* */
	uint32_t incarnation;
	uint8_t share_id[16], journal_id[16];
	uint64_t fence;
	uint64_t verifier;
	lsn_t prev_end;			/* where the incarnation before this one ended */
	lsn_t end;			/* with HEAD_CLEAN: where this one ended */
	lsn_t checkpoint_lsn;		/* records up to here are in the store, synced */
	uint64_t data_serial;		/* the oldest segment kept */
	lsn_t data_lsn;			/* and the first LSN in it, as far as it has any */
	uint64_t epoch;			/* of a log that holds no group */
	uint64_t next_ino, next_content, next_leaf, next_container;	/* as of the checkpoint */
};

void head_encode(const struct head *h, uint8_t block[HEAD_BLOCK]);
bool head_decode(const uint8_t block[HEAD_BLOCK], struct head *h);	/* false: not a head */

/* Make dirfd's head file with h in it: written aside, synced, renamed, folder synced.  The file
 * comes open and locked. */
must_check enum status head_create(int dirfd, const struct head *h, int *fdp);

/* Open and lock it; the newer of its valid blocks.  NOENT: no file.  BUSY: another process has it.
 * CORRUPT: neither block is valid. */
must_check enum status head_open(int dirfd, struct head *h, int *fdp);

/* Write h over the older block and sync it.  sync false: a volatile journal. */
must_check enum status head_write(int fd, const struct head *h, bool sync);

#endif
