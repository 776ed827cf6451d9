/*
 * One thread writes the groups of all journals of a disk.  It gathers while the previous write
 * runs: what was appended meanwhile is the next group.  While nobody waits it lets a tick pass,
 * or much come, and what was written early for that is synced when its tick has passed; when
 * nothing is pending anywhere it sleeps without a timeout.
 */
#include "pipeline/block/journal.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/thread.h"

static struct committer {
	struct mutex mutex;		/* rank POOL */
	struct cond kick, idle;
	struct list journals;
	struct journal *busy;		/* being written */
	bool kicked, sleeping, stop;
	_Atomic bool deep;		/* sleeping without a timeout */
	uint64_t tick_ns;
	struct thread thread;
} committer;

/* Is it time to write, or sync, what this journal has?  Else when, as far as that is known. */
static bool
due(struct journal *j, uint64_t now, uint64_t *next, bool *vouch)
{
	uint64_t when = UINT64_MAX;
	bool is_due = false;

	*vouch = false;
	mutex_lock(&j->mutex);
	if (!list_empty(&j->pending) || j->unsynced_bytes > 0) {
		is_due = j->wanted > atomic_load(&j->durable) ||
		    j->pending_bytes >= PENDING_KICK_BYTES || atomic_load(&j->state) != OK;
		when = j->unsynced_bytes > 0 ? j->unsynced_ns : j->pending_since_ns;
		when += committer.tick_ns;
	} else if (j->wrote_ns != 0 && !j->lossy) {
		when = j->wrote_ns + VOUCH_NS;
		*vouch = when <= now;
	}
	mutex_unlock(&j->mutex);
	if (!is_due && when > now && when < *next)
		*next = when;
	return is_due || when <= now;
}

/* Write what is due in one journal; the committer's mutex is held around. */
static void
serve_locked(struct committer *c, struct journal *j, uint64_t *next)
{
	bool vouch, wrote;

	c->busy = j;
	mutex_unlock(&c->mutex);
	wrote = due(j, clock_mono_ns(), next, &vouch);
	if (wrote)
		journal_write(j, vouch);
	mutex_lock(&c->mutex);
	c->busy = NULL;
	c->kicked |= wrote;		/* look again: more has come meanwhile */
	cond_broadcast(&c->idle);
}

/* Look at each once.  One that is removed meanwhile waits for us; so the place in the list is
 * kept by moving who was served to the end. */
static uint64_t
serve_all_locked(struct committer *c)
{
	uint64_t next = UINT64_MAX;
	uint32_t n = 0;

	LIST_EACH(l, &c->journals)
		n++;
	while (n-- > 0) {
		struct list *l = list_pop_front(&c->journals);

		if (l == NULL)
			break;
		list_push_back(&c->journals, l);
		serve_locked(c, container_of(l, struct journal, link), &next);
	}
	return next;
}

/* Dekker: `deep` is set before the lists are looked at, a list grows before `deep` is. */
static bool
anything_pending_locked(struct committer *c)
{
	LIST_EACH(l, &c->journals)
		if (atomic_load(&container_of(l, struct journal, link)->npending) > 0)
			return true;
	return false;
}

static void
sleep_locked(struct committer *c, uint64_t next)
{
	c->sleeping = true;
	if (next != UINT64_MAX) {
		(void)cond_wait_until(&c->kick, &c->mutex, next);
	} else {
		atomic_store(&c->deep, true);
		if (!anything_pending_locked(c))
			cond_wait(&c->kick, &c->mutex);
		atomic_store(&c->deep, false);
	}
	c->sleeping = false;
}

static void
run(void *arg)
{
	struct committer *c = arg;

	mutex_lock(&c->mutex);
	while (!c->stop) {
		uint64_t next;

		c->kicked = false;
		next = serve_all_locked(c);
		if (!c->kicked && !c->stop)
			sleep_locked(c, next);
	}
	mutex_unlock(&c->mutex);
}

void
committer_start(uint32_t tick_ms)
{
	mutex_init(&committer.mutex, RANK_POOL, UINT64_MAX - 1);
	cond_init(&committer.kick);
	cond_init(&committer.idle);
	list_init(&committer.journals);
	committer.busy = NULL;
	committer.kicked = committer.sleeping = committer.stop = false;
	committer.tick_ns = tick_ms * NS_PER_MS;
	thread_start(&committer.thread, "commit", 0, run, &committer);
}

void
committer_stop(void)
{
	mutex_lock(&committer.mutex);
	assert(list_empty(&committer.journals));
	committer.stop = true;
	cond_signal(&committer.kick);
	mutex_unlock(&committer.mutex);
	thread_join(&committer.thread);
	cond_destroy(&committer.kick);
	cond_destroy(&committer.idle);
	mutex_destroy(&committer.mutex);
}

uint64_t
committer_tick_ns(void)
{
	return committer.tick_ns;
}

void
committer_kick(void)
{
	mutex_lock(&committer.mutex);
	committer.kicked = true;
	if (committer.sleeping)
		cond_signal(&committer.kick);
	mutex_unlock(&committer.mutex);
}

void
committer_appended(void)
{
	if (atomic_load(&committer.deep))
		committer_kick();
}

void
committer_add(struct journal *j)
{
	mutex_lock(&committer.mutex);
	list_push_back(&committer.journals, &j->link);
	mutex_unlock(&committer.mutex);
}

void
committer_remove(struct journal *j)
{
	mutex_lock(&committer.mutex);
	list_remove(&j->link);
	while (committer.busy == j)
		cond_wait(&committer.idle, &committer.mutex);
	mutex_unlock(&committer.mutex);
}
