/*
 * What this room keeps of a share.  Two errands: one applies and moves the checkpoint, the other
 * carves and reaps.  The second is the only one that changes map rows, leaves, chunks, containers
 * and their counts: it is the ledger's one owner, so that what it has read stays true until it
 * has committed.
 */
#ifndef SYNC_INNER_H
#define SYNC_INNER_H

#include "pipeline/block/block.h"
#include "pipeline/record/key.h"
#include "pipeline/stage/errand.h"
#include "pipeline/stage/timer.h"
#include "pipeline/stage/worker.h"
#include "pipeline/sync/gauge.h"
#include "pipeline/sync/sync.h"

enum { AGE_SAMPLES = 32 };

struct work {				/* an errand that can be waited for */
	struct errand errand;
	struct sync *sync;
	int bell;			/* eventfd: a visit is over */
	_Atomic uint64_t asked;		/* runs asked for */
	_Atomic bool waiting;		/* posted, not begun */
	uint64_t done;			/* the runs asked for that are over; sync's mutex */
	enum status outcome;		/* of the last; sync's mutex */
};

struct dying {				/* a container that no chunk lies in any more */
	uint64_t number;
	lsn_t lsn;			/* of the entry that says so */
	uint64_t due_ns;		/* its object goes then, not before */
	uint64_t after;			/* nor before all older containers than that are there */
	uint64_t fence;			/* known once its file is gone; 0: not yet */
	bool no_file;			/* what the remote has of it is waited for */
};

struct sync {
	struct share *share;
	struct sync_conf conf;
	struct worker *home;		/* what is committed is committed there */
	uint64_t fence;
	struct mutex mutex;		/* rank SHARE: done, outcome, closing */
	struct cond changed;
	_Atomic bool closing, draining;
	_Atomic bool checkpoint_wanted;	/* room depends on it */
	_Atomic bool idle, idle_here; /* the data errand found nothing left to do; here, at least */
	struct work apply, data, up, bring, scrubs;
	uint64_t apply_bytes;		/* so many unapplied are given to the store at once */
	struct upload *upload;		/* NULL: no remote */
	struct warm *warm;		/* NULL: no remote */
	struct evict *evict;		/* the same */
	struct compact *compact;
	struct scrub *scrub;
	struct crew *crew;		/* the data errand's helpers */
	struct keyship *keyship;	/* NULL: no keys that outlast the process, or no remote */
	_Atomic uint64_t packed_bytes,
	    stored_bytes; /* chunks put into containers, and what those took */
	_Atomic uint64_t known_bytes;	/* chunks that were there already */
	_Atomic uint64_t evicted;	/* containers */
	_Atomic lsn_t committed;	/* the last entry of these errands */
	_Atomic uint64_t push_until_ns;	/* all data is old until then: a drain waits for it */

	/* the home worker's */
	struct timer timer;
	uint64_t applied_ns, looked_ns;	/* when the errands were last posted */
	struct { uint64_t ns; lsn_t lsn; } sample[AGE_SAMPLES];
	uint32_t samples;
	_Atomic lsn_t aged;		/* what was durable carve_age_ms ago */

	/* the data errand's */
	bool swept, reap_single;
	bool freed;			/* chunks have gone since compaction last began */
	struct key reap_after;		/* reap rows up to there are left alone */
	struct dying *dying;
	uint32_t ndying, dying_cap;
	struct pressure_gauge gauge;
};

/* --- sync.c --- */

/* Ask for a run; any thread. */
void work_post(struct work *w);

/* Run it on the share's home worker and wait; by NULL: the caller may take its mutexes itself. */
void sync_visit(struct sync *y, struct work *by, void (*run)(struct sync *y, void *arg), void *arg);

/* Wait up to ms, less where the share is closing. */
void sync_pause(struct sync *y, uint32_t ms);

/*
 * Commit a change set of our own, on the home worker; it is taken, whatever comes of it.  Waits
 * for room as long as that is worth it.  DELAY, NOSPC, IO: nothing was committed.
 */
must_check enum status sync_commit(struct sync *y, struct work *by, struct txn *t, lsn_t *lsnp);

/* A change set that may use the room kept for freeing; waits where the pool is empty. */
struct txn *sync_txn(struct sync *y);

/* --- apply.c, checkpoint.c --- */

must_check enum status sync_apply(struct sync *y, struct work *by);
must_check enum status sync_checkpoint(struct sync *y, lsn_t applied);

/* --- carve.c: choosing; window.c: building; batch.c: sealing and committing --- */

/* Carve what is dirty and older than before; bounded, *more says that there is more to do. */
must_check enum status sync_carve(struct sync *y, struct work *by, lsn_t before, bool *more);

/* --- reaper.c --- */

must_check enum status sync_reap(struct sync *y, struct work *by, bool *more);

/* --- evict.c --- */

must_check enum status sync_evict(struct sync *y, struct work *by, bool *more);

/* --- compact.c --- */

struct compact *compact_new(struct sync *y);
void compact_free(struct compact **cp);

/* The data errand's: a container's worth of it, where any is due. */
must_check enum status sync_compact(struct sync *y, struct work *by, bool *more);

/* An errand of its own: bring what is live of a container that is not here. */
must_check enum status sync_bring(struct sync *y);

/* --- reaper.c, at opening --- */

/* Delete files that no row names, learn of the dying; once, before anything is carved. */
must_check enum status sync_sweep(struct sync *y);

/* The entry lsn has made a container dying. */
void sync_dying(struct sync *y, uint64_t number, lsn_t lsn);

/* What is dying has no file any more; there: and waits for its grace to be over. */
bool sync_dying_rest(const struct sync *y, bool there);

#endif
