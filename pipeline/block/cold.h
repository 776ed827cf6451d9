/*
 * Units that are not here, or damaged here, read from the remote store: verified, kept in the
 * mirror.  Called where waiting is allowed.
 */
#ifndef BLOCK_COLD_H
#define BLOCK_COLD_H

#include "pipeline/block/fetch.h"
#include "pipeline/share/share.h"

struct cold;

struct cold *cold_new(struct share *s);	/* of a share that has a remote */
void cold_free(struct cold **cp);	/* nobody reads any more */

/*
 * Read a unit of a container from the remote into to (of u->len bytes), and keep it in the mirror
 * with what is likely to be asked for next; ahead: bytes that the same request wants behind it.
 *
 * OK: to is filled, whatever the mirror drops by now.  RESTART: another has brought it, or what was
 * found in the mirror has gone; look there, then here, again.  NOENT: no row says that the remote
 * has it.  DELAY: the remote is away, come again.  CORRUPT: what the remote has is not what it was.
 */
must_check enum status cold_read(struct cold *c, const struct block_unit *u, uint64_t ahead,
    uint8_t *to);

/* Bring header and index of a container that is not here.  OK: they are here, for now.  Else as
 * above. */
must_check enum status cold_index(struct cold *c, uint64_t number);

#endif
