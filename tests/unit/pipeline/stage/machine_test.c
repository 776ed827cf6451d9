/*
 * The machine with toy stages.  A job carries a script: what it says at VFS, letter by letter,
 * one each time down() is called there.
 *	d	down		u	up (turn)	o	to the pool
 *	p	park; woken by one of the waking threads
 *	q	park and be woken before down() has returned
 *	t	park with a deadline nobody meets
 *	a	on the way up at DECODE: again
 */
#include "tests/lib/check.h"
#include "tests/unit/pipeline/stage/toys.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/mutex.h"
#include "pipeline/base/rand.h"
#include "pipeline/base/thread.h"
#include "pipeline/stage/errand.h"
#include "pipeline/stage/park.h"
#include "pipeline/stage/stage.h"
#include "pipeline/stage/timer.h"
#include "pipeline/stage/worker.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { JOBS = 256, WAKERS = 3 };

struct story {
	const char *script;
	uint32_t at, left;		/* left: rounds of the whole machine to go */
	char trail[64];
	uint32_t trail_len;
};

static _Atomic uint64_t finished, timed_out, wrong_thread, in_pools, expired;
static struct mutex mutex;
static struct cond some;
static struct list parked[WAKERS];
static bool stopping;
static struct thread wakers[WAKERS];

static void
trail(struct job *job, char c)
{
	struct story *s = job->wire;

	if (s->trail_len < sizeof s->trail - 1)
		s->trail[s->trail_len++] = c;
}

static bool
expire(struct job *job)
{
	bool there;

	mutex_lock(&mutex);
	there = !list_empty(&job->link);
	list_remove(&job->link);
	mutex_unlock(&mutex);
	atomic_fetch_add(&expired, there);
	return there;
}

static void
park_on(struct job *job, uint32_t list, uint64_t deadline_ns)
{
	mutex_lock(&mutex);
	park_begin(job, deadline_ns, deadline_ns != 0 ? expire : NULL);
	list_push_back(&parked[list], &job->link);
	cond_broadcast(&some);
	mutex_unlock(&mutex);
}

static struct list nobody;		/* of the mutex: parked for good, until the deadline */

static enum turn
vfs_down(struct job *job)
{
	struct story *s = job->wire;
	char c = s->script[s->at];

	trail(job, c);
	if (stage_may_wait(job))
		atomic_fetch_add(&in_pools, 1);
	else if (worker_self() != job->home)
		atomic_fetch_add(&wrong_thread, 1);
	s->at++;
	switch (c) {
	case 'd':
		return TURN_DOWN;
	case 'o':
		return TURN_POOL;
	case 'p':
		park_on(job, s->at % WAKERS, 0);
		return TURN_PARK;
	case 'q':
		park_begin(job, 0, NULL);
		job_wake(job);
		return TURN_PARK;
	case 't':
		mutex_lock(&mutex);
		park_begin(job, clock_mono_ns() + 15 * NS_PER_MS, expire);
		list_push_back(&nobody, &job->link);
		mutex_unlock(&mutex);
		return TURN_PARK;
	case 'r':			/* a race of waker and deadline */
		park_on(job, s->at % WAKERS, clock_mono_ns() + rand_u64() % (20 * NS_PER_MS));
		return TURN_PARK;
	case 'u':
	default:
		return TURN_UP;
	}
}

static enum turn
vfs_up(struct job *job)
{
	trail(job, '^');
	return TURN_UP;
}

static enum turn
decode_down(struct job *job)
{
	trail(job, '[');
	return TURN_DOWN;
}

static enum turn
decode_up(struct job *job)
{
	struct story *s = job->wire;

	if (s->script[s->at] == 'a') {
		s->at++;
		trail(job, 'a');
		return TURN_DOWN;
	}
	trail(job, ']');
	return TURN_UP;
}

static bool
cache_skip(const struct job *job)
{
	const struct story *s = job->wire;

	return s->script[s->at] != 'c';
}

static enum turn
cache_down(struct job *job)
{
	struct story *s = job->wire;

	s->at++;
	trail(job, 'c');
	return TURN_DOWN;
}

static enum turn
cache_up(struct job *job)
{
	trail(job, 'C');
	return TURN_UP;
}

static const struct stage_ops decode_ops = { .down = decode_down, .up = decode_up };
static const struct stage_ops vfs_ops = { .down = vfs_down, .up = vfs_up };
static const struct stage_ops cache_ops = { cache_skip, cache_down, cache_up };

static void
wake_them(void *arg)
{
	struct list *mine = &parked[*(uint32_t *)arg];
	struct job *v[8];

	mutex_lock(&mutex);
	while (!stopping) {
		struct list *l;
		uint32_t n = 0;

		while (n < 8 && (l = list_pop_front(mine)) != NULL)
			v[n++] = container_of(l, struct job, link);
		if (n == 0) {
			cond_wait(&some, &mutex);
			continue;
		}
		mutex_unlock(&mutex);
		if (n == 1)
			job_wake(v[0]);
		else
			job_wake_many(v, n);
		mutex_lock(&mutex);
	}
	mutex_unlock(&mutex);
}

static void
start(uint32_t workers)
{
	static uint32_t ids[WAKERS];
	struct machine_conf conf = { .workers = workers, .jobs = JOBS };

	finished = timed_out = wrong_thread = in_pools = expired = 0;
	stopping = false;
	mutex_init(&mutex, RANK_SESSION, 0);
	cond_init(&some);
	list_init(&nobody);
	stage_set(FLOOR_DECODE, &decode_ops);
	stage_set(FLOOR_VFS, &vfs_ops);
	stage_set(FLOOR_CACHE, &cache_ops);
	machine_start(&conf);
	for (uint32_t i = 0; i < WAKERS; i++) {
		ids[i] = i;
		list_init(&parked[i]);
		thread_start(&wakers[i], "waker", 0, wake_them, &ids[i]);
	}
}

static void
stop(void)
{
	mutex_lock(&mutex);
	stopping = true;
	cond_broadcast(&some);
	mutex_unlock(&mutex);
	for (uint32_t i = 0; i < WAKERS; i++)
		thread_join(&wakers[i]);
	EQ(job_pool_used(), 0);
	machine_stop();
	mutex_destroy(&mutex);
	cond_destroy(&some);
}

static char last_trail[64];
static bool keep_trail;			/* one job at a time alone */

/* Round after round until the story is over: the job starts again from its done(). */
static void
done(struct job *job)
{
	struct story *s = job->wire;

	if (worker_self() != job->home)
		atomic_fetch_add(&wrong_thread, 1);
	if (job->timed_out)
		atomic_fetch_add(&timed_out, 1);
	if (keep_trail)
		memcpy(last_trail, s->trail, sizeof last_trail);
	if (s->left-- > 0) {
		s->at = s->trail_len = 0;
		memset(s->trail, 0, sizeof s->trail);
		job->visited = 0;
		machine_submit(job, FLOOR_DECODE);
		return;
	}
	job_put(&job);
	atomic_fetch_add(&finished, 1);
}

static void
tell(const char *script, uint32_t worker, uint32_t rounds)
{
	struct job *job = job_get(worker_at(worker));
	struct story *s;

	TRUE(job != NULL);
	s = arena_zalloc(&job->arena, sizeof *s);
	s->script = script;
	s->left = rounds - 1;
	job->wire = s;
	job->done = done;
	machine_submit(job, FLOOR_DECODE);
}

static void
expect(const char *script, const char *trail_wanted)
{
	uint64_t before = finished;

	keep_trail = true;
	tell(script, 0, 1);
	TRUE(wait_for(&finished, before + 1));
	keep_trail = false;
	EQ_STR(last_trail, trail_wanted);
}

CASE(a_job_walks_its_floors_and_climbs_back)
{
	start(1);
	expect("d", "[d^]");
	expect("u", "[u^]");
	expect("dc", "[dcC^]");
	expect("od", "[od^]");
	expect("oc", "[oc^]");		/* turned in the pool: cache was not visited */
	expect("pu", "[pu^]");
	expect("qu", "[qu^]");
	expect("popqou", "[popqou^]");
	expect("uaduau", "[u^ad^]");
	expect("dcaucau", "[dcC^au^]");	/* the second operation forgets the first one's floors */
	EQ(wrong_thread, 0);
	TRUE(in_pools > 0);
	stop();
}

CASE(each_request_is_called_something_of_its_own)
{
	uint64_t first, second;
	struct job *job;

	start(1);
	job = job_get(worker_at(0));
	first = job_request(job);
	TRUE(first != 0);
	EQ(job_request(job), first);
	job_put(&job);
	for (int i = 0; i < 3; i++) {
		job = job_get(worker_at(0));
		second = job_request(job);
		TRUE(second != first);
		EQ(second >> 48, first >> 48);
		job_put(&job);
		first = second;
	}
	stop();
}

CASE(a_deadline_ends_a_park)
{
	uint64_t began;

	start(1);
	began = clock_mono_ns();
	expect("tu", "[tu^]");
	TRUE(clock_mono_ns() - began >= 15 * NS_PER_MS);
	EQ(timed_out, 1);
	EQ(expired, 1);
	expect("tpu", "[tpu^]");	/* and a later park is a fresh one */
	EQ(timed_out, 1);
	stop();
}

static void
storm(const char *const *v, uint32_t n, uint32_t jobs, uint32_t rounds)
{
	start(2);
	for (uint32_t i = 0; i < jobs; i++)
		tell(v[i % n], i % 2, rounds);
	TRUE(wait_for(&finished, jobs));
	EQ(finished, jobs);
	EQ(wrong_thread, 0);
	stop();
}

CASE(a_storm_of_parks_and_wakes_loses_none)
{
	static const char *const v[] = { "pu", "ppppu", "qqpqu", "pqpqpqu", "u", "d" };

	storm(v, 6, 200, 300);
}

CASE(parks_and_wakes_in_pools_lose_none)
{
	static const char *const v[] = { "opu", "oqopu", "oooou", "pouapoqd", "u" };

	storm(v, 5, 200, 150);
}

CASE(deadlines_race_with_wakers)
{
	static const char *const v[] = { "ru", "rrru", "oru", "ropru", "u" };

	storm(v, 5, 100, 20);
}

/* --- what a stage has done --- */

CASE(an_empty_machine_bypasses_and_a_full_one_counts)
{
	struct stage_gauge g;

	start(1);
	for (int i = 0; i < 20; i++)
		expect("od", "[od^]");
	stage_gauge_read(FLOOR_VFS, &g);
	EQ(g.in, 20);
	EQ(g.pooled, 20);
	EQ(g.parked, 0);
	EQ(g.depth, 0);
	expect("pu", "[pu^]");
	stage_gauge_read(FLOOR_VFS, &g);
	EQ(g.parked, 1);
	TRUE(g.bypassed >= 20);
	EQ_STR(stage_name(FLOOR_VFS), "VFS");
	stop();
}

static enum turn
slow_down(struct job *job)
{
	uint64_t end = clock_mono_ns() + 300000;

	(void)job;
	while (clock_mono_ns() < end)
		;
	return TURN_UP;
}

static const struct stage_ops slow_ops = { .down = slow_down };
static _Atomic uint64_t calls;

static void
feed_many(struct call *call)
{
	(void)call;
	for (int i = 0; i < 32; i++) {
		struct job *job = job_get(worker_self());
		struct story *s = arena_zalloc(&job->arena, sizeof *s);

		s->script = "u";
		job->wire = s;
		job->done = done;
		machine_feed(worker_self(), job);
	}
	atomic_fetch_add(&calls, 1);
}

CASE(what_exceeds_the_budget_queues_and_is_finished)
{
	struct stage_gauge g;
	struct call call = { .run = feed_many };

	calls = 0;
	start(1);
	stage_set(FLOOR_BLOCK, NULL);
	stage_set(FLOOR_VFS, &slow_ops);
	for (uint64_t round = 1; round <= 3; round++) {
		worker_call(worker_at(0), &call);
		TRUE(wait_for(&finished, 32 * round));
	}
	stage_gauge_read(FLOOR_VFS, &g);
	TRUE(g.queued > 0);
	EQ(g.depth, 0);
	TRUE(g.wait_ns > 0);
	TRUE(g.service_ns > 90 * 300000);
	stop();
}

/* --- timers --- */

struct alarm {
	struct timer timer;
	uint64_t due, fired;
};

static struct alarm alarms[50];
static _Atomic uint64_t rung;

static void
ring(struct timer *t)
{
	struct alarm *a = container_of(t, struct alarm, timer);

	a->fired = clock_mono_ns();
	atomic_fetch_add(&rung, 1);
}

static void
set_alarms(struct call *call)
{
	(void)call;
	for (uint32_t i = 0; i < 50; i++) {
		alarms[i].due = clock_mono_ns() + i * 7 * NS_PER_MS;
		alarms[i].fired = 0;
		timer_init(&alarms[i].timer, ring);
		timer_set(worker_self(), &alarms[i].timer, alarms[i].due + NS_PER_S);
		timer_set(worker_self(), &alarms[i].timer, alarms[i].due);	/* moves it */
	}
	timer_cancel(&alarms[49].timer);
}

CASE(timers_fire_in_time_and_never_early)
{
	struct call call = { .run = set_alarms };

	rung = 0;
	start(1);
	worker_call(worker_at(0), &call);
	TRUE(wait_for(&rung, 49));
	stop();
	EQ(rung, 49);
	EQ(alarms[49].fired, 0);
	for (uint32_t i = 0; i < 49; i++) {
		TRUE(alarms[i].fired >= alarms[i].due);
		TRUE(alarms[i].fired < alarms[i].due + 2 * NS_PER_S);
	}
}

/* --- errands --- */

struct round_trip {
	struct errand errand;
	_Atomic uint32_t runs, inside, overlaps;
};

static _Atomic uint64_t errands_run;

static void
go(struct errand *e)
{
	struct round_trip *r = container_of(e, struct round_trip, errand);

	if (atomic_fetch_add(&r->inside, 1) > 0)
		atomic_fetch_add(&r->overlaps, 1);
	nanosleep(&(struct timespec){ 0, 100000 }, NULL);
	atomic_fetch_add(&r->runs, 1);
	atomic_fetch_sub(&r->inside, 1);
	atomic_fetch_add(&errands_run, 1);
}

CASE(an_errand_posted_twice_runs_once_and_never_beside_itself)
{
	static struct round_trip r[8];
	uint32_t all = 0;

	start(1);
	memset(r, 0, sizeof r);
	for (int i = 0; i < 8; i++)
		errand_init(&r[i].errand, go);
	for (int k = 0; k < 400; k++) {
		errand_post(k % 8 < 6 ? FLOOR_SYNC : FLOOR_MGMT, &r[k % 8].errand);
		if (k % 50 == 0)
			nanosleep(&(struct timespec){ 0, 200000 }, NULL);
	}
	errand_drain(FLOOR_SYNC);
	errand_drain(FLOOR_MGMT);
	for (int i = 0; i < 8; i++) {
		TRUE(r[i].runs >= 1 && r[i].runs <= 50);
		EQ(r[i].overlaps, 0);
		all += r[i].runs;
	}
	EQ(errands_run, all);
	stop();
}

static _Atomic uint64_t freed;

static void
go_free(struct errand *e)
{
	free(container_of(e, struct round_trip, errand));
	atomic_fetch_add(&freed, 1);
}

CASE(an_errand_may_free_itself)
{
	freed = 0;
	start(1);
	for (int i = 0; i < 200; i++) {
		struct round_trip *r = calloc(1, sizeof *r);

		errand_init(&r->errand, go_free);
		errand_post(FLOOR_SYNC, &r->errand);
	}
	errand_drain(FLOOR_SYNC);
	EQ(freed, 200);
	stop();
}

/* --- jobs --- */

CASE(the_pool_of_jobs_is_bounded_and_all_come_back)
{
	enum { MOST = JOBS + 1000 };
	static struct job *v[MOST];
	uint32_t n = 0;

	start(1);
	while (n < MOST && (v[n] = job_get(worker_at(0))) != NULL) {
		TRUE(arena_alloc(&v[n]->arena, 5000) != NULL);
		v[n]->message = (struct slice){ buf_new(100), NULL, 0 };
		n++;
	}
	TRUE(n >= JOBS && n < MOST);
	EQ(job_pool_used(), n);
	while (n > 0)
		job_put(&v[--n]);
	EQ(job_pool_used(), 0);
	stop();
}

CASE(calls_reach_every_worker_in_order)
{
	static struct call many[100];

	calls = 0;
	start(2);
	for (int i = 0; i < 100; i++) {
		many[i].run = feed_many;
		worker_call(worker_at((uint32_t)i % 2), &many[i]);
		TRUE(wait_for(&calls, (uint64_t)i + 1));
		TRUE(wait_for(&finished, 32 * ((uint64_t)i + 1)));
	}
	stop();
}

struct cores {
	struct errand errand;
	_Atomic int may_use;
};

static void
count_cores(struct errand *e)
{
	struct cores *c = container_of(e, struct cores, errand);
	cpu_set_t set;

	nanosleep(&(struct timespec){ 0, 1000000 }, NULL);	/* so that each has its thread */
	TRUE(sched_getaffinity(0, sizeof set, &set) == 0);
	c->may_use = CPU_COUNT(&set);
}

/* Of threads that there were before it was said and of such that came after. */
static int
most_cores(struct cores *c, int n)
{
	int most = 0;

	for (int i = 0; i < n; i++)
		errand_post(FLOOR_SYNC, &c[i].errand);
	errand_drain(FLOOR_SYNC);
	for (int i = 0; i < n; i++)
		most = MAX(most, c[i].may_use);
	return most;
}

CASE(errands_leave_a_core_where_there_are_two)
{
	static struct cores c[4];
	cpu_set_t set;
	int all;

	TRUE(sched_getaffinity(0, sizeof set, &set) == 0);
	all = CPU_COUNT(&set);
	start(1);
	for (int i = 0; i < 4; i++)
		errand_init(&c[i].errand, count_cores);
	EQ(most_cores(c, 1), MAX(all - 1, 1));
	errands_leave_core(FLOOR_SYNC, false);
	EQ(most_cores(c, 4), all);
	errands_leave_core(FLOOR_SYNC, true);
	errands_leave_core(FLOOR_SYNC, true);
	EQ(most_cores(c, 4), MAX(all - 1, 1));
	stop();
}
