/*
 * Reference counts.  They start at one; who drops the last frees.
 */
#ifndef BASE_REF_H
#define BASE_REF_H

#include "pipeline/base/panic.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct ref {
	_Atomic uint32_t n;
};

static inline void
ref_init(struct ref *r)
{
	atomic_store_explicit(&r->n, 1, memory_order_relaxed);
}

static inline void
ref_take(struct ref *r)
{
	uint32_t was = atomic_fetch_add_explicit(&r->n, 1, memory_order_relaxed);

	assert(was > 0 && was < UINT32_MAX / 2);
}

/* Take a reference unless the count has fallen to zero: for what a table still shows. */
static inline bool
ref_take_live(struct ref *r)
{
	uint32_t n = atomic_load_explicit(&r->n, memory_order_relaxed);

	while (n > 0)
		if (atomic_compare_exchange_weak_explicit(&r->n, &n, n + 1, memory_order_acquire,
		    memory_order_relaxed))
			return true;
	return false;
}

/* True for the one caller who dropped the last; acquire-release, so that it sees all writes. */
static inline bool
ref_drop(struct ref *r)
{
	uint32_t was = atomic_fetch_sub_explicit(&r->n, 1, memory_order_acq_rel);

	assert(was > 0);
	return was == 1;
}

#endif
