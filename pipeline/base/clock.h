/*
 * Time, replaceable for simulation.  Monotonic time orders and measures; wall time is for
 * records and people.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_S 1000000000ull
#define NS_PER_MS 1000000ull

struct clock_ops {
	uint64_t (*mono_ns)(void);
	uint64_t (*wall_ns)(void);	/* since 1970 */
};

extern const struct clock_ops *clock_now_ops;	/* changed by tests alone, before threads start */

static inline uint64_t clock_mono_ns(void) { return clock_now_ops->mono_ns(); }
static inline uint64_t clock_wall_ns(void) { return clock_now_ops->wall_ns(); }
static inline struct timespec
clock_timespec(uint64_t ns)
{
	return (struct timespec){ (time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S) };
}

#endif
