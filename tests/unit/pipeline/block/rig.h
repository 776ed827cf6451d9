/*
 * A share with nothing but its store and its journal, for tests of the journal.
 */
#ifndef TESTS_BLOCK_RIG_H
#define TESTS_BLOCK_RIG_H

#include "pipeline/block/journal.h"

struct rig {
	struct share *share;
	char dir[512];
	char kind[16];
	char why[256];
	void (*durable)(lsn_t lsn);	/* a checkpoint's entries are; before the store has them */
};

/* Once a program, or once a forked child. */
void rig_start(void);
void rig_stop(void);

/* A folder of its own below the tests' one. */
void rig_place(struct rig *r, const char *name, const char *kind);

/* Open the store and the journal; the share's ids are all of that byte. */
extern uint8_t rig_ids;
enum status rig_open(struct rig *r, bool fresh, void (*remember)(uint64_t, const struct note *));
void rig_close(struct rig *r);			/* clean */
enum status rig_abandon(struct rig *r);		/* as after a failure: what close says */

/* Freeze, apply and sync all durable records; checkpoint; recycle. */
enum status rig_checkpoint(struct rig *r);

/* The bytes [at, at+len) of a content: from the journal, else from below(). */
enum status rig_read(struct rig *r, uint64_t content, uint64_t at, uint32_t len, uint8_t *to,
    void (*below)(void *arg, uint64_t at, uint32_t len, uint8_t *to), void *arg);

/* One entry: a row, and len bytes for content at offset if len > 0. */
enum status rig_put(struct rig *r, uint64_t ino, const void *body, uint32_t body_len,
    const void *data, uint32_t len, uint64_t offset, lsn_t *lsnp);

/* A row's body; its length, or -1. */
int rig_get(struct rig *r, uint64_t ino, void *to, uint32_t cap);

#endif
