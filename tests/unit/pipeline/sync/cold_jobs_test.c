/* Jobs that want what only the remote has: they wait without a thread, many for one fetch. */
#include "tests/unit/pipeline/sync/cold_yard.h"

#include "crypto/aead.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/meter.h"
#include "pipeline/base/rand.h"
#include "tests/lib/check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MANY = 40, READ = 4096, STORM_JOBS = 16, STORM_READ = 100000, STORM_ROUNDS = 20 };

static struct yard_job job[MANY];

static void
begin(struct yard *y, int i, uint64_t offset, uint32_t len)
{
	uint8_t *to = job[i].to;

	job[i] = (struct yard_job){ .yard = y, .content = 1, .offset = offset, .len = len,
		.to = xrealloc(to, len) };
	yard_begin(&job[i]);
}

static void
is_right(const struct yard *y, int i)
{
	EQ(job[i].status, OK);
	EQ_MEM(job[i].to, y->oracle[0] + job[i].offset, job[i].len);
}

static void
free_jobs(void)
{
	for (int i = 0; i < MANY; i++)
		free(TAKE(&job[i].to));
}

static void
parked(int64_t before, int64_t n)
{
	for (int i = 0; i < PATIENCE && meter_value(METER_COLD_PARKED) - before < n; i++)
		usleep(1000);
	EQ(meter_value(METER_COLD_PARKED) - before, n);
}

CASE(cold_reads_wait_without_a_thread_and_local_ones_pass_them)
{
	int64_t before = meter_value(METER_COLD_PARKED);
	uint8_t *bytes = xmalloc(PIECE);
	struct yard_job local;
	struct yard y;

	cold_make(&y, &(struct block_flaky_conf){ .seed = 3 });
	memset(bytes, 'l', PIECE);
	for (int i = 0; i < PIECE; i += 8)
		memcpy(bytes + i, &i, sizeof i);
	yard_write(&y, 2, 0, bytes, PIECE);
	block_flaky_hang(y.remote, true);
	for (int i = 0; i < MANY; i++)	/* many more than the pool has threads */
		begin(&y, i, (uint64_t)i * 400000, READ);
	parked(before, MANY);
	local =
	    (struct yard_job){ .yard = &y, .content = 2, .offset = 0, .len = PIECE, .to = bytes };
	memset(bytes, 0, PIECE);
	yard_begin(&local);
	yard_wait(&local);
	EQ(local.status, OK);
	EQ_MEM(bytes, y.oracle[1], PIECE);
	for (int i = 0; i < MANY; i++)
		TRUE(!atomic_load(&job[i].over));
	block_flaky_hang(y.remote, false);
	for (int i = 0; i < MANY; i++) {
		yard_wait(&job[i]);
		is_right(&y, i);
	}
	free(bytes);
	free_jobs();
	remote_end(&y);
}

/* Both kinds of reading from there: jobs that park, and a container that is brought. */
CASE(who_waits_for_a_remote_that_hangs_is_let_go_when_the_share_is_to_close)
{
	int64_t before = meter_value(METER_COLD_PARKED);
	struct sync_warm w;
	struct yard y;
	uint64_t begun;

	cold_make(&y, &(struct block_flaky_conf){ .seed = 3 });
	block_flaky_hang(y.remote, true);
	for (int i = 0; i < MANY; i++)
		begin(&y, i, (uint64_t)i * 400000, READ);
	parked(before, MANY);
	EQ(sync_warm_start(y.share, ""), OK);
	usleep(200000);			/* it is at its first */
	begun = clock_mono_ns();
	block_remote_halt(y.share, true);
	for (int i = 0; i < MANY; i++) {
		yard_wait(&job[i]);
		EQ(job[i].status, ST_DELAY);
	}
	sync_warm_look(y.share, &w);
	EQ(w.state, WARM_RUNS);
	yard_close(&y);
	TRUE(clock_mono_ns() - begun < 5 * NS_PER_S);	/* calls take ten seconds, and sixty */
	block_flaky_hang(y.remote, false);
	yard_open(&y, false);
	yard_compare(&y, 1);
	free_jobs();
	remote_end(&y);
}

/* Where it does not close after all, what was canceled is read when it is asked for again. */
CASE(a_share_that_stays_open_reads_from_the_remote_again)
{
	struct yard y;

	cold_make(&y, &(struct block_flaky_conf){ .seed = 3 });
	block_remote_halt(y.share, true);
	begin(&y, 0, 5 << 20, READ);
	yard_wait(&job[0]);
	EQ(job[0].status, ST_DELAY);
	block_remote_halt(y.share, false);
	begin(&y, 0, 5 << 20, READ);
	yard_wait(&job[0]);
	is_right(&y, 0);
	free_jobs();
	remote_end(&y);
}

CASE(many_wait_for_one_fetch)
{
	int64_t before = meter_value(METER_COLD_PARKED);
	struct block_flaky_seen first, second;
	struct yard y;

	cold_make(&y, &(struct block_flaky_conf){ .seed = 3 });
	block_flaky_look(y.remote, &first);
	block_flaky_hang(y.remote, true);
	for (int i = 0; i < MANY; i++)
		begin(&y, i, 9 << 20, READ);
	parked(before, MANY);
	block_flaky_hang(y.remote, false);
	for (int i = 0; i < MANY; i++) {
		yard_wait(&job[i]);
		is_right(&y, i);
	}
	block_flaky_look(y.remote, &second);
	EQ(second.calls - first.calls, 1);	/* the index has stayed when the rest was dropped */
	free_jobs();
	remote_end(&y);
}

CASE(the_remote_hears_for_which_request_it_is_asked)
{
	struct block_flaky_seen seen;
	struct yard y;

	cold_make(&y, &(struct block_flaky_conf){ .seed = 3 });
	job[0] = (struct yard_job){ .yard = &y, .content = 1, .offset = 9 << 20, .len = READ,
		.named = 0x7000000000000001, .to = xrealloc(job[0].to, READ) };
	yard_begin(&job[0]);
	yard_wait(&job[0]);
	is_right(&y, 0);
	block_flaky_look(y.remote, &seen);
	EQ(seen.request, 0x7000000000000001);
	free_jobs();
	remote_end(&y);
}

CASE(who_has_waited_long_enough_is_told_to_come_again_and_finds_it_then)
{
	struct block_flaky_seen first, second;
	struct yard y;

	cold_make(&y, &(struct block_flaky_conf){ .seed = 3 });
	block_flaky_look(y.remote, &first);
	block_flaky_hang(y.remote, true);
	for (int i = 0; i < 4; i++)
		begin(&y, i, 3 << 20, READ);
	for (int i = 0; i < 4; i++) {
		yard_wait(&job[i]);
		EQ(job[i].status, ST_DELAY);
	}
	block_flaky_hang(y.remote, false);
	begin(&y, 0, 3 << 20, READ);
	yard_wait(&job[0]);
	is_right(&y, 0);
	block_flaky_look(y.remote, &second);
	EQ(second.calls - first.calls, 1);	/* the fetch went on meanwhile */
	free_jobs();
	remote_end(&y);
}

CASE(while_the_remote_is_away_a_job_hears_so_at_once)
{
	struct yard y;
	uint64_t from;

	cold_make(&y, &(struct block_flaky_conf){ .seed = 3 });
	block_flaky_down(y.remote, true);
	begin(&y, 0, 5 << 20, READ);
	yard_wait(&job[0]);
	EQ(job[0].status, ST_DELAY);
	from = clock_mono_ns();
	for (int i = 0; i < MANY; i++)
		begin(&y, i, (uint64_t)i * 400000, READ);
	for (int i = 0; i < MANY; i++) {
		yard_wait(&job[i]);
		EQ(job[i].status, ST_DELAY);
	}
	TRUE(clock_mono_ns() - from < 3 * NS_PER_S);	/* none has waited for its time to pass */
	block_flaky_down(y.remote, false);
	for (int i = 0; i < PATIENCE; i++) {
		begin(&y, 0, 5 << 20, READ);
		yard_wait(&job[0]);
		if (job[0].status == OK)
			break;
		usleep(20000);
	}
	is_right(&y, 0);
	free_jobs();
	remote_end(&y);
}

CASE(a_share_closes_while_fetches_are_on_their_way)
{
	int64_t before = meter_value(METER_COLD_AHEAD);
	uint64_t from;
	struct yard y;

	cold_make(&y, &(struct block_flaky_conf){ .seed = 3 });
	begin(&y, 0, 0, PIECE);
	yard_wait(&job[0]);
	is_right(&y, 0);
	block_flaky_hang(y.remote, true);
	begin(&y, 0, PIECE, PIECE);	/* reads on: more is asked for than it waits for */
	yard_wait(&job[0]);
	TRUE(meter_value(METER_COLD_AHEAD) > before);
	from = clock_mono_ns();
	yard_close(&y);
	TRUE(clock_mono_ns() - from < 8 * NS_PER_S);	/* a call's own limit is 10 */
	yard_end(&y);
	block_flaky_hang(y.remote, false);
	y.remote->ops->close(y.remote);
	free_jobs();
}

/* Reads at random, evictions under them, a remote that fails in every way: right, or not at all. */
static void
storm(uint8_t aead, uint8_t level)
{
	struct yard y;
	int good = 0;

	cold_make_as(&y, &(struct block_flaky_conf){ .seed = 5, .delay_ms = 4, .fail = 4, .cut = 10,
		.flip = 15 }, aead, level);
	for (int round = 0; round < STORM_ROUNDS; round++) {
		for (int i = 0; i < STORM_JOBS; i++) {
			uint64_t at = i % 4 == 0 ? (uint64_t)(round * 4 + i / 4) * STORM_READ :
			    rand_u64();

			begin(&y, i, at % (PIECES * PIECE - STORM_READ), STORM_READ);
		}
		if (round % 4 == 1)
			EQ(sync_evict_share(y.share, "", 0), OK);
		for (int i = 0; i < STORM_JOBS; i++) {
			yard_wait(&job[i]);
			if (job[i].status == OK) {
				is_right(&y, i);
				good++;
			} else {
				TRUE(job[i].status == ST_DELAY || job[i].status == ST_IO);
			}
		}
	}
	TRUE(good > STORM_ROUNDS);
	free_jobs();
	remote_end(&y);
}

CASE(a_failing_remote_and_evictions_under_readers_never_give_wrong_data)
{
	storm(0, 0);
}

CASE(the_same_where_all_is_sealed_and_compressed)
{
	storm(AEAD_XCHACHA20_POLY1305, 3);
}
