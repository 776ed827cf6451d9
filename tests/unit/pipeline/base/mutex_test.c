#include "pipeline/base/mutex.h"

#include "dies.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/thread.h"
#include "tests/lib/check.h"

#include <sys/resource.h>

static struct mutex share, inode1, inode2, order;
static struct cond cond;

static void
set_up(void)
{
	mutex_witness(true);
	mutex_init(&share, RANK_SHARE, 1);
	mutex_init(&inode1, RANK_INODE, 1);
	mutex_init(&inode2, RANK_INODE, 2);
	mutex_init(&order, RANK_ORDER, 0);
	cond_init(&cond);
}

static void
downward(void)
{
	set_up();
	mutex_lock(&order);
	mutex_lock(&share);
}

static void
inodes_downward(void)
{
	set_up();
	mutex_lock(&inode2);
	mutex_lock(&inode1);
}

static void
twice(void)
{
	set_up();
	mutex_lock(&inode1);
	mutex_lock(&inode1);
}

static void
not_owned(void)
{
	set_up();
	mutex_lock(&inode1);
	mutex_assert_owned(&inode2);
}

static void
not_held(void)
{
	set_up();
	mutex_unlock(&inode1);
}

static void
held_where_waiting(void)
{
	set_up();
	mutex_lock(&inode1);
	mutex_assert_none();
}

static void
waits_with_two(void)
{
	set_up();
	mutex_lock(&share);
	mutex_lock(&order);
	cond_wait_until(&cond, &order, 0);
}

CASE(the_witness_ends_a_breach_of_the_order)
{
	TRUE(dies(downward, "SHARE 1 is taken under ORDER"));
	TRUE(dies(inodes_downward, "INODE 1 is taken under INODE 2"));
	TRUE(dies(twice, "INODE 1 is taken under INODE 1"));
	TRUE(dies(not_owned, "INODE 2 is not held"));
	TRUE(dies(not_held, "INODE 1 is not held"));
	TRUE(dies(held_where_waiting, "INODE 1 is held"));
	TRUE(dies(waits_with_two, "2 mutexes held"));
}

CASE(the_witness_lets_the_order_pass)
{
	set_up();
	mutex_lock(&share);
	mutex_lock(&inode1);
	mutex_lock(&inode2);
	mutex_assert_owned(&inode1);
	mutex_unlock(&inode1);		/* not in reverse: allowed */
	mutex_lock(&order);
	mutex_unlock(&order);
	mutex_unlock(&inode2);
	mutex_unlock(&share);
	mutex_assert_none();
	mutex_lock(&order);
	TRUE(mutex_trylock(&share));	/* cannot deadlock */
	mutex_unlock(&order);
	mutex_unlock(&share);
	mutex_assert_none();
	mutex_witness(false);
}

CASE(a_wait_with_a_deadline_ends)
{
	uint64_t begun = clock_mono_ns();
	bool woken;

	set_up();
	mutex_lock(&order);
	woken = cond_wait_until(&cond, &order, begun + 20 * NS_PER_MS);
	mutex_assert_owned(&order);
	mutex_unlock(&order);
	mutex_witness(false);
	FALSE(woken);
	TRUE(clock_mono_ns() - begun >= 20 * NS_PER_MS);
}

static struct relay {
	struct mutex m;
	struct cond c;
	int turn, rounds;
} relay;

static void
even(void *unused)
{
	(void)unused;
	mutex_lock(&relay.m);
	for (int i = 0; i < 100; i++) {
		while (relay.turn != 1)
			cond_wait(&relay.c, &relay.m);
		relay.turn = 0;
		relay.rounds++;
		cond_signal(&relay.c);
	}
	mutex_unlock(&relay.m);
}

CASE(two_threads_wake_each_other)
{
	struct thread t;

	mutex_init(&relay.m, RANK_POOL, 0);
	cond_init(&relay.c);
	thread_start(&t, "even", 0, even, NULL);
	mutex_lock(&relay.m);
	for (int i = 0; i < 100; i++) {
		relay.turn = 1;
		cond_broadcast(&relay.c);
		while (relay.turn != 0)
			cond_wait(&relay.c, &relay.m);
	}
	FALSE(mutex_trylock(&relay.m));
	mutex_unlock(&relay.m);
	thread_join(&t);
	EQ(relay.rounds, 100);
	cond_destroy(&relay.c);
	mutex_destroy(&relay.m);
}

static _Thread_local struct thread_end end_a, end_b;
static int ended;
static char name[16];
static int niceness;
static bool blocked;

static void
end_again(void)
{
	ended += 10;
}

static void
end_once(void)
{
	ended++;
	thread_at_end(&end_b, end_again);	/* asked for at the end: done too */
}

static void
look_around(void *arg)
{
	sigset_t set;

	pthread_getname_np(pthread_self(), name, sizeof name);
	niceness = getpriority(PRIO_PROCESS, (id_t)gettid());
	pthread_sigmask(SIG_SETMASK, NULL, &set);
	blocked = sigismember(&set, SIGTERM) == 1;
	thread_at_end(&end_a, end_once);
	*(int *)arg = 5;
}

CASE(a_thread_has_a_name_a_niceness_and_an_end)
{
	struct thread t;
	int arg = 0;

	ended = 0;
	thread_start(&t, "fifteen-letters", 10, look_around, &arg);
	thread_join(&t);
	EQ(arg, 5);
	EQ_STR(name, "fifteen-letters");
	EQ(niceness, 10);
	TRUE(blocked);
	EQ(ended, 11);
}

static uint64_t
stopped(void)
{
	return 12345678901ull;
}

CASE(time_can_be_replaced)
{
	static const struct clock_ops fake = { stopped, stopped };
	const struct clock_ops *real = clock_now_ops;
	uint64_t mono = clock_mono_ns(), wall;
	struct timespec ts;

	TRUE(clock_mono_ns() >= mono);
	TRUE(clock_wall_ns() > 1600000000ull * NS_PER_S);
	clock_now_ops = &fake;
	wall = clock_wall_ns();
	clock_now_ops = real;
	ts = clock_timespec(wall);
	EQ(ts.tv_sec, 12);
	EQ(ts.tv_nsec, 345678901);
}
