/*
 * Home workers.  A turn: read the inbox, carry on late stages, then sockets, timers, and at the
 * end what asked for the tail, so that all replies of a turn leave together.  A worker with
 * nothing to do sleeps in epoll; who pushes to its inbox rings its bell (an eventfd) only then.
 */
#include "pipeline/stage/inner.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/epoch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	IDLE_MS = 50,	/* after work, a worker wakes so soon to poll the epoch */
	IDLE_ROUNDS = 2,	/* and so often; then it sleeps until something comes */
	HELD_TURNS = 8,	/* replies wait so many turns at most for those behind them */
	EPOCH_EVERY = 256,	/* turns between polls while busy */
};

static struct worker *workers;
static uint32_t nworkers;
static _Atomic bool stopping;
static _Thread_local struct worker *self;

uint32_t worker_count(void) { return nworkers; }
uint32_t worker_index(const struct worker *w) { return w->index; }
struct worker *worker_self(void) { return self; }
uint64_t worker_now_ns(const struct worker *w) { return w->now_ns; }

struct worker *
worker_at(uint32_t i)
{
	assert(i < nworkers);
	return &workers[i];
}

/*
 * The push came before; its full fence and the one in fall_asleep see to it that either the
 * sleeper sees what was pushed or the pusher sees the sleeper.
 */
void
worker_notify(struct worker *w)
{
	static const uint64_t one = 1;

	if (w == self)
		return;
	full_fence();
	if (atomic_load_explicit(&w->asleep, memory_order_relaxed) == 0)
		return;
	if (atomic_exchange_explicit(&w->asleep, 0, memory_order_relaxed) == 1 &&
	    write(w->evfd, &one, sizeof one) != sizeof one)
		panic("a worker cannot be woken, errno %d", errno);
}

void
worker_call(struct worker *w, struct call *call)
{
	call->link.kind = LINK_CALL;
	inbox_push(&w->inbox, &call->link);
	worker_notify(w);
}

/* --- descriptors --- */

static void
control(struct worker *w, int op, struct watch *watch, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = watch };

	if (epoll_ctl(w->epfd, op, watch->fd, &e) != 0)
		panic("epoll_ctl %d of descriptor %d, errno %d", op, watch->fd, errno);
}

void
worker_watch(struct worker *w, struct watch *watch, uint32_t events)
{
	control(w, EPOLL_CTL_ADD, watch, events);
}

void
worker_rewatch(struct worker *w, struct watch *watch, uint32_t events)
{
	control(w, EPOLL_CTL_MOD, watch, events);
}

/* Events of it that epoll has already given out are forgotten. */
void
worker_unwatch(struct worker *w, struct watch *watch)
{
	control(w, EPOLL_CTL_DEL, watch, 0);
	for (int i = w->event; i < w->nevents; i++)
		if (w->events[i].data.ptr == watch)
			w->events[i].data.ptr = NULL;
}

/* Edge-triggered, so it need not be read. */
static void
bell_rang(struct watch *watch, uint32_t events)
{
	(void)watch, (void)events;
}

/* --- tails --- */

void
tail_init(struct tail *tail, void (*run)(struct tail *tail))
{
	list_init(&tail->link);
	tail->run = run;
}

void
worker_tail(struct worker *w, struct tail *tail)
{
	if (list_empty(&tail->link))
		list_push_back(&w->tails, &tail->link);
}

void
worker_soon(struct worker *w, struct tail *tail)
{
	if (list_empty(&tail->link))
		list_push_back(&w->soon, &tail->link);
}

void
tail_cancel(struct tail *tail)
{
	list_remove(&tail->link);
}

/* Those that are there now; what they add comes next time, or a turn would not end. */
static bool
run_tails(struct list *tails)
{
	struct list now, *l;
	bool any = false;

	if (list_empty(tails))
		return false;
	list_init(&now);
	list_splice_back(&now, tails);
	while ((l = list_pop_front(&now)) != NULL) {
		struct tail *tail = container_of(l, struct tail, link);

		tail->run(tail);
		any = true;
	}
	return any;
}

/* --- the turn --- */

static bool
read_inbox(struct worker *w)
{
	struct inbox_link *l = inbox_take(&w->inbox), *next;

	if (l == NULL)
		return false;
	for (; l != NULL; l = next) {
		next = inbox_next(l);
		if (l->kind == LINK_CALL) {
			struct call *call = container_of(l, struct call, link);

			call->run(call);
			continue;
		}
		route_inbox_job(w, container_of(l, struct job, inbox), (enum link_kind)l->kind);
	}
	route_inbox_end(w);
	return true;
}

/* How long there is nothing to do but wait. */
static int
sleep_ms(struct worker *w)
{
	int ms = wheel_wait_ms(w);

	if (w->idle_rounds < IDLE_ROUNDS && (ms < 0 || ms > IDLE_MS))
		return IDLE_MS;
	return ms;
}

/* Pairs with worker_notify: say that one sleeps, full fence, look once more. */
static int
fall_asleep(struct worker *w)
{
	int ms = sleep_ms(w), n;

	atomic_store_explicit(&w->asleep, 1, memory_order_relaxed);
	full_fence();
	if (!inbox_empty(&w->inbox) || atomic_load_explicit(&stopping, memory_order_relaxed))
		ms = 0;
	n = epoll_wait(w->epfd, w->events, EVENTS_MAX, ms);
	atomic_store_explicit(&w->asleep, 0, memory_order_relaxed);
	if (n <= 0 && ms != 0) {
		w->idle_rounds++;
		epoch_poll();
	} else {
		w->idle_rounds = 0;
	}
	return n;
}

static void
look_at_sockets(struct worker *w, bool worked)
{
	int n;

	if (worked || !list_empty(&w->soon))
		n = epoll_wait(w->epfd, w->events, EVENTS_MAX, 0);
	else
		n = fall_asleep(w);
	if (n < 0 && errno != EINTR)
		panic("epoll_wait, errno %d", errno);
	w->nevents = MAX(n, 0);
	w->now_ns = clock_mono_ns();
}

/* Old input first.  The tails of a turn must run before the worker may sleep. */
static bool
read_sockets(struct worker *w)
{
	bool any = run_tails(&w->soon) || w->nevents > 0;

	for (w->event = 0; w->event < w->nevents; ) {
		struct epoll_event *e = &w->events[w->event++];
		struct watch *watch = e->data.ptr;

		if (watch != NULL)
			watch->ready(watch, e->events);
	}
	w->nevents = w->event = 0;
	if (w->nfresh > 0)
		route_fresh(w);
	return any;
}

/* True: something was done, so look again before sleeping. */
static bool
turn(struct worker *w, bool worked)
{
	bool any;

	if (w->queued == 0)
		look_at_sockets(w, worked);
	else
		w->now_ns = clock_mono_ns();
	any = read_inbox(w);
	if (w->queued > 0)
		any |= route_queues(w);
	if (w->queued == 0)
		read_sockets(w);
	else
		w->nevents = 0;		/* level-triggered: they come again */
	wheel_turn(w);
	if (w->queued == 0 || ++w->held == HELD_TURNS) { /* what is still queued joins them */
		w->held = 0;
		run_tails(&w->tails);
	}
	if (++w->turns % EPOCH_EVERY == 0)
		epoch_poll();
	return any || w->queued > 0;
}

static void
run(void *arg)
{
	struct worker *w = arg;
	bool worked = false;

	self = w;
	w->now_ns = clock_mono_ns();
	while (worked || !atomic_load_explicit(&stopping, memory_order_acquire) ||
	    !inbox_empty(&w->inbox))
		worked = turn(w, worked);
	self = NULL;
}

static void
make(struct worker *w, uint32_t index, uint32_t jobs)
{
	w->magic = WORKER_MAGIC;
	w->index = index;
	w->epfd = epoll_create1(EPOLL_CLOEXEC);
	w->evfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->epfd < 0 || w->evfd < 0)
		panic("no descriptors for a worker, errno %d", errno);
	w->now_ns = clock_mono_ns();
	list_init(&w->tails);
	list_init(&w->soon);
	list_init(&w->parked);
	inbox_init(&w->inbox);
	wheel_init(&w->wheel, w->now_ns);
	for (uint32_t f = 0; f < FLOOR_COUNT; f++)
		ring_init(&w->queue[f], jobs);
	w->bell = (struct watch){ bell_rang, w->evfd };
	worker_watch(w, &w->bell, EPOLLIN | EPOLLET);
}

void
workers_start(uint32_t count, uint32_t jobs)
{
	size_t bytes = sizeof *workers * count;

	workers = aligned_alloc(LINE_BYTES, bytes);
	if (workers == NULL)
		panic("no memory for %u workers", count);
	memset(workers, 0, bytes);
	atomic_store(&stopping, false);
	for (uint32_t i = 0; i < count; i++)
		make(&workers[i], i, jobs);
	nworkers = count;
	for (uint32_t i = 0; i < count; i++) {
		char name[16] = "home-";

		name[5] = (char)('0' + i / 10);
		name[6] = (char)('0' + i % 10);
		thread_start(&workers[i].thread, name, 0, run, &workers[i]);
	}
}

void
workers_stop(void)
{
	atomic_store_explicit(&stopping, true, memory_order_release);
	for (uint32_t i = 0; i < nworkers; i++)
		worker_notify(&workers[i]);
	for (uint32_t i = 0; i < nworkers; i++)
		thread_join(&workers[i].thread);
	for (uint32_t i = 0; i < nworkers; i++) {
		close(workers[i].epfd);
		close(workers[i].evfd);
		for (uint32_t f = 0; f < FLOOR_COUNT; f++)
			ring_fini(&workers[i].queue[f]);
	}
	nworkers = 0;
	free(TAKE(&workers));
}
