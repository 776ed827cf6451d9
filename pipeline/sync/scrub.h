/*
 * Scrub: all that is kept is read and verified while nobody asks for it: containers here, asked
 * also those that the remote has, and the rows of the metadata store.  What is damaged and has a
 * second copy is healed, the rest is said.
 *
 * An errand of its own reads and decides; what changes a row or a file is asked of the data errand,
 * who owns them.  It never waits for the remote: a call's end posts it again.
 */
#ifndef SYNC_SCRUB_H
#define SYNC_SCRUB_H

#include "pipeline/sync/inner.h"

struct scrub;

struct scrub *scrub_new(struct sync *y);
void scrub_free(struct scrub **sp);	/* the errands are over; a call that runs is waited for */

/* Is a run due?  The timer asks. */
bool scrub_due(struct scrub *s, uint64_t now);

/* The errand: the next slice. */
enum status scrub_run(struct scrub *s, struct work *by);

/* The data errand's: put in place what the other has made good. */
enum status scrub_settle(struct scrub *s, struct work *by);

void scrub_ask(struct scrub *s, bool begin, bool remote);
void scrub_look(struct scrub *s, struct sync_scrub *out);

#endif
