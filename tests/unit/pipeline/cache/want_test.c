/*
 * Wanted pieces: what is settled from pages and from nothing, and the order of the answer.
 */
#include "pipeline/cache/want.h"

#include "tests/lib/check.h"

static uint8_t home[4096] __attribute__((aligned(16)));

static void
keep(uint64_t a, const char *text)
{
	struct page_key key = { a, 0 };
	uint32_t len = (uint32_t)strlen(text);
	struct buf *b = page_buf(len);

	memcpy(b->bytes, text, len);
	page_keep(&key, b, len);
	buf_put(&b);
}

static void
piece(struct want_piece *p, int kind, uint64_t a, uint32_t at, uint32_t len)
{
	*p = (struct want_piece){ .kind = kind, .len = len, .page = { a, 0 }, .page_at = at };
	chain_init(&p->bytes);
}

CASE(pages_and_holes_are_settled_and_chained_in_order)
{
	struct want_piece v[3];
	struct io_want want = { .v = v, .n = 3, .open = 3 };
	struct io io = { .want = &want };
	struct arena arena;
	char out[9] = "";

	page_start(1 << 20);
	arena_init(&arena, home, sizeof home, 1 << 16);
	chain_init(&io.data);
	keep(1, "abcdef");
	keep(2, "ghijkl");
	piece(&v[0], WANT_DATUM, 1, 2, 3);
	piece(&v[1], WANT_HOLE, 0, 0, 2);
	piece(&v[2], WANT_CHUNK, 2, 3, 3);
	EQ(want_fill(&want, &arena), OK);
	EQ(want.open, 0);
	EQ(want_chain(&io, &arena), OK);
	EQ(io.data.len, 8);
	chain_copy_out(&io.data, 0, out, 8);
	EQ_MEM(out, "cde\0\0jkl", 8);
	chain_clear(&io.data);
	for (int i = 0; i < 3; i++)
		chain_clear(&v[i].bytes);
	arena_rewind(&arena);
	page_stop();
}

CASE(what_is_not_here_stays_open)
{
	struct want_piece v[2];
	struct io_want want = { .v = v, .n = 2, .open = 2 };
	struct arena arena;

	page_start(1 << 20);
	arena_init(&arena, home, sizeof home, 1 << 16);
	keep(1, "abcdef");
	piece(&v[0], WANT_DATUM, 7, 0, 3);
	piece(&v[1], WANT_DATUM, 1, 0, 3);
	EQ(want_fill(&want, &arena), OK);
	EQ(want.open, 1);
	FALSE(v[0].settled);
	TRUE(v[1].settled);
	keep(7, "xyz");
	EQ(want_fill(&want, &arena), OK);
	EQ(want.open, 0);
	for (int i = 0; i < 2; i++)
		chain_clear(&v[i].bytes);
	page_stop();
}

CASE(a_page_shorter_than_promised_is_corrupt)
{
	struct want_piece v[1];
	struct io_want want = { .v = v, .n = 1, .open = 1 };
	struct arena arena;

	page_start(1 << 20);
	arena_init(&arena, home, sizeof home, 1 << 16);
	keep(1, "abc");
	piece(&v[0], WANT_CHUNK, 1, 1, 3);
	EQ(want_fill(&want, &arena), ST_CORRUPT);
	chain_clear(&v[0].bytes);
	page_stop();
}

CASE(a_hole_of_a_megabyte_is_zeroes)
{
	struct want_piece v[1];
	struct io_want want = { .v = v, .n = 1, .open = 1 };
	struct arena arena;
	uint8_t last[2] = { 1, 1 };

	arena_init(&arena, home, sizeof home, 1 << 16);
	piece(&v[0], WANT_HOLE, 0, 0, 1 << 20);
	EQ(want_fill(&want, &arena), OK);
	EQ(v[0].bytes.len, 1 << 20);
	chain_copy_out(&v[0].bytes, (1 << 20) - 2, last, 2);
	EQ(last[0] | last[1], 0);
	chain_clear(&v[0].bytes);
	arena_rewind(&arena);
}
