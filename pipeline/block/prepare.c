/*
 * Segments made ahead: zeroing 64 MiB takes tens of milliseconds, so one thread does it for all
 * journals before the committer needs them.
 */
#include "pipeline/block/journal.h"

#include "pipeline/base/log.h"
#include "pipeline/base/thread.h"

static struct preparer {
	struct mutex mutex;		/* rank POOL */
	struct cond changed;
	struct list asked;		/* journals, by prepare_link */
	struct journal *busy;
	bool stop;
	struct thread thread;
} preparer;

/* The file's number, and its size: the first few are small. */
static uint64_t
next_file(struct journal *j, uint32_t *number)
{
	mutex_lock(&j->mutex);
	*number = j->next_number++;
	mutex_unlock(&j->mutex);
	return *number <= SEGMENT_SMALL_COUNT ? (uint64_t)SEGMENT_SMALL_BYTES : j->segment_bytes;
}

static void
prepare(struct journal *j)
{
	struct segment *seg;
	uint32_t number;
	uint64_t size;
	enum status st;
	bool enough;

	mutex_lock(&j->mutex);
	enough = j->nready > 0;
	mutex_unlock(&j->mutex);
	if (enough || block_state(j->share) != OK)
		return;
	/* Not from what is kept for the segment without which the log cannot go on. */
	if (!block_disk_room(j->share, j->segment_bytes))
		return;
	size = next_file(j, &number);
	st = segment_create(j->dirfd, number, size, &seg);
	journal_disk_taken(j);
	if (st != OK) {
		/* Nothing is lost yet: who needs the segment tries again and decides. */
		log_warn("journal.segment", F_STR("share", j->share->conf.name),
		    F_STR("status", status_name(st)));
		return;
	}
	mutex_lock(&j->mutex);
	list_push_back(&j->ready, &seg->link);
	j->nready++;
	cond_broadcast(&j->changed);
	mutex_unlock(&j->mutex);
}

static void
run(void *arg)
{
	struct preparer *p = arg;

	mutex_lock(&p->mutex);
	while (!p->stop) {
		struct list *l = list_pop_front(&p->asked);

		if (l == NULL) {
			cond_wait(&p->changed, &p->mutex);
			continue;
		}
		p->busy = container_of(l, struct journal, prepare_link);
		mutex_unlock(&p->mutex);
		prepare(p->busy);
		mutex_lock(&p->mutex);
		p->busy = NULL;
		cond_broadcast(&p->changed);
	}
	mutex_unlock(&p->mutex);
}

void
preparer_start(void)
{
	mutex_init(&preparer.mutex, RANK_POOL, UINT64_MAX);
	cond_init(&preparer.changed);
	list_init(&preparer.asked);
	preparer.busy = NULL;
	preparer.stop = false;
	thread_start(&preparer.thread, "prepare", 10, run, &preparer);
	thread_leave_core(&preparer.thread, true);
}

void
preparer_stop(void)
{
	mutex_lock(&preparer.mutex);
	preparer.stop = true;
	cond_broadcast(&preparer.changed);
	mutex_unlock(&preparer.mutex);
	thread_join(&preparer.thread);
	cond_destroy(&preparer.changed);
	mutex_destroy(&preparer.mutex);
}

void
preparer_ask(struct journal *j)
{
	mutex_lock(&preparer.mutex);
	if (list_empty(&j->prepare_link) && preparer.busy != j) {
		list_push_back(&preparer.asked, &j->prepare_link);
		cond_broadcast(&preparer.changed);
	}
	mutex_unlock(&preparer.mutex);
}

void
preparer_forget(struct journal *j)
{
	mutex_lock(&preparer.mutex);
	list_remove(&j->prepare_link);
	while (preparer.busy == j)
		cond_wait(&preparer.changed, &preparer.mutex);
	mutex_unlock(&preparer.mutex);
}
