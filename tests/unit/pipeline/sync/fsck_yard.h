/*
 * A share with all kinds of state, checked while no errand runs; rows are set wrong in it, and
 * back.
 */
#ifndef TESTS_SYNC_FSCK_YARD_H
#define TESTS_SYNC_FSCK_YARD_H

#include "pipeline/record/key.h"
#include "pipeline/sync/fsck.h"
#include "tests/unit/pipeline/sync/yard.h"

enum { FY_DIR = 20, FY_ORPHAN = 30, FY_A = 0x10000, FY_B = 0x20000, FY_D = 0x30000, FY_C = 0x40000,
	FY_A2 = 0x50000, FY_PIECE = 1 << 20, FY_UNDO = 16 };

struct checked {
	char words[512];		/* of what differs, in order, by commas */
	struct fsck_seen seen;
	enum status st;
};

/* root 2: a → 1, b → 3, d → 20; in 20: c → 4, a2 → 1 again; 30 has no name.  Contents 1, 3 and 4
 * share bytes; 3 has a hole.  Open without errands. */
void fy_make(struct yard *y, struct block_store *remote);
void fy_end(struct yard *y);

struct checked fy_check(struct yard *y, bool repair, bool remote);

/* Rows, each by one entry. */
void fy_put(struct yard *y, const struct key *key, const void *body, uint32_t len);
void fy_del(struct yard *y, const struct key *key);
void fy_count(struct yard *y, uint8_t what, const void *id, uint16_t len, int64_t by);
bool fy_get(struct yard *y, const struct key *key, uint8_t *body, uint32_t *len);
void fy_undo(struct yard *y);		/* all since the last of these two, the last first */
void fy_forget(void);

/* An inode's row as change leaves it; one that is not there begins as a file's. */
void fy_inode(struct yard *y, uint64_t ino, void (*change)(struct file *f));
void fy_name(struct yard *y, uint64_t dir, uint64_t at, uint64_t ino, uint8_t type,
    const char *name);
void fy_reap(struct yard *y, uint64_t number, uint64_t from);
void fy_map(struct yard *y, uint64_t content, uint64_t window, uint64_t leaf);
void fy_leaf(struct yard *y, uint64_t leaf, const uint8_t digest[32]);
void fy_container(struct yard *y, uint64_t number, void (*change)(struct container_row *c));

/* The first leaf, chunk and container that there are. */
uint64_t fy_first(struct yard *y, uint8_t tag, uint8_t digest[32]);

#endif
