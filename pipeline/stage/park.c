/*
 * Leaving the thread and coming back.  A wake may come at any moment after park_begin, also
 * while down() has not returned yet.  One word settles it: OPEN (begun, the thread is still in
 * down()), LEFT (home has let go), WOKEN.  Only the home worker goes from OPEN to LEFT, only a
 * waker goes to WOKEN, both by one exchange: a waker that finds OPEN is done, since home will
 * find WOKEN; a waker that finds LEFT sends the job home by inbox.  So a job in the inbox has
 * always been let go of, and nobody touches it twice.
 */
#include "pipeline/stage/park.h"

#include "pipeline/stage/inner.h"

void
park_begin(struct job *job, uint64_t deadline_ns, bool (*expire)(struct job *job))
{
	CHECK(job, JOB_MAGIC);
	assert(deadline_ns == 0 || expire != NULL);
	job->deadline_ns = deadline_ns;
	job->expire = expire;
	job->timed_out = false;
	/* Relaxed: whatever lock or fence shows the job to a waker shows this too. */
	atomic_store_explicit(&job->park, PARK_OPEN, memory_order_relaxed);
}

/* The deadline: home's thread.  A wake that has passed LEFT is on its way and brings the job. */
static void
deadline_passed(struct timer *t)
{
	struct job *job = container_of(t, struct job, timer);
	struct worker *w = job->home;

	if (atomic_load_explicit(&job->park, memory_order_acquire) != PARK_LEFT)
		return;
	if (!job->expire(job))
		return;
	park_over(job);
	job->timed_out = true;
	route_enqueue(w, job->floor, &job, 1);
}

/* down() has said TURN_PARK. */
void
park_leave(struct worker *w, struct job *job)
{
	uint8_t open = PARK_OPEN;

	gauge_add(&w->gauges[job->floor].parked, 1);
	job->state = JOB_PARKED;
	list_push_back(&w->parked, &job->parked_link);
	if (job->deadline_ns != 0) {
		timer_init(&job->timer, deadline_passed);
		timer_set(w, &job->timer, job->deadline_ns);
	}
	/* Release: a waker that finds LEFT may push the job; acquire: one that came
	 * first did so. */
	if (atomic_compare_exchange_strong_explicit(&job->park, &open, PARK_LEFT,
	    memory_order_acq_rel, memory_order_acquire))
		return;
	assert(open == PARK_WOKEN);
	park_over(job);
	route_enqueue(w, job->floor, &job, 1);
}

/* The job is home's again. */
void
park_over(struct job *job)
{
	atomic_store_explicit(&job->park, PARK_NONE, memory_order_relaxed);
	list_remove(&job->parked_link);
	if (job->deadline_ns != 0)
		timer_cancel(&job->timer);
	job->state = JOB_DOWN;
}

/* True: it is in its home's inbox, which must be told. */
static bool
wake(struct job *job, struct worker *home)
{
	uint8_t was = atomic_exchange_explicit(&job->park, PARK_WOKEN, memory_order_acq_rel);

	assert(was == PARK_OPEN || was == PARK_LEFT);
	if (was == PARK_OPEN)
		return false;
	job->inbox.kind = LINK_WOKEN;
	inbox_push(&home->inbox, &job->inbox);
	return true;
}

void
job_wake(struct job *job)
{
	struct worker *home;

	CHECK(job, JOB_MAGIC);
	home = job->home;
	if (wake(job, home))
		worker_notify(home);
}

void
job_wake_many(struct job **v, uint32_t n)
{
	uint64_t homes = 0;
	uint32_t i;

	_Static_assert(WORKERS_MAX <= 64, "a bit a worker");
	for (i = 0; i < n; i++) {
		struct worker *home = v[i]->home;

		if (wake(v[i], home))
			homes |= 1ull << home->index;
	}
	for (; homes != 0; homes &= homes - 1)
		worker_notify(worker_at((uint32_t)__builtin_ctzll(homes)));
}
