/*
 * Waiting in tests: a clock and short naps, with an end.
 */
#include "tests/unit/pipeline/stage/toys.h"

#include "pipeline/base/clock.h"

#include <time.h>

bool
wait_for(const _Atomic uint64_t *n, uint64_t want)
{
	static const struct timespec nap = { 0, 200000 };
	uint64_t end = clock_mono_ns() + 20 * NS_PER_S;

	while (atomic_load(n) < want) {
		if (clock_mono_ns() > end)
			return false;
		nanosleep(&nap, NULL);
	}
	return true;
}
