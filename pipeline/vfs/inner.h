/*
 * Inside vfs: an operation under way.  An act lies in the job's arena while the job is in vfs; it
 * holds the pins and the change set, and says what the effect made of each inode.
 */
#ifndef VFS_INNER_H
#define VFS_INNER_H

#include "pipeline/block/block.h"
#include "pipeline/record/key.h"
#include "pipeline/record/rec.h"
#include "pipeline/vfs/dentry.h"
#include "pipeline/vfs/inode.h"
#include "pipeline/vfs/vfs.h"

enum { PINS_MAX = 6, RESTARTS_MAX = 64, SLOT_BITS = 16, SLOT_MASK = (1 << SLOT_BITS) - 1 };

/* What begin says. */
enum begin {
	BEGIN_DONE,	/* answered, or failed with job->status: turn */
	BEGIN_BYTES,	/* io->want is filled: cache and block settle it */
	BEGIN_EFFECT,	/* pins and act->txn are ready: lock, recheck, build, commit */
	BEGIN_WAIT,	/* the store must be asked: again in the pool */
};

/* One pinned inode and what the effect does to it. */
struct pin {
	struct inode *inode;		/* NULL: created by this effect, see `next` */
	bool read;			/* was, was_change are filled */
	bool changes;			/* next replaces its record */
	bool goes;			/* its record is deleted */
	struct file was;		/* under the locks: before */
	lsn_t was_change;
	struct file next;
};

/* A name that the effect sets (hit.ino ≠ 0) or takes away, in pin[dir]. */
struct name_change {
	uint8_t dir;
	struct slice name;
	struct name_hit hit;
	uint64_t bucket;		/* its hash */
};

struct act {
	const struct vfs_row *row;
	struct txn *txn;
	uint8_t npins;
	struct name_change names[2];
	uint8_t nnames;
	uint32_t restarts;
	int64_t used_bytes, used_inodes;	/* what the entry adds to the share's counters */
	struct name_hit hit, hit2;	/* what name and name2 were when gathered … */
	uint64_t seq, seq2;		/* … and at which dirseq of their directories */
	bool turns;			/* RENAME: a directory changes its parent */
	uint64_t renames_seen;
	uint64_t verf;			/* WRITE: read inside the effect */
	lsn_t lsn;
	uint8_t on, on2, found; /* which pin is op->file, op->file2, the object found; 0xff: none */
	void *own;			/* the operation's, in the arena */
	bool no_room; /* DELAY was the journal's or the change sets', not the store's */
	bool slowed;			/* it has waited for the journal: not slowed again */
	uint64_t slow_ns;		/* DELAY is for that long only: a cap is near */
	uint64_t give_up_ns;		/* when he has waited long enough for room; 0: not yet */
	struct pin
	    pin[PINS_MAX]; /* the first npins are filled; large, so not zeroed with the rest */
};

enum { NO_PIN = 0xff };

/* One row an operation: vfs.c's table. */
struct vfs_row {
	enum begin (*begin)(struct job *job, struct act *a);
	/* Under the locks: check again what begin relied on, fill pin[].next, add to a->txn. */
	enum status (*build)(struct job *job, struct act *a);
	/* Going up: once, bytes settled, durable where that was asked.  NULL: nothing to add. */
	void (*end)(struct job *job, struct act *a);
};

extern const struct vfs_row vfs_rows[OP_COUNT];

/* --- effect.c --- */

/* End begin with a failure. DELAY from a store that must be asked becomes BEGIN_WAIT. */
enum begin act_fail(struct job *job, enum status st);

/* Pin an inode as the next pin; *at its place.  Copies its record to pin.was (a first view). */
must_check enum status act_pin(struct job *job, struct act *a, uint64_t ino, uint8_t *at);

/* Pin op->file (or file2), checking generation: STALE.  pair: filled where it is pinned. */
must_check enum status act_pin_file(struct job *job, struct act *a, const struct file_id *id,
    struct op_pair *pair, uint8_t *at);

/* A place for an inode that this effect creates. */
uint8_t act_pin_new(struct act *a);

/* Get a change set and reserve room for it; DELAY, NOSPC, IO, RESOURCE. */
must_check enum status act_txn(struct job *job, struct act *a, bool frees);

/* No change set was left: DELAY, until some have been written. */
must_check enum status act_starved(struct job *job, struct act *a);

/* Let go of all pins and of the change set, to gather again or to end. */
void act_release(struct job *job, struct act *a);

/* The effect: locks, build, commit, publish, unlock.  OK, RESTART, or the operation's failure. */
enum status effect_run(struct job *job, struct act *a);

/* Builders for build(): records into the change set from pin[].next. */
void build_inode(struct job *job, struct act *a, uint8_t at);		/* PUT its record */
void build_inode_gone(struct job *job, struct act *a, uint8_t at);	/* DEL, reap, counters */
void build_dirent(struct job *job, struct act *a, uint8_t dir, struct slice name,
    const struct name_hit *was, const struct name_hit *hit);		/* PUT at hit->key */
void build_dirent_gone(struct job *job, struct act *a, uint8_t dir, struct slice name,
    const struct name_hit *hit);
void build_link_row(struct job *job, struct act *a, uint64_t ino, uint64_t dir, uint64_t key,
    bool put);

/* Fill an op_pair and an attr from a view of pin at. */
void act_pair(struct job *job, const struct act *a, uint8_t at, struct op_pair *pair);
void act_attr(struct job *job, const struct act *a, uint8_t at, struct attr *attr);

/* --- lookup.c --- */

enum name_use { NAME_READ, NAME_SET, NAME_DROP };

/* What a name is in a pinned directory, and at which dirseq: ino 0: none.  For SET, a missing
 * name's hit has a free key; for DROP, keeps_slot is right.  NOSPC: the bucket is full. */
must_check enum status name_find(struct job *job, struct act *a, uint8_t dir, struct slice name,
    enum name_use use, struct name_hit *hit, uint64_t *seq);

/* Under the directory's mutex: has nothing of that hash changed since?  RESTART: something has. */
must_check enum status name_same(const struct act *a, uint8_t dir, const struct name_hit *hit,
    uint64_t seq);

/* A directory one may search: NOTDIR, ACCES. */
must_check enum status dir_search_ok(const struct job *job, const struct file *dir);
/* … and change: NOTDIR, ACCES. */
must_check enum status dir_change_ok(const struct job *job, const struct file *dir);

/* --- the operations --- */

#define BEGIN(op) enum begin op##_begin(struct job *job, struct act *a)
#define BUILD(op) enum status op##_build(struct job *job, struct act *a)
#define END(op) void op##_end(struct job *job, struct act *a)
BEGIN(attach);
BEGIN(lookup);
BEGIN(getattr);
BEGIN(access);
BEGIN(readlink);
BEGIN(statfs);
BEGIN(readdir);
BEGIN(setattr);	BUILD(setattr);
BEGIN(create);	BUILD(create);
BEGIN(make);	BUILD(make);
BEGIN(remove);	BUILD(remove);
BEGIN(rename);	BUILD(rename);
BEGIN(link);	BUILD(link);
BEGIN(read);			END(read);
BEGIN(write);	BUILD(write);	END(write);
BEGIN(commit);			END(commit);
#undef BEGIN
#undef BUILD
#undef END

/* setattr.c: may it, and do it to pin[at].next (sizes to the change set too). */
must_check enum status setattr_ok(const struct job *job, const struct file *f,
    const struct setattr *set);
void setattr_apply(const struct job *job, struct act *a, uint8_t at, const struct setattr *set);

/* remove.c: pin[at] loses its name at (dir, key), and goes if that was the last. */
void build_unlink(struct job *job, struct act *a, uint8_t at, uint64_t dir, uint64_t key);

/* --- perm.c --- */

enum { PERM_X = 1, PERM_W = 2, PERM_R = 4 };

bool perm_ok(const struct cred *c, const struct file *f, uint32_t want);	/* PERM_* */
bool perm_owner(const struct cred *c, const struct file *f); /* owner or superuser */
bool perm_sticky_ok(const struct cred *c, const struct file *dir, const struct file *victim);
uint32_t perm_access(const struct cred *c, const struct file *f, uint32_t want); /* ACCESS_* */

/* Has it bytes?  ISDIR; INVAL: of the other kinds none has. */
must_check enum status perm_bytes_ok(const struct file *f);

/* Mode bits that a change by c takes away: setuid and setgid of executables. */
uint16_t perm_mode_killed(const struct file *f, uint16_t mode);

#endif
