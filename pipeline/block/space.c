/*
 * Segments from ready to used and back, the head, and the disk's free bytes.
 */
#include "pipeline/block/journal.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/base/meter.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { DISK_ASK_NS = 100 * NS_PER_MS,
	LOCAL_LEAST = 64 << 20,	/* some containers, that writes may go on beside uploads */
	SHORT_LEAST = 64 << 20 };

#define SHORT_MOST (1ull << 30)

/* --- the head --- */

enum status
journal_head_change(struct journal *j, void (*change)(struct head *h, void *arg), void *arg)
{
	struct head next;
	enum status st;

	mutex_lock(&j->mutex);
	while (j->head_busy)
		cond_wait(&j->changed, &j->mutex);
	st = (enum status)atomic_load(&j->state);
	j->head_busy = st == OK;
	next = j->head;
	mutex_unlock(&j->mutex);
	if (st != OK)
		return st;
	change(&next, arg);
	next.sequence++;
	st = head_write(j->head_fd, &next, !j->lossy);
	mutex_lock(&j->mutex);
	j->head_busy = false;
	if (st == OK)
		j->head = next;
	cond_broadcast(&j->changed);
	mutex_unlock(&j->mutex);
	if (st != OK) {
		journal_fail(j, st, "head");
		return ST_IO;
	}
	return OK;
}

void
head_take_numbers(struct head *h, struct share *s)
{
	h->next_ino = atomic_load(&s->next_ino);
	h->next_content = atomic_load(&s->next_content);
	h->next_leaf = atomic_load(&s->next_leaf);
	h->next_container = atomic_load(&s->next_container);
	h->epoch = catalog_epoch(s->catalog);
}

/* --- the next segment --- */

static struct segment *
pop_ready(struct journal *j)
{
	struct list *l;

	mutex_lock(&j->mutex);
	l = list_pop_front(&j->ready);
	if (l != NULL)
		j->nready--;
	mutex_unlock(&j->mutex);
	return l == NULL ? NULL : container_of(l, struct segment, link);
}

/* None is ready: one that is being made right now is waited for, else it is made here. */
static enum status
make_one(struct journal *j, struct segment **segp)
{
	uint32_t number;
	uint64_t size;
	enum status st;

	preparer_forget(j);
	*segp = pop_ready(j);
	if (*segp != NULL)
		return OK;
	mutex_lock(&j->mutex);
	number = j->next_number++;
	mutex_unlock(&j->mutex);
	/* A small one will do: zeroing a large one would keep everybody waiting. */
	size = SEGMENT_SMALL_BYTES;
	st = segment_create(j->dirfd, number, size, segp);
	journal_disk_taken(j);
	if (st != OK)
		log_error("journal.segment", F_STR("share", j->share->conf.name),
		    F_STR("status", status_name(st)));
	return st;
}

enum status
journal_next_segment(struct journal *j)
{
	struct segment *seg = pop_ready(j);
	enum status st = OK;

	if (seg == NULL)
		st = make_one(j, &seg);
	if (st != OK)
		return st;
	seg->serial = SERIAL_OF(j->incarnation, ++j->serials);
	seg->first_lsn = seg->last_lsn = 0;
	seg->at = seg->sealed_ns = 0;
	seg->summary_len = seg->summary_items = 0;
	mutex_lock(&j->mutex);
	if (j->current != NULL)
		j->filled_bytes += j->current->size - j->current->at;
	list_push_back(&j->used, &seg->link);
	j->nused++;
	j->current = seg;
	mutex_unlock(&j->mutex);
	return OK;
}

static uint64_t
disk_spare(struct journal *j)
{
	uint64_t disk_free = journal_disk_free(j), kept = atomic_load(&j->share->now.reserve_bytes);

	return disk_free >= kept ? disk_free - kept : 0;
}

/* Is the disk far from full?  Where it is not, nothing is kept that is only nice to have. */
static bool
disk_roomy(struct journal *j)
{
	return disk_spare(j) >= 2 * (uint64_t)LOG_ROOM_BYTES;
}

/*
 * How many segments wait for reuse.  A new one is written twice, first with zeroes; so that a burst
 * of half the cap need not, as many are kept as that takes, where the disk has plenty.
 */
static uint32_t
ready_max(struct journal *j)
{
	uint64_t spare = disk_spare(j), burst = j->data_cap / 2 / j->segment_bytes;

	if (spare < 2 * (uint64_t)LOG_ROOM_BYTES)
		return 1;
	return (uint32_t)MAX(MIN(spare / READY_DISK_PART / j->segment_bytes, burst),
	    (uint64_t)READY_LEAST);
}

void
journal_release_segment(struct journal *j, struct segment *seg)
{
	uint32_t most = ready_max(j);
	bool keep;

	mutex_lock(&j->mutex);
	keep = j->nready < most;
	if (keep) {
		seg->serial = 0;
		list_push_back(&j->ready, &seg->link);
		j->nready++;
		cond_broadcast(&j->changed);
	}
	mutex_unlock(&j->mutex);
	if (!keep) {
		segment_remove(j->dirfd, &seg);
		journal_disk_taken(j);
	}
}

/* A disk that has become short gets back what is kept ready beyond need. */
static void
trim_ready(struct journal *j)
{
	uint32_t most = ready_max(j);
	struct list *l;

	for (;;) {
		struct segment *seg;

		mutex_lock(&j->mutex);
		l = j->nready > most ? list_pop_front(&j->ready) : NULL;
		j->nready -= l != NULL;
		mutex_unlock(&j->mutex);
		if (l == NULL)
			return;
		seg = container_of(l, struct segment, link);
		segment_remove(j->dirfd, &seg);
		journal_disk_taken(j);
	}
}

/* --- checkpoint and recycling --- */

struct checkpoint {
	struct journal *j;
	lsn_t lsn;
};

static void
set_checkpoint(struct head *h, void *arg)
{
	const struct checkpoint *c = arg;

	if (c->lsn > h->checkpoint_lsn)
		h->checkpoint_lsn = c->lsn;
	head_take_numbers(h, c->j->share);
}

enum status
block_checkpoint(struct share *s, lsn_t lsn)
{
	struct journal *j = journal_of(s);
	struct checkpoint c = { j, lsn };
	enum status st;

	if (lsn <= block_checkpoint_lsn(s))
		return OK;
	if (!block_durable(s, lsn))
		return ST_INVAL;
	st = journal_head_change(j, set_checkpoint, &c);
	if (st != OK)
		return st;
	mutex_lock(&j->mutex);
	if (lsn > atomic_load(&j->checkpoint))
		atomic_store_explicit(&j->checkpoint, lsn, memory_order_release);
	mutex_unlock(&j->mutex);
	meter_add(METER_CHECKPOINTS, 1);
	journal_room(j);
	return OK;
}

lsn_t
block_checkpoint_lsn(const struct share *s)
{
	return atomic_load_explicit(&journal_of(s)->checkpoint, memory_order_acquire);
}

/*
 * May the oldest segment go?  It is full, its records are in the store, nobody cites its data, no
 * piece of the index is as old.  Young ones stay while there is plenty of room: their NOTEs answer
 * who asks again after a crash.
 */
static struct segment *
oldest_free(struct journal *j)
{
	struct segment *seg = NULL;
	lsn_t oldest;
	bool roomy = disk_roomy(j);

	mutex_lock(&j->mutex);
	if (j->nused > 1)
		seg = container_of(j->used.next, struct segment, link);
	roomy &= j->filled_bytes < j->space_cap / 4;
	mutex_unlock(&j->mutex);
	if (seg == NULL || seg->last_lsn > block_checkpoint_lsn(j->share) || segment_cited(seg))
		return NULL;
	if (roomy && seg->sealed_ns != 0 && seg->sealed_ns + NOTES_KEPT_NS > clock_mono_ns())
		return NULL;
	oldest = index_oldest_data(j->share->block->index);
	return oldest != 0 && oldest <= seg->last_lsn ? NULL : seg;
}

static void
set_data_start(struct head *h, void *arg)
{
	const struct segment *seg = arg;

	h->data_serial = seg->serial;
	h->data_lsn = seg->first_lsn;
}

/* The head says first that the log begins behind it; then its bytes may go. */
static bool
free_oldest(struct journal *j, struct segment *seg)
{
	struct segment *next;

	mutex_lock(&j->mutex);
	next = container_of(seg->link.next, struct segment, link);
	mutex_unlock(&j->mutex);
	if (journal_head_change(j, set_data_start, next) != OK)
		return false;
	mutex_lock(&j->mutex);
	list_remove(&seg->link);
	j->nused--;
	j->filled_bytes -= seg->size;
	mutex_unlock(&j->mutex);
	journal_release_segment(j, seg);
	return true;
}

uint32_t
block_recycle(struct share *s)
{
	struct journal *j = journal_of(s);
	struct segment *seg;
	uint32_t n = 0;

	trim_ready(j);
	while ((seg = oldest_free(j)) != NULL) {
		/* What took the place of its data may not be durable yet. */
		if (block_wait(s, atomic_load(&j->assigned)) != OK || !free_oldest(j, seg))
			break;
		n++;
	}
	if (n > 0)
		journal_room(j);
	return n;
}

/* --- free bytes --- */

static uint64_t
free_at(int dirfd, const char *path)
{
	struct statfs v;
	int fd = openat(dirfd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int err = fd < 0 ? -1 : fstatfs(fd, &v);

	if (fd >= 0)
		close(fd);
	return err == 0 ? (uint64_t)v.f_bavail * (uint64_t)v.f_bsize : UINT64_MAX;
}

uint64_t
journal_disk_free(struct journal *j)
{
	uint64_t now = clock_mono_ns(), asked = atomic_load(&j->disk_asked_ns), least, one;
	char path[sizeof j->share->conf.meta + 4];

	if (asked != 0 && now - asked < DISK_ASK_NS)
		return atomic_load(&j->disk_free);
	if (!atomic_compare_exchange_strong(&j->disk_asked_ns, &asked, now) && asked != 0)
		return atomic_load(&j->disk_free);	/* somebody else asks right now */
	/* The store and the containers may be on other disks, mounted below the share's folder. */
	least = free_at(j->dirfd, ".");
	one = free_at(j->dirfd, "..");
	least = MIN(least, one);
	one = free_at(j->dirfd, "../containers");
	least = MIN(least, one);
	snprintf(path, sizeof path, "../%s", j->share->conf.meta);
	one = free_at(j->dirfd, path);
	least = MIN(least, one);
	atomic_store(&j->disk_free, least);
	return least;
}

void
journal_disk_taken(struct journal *j)
{
	atomic_store(&j->disk_asked_ns, 0);
}

bool
block_disk_room(struct share *s, uint64_t bytes)
{
	uint64_t room;

	journal_disk_taken(journal_of(s));	/* so that the figure is one of now */
	room = journal_disk_free(journal_of(s));
	return room >= LOG_ROOM_BYTES && room - LOG_ROOM_BYTES >= bytes;
}

bool
block_disk_short(struct share *s)
{
	struct journal *j = journal_of(s);
	uint64_t kept = atomic_load(&s->now.reserve_bytes);

	journal_disk_taken(j);
	return disk_spare(j) < MIN(MAX(kept, (uint64_t)SHORT_LEAST), SHORT_MOST);
}

void
block_usage_read(struct share *s, struct block_usage *out)
{
	struct journal *j = journal_of(s);
	struct index *ix = s->block->index;

	*out = (struct block_usage){ 0 };
	mutex_lock(&j->mutex);
	out->journal_bytes = j->filled_bytes;
	out->segments = j->nused;
	out->records_bytes = j->records_cap;
	mutex_unlock(&j->mutex);
	out->dirty_bytes = index_live_bytes(ix);
	out->unapplied_bytes = catalog_unapplied_bytes(s->catalog);
	out->cap_bytes = j->data_cap;
	out->space_bytes = j->space_cap;
	out->local_bytes = j->local_cap;
	out->disk_free = journal_disk_free(j);
	out->places_max = j->places_max;
	out->places = (uint32_t)MIN(index_places(ix), (uint64_t)UINT32_MAX);
}

void
journal_caps(struct journal *j)
{
	uint64_t data = atomic_load(&j->share->now.journal_bytes);
	uint64_t local = atomic_load(&j->share->now.local_bytes);

	j->data_cap = data;
	j->local_cap = j->share->remote == NULL || local == 0 ? 0 :
	    MAX(local, (uint64_t)LOCAL_LEAST);
	/* Padding and records take room beside the data, and full segments wait for older ones. */
	j->space_cap = data * 2 + 4ull * j->segment_bytes;
}

void
block_retuned(struct share *s)
{
	journal_caps(journal_of(s));
	trim_ready(journal_of(s));
	journal_room(journal_of(s));
}
