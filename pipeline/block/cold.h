/*
 * Units that are not here, or damaged here, read from the remote store: verified, kept in the
 * mirror.  Who wants some asks for all of them at once and is told when the last has come; what is
 * on its way already is not fetched twice.
 */
#ifndef BLOCK_COLD_H
#define BLOCK_COLD_H

#include "pipeline/block/fetch.h"
#include "pipeline/share/share.h"
#include "pipeline/stage/job.h"

struct cold;
struct flight;
struct cold_wait;

struct cold_ticket {			/* one unit that somebody waits for */
	struct list link;		/* the flight's that brings it; cold's mutex */
	struct cold_wait *wait;
	struct block_unit unit;		/* its digest: the asker's */
	enum status here;		/* how it was found in the mirror */
	enum status status;		/* once it is over: see cold_ask */
	struct buf *bytes;		/* OK: unit.len of them, plain; counted */
	uint32_t tries;			/* cold's */
	uint32_t came, came_before; /* the same: checksums of what was damaged; 0: nothing came */
	bool over;
};

struct cold_wait {
	uint32_t n, open;		/* tickets; those not over: cold's mutex */
	struct job *job;		/* woken by the last; cold's mutex */
	uint64_t request;		/* on whose behalf; 0: nobody's in particular */
	bool late;			/* its time has passed: nothing more is begun for it */
	struct cold_ticket *v;
};

/* The hands: threads that verify and keep what has come, and look ahead.  air_bytes: so much is on
 * its way at once, of all shares.  wait_ms: a job parks at most so long. */
void cold_start(uint64_t air_bytes, uint32_t wait_ms);
void cold_stop(void);			/* no share is open */

struct cold *cold_new(struct share *s);	/* of a share that has a remote */
void cold_free(struct cold **cp);	/* nobody reads any more; what is on its way is canceled */

/* Nothing more is asked of the remote, as if it were away, and what is on its way is canceled; or
 * it goes on.  NULL: nothing. */
void cold_halt(struct cold *c, bool halted);

/*
 * Ask for the units of w: n of them in v, with unit and here set, the rest zero.  May wait for the
 * local disk, not for the remote: in a pool.  Both stay where they are until nothing is open.
 *
 * A ticket's end is OK: bytes are what they should be, whatever the mirror drops by now.  NOENT: no
 * row says that the remote has it.  DELAY: the remote is away, come again.  CORRUPT: what the
 * remote has is not what it was.
 */
void cold_ask(struct cold *c, struct cold_wait *w);

/* Park job, whose io.want.cold has tickets, until none is open or its time has passed (then those
 * are over with DELAY); false: nothing is open any more. */
bool cold_park(struct cold *c, struct job *job);

/* Wait for the same; not on a home worker. */
void cold_await(struct cold *c, struct cold_wait *w);

/* Let go of what came; nothing is open. */
void cold_wait_clear(struct cold_wait *w);

/* A READ of content has been looked up: who reads on is read ahead for.  Cheap where nothing of the
 * share was cold lately.  Any thread. */
void cold_note(struct cold *c, uint64_t content, uint64_t offset, uint32_t len);

/* The same READ found something cold. */
void cold_missed(struct cold *c, uint64_t content, uint64_t offset, uint32_t len);

/* A whole container as the remote has it, not verified, to *bytes: the caller's to free.  Waits: in
 * a pool.  NOENT, DELAY as a ticket's end; CORRUPT: the remote has not all of it. */
must_check enum status cold_container(struct cold *c, uint64_t number, uint8_t **bytes,
    uint64_t *len);

#endif
