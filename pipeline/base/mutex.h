/*
 * Ranked mutexes.  With the witness on (tests, --witness) each thread's held mutexes are known:
 * taking one of a lower rank, or of an equal rank and no greater number, panics.  A mutex is never
 * held over I/O, a contract call, a sink or a park; so who finds one taken looks a while whether
 * it comes free before he sleeps.
 */
#ifndef BASE_MUTEX_H
#define BASE_MUTEX_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum rank {
#define RANK(name) RANK_##name,
#include "pipeline/base/rank.def"
#undef RANK
	RANK_COUNT
};

struct mutex {
	pthread_mutex_t m;
	_Atomic bool taken;		/* a hint for who spins */
	uint64_t number;
	enum rank rank;
};

/* For a mutex that is a static of its file. */
#define MUTEX_STATIC(name, rank_, number_)					\
	struct mutex name = { .m = PTHREAD_MUTEX_INITIALIZER, .number = (number_),	\
		.rank = (rank_) }

struct cond {
	pthread_cond_t c;		/* waits on the monotonic clock */
};

void mutex_witness(bool on);		/* once, before threads start */
void mutex_init(struct mutex *m, enum rank rank, uint64_t number);
void mutex_destroy(struct mutex *m);
void mutex_lock(struct mutex *m);
bool mutex_trylock(struct mutex *m);	/* exempt from the order: it cannot deadlock */
void mutex_unlock(struct mutex *m);
void mutex_assert_owned(const struct mutex *m);	/* with the witness only */
void mutex_assert_none(void);		/* this thread holds none: asked before waiting */

void cond_init(struct cond *c);
void cond_destroy(struct cond *c);
void cond_wait(struct cond *c, struct mutex *m);
bool cond_wait_until(struct cond *c, struct mutex *m, uint64_t mono_ns); /* false: timed out */
void cond_signal(struct cond *c);
void cond_broadcast(struct cond *c);

#endif
