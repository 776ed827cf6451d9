/*
 * What the files fsck*.c share.
 */
#ifndef SYNC_FSCK_INNER_H
#define SYNC_FSCK_INNER_H

#include "pipeline/sync/facts.h"
#include "pipeline/sync/fsck.h"
#include "pipeline/sync/inner.h"

enum fact_subject { ABOUT_NAME = 1, ABOUT_INODE, ABOUT_CONTENT, ABOUT_LEAF, ABOUT_CHUNK,
	ABOUT_CONTAINER, ABOUT_OBJECT };

struct fsck {
	const struct fsck_conf *conf;
	struct share *share;
	struct sync sync;		/* as far as committing and applying need it */
	struct facts *facts;
	struct fsck_seen *seen;
	uint32_t unapplied;		/* entries since records were last given to the store */
	enum status st;			/* what ended it; scans and repairs set it */
	uint64_t unreadable;
	const char *step;
	uint64_t rows;			/* of this step */
	uint64_t *reached;		/* directories from which the root is reached; a cache */
	struct arena arena;		/* of the comparison at hand */
};

/* --- fsck.c --- */

/* A row of every table is given to each(f, key, v), which says whether it can be read. */
void fsck_scan(struct fsck *f, const char *step, uint8_t tag,
    bool (*each)(struct fsck *f, struct slice key, const struct version *v));

/* Tell of a difference; can: it can be mended.  True: it is to be mended, now. */
bool fsck_differ(struct fsck *f, enum fsck_kind kind, const uint8_t *id, int64_t says,
    int64_t found, bool can);

/* A change set of a repair, and its end; f->st where it does not go on. */
struct txn *fsck_txn(struct fsck *f);
void fsck_commit(struct fsck *f, struct txn *t);

/* A change set of one item. */
void fsck_del(struct fsck *f, const struct key *key);
void fsck_put(struct fsck *f, const struct key *key, struct slice body);
void fsck_count(struct fsck *f, const struct key *key, int64_t by);

/* A row as it is now; false: there is none, or f->st.  Lies in f->arena. */
bool fsck_row(struct fsck *f, const struct key *key, struct version *v);

/* What looking for a row came to: true where it is there; NOENT is no error, what else is ends the
 * run. */
bool fsck_found(struct fsck *f, enum status st);

/* A fact about a number. */
struct fact fsck_about(enum fact_subject subject, uint64_t number);

/* --- fsck_names.c: inodes and names --- */

void fsck_names_gather(struct fsck *f);
void fsck_name_compare(struct fsck *f, const struct fact *x);
void fsck_inode_compare(struct fsck *f, const struct fact *x);
void fsck_usage_compare(struct fsck *f);

/* --- fsck_blocks.c: contents, leaves, chunks --- */

void fsck_blocks_gather(struct fsck *f);
void fsck_content_compare(struct fsck *f, const struct fact *x);
void fsck_leaf_compare(struct fsck *f, const struct fact *x);
void fsck_chunk_compare(struct fsck *f, const struct fact *x);

enum { CONTENT_REAPED = 1, CONTENT_UNWRITTEN = 2 };	/* bits; sums: inodes, windows */

/* --- fsck_tier.c: containers, files, objects; after chunks are right --- */

void fsck_tier_gather(struct fsck *f);
void fsck_container_compare(struct fsck *f, const struct fact *x);
void fsck_object_compare(struct fsck *f, const struct fact *x);

#endif
