/*
 * Record marks: one fragment, many, and those that are meant to hurt.
 */
#include "gateway/rpc/record.h"

#include "tests/lib/check.h"

#include <stdlib.h>

static const struct frame none;

CASE(one_fragment_is_whole_when_its_last_byte_is_there)
{
	uint8_t bytes[14] = { 0x80, 0, 0, 10 };
	struct frame f;

	for (uint32_t have = 0; have < 4; have++) {
		f = none;
		EQ(rpc_record_frame(bytes, have, &f), FRAME_MORE);
		EQ(f.need, 0);
	}
	for (uint32_t have = 4; have < 14; have++) {
		EQ(rpc_record_frame(bytes, have, &f), FRAME_MORE);
		EQ(f.need, 14);
	}
	EQ(rpc_record_frame(bytes, 14, &f), FRAME_WHOLE);
	EQ(f.skip, 4);
	EQ(f.len, 10);
	EQ(f.whole, 14);
	FALSE(f.gather);
}

/* A record cut at every place, and in fragments of every small size, joins to what it
 * was. */
CASE(fragments_of_every_size_join_to_the_message)
{
	enum { LEN = 50 };
	uint8_t message[LEN], wire[LEN * 5 + 8], joined[LEN];

	for (uint32_t i = 0; i < LEN; i++)
		message[i] = (uint8_t)(i * 7 + 1);
	for (uint32_t size = 1; size < LEN; size++) {
		uint32_t at = 0;
		struct frame f;

		for (uint32_t done = 0; done < LEN; done += size) {
			uint32_t n = MIN(size, LEN - done);

			put_be32(wire + at, n | (done + n == LEN ? 0x80000000u : 0));
			memcpy(wire + at + 4, message + done, n);
			at += 4 + n;
		}
		for (uint32_t have = 0; have < at; have++)
			EQ(rpc_record_frame(wire, have, &f), FRAME_MORE);
		EQ(rpc_record_frame(wire, at, &f), FRAME_WHOLE);
		EQ(f.whole, at);
		EQ(f.len, LEN);
		TRUE(f.gather);
		rpc_record_join(wire, &f, joined);
		EQ_MEM(joined, message, LEN);
	}
}

CASE(empty_fragments_are_legal_and_join_to_nothing)
{
	const uint8_t wire[] = { 0, 0, 0, 0, 0, 0, 0, 2, 'a', 'b', 0, 0, 0, 0, 0x80, 0, 0, 0 };
	uint8_t joined[2];
	struct frame f;

	EQ(rpc_record_frame(wire, sizeof wire, &f), FRAME_WHOLE);
	EQ(f.len, 2);
	EQ(f.whole, sizeof wire);
	rpc_record_join(wire, &f, joined);
	EQ_MEM(joined, "ab", 2);
}

CASE(lengths_over_the_limit_are_refused_at_once)
{
	const uint32_t marks[] = { 0x80000000u | (RPC_MESSAGE_MAX + 1), 0xffffffff, 0x7fffffff,
		RPC_MESSAGE_MAX + 1 };
	struct frame f;

	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		uint8_t wire[4];

		put_be32(wire, marks[i]);
		EQ(rpc_record_frame(wire, 4, &f), FRAME_REFUSE);
	}
}

CASE(the_longest_message_passes)
{
	uint8_t wire[4];
	struct frame f;

	put_be32(wire, 0x80000000u | RPC_MESSAGE_MAX);
	EQ(rpc_record_frame(wire, 4, &f), FRAME_MORE);
	EQ(f.need, 4 + RPC_MESSAGE_MAX);
}

CASE(lengths_that_sum_over_the_limit_are_refused)
{
	uint32_t half = RPC_MESSAGE_MAX / 2 + 1, room = half * 2 + 16;
	uint8_t *wire = calloc(1, room);
	struct frame f;
	enum frame_verdict v;

	put_be32(wire, half);
	put_be32(wire + 4 + half, 0x80000000u | half);
	v = rpc_record_frame(wire, 8 + half, &f);
	free(wire);
	EQ(v, FRAME_REFUSE);
}

CASE(endless_tiny_fragments_are_refused)
{
	uint8_t wire[4 * RPC_FRAGMENTS_MAX] = { 0 };
	struct frame f;

	EQ(rpc_record_frame(wire, sizeof wire, &f), FRAME_REFUSE);
	EQ(rpc_record_frame(wire, sizeof wire - 4, &f), FRAME_MORE);
}

CASE(a_record_that_is_written_counts_its_citations)
{
	uint8_t bytes[64];
	struct cite cites[2];
	struct writer w = writer_of(bytes, sizeof bytes);
	uint32_t mark;

	w.cites = cites;
	w.cites_max = 2;
	write_be32(&w, 0xdead);			/* an earlier reply */
	writer_cite(&w, slice_str("earlier"));
	mark = rpc_record_begin(&w);
	write_be64(&w, 1);
	writer_cite(&w, slice_str("payload"));
	write_u8(&w, 0);
	rpc_record_end(&w, mark, 7);
	EQ(get_be32(bytes + 4), 0x80000000u | 16);
}
