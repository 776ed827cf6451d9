/*
 * Down and up.  A vector of jobs walks stage by stage; before each stage it is asked whether the
 * stage's queue is empty (else a newcomer would overtake) and how many of it fit into the budget
 * of this walk.  What does not fit waits in the stage's queue and is carried on in a later round,
 * the lowest stage first.  Then all that turned climbs together, so that replies of one
 * connection are written side by side.
 *
 * Time is read once a vector, and only in a sample of vectors; what a job costs at a stage is a
 * moving mean of that.
 */
#include "pipeline/stage/inner.h"

#include "pipeline/base/clock.h"

enum {
	BUDGET_NS = 50000,		/* of estimated work, a walk */
	SAMPLE_ALL = 64, SAMPLE_EVERY = 16, MEAN_SHIFT = 3, SAMPLE_SLACK_NS = 100,
};

struct vector {
	uint32_t n;
	struct job *v[VECTOR_MAX];
};

struct walk {
	struct worker *w;
	uint64_t left_ns;		/* of the budget */
	int late;			/* the floor whose queue this vector came from; -1: none */
	struct vector down, up;
};

void
route_enqueue(struct worker *w, enum floor floor, struct job **v, uint32_t n)
{
	struct gauge *g = &w->gauges[floor];
	uint64_t now = clock_mono_ns();

	for (uint32_t i = 0; i < n; i++) {
		v[i]->floor = (uint8_t)floor;
		v[i]->queued_ns = now;
		ring_push(&w->queue[floor], v[i]);
	}
	w->queued += n;
	gauge_add(&g->queued, n);
	atomic_store_explicit(&g->depth, atomic_load_explicit(&g->depth, memory_order_relaxed) + n,
	    memory_order_relaxed);
}

/* How many of n jobs may run at this stage now; at least one where the vector is its queue's. */
static uint32_t
admitted(struct walk *walk, enum floor floor, const struct gauge *g, uint32_t n)
{
	bool late = walk->late == (int)floor;
	uint64_t fit;

	if (!late && atomic_load_explicit(&g->depth, memory_order_relaxed) > 0)
		return 0;
	if (g->job_ns * n <= walk->left_ns) {
		walk->left_ns -= g->job_ns * n;
		return n;
	}
	fit = walk->left_ns / g->job_ns;
	if (fit == 0 && (late || walk->left_ns > BUDGET_NS / 2))
		fit = 1;
	walk->left_ns -= MIN(walk->left_ns, g->job_ns * fit);
	return (uint32_t)fit;
}

/* Run one stage's down() over v[0..n); those that go on are left in walk->down. */
static void
run_down(struct walk *walk, enum floor floor, struct job **v, uint32_t n)
{
	const struct stage_ops *ops = stage_table[floor];
	struct vector pooled;

	pooled.n = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct job *job = v[i];

		job->floor = (uint8_t)floor;
		job->visited |= (uint16_t)(1u << floor);
		switch (ops->down != NULL ? ops->down(job) : TURN_DOWN) {
		case TURN_DOWN:
			walk->down.v[walk->down.n++] = job;
			break;
		case TURN_UP:
			job->state = JOB_TURNED;
			walk->up.v[walk->up.n++] = job;
			break;
		case TURN_PARK:
			park_leave(walk->w, job);
			break;
		case TURN_POOL:
			pooled.v[pooled.n++] = job;
			break;
		}
	}
	if (pooled.n > 0)
		pool_push(walk->w, floor, pooled.v, pooled.n);
}

static void
run_timed(struct walk *walk, enum floor floor, struct job **v, uint32_t n)
{
	struct gauge *g = &walk->w->gauges[floor];
	uint64_t began, took, one, weight;

	g->vectors++;
	if (g->vectors > SAMPLE_ALL && g->vectors % SAMPLE_EVERY != 0) {
		run_down(walk, floor, v, n);
		return;
	}
	weight = g->vectors > SAMPLE_ALL ? SAMPLE_EVERY : 1;
	began = clock_mono_ns();
	run_down(walk, floor, v, n);
	took = clock_mono_ns() - began;
	/* A thread that was preempted meanwhile looks like a slow stage: what one sample may say
	 * is limited, so that vectors stay long on a busy machine. */
	one = g->vectors == 1 ? took / n : MIN(took / n, 2 * g->job_ns + SAMPLE_SLACK_NS);
	gauge_add(&g->service_ns, took * weight);
	g->job_ns = g->vectors == 1 ? one : g->job_ns - (g->job_ns >> MEAN_SHIFT) +
	    (one >> MEAN_SHIFT);
}

/* One floor: who has no business there passes, who fits runs, the rest queues. */
static void
pass_floor(struct walk *walk, enum floor floor)
{
	const struct stage_ops *ops = stage_table[floor];
	struct gauge *g = &walk->w->gauges[floor];
	uint32_t n = walk->down.n, fit;
	struct vector here;

	here.n = 0;
	if (ops->skip != NULL) {
		walk->down.n = 0;
		for (uint32_t i = 0; i < n; i++) {
			struct job *job = walk->down.v[i];

			if (ops->skip(job))
				walk->down.v[walk->down.n++] = job;
			else
				here.v[here.n++] = job;
		}
	} else {
		memcpy(here.v, walk->down.v, n * sizeof here.v[0]);
		here.n = n;
		walk->down.n = 0;
	}
	if (here.n == 0)
		return;
	gauge_add(&g->in, here.n);
	fit = admitted(walk, floor, g, here.n);
	if (fit > 0) {
		if (walk->late != (int)floor)
			gauge_add(&g->bypassed, fit);
		run_timed(walk, floor, here.v, fit);
	}
	if (fit < here.n)
		route_enqueue(walk->w, floor, here.v + fit, here.n - fit);
}

static void
go_down(struct walk *walk, enum floor floor)
{
	for (uint32_t f = floor; f < FLOOR_COUNT && walk->down.n > 0; f++)
		if (stage_table[f] != NULL)
			pass_floor(walk, (enum floor)f);
	for (uint32_t i = 0; i < walk->down.n; i++) {	/* through the bottom: nothing left to do */
		walk->down.v[i]->floor = FLOOR_COUNT - 1;
		walk->up.v[walk->up.n++] = walk->down.v[i];
	}
	walk->down.n = 0;
}

/* The walk is over and nobody has taken the job. */
static void
end_job(struct job *job)
{
	job->state = JOB_SENT;
	if (job->done != NULL)
		job->done(job);
	else
		job_put(&job);
}

/* The next operation of a compound: it forgets the floors below decode. */
static void
start_again(struct walk *walk, struct job *job)
{
	job->visited &= (uint16_t)((2u << FLOOR_DECODE) - 1);
	job->state = JOB_DOWN;
	walk->down.v[walk->down.n++] = job;
}

static void
climb_floor(struct walk *walk, enum floor floor)
{
	const struct stage_ops *ops = stage_table[floor];
	uint32_t n = walk->up.n, kept = 0;

	if (ops == NULL || ops->up == NULL)
		return;
	for (uint32_t i = 0; i < n; i++) {
		struct job *job = walk->up.v[i];
		enum turn turn = TURN_UP;

		if (job->floor >= floor && (job->visited >> floor & 1))
			turn = ops->up(job);
		if (turn == TURN_UP) {
			walk->up.v[kept++] = job;
			continue;
		}
		assert(turn != TURN_POOL);
		if (turn == TURN_DOWN)
			start_again(walk, job);
	}
	walk->up.n = kept;
}

/* Whatever starts again is in walk->down afterwards. */
static void
climb(struct walk *walk)
{
	int top = 0;

	for (uint32_t i = 0; i < walk->up.n; i++) {
		top = MAX(top, walk->up.v[i]->floor);
		walk->up.v[i]->state = JOB_UP;
	}
	for (int f = top; f >= 0 && walk->up.n > 0; f--)
		climb_floor(walk, (enum floor)f);
	for (uint32_t i = 0; i < walk->up.n; i++)
		end_job(walk->up.v[i]);
	walk->up.n = 0;
}

/* Vectors are not zeroed: that would cost more than a stage does. */
static void
walk_begin(struct walk *walk, struct worker *w, int late)
{
	walk->w = w;
	walk->left_ns = BUDGET_NS;
	walk->late = late;
	walk->down.n = walk->up.n = 0;
}

/* Climb, and carry down what starts again, until nothing is left; the budget ends this. */
static void
walk_up(struct walk *walk)
{
	climb(walk);
	walk->late = -1;
	while (walk->down.n > 0) {
		go_down(walk, FLOOR_DECODE + 1);
		climb(walk);
	}
}

void
machine_descend(struct worker *w, enum floor floor, struct job **v, uint32_t n)
{
	while (n > 0) {
		uint32_t some = MIN(n, VECTOR_MAX);
		struct walk walk;

		walk_begin(&walk, w, -1);
		memcpy(walk.down.v, v, some * sizeof *v);
		walk.down.n = some;
		go_down(&walk, floor);
		walk_up(&walk);
		v += some;
		n -= some;
	}
}

void
machine_feed(struct worker *w, struct job *job)
{
	w->fresh[w->nfresh++] = job;
	if (w->nfresh == VECTOR_MAX)
		route_fresh(w);
}

void
route_fresh(struct worker *w)
{
	uint32_t n = w->nfresh;

	w->nfresh = 0;
	machine_descend(w, FLOOR_DECODE, w->fresh, n);
}

static void
run_late(struct worker *w, enum floor floor)
{
	struct gauge *g = &w->gauges[floor];
	uint64_t now = clock_mono_ns(), waited = 0;
	struct walk walk;
	struct job *job;
	uint32_t n = 0;

	walk_begin(&walk, w, (int)floor);

	while (n < VECTOR_MAX && (job = ring_pop(&w->queue[floor])) != NULL) {
		waited += now - job->queued_ns;
		walk.down.v[n++] = job;
	}
	walk.down.n = n;
	w->queued -= n;
	atomic_store_explicit(&g->depth, atomic_load_explicit(&g->depth, memory_order_relaxed) - n,
	    memory_order_relaxed);
	gauge_add(&g->wait_ns, waited);
	go_down(&walk, floor);
	walk_up(&walk);
}

bool
route_queues(struct worker *w)
{
	bool any = false;

	for (int f = FLOOR_COUNT - 1; f >= 0 && w->queued > 0; f--) {
		if (atomic_load_explicit(&w->gauges[f].depth, memory_order_relaxed) == 0)
			continue;
		run_late(w, (enum floor)f);
		any = true;
	}
	return any;
}

/* What a pool's thread has learnt is carried out here; jobs that climb are gathered first. */
static void
pooled_turn(struct worker *w, struct job *job)
{
	switch ((enum turn)job->turn) {
	case TURN_DOWN:
		if (job->floor + 1 < FLOOR_COUNT) {
			route_enqueue(w, (enum floor)(job->floor + 1), &job, 1);
			return;
		}
		/* FALLTHROUGH */
	case TURN_UP:
		job->state = JOB_TURNED;
		w->coming[w->ncoming++] = job;
		if (w->ncoming == VECTOR_MAX)
			route_inbox_end(w);
		return;
	case TURN_PARK:
		park_leave(w, job);
		return;
	case TURN_POOL:
		pool_push(w, (enum floor)job->floor, &job, 1);
		return;
	}
}

void
route_inbox_job(struct worker *w, struct job *job, enum link_kind kind)
{
	CHECK(job, JOB_MAGIC);
	assert(job->home == w);
	if (kind == LINK_POOLED) {
		job->state = JOB_DOWN;
		pooled_turn(w, job);
		return;
	}
	if (kind == LINK_WOKEN)
		park_over(job);
	route_enqueue(w, (enum floor)job->floor, &job, 1);
}

void
route_inbox_end(struct worker *w)
{
	struct walk walk;

	if (w->ncoming == 0)
		return;
	walk_begin(&walk, w, -1);
	memcpy(walk.up.v, w->coming, w->ncoming * sizeof w->coming[0]);
	walk.up.n = w->ncoming;
	w->ncoming = 0;
	walk_up(&walk);
}
