/* Yards with a remote store that fails as it is told to. */
#include "tests/unit/pipeline/sync/cold_yard.h"

#include "tests/lib/check.h"

struct block_store *
cold_flaky(const struct block_flaky_conf *f)
{
	return block_flaky_wrap(remote_memory(), f);
}

/* More than all pages hold, in the remote store, and nothing of it here. */
void
cold_make_as(struct yard *y, const struct block_flaky_conf *f, uint8_t aead, uint8_t level)
{
	yard_start();
	yard_make_as(y, "leveldb", aead, level);
	yard_close(y);
	y->remote = cold_flaky(f);
	yard_open(y, false);
	remote_noise(y, 1, PIECES);
	remote_evict(y);
	EQ(yard_recount(y).files, 0);
}

void
cold_make(struct yard *y, const struct block_flaky_conf *f)
{
	cold_make_as(y, f, 0, 0);
}
