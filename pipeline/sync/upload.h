/*
 * Containers on their way to the remote store, and dead ones on their way out of it.  What is
 * durable here is PUT, several at once; what has arrived is noted by the data errand, which alone
 * changes container rows.  Nobody waits for it: while the remote is away, containers stay.
 */
#ifndef SYNC_UPLOAD_H
#define SYNC_UPLOAD_H

#include "pipeline/sync/inner.h"

struct upload;

struct upload *upload_new(struct sync *y);	/* of a share that has a remote */

/* What runs is canceled and waited for; the errands are over. */
void upload_free(struct upload **up);

/* The errand: learn of new containers, begin what may begin.  Never waits for the remote. */
must_check enum status upload_run(struct upload *u);

/* The data errand's: rows of what has arrived.  *more: some are left. */
must_check enum status upload_settle(struct upload *u, struct work *by, bool *more);

/* Under which fence a container lies there: its file's, its row's, or ours. */
uint64_t upload_fence(struct upload *u, uint64_t number);

/* Its file is going: if it has not been brought over, it need not be. */
void upload_forget(struct upload *u, uint64_t number);

/* The data errand's: a container that is about to get its row, counted as unsent from now on; and
 * one that did not get it. */
void upload_made(struct upload *u, uint64_t number, uint64_t bytes);
void upload_unmade(struct upload *u, uint64_t number);

/* A container that is dying: true once the remote has it no more; asks for that. */
bool upload_gone(struct upload *u, uint64_t number, uint64_t fence);

/* Have all containers arrived that rows named as of lsn, and whose number is below that? */
bool upload_arrived(struct upload *u, lsn_t lsn, uint64_t below);

/* The data errand's: a container whose row has just said that its object is not to be believed; it
 * is put over. */
void upload_again(struct upload *u, uint64_t number, uint64_t bytes);

/* Is that one damaged there, and may not be replaced?  The data errand's: has there been any since
 * it asked last? */
bool upload_refused(struct upload *u, uint64_t number);
bool upload_refused_new(struct upload *u);

/* The remote keeps a dead one's object, for a time that it alone knows; it is asked again. */
bool upload_kept_there(struct upload *u, uint64_t number);

/* An operator waits: the pause after a failure is a short one.  Any thread. */
void upload_push(struct upload *u);

/* Nothing left to bring over, as far as rows that are durable tell. */
bool upload_idle(struct upload *u);

void upload_look(struct upload *u, struct sync_remote *out);

#endif
