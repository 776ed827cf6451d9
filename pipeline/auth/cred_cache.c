/*
 * Creds by (share, rule, claim), found without a lock, bounded by a clock.  The hash only leads
 * to an entry; whose it is says a comparison of the whole claim, since hashes of what strangers
 * send can be made to collide.  An entry goes by epoch and lets go of its cred then, so a finder
 * in a section may take a reference.
 */
#include "pipeline/auth/inner.h"

#include "pipeline/base/hash.h"
#include "pipeline/base/lru.h"
#include "pipeline/base/rand.h"

#include <stdlib.h>

enum { ENTRY_WEIGHT = 1 };

struct entry {
	struct table_node node;
	struct lru_entry lru;
	struct epoch_entry epoch;
	uint64_t share, generation;
	uint32_t rule;
	const struct cred *cred;
	struct claim claim;
	uint32_t gids[];
};

struct key {
	uint64_t share, generation;
	uint32_t rule;
	const struct claim *claim;
};

static struct table *table;
static struct mutex mutex;		/* of the clock */
static struct lru clock_ring;
static uint64_t most;
static uint64_t salt;
static _Atomic uint64_t generation;	/* moves when rules change: what is older is not found */

bool
claim_eq(const struct claim *a, const struct claim *b)
{
	return a->hash == b->hash && a->uid == b->uid && a->gid == b->gid &&
	    a->flavour == b->flavour && a->ngids == b->ngids &&
	    (a->ngids == 0 || memcmp(a->gids, b->gids, a->ngids * sizeof a->gids[0]) == 0);
}

void
cred_cache_start(uint32_t creds_max)
{
	most = MAX(creds_max, 1u);
	table = table_new(most);
	mutex_init(&mutex, RANK_SESSION, UINT32_MAX - 1);
	lru_init(&clock_ring);
	salt = rand_u64();
}

static void
entry_free(struct epoch_entry *e)
{
	struct entry *entry = container_of(e, struct entry, epoch);

	cred_put(&entry->cred);
	free(entry);
}

/* The mutex is held. */
static void
shrink_locked(uint64_t budget)
{
	struct list victims, *l;

	list_init(&victims);
	lru_victims(&clock_ring, budget, NULL, NULL, &victims);
	while ((l = list_pop_front(&victims)) != NULL) {
		struct entry *e = container_of(l, struct entry, lru.link);

		table_lock(table, e->node.hash);
		table_remove_locked(table, &e->node);
		table_unlock(table, e->node.hash);
		epoch_defer(&e->epoch, entry_free);
	}
}

void
cred_cache_stop(void)
{
	mutex_lock(&mutex);
	shrink_locked(0);
	mutex_unlock(&mutex);
	epoch_drain();
	table_free(&table);
	mutex_destroy(&mutex);
}

uint32_t
cred_cache_count(void)
{
	return (uint32_t)table_count(table);
}

static bool
same(const struct table_node *n, const void *arg)
{
	const struct entry *e = container_of(n, struct entry, node);
	const struct key *key = arg;

	return e->share == key->share && e->rule == key->rule && e->generation == key->generation &&
	    claim_eq(&e->claim, key->claim);
}

static const struct cred *
find(const struct key *key, uint64_t hash)
{
	const struct cred *cred = NULL;
	struct table_node *n;

	epoch_begin();
	n = table_find(table, hash, same, key);
	if (n != NULL) {
		struct entry *e = container_of(n, struct entry, node);

		lru_touch(&e->lru);
		cred = cred_ref(e->cred);
	}
	epoch_end();
	return cred;
}

/* Two threads may make the same at once: both are right, one is found from then on. */
static void
keep(const struct key *key, uint64_t hash, const struct cred *cred)
{
	const struct claim *claim = key->claim;
	size_t gids = claim->ngids * sizeof claim->gids[0];
	struct entry *e = xcalloc(1, sizeof *e + gids);

	e->node.hash = hash;
	e->share = key->share;
	e->generation = key->generation;
	e->rule = key->rule;
	e->cred = cred_ref(cred);
	e->claim = *claim;
	e->claim.gids = e->gids;
	if (gids > 0)
		memcpy(e->gids, claim->gids, gids);
	lru_entry_init(&e->lru);
	mutex_lock(&mutex);
	shrink_locked(most - ENTRY_WEIGHT);
	table_lock(table, hash);
	table_insert_locked(table, &e->node);
	table_unlock(table, hash);
	lru_add(&clock_ring, &e->lru, ENTRY_WEIGHT);
	mutex_unlock(&mutex);
}

const struct cred *
cred_cache_get(uint64_t share, uint64_t gen, const struct share_rules *rules, uint32_t rule,
    const struct claim *claim)
{
	struct key key = { .share = share, .rule = rule, .claim = claim, .generation = gen };
	uint64_t hash = hash_u64(key.share ^ claim->hash ^ salt) + hash_u64(rule);
	const struct cred *cred = find(&key, hash);

	if (cred == NULL) {
		cred = squash_cred(rules, &rules->rules[rule], claim);
		keep(&key, hash, cred);
	}
	return cred;
}

/* All shares' creds are made anew: rules change seldom. */
void
auth_forget(uint64_t share)
{
	(void)share;
	atomic_fetch_add_explicit(&generation, 1, memory_order_release);
}

uint64_t
cred_cache_generation(void)
{
	return atomic_load_explicit(&generation, memory_order_acquire);
}
