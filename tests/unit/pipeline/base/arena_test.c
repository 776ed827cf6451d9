#include "pipeline/base/arena.h"

#include "pipeline/base/chain.h"
#include "tests/lib/check.h"

#include <string.h>

CASE(an_arena_uses_its_home_first_and_aligns)
{
	_Alignas(16) uint8_t home[256];
	struct arena a;
	uint8_t *p, *q;

	arena_init(&a, home, sizeof home, 0);
	p = arena_alloc(&a, 3);
	q = arena_alloc(&a, 5);
	TRUE(p == home && q == home + 16);
	TRUE(arena_alloc(&a, 256 - 32) == home + 32);
	FALSE(a.overflow);
	TRUE(arena_alloc(&a, 1) == NULL);
	TRUE(a.overflow);
	arena_rewind(&a);
	FALSE(a.overflow);
	TRUE(arena_alloc(&a, 256) == home);
}

CASE(an_arena_grows_to_its_limit_and_not_beyond)
{
	struct arena a;
	size_t got = 0;
	uint8_t *p;

	arena_init(&a, NULL, 0, 100000);
	while ((p = arena_alloc(&a, 100)) != NULL) {
		EQ((uintptr_t)p % 16, 0);
		memset(p, 0xff, 100);
		got += 100;
	}
	TRUE(a.overflow);
	TRUE(got > 80000 && got <= 100000);
	TRUE(a.grown_bytes <= 100000);
	TRUE(arena_alloc(&a, SIZE_MAX) == NULL);
	arena_rewind(&a);
	EQ(a.grown_bytes, 0);
	TRUE((p = arena_alloc(&a, 100000)) != NULL);
	memset(p, 1, 100000);
	arena_rewind(&a);
}

CASE(a_large_piece_leaves_the_running_chunk_in_place)
{
	struct arena a;
	uint8_t *p, *q;

	arena_init(&a, NULL, 0, 1 << 20);
	p = arena_alloc(&a, 16);
	TRUE(arena_alloc(&a, 100000) != NULL);
	q = arena_alloc(&a, 16);
	TRUE(q == p + 16);
	arena_rewind(&a);
}

CASE(copies_end_in_a_nul_and_zeroes_are_zero)
{
	_Alignas(16) uint8_t home[64];
	struct arena a;
	uint8_t *z;

	memset(home, 0xee, sizeof home);
	arena_init(&a, home, sizeof home, 0);
	EQ_STR(arena_copy(&a, "abcdef", 3), "abc");
	z = arena_zalloc(&a, 8);
	EQ_MEM(z, "\0\0\0\0\0\0\0\0", 8);
	TRUE(arena_copy(&a, "x", SIZE_MAX) == NULL);
	TRUE(arena_zalloc(&a, 1000) == NULL);
}

static struct buf *
filled(uint32_t size, uint8_t first)
{
	struct buf *b = buf_new(size);

	for (uint32_t i = 0; i < size; i++)
		b->bytes[i] = (uint8_t)(first + i);
	return b;
}

CASE(a_chain_keeps_a_reference_of_each_slice)
{
	struct buf *b = filled(10, 0);
	struct chain c;

	chain_init(&c);
	EQ(chain_push(&c, NULL, (struct slice){ b, b->bytes, 10 }), OK);
	EQ(chain_push(&c, NULL, (struct slice){ b, b->bytes + 2, 3 }), OK);
	EQ(chain_push(&c, NULL, (struct slice){ b, b->bytes, 0 }), OK);
	EQ(c.n, 2);
	EQ(c.len, 13);
	EQ(b->refs.n, 3);
	chain_trim(&c, 11);
	EQ(c.len, 11);
	EQ(c.v[1].len, 1);
	chain_trim(&c, 10);
	EQ(b->refs.n, 2);
	chain_trim(&c, 50);
	EQ(c.len, 10);
	chain_clear(&c);
	EQ(b->refs.n, 1);
	EQ(c.len, 0);
	buf_put(&b);
}

CASE(a_chain_grows_in_the_arena_and_fails_whole)
{
	_Alignas(16) uint8_t home[8 * sizeof(struct slice)];
	struct buf *b = filled(1, 0);
	struct slice s = { b, b->bytes, 1 };
	struct chain c, many;
	struct arena a;

	arena_init(&a, home, sizeof home, 0);
	chain_init(&c);
	for (int i = 0; i < 8; i++)
		EQ(chain_push(&c, &a, s), OK);
	EQ(chain_push(&c, &a, s), ST_RESOURCE);
	EQ(c.n, 8);
	EQ(b->refs.n, 9);
	chain_init(&many);
	EQ(chain_push_part(&many, NULL, &c, 0, 5), ST_RESOURCE);
	EQ(many.len, 0);
	EQ(b->refs.n, 9);
	EQ(chain_push_part(&many, NULL, &c, 3, 4), OK);
	EQ(b->refs.n, 13);
	chain_clear(&many);
	chain_clear(&c);
	EQ(b->refs.n, 1);
	buf_put(&b);
}

CASE(parts_and_copies_of_a_chain_are_the_bytes_asked_for)
{
	struct buf *b[3] = { filled(7, 0), filled(1, 7), filled(12, 8) };
	struct chain c, part;
	struct iovec iov[4];
	uint8_t out[20];

	chain_init(&c);
	for (int i = 0; i < 3; i++) {
		struct slice s = { b[i], b[i]->bytes, b[i]->size };

		EQ(chain_push(&c, NULL, s), OK);
		buf_put(&b[i]);
	}
	EQ(chain_iovec(&c, iov, 4), 3);
	EQ(iov[2].iov_len, 12);
	EQ(chain_iovec(&c, iov, 2), 2);
	for (uint64_t at = 0; at <= 20; at++) {
		for (uint64_t len = 0; len <= 20 - at; len++) {
			chain_init(&part);
			EQ(chain_push_part(&part, NULL, &c, at, len), OK);
			EQ(part.len, len);
			chain_copy_out(&part, 0, out, len);
			for (uint64_t i = 0; i < len; i++)
				EQ(out[i], at + i);
			chain_copy_out(&c, at, out, len);
			for (uint64_t i = 0; i < len; i++)
				EQ(out[i], at + i);
			chain_clear(&part);
		}
	}
	chain_clear(&c);
}
