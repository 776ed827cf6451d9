/*
 * Units that are not here, or damaged here, read from the remote store: verified, kept in the
 * mirror.  Called where waiting is allowed.
 */
#ifndef BLOCK_COLD_H
#define BLOCK_COLD_H

#include "pipeline/share/share.h"

struct cold;

struct cold *cold_new(struct share *s);	/* of a share that has a remote */
void cold_free(struct cold **cp);	/* nobody reads any more */

/*
 * Bring a unit of a container into the mirror, with what is likely to be asked for next; ahead:
 * bytes that the same request wants behind it.
 *
 * OK: read it in the mirror now.  NOENT: no row says that the remote has it.  DELAY: the remote
 * is away, come again.  CORRUPT: what the remote has is not what it was.
 */
must_check enum status cold_read(struct cold *c, uint64_t number, uint32_t index, uint64_t ahead);

#endif
