/*
 * Inside of upload: what upload.c (calls) and upload_settle.c (the data errand's half) share.
 */
#ifndef SYNC_UPLOAD_INNER_H
#define SYNC_UPLOAD_INNER_H

#include "pipeline/sync/items.h"
#include "pipeline/sync/upload.h"

enum { UPLOAD_SLOTS = 16, REFUSED_TIMES = 2 };	/* refused so often it is believed */

enum slot_state { SLOT_FREE, SLOT_RUNS, SLOT_ENDED };

struct slot {
	struct block_call call;
	struct upload *upload;
	enum slot_state state;
	struct item item;
	uint8_t *bytes;			/* PUT: the container */
	bool refused;	/* its call was: the HEAD tells whether by the object or by the store */
	char why[160];			/* of that */
};

struct upload {
	struct sync *sync;
	struct block_store *store;
	struct mutex mutex;		/* rank LEDGER: all below */
	struct cond ended;
	bool closing;
	struct slot slot[UPLOAD_SLOTS];
	unsigned running, at_once, good;	/* good: since at_once changed */
	struct items queue, arrived, unwanted, gone;
	struct items refused;		/* what lies there under their names may not be changed */
	bool refused_new;		/* since the data errand has asked */
	struct items held;		/* another key has the place of the one that wraps theirs */
	struct items made;		/* carved, their rows not yet seen */
	uint64_t known;			/* rows up to that container have been seen */
	lsn_t learned;			/* all rows as of then, where they are durable */
	bool looked;			/* at all, since the opening */
	unsigned failures;		/* since the last success */
	uint64_t pause_until_ns, away_since_ns, failed_ns;
	uint64_t pending_bytes, made_bytes;	/* of queue, slots and arrived; of made */
	uint32_t settling;		/* taken from arrived, their rows not yet committed */
	struct sync_remote seen;	/* counters, and the last failure's text */
};

/* All below: u's mutex is held. */
void upload_pending_add(struct upload *u, int64_t bytes);
void upload_made_no_more_locked(struct upload *u, uint64_t number);

#endif
