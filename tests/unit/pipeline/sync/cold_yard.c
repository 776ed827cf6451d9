/* Yards with a remote store that fails as it is told to. */
#include "tests/unit/pipeline/sync/cold_yard.h"

#include "backends/backends.h"
#include "pipeline/base/rand.h"
#include "tests/lib/check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct block_store *
cold_flaky(const struct block_flaky_conf *f)
{
	struct block_store_conf conf = { 0 };
	struct block_store *s = NULL;
	char why[200];

	yard_start();			/* before any thread */
	EQ(block_store_open("memory", &conf, &s, why, sizeof why), OK);
	return block_flaky_wrap(s, f);
}

void
cold_drain(struct yard *y)
{
	struct sync_remote r = { .has = false };

	for (int i = 0; i < PATIENCE && !r.drained; i++) {
		sync_push_share(y->share);
		usleep(10000);
		sync_remote_look(y->share, &r);
	}
	TRUE(r.drained);
}

void
cold_evict(struct yard *y)
{
	struct sync_remote r = { .local_bytes = 1 };

	EQ(sync_evict_share(y->share, "", 0), OK);
	for (int i = 0; i < PATIENCE && r.local_bytes > 0; i++) {
		usleep(10000);
		sync_remote_look(y->share, &r);
	}
	EQ(r.local_bytes, 0);
}

/* More than all pages hold, in the remote store, and nothing of it here. */
void
cold_make_as(struct yard *y, const struct block_flaky_conf *f, uint8_t aead, uint8_t level)
{
	uint8_t *bytes = xmalloc(PIECE);

	yard_start();
	yard_make_as(y, "leveldb", aead, level);
	yard_close(y);
	y->remote = cold_flaky(f);
	yard_open(y, false);
	for (int n = 0; n < PIECES; n++) {
		for (int i = 0; i < PIECE; i += 8) {
			uint64_t v = rand_u64();

			memcpy(bytes + i, &v, 8);
		}
		yard_write(y, 1, (uint64_t)n * PIECE, bytes, PIECE);
	}
	free(bytes);
	cold_drain(y);
	cold_evict(y);
	EQ(yard_recount(y).files, 0);
}

void
cold_end(struct yard *y)
{
	yard_close(y);
	yard_end(y);
	y->remote->ops->close(y->remote);
}

void
cold_make(struct yard *y, const struct block_flaky_conf *f)
{
	cold_make_as(y, f, 0, 0);
}
