/*
 * The door of the keepers: stores are opened by the name of their kind.
 */
#ifndef BACKENDS_BACKENDS_H
#define BACKENDS_BACKENDS_H

#include "backends/conf.h"
#include "pipeline/contract/block_store.h"
#include "pipeline/contract/meta_store.h"

#include <stdbool.h>
#include <stddef.h>

struct meta_conf {
	const char *dir;	/* a durable store makes a folder of its kind's name in it */
	uint64_t cache_bytes;		/* 0: the kind's default */
	const char *options;		/* "key=value …" of that kind; may be NULL */
};

/*
 * Open a metadata store: kind is "memory" or "leveldb".  why: a sentence for the operator.
 *
 * INVAL: no such kind or option.  CORRUPT: what lies there is damaged, or has lost what it once
 * vouched for.  BUSY: another process has it.  IO, NOSPC, ACCES: the system said so.
 */
must_check enum status meta_store_open(const char *kind, const struct meta_conf *conf,
    struct meta_store **sp, char *why, size_t why_cap);

/* Is there a kind of that name, and does it outlive the process? */
bool meta_store_known(const char *kind, bool *durable);

struct block_store_conf {
	const struct backends_pair *option;	/* borrowed; may hold secrets */
	uint32_t noptions;
};

/*
 * Open a block store: kind is "memory", "fs" or "s3", each with options of its own (its header).
 * Nothing is asked of a peer yet.  why: a sentence for the operator, without secrets.
 *
 * INVAL: no such kind or option.  IO, NOSPC, ACCES: the system said so.
 */
must_check enum status block_store_open(const char *kind, const struct block_store_conf *conf,
    struct block_store **sp, char *why, size_t why_cap);

#endif
