/*
 * Counters and histograms, cheap enough for every request: a row in meter.def is a name, a help
 * text and a unit; values are kept a thread and summed when asked.
 */
#ifndef BASE_METER_H
#define BASE_METER_H

#include <stdint.h>

enum meter {
#define COUNTER(id, name, help) METER_##id,
#define GAUGE(id, name, help) METER_##id,
#include "pipeline/base/meter.def"
#undef COUNTER
#undef GAUGE
	METER_COUNT
};

void meter_add(enum meter m, int64_t by);
int64_t meter_value(enum meter m);		/* sum over all threads, ended ones included */
const char *meter_name(enum meter m);		/* without the prefix dittofs_ */
const char *meter_help(enum meter m);
const char *meter_kind(enum meter m);		/* "counter" or "gauge" */

#endif
