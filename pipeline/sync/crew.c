/*
 * A loop is taken index by index by who has time.  A helper is an errand that finds a loop, or a
 * task that nobody has begun, or neither: then it was posted for nothing, and that is all.
 */
#include "pipeline/sync/crew.h"

#include "pipeline/base/mutex.h"
#include "pipeline/base/num.h"
#include "pipeline/base/panic.h"
#include "pipeline/stage/errand.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { WORTH_BYTES = 256 << 10 };

struct loop {
	void (*one)(void *arg, uint32_t seat, uint32_t i);
	void *arg;
	uint32_t n;
	_Atomic uint32_t next;
};

enum task_state { TASK_NONE, TASK_WAITS, TASK_RUNS, TASK_OVER };

struct task {
	enum task_state state;
	void (*run)(void *arg);
	void *arg;
};

struct helper {
	struct errand errand;
	struct crew *crew;
	struct task *task;		/* NULL: for loops, on that seat */
	uint32_t seat;
	bool posted;			/* not begun yet */
};

enum { HELPERS = CREW_SEATS_MAX + CREW_TASKS };

struct crew {
	struct mutex mutex;		/* rank SHARE */
	struct cond changed;
	struct helper helper[HELPERS];	/* by seat, 0 is never posted; then by task */
	struct task task[CREW_TASKS];
	uint32_t seats, cores;
	uint32_t width;			/* seats from this one on stay empty: 1 to seats */
	uint32_t inside;		/* helpers that run */
	struct loop *loop;		/* NULL: none to join */
	uint32_t joined;		/* helpers in the loop */
};

static void
work(struct loop *l, uint32_t seat)
{
	uint32_t i;

	while ((i = atomic_fetch_add_explicit(&l->next, 1, memory_order_relaxed)) < l->n)
		l->one(l->arg, seat, i);
}

static void
join_locked(struct crew *c, uint32_t seat)
{
	struct loop *l = c->loop;

	if (l == NULL || seat >= c->width)
		return;
	c->joined++;
	mutex_unlock(&c->mutex);
	work(l, seat);
	mutex_lock(&c->mutex);
	c->joined--;
}

/* By helper or errand, whoever comes first. */
static void
take_task_locked(struct crew *c, struct task *t)
{
	if (t->state != TASK_WAITS)
		return;
	t->state = TASK_RUNS;
	mutex_unlock(&c->mutex);
	t->run(t->arg);
	mutex_lock(&c->mutex);
	t->state = TASK_OVER;
}

static void
help(struct errand *e)
{
	struct helper *h = container_of(e, struct helper, errand);
	struct crew *c = h->crew;

	mutex_lock(&c->mutex);
	h->posted = false;
	c->inside++;
	if (h->task != NULL)
		take_task_locked(c, h->task);
	else
		join_locked(c, h->seat);
	c->inside--;
	cond_broadcast(&c->changed);
	mutex_unlock(&c->mutex);	/* c may be gone behind this */
}

struct crew *
crew_new(uint64_t number)
{
	struct crew *c = xcalloc(1, sizeof *c);
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	mutex_init(&c->mutex, RANK_SHARE, number);
	cond_init(&c->changed);
	c->cores = (uint32_t)MAX(cores, 1L);
	c->seats = MIN(MAX(c->cores, 2u), (uint32_t)CREW_SEATS_MAX);
	c->width = c->seats;
	for (uint32_t i = 0; i < HELPERS; i++) {
		struct helper *h = &c->helper[i];

		errand_init(&h->errand, help);
		h->crew = c;
		if (i < CREW_SEATS_MAX)
			h->seat = i;
		else
			h->task = &c->task[i - CREW_SEATS_MAX];
	}
	return c;
}

static bool
quiet_locked(const struct crew *c)
{
	for (uint32_t i = 0; i < HELPERS; i++)
		if (c->helper[i].posted)
			return false;
	return c->inside == 0;
}

void
crew_free(struct crew **cp)
{
	struct crew *c = TAKE(cp);

	if (c == NULL)
		return;
	for (uint32_t i = 0; i < CREW_TASKS; i++)
		crew_end(c, i);
	mutex_lock(&c->mutex);
	while (!quiet_locked(c))
		cond_wait(&c->changed, &c->mutex);
	mutex_unlock(&c->mutex);
	cond_destroy(&c->changed);
	mutex_destroy(&c->mutex);
	free(c);
}

uint32_t
crew_seats(const struct crew *c)
{
	return c->seats;
}

void
crew_leave_core(struct crew *c, bool leave)
{
	uint32_t width = leave ? MIN(c->seats, MAX(c->cores, 2u) - 1) : c->seats;

	mutex_lock(&c->mutex);
	c->width = width;
	mutex_unlock(&c->mutex);
}

uint32_t
crew_width(const struct crew *c)
{
	return c->width;
}

/* One that was posted and has not begun will see what there is then. */
static void
post(struct crew *c, struct helper *h)
{
	bool was;

	mutex_lock(&c->mutex);
	was = h->posted;
	h->posted = true;
	mutex_unlock(&c->mutex);
	if (!was)
		errand_post(FLOOR_SYNC, &h->errand);
}

void
crew_run(struct crew *c, uint32_t n, uint64_t bytes,
    void (*one)(void *arg, uint32_t seat, uint32_t i), void *arg)
{
	struct loop loop = { .one = one, .arg = arg, .n = n };
	bool shared = n > 1 && c->width > 1 && bytes >= WORTH_BYTES;

	if (shared) {
		mutex_lock(&c->mutex);
		c->loop = &loop;
		mutex_unlock(&c->mutex);
		for (uint32_t i = 1; i < MIN(c->width, n); i++)
			post(c, &c->helper[i]);
	}
	work(&loop, 0);
	if (!shared)
		return;
	mutex_lock(&c->mutex);
	c->loop = NULL;
	while (c->joined > 0)
		cond_wait(&c->changed, &c->mutex);
	mutex_unlock(&c->mutex);
}

void
crew_begin(struct crew *c, enum crew_task task, void (*run)(void *arg), void *arg)
{
	struct task *t = &c->task[task];

	mutex_lock(&c->mutex);
	assert(t->state == TASK_NONE);
	*t = (struct task){ TASK_WAITS, run, arg };
	mutex_unlock(&c->mutex);
	post(c, &c->helper[CREW_SEATS_MAX + task]);
}

void
crew_end(struct crew *c, enum crew_task task)
{
	struct task *t = &c->task[task];

	mutex_lock(&c->mutex);
	take_task_locked(c, t);
	while (t->state == TASK_RUNS)
		cond_wait(&c->changed, &c->mutex);
	t->state = TASK_NONE;
	mutex_unlock(&c->mutex);
}
