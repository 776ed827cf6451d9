/*
 * What lies at SHARE/keys/N in a remote store: the version as its keeper wrapped it, and which key
 * it is, so that the same key wrapped anew is told from another one without unwrapping either.
 *
 * Layout: the wrapped form | magic "SKID" | identity 16 (block/keys.h) | u32 crc32c of all before.
 */
#ifndef SYNC_KEYFORM_H
#define SYNC_KEYFORM_H

#include "pipeline/block/keys.h"

enum { KEYFORM_EXTRA = 4 + KEYS_IDENTITY + 4, KEYFORM_MAX = KEYS_WRAPPED_MAX + KEYFORM_EXTRA };

/* to: of KEYFORM_MAX bytes.  How many it takes. */
uint32_t keyform_write(struct slice wrapped, const uint8_t identity[KEYS_IDENTITY], uint8_t *to);

enum keyform {
	KEYFORM_SAME,			/* as it is to be */
	KEYFORM_ANEW,	/* our key, wrapped otherwise or damaged, or nothing: put over */
	KEYFORM_OTHER			/* not ours, or nobody can say; stays as it is */
};

/* What is there, any bytes, beside ours, of keyform_write.  Of our key is also what an older
 * release put, without its identity, where it is what is wrapped now. */
enum keyform keyform_judge(struct slice ours, struct slice there);

#endif
