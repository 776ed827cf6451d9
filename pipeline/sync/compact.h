/*
 * Between compaction and the errand that brings what it needs; the door is inner.h.
 */
#ifndef SYNC_COMPACT_H
#define SYNC_COMPACT_H

#include "pipeline/sync/inner.h"

/* The container that is to be brought; 0: none. */
uint64_t compact_wanted(struct compact *c);

/* It has been, or not: compaction goes on. */
void compact_brought(struct compact *c, uint64_t number, enum status st);

#endif
