/*
 * A job is one request on its way down and up the stages.  Jobs come from a fixed pool; what is
 * not here lives in the job's arena and dies with it.  Only who holds the job touches it.
 *
 *	FREE → DOWN(floor) → [PARKED ⇄ DOWN] → TURNED → UP(floor) → [again: DOWN] → SENT → FREE
 */
#ifndef STAGE_JOB_H
#define STAGE_JOB_H

#include "pipeline/base/arena.h"
#include "pipeline/base/list.h"
#include "pipeline/contract/protocol.h"
#include "pipeline/model/cred.h"
#include "pipeline/model/io.h"
#include "pipeline/model/op.h"
#include "pipeline/stage/ring.h"
#include "pipeline/stage/timer.h"

struct conn;
struct share;
struct worker;

enum { JOB_MAGIC = 0x6a6f6221, JOB_HOME_BYTES = 4096, JOB_ARENA_MAX = 1 << 20 };

enum floor {
#define STAGE(name, waits, threads) FLOOR_##name,
#include "pipeline/stage/route.def"
#undef STAGE
	FLOOR_COUNT
};

enum job_state { JOB_FREE, JOB_DOWN, JOB_PARKED, JOB_POOLED, JOB_TURNED, JOB_UP, JOB_SENT };

struct job {
	uint32_t magic;
	uint32_t turns;			/* job.c's: how often it was taken */
	uint8_t floor;			/* enum floor: where it is */
	uint8_t state;			/* enum job_state */
	uint8_t turn;			/* enum turn: what down() said in a pool */
	uint16_t visited;		/* a bit a floor: whose up() it is owed */
	bool silent;			/* decode's: it ends without a reply */
	bool timed_out;			/* woken by its deadline */
	_Atomic uint8_t park;		/* park.c's: how far its parking is */
	enum status status;		/* of the operation; encode turns it into the wire's */
	struct worker *home;
	struct inbox_link inbox;	/* home's inbox, while others hand it back */
	struct list link;		/* whoever keeps it waiting: its own list, its own lock */
	struct list parked_link;	/* home worker's list of parked jobs */
	uint64_t deadline_ns;		/* of a park; 0: none */
	struct timer timer;		/* that deadline, on home's wheel */
	bool (*expire)(struct job *job);
	uint64_t named;			/* the protocol's name of the request; 0: it gave none */
	uint64_t born_ns;		/* when its message was whole */
	uint64_t queued_ns;		/* when it was last queued, for gauges */

	const struct protocol *protocol;
	struct conn *conn;		/* counted by net; NULL for jobs of our own */
	const struct whence *whence;	/* conn's; NULL for jobs of our own */
	struct slice message;		/* counted: the bytes as they came, framing excluded */
	uint32_t credit_bytes;		/* what net took for it */
	void *wire;			/* the protocol's own, in the arena */
	struct claim claim;

	struct share *share; /* counted; set by decode from the handle, or by auth for ATTACH */
	const struct cred *cred;	/* counted; set by auth */
	struct op op;
	struct io io;
	lsn_t wait_lsn; /* block holds the answer until that is durable; 0: no need */
	void *vfs; /* what vfs has gathered, in the arena; vfs lets go of it in up */
	/* Jobs without a connection: called on home instead of net's up. */
	void (*done)(struct job *job);

	struct arena arena;
	uint8_t home_block[JOB_HOME_BYTES] __attribute__((aligned(16)));
};

/* A fixed pool, made once by machine_start. */
void job_pool_init(uint32_t count);
void job_pool_fini(void);
uint32_t job_pool_used(void);

/* A clean job of that home (of its op, what only a has_ flag makes valid is not cleaned); NULL when
 * all are out (net's credits keep that from happening).  Any thread; the home worker's own way
 * takes no lock. */
struct job *job_get(struct worker *home);

/* Give it back: message, payload, cred and share are let go of, the arena is rewound.  Nobody may
 * have it on a list. */
void job_put(struct job **jobp);

/* What its request is called in log lines and towards stores: as its protocol named it, else by the
 * job and how often it was used.  Never 0. */
uint64_t job_request(const struct job *job);

/* How job_put lets go of job->share, which this floor knows by name only.  Set once, by share. */
void job_share_hook(void (*release)(struct share **sharep));

#endif
