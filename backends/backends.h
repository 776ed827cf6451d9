/*
 * The door of the keepers: stores are opened by the name of their kind.
 */
#ifndef BACKENDS_BACKENDS_H
#define BACKENDS_BACKENDS_H

#include "pipeline/base/text.h"
#include "pipeline/contract/meta_store.h"

/*
 * Open a metadata store.
 *
 * kind     "memory", "leveldb"
 * dir      its folder, made if it is not there; not used by kinds that are not durable
 * options  "key=value …", may be NULL
 * why      a sentence about a failure, for the operator
 *
 * INVAL: no such kind or option.  CORRUPT: what lies there is damaged or has lost what it once
 * vouched for.  BUSY: another process has it.  IO, NOSPC, ACCES: the system said so.
 */
must_check enum status backends_meta_open(const char *kind, const char *dir, const char *options,
    struct meta_store **sp, struct text *why);

/* Is there a kind of that name, and does it outlive the process? */
bool backends_meta_known(const char *kind, bool *durable);

#endif
