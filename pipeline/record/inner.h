/*
 * What the files of the catalog share: the set of memtables that readers see, and how versions
 * of one key from several of them make one.
 */
#ifndef RECORD_INNER_H
#define RECORD_INNER_H

#include "pipeline/record/catalog.h"
#include "pipeline/record/key.h"
#include "pipeline/record/memtable.h"

enum { FROZEN_MAX = 16, VIEW_MAX = FROZEN_MAX + 1, SKIP_ROWS = 256 };

struct view {				/* does not change; newest memtable first, the active one */
	struct epoch_entry entry;
	uint32_t n;
	struct memtable *m[VIEW_MAX];
};

struct skip_row {			/* replay: how far a stored counter has been counted */
	struct key key;
	lsn_t lsn;
};

struct catalog {
	struct meta_store *store;	/* borrowed */
	struct memtable *active;	/* the writer's, under the share's order mutex */
	_Atomic(struct view *) view;
	struct mutex mutex;		/* rank CATALOG: who changes view; spare */
	struct memtable *spare;		/* made ahead, so that a freeze need not */
	struct mem_pool pool;
	_Atomic uint64_t epoch, newest_snapshot;
	_Atomic uint64_t unapplied;	/* bytes of all memtables */
	_Atomic uint64_t miss_ns;	/* EWMA of what the store takes */
	bool fast;			/* in memory: never waits */
	lsn_t applied;			/* greatest LSN given to the store; the applier's */
	bool applied_known;
	struct skip_row *skip;		/* SKIP_ROWS of them, once something is replayed */
};

struct pins {				/* memtables kept readable beyond a section */
	uint32_t n;
	struct memtable *m[VIEW_MAX];
};

void pins_take(struct catalog *c, struct pins *p);
void pins_drop(struct pins *p);

/* May the store be asked by who must not wait? */
bool store_quick(const struct catalog *c);

/* One get of the store, timed; the value's checksum verified.  NOENT, or what the store says. */
must_check enum status store_get(struct catalog *c, struct slice key, struct arena *arena,
    struct stored *out);
void store_timed(struct catalog *c, uint64_t took_ns);

/*
 * One version out of a key's values, newest memtable first, and the stored one (NULL: none).
 * counter: eight bytes for a counter's body.
 */
struct version version_merge(const struct mem_value *const *v, uint32_t n,
    const struct stored *stored, uint8_t *counter);

/* A stored counter's value.  CORRUPT: no counter. */
must_check enum status counter_value(const struct stored *stored, int64_t *value);

void active_set(struct catalog *c, const struct txn_item *item, lsn_t lsn);
void view_publish(struct catalog *c, struct view *v);

#endif
