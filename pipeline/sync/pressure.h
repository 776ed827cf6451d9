/*
 * How hard the journal presses, and whether background work should step aside: one number
 * against the other.  engine.md §6.
 */
#ifndef SYNC_PRESSURE_H
#define SYNC_PRESSURE_H

#include "pipeline/sync/inner.h"

/* Percent of the nearest cap: dirty data, journal on disk, places. */
uint32_t pressure_fill(struct share *s);

/*
 * Between two pieces of background work: a short pause if requests wait and the journal does not.
 * pressure_yield is the data errand's: where requests come and the journal does not press, the
 * crew leaves them a core until the next look.  pressure_yield_by: of an errand of its own.
 */
void pressure_yield(struct sync *y);
void pressure_yield_by(struct sync *y, struct pressure_gauge *was);

#endif
