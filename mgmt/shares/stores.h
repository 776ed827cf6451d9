/*
 * Remote block stores that are open, by name: shares on one store have one of them, with its
 * connections, together.
 */
#ifndef MGMT_STORES_H
#define MGMT_STORES_H

#include "backends/backends.h"
#include "backends/block/doctor.h"
#include "mgmt/shares/spec.h"

/* Open it, or take another reference to the one that is open; why: a sentence without secrets. */
must_check enum status stores_take(const struct store_spec *spec, struct block_store **sp,
    char *why, size_t why_cap);
void stores_drop(struct block_store **sp);	/* NULL is fine; the last closes it, and waits */

struct stores_seen {			/* one that is open */
	char name[65];			/* file/NAME: of the file of settings */
	const char *kind;
	unsigned shares;
	const struct block_gauge *gauge;	/* only while it is seen */
};
void stores_each(void (*see)(const struct stores_seen *s, void *arg), void *arg);

/* Try it: one look (whole false), or all that the doctor knows; how many checks were made.
 * INVAL and others: it does not open, why says so. */
must_check enum status stores_try(const struct store_spec *spec, bool whole,
    struct block_check check[BLOCK_CHECKS_MAX], unsigned *np, char *why, size_t why_cap);

#endif
