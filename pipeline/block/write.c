/*
 * Writing groups.  The committer takes what is pending, writes as much of it as one group holds,
 * tells each datum where it lies now, syncs when that is due, and settles.  A group that cannot be
 * written or synced ends the journal: nothing is tried twice.  engine.md §3.
 */
#include "pipeline/block/journal.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/file.h"
#include "pipeline/base/lane.h"
#include "pipeline/base/log.h"
#include "pipeline/base/meter.h"
#include "pipeline/block/direct.h"
#include "pipeline/block/disk.h"
#include "pipeline/block/group.h"

#include <stdlib.h>
#include <unistd.h>

enum {
	IOV_MAX_GROUP = 1000,
	SUMMARY_GROW = 1 << 16,
	WRITE_BYTES_MAX = 4 << 20,	/* a group, padded */
	ENTRIES_ROOM = GROUP_ENTRIES_MAX + GROUP_BLOCK,	/* header, entries and lead */
};

_Static_assert(WRITE_BYTES_MAX >= GROUP_BYTES_MAX + 2 * GROUP_BLOCK &&
    WRITE_BYTES_MAX >= TXN_RECORDS_MAX + TXN_DATA_MAX + 3 * GROUP_BLOCK, "a group has room");
_Static_assert(IOV_MAX_GROUP + 2 <= DIRECT_PIECES_MAX, "a group's pieces have room");

/* One group under construction: the first n of the taken txns. */
struct batch {
	uint32_t n;
	uint32_t entries_bytes, data_bytes, summary_bytes;
	int slices;
};

/* The committer's, who is one: where entries are encoded, and what is written past the cache. */
static struct direct direct;
static uint8_t *entries_room;

void
journal_write_start(void)
{
	entries_room = xaligned(GROUP_BLOCK, ENTRIES_ROOM);
	direct_init(&direct, WRITE_BYTES_MAX);
}

void
journal_write_stop(void)
{
	free(TAKE(&entries_room));
	direct_fini(&direct);
}

static struct txn *
txn_of(struct list *l)
{
	return container_of(l, struct txn, link);
}

static void
take_pending(struct journal *j)
{
	mutex_lock(&j->mutex);
	list_splice_back(&j->taken, &j->pending);
	if (j->unsynced_bytes == 0)
		j->unsynced_ns = j->pending_since_ns;
	j->pending_bytes = 0;
	atomic_store(&j->npending, 0);
	mutex_unlock(&j->mutex);
}

static uint32_t
summary_bytes(const struct txn *t)
{
	uint32_t bytes = 0;

	for (const struct txn_item *item = t->first; item != NULL; item = item->next)
		bytes += summary_item_bytes(item);
	return bytes;
}

/* Would a group of that size, and later the summary, still lie in the segment? */
static bool
fits(const struct segment *seg, const struct batch *b)
{
	struct group_head h = { .entries_bytes = b->entries_bytes, .data_bytes = b->data_bytes,
		.lead_bytes = group_lead(b->entries_bytes, b->data_bytes) };
	uint64_t group = group_bytes(&h);

	return seg->at + group + seg->summary_len + b->summary_bytes + SUMMARY_HEADER <= seg->size;
}

/* How many of the taken go into one group of the current segment; 0: not even the first fits. */
static struct batch
gather(struct journal *j)
{
	struct batch b = { 0 };

	LIST_EACH(l, &j->taken) {
		const struct txn *t = txn_of(l);
		struct batch with = b;

		with.n++;
		with.entries_bytes += t->record_bytes;
		with.data_bytes += (uint32_t)t->data.len;
		with.summary_bytes += summary_bytes(t);
		with.slices += txn_stored(t)->n;
		if (b.n > 0 && (with.slices > IOV_MAX_GROUP ||
		    with.entries_bytes + with.data_bytes > GROUP_BYTES_MAX))
			break;
		if (!fits(j->current, &with))
			break;
		b = with;
	}
	return b;
}

/* --- syncs --- */

/* A burst of writes nobody waits for is not held up by syncs; but it is not left long, either. */
static bool
sync_is_due(struct journal *j)
{
	bool waited;

	if (j->lossy || j->unsynced_bytes >= UNSYNCED_MAX)
		return true;
	mutex_lock(&j->mutex);
	waited = j->wanted > atomic_load(&j->durable);
	mutex_unlock(&j->mutex);
	return waited || clock_mono_ns() - j->unsynced_ns >= committer_tick_ns();
}

/* All that was written is durable: it lies in the current segment, or in ones that were sealed. */
static enum status
sync_now(struct journal *j)
{
	enum status st = OK;

	if (!j->lossy) {
		st = file_sync(j->current->fd, "journal.sync");
		meter_add(METER_JOURNAL_SYNCS, 1);
	}
	if (st == OK) {
		j->unsynced_bytes = 0;
		journal_settled(j, j->written);
	}
	return st;
}

/* --- the summary that a segment gathers --- */

static void
summarise(struct segment *seg, const struct txn *t, uint32_t data_at)
{
	uint32_t more = summary_bytes(t);
	struct writer w;

	if (more == 0)
		return;
	if (seg->summary_len + more + SUMMARY_HEADER > seg->summary_cap) {
		seg->summary_cap = (uint32_t)round_up(seg->summary_len + more + SUMMARY_HEADER,
		    SUMMARY_GROW) * 2;
		seg->summary = xrealloc(seg->summary, seg->summary_cap);
	}
	w = writer_of(seg->summary + seg->summary_len, more);
	for (const struct txn_item *item = t->first; item != NULL; item = item->next) {
		if (!summary_has(item->kind))
			continue;
		summary_write(&w, item, t->lsn, data_at + item->data_at);
		seg->summary_items++;
	}
	assert(writer_ok(&w));
	seg->summary_len += more;
}

/* Not synced: all groups were, each when it was written, and a segment whose summary is lost is
 * read group by group. */
enum status
journal_seal(struct journal *j)
{
	struct segment *seg = j->current;
	struct summary_head h = { .serial = seg->serial, .first = seg->first_lsn,
		.last = seg->last_lsn, .prev = seg->prev_lsn, .epoch = j->epoch,
		.wall_ns = clock_wall_ns(), .items = seg->summary_items,
		.bytes = seg->summary_len };
	enum status st = OK;

	if (seg->first_lsn == 0)
		return OK;
	/* First what it speaks of; it need not be durable itself. */
	if (j->unsynced_bytes > 0)
		st = sync_now(j);
	if (st != OK)
		return st;
	if (seg->summary_cap < seg->summary_len + SUMMARY_HEADER) {
		seg->summary_cap = seg->summary_len + SUMMARY_HEADER;
		seg->summary = xrealloc(seg->summary, seg->summary_cap);
	}
	summary_seal(&h, j->id, seg->summary);
	st = disk_write(seg->fd, seg->summary, h.bytes + SUMMARY_HEADER,
	    seg->size - SUMMARY_HEADER - h.bytes, "journal.write");
	free(TAKE(&seg->summary));
	seg->summary_len = seg->summary_cap = seg->summary_items = 0;
	seg->sealed_ns = clock_mono_ns();
	return st;
}

/* --- one group --- */

static struct group_head
head_for(struct journal *j, const struct batch *b)
{
	return (struct group_head){
		.serial = j->current->serial,
		.first = b->n > 0 ? txn_of(j->taken.next)->lsn : j->written + 1,
		.prev = j->written,
		.durable = atomic_load(&j->durable),
		.epoch = j->epoch,
		.wall_ns = clock_wall_ns(),
		.count = b->n,
		.entries_bytes = b->entries_bytes,
		.data_bytes = b->data_bytes,
		.lead_bytes = group_lead(b->entries_bytes, b->data_bytes),
	};
}

/* Encode the entries and list header, entries, lead, data and padding for one write. */
static int
lay_out(struct journal *j, const struct batch *b, const struct group_head *h, uint8_t *room,
    struct iovec *iov)
{
	static const uint8_t padding[SEGMENT_BLOCK];
	struct writer w = writer_of(room + GROUP_HEADER, h->entries_bytes);
	uint64_t bytes = group_data_at(h) + h->data_bytes;
	uint32_t n = b->n;
	int k = 1;

	LIST_EACH(l, &j->taken) {
		if (n-- == 0)
			break;
		txn_encode(txn_of(l), &w);
		k += chain_iovec(txn_stored(txn_of(l)), iov + k, IOV_MAX_GROUP - k + 1);
	}
	assert(writer_ok(&w) && w.len == h->entries_bytes);
	group_seal(h, j->id, room);
	memset(room + GROUP_HEADER + h->entries_bytes, 0, h->lead_bytes);
	iov[0] = (struct iovec){ room, group_data_at(h) };
	if (group_bytes(h) > bytes)
		iov[k++] = (struct iovec){ (void *)(uintptr_t)padding, group_bytes(h) - bytes };
	return k;
}

/* Past the page cache, where the file system has a way; it may say so at the first write only. */
static enum status
put_bytes(struct segment *seg, struct iovec *iov, int n, uint64_t at)
{
	enum status st = ST_INVAL;

	if (seg->direct_fd >= 0)
		st = direct_writev(&direct, seg->direct_fd, iov, n, at, "journal.write");
	if (st != ST_INVAL)
		return st;
	if (seg->direct_fd >= 0)
		close(seg->direct_fd);
	seg->direct_fd = -1;
	return disk_writev(seg->fd, iov, n, at, "journal.write");
}

static void
follow_epoch(struct journal *j, const struct txn *t)
{
	for (const struct txn_item *item = t->first; item != NULL; item = item->next)
		if (item->kind == ITEM_CUT && item->from >= j->epoch)
			j->epoch = item->from + 1;
}

static void
hand_over(struct txn *t, struct segment *seg, uint32_t data_at)
{
	for (size_t i = 0; i < ARRAY_LEN(t->datum); i++) {
		struct datum *d = t->datum[i];

		if (d == NULL)
			continue;
		datum_written(d, seg, data_at + d->data_at);
		datum_put(&d);
		t->datum[i] = NULL;
	}
}

/* The group is in the file: its data lies there from now on; its room is taken. */
static void
written(struct journal *j, const struct batch *b, const struct group_head *h, struct list *done)
{
	struct segment *seg = j->current;
	uint32_t at = (uint32_t)(seg->at + group_data_at(h));
	struct list mine;

	list_init(&mine);
	for (uint32_t i = 0; i < b->n; i++) {
		struct txn *t = txn_of(list_pop_front(&j->taken));

		summarise(seg, t, at);
		follow_epoch(j, t);
		hand_over(t, seg, at);
		at += (uint32_t)t->data.len;
		list_push_back(&mine, &t->link);
	}
	mutex_lock(&j->mutex);
	LIST_EACH(l, &mine)
		j->unwritten_bytes -= txn_of(l)->reserved;
	j->filled_bytes += group_bytes(h);
	if (seg->first_lsn == 0) {
		seg->first_lsn = h->first;
		seg->prev_lsn = h->prev;
	}
	seg->last_lsn = group_last(h);
	seg->at += group_bytes(h);
	mutex_unlock(&j->mutex);
	list_splice_back(done, &mine);
	j->unsynced_bytes += group_bytes(h);
	j->written = group_last(h);
	j->wrote_ns = b->n > 0 ? clock_mono_ns() : 0;
}

static void
free_all(struct list *txns)
{
	struct list *l;

	while ((l = list_pop_front(txns)) != NULL) {
		struct txn *t = txn_of(l);

		txn_free(&t);
	}
}

static enum status
write_one(struct journal *j, const struct batch *b)
{
	struct iovec iov[IOV_MAX_GROUP + 2];
	struct group_head h = head_for(j, b);
	enum status st;
	struct list done;
	int n = lay_out(j, b, &h, entries_room, iov);

	list_init(&done);
	st = put_bytes(j->current, iov, n, j->current->at);
	if (st != OK)
		return st;
	written(j, b, &h, &done);
	if (sync_is_due(j))
		st = sync_now(j);
	meter_add(METER_JOURNAL_GROUPS, 1);
	meter_add(METER_JOURNAL_ENTRIES, b->n);
	meter_add(METER_JOURNAL_BYTES, (int64_t)group_bytes(&h));
	free_all(&done);
	if (atomic_load_explicit(&j->full, memory_order_relaxed))
		journal_room(j);	/* change sets have come back, if nothing else */
	return st;
}

/* The next segment should be there before this one is full. */
static void
look_ahead(struct journal *j)
{
	bool bare;

	mutex_lock(&j->mutex);
	bare = j->nready == 0;
	mutex_unlock(&j->mutex);
	if (bare && j->current->at > j->current->size / 4)
		preparer_ask(j);
}

static enum status
write_next(struct journal *j)
{
	struct batch b = gather(j);
	enum status st = OK;

	if (b.n == 0) {
		st = journal_seal(j);
		if (st == OK)
			st = journal_next_segment(j);
		if (st != OK)
			return st;
		b = gather(j);
		assert(b.n > 0);	/* block_reserve refuses what no segment holds */
	}
	st = write_one(j, &b);
	if (st == OK)
		look_ahead(j);
	return st;
}

/* The journal has failed: bytes that were to be read from it stay readable from memory. */
static void
give_up(struct journal *j)
{
	struct list *l;

	take_pending(j);
	j->unsynced_bytes = 0;		/* it never will be */
	mutex_lock(&j->mutex);
	LIST_EACH(t, &j->taken)
		j->unwritten_bytes -= txn_of(t)->reserved;
	mutex_unlock(&j->mutex);
	while ((l = list_pop_front(&j->taken)) != NULL) {
		struct txn *t = txn_of(l);

		for (size_t i = 0; i < ARRAY_LEN(t->datum); i++) {
			struct datum *d = t->datum[i];

			if (d == NULL)
				continue;
			datum_keep(d);
			datum_put(&d);
			t->datum[i] = NULL;
		}
		txn_free(&t);
	}
}

/* An empty group says that all before it was synced: damage there is no torn tail any more. */
static enum status
vouch_now(struct journal *j)
{
	struct batch none = { 0 };

	j->wrote_ns = 0;
	return fits(j->current, &none) ? write_one(j, &none) : OK;
}

void
journal_write(struct journal *j, bool vouch)
{
	enum status st = OK;

	if (block_state(j->share) != OK) {
		give_up(j);
		return;
	}
	lane_log_enters();
	take_pending(j);
	while (st == OK && !list_empty(&j->taken))
		st = write_next(j);
	if (st == OK && j->unsynced_bytes > 0 && sync_is_due(j))
		st = sync_now(j);
	if (st == OK && vouch && j->unsynced_bytes == 0)
		st = vouch_now(j);
	lane_log_leaves();
	if (st != OK) {
		journal_fail(j, st, "group");
		give_up(j);
	}
}
