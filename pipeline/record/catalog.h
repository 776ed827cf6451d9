/*
 * A share's records as one ordered space: the active memtable over frozen ones over the metadata
 * store.  One writer, who holds the share's order mutex; readers by epoch, without any lock.
 *
 * Stored form of a value (store and history): u8 version 1 | u8 flags | u16 0 | u32 crc32c over
 * key and the rest | u64 born epoch | u64 lsn | body.  A counter's body is an i64; its LSN says up
 * to which entry it has been counted.  A history row's body is u64 born | u64 lsn | body of the
 * version that was replaced.
 *
 * A counter's row is what its deltas add up to: get, scan and count all say so; a PUT sets it, a
 * DEL takes it away.
 */
#ifndef RECORD_CATALOG_H
#define RECORD_CATALOG_H

#include "pipeline/base/arena.h"
#include "pipeline/contract/meta_store.h"
#include "pipeline/record/txn.h"

enum { MEMTABLE_BYTES_MAX = 8 << 20 };

struct catalog;

struct version {			/* a value as read: body lies in the reader's arena */
	bool exists;
	uint64_t born;
	lsn_t lsn;
	struct slice body;
};

/* store is borrowed; epoch and newest_snapshot as recovered. */
struct catalog *catalog_new(struct meta_store *store, uint64_t epoch, uint64_t newest_snapshot);
void catalog_free(struct catalog **cp);		/* nobody reads it any more; not in a section */

/* As recovery finds them, before anything is replayed or served; removal of the newest snapshot
 * under order. */
void catalog_set_epoch(struct catalog *c, uint64_t epoch, uint64_t newest_snapshot);

/*
 * The newest version of a key, committed or stored.  OK with exists = false: there is none.
 * may_wait false: memtables only; DELAY where the store would have to be asked and is known to
 * be slow (EWMA of its misses > 40 µs); a fast store is asked at once.
 */
must_check enum status catalog_get(struct catalog *c, struct slice key, bool may_wait,
    struct arena *arena, struct version *v);

/* The same for n keys, in one round to the store. */
must_check enum status catalog_get_many(struct catalog *c, const struct slice *keys, uint32_t n,
    bool may_wait, struct arena *arena, struct version *v);

/*
 * Live rows of a prefix in order, from key `from` on (empty: the first), merged over memtables
 * and store: each(arg, key, version) until it says false.  Slices are borrowed for the call;
 * each() must not call the store.  Every row that stands from before the call to its end is seen,
 * once; what changes meanwhile is seen or not.
 */
must_check enum status catalog_scan(struct catalog *c, struct slice prefix, struct slice from,
    bool may_wait, bool (*each)(void *arg, struct slice key, const struct version *v), void *arg);

/*
 * Under the share's order mutex: set t's PUTs, DELs, COUNTs and CUT as of t->lsn; adds to t the
 * history and changed rows that its versioned items need.  Never fails.  Memory was reserved.
 * Freezes the active memtable first when it is full.
 */
void catalog_commit_locked(struct catalog *c, struct txn *t);

/* The same for an entry found at recovery: PUT, DEL, COUNT, CUT items; COUNTs not newer than the
 * stored value's LSN are skipped.  Single-threaded, may wait. */
must_check enum status catalog_replay(struct catalog *c, lsn_t lsn, const struct txn_item *item);

uint64_t catalog_epoch(const struct catalog *c);
uint64_t catalog_newest_snapshot(const struct catalog *c);
uint64_t catalog_cut_locked(struct catalog *c);		/* the epoch closed; under order */

/* Bytes of records not yet in the store (admission), and the sum for a counter key. */
uint64_t catalog_unapplied_bytes(const struct catalog *c);
must_check enum status catalog_count(struct catalog *c, struct slice key, int64_t *value);

/* Under order: if the active memtable holds anything (or ≥ min_bytes), freeze it; false: not. */
bool catalog_freeze_locked(struct catalog *c, uint64_t min_bytes);

/* The oldest frozen memtable's last LSN; 0: none is frozen. */
lsn_t catalog_frozen_lsn(const struct catalog *c);

/* Apply the oldest frozen memtable to the store (its last LSN must be durable) and drop it.
 * One thread at a time; may wait. FENCED, IO, NOSPC: nothing dropped, may be tried again. */
must_check enum status catalog_apply_oldest(struct catalog *c, uint64_t fence);

#endif
