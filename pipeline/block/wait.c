/*
 * Who waits for a journal: jobs and threads for durability, jobs for room.
 */
#include "pipeline/block/journal.h"

#include "pipeline/base/log.h"
#include "pipeline/base/meter.h"
#include "pipeline/base/rand.h"
#include "pipeline/stage/park.h"

enum { WAKE_BATCH = 64 };

static struct job *
job_of(struct list *l)
{
	return container_of(l, struct job, link);
}

/* Take jobs of a list whose wait_lsn is at most lsn, up to a batch; the journal's mutex is held. */
static uint32_t
take_locked(struct list *from, lsn_t lsn, struct job *v[WAKE_BATCH])
{
	uint32_t n = 0;

	LIST_EACH(l, from) {
		if (n == WAKE_BATCH)
			break;
		if (job_of(l)->wait_lsn > lsn)
			continue;
		list_remove(l);
		v[n++] = job_of(l);
	}
	return n;
}

static void
wake_up_to(struct journal *j, struct list *from, lsn_t lsn)
{
	struct job *v[WAKE_BATCH];
	uint32_t n;

	do {
		mutex_lock(&j->mutex);
		n = take_locked(from, lsn, v);
		mutex_unlock(&j->mutex);
		if (n > 0)
			job_wake_many(v, n);
	} while (n == WAKE_BATCH);
}

void
journal_settled(struct journal *j, lsn_t lsn)
{
	mutex_lock(&j->mutex);
	atomic_store_explicit(&j->durable, lsn, memory_order_release);
	cond_broadcast(&j->changed);
	mutex_unlock(&j->mutex);
	wake_up_to(j, &j->waiters, lsn);
}

void
journal_fail(struct journal *j, enum status st, const char *what)
{
	uint64_t verifier = 0;

	while (verifier == 0 || verifier == atomic_load(&j->share->verifier))
		rand_bytes(&verifier, sizeof verifier);
	mutex_lock(&j->mutex);
	if (atomic_load(&j->state) != OK) {
		mutex_unlock(&j->mutex);
		return;
	}
	/* The verifier first: who sees the failed state must not read the old one. */
	atomic_store_explicit(&j->share->verifier, verifier, memory_order_release);
	atomic_store_explicit(&j->state, ST_IO, memory_order_release);
	cond_broadcast(&j->changed);
	mutex_unlock(&j->mutex);
	log_error("journal.failed", F_STR("share", j->share->conf.name), F_STR("what", what),
	    F_STR("status", status_name(st)), F_HEX("durable", atomic_load(&j->durable)));
	wake_up_to(j, &j->waiters, UINT64_MAX);
	journal_room(j);
}

bool
journal_park(struct journal *j, struct job *job)
{
	bool waits;

	mutex_lock(&j->mutex);
	waits = atomic_load(&j->state) == OK && job->wait_lsn > atomic_load(&j->durable);
	if (waits) {
		park_begin(job, 0, NULL);
		list_push_back(&j->waiters, &job->link);
		if (job->wait_lsn > j->wanted)
			j->wanted = job->wait_lsn;
	}
	mutex_unlock(&j->mutex);
	if (waits)
		committer_kick();
	return waits;
}

enum status
block_wait(struct share *s, lsn_t lsn)
{
	struct journal *j = journal_of(s);
	enum status st = OK;

	mutex_lock(&j->mutex);
	if (lsn > j->wanted)
		j->wanted = lsn;
	mutex_unlock(&j->mutex);
	if (!block_durable(s, lsn))
		committer_kick();
	mutex_lock(&j->mutex);
	while (lsn > atomic_load(&j->durable) && (st = (enum status)atomic_load(&j->state)) == OK)
		cond_wait(&j->changed, &j->mutex);
	mutex_unlock(&j->mutex);
	return st;
}

bool
block_durable(const struct share *s, lsn_t lsn)
{
	return lsn <= block_durable_lsn(s);
}

/* Acquire pairs with the release in journal_settled: what was written before is seen. */
lsn_t
block_durable_lsn(const struct share *s)
{
	return atomic_load_explicit(&journal_of(s)->durable, memory_order_acquire);
}

enum status
block_state(const struct share *s)
{
	return (enum status)atomic_load_explicit(&journal_of(s)->state, memory_order_acquire);
}

/* --- room --- */

void
journal_room(struct journal *j)
{
	struct job *v[WAKE_BATCH];
	uint32_t n;

	mutex_lock(&j->mutex);
	j->full = false;
	do {		/* those who park meanwhile have asked after `full` was taken back */
		n = take_locked(&j->parked, UINT64_MAX, v);
		mutex_unlock(&j->mutex);
		if (n > 0)
			job_wake_many(v, n);
		mutex_lock(&j->mutex);
	} while (n == WAKE_BATCH);
	mutex_unlock(&j->mutex);
}

/* The park's deadline has passed: is the job still on our list? */
static bool
expire(struct job *job)
{
	struct journal *j = journal_of(job->share);
	bool there;

	mutex_lock(&j->mutex);
	there = !list_empty(&job->link);
	list_remove(&job->link);
	mutex_unlock(&j->mutex);
	return there;
}

bool
block_admit_park(struct share *s, struct job *job, uint64_t deadline_ns)
{
	struct journal *j = journal_of(s);
	bool waits;

	mutex_lock(&j->mutex);
	waits = j->full && atomic_load(&j->state) == OK;
	if (waits) {
		park_begin(job, deadline_ns, expire);
		list_push_back(&j->parked, &job->link);
	}
	mutex_unlock(&j->mutex);
	if (waits)
		meter_add(METER_WRITERS_PARKED, 1);
	return waits;
}

bool
block_slow_park(struct share *s, struct job *job, uint64_t until_ns)
{
	struct journal *j = journal_of(s);
	bool waits;

	mutex_lock(&j->mutex);
	waits = atomic_load(&j->state) == OK;
	if (waits) {
		park_begin(job, until_ns, expire);
		list_push_back(&j->parked, &job->link);
	}
	mutex_unlock(&j->mutex);
	if (waits)
		meter_add(METER_WRITERS_SLOWED, 1);
	return waits;
}
