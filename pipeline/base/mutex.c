/*
 * Mutexes, conditions and the witness.  While the witness is on, each thread notes what
 * it holds in a small array, in the order of taking; every lock is compared with all of
 * them.
 */
#include "pipeline/base/mutex.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/panic.h"

#include <ck_pr.h>
#include <errno.h>

/* SPINS: some microseconds, what a holder who runs takes at most; a sleep and a wake by futex cost
 * both threads more than that. */
enum { HELD_MAX = 32, SPINS = 400 };

static bool witness_on;

static _Thread_local struct {
	const struct mutex *m[HELD_MAX];
	int n;
} held;

static const char *const rank_names[RANK_COUNT] = {
#define RANK(name) [RANK_##name] = #name,
#include "pipeline/base/rank.def"
#undef RANK
};

static void
must(int err, const char *what)
{
	if (__builtin_expect(err != 0, 0))
		panic("%s: errno %d", what, err);
}

static void
witness_check(const struct mutex *m)
{
	for (int i = 0; i < held.n; i++) {
		const struct mutex *h = held.m[i];

		if (h->rank > m->rank || (h->rank == m->rank && h->number >= m->number))
			panic("mutex %s %llu is taken under %s %llu", rank_names[m->rank],
			    (unsigned long long)m->number, rank_names[h->rank],
			    (unsigned long long)h->number);
	}
}

static void
witness_note(const struct mutex *m)
{
	assert(held.n < HELD_MAX);
	held.m[held.n++] = m;
}

static void
witness_forget(const struct mutex *m)
{
	for (int i = held.n - 1; i >= 0; i--) {
		if (held.m[i] != m)
			continue;
		for (held.n--; i < held.n; i++)
			held.m[i] = held.m[i + 1];
		return;
	}
	panic("mutex %s %llu is not held", rank_names[m->rank],
	    (unsigned long long)m->number);
}

void
mutex_witness(bool on)
{
	witness_on = on;
}

void
mutex_init(struct mutex *m, enum rank rank, uint64_t number)
{
	assert((unsigned)rank < RANK_COUNT);
	must(pthread_mutex_init(&m->m, NULL), "mutex_init");
	atomic_init(&m->taken, false);
	m->rank = rank;
	m->number = number;
}

void
mutex_destroy(struct mutex *m)
{
	must(pthread_mutex_destroy(&m->m), "mutex_destroy");
}

static void
note_taken(struct mutex *m, bool taken)
{
	atomic_store_explicit(&m->taken, taken, memory_order_relaxed);
}

/* False: it did not come free while it pays to look. */
static bool
spin(struct mutex *m)
{
	for (int i = 0; i < SPINS; i++) {
		ck_pr_stall();
		if (!atomic_load_explicit(&m->taken, memory_order_relaxed) &&
		    pthread_mutex_trylock(&m->m) == 0)
			return true;
	}
	return false;
}

void
mutex_lock(struct mutex *m)
{
	if (witness_on)
		witness_check(m);
	if (pthread_mutex_trylock(&m->m) != 0 && !spin(m))
		must(pthread_mutex_lock(&m->m), "mutex_lock");
	note_taken(m, true);
	if (witness_on)
		witness_note(m);
}

bool
mutex_trylock(struct mutex *m)
{
	int err = pthread_mutex_trylock(&m->m);

	if (err == EBUSY)
		return false;
	must(err, "mutex_trylock");
	note_taken(m, true);
	if (witness_on)
		witness_note(m);
	return true;
}

void
mutex_unlock(struct mutex *m)
{
	if (witness_on)
		witness_forget(m);
	note_taken(m, false);
	must(pthread_mutex_unlock(&m->m), "mutex_unlock");
}

void
mutex_assert_owned(const struct mutex *m)
{
	if (!witness_on)
		return;
	for (int i = 0; i < held.n; i++)
		if (held.m[i] == m)
			return;
	panic("mutex %s %llu is not held", rank_names[m->rank],
	    (unsigned long long)m->number);
}

void
mutex_assert_none(void)
{
	if (witness_on && held.n > 0)
		panic("mutex %s %llu is held where the thread may wait",
		    rank_names[held.m[0]->rank], (unsigned long long)held.m[0]->number);
}

/* A waiter may hold the condition's own mutex and no other. */
static void
witness_wait(const struct mutex *m)
{
	if (!witness_on)
		return;
	mutex_assert_owned(m);
	if (held.n > 1)
		panic("a thread waits with %d mutexes held", held.n);
}

void
cond_init(struct cond *c)
{
	pthread_condattr_t attr;

	must(pthread_condattr_init(&attr), "cond_init");
	must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC), "cond_init");
	must(pthread_cond_init(&c->c, &attr), "cond_init");
	pthread_condattr_destroy(&attr);
}

void
cond_destroy(struct cond *c)
{
	must(pthread_cond_destroy(&c->c), "cond_destroy");
}

void
cond_wait(struct cond *c, struct mutex *m)
{
	witness_wait(m);
	note_taken(m, false);
	must(pthread_cond_wait(&c->c, &m->m), "cond_wait");
	note_taken(m, true);
}

bool
cond_wait_until(struct cond *c, struct mutex *m, uint64_t mono_ns)
{
	struct timespec ts = clock_timespec(mono_ns);
	int err;

	witness_wait(m);
	note_taken(m, false);
	err = pthread_cond_timedwait(&c->c, &m->m, &ts);
	note_taken(m, true);
	if (err == ETIMEDOUT)
		return false;
	must(err, "cond_wait_until");
	return true;
}

void
cond_signal(struct cond *c)
{
	must(pthread_cond_signal(&c->c), "cond_signal");
}

void
cond_broadcast(struct cond *c)
{
	must(pthread_cond_broadcast(&c->c), "cond_broadcast");
}
