/*
 * XDR: what is written is read again, at the edges too; what fails stays failed.
 */
#include "gateway/rpc/xdr.h"

#include "tests/lib/check.h"

static const uint32_t edges32[] = { 0, 1, 2, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff };
static const uint64_t edges64[] = { 0, 1, 0xffffffff, 0x100000000, INT64_MAX,
	0x8000000000000000, UINT64_MAX };

CASE(words_come_back_as_they_went)
{
	for (size_t i = 0; i < ARRAY_LEN(edges32); i++) {
		uint8_t bytes[12];
		struct writer w = writer_of(bytes, sizeof bytes);
		struct reader r = reader_of(bytes, sizeof bytes);

		xdr_put_u32(&w, edges32[i]);
		xdr_put_u64(&w, edges64[i]);
		EQ(writer_ok(&w), true);
		EQ(w.len, 12);
		EQ(xdr_u32(&r), edges32[i]);
		EQ(xdr_u64(&r), (long long)edges64[i]);
		EQ(reader_ok(&r), true);
		EQ(reader_left(&r), 0);
	}
}

CASE(words_are_big_endian)
{
	uint8_t bytes[12];
	struct writer w = writer_of(bytes, sizeof bytes);

	xdr_put_u32(&w, 0x01020304);
	xdr_put_u64(&w, 0x05060708090a0b0c);
	EQ_MEM(bytes, "\1\2\3\4\5\6\7\10\11\12\13\14", 12);
}

CASE(opaques_of_every_length_come_back_and_are_padded_with_zeroes)
{
	for (uint32_t len = 0; len < 70; len++) {
		uint8_t bytes[128], data[70];
		struct writer w = writer_of(bytes, sizeof bytes);
		struct reader r;
		struct slice s;

		memset(bytes, 0xee, sizeof bytes);
		memset(data, 'x', sizeof data);
		xdr_put_opaque(&w, data, len);
		xdr_put_u32(&w, 42);
		EQ(w.len, 4 + (len + 3) / 4 * 4 + 4);
		for (uint32_t i = 4 + len; i < w.len - 4; i++)
			EQ(bytes[i], 0);
		EQ(bytes[w.len], 0xee);
		r = reader_of(bytes, w.len);
		s = xdr_opaque(&r, len);
		EQ(s.len, len);
		EQ_MEM(s.at, data, len);
		EQ(xdr_u32(&r), 42);
		EQ(reader_ok(&r), true);
	}
}

CASE(an_opaque_over_its_limit_fails_and_stays_failed)
{
	uint8_t bytes[32];
	struct writer w = writer_of(bytes, sizeof bytes);
	struct reader r;

	xdr_put_opaque(&w, "12345678", 8);
	xdr_put_u32(&w, 7);
	r = reader_of(bytes, w.len);
	EQ(xdr_opaque(&r, 7).len, 0);
	EQ(xdr_u32(&r), 0);
	EQ(reader_ok(&r), false);
}

CASE(an_opaque_without_its_fill_bytes_fails)
{
	struct reader r = reader_of("\0\0\0\5hello", 9);

	EQ(xdr_opaque(&r, 100).len, 0);
	EQ(reader_ok(&r), false);
}

CASE(hostile_lengths_do_not_reach_past_the_end)
{
	for (size_t i = 0; i < ARRAY_LEN(edges32); i++) {
		uint8_t bytes[8];
		struct reader r = reader_of(bytes, sizeof bytes);

		put_be32(bytes, edges32[i]);
		(void)xdr_opaque(&r, UINT32_MAX);
		EQ(reader_ok(&r), edges32[i] <= 4);
	}
}

CASE(booleans_and_enumerations_know_their_bounds)
{
	struct reader r = reader_of("\0\0\0\1\0\0\0\2", 8), e;

	EQ(xdr_bool(&r), true);
	EQ(xdr_bool(&r), false);
	EQ(reader_ok(&r), false);
	e = reader_of("\0\0\0\2\0\0\0\3", 8);
	EQ(xdr_enum(&e, 2), 2);
	EQ(xdr_enum(&e, 2), 0);
	EQ(reader_ok(&e), false);
}

CASE(a_full_writer_writes_nothing_past_its_end)
{
	uint8_t bytes[16];
	struct writer w = writer_of(bytes, 10);

	memset(bytes, 0xee, sizeof bytes);
	xdr_put_opaque(&w, "1234567", 7);
	EQ(writer_ok(&w), false);
	xdr_put_u32(&w, 1);
	EQ(w.len, 0);
	EQ(bytes[10], 0xee);
	w = writer_of(bytes, 10);
	xdr_put_opaque(&w, "", UINT32_MAX - 2);
	EQ(writer_ok(&w), false);
}
