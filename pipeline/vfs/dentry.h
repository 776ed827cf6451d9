/*
 * The cache of names: (directory, name) → number and place of the entry, or "no such name".
 * Found without a lock; copied out, never pinned.
 */
#ifndef VFS_DENTRY_H
#define VFS_DENTRY_H

#include "pipeline/base/slice.h"

#include <stdint.h>

struct dentry_cache;

struct name_hit {
	uint64_t ino;			/* 0: no such name */
	uint32_t gen;
	uint8_t type;
	bool alone;			/* gathered where no two names have had one hash */
	bool keeps_slot;	/* gathered for removal: others of its hash lie behind slot 0 */
	uint64_t key;			/* h << 16 | slot */
	uint64_t born;			/* epoch of the row */
	uint64_t lsn;			/* its version */
};

/* What the names of all shares may take; before the first cache is made. */
void dentry_caches_start(uint64_t budget_bytes);
void dentry_caches_stop(void);

struct dentry_cache *dentry_cache_new(void);
void dentry_cache_free(struct dentry_cache **cp);

bool dentry_find(struct dentry_cache *c, uint64_t dir, struct slice name, struct name_hit *hit);

/* A name that will be set soon: a hint to the processor. */
void dentry_expect(const struct dentry_cache *c, uint64_t dir, struct slice name);

/* Remember what the catalog said, unless the directory has changed since: *dirseq is still seen. */
void dentry_fill(struct dentry_cache *c, uint64_t dir, struct slice name,
    const struct name_hit *hit, const _Atomic uint64_t *dirseq, uint64_t seen);

/* In an effect, after *dirseq was advanced, under the directory's mutex: what is true now. */
void dentry_set(struct dentry_cache *c, uint64_t dir, struct slice name,
    const struct name_hit *hit);

#endif
