/*
 * A share's journal: what is pending, who waits, which segments there are, how much room is left.
 * block_commit appends under the share's order mutex; the committer alone writes groups; sync
 * moves the checkpoint and frees segments.  The journal's mutex (rank JOURNAL) guards the lists
 * and sums and is never held over a system call.
 */
#ifndef BLOCK_JOURNAL_H
#define BLOCK_JOURNAL_H

#include "pipeline/block/head.h"
#include "pipeline/block/inner.h"
#include "pipeline/block/seal.h"
#include "pipeline/block/segment.h"

enum {
	GROUP_BYTES_MAX = 3 << 20,	/* data and entries that one group gathers */
	PENDING_KICK_BYTES = 256 << 10,	/* so much wakes the committer though nobody waits */
	UNSYNCED_MAX = 32 << 20,	/* written for nobody; then they are synced all the same */
	VOUCH_NS = 100000000,		/* after that much idleness an empty group vouches */
	READY_LEAST = 4,		/* segments kept for reuse where the disk is not short */
	READY_DISK_PART = 16,		/* and more, up to such a part of what is free */
	PLACES_MAX = 2 << 20,		/* live places a share */
	/* Kept free beside the operator's reserve: a full disk must not keep the log from its next
	 * segment, nor the store from what the log brings it. */
	LOG_ROOM_BYTES = 4 * SEGMENT_SMALL_BYTES,
};

#define NOTES_KEPT_NS (120 * 1000000000ull)	/* NOTEs younger than that are remembered */

#define LSN_COUNTER(lsn) ((unsigned long long)((lsn) & (LSN_OF(1, 0) - 1)))

struct journal {
	struct share *share;		/* borrowed */
	struct list link;		/* the committer's list of journals */
	int dirfd;
	bool lossy;			/* on a store that does not outlive the process: no syncs */
	uint8_t id[16];
	struct opener opener;		/* of data that was sealed */
	_Atomic uint64_t sealed_units;	/* nonces handed out in this incarnation */
	uint32_t segment_bytes;
	uint64_t records_cap;
	/* As the share is tuned: journal_caps.  local_cap: of data that no remote has yet, carved
	 * or not; 0: none. */
	_Atomic uint64_t data_cap, space_cap, local_cap;
	_Atomic uint64_t unsent_bytes;	/* of it, what is carved */
	uint32_t places_max;
	uint32_t incarnation;

	_Atomic lsn_t assigned;		/* the newest LSN; written under order */
	_Atomic lsn_t durable;		/* written by the committer */
	_Atomic lsn_t checkpoint;
	_Atomic uint32_t state;		/* enum status: OK, or IO for good */
	_Atomic uint32_t npending;

	struct mutex mutex;
	struct cond changed; /* durable, state, head_busy, ready: whoever waits in a pool */
	struct list pending;		/* txns not yet taken by the committer */
	uint64_t pending_bytes, pending_since_ns;
	struct list waiters;		/* jobs that wait for durability */
	struct list parked;		/* jobs that wait for room, and those that are slowed */
	lsn_t wanted;			/* the newest LSN somebody waits for */
	_Atomic bool full;		/* room was refused and has not come since */
	uint64_t reserved_records, reserved_data;	/* of txns not yet committed */
	uint64_t unwritten_bytes;	/* of txns committed and not yet in a segment */
	struct list used;		/* segments by serial; the last is the current one */
	struct list ready;		/* segments that may be used next */
	uint32_t nused, nready;
	uint64_t filled_bytes;		/* of the used: sealed ones whole, the current one so far */
	uint32_t next_number;		/* of the next segment file */

	int head_fd;
	struct head head;		/* as last written */
	bool head_busy;			/* somebody writes it */

	/* the committer's own */
	struct list taken;		/* txns to be written, oldest first */
	struct segment *current;	/* also the last of used */
	uint32_t serials;		/* handed out in this incarnation */
	lsn_t written;			/* last LSN of the last group */
	uint64_t epoch;			/* of the catalog, at the next entry to be written */
	uint64_t wrote_ns;		/* when; 0: nothing that no later group vouches for */
	uint64_t unsynced_bytes;	/* written and not yet synced, all in the current segment */
	uint64_t unsynced_ns;		/* since when the oldest of it was pending */

	/* the preparer's */
	struct list prepare_link;

	_Atomic uint64_t disk_free, disk_asked_ns;	/* of statvfs, and when */
};

struct journal *journal_new(struct share *s, const struct block_conf *conf);
void journal_free(struct journal **jp);		/* no job waits any more */

static inline struct journal *journal_of(const struct share *s) { return s->block->journal; }

/* Caps as the share is tuned now: at its opening, and whenever that was changed. */
void journal_caps(struct journal *j);

/* --- durability: wait.c --- */

/* All up to lsn is on disk: wake who waits for that. */
void journal_settled(struct journal *j, lsn_t lsn);

/* A write or sync has failed: new verifier, then IO for everybody; there is no way back. */
void journal_fail(struct journal *j, enum status st, const char *what);

/* Park job until its wait_lsn is durable; false: it is by now, or the journal has failed. */
bool journal_park(struct journal *j, struct job *job);

/* There may be room again: wake who waits for it. */
void journal_room(struct journal *j);

/* --- space: space.c --- */

/* Change the head: change() gets a copy, which is written and synced.  One at a time; waits.  A
 * failure fails the journal. */
must_check enum status journal_head_change(struct journal *j,
    void (*change)(struct head *h, void *arg), void *arg);

/* The head's allocators, as they are now. */
void head_take_numbers(struct head *h, struct share *s);

/* Begin the next segment: a ready one, else one made here. The committer, and block_open. */
must_check enum status journal_next_segment(struct journal *j);

/* A segment to be used again, or none is wanted: ready, or removed. */
void journal_release_segment(struct journal *j, struct segment *seg);

/* Bytes free on the least free of the disks, not older than 100 ms; when something large has been
 * taken or given back, not older than that. */
uint64_t journal_disk_free(struct journal *j);
void journal_disk_taken(struct journal *j);

/* --- committer.c --- */

void committer_start(uint32_t tick_ms);
void committer_stop(void);
void committer_add(struct journal *j);
void committer_remove(struct journal *j);	/* returns when it is not at it */
void committer_kick(void);			/* look at all journals now */
void committer_appended(void);			/* a list that was empty no longer is */

/* --- write.c: groups --- */

/* What the committer's thread writes with; around committer_start and committer_stop. */
void journal_write_start(void);
void journal_write_stop(void);

/* Write what is pending, and sync if somebody waits, or much or old data is not synced; with vouch
 * an empty group if nothing is pending. */
void journal_write(struct journal *j, bool vouch);
uint64_t committer_tick_ns(void); /* how long an entry nobody waits for may not be durable */

/* Close the current segment with its summary. */
must_check enum status journal_seal(struct journal *j);

/* --- prepare.c: segments made ahead --- */

void preparer_start(void);
void preparer_stop(void);
void preparer_ask(struct journal *j);		/* one more ready segment, please */
void preparer_forget(struct journal *j);	/* returns when it is not at it */

/* --- open.c --- */

/* Open the head and recover, or make a new journal; a new incarnation has begun when it returns. */
must_check enum status journal_open(struct journal *j, bool fresh,
    void (*remember)(uint64_t share, const struct note *note), char *why, size_t why_cap);

#endif
