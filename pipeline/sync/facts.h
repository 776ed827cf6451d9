/*
 * A bounded memory for what scans find: facts about the same thing, come from wherever, are one
 * when they are read back, in order.  What does not fit into memory is sorted into a temporary file
 * without a name.
 */
#ifndef SYNC_FACTS_H
#define SYNC_FACTS_H

#include "pipeline/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FACT_ID = 32, FACT_SUMS = 7 };

struct fact {				/* no gaps: things are compared as bytes */
	uint8_t subject;		/* read back in its order, then in that of id */
	uint8_t id[FACT_ID];
	uint8_t zero[3];
	uint32_t is;			/* bits: all of them together */
	int64_t n[FACT_SUMS];		/* sums */
	uint64_t whom;			/* one of those that said so: the greatest */
};
_Static_assert(sizeof(struct fact) == 104, "a fact has no gaps");

struct facts;

/* dir: where its temporary file may lie.  bytes: of memory. */
struct facts *facts_new(const char *dir, size_t bytes);
void facts_free(struct facts **fp);

/* A failure is kept for facts_begin. */
void facts_add(struct facts *f, const struct fact *one);

/* All have been added.  NOSPC, IO: the temporary file. */
must_check enum status facts_begin(struct facts *f);

/* The next one; *over: there was none left, and out is not set. */
must_check enum status facts_next(struct facts *f, struct fact *out, bool *over);

#endif
