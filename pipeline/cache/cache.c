/*
 * The stage cache: a READ whose bytes are all in pages turns here, on its home worker.
 */
#include "pipeline/cache/cache.h"

#include "pipeline/cache/want.h"

static bool
cache_skip(const struct job *job)
{
	return job->io.want == NULL;
}

static enum turn
cache_down(struct job *job)
{
	struct io_want *want = job->io.want;

	if (job->status != OK)
		return TURN_UP;
	job->status = want_fill(want, &job->arena);
	if (job->status == OK && want->open > 0)
		return TURN_DOWN;
	if (job->status == OK)
		job->status = want_chain(&job->io, &job->arena);
	return TURN_UP;
}

const struct stage_ops cache_stage = { .skip = cache_skip, .down = cache_down };
