/*
 * The slab: what it gives out is zeroed, nobody else's, and used again.
 */
#include "pipeline/base/thread.h"
#include "pipeline/vfs/slab.h"
#include "tests/lib/check.h"

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

enum { BYTES = 430, PIECES = 1000, ROUNDS = 50, THREADS = 3 };

static struct {
	struct slab slab;
	_Atomic uint32_t wrong;
} shared;

static bool
all_are(const uint8_t *piece, uint8_t byte)
{
	for (size_t i = 0; i < BYTES; i++)
		if (piece[i] != byte)
			return false;
	return true;
}

static void
use(void *arg)
{
	uint8_t *piece[PIECES / 10], mine = (uint8_t)(uintptr_t)arg;

	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < sizeof piece / sizeof *piece; i++) {
			piece[i] = slab_get(&shared.slab);
			shared.wrong += !all_are(piece[i], 0) || (uintptr_t)piece[i] % 16 != 0;
			memset(piece[i], mine, BYTES);
		}
		for (size_t i = 0; i < sizeof piece / sizeof *piece; i++) {
			shared.wrong += !all_are(piece[i], mine);
			slab_put(&shared.slab, piece[i]);
		}
	}
}

CASE(pieces_are_zeroed_and_nobody_elses)
{
	struct thread thread[THREADS];

	shared.wrong = 0;
	slab_init(&shared.slab, BYTES);
	for (uintptr_t i = 0; i < THREADS; i++)
		thread_start(&thread[i], "user", 0, use, (void *)(i + 1));
	for (int i = 0; i < THREADS; i++)
		thread_join(&thread[i]);
	EQ(shared.wrong, 0);
	slab_fini(&shared.slab);
}

CASE(what_is_given_back_is_used_again)
{
	static void *piece[PIECES];
	struct slab s;
	uint8_t *at, *end;

	slab_init(&s, BYTES);
	for (int i = 0; i < PIECES; i++)
		piece[i] = slab_get(&s);
	at = s.at;
	end = s.end;
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < PIECES; i++)
			slab_put(&s, piece[i]);
		for (int i = 0; i < PIECES; i++)
			piece[i] = slab_get(&s);
	}
	TRUE(s.at == at && s.end == end);	/* nothing new was cut off */
	for (int i = 0; i < PIECES; i++)
		slab_put(&s, piece[i]);
	slab_fini(&s);
}
