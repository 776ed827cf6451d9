/*
 * Inside of cold: what is on its way from the remote, and the hands that take it in.  For cold.c,
 * flight.c, ahead.c and hands.c alone.
 *
 *	ticket ── plan ──> flight ── take off ──> remote ── done ──> hands ── land ──> tickets over,
 *	                     ^  held while the air is full                             jobs awake
 *	stream ── ahead ─────┘
 */
#ifndef BLOCK_FLIGHT_H
#define BLOCK_FLIGHT_H

#include "pipeline/base/list.h"
#include "pipeline/base/mutex.h"
#include "pipeline/block/cold.h"
#include "pipeline/block/vessel.h"

enum { FLIGHT_BYTES = 2 << 20, FLIGHT_BUCKETS = 64, STREAMS = 64, STREAM_WAYS = 4 };

struct task {				/* for the hands; queued once at a time */
	struct list link;
	void (*run)(struct task *t);
};

struct flight {
	struct task task;		/* its landing */
	struct list link;		/* of its bucket: found by who wants the same */
	struct list held;		/* until there is room in the air */
	struct list tickets;
	struct cold *cold;
	struct vessel *vessel;		/* whose units; NULL: header and index are brought */
	struct container_row row;
	uint64_t number;
	uint32_t first, n;		/* units */
	uint64_t at, len;		/* bytes of the object; index: of its end */
	uint8_t *bytes;
	uint8_t head[MIRROR_HEAD];	/* index: its beginning */
	bool ahead;			/* nobody waited when it began */
	uint8_t *page;	/* ahead: of each unit, which of its chunk it is, or NO_PAGE */
	uint64_t request;		/* of the first that waited */
	uint64_t air;			/* bytes it takes of the air */
	struct block_call call[2];	/* index: end and beginning */
	uint32_t ncalls, away;		/* away: cold's mutex */
	bool flew;			/* the remote was asked */
};

struct stream {				/* of READs that go on where one ended */
	struct task task;		/* looking ahead */
	struct cold *cold;
	uint64_t content;		/* 0: none */
	uint64_t at;			/* the next byte */
	uint64_t ahead_to;		/* looked ahead up to there */
	uint64_t window;		/* how far to look; 0: not known to go on */
	uint64_t used;			/* when: a count */
	struct { uint64_t from, to; } early[8];	/* came before their turn */
	bool busy, again, blocked;	/* blocked: an index is on its way */
};

struct cold {
	struct share *share;
	struct mutex mutex;		/* rank PAGE */
	struct cond landed;
	struct list bucket[FLIGHT_BUCKETS];	/* flights, by container */
	struct list hauls;		/* of whole containers */
	uint32_t flights, busy, parked;	/* busy: streams at the hands */
	bool closing;

	uint64_t pause_until_ns;	/* while the remote is away */
	unsigned failures;
	bool probing;

	_Atomic uint32_t following;	/* streams that are known */
	uint64_t clock;			/* of stream.used */
	struct stream stream[STREAMS];
};

/* --- hands.c --- */

void hands_give(struct task *t);	/* queued at most once: the caller sees to it */

uint64_t hands_wait_ns(void);		/* how long a job parks */

/* So many bytes of the air; false: full.  A demand may overdraw where nothing is in the air. */
bool air_take(uint64_t bytes, bool ahead);
void air_give(uint64_t bytes);		/* flights that were held take off */
void air_hold(struct flight *f);	/* until then */
bool air_unhold(struct flight *f);	/* false: it has taken off */

/* --- flight.c --- */

/* Bring a unit for a ticket, with n in all behind it that the same request wants. */
void flight_plan(struct cold *c, struct cold_ticket *t, uint32_t n);

enum { AHEAD_UNITS = 64, NO_PAGE = 0xff };

struct ahead_units {			/* of one container, in a row, as their chunks' rows say */
	uint64_t number;
	uint32_t first, n;
	struct { uint8_t digest[32], unit; } v[AHEAD_UNITS];
};

/* Bring those that are not here, for nobody yet; they become pages as well.  RESTART: the index is
 * on its way, ask again.  RESOURCE: the air is full.  DELAY: the remote is away. */
must_check enum status flight_ahead(struct cold *c, const struct ahead_units *u);

void flight_go(struct flight *f);	/* the air has room: call the remote */

/* --- flight.c, for landing.c --- */

/* Nobody finds it any more; those who waited on it are the caller's. */
void flight_leave_locked(struct flight *f, struct list *tickets);
void flight_call_locked(struct flight *f, uint32_t i, uint64_t at, uint64_t len, uint8_t *to);
void flight_start(struct flight *f, uint32_t n);	/* so many of its calls, which were set */
void flight_free(struct flight *f);
void flight_gone(struct cold *c);	/* after that: the share may go */

/* --- landing.c --- */

void flight_land(struct task *t);

/* --- cold.c --- */

must_check enum status cold_row(struct cold *c, uint64_t number, struct container_row *row);

/* A ticket is over; returns the job to be woken, outside the mutex. */
struct job *cold_over_locked(struct cold *c, struct cold_ticket *t, enum status st,
    struct buf *bytes);
void cold_over(struct cold *c, struct cold_ticket *t, enum status st, struct buf *bytes);

/* May the remote be asked now?  The caller tells how it went. */
bool cold_admitted(struct cold *c);
void cold_went(struct cold *c, const struct block_call *call, bool counts);

/* --- ahead.c --- */

void ahead_init(struct cold *c);
void ahead_unblock(struct cold *c);	/* an index has come */

#endif
