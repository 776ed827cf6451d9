/*
 * Requests come and the journal does not press: the data errand's crew leaves them a core, until
 * none come, or all is to go.
 */
#include "pipeline/sync/pressure.h"

#include "pipeline/base/clock.h"
#include "pipeline/sync/crew.h"
#include "tests/lib/check.h"
#include "tests/lib/world.h"

#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

enum { MANY = 100, FEW = 3, FORGOTTEN_MS = 150 };

static void
ask(uint32_t n)
{
	struct attr attr;

	for (uint32_t i = 0; i < n; i++)
		world_attr(world_root(), &attr);
}

/* As the data errand does between two windows; here it has nothing to do and does not look. */
static uint32_t
width_after(uint32_t requests)
{
	struct sync *y = world_share()->sync;

	pressure_yield(y);
	nanosleep(&(struct timespec){ .tv_nsec = FORGOTTEN_MS * NS_PER_MS }, NULL);
	ask(requests);
	pressure_yield(y);
	return crew_width(y->crew);
}

CASE(a_core_is_left_while_requests_come_and_the_journal_does_not_press)
{
	char dir[600];
	struct sync *y;
	uint32_t all, fewer;

	snprintf(dir, sizeof dir, "%s/pressure", check_tmpdir());
	EQ(mkdir(dir, 0700), 0);
	world_start("memory", dir);
	y = world_share()->sync;
	all = crew_seats(y->crew);
	crew_leave_core(y->crew, true);
	fewer = crew_width(y->crew);
	EQ(width_after(0), all);
	EQ(width_after(MANY), fewer);
	EQ(width_after(FEW), all);
	EQ(width_after(MANY), fewer);
	ask(FEW);
	pressure_yield(y);
	EQ(crew_width(y->crew), fewer);		/* for a while */
	atomic_store(&y->draining, true);
	EQ(width_after(MANY), all);
	atomic_store(&y->draining, false);
	world_stop();
}
