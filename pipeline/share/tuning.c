/*
 * What an operator changes of a share while it serves: each value is put and read on its own, and
 * who reads one acts by it alone.  And the count that its quota bounds.
 */
#include "pipeline/share/share.h"

struct share_tuning
share_tuning_of(const struct share_conf *conf)
{
	return (struct share_tuning){ .tier = conf->tier, .compression = conf->compression,
		.journal_bytes = conf->journal_bytes, .local_bytes = conf->local_bytes,
		.reserve_bytes = conf->reserve_bytes, .quota_bytes = conf->quota_bytes };
}

struct share_tuning
share_tuning_get(struct share *s)
{
	return (struct share_tuning){ .tier = atomic_load(&s->now.tier),
		.compression = atomic_load(&s->now.compression),
		.journal_bytes = atomic_load(&s->now.journal_bytes),
		.local_bytes = atomic_load(&s->now.local_bytes),
		.reserve_bytes = atomic_load(&s->now.reserve_bytes),
		.quota_bytes = atomic_load(&s->now.quota_bytes) };
}

void
share_tuning_set(struct share *s, const struct share_tuning *t)
{
	atomic_store(&s->now.tier, t->tier);
	atomic_store(&s->now.compression, t->compression);
	atomic_store(&s->now.journal_bytes, t->journal_bytes);
	atomic_store(&s->now.local_bytes, t->local_bytes);
	atomic_store(&s->now.reserve_bytes, t->reserve_bytes);
	atomic_store(&s->now.quota_bytes, t->quota_bytes);
}

bool
share_used_add(struct share *s, int64_t bytes)
{
	uint64_t quota = atomic_load_explicit(&s->now.quota_bytes, memory_order_relaxed), used;

	if (bytes <= 0 || quota == 0) {
		atomic_fetch_add_explicit(&s->used_bytes, (uint64_t)bytes, memory_order_relaxed);
		return true;
	}
	used = atomic_load_explicit(&s->used_bytes, memory_order_relaxed);
	do {
		if (used >= quota || (uint64_t)bytes > quota - used)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&s->used_bytes, &used,
	    used + (uint64_t)bytes, memory_order_relaxed, memory_order_relaxed));
	return true;
}
