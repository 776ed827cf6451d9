/*
 * A short list in a ring, since there are few or none: whoever asks looks at the count first.
 */
#include "pipeline/block/suspect.h"

#include "pipeline/base/meter.h"
#include "pipeline/base/mutex.h"
#include "pipeline/base/num.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/ref.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { SUSPECTS_MAX = 1024, RANK_NUMBER = 1 << 26 };

struct suspects {
	struct mutex mutex;		/* rank PAGE */
	_Atomic uint32_t n;
	uint32_t next;			/* whose place a further one takes when all are taken */
	uint8_t v[SUSPECTS_MAX][32];
};

struct suspects *
suspects_new(void)
{
	struct suspects *s = xcalloc(1, sizeof *s);

	mutex_init(&s->mutex, RANK_PAGE, RANK_NUMBER);
	return s;
}

void
suspects_free(struct suspects **sp)
{
	struct suspects *s = TAKE(sp);

	if (s == NULL)
		return;
	mutex_destroy(&s->mutex);
	free(s);
}

uint32_t
suspects_count(struct suspects *s)
{
	return atomic_load_explicit(&s->n, memory_order_relaxed);
}

/* Its place; n: none. */
static uint32_t
find_locked(struct suspects *s, const uint8_t digest[32])
{
	uint32_t n = suspects_count(s);

	for (uint32_t i = 0; i < n; i++)
		if (memcmp(s->v[i], digest, 32) == 0)
			return i;
	return n;
}

void
suspect_add(struct suspects *s, const uint8_t digest[32])
{
	uint32_t n, at;

	mutex_lock(&s->mutex);
	n = suspects_count(s);
	at = find_locked(s, digest);
	if (at == n) {
		meter_add(METER_CHUNKS_DAMAGED, 1);
		if (n < SUSPECTS_MAX)
			atomic_store_explicit(&s->n, n + 1, memory_order_relaxed);
		else
			at = s->next++ % SUSPECTS_MAX;
		memcpy(s->v[at], digest, 32);
	}
	mutex_unlock(&s->mutex);
}

bool
suspect_is(struct suspects *s, const uint8_t digest[32])
{
	bool is;

	if (suspects_count(s) == 0)
		return false;
	mutex_lock(&s->mutex);
	is = find_locked(s, digest) < suspects_count(s);
	mutex_unlock(&s->mutex);
	return is;
}

void
suspect_clear(struct suspects *s, const uint8_t digest[32])
{
	uint32_t n, at;

	if (suspects_count(s) == 0)
		return;
	mutex_lock(&s->mutex);
	n = suspects_count(s);
	at = find_locked(s, digest);
	if (at < n) {
		memcpy(s->v[at], s->v[n - 1], 32);
		atomic_store_explicit(&s->n, n - 1, memory_order_relaxed);
	}
	mutex_unlock(&s->mutex);
}
