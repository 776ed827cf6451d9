/*
 * Which names a directory may have: a filter of their hashes, kept from when the directory was
 * empty.  It answers "surely none" without memtables and store, which a create asks each time.
 */
#ifndef VFS_NAMES_H
#define VFS_NAMES_H

#include "pipeline/base/epoch.h"

#include <stdbool.h>
#include <stdint.h>

struct names;

/* Of an empty directory. */
struct names *names_new(void);
void names_put(struct names *n);	/* when the readers in a section have left */
void names_free(struct names *n);	/* now; NULL is allowed */

/* The directory's mutex is held.  False: it is full and knows nothing any more. */
bool names_add(struct names *n, uint64_t hash);

/* What it takes; NULL: nothing. */
uint32_t names_bytes(const struct names *n);

/* False: no name of that hash was ever added.  Any thread, in a section. */
bool names_may_have(const struct names *n, uint64_t hash);

#endif
