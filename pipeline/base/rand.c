/*
 * Chance.  Each thread has a xoshiro256** stream, begun from the kernel, or from the
 * seed and the thread's turn once one was set.  A new seed opens a new round, in which
 * every stream begins anew.
 */
#include "pipeline/base/rand.h"

#include "pipeline/base/hash.h"
#include "pipeline/base/panic.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>

static _Atomic uint64_t seed_value;
static _Atomic uint32_t seed_round;	/* 0: no seed; its release publishes seed_value */
static _Atomic uint64_t streams;	/* begun in this round */

static _Thread_local struct {
	uint64_t s[4];
	uint32_t round;
	bool begun;
} stream;

static void
kernel_bytes(void *to, size_t len)
{
	uint8_t *at = to;

	while (len > 0) {
		ssize_t n = getrandom(at, len, 0);

		if (n < 0 && errno != EINTR)
			panic("the kernel gives no random bytes, errno %d", errno);
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
	}
}

static void
stream_begin(uint32_t round)
{
	uint64_t x;

	stream.begun = true;
	stream.round = round;
	if (round == 0) {
		kernel_bytes(stream.s, sizeof stream.s);
		stream.s[0] |= 1;	/* the one forbidden state is all zeroes */
		return;
	}
	x = atomic_load_explicit(&seed_value, memory_order_relaxed) +
	    hash_u64(atomic_fetch_add_explicit(&streams, 1, memory_order_relaxed) + 1);
	for (int i = 0; i < 4; i++)
		stream.s[i] = hash_u64(x += 0x9e3779b97f4a7c15ull);
	stream.s[0] |= 1;
}

static uint64_t
rotl(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

uint64_t
rand_u64(void)
{
	uint32_t round = atomic_load_explicit(&seed_round, memory_order_acquire);
	uint64_t *s = stream.s, out, t;

	if (!stream.begun || stream.round != round)
		stream_begin(round);
	out = rotl(s[1] * 5, 7) * 9;
	t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return out;
}

void
rand_bytes(void *to, size_t len)
{
	uint8_t *at = to;

	if (atomic_load_explicit(&seed_round, memory_order_acquire) == 0) {
		kernel_bytes(to, len);
		return;
	}
	while (len > 0) {
		uint64_t x = rand_u64();
		size_t n = MIN(len, sizeof x);

		memcpy(at, &x, n);
		at += n;
		len -= n;
	}
}

void
rand_seed(uint64_t seed)
{
	atomic_store_explicit(&seed_value, seed, memory_order_relaxed);
	atomic_store_explicit(&streams, 0, memory_order_relaxed);
	atomic_fetch_add_explicit(&seed_round, 1, memory_order_release);
}
