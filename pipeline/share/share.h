/*
 * A share is a wired set: what the operator says, a metadata store and the catalog above it, a
 * journal and the index of what is in it, counters, and the order mutex under which every entry
 * gets its LSN.  Made by mgmt/shares, found by the registry.  Counted.
 */
#ifndef SHARE_SHARE_H
#define SHARE_SHARE_H

#include "pipeline/base/epoch.h"
#include "pipeline/base/mutex.h"
#include "pipeline/base/ref.h"
#include "pipeline/base/table.h"
#include "pipeline/contract/block_store.h"
#include "pipeline/contract/meta_store.h"
#include "pipeline/model/share_conf.h"
#include "pipeline/record/catalog.h"
#include "pipeline/record/rec.h"
#include "pipeline/share/rules.h"

enum { SHARE_MAGIC = 0x73687221, SHARE_SHARDS = 8 };

/*
 * Every request holds a reference, and one count would travel between the cores with each.  While
 * a share is published its count is the sum of a few; nobody asks whether that is zero, since the
 * registry holds one.  When it is retired they are gathered into one, in share.c.
 */
struct share_shard {
	_Alignas(64) _Atomic int64_t n;
};

enum share_state { SHARE_CLOSED, SHARE_OPENING, SHARE_OPEN, SHARE_CLOSING };

/* What an operator changes while the share serves, as share_conf has it.  Each is read
 * on its own. */
struct share_tuning {
	uint8_t tier, compression;
	uint64_t journal_bytes, local_bytes, reserve_bytes, quota_bytes;
};

struct share_keys;			/* pipeline/block/keys.h */
struct block;	/* pipeline/block: journal, index, containers of this share */
struct inode_cache;			/* pipeline/vfs: decoded inodes and dentries */
struct sync;				/* pipeline/sync: apply, checkpoint, carve, reaper */

struct share {
	uint32_t magic;
	_Atomic int64_t refs;		/* share.c's */
	_Atomic bool sharded;
	struct share_shard shards[SHARE_SHARDS];
	struct share_conf conf;		/* does not change while the share is open: what does is in
					 * rules and now */
	struct {			/* struct share_tuning */
		_Atomic uint8_t tier, compression;
		_Atomic uint64_t journal_bytes, local_bytes, reserve_bytes, quota_bytes;
	} now;
	struct share_rules *_Atomic rules;	/* share.c's */
	struct share_row row;		/* ids and keys */
	_Atomic uint32_t state;		/* enum share_state */
	bool was_clean;			/* the last incarnation ended well */
	lsn_t first_lsn;		/* the first of this incarnation: no reported change is less
					 * after an unclean start */

	struct share_keys *keys;	/* NULL: it does not encrypt; the wiring's */
	struct meta_store *store;	/* owned */
	struct block_store *remote; /* NULL: containers are here alone; mgmt/shares lets go of it */
	uint32_t remote_uploads;	/* at once; 0: as it goes */
	bool remote_volatile; /* what it holds may be gone tomorrow: all stays here, too */
	struct catalog *catalog;
	struct block *block;
	struct inode_cache *inodes;
	struct sync *sync;

	struct mutex order;		/* rank ORDER: LSN, memtable, index, committer's list */

	_Atomic uint64_t next_ino, next_content, next_leaf, next_container;
	_Atomic uint64_t used_bytes, used_inodes;	/* live logical usage, from COUNT rows */
	_Atomic uint64_t verifier;	/* the write verifier; engine.md §1 */
	struct table_node by_id, by_name;	/* the registry's */
	uint32_t place;				/* the registry's: where it stands among all */
	struct epoch_entry epoch;
};

struct share *share_new(const struct share_conf *conf);
struct share *share_ref(struct share *s);

/* The registry's: in a section, a reference unless the share is gone.  And from one count to many
 * and back; gather waits for readers, and must not be called in a section. */
bool share_ref_live(struct share *s);
void share_spread(struct share *s);
void share_gather(struct share *s);

/* How many hold it: exact once the registry has let go of it, a guess before. */
int64_t share_holders(struct share *s);

/* The last put closes the store and frees the share.  Whoever closed it has let go of catalog,
 * block, inodes and sync before. */
void share_put(struct share **sp);

/* The rules in force, with a reference for the caller. */
struct share_rules *share_rules_get(struct share *s);

/* Others from now on (taken); the caller gets those that were in force.  Who asks without a lock
 * finds the one or the other, whole. */
struct share_rules *share_rules_swap(struct share *s, struct share_rules *rules);

/* The tuning in force, and another from now on; who waits for room is not told: block_retuned. */
struct share_tuning share_tuning_of(const struct share_conf *conf);
struct share_tuning share_tuning_get(struct share *s);
void share_tuning_set(struct share *s, const struct share_tuning *t);

/* Count what an entry adds to the bytes that files take; false: it would exceed the share's quota,
 * and nothing is counted.  What takes bytes away, or none, always may. */
bool share_used_add(struct share *s, int64_t bytes);

/* Numbers never handed out before; engine.md §1.3. */
uint64_t share_new_ino(struct share *s);

/* Registry: by number (handles) and by name (mounts).  Found with a reference; NULL: none.  It
 * holds a reference of its own of what is published. */
enum { REGISTRY_SHARES_MAX = 4096 };
void registry_start(void);
void registry_stop(void);		/* all have been retired */
must_check enum status registry_publish(struct share *s);	/* EXIST: name or number taken;
								 * RESOURCE: too many */
/* Harmless where it is not published.  Waits for readers: not on a home worker, nor
 * in a section. */
void registry_retire(struct share *s);
struct share *registry_by_id(uint64_t share);
struct share *registry_by_name(const void *name, size_t len);
void registry_each(void (*see)(struct share *s, void *arg), void *arg);	/* borrowed */

#endif
