/*
 * The table of stages as assemble has wired it, and what each has done.
 */
#include "pipeline/stage/inner.h"

#include "pipeline/base/clock.h"

#include <sched.h>

const struct stage_ops *stage_table[FLOOR_COUNT];

static const struct {
	const char *name, *waits;
	uint32_t threads;
} rows[FLOOR_COUNT] = {
#define STAGE(name, waits, threads) { #name, waits, threads },
#include "pipeline/stage/route.def"
#undef STAGE
};

void
stage_set(enum floor floor, const struct stage_ops *ops)
{
	assert(floor < FLOOR_COUNT);
	stage_table[floor] = ops;
}

const char *
stage_name(enum floor floor)
{
	return rows[floor].name;
}

uint32_t
stage_threads(enum floor floor)
{
	return rows[floor].threads;
}

static uint32_t
cores(void)
{
	cpu_set_t set;
	int n = 1;

	if (sched_getaffinity(0, sizeof set, &set) == 0)
		n = CPU_COUNT(&set);
	return (uint32_t)MIN(MAX(n, 1), WORKERS_MAX);
}

void
machine_start(const struct machine_conf *conf)
{
	uint32_t workers = conf->workers != 0 ? conf->workers : cores();

	/* What workers keep at hand is beyond what was asked for, so that it starves nobody. */
	uint32_t jobs = conf->jobs + workers * FREE_KEPT;

	assert(workers <= WORKERS_MAX && conf->jobs > 0);
	job_pool_init(jobs);
	pools_start(workers, jobs);
	errands_start();
	workers_start(workers, jobs);
}

/* Pools end first: what they still held has then gone to inboxes, which the workers empty. */
void
machine_stop(void)
{
	errands_stop();
	pools_stop();
	workers_stop();
	job_pool_fini();
}

void
machine_submit(struct job *job, enum floor floor)
{
	struct worker *home;

	CHECK(job, JOB_MAGIC);
	assert(job->done != NULL && job->conn == NULL);
	home = job->home;
	job->floor = (uint8_t)floor;
	job->inbox.kind = LINK_SUBMIT;
	inbox_push(&home->inbox, &job->inbox);
	worker_notify(home);
}

void
stage_gauge_read(enum floor floor, struct stage_gauge *out)
{
	*out = (struct stage_gauge){ .depth = pool_depth(floor) };
	for (uint32_t i = 0; i < worker_count(); i++) {
		struct gauge *g = &worker_at(i)->gauges[floor];

		out->in += atomic_load_explicit(&g->in, memory_order_relaxed);
		out->bypassed += atomic_load_explicit(&g->bypassed, memory_order_relaxed);
		out->queued += atomic_load_explicit(&g->queued, memory_order_relaxed);
		out->pooled += atomic_load_explicit(&g->pooled, memory_order_relaxed);
		out->parked += atomic_load_explicit(&g->parked, memory_order_relaxed);
		out->service_ns += atomic_load_explicit(&g->service_ns, memory_order_relaxed);
		out->wait_ns += atomic_load_explicit(&g->wait_ns, memory_order_relaxed);
		out->depth += atomic_load_explicit(&g->depth, memory_order_relaxed);
	}
}
