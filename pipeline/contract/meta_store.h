/*
 * Promise: ordered keys and values with an atomic batch.  Typed records, history and snapshots
 * are written once, above it.  Laws: contract/README; tests/contract proves them of each keeper.
 *
 * All calls may come from any thread at the same time, except that apply, sync and claim are
 * called by one thread at a time.  Keys are 1..512 bytes, values 0..1 MiB, compared as unsigned
 * bytes.  A call may wait (disk, network); whether it does is measured by the caller.
 */
#ifndef CONTRACT_META_STORE_H
#define CONTRACT_META_STORE_H

#include "pipeline/base/arena.h"
#include "pipeline/base/slice.h"
#include "pipeline/model/id.h"

enum { META_KEY_MAX = 512, META_VALUE_MAX = 1 << 20 };

struct meta_op {
	struct slice key;
	struct slice value;		/* PUT */
	bool del;
};

/* To whom a store belongs, and how far it is.  Kept in the store, changed with each batch. */
struct meta_ident {
	uint8_t share_id[16], journal_id[16];
	uint64_t fence;			/* of its present owner */
	lsn_t applied_lsn;
};

struct meta_store;

struct meta_store_ops {
	const char *kind;		/* "memory", "leveldb" */
	bool durable;			/* false: gone with the process */

	/* The value of key, copied into the arena.  NOENT: no such key.  RESOURCE: arena full. */
	enum status (*get)(struct meta_store *s, struct slice key, struct arena *arena,
	    struct slice *value);

	/* n gets in one round; absent[i] says which are not there. */
	enum status (*get_many)(struct meta_store *s, const struct slice *keys, uint32_t n,
	    struct arena *arena, struct slice *values, bool *absent);

	/*
	 * In key order, from the first key ≥ from that begins with prefix (from empty: the
	 * first), call each(); slices are borrowed for the call.  Ends at the last key of the
	 * prefix or when each() returns false.  Sees one consistent state.
	 */
	enum status (*scan)(struct meta_store *s, struct slice prefix, struct slice from,
	    bool (*each)(void *arg, struct slice key, struct slice value), void *arg);

	/*
	 * All of the batch or nothing, together with applied_lsn = lsn.  Later ops on a key win.
	 * FENCED, and nothing done, where the stored fence differs from fence.
	 */
	enum status (*apply)(struct meta_store *s, const struct meta_op *ops, uint32_t n, lsn_t lsn,
	    uint64_t fence);

	/* All earlier batches survive power loss once this returns OK. */
	enum status (*sync)(struct meta_store *s);

	/* Who owns this store.  NOENT: a fresh one, nobody. */
	enum status (*ident)(struct meta_store *s, struct meta_ident *out);

	/* Write ids and fence (applied_lsn as given), synced; the caller has compared before. */
	enum status (*claim)(struct meta_store *s, const struct meta_ident *ident);

	/* Bytes it takes on its disk, about; 0 where unknown. */
	uint64_t (*bytes)(struct meta_store *s);

	void (*close)(struct meta_store *s);	/* frees s */
};

struct meta_store {			/* keepers embed this first */
	const struct meta_store_ops *ops;
};

#endif
