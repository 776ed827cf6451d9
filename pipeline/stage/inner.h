/*
 * What the machine's files share: a home worker's inside, and the ways between walking, parking
 * and pools.  For this folder only.
 */
#ifndef STAGE_INNER_H
#define STAGE_INNER_H

#include "pipeline/base/thread.h"
#include "pipeline/stage/stage.h"
#include "pipeline/stage/worker.h"

#include <stdalign.h>
#include <sys/epoll.h>

enum {
	WORKER_MAGIC = 0x776f726b, WORKERS_MAX = 64,
	VECTOR_MAX = 32,		/* jobs carried together */
	EVENTS_MAX = 64,		/* of epoll, a turn */
	TICK_MS = 10, WHEEL_SLOTS = 1024,
	LINE_BYTES = 128,		/* two lines, which the processor fetches together */
};

#define TICK_NS (TICK_MS * NS_PER_MS)

/* What comes by inbox. */
enum link_kind { LINK_CALL, LINK_SUBMIT, LINK_WOKEN, LINK_POOLED };

enum park_state { PARK_NONE, PARK_OPEN, PARK_LEFT, PARK_WOKEN };

struct wheel {
	struct list slots[WHEEL_SLOTS];
	uint64_t filled[WHEEL_SLOTS / 64];	/* a slot that may hold something */
	uint64_t tick;			/* all before it have fired */
};

/* Written by its worker alone, read by whoever asks: relaxed. */
struct gauge {
	_Atomic uint64_t in, bypassed, queued, pooled, parked, service_ns, wait_ns;
	_Atomic uint32_t depth;		/* jobs in the worker's queue of that stage */
	uint32_t vectors;		/* for sampling */
	uint64_t job_ns;		/* service time of one job, a moving mean */
};

enum { FREE_KEPT = 192, FREE_MOVED = 64 };

struct job_stack {			/* free jobs of one worker, the last used on top */
	_Atomic uint32_t n;		/* written by it alone */
	struct job *v[FREE_KEPT];
};

struct worker {
	uint32_t magic, index;
	int epfd, evfd;
	uint32_t queued;		/* jobs in all of queue[] */
	uint64_t now_ns;
	struct list tails, soon;
	struct list parked;		/* jobs */
	uint32_t nfresh, ncoming;
	struct job *fresh[VECTOR_MAX];	/* fed, not yet on their way down */
	struct job *coming[VECTOR_MAX];	/* back from pools, not yet on their way up */
	struct ring queue[FLOOR_COUNT];
	struct gauge gauges[FLOOR_COUNT];
	struct job_stack free;
	struct epoll_event events[EVENTS_MAX];
	int nevents, event;
	struct watch bell;		/* evfd */
	uint32_t turns, idle_rounds;
	uint32_t held;			/* turns since the tails have run */
	struct wheel wheel;
	struct thread thread;

	alignas(LINE_BYTES) struct inbox inbox;
	_Atomic uint32_t asleep;	/* pairs with the fence in worker_notify */
};

/*
 * Between "I have pushed" and "does it sleep?", and between "I sleep" and "is there anything?":
 * a store must not pass a later load.  A thread sanitizer cannot follow fences, and need not: no
 * data is handed over by this one.
 */
static inline void
full_fence(void)
{
#ifdef __x86_64__
	__asm__ volatile("lock orl $0, -4(%%rsp)" ::: "memory", "cc");
#else
	atomic_thread_fence(memory_order_seq_cst);
#endif
}

extern const struct stage_ops *stage_table[FLOOR_COUNT];

static inline void
gauge_add(_Atomic uint64_t *g, uint64_t by)	/* one writer, so no locked instruction */
{
	atomic_store_explicit(g, atomic_load_explicit(g, memory_order_relaxed) + by,
	    memory_order_relaxed);
}

/* worker.c */
void workers_start(uint32_t count, uint32_t jobs);
void workers_stop(void);
void worker_notify(struct worker *w);		/* something has been pushed to its inbox */

/* route.c: the worker's own thread */
void route_enqueue(struct worker *w, enum floor floor, struct job **v, uint32_t n);
bool route_queues(struct worker *w);		/* one vector of each late stage */
void route_fresh(struct worker *w);		/* what was fed */
void route_inbox_job(struct worker *w, struct job *job, enum link_kind kind);
void route_inbox_end(struct worker *w);		/* all that came has been shown */

/* park.c: the home worker's own thread */
void park_leave(struct worker *w, struct job *job);
void park_over(struct job *job);

/* pool.c */
void pools_start(uint32_t workers, uint32_t jobs);
void pools_stop(void);
void pool_push(struct worker *w, enum floor floor, struct job **v, uint32_t n);
uint64_t pool_depth(enum floor floor);

/* errand.c */
void errands_start(void);
void errands_stop(void);

/* timer.c */
void wheel_init(struct wheel *wheel, uint64_t now_ns);
void wheel_turn(struct worker *w);		/* fire what is due at now_ns */
int wheel_wait_ms(const struct worker *w);	/* how long nothing is due; -1: for ever */

/* stage.c */
uint32_t stage_threads(enum floor floor);

#endif
