/*
 * The table of outcomes, read from above; and backoff with jitter, so that many requests that
 * failed together do not come back together.
 */
#include "backends/block/s3/retry.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/rand.h"

#include <string.h>

enum { FIRST_MS = 100, MOST_MS = 20000, ASKED_MOST_S = 60, DOUBLINGS_MAX = 8 };

_Static_assert((FIRST_MS << DOUBLINGS_MAX) >= MOST_MS, "the doublings reach the limit");

struct outcome {
	long http;
	const char *code;
	enum status status;
	enum s3_again again;
};

static const struct outcome outcomes[] = {
#define OUTCOME(http, code, status, again) { http, code, status, again },
#include "backends/block/s3/outcome.def"
#undef OUTCOME
};

static const struct s3_verdict failures[] = {
	[S3_ANSWERED] = { OK, S3_NEVER, false },
	[S3_NO_CONNECTION] = { ST_UNREACHABLE, S3_AGAIN, false },
	[S3_BROKEN] = { ST_UNREACHABLE, S3_AGAIN, true },
	[S3_STALLED] = { ST_TIMEDOUT, S3_AGAIN, true },
	[S3_LATE] = { ST_TIMEDOUT, S3_NEVER, true },
	[S3_UNTRUSTED] = { ST_ACCES, S3_NEVER, false },
	[S3_SINK_FULL] = { ST_TOOSMALL, S3_NEVER, false },
	[S3_CANCELED] = { ST_CANCELED, S3_NEVER, true },
};

/* An answer in no row, by its class. */
static struct s3_verdict
by_class(long http)
{
	if (http >= 200 && http < 300)
		return (struct s3_verdict){ OK, S3_NEVER, false };
	if (http >= 500)
		return (struct s3_verdict){ ST_IO, S3_AGAIN, true };
	return (struct s3_verdict){ ST_INVAL, S3_NEVER, false };
}

struct s3_verdict
s3_retry_verdict(enum s3_failure failure, long http, const char *code)
{
	if (failure != S3_ANSWERED)
		return failures[failure];
	if (http >= 200 && http < 300)
		return by_class(http);
	for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
		const struct outcome *o = &outcomes[i];

		if ((o->http == 0 || o->http == http) &&
		    (o->code[0] == '\0' || strcmp(o->code, code) == 0))
			return (struct s3_verdict){ o->status, o->again, http >= 500 };
	}
	return by_class(http);
}

uint64_t
s3_retry_delay_ns(unsigned n, uint64_t asked_s)
{
	unsigned doublings = n < 1 ? 0 : MIN(n - 1, (unsigned)DOUBLINGS_MAX);
	uint64_t whole = MIN((uint64_t)FIRST_MS << doublings, (uint64_t)MOST_MS) * NS_PER_MS;
	uint64_t delay = whole / 2 + rand_u64() % (whole / 2 + 1);

	return MAX(delay, MIN(asked_s, (uint64_t)ASKED_MOST_S) * NS_PER_S);
}
