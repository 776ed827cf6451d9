/*
 * What became of an attempt, and whether and when to try again.  All that we ask of a store can
 * be asked twice (a PUT writes the same bytes under the same name), so the question is only
 * whether asking again may help.
 */
#ifndef BACKENDS_S3_RETRY_H
#define BACKENDS_S3_RETRY_H

#include "pipeline/base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* How an attempt ended before there was a whole answer. */
enum s3_failure {
	S3_ANSWERED,			/* it did not: http and code say more */
	S3_NO_CONNECTION,		/* nothing was sent */
	S3_BROKEN,			/* the connection ended in between: it may have been done */
	S3_STALLED,			/* too slow for too long; likewise */
	S3_LATE,			/* the request's deadline */
	S3_UNTRUSTED,			/* the peer's certificate */
	S3_SINK_FULL,			/* our side refused what came */
	S3_CANCELED,
};

enum s3_again {
	S3_NEVER,
	S3_AGAIN,			/* after a delay */
	S3_AGAIN_CLOCK,			/* once, after setting our clock by the store's */
};

struct s3_verdict {
	enum status status;		/* if this was the last attempt */
	enum s3_again again;
	bool ambiguous;			/* the store may have done it */
};

/* code is the store's own word for the error; "" where it said none. */
struct s3_verdict s3_retry_verdict(enum s3_failure failure, long http, const char *code);

/*
 * How long to wait before attempt number n + 1, n ≥ 1: a random time between half and all of
 * 100 ms · 2^(n−1), at most 20 s; at least what the store asked for, of which a minute counts.
 */
uint64_t s3_retry_delay_ns(unsigned n, uint64_t asked_s);

#endif
