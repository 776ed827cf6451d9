/*
 * The stage sync: what happens to a mutation afterwards.  Applies memtables to the store, moves
 * the checkpoint, carves data into containers, frees segments, reaps what is gone.  All of it is
 * errands in the SYNC pool; what must be committed goes to a home worker.
 */
#ifndef SYNC_SYNC_H
#define SYNC_SYNC_H

#include "pipeline/share/share.h"
#include "pipeline/stage/stage.h"

extern const struct stage_ops sync_stage;

struct sync_conf {
	uint32_t apply_ms; /* freeze and apply at least that often when there is anything: 1000 */
	uint32_t carve_age_ms;		/* carve data older than that: 5000 */
	uint32_t carve_at_percent;	/* or when dirty data passes that share of its cap: 50 */
	uint32_t compact_percent; /* empty containers of which less is live; 0: none unasked */
	uint64_t compact_bytes_hour;	/* read and written for that, unasked; 0: no bound */
	uint32_t grace_ms; /* that a dead container's object stays in the remote store */
	uint64_t scrub_bytes;		/* a scrub reads so many a second; 0: as it goes */
};
void sync_start(const struct sync_conf *conf);
void sync_stop(void);

void sync_open_share(struct share *s);	/* after vfs_open_share */
/* Everything durable, applied, synced, checkpointed; errands of this share are over. */
must_check enum status sync_close_share(struct share *s);

struct sync_remote {			/* of one share; counters since it was opened */
	bool has;			/* it has a remote store */
	bool drained;			/* nothing is dirty, and all containers are there */
	bool away;			/* the last call failed; text says why, without secrets */
	uint64_t away_ms;
	uint64_t dirty_bytes;		/* in the journal alone */
	uint64_t local_bytes, part_bytes;	/* containers here, whole and in part */
	uint64_t pending, pending_bytes;	/* containers that are not there yet */
	uint64_t running, at_once;
	uint64_t refused;	/* of these: damaged there, and nobody may replace them */
	uint64_t puts, uploaded, uploaded_bytes, retries, deleted, damaged;
	uint64_t packed_bytes, stored_bytes; /* chunks put into containers, and what those take */
	uint64_t known_bytes;		/* chunks that were there already, and are cited */
	uint64_t evicted;		/* containers */
	uint32_t keys,
	    keys_remote; /* share keys there are, and of them in the remote as they are now */
	uint32_t keys_other;	/* the first whose place there another key has; 0: none; in text */
	char text[160];
};
void sync_remote_look(struct share *s, struct sync_remote *out);

/*
 * Drop local containers that the remote has: all of the share (path "" or "/"), or all that hold
 * anything of what lies at a path or below, whatever else is in them; of these, where idle_s is not
 * 0, those that nobody used for so many seconds, counted in minutes.  It goes on in the background;
 * the last one asked for counts.
 *
 * NOTSUPP: there is no remote, or none that is durable.  PERM: the share is pinned.  NOPATH: there
 * is no such path.  Any thread; it looks at all that lies below a path, and may wait for it.
 */
must_check enum status sync_evict_share(struct share *s, const char *path, uint64_t idle_s);

enum warm_state { WARM_NONE, WARM_RUNS, WARM_DONE, WARM_CANCELED, WARM_FAILED };
enum { WARM_PATH_MAX = 1024 };

struct sync_warm {			/* the last one of a share, since it was opened */
	uint64_t id;			/* 0: there was none */
	enum warm_state state;
	uint64_t containers, done; /* those it is about; of them here, and not to be had any more */
	uint64_t bytes, damaged; /* brought; containers that the remote has not as they were */
	int64_t started_s, finished_s;	/* since 1970 */
	char path[WARM_PATH_MAX];
	char text[160]; /* why it waits, or ended before its end; empty: no reason */
};

/* Bring here, whole, the containers that a path of the share needs ("": all of it), as far as its
 * cap and the disk have room.  BUSY: one is under way.  NOTSUPP: there is no remote.  NAMETOOLONG.
 * Any thread. */
must_check enum status sync_warm_start(struct share *s, const char *path);
void sync_warm_cancel(struct share *s);	/* it ends soon; harmless where none runs */
bool sync_warm_look(struct share *s, struct sync_warm *out);	/* false: there is no remote */

struct sync_compaction {		/* of one share; counters since it was opened */
	bool running;			/* a pass is on */
	bool asked;			/* what an operator asked for is not over */
	bool old_keys;			/* and means all that an older share key wraps */
	uint64_t from, at, end; /* numbers of containers: the first, looked at, to be looked at */
	uint64_t left;			/* of this pass, or the last one: chosen, and not emptied */
	uint64_t damaged;		/* of these: with chunks that nobody can read */
	uint64_t emptied, read_bytes, written_bytes;
	const char *waits; /* why it does not go on; NULL: it does, or has nothing to do */
};
void sync_compaction_look(struct share *s, struct sync_compaction *out);

/*
 * Look at all containers now and empty those of which too little is live; with old_keys those
 * too that an older share key than the newest wraps.  It goes on until none is left that can be
 * read, a restart ends it.  Any thread.
 */
void sync_compact_share(struct share *s, bool old_keys);

/* A scrub: all containers here, and where it is asked those that the remote has, and all rows of
 * metadata are read and verified; what has a good second copy is healed.  It goes on after a
 * restart. */
enum scrub_state { SCRUB_NEVER, SCRUB_RUNS, SCRUB_WAITS, SCRUB_DONE, SCRUB_STOPPED, SCRUB_FAILED };

struct sync_scrub {
	uint8_t state;			/* enum scrub_state; WAITS: the remote is away */
	bool remote;			/* asked for */
	uint64_t started_ns, ended_ns;	/* wall clock; 0: not yet */
#define SCRUB_COUNT(member) uint64_t member;
#include "pipeline/sync/scrub.def"
#undef SCRUB_COUNT
	char text[160];			/* why it waits or failed */
};
void sync_scrub_begin(struct share *s, bool remote);	/* one that runs goes on.  Any thread. */
void sync_scrub_stop(struct share *s);
void sync_scrub_look(struct share *s, struct sync_scrub *out);

/* Bring all over that is there now, without waiting for its age: for some seconds; a remote that
 * was away is tried again soon.  Any thread. */
void sync_push_share(struct share *s);

/* Carve and checkpoint until the journal holds no data; for tests and `dfsctl drain`. */
must_check enum status sync_drain_share(struct share *s);

#endif
