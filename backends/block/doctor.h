/*
 * What a store can do, tried on a few objects of our own below doctor/: for whoever sets one up.
 */
#ifndef BACKENDS_BLOCK_DOCTOR_H
#define BACKENDS_BLOCK_DOCTOR_H

#include "pipeline/contract/block_store.h"

/* Its own, and one more that whoever asks it may add. */
enum { BLOCK_DOCTOR_CHECKS = 9, BLOCK_CHECKS_MAX };

enum block_finding { BLOCK_GOOD, BLOCK_MISSING, BLOCK_BAD };	/* MISSING: can be done without */

struct block_check {
	const char *what;		/* for people */
	enum block_finding finding;
	uint64_t took_ns;
	char text[160];			/* of what is not good; never a secret */
};

/* Runs until all is tried, or until the first that nothing goes on without; how many were.  A call
 * takes at most twenty seconds.  Not on a thread of the store's. */
unsigned block_doctor(struct block_store *s, struct block_check check[BLOCK_DOCTOR_CHECKS]);

/* One HEAD of what is not there: OK where the store answers at all; text: why not. */
must_check enum status block_health(struct block_store *s, uint64_t wait_ns, char text[160]);

#endif
