/*
 * What an errand has seen of the queues of requests when it looked last (pressure.h).
 */
#ifndef SYNC_GAUGE_H
#define SYNC_GAUGE_H

#include <stdint.h>

struct pressure_gauge {
	uint64_t came, waits, waited_ns;
	uint64_t came_ns;		/* when many were seen to have come */
};

#endif
