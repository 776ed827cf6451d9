/*
 * Requests wait in queues: then background work pauses, unless the journal is filling up, for a
 * full journal stops them all.
 */
#include "pipeline/sync/pressure.h"

enum { BUSY_WAIT_NS = 1000000, CALM_PERCENT = 50, PAUSE_MS = 10 };

static uint32_t
percent(uint64_t of, uint64_t cap)
{
	return cap == 0 ? 0 : (uint32_t)MIN(of / MAX(cap / 100, (uint64_t)1), (uint64_t)100);
}

uint32_t
pressure_fill(struct share *s)
{
	struct block_usage u;

	block_usage_read(s, &u);
	/* What was overwritten takes no room in the index, yet its segments stay
	 * behind older ones. */
	return MAX(MAX(percent(u.dirty_bytes, u.cap_bytes),
		       percent(u.journal_bytes, u.space_bytes)),
	    MAX(percent(u.places, u.places_max), percent(u.dirty_bytes, u.local_bytes)));
}

/* Mean time in the queues of vfs since the last look. */
static bool
requests_wait(struct pressure_gauge *was)
{
	struct stage_gauge g;
	uint64_t n, ns;

	stage_gauge_read(FLOOR_VFS, &g);
	n = g.queued - was->waits;
	ns = g.wait_ns - was->waited_ns;
	was->waits = g.queued;
	was->waited_ns = g.wait_ns;
	return n > 0 && ns / n > BUSY_WAIT_NS;
}

void
pressure_yield(struct sync *y)
{
	pressure_yield_by(y, &y->gauge);
}

void
pressure_yield_by(struct sync *y, struct pressure_gauge *was)
{
	if (requests_wait(was) && !atomic_load(&y->draining) &&
	    pressure_fill(y->share) < CALM_PERCENT)
		sync_pause(y, PAUSE_MS);
}
