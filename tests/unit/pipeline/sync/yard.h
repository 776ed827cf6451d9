/*
 * A share with journal, store, containers and its errands, driven without vfs: contents are
 * written by change sets and compared with an oracle in memory.
 */
#ifndef TESTS_SYNC_YARD_H
#define TESTS_SYNC_YARD_H

#include "pipeline/block/block.h"
#include "pipeline/stage/worker.h"
#include "pipeline/sync/sync.h"

enum { YARD_SPAN = 20 << 20, YARD_CONTENTS = 4 };

struct yard {
	struct share *share;
	char dir[512];
	const char *kind;
	struct block_store *remote;	/* from the next opening on; the case's */
	uint64_t local_bytes;		/* the same: what it may keep of what is there */
	bool remote_volatile;		/* the same */
	bool alone;			/* the same: no errand runs */
	uint8_t encryption, compression;	/* from the next opening on */
	const char
	    *wrapped;	/* the same: the first share key as its keeper wrapped it; NULL: none */
	uint8_t *oracle[YARD_CONTENTS];	/* of content 1, 2, …: bytes and their number */
	uint64_t size[YARD_CONTENTS];
};

struct tally {				/* rows in the share, as a recount finds them */
	uint64_t maps, leaves, chunks, containers, counts, reaps, files;
	uint64_t wrong;	/* counts that are not what is cited; rows that lead nowhere */
};

void yard_start(void);			/* the machine, once a program */
void yard_make(struct yard *y, const char *kind);	/* a fresh share in a folder of its own */
void yard_make_as(struct yard *y, const char *kind, uint8_t aead, uint8_t level);
void yard_open(struct yard *y, bool fresh);
enum status yard_try_open(struct yard *y, bool fresh, char *why, size_t why_cap);
void yard_close(struct yard *y);
void yard_end(struct yard *y);		/* closed already; the oracle goes */

/* Each changes share and oracle by one entry. */
void yard_write(struct yard *y, uint64_t content, uint64_t offset, const void *bytes, uint32_t len);
void yard_truncate(struct yard *y, uint64_t content, uint64_t size);
void yard_hole(struct yard *y, uint64_t content, uint64_t from, uint64_t to);
void yard_remove(struct yard *y, uint64_t content);

/* Would a writer of so many bytes be let in?  Nothing is written.  slow_ns, unless NULL: for how
 * long he would be held up first. */
enum status yard_room(struct yard *y, uint32_t len, uint64_t *slow_ns);

/* Read as a READ would: look-up, pages, fetch. */
enum status yard_read(struct yard *y, uint64_t content, uint64_t offset, uint32_t len, uint8_t *to);

/* The same as a job: it waits where jobs wait, and holds no thread meanwhile. */
struct yard_job {
	struct yard *yard;
	uint64_t content, offset;
	uint32_t len;
	uint8_t *to;
	uint64_t named;			/* what the request is called; 0: nothing */
	enum status status;
	_Atomic bool over;
	struct call call;		/* yard's */
};
void yard_begin(struct yard_job *j);
void yard_wait(struct yard_job *j);		/* until it is over */

/* All of a content against the oracle. */
void yard_compare(struct yard *y, uint64_t content);

void yard_drain(struct yard *y);
struct tally yard_recount(struct yard *y);

#endif
