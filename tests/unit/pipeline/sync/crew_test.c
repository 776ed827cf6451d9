/*
 * Loops and tasks shared out: each index once, no seat twice at a time, and nobody waits for a
 * thread that does not come.
 */
#include "pipeline/sync/crew.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/num.h"
#include "pipeline/stage/errand.h"
#include "tests/lib/check.h"
#include "tests/unit/pipeline/sync/yard.h"

#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

enum { INDEXES = 5000, MUCH = 64 << 20, BLOCKERS = 16, PATIENCE_NS = 1000000, PATIENCE = 20000,
	QUIET_NAPS = 50 };

struct sight {
	_Atomic uint32_t done[INDEXES], sitting[CREW_SEATS_MAX], wrong, seats_seen;
};

static void
nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = PATIENCE_NS }, NULL);
}

static void
see(void *arg, uint32_t seat, uint32_t i)
{
	struct sight *s = arg;

	if (seat >= CREW_SEATS_MAX || atomic_fetch_add(&s->sitting[seat], 1) != 0)
		atomic_fetch_add(&s->wrong, 1);
	atomic_fetch_add(&s->done[i], 1);
	atomic_fetch_sub(&s->sitting[seat], 1);
}

static uint32_t
not_once(const struct sight *s, uint32_t n)
{
	uint32_t wrong = atomic_load(&s->wrong);

	for (uint32_t i = 0; i < INDEXES; i++)
		wrong += atomic_load(&s->done[i]) != (i < n);
	return wrong;
}

CASE(each_index_is_done_once_whatever_their_number)
{
	static const uint32_t numbers[] = { 0, 1, 2, 3, 100, INDEXES };
	static struct sight s;
	struct crew *c;

	yard_start();
	c = crew_new(1);
	for (int round = 0; round < 200; round++)
		for (size_t k = 0; k < ARRAY_LEN(numbers); k++) {
			s = (struct sight){ 0 };
			crew_run(c, numbers[k], round % 2 == 0 ? MUCH : 1, see, &s);
			EQ(not_once(&s, numbers[k]), 0);
		}
	crew_free(&c);
	EQ(c == NULL, true);
}

/* Seat 0 does not go on before another has come. */
static void
meet(void *arg, uint32_t seat, uint32_t i)
{
	struct sight *s = arg;

	(void)i;
	atomic_fetch_or(&s->seats_seen, 1u << seat);
	for (int k = 0; k < PATIENCE && (atomic_load(&s->seats_seen) & ~1u) == 0; k++)
		nap();
}

CASE(helpers_come_where_there_is_much_and_do_not_where_there_is_little)
{
	static struct sight s;
	struct crew *c;

	yard_start();
	c = crew_new(1);
	TRUE(crew_seats(c) >= 2 && crew_seats(c) <= CREW_SEATS_MAX);
	s = (struct sight){ 0 };
	crew_run(c, 2, MUCH, meet, &s);
	TRUE((atomic_load(&s.seats_seen) & ~1u) != 0);
	s = (struct sight){ .seats_seen = 1u << 31 };
	crew_run(c, 100, 100, meet, &s);
	EQ(atomic_load(&s.seats_seen), 1u << 31 | 1u);
	crew_free(&c);
}

static uint32_t
seats_of(const struct sight *s)
{
	return (uint32_t)__builtin_popcount(atomic_load(&s->seats_seen));
}

/* Long enough for whoever may come. */
static void
sit(void *arg, uint32_t seat, uint32_t i)
{
	struct sight *s = arg;

	(void)i;
	atomic_fetch_or(&s->seats_seen, 1u << seat);
	nap();
}

CASE(a_core_is_left_while_it_is_asked_for_and_no_longer)
{
	uint32_t cores = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
	static struct sight s;
	struct crew *c;

	yard_start();
	c = crew_new(1);
	EQ(crew_width(c), crew_seats(c));
	crew_leave_core(c, true);
	TRUE(crew_width(c) >= 1 && crew_width(c) <= MAX(cores, 2u) - 1);
	for (int round = 0; round < 20; round++) {
		s = (struct sight){ 0 };
		crew_run(c, 20, MUCH, sit, &s);
		TRUE(seats_of(&s) <= crew_width(c));
	}
	crew_leave_core(c, false);
	EQ(crew_width(c), crew_seats(c));
	s = (struct sight){ 0 };
	crew_run(c, 2, MUCH, meet, &s);
	TRUE((atomic_load(&s.seats_seen) & ~1u) != 0);	/* it may have been quick and done both */
	crew_free(&c);
}

/* A helper that was posted for a loop that is over by then finds one that is not for it. */
CASE(who_was_posted_before_does_not_take_the_core_that_is_left_now)
{
	static struct sight s;
	struct crew *c;

	yard_start();
	c = crew_new(1);
	for (int round = 0; round < 200; round++) {
		crew_leave_core(c, false);
		crew_run(c, INDEXES, MUCH, see, &s);
		crew_leave_core(c, true);
		s = (struct sight){ 0 };
		crew_run(c, 4, MUCH, sit, &s);
		TRUE(seats_of(&s) <= crew_width(c));
	}
	crew_free(&c);
}

static void
wait_for_flag(void *arg)
{
	_Atomic int *flag = arg;

	for (int k = 0; k < PATIENCE && atomic_load(flag) != 1; k++)
		nap();
	if (atomic_load(flag) == 1)
		atomic_store(flag, 2);
}

CASE(a_task_goes_on_beside_the_caller)
{
	_Atomic int flag = 0;
	struct crew *c;

	yard_start();
	c = crew_new(1);
	crew_end(c, CREW_PUT);			/* there is none */
	for (int i = 0; i < 100; i++) {
		atomic_store(&flag, 0);
		crew_begin(c, CREW_PUT, wait_for_flag, (void *)&flag);
		atomic_store(&flag, 1);
		crew_end(c, CREW_PUT);
		EQ(atomic_load(&flag), 2);
	}
	crew_begin(c, CREW_PUT, wait_for_flag, (void *)&flag);
	atomic_store(&flag, 1);
	crew_free(&c);
	EQ(atomic_load(&flag), 2);
}

/* Over when all have been seen to go on. */
static void
meet_others(void *arg)
{
	_Atomic uint32_t *here = arg;

	atomic_fetch_add(here, 1);
	for (int k = 0; k < PATIENCE && atomic_load(here) < CREW_AHEAD; k++)
		nap();
}

CASE(windows_are_prepared_beside_each_other)
{
	_Atomic uint32_t here = 0, alone = CREW_AHEAD;
	struct crew *c;

	yard_start();
	c = crew_new(1);
	for (uint32_t i = 0; i < CREW_AHEAD; i++)
		crew_begin(c, CREW_WINDOW + i, meet_others, (void *)&here);
	for (int k = 0; k < PATIENCE && atomic_load(&here) < CREW_AHEAD; k++)
		nap();
	EQ(atomic_load(&here), CREW_AHEAD);
	crew_end(c, CREW_WINDOW + 1);
	crew_begin(c, CREW_WINDOW + 1, meet_others, (void *)&alone);
	crew_free(&c);			/* which ends them all */
	EQ(atomic_load(&alone), CREW_AHEAD + 1);
}

/* --- every thread of the pool is somebody's --- */

static _Atomic int blocked, let_go;

static void
block_thread(struct errand *e)
{
	(void)e;
	atomic_fetch_add(&blocked, 1);
	for (int k = 0; k < PATIENCE && atomic_load(&let_go) == 0; k++)
		nap();
}

CASE(a_pool_without_a_free_thread_holds_nobody_up)
{
	static struct errand blockers[BLOCKERS];
	static struct sight s;
	_Atomic int flag = 1;
	struct crew *c;

	yard_start();
	c = crew_new(1);
	for (int i = 0; i < BLOCKERS; i++) {
		errand_init(&blockers[i], block_thread);
		errand_post(FLOOR_SYNC, &blockers[i]);
	}
	for (int quiet = 0, seen = 0; quiet < QUIET_NAPS || seen == 0; quiet++) {
		nap();
		if (atomic_load(&blocked) != seen)
			quiet = 0;
		seen = atomic_load(&blocked);
	}
	TRUE(atomic_load(&blocked) < BLOCKERS);
	s = (struct sight){ 0 };
	crew_begin(c, CREW_PUT, wait_for_flag, (void *)&flag);
	crew_run(c, INDEXES, MUCH, see, &s);
	EQ(not_once(&s, INDEXES), 0);
	crew_end(c, CREW_PUT);
	EQ(atomic_load(&flag), 2);
	EQ(atomic_load(&let_go), 0);
	atomic_store(&let_go, 1);
	crew_free(&c);			/* its errands wait behind the others: not forgotten */
	errand_drain(FLOOR_SYNC);
}
