/*
 * The name space as a snapshot shows it.  engine.md §5: the history row with the smallest epoch
 * after S, if its version was born by S; without such a row the live record, if born by S; else
 * nothing.
 */
#ifndef RECORD_HISTORY_H
#define RECORD_HISTORY_H

#include "pipeline/record/catalog.h"

/* The version of key at the end of epoch snapshot; outcomes as of catalog_get. */
must_check enum status history_get(struct catalog *c, struct slice key, uint64_t snapshot,
    bool may_wait, struct arena *arena, struct version *v);

/*
 * The rows of a prefix as they stood at the end of that epoch, in order, from key `from` on.
 * each() may call the catalog; slices are borrowed for the call.
 */
must_check enum status history_scan(struct catalog *c, struct slice prefix, struct slice from,
    uint64_t snapshot, bool may_wait,
    bool (*each)(void *arg, struct slice key, const struct version *v), void *arg);

/* The keys that were changed first in epochs (after, upto], in order of epoch and key; a key may
 * come once an epoch. */
must_check enum status history_changed(struct catalog *c, uint64_t after, uint64_t upto,
    bool (*each)(void *arg, uint64_t epoch, struct slice key), void *arg);

#endif
