/*
 * How hard the journal presses, and whether background work should step aside: one number
 * against the other.  engine.md §6.
 */
#ifndef SYNC_PRESSURE_H
#define SYNC_PRESSURE_H

#include "pipeline/sync/inner.h"

/* Percent of the nearest cap: dirty data, journal on disk, places. */
uint32_t pressure_fill(struct share *s);

/* Between two pieces of background work: a short pause if requests wait and the
 * journal does not. */
void pressure_yield(struct sync *y);
void pressure_yield_by(struct sync *y, struct pressure_gauge *was); /* of an errand of its own */

#endif
