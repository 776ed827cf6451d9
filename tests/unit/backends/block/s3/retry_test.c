#include "backends/block/s3/retry.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/rand.h"
#include "tests/lib/check.h"

static void
answer(long http, const char *code, enum status status, enum s3_again again)
{
	struct s3_verdict v = s3_retry_verdict(S3_ANSWERED, http, code);

	EQ(v.status, status);
	EQ(v.again, again);
}

CASE(answers_mean_what_the_table_says)
{
	answer(200, "", OK, S3_NEVER);
	answer(204, "", OK, S3_NEVER);
	answer(206, "", OK, S3_NEVER);
	answer(301, "PermanentRedirect", ST_INVAL, S3_NEVER);
	answer(400, "InvalidRequest", ST_INVAL, S3_NEVER);
	answer(400, "RequestTimeout", ST_TIMEDOUT, S3_AGAIN);
	answer(400, "BadDigest", ST_IO, S3_AGAIN);
	answer(400, "ExpiredToken", ST_ACCES, S3_NEVER);
	answer(403, "AccessDenied", ST_ACCES, S3_NEVER);
	answer(403, "", ST_ACCES, S3_NEVER);
	answer(403, "RequestTimeTooSkewed", ST_ACCES, S3_AGAIN_CLOCK);
	answer(403, "QuotaExceeded", ST_DQUOT, S3_NEVER);
	answer(404, "", ST_NOENT, S3_NEVER);
	answer(404, "NoSuchKey", ST_NOENT, S3_NEVER);
	answer(404, "NoSuchBucket", ST_NODEV, S3_NEVER);
	answer(409, "ConditionalRequestConflict", ST_BUSY, S3_AGAIN);
	answer(412, "PreconditionFailed", ST_EXIST, S3_NEVER);
	answer(412, "", ST_EXIST, S3_NEVER);
	answer(416, "InvalidRange", ST_NXIO, S3_NEVER);
	answer(418, "", ST_INVAL, S3_NEVER);
	answer(429, "", ST_DELAY, S3_AGAIN);
	answer(500, "InternalError", ST_IO, S3_AGAIN);
	answer(503, "SlowDown", ST_DELAY, S3_AGAIN);
	answer(503, "", ST_UNREACHABLE, S3_AGAIN);
	answer(507, "", ST_NOSPC, S3_NEVER);
	answer(599, "", ST_IO, S3_AGAIN);
}

CASE(a_success_is_one_whatever_word_comes_with_it)
{
	answer(200, "SlowDown", OK, S3_NEVER);
}

CASE(ends_without_an_answer_say_whether_it_may_have_been_done)
{
	EQ(s3_retry_verdict(S3_NO_CONNECTION, 0, "").again, S3_AGAIN);
	FALSE(s3_retry_verdict(S3_NO_CONNECTION, 0, "").ambiguous);
	EQ(s3_retry_verdict(S3_BROKEN, 0, "").status, ST_UNREACHABLE);
	TRUE(s3_retry_verdict(S3_BROKEN, 0, "").ambiguous);
	EQ(s3_retry_verdict(S3_STALLED, 200, "").status, ST_TIMEDOUT);
	EQ(s3_retry_verdict(S3_STALLED, 200, "").again, S3_AGAIN);
	EQ(s3_retry_verdict(S3_LATE, 0, "").again, S3_NEVER);
	EQ(s3_retry_verdict(S3_UNTRUSTED, 0, "").again, S3_NEVER);
	EQ(s3_retry_verdict(S3_CANCELED, 0, "").status, ST_CANCELED);
	EQ(s3_retry_verdict(S3_SINK_FULL, 200, "").status, ST_TOOSMALL);
	TRUE(s3_retry_verdict(S3_ANSWERED, 503, "SlowDown").ambiguous);
	FALSE(s3_retry_verdict(S3_ANSWERED, 412, "").ambiguous);
}

CASE(delays_double_up_to_a_limit_and_vary)
{
	uint64_t before = 0;
	bool vary = false;

	rand_seed(5);
	for (unsigned n = 0; n < 40; n++) {
		uint64_t whole = n < 1 ? 100 : n > 8 ? 20000 : 100ull << (n - 1);

		if (whole > 20000)
			whole = 20000;
		for (int i = 0; i < 50; i++) {
			uint64_t delay = s3_retry_delay_ns(n, 0);

			TRUE(delay >= whole * NS_PER_MS / 2 && delay <= whole * NS_PER_MS);
			vary |= delay != before;
			before = delay;
		}
	}
	TRUE(vary);
}

CASE(what_the_store_asked_for_counts_up_to_a_minute)
{
	rand_seed(6);
	EQ(s3_retry_delay_ns(1, 7), 7 * NS_PER_S);
	EQ(s3_retry_delay_ns(1, 4000000000u), 60 * NS_PER_S);
}
