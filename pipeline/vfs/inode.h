/*
 * Decoded inodes of a share: found by number without a lock, pinned by a count, changed under
 * their own mutex (rank INODE, taken in number order).  A cached inode is always the newest
 * version; what is not cached is read from the catalog.
 */
#ifndef VFS_INODE_H
#define VFS_INODE_H

#include "pipeline/base/epoch.h"
#include "pipeline/base/mutex.h"
#include "pipeline/share/share.h"
#include "pipeline/vfs/hand.h"
#include "pipeline/vfs/slab.h"

struct dentry_cache;
struct names;

enum { EVICTIONS = 1024, BUCKETS_RECENT = 4,
	INODE_MEMORY = 480 /* with its share of the table */ };

struct inode_cache {
	struct table *table;
	struct slab slab;			/* where inodes lie */
	struct dentry_cache *dentries;
	struct hand hand;
	_Atomic uint32_t evicted[EVICTIONS];	/* by hash: an inode of that hash was let go */
	struct mutex rename;			/* rank RENAME: a directory changes its parent */
	_Atomic uint64_t renames;		/* how often one has */
};

struct inode {
	struct table_node node;
	struct epoch_entry dead;
	struct inode_cache *cache;
	struct ref refs;			/* one is the table's */
	struct hand_mark mark;
	bool gone;				/* under mutex: its last name went */
	uint64_t ino;
	struct mutex mutex;
	_Atomic uint32_t seq;			/* odd while the fields below change */
	struct file file;			/* .rest is owned */
	lsn_t change;
	uint64_t born;				/* epoch of this version */
	_Atomic uint64_t dirseq;		/* counts changes of this directory's names */
	struct names *_Atomic names;		/* what a directory may have; NULL: not known */
	uint32_t names_bytes; /* under mutex: of these, as the cache counts them */
	uint64_t buckets[BUCKETS_RECENT];	/* under mutex: whose hash changed at seq % n */
};

/* What decoded inodes and names of all shares may take; before the first cache is made. */
void inode_caches_start(uint64_t budget_bytes);
void inode_caches_stop(void);

struct inode_cache *inode_cache_new(void);
void inode_cache_free(struct inode_cache **cp);

/*
 * Pin an inode.  OK; STALE: there is none of that number; DELAY: the store must be asked in a
 * pool (may_wait false); IO, CORRUPT.  arena is scratch.
 */
must_check enum status inode_get(struct share *s, uint64_t ino, bool may_wait, struct arena *arena,
    struct inode **ip);
void inode_put(struct inode **ip);

/* Its attributes where it is cached; false: it is not.  Nothing is pinned, nothing loaded. */
bool inode_peek(struct share *s, uint64_t ino, struct attr *a);

/* A consistent copy of its record and change; .rest is not to be followed. */
void inode_read(const struct inode *i, struct file *f, lsn_t *change);

/* Under its mutex: its symlink target, or whatever lies in rest, copied to the arena. */
struct slice inode_rest_locked(const struct inode *i, struct arena *arena);

/* Under its mutex: publish a new version; rest is copied when it is not the old one. */
void inode_publish_locked(struct inode *i, const struct file *f, lsn_t change, uint64_t born);

/* One of that number will be entered soon: a hint to the processor. */
void inode_expect(const struct inode_cache *c, uint64_t ino);

/* Enter a new inode that an effect has just made; pinned for the caller. */
struct inode *inode_enter(struct inode_cache *c, const struct file *f, lsn_t change, uint64_t born);

/* Under its mutex: its filter of names has become another, or larger. */
void inode_names_sized_locked(struct inode *i);

/* Under its mutex: no name and no record is left. */
void inode_drop_locked(struct inode_cache *c, struct inode *i);

/* What clients see of it. */
void inode_attr(const struct share *s, const struct file *f, lsn_t change, struct attr *a);

#endif
