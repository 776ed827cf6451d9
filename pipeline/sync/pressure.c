/*
 * Requests come: then the data errand leaves a core to them.  They wait in queues: then background
 * work pauses.  Neither where the journal is filling up, for a full journal stops them all.
 */
#include "pipeline/sync/pressure.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/lane.h"
#include "pipeline/sync/crew.h"

/* CAME_MIN: who asks so seldom in the time of one piece does not meet the errand.  A piece may be
 * short, so who came is expected again for a while. */
enum { CAME_MIN = 16, AGAIN_MS = 100, BUSY_WAIT_NS = 1000000, CALM_PERCENT = 50, PAUSE_MS = 10 };

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

/* Since the last look: did requests come, and did they wait in the queues of vfs, on average? */
struct requests {
	bool come, wait;
};

static struct requests
look(struct pressure_gauge *was)
{
	struct stage_gauge g;
	uint64_t came, n, ns;

	stage_gauge_read(FLOOR_VFS, &g);
	came = g.in - was->came;
	n = g.queued - was->waits;
	ns = g.wait_ns - was->waited_ns;
	if (came >= CAME_MIN)
		was->came_ns = clock_mono_ns();
	was->came = g.in;
	was->waits = g.queued;
	was->waited_ns = g.wait_ns;
	return (struct requests){ .come = clock_mono_ns() < was->came_ns + AGAIN_MS * NS_PER_MS,
		.wait = n > 0 && ns / n > BUSY_WAIT_NS };
}

static bool
presses(struct sync *y)
{
	return atomic_load(&y->draining) || pressure_fill(y->share) >= CALM_PERCENT;
}

void
pressure_yield(struct sync *y)
{
	struct requests r = look(&y->gauge);
	bool press = presses(y), calm = (r.come || r.wait) && !press;

	if (press)
		lane_hurry();
	crew_leave_core(y->crew, calm);
	errands_leave_core(FLOOR_SYNC, calm);
	if (calm && r.wait)
		sync_pause(y, PAUSE_MS);
}

void
pressure_yield_by(struct sync *y, struct pressure_gauge *was)
{
	if (look(was).wait && !presses(y))
		sync_pause(y, PAUSE_MS);
}
