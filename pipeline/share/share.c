/*
 * A share's life as a counted object.  What is inside it is made and taken apart by mgmt/shares;
 * readers may have found it in the registry without a lock, so its memory goes by epoch.
 */
#include "pipeline/share/share.h"

#include "pipeline/stage/worker.h"

#include <stdlib.h>

#define GATHERING ((int64_t)1 << 40)	/* keeps the count from zero while it is not whole */

struct share *
share_new(const struct share_conf *conf)
{
	struct share *s = aligned_alloc(_Alignof(struct share), sizeof *s);
	struct share_tuning t;

	if (s == NULL)
		panic("no memory for a share");
	memset(s, 0, sizeof *s);
	s->magic = SHARE_MAGIC;
	atomic_init(&s->refs, 1);
	s->conf = *conf;
	atomic_init(&s->rules, rules_new(conf));
	t = share_tuning_of(conf);
	share_tuning_set(s, &t);
	atomic_init(&s->state, SHARE_CLOSED);
	mutex_init(&s->order, RANK_ORDER, 0);
	s->place = UINT32_MAX;
	return s;
}

/* One of our own for each worker; whoever else comes shares the first. */
static _Atomic int64_t *
my_shard(struct share *s)
{
	const struct worker *self = worker_self();

	return &s->shards[self != NULL ? 1 + worker_index(self) % (SHARE_SHARDS - 1) : 0].n;
}

/* In a section, which share_gather waits for: who has found it sharded has counted by then. */
static int64_t
count(struct share *s, int64_t by)
{
	if (atomic_load_explicit(&s->sharded, memory_order_acquire)) {
		atomic_fetch_add_explicit(my_shard(s), by, memory_order_release);
		return 1;
	}
	return atomic_fetch_add_explicit(&s->refs, by, memory_order_acq_rel) + by;
}

struct share *
share_ref(struct share *s)
{
	CHECK(s, SHARE_MAGIC);
	epoch_begin();
	count(s, 1);
	epoch_end();
	return s;
}

bool
share_ref_live(struct share *s)
{
	int64_t n;

	if (atomic_load_explicit(&s->sharded, memory_order_acquire)) {
		count(s, 1);
		return true;
	}
	n = atomic_load_explicit(&s->refs, memory_order_relaxed);
	while (n > 0)
		if (atomic_compare_exchange_weak_explicit(&s->refs, &n, n + 1,
		    memory_order_acquire, memory_order_relaxed))
			return true;
	return false;
}

void
share_spread(struct share *s)
{
	atomic_store_explicit(&s->sharded, true, memory_order_release);
}

void
share_gather(struct share *s)
{
	int64_t sum = -GATHERING;

	atomic_fetch_add(&s->refs, GATHERING);
	atomic_store(&s->sharded, false);
	epoch_drain();
	for (int i = 0; i < SHARE_SHARDS; i++)
		sum += atomic_exchange(&s->shards[i].n, 0);
	sum += atomic_fetch_add(&s->refs, sum);
	assert(sum > 0);		/* the caller's is among them */
}

int64_t
share_holders(struct share *s)
{
	int64_t n = atomic_load_explicit(&s->refs, memory_order_acquire);

	for (int i = 0; i < SHARE_SHARDS; i++)
		n += atomic_load_explicit(&s->shards[i].n, memory_order_acquire);
	return n;
}

static void
share_free(struct epoch_entry *e)
{
	struct share *s = container_of(e, struct share, epoch);

	mutex_destroy(&s->order);
	s->magic = 0;
	rules_put(&(struct share_rules *){ atomic_load(&s->rules) });
	free(s);
}

void
share_put(struct share **sp)
{
	struct share *s = TAKE(sp);
	int64_t left;

	if (s == NULL)
		return;
	CHECK(s, SHARE_MAGIC);
	epoch_begin();
	left = count(s, -1);
	epoch_end();
	assert(left >= 0);
	if (left > 0)
		return;
	assert(atomic_load(&s->state) == SHARE_CLOSED);
	assert(s->catalog == NULL && s->block == NULL && s->inodes == NULL && s->sync == NULL);
	if (s->store != NULL) {
		struct meta_store *store = TAKE(&s->store);

		store->ops->close(store);
	}
	epoch_defer(&s->epoch, share_free);
}

/* In a section: whoever swaps lets go of the old only when all sections that saw it are over. */
struct share_rules *
share_rules_get(struct share *s)
{
	struct share_rules *r;

	epoch_begin();
	r = rules_ref(atomic_load_explicit(&s->rules, memory_order_acquire));
	epoch_end();
	return r;
}

struct share_rules *
share_rules_swap(struct share *s, struct share_rules *rules)
{
	struct share_rules *old = atomic_exchange_explicit(&s->rules, rules, memory_order_acq_rel);

	rules_ref(old);			/* the caller's */
	rules_put_late(&(struct share_rules *){ old });
	return old;
}

/* The allocator stands past everything that any earlier incarnation may have handed out. */
uint64_t
share_new_ino(struct share *s)
{
	return atomic_fetch_add_explicit(&s->next_ino, 1, memory_order_relaxed);
}
