/*
 * Times: comparing two, and the present one.
 */
#include "pipeline/model/attr.h"

#include "pipeline/base/clock.h"

int
stamp_cmp(struct stamp a, struct stamp b)
{
	if (a.s != b.s)
		return a.s < b.s ? -1 : 1;
	return a.ns == b.ns ? 0 : a.ns < b.ns ? -1 : 1;
}

struct stamp
stamp_now(void)
{
	uint64_t ns = clock_wall_ns();

	return (struct stamp){ (int64_t)(ns / NS_PER_S), (uint32_t)(ns % NS_PER_S) };
}
