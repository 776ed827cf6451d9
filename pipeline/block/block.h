/*
 * The stage block, and the door to a share's log: admission, commit, durability, recovery, and
 * reading bytes back from wherever they lie.  engine.md §2, §3, §6.
 */
#ifndef BLOCK_BLOCK_H
#define BLOCK_BLOCK_H

#include "pipeline/record/txn.h"
#include "pipeline/share/share.h"
#include "pipeline/stage/stage.h"

/*
 * down: a job whose wait_lsn is not durable parks until its group is synced (ST_IO where that
 * failed); a READ with pieces still wanted reads them: inline where the kernel has them cached
 * (RWF_NOWAIT), else in the pool.  skip: nothing to wait for, nothing wanted.
 */
extern const struct stage_ops block_stage;

struct block_conf {
	uint64_t records_cap;		/* of unapplied records: 64 MiB */
	uint32_t segment_bytes;		/* 64 MiB; the first two are 4 MiB */
	uint32_t tick_ms;		/* writeback lag: 100 */
	uint32_t places_max;		/* pieces not carved yet, a share; 0, and at most: 2 Mi */
	uint32_t cold_wait_ms; /* a READ parks for the remote so long, then DELAY; 0: 10,000 */
	uint64_t air_bytes;		/* on their way from remote stores, all shares; 0: 32 MiB */
};
void block_start(const struct block_conf *conf);	/* starts the committer's thread */
void block_stop(void);

/*
 * Open a share's journal in s->conf.dir/journal: takes a new incarnation, recovers what is there
 * into s->catalog and the index, sets s->first_lsn, was_clean, verifier, allocators; calls
 * remember for each NOTE of the last two minutes.  With fresh, makes a new one for s->row's ids.
 *
 * s->store is open, s->block and s->catalog are NULL: both are made here.  The store is compared
 * and claimed.  A row whose number is 0 is read from the records.
 *
 * MISMATCH: journal and store do not belong together; the text names both numbers.  CORRUPT: a
 * hole that is no torn tail; the text names the place.  BUSY: another process holds it.  EXIST:
 * fresh, and there is another journal already (one with the row's ids is opened as it is: its
 * making was interrupted).  On failure nothing is left in s.
 */
must_check enum status block_open(struct share *s, bool fresh,
    void (*remember)(uint64_t share, const struct note *note), char *why, size_t why_cap);

/* All entries durable, head says clean; the share takes no more entries.  IO: the journal has
 * failed, the next start is an unclean one. */
must_check enum status block_close(struct share *s);
void block_free(struct share *s);		/* the catalog, too */

/* What applies and claims must carry: the owner's fence. */
uint64_t block_fence(const struct share *s);

/* --- an entry's way --- */

/*
 * Reserve journal space for t, before any lock: its records so far plus slack, its data.
 * OK; NOSPC (disk, less the reserve); DELAY (a cap was reached and stays: the job may park with
 * block_admit_park and come again); IO: the journal has failed.
 */
must_check enum status block_reserve(struct share *s, struct txn *t);
void block_unreserve(struct share *s, struct txn *t);	/* t is not going to be committed */

/*
 * The same for a writer who may be slowed.  DELAY with *slow_ns not 0: there is room, but a cap is
 * near; nothing was reserved and nothing sealed, and after so long block_reserve is to be asked.
 * Not below three quarters of each cap; then growing, up to 80 ms at the cap.  Who frees space
 * should not ask.  Any thread.  engine.md §3.
 */
must_check enum status block_reserve_slowly(struct share *s, struct txn *t, uint64_t *slow_ns);

/* txn_new() had none: let block_admit_park wait until some have been written.  Any thread. */
void block_starved(struct share *s);

/* Park job until there is room again (or its deadline); false: there is room by now, go on. */
bool block_admit_park(struct share *s, struct job *job, uint64_t deadline_ns);

/* Park job until then, or until room has come; it holds no reservation meanwhile.  False: the
 * journal has failed. */
bool block_slow_park(struct share *s, struct job *job, uint64_t until_ns);

/*
 * Give a change set its LSN and make it visible; durable once block_durable(lsn).
 *
 * t      taken; room was reserved, so this cannot fail
 * lsnp   the entry's LSN
 *
 * Caller holds the inode locks.  Takes: order, catalog, index, journal.  No I/O.  The places of
 * its data are published before its records.
 */
void block_commit(struct share *s, struct txn *t, lsn_t *lsnp);

bool block_durable(const struct share *s, lsn_t lsn);
lsn_t block_durable_lsn(const struct share *s);
enum status block_state(const struct share *s);	/* OK, or IO once the journal has failed */

/* Wait (in a pool or at set-up) until lsn is durable. */
must_check enum status block_wait(struct share *s, lsn_t lsn);

/* --- reading --- */

/*
 * Where the bytes [offset, offset+len) of a content lie: fills io->want (in arena) with pieces in
 * order, holes included.  Attributes were read before.  may_wait as for catalog_get: DELAY says
 * that the store must be asked in a pool.
 */
must_check enum status block_lookup(struct share *s, uint64_t content, struct io *io, bool may_wait,
    struct arena *arena);

/* Let go of whatever io->want counts; harmless when there is none. */
void block_want_clear(struct io *io);

/* --- checkpoint, carve: sync's door --- */

struct index *block_index(struct share *s);	/* pipeline/block/index.h */
struct mirror *block_mirror(struct share *s);	/* mirror.h: the local containers */
struct suspects *block_suspects(struct share *s);	/* suspect.h */
struct leaves *block_leaves(struct share *s);	/* leaf.h */

/* Everything ≤ lsn is in the store and synced: records before it need no replay. */
must_check enum status block_checkpoint(struct share *s, lsn_t lsn);
lsn_t block_checkpoint_lsn(const struct share *s);

/* Free segments that are wholly below the checkpoint and whose data is all carved or dropped,
 * oldest first.  Returns how many. */
uint32_t block_recycle(struct share *s);

struct block_usage {
	uint64_t journal_bytes, dirty_bytes, unapplied_bytes;	/* segments; live data; records */
	uint64_t cap_bytes, space_bytes;	/* of dirty_bytes; of journal_bytes */
	uint64_t records_bytes;			/* the cap of unapplied_bytes */
	uint64_t local_bytes; /* of dirty_bytes and what is carved and not sent; 0: no cap */
	uint64_t disk_free;
	uint32_t segments, places, places_max;
};
void block_usage_read(struct share *s, struct block_usage *out);

/* Caps were changed: who waits for room looks again, what is kept ready beyond need goes. */
void block_retuned(struct share *s);

/*
 * The share is about to close: nothing more is read from its remote store, what is on its way from
 * there is canceled, and who waits for it hears DELAY; or (false) it stays open.  Any thread.
 */
void block_remote_halt(struct share *s, bool halted);

/*
 * How many bytes of containers no remote has yet; with what is not carved it counts against the
 * share's local_bytes.  Takes no lock.  block_sent: they have become fewer; wakes who waits for
 * room, and takes the journal's mutex.
 */
void block_unsent(struct share *s, uint64_t bytes);
void block_sent(struct share *s);

/*
 * Is the disk about to be full?  Less is free above the share's reserve than the reserve once more,
 * at least 64 MiB and at most 1 GiB: what can be had again is dropped then, before writers have to
 * wait.  Asks the disk.
 */
bool block_disk_short(struct share *s);

/* May so many bytes of disk be taken by what is not the log itself?  Some are kept for that. */
bool block_disk_room(struct share *s, uint64_t bytes);

#endif
