/*
 * What a worker of the crash checker knows: its names and bytes, and what a crash may do to them.
 *
 * A worker owns a directory, so it alone decides what is in it and knows the status that each of
 * its requests must get, sent once or five times.  All it does goes to a journal file: a record
 * before the request, a record after the answer.  Whoever replays the journal has the worker's
 * model back, whatever became of the worker.
 *
 * A file is blocks of 4 KiB, each written whole and stamped by (file, block, generation).  A block
 * holds what was last synced or any generation sent since; a name is as acknowledged.  A change
 * that was sent and not answered may have happened or not.
 */
#ifndef TESTS_CRASH_MODEL_H
#define TESTS_CRASH_MODEL_H

#include "tests/lib/nfs_client.h"

#include <stdio.h>

enum {
	BLOCK = 4096, GENS_MAX = 6, DIRS = 4, NAMES = 24, FILES = 96, BURST_MAX = 16,
	BLOCKS_LIMIT = 16384
};

enum op_kind {
	OP_CREATE = 1, OP_MKDIR, OP_SYMLINK, OP_LINK, OP_RENAME, OP_REMOVE, OP_RMDIR, OP_TRUNC,
	OP_CHMOD, OP_WRITE, OP_COMMIT, OP_KINDS
};

struct op {
	uint32_t kind, dir, name, to_dir, to_name;	/* places of names */
	uint32_t file;			/* index of the file */
	uint32_t id;			/* of a new file, directory or link: never used before */
	uint32_t block, blocks, gen, stable, size, mode;	/* size in blocks */
	int32_t want;			/* the status that must come */
};

enum { REC_HEAD = 1, REC_SENT, REC_ACKED };

/* One journal record.  HEAD is first: its op has blocks = blocks a file. */
struct record {
	uint64_t time_ns;
	uint32_t kind, seq;
	struct op op;
	int32_t status;
	uint32_t committed;
	uint8_t verf[8];
	struct nfs_fh fh;
	uint32_t sum;
};

struct block {
	uint32_t synced;		/* generation; 0 is a hole */
	uint32_t count;			/* of generations sent since */
	uint32_t gens[GENS_MAX];
};

struct file {
	uint32_t id, nlink, mode;	/* id 0: free */
	uint32_t size_min, size_max;	/* blocks */
	bool dirty, mixed;		/* unsynced writes; under more than one verifier */
	uint8_t verf[8];		/* theirs */
	struct nfs_fh fh;
	struct block *blocks;
};

enum { ENTRY_NONE, ENTRY_FILE, ENTRY_DIR, ENTRY_LINK };

struct entry { uint32_t type, file, id, mode; };

struct model {
	uint32_t blocks;		/* a file has at most */
	struct entry entries[DIRS][NAMES];
	struct file files[FILES];
	bool verf_known, in_flight, begun;	/* begun: its directories were made */
	uint8_t verf[8];		/* the last one seen */
	uint32_t seq;			/* of the last record sent */
	struct op sent;			/* the change of names that is in flight */
	uint64_t acked, gen;
};

void model_init(struct model *m, uint32_t blocks);
void model_free(struct model *m);
void model_copy(struct model *to, const struct model *from);

/* A request goes out, an answer came, and what an operation on names does when it is done. */
void model_sent(struct model *m, const struct op *op);
void model_acked(struct model *m, const struct record *r);
void model_apply(struct model *m, const struct op *op, const struct nfs_fh *fh);

/* Whether a block may hold that generation; the one that was sent last. */
bool block_may_be(const struct block *b, uint32_t gen);
uint32_t block_last(const struct block *b);

/* The block's content, and its generation as read: 0 a hole, -1 garbage. */
void stamp(uint8_t *into, uint32_t id, uint32_t block, uint32_t gen);
long stamp_of(const uint8_t *bytes, uint32_t id, uint32_t block);

uint64_t clock_ns(void);
bool record_write(int fd, struct record *r);
/* Rebuild a model of all records up to a time; false if the file is no journal. */
bool model_load(struct model *m, const char *path, uint64_t until_ns);

/*
 * Compare a worker's directory on the server with its model; false with the first difference in
 * why.  exact: no crash since, so that each block must hold what was sent last.
 */
bool tree_check(struct nfs *n, const struct nfs_fh *top, const struct model *m, bool exact,
    char why[256]);
void tree_forget(void);			/* what this thread keeps for it */

/* What a run was asked for. */
struct plan {
	const char *host, *export, *folder, *dir;
	int port, mount_port, workers, seconds, patience;
	uint32_t blocks;
	uint64_t seed, until_ns;
	uint32_t spare; /* of so many changes that destroy data do one only; 0: all */
	bool killed, quiet;
};

int load_run(const struct plan *p);
int verify_run(const struct plan *p);
int clean_run(const struct plan *p);		/* remove the run's directory */
bool plan_top(const struct plan *p, struct nfs *n, struct nfs_fh *fh, bool make);
struct nfs_fh must_dir(struct nfs *n, const struct nfs_fh *dir, const char *name, bool make);

#endif
