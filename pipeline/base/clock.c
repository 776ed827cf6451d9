/*
 * The system's clocks, behind the pointer that a simulation may turn elsewhere.
 */
#include "pipeline/base/clock.h"

#include "pipeline/base/panic.h"

static uint64_t
read_clock(clockid_t id)
{
	struct timespec ts;

	if (clock_gettime(id, &ts) != 0)
		panic("the system has no clock %d", (int)id);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static uint64_t
system_mono_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

static uint64_t
system_wall_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

static const struct clock_ops system_clock = { system_mono_ns, system_wall_ns };

const struct clock_ops *clock_now_ops = &system_clock;
