/*
 * How many connections each address has, so that one client cannot use up all there are.
 */
#include "pipeline/net/inner.h"

#include "pipeline/base/hash.h"
#include "pipeline/base/mutex.h"
#include "pipeline/base/rand.h"

#include <stdlib.h>

enum { BUCKETS = 1024 };

struct peer {
	struct peer *next;
	uint8_t addr[16];
	uint32_t conns;
};

static struct mutex mutex;
static struct peer *buckets[BUCKETS];
static uint8_t key[16];
static uint32_t conns_max;

void
peer_start(uint32_t most)
{
	mutex_init(&mutex, RANK_OUTBOX, 0);
	rand_bytes(key, sizeof key);
	conns_max = most;
}

void
peer_stop(void)
{
	for (uint32_t i = 0; i < BUCKETS; i++)
		assert(buckets[i] == NULL);
	mutex_destroy(&mutex);
}

void
peer_limit(uint32_t most)
{
	mutex_lock(&mutex);
	conns_max = most;
	mutex_unlock(&mutex);
}

static struct peer **
find_locked(const uint8_t addr[16])
{
	struct peer **p = &buckets[siphash24(key, addr, 16) % BUCKETS];

	while (*p != NULL && memcmp((*p)->addr, addr, 16) != 0)
		p = &(*p)->next;
	return p;
}

bool
peer_enter(const uint8_t addr[16])
{
	struct peer **p;
	bool ok;

	mutex_lock(&mutex);
	p = find_locked(addr);
	if (*p == NULL) {
		*p = xcalloc(1, sizeof **p);
		memcpy((*p)->addr, addr, 16);
	}
	ok = conns_max == 0 || (*p)->conns < conns_max;
	if (ok)
		(*p)->conns++;
	mutex_unlock(&mutex);
	return ok;
}

void
peer_leave(const uint8_t addr[16])
{
	struct peer **p, *gone = NULL;

	mutex_lock(&mutex);
	p = find_locked(addr);
	assert(*p != NULL && (*p)->conns > 0);
	if (--(*p)->conns == 0) {
		gone = *p;
		*p = gone->next;
	}
	mutex_unlock(&mutex);
	free(gone);
}
