/*
 * Home workers: one thread a core, each with its own epoll set, timers and inbox.  A connection
 * lives on one; all its state is touched by that thread alone.
 */
#ifndef STAGE_WORKER_H
#define STAGE_WORKER_H

#include "pipeline/base/list.h"
#include "pipeline/stage/ring.h"

struct worker;

uint32_t worker_count(void);
struct worker *worker_at(uint32_t i);
uint32_t worker_index(const struct worker *w);
struct worker *worker_self(void);	/* NULL outside home workers */

/* A file descriptor's events; ready() is called on the worker, after inbox and late stages. */
struct watch {
	void (*ready)(struct watch *w, uint32_t events);
	int fd;
};
void worker_watch(struct worker *w, struct watch *watch, uint32_t events);	/* EPOLLIN, … */
void worker_rewatch(struct worker *w, struct watch *watch, uint32_t events);
void worker_unwatch(struct worker *w, struct watch *watch);

/* A message to a worker: run(call) is called there.  The struct is the sender's until then. */
struct call {
	struct inbox_link link;
	void (*run)(struct call *call);
};
void worker_call(struct worker *w, struct call *call);	/* any thread */

/* Called once at the end of each turn in which the worker did anything: net flushes replies. */
struct tail {
	struct list link;
	void (*run)(struct tail *tail);
};
void tail_init(struct tail *tail, void (*run)(struct tail *tail));
void worker_tail(struct worker *w, struct tail *tail);	/* that worker alone; queued once a turn */
void tail_cancel(struct tail *tail);

/* The same, but run in the next turn, where sockets are read: for input that was put off. */
void worker_soon(struct worker *w, struct tail *tail);

/* The time this turn began, monotonic: good enough for anything that is not a measurement. */
uint64_t worker_now_ns(const struct worker *w);

#endif
