/*
 * The keys of a share that encrypts on their way to its remote store: one object a version,
 * SHARE/keys/N, wrapped as the local copy is.  A bucket and the key-encrypting key are then all it
 * takes to read what is in it; so no container goes there before the keys do.  engine.md §6.
 */
#ifndef SYNC_KEYSHIP_H
#define SYNC_KEYSHIP_H

#include "pipeline/sync/inner.h"

struct keyship;

/* NULL: the share does not encrypt, or nothing of it outlasts the process.  The
 * others take NULL. */
struct keyship *keyship_new(struct sync *y);

/* What runs is canceled and waited for; the errands are over. */
void keyship_free(struct keyship **kp);

/* The up errand's: begin what may begin; never waits. */
void keyship_run(struct keyship *k);

/* An operator waits: a version whose place another key had is looked at again soon. */
void keyship_push(struct keyship *k);

/* Has the remote all versions, as they are wrapped now, but for those whose place another key has?
 * Of the first, which the share's digests come of, not even then. */
bool keyship_there(struct keyship *k);

/* Has another key that version's place there?  No container that it wraps goes there then. */
bool keyship_holds(struct keyship *k, uint32_t version);

/* How many it has.  other: the first version whose place another key has, or 0; text, of text_cap
 * bytes: that, or the last failure, unchanged where there was none. */
uint32_t keyship_look(struct keyship *k, uint32_t *other, char *text, size_t text_cap);

#endif
