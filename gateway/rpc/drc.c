/*
 * Sixteen stripes by hash, each a mutex, a fixed set of entries with room for their
 * replies, and chains of them.  An entry in progress belongs to the job that made it and
 * stands on no list but its chain; a finished one also stands in the order of finishing,
 * from whose front old ones are taken when room is needed.  So nothing is allocated after
 * the start, and a flood of calls costs its client the oldest answers, never memory.
 */
#include "gateway/rpc/drc.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/list.h"
#include "pipeline/base/mutex.h"
#include "pipeline/base/num.h"
#include "pipeline/base/rand.h"

#include <stdlib.h>

enum { STRIPES = 16, ENTRIES_LEAST = STRIPES * 4 };

enum entry_state { ENTRY_FREE, ENTRY_BUSY, ENTRY_DONE, ENTRY_REMEMBERED };

struct rpc_drc_entry {
	struct list chain;	/* of its hash; free: the stripe's free list */
	struct list order;	/* of finishing */
	struct stripe *stripe;
	struct rpc_drc_key key;
	uint64_t hash;
	uint64_t done_ns;
	uint8_t state;				/* enum entry_state */
	uint16_t len;
	union {
		uint8_t reply[RPC_DRC_REPLY_MAX];
		struct { uint64_t share, ino; uint32_t gen; } made;
	};
};

struct stripe {
	_Alignas(64) struct mutex mutex;	/* rank DRC */
	struct list free, order;
	struct list *chains;
	uint32_t chains_mask;
	/* the first never used: memory is touched as needed */
	struct rpc_drc_entry *fresh;
	uint32_t nfresh;
};

struct rpc_drc {
	struct stripe stripes[STRIPES];
	struct rpc_drc_entry *entries;
	uint32_t count;
	uint64_t keep_ns;
	uint8_t secret[16];
};

static void
stripe_init(struct stripe *s, uint32_t number, uint32_t chains)
{
	mutex_init(&s->mutex, RANK_DRC, number);
	list_init(&s->free);
	list_init(&s->order);
	s->chains = xmalloc(chains * sizeof *s->chains);
	s->chains_mask = chains - 1;
	for (uint32_t i = 0; i < chains; i++)
		list_init(&s->chains[i]);
}

struct rpc_drc *
rpc_drc_new(uint32_t entries, uint64_t bytes, uint64_t keep_ns)
{
	struct rpc_drc *drc = aligned_alloc(64, round_up(sizeof *drc, 64));
	uint64_t fit = bytes / sizeof(struct rpc_drc_entry);
	uint32_t chains = 4;

	if (drc == NULL)
		panic("no memory for the duplicate request cache");
	memset(drc, 0, sizeof *drc);
	fit = MAX(MIN((uint64_t)entries, fit), (uint64_t)ENTRIES_LEAST);
	drc->count = (uint32_t)fit / STRIPES * STRIPES;
	drc->keep_ns = keep_ns;
	rand_bytes(drc->secret, sizeof drc->secret);
	while (chains < drc->count / STRIPES * 2 && chains < 1u << 20)
		chains *= 2;
	drc->entries = xcalloc(drc->count, sizeof *drc->entries);
	for (uint32_t i = 0; i < STRIPES; i++) {
		stripe_init(&drc->stripes[i], i, chains);
		drc->stripes[i].nfresh = drc->count / STRIPES;
		drc->stripes[i].fresh = &drc->entries[i * (drc->count / STRIPES)];
	}
	return drc;
}

void
rpc_drc_free(struct rpc_drc **drcp)
{
	struct rpc_drc *drc = TAKE(drcp);

	if (drc == NULL)
		return;
	for (uint32_t i = 0; i < STRIPES; i++) {
		mutex_destroy(&drc->stripes[i].mutex);
		free(drc->stripes[i].chains);
	}
	free(drc->entries);
	free(drc);
}

uint32_t
rpc_drc_capacity(const struct rpc_drc *drc)
{
	return drc->count;
}

uint32_t
rpc_drc_sum(const void *args, size_t len)
{
	uint8_t tail[8];

	put_be64(tail, len);
	return crc32c(crc32c(0, args, MIN(len, (size_t)RPC_DRC_SUM_BYTES)), tail,
	    sizeof tail);
}

static bool
same(const struct rpc_drc_key *a, const struct rpc_drc_key *b)
{
	return a->xid == b->xid && a->sum == b->sum && a->proc == b->proc &&
	    a->prog == b->prog && a->vers == b->vers &&
	    memcmp(a->addr, b->addr, sizeof a->addr) == 0;
}

static struct stripe *
stripe_of(struct rpc_drc *drc, uint64_t hash)
{
	return &drc->stripes[hash % STRIPES];
}

static struct list *
chain_of(struct stripe *s, uint64_t hash)
{
	return &s->chains[(hash / STRIPES) & s->chains_mask];
}

static void
free_locked(struct stripe *s, struct rpc_drc_entry *e)
{
	list_remove(&e->chain);
	if (e->state != ENTRY_BUSY)
		list_remove(&e->order);
	e->state = ENTRY_FREE;
	list_push_front(&s->free, &e->chain);
}

static struct rpc_drc_entry *
find_locked(struct rpc_drc *drc, struct stripe *s, uint64_t hash,
    const struct rpc_drc_key *key)
{
	LIST_EACH(it, chain_of(s, hash)) {
		struct rpc_drc_entry *e = container_of(it, struct rpc_drc_entry, chain);

		if (e->hash != hash || !same(&e->key, key))
			continue;
		if (e->state == ENTRY_BUSY || clock_mono_ns() - e->done_ns < drc->keep_ns)
			return e;
		free_locked(s, e);
		return NULL;
	}
	return NULL;
}

/* An entry without a call: a free one, or an expired one, or one never used, or the one
 * that was answered longest ago.  NULL: all are in progress. */
static struct rpc_drc_entry *
room_locked(struct rpc_drc *drc, struct stripe *s)
{
	struct rpc_drc_entry *oldest = list_empty(&s->order) ? NULL :
	    container_of(s->order.next, struct rpc_drc_entry, order);
	bool expired = oldest != NULL &&
	    clock_mono_ns() - oldest->done_ns >= drc->keep_ns;

	if (list_empty(&s->free) && !expired && s->nfresh > 0) {
		s->nfresh--;
		return s->fresh++;
	}
	if (list_empty(&s->free)) {
		if (oldest == NULL)
			return NULL;
		free_locked(s, oldest);
	}
	return container_of(list_pop_front(&s->free), struct rpc_drc_entry, chain);
}

static struct rpc_drc_entry *
take_locked(struct rpc_drc *drc, struct stripe *s, uint64_t hash,
    const struct rpc_drc_key *key)
{
	struct rpc_drc_entry *e = room_locked(drc, s);

	if (e == NULL)
		return NULL;
	e->stripe = s;
	e->key = *key;
	e->hash = hash;
	list_push_front(chain_of(s, hash), &e->chain);
	return e;
}

/* Addresses and xids are strangers' choice: keyed, so that none can aim at one chain. */
static uint64_t
hash_of(const struct rpc_drc *drc, const struct rpc_drc_key *key)
{
	uint8_t flat[36];

	memcpy(flat, key->addr, 16);
	put_le32(flat + 16, key->xid);
	put_le32(flat + 20, key->prog);
	put_le32(flat + 24, key->vers);
	put_le32(flat + 28, key->proc);
	put_le32(flat + 32, key->sum);
	return siphash24(drc->secret, flat, sizeof flat);
}

/* What is known of a call that was found. */
static enum rpc_drc_verdict
tell_locked(const struct rpc_drc_entry *e, struct arena *arena, struct rpc_drc_hit *hit)
{
	const uint8_t *copy;

	if (e->state == ENTRY_BUSY)
		return RPC_DRC_BUSY;
	if (e->state == ENTRY_REMEMBERED) {
		hit->share = e->made.share;
		hit->ino = e->made.ino;
		hit->gen = e->made.gen;
		return RPC_DRC_REMEMBERED;
	}
	if ((copy = arena_copy(arena, e->reply, e->len)) == NULL)
		return RPC_DRC_BUSY;		/* it will ask again */
	hit->reply = slice_of(copy, e->len);
	return RPC_DRC_DONE;
}

enum rpc_drc_verdict
rpc_drc_begin(struct rpc_drc *drc, const struct rpc_drc_key *key, struct arena *arena,
    struct rpc_drc_hit *hit)
{
	uint64_t hash = hash_of(drc, key);
	struct stripe *s = stripe_of(drc, hash);
	enum rpc_drc_verdict verdict;
	struct rpc_drc_entry *e;

	*hit = (struct rpc_drc_hit){ 0 };
	__builtin_prefetch(chain_of(s, hash), 1);	/* it comes while the mutex is taken */
	mutex_lock(&s->mutex);
	__builtin_prefetch(s->order.next, 1);	/* mostly the entry that will be used again */
	if ((e = find_locked(drc, s, hash, key)) != NULL) {
		verdict = tell_locked(e, arena, hit);
	} else if ((e = take_locked(drc, s, hash, key)) != NULL) {
		e->state = ENTRY_BUSY;
		hit->entry = e;
		verdict = RPC_DRC_NEW;
	} else {
		verdict = RPC_DRC_FULL;
	}
	mutex_unlock(&s->mutex);
	return verdict;
}

static void
finish_locked(struct stripe *s, struct rpc_drc_entry *e, enum entry_state state)
{
	e->state = (uint8_t)state;
	e->done_ns = clock_mono_ns();
	list_push_back(&s->order, &e->order);
}

void
rpc_drc_done(struct rpc_drc_entry *e, const void *reply, uint32_t len)
{
	struct stripe *s = e->stripe;

	mutex_lock(&s->mutex);
	assert(e->state == ENTRY_BUSY);
	if (len <= RPC_DRC_REPLY_MAX) {
		memcpy(e->reply, reply, len);
		e->len = (uint16_t)len;
		finish_locked(s, e, ENTRY_DONE);
	} else {
		free_locked(s, e);
	}
	mutex_unlock(&s->mutex);
}

void
rpc_drc_drop(struct rpc_drc_entry *e)
{
	struct stripe *s = e->stripe;

	mutex_lock(&s->mutex);
	assert(e->state == ENTRY_BUSY);
	free_locked(s, e);
	mutex_unlock(&s->mutex);
}

void
rpc_drc_remember(struct rpc_drc *drc, uint64_t share, const struct rpc_drc_key *key,
    const struct note *note)
{
	uint64_t hash = hash_of(drc, key);
	struct stripe *s = stripe_of(drc, hash);
	struct rpc_drc_entry *e;

	mutex_lock(&s->mutex);
	e = find_locked(drc, s, hash, key);
	if (e != NULL && e->state == ENTRY_REMEMBERED)
		free_locked(s, e);
	if (e == NULL || e->state == ENTRY_FREE) {
		e = take_locked(drc, s, hash, key);
		if (e != NULL) {
			e->made.share = share;
			e->made.ino = note->ino;
			e->made.gen = note->gen;
			finish_locked(s, e, ENTRY_REMEMBERED);
		}
	}
	mutex_unlock(&s->mutex);
}
