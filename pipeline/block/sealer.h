/*
 * Contexts of the AEADs, a few of them kept: a thread takes one for a unit, or for many, and
 * gives it back.
 */
#ifndef BLOCK_SEALER_H
#define BLOCK_SEALER_H

#include "crypto/aead.h"

struct sealer {
	struct aead aead;
	struct sealer *next;		/* the pool's */
};

struct sealer *sealer_get(void);
void sealer_put(struct sealer **sp);

#endif
