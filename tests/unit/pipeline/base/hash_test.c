#include "pipeline/base/hash.h"

#include "pipeline/base/id.h"
#include "pipeline/base/rand.h"
#include "tests/lib/check.h"

#include <stdlib.h>

CASE(crc32c_gives_the_published_values)
{
	uint8_t b[32];

	EQ(crc32c(0, "", 0), 0);
	EQ(crc32c(0, "123456789", 9), 0xe3069283);
	memset(b, 0, sizeof b);
	EQ(crc32c(0, b, 32), 0x8a9136aa);
	memset(b, 0xff, sizeof b);
	EQ(crc32c(0, b, 32), 0x62a8ab43);
	for (int i = 0; i < 32; i++)
		b[i] = (uint8_t)i;
	EQ(crc32c(0, b, 32), 0x46dd794e);
	EQ(crc32c_by_table(0, b, 32), 0x46dd794e);
}

CASE(instruction_and_table_agree_at_every_length)
{
	enum { MOST = 8000 };
	uint8_t *b = malloc(MOST + 8);

	rand_bytes(b, MOST + 8);
	for (size_t len = 0; len < MOST; len += len < 900 ? 1 : 37) {
		size_t at = len % 8;

		EQ(crc32c(0x1234, b + at, len), crc32c_by_table(0x1234, b + at, len));
	}
	free(b);
}

CASE(a_crc_continues_where_it_was_cut)
{
	uint8_t b[4000];

	rand_bytes(b, sizeof b);
	for (size_t cut = 0; cut <= sizeof b; cut += 113)
		EQ(crc32c(crc32c(0, b, cut), b + cut, sizeof b - cut),
		    crc32c(0, b, sizeof b));
}

/* The key 00..0f and the messages 00, 0001, … of the algorithm's authors. */
CASE(siphash_gives_the_published_values)
{
	uint8_t key[16], message[64];

	for (int i = 0; i < 64; i++)
		message[i] = (uint8_t)i;
	memcpy(key, message, 16);
	EQ(siphash24(key, message, 0), 0x726fdb47dd0e0e31);
	EQ(siphash24(key, message, 1), 0x74f839c593dc67fd);
	EQ(siphash24(key, message, 8), 0x93f5f5799a932462);
	EQ(siphash24(key, message, 15), 0xa129ca6149be45e5);
	EQ(siphash24(key, message, 63), 0x958a324ceb064572);
}

CASE(a_seed_makes_chance_repeat)
{
	uint64_t first[4], again[4];
	uint8_t bytes[13], bytes_again[13];

	rand_seed(42);
	for (int i = 0; i < 4; i++)
		first[i] = rand_u64();
	rand_bytes(bytes, sizeof bytes);
	rand_seed(42);
	for (int i = 0; i < 4; i++)
		again[i] = rand_u64();
	rand_bytes(bytes_again, sizeof bytes_again);
	EQ_MEM(again, first, sizeof first);
	EQ_MEM(bytes_again, bytes, sizeof bytes);
	rand_seed(43);
	TRUE(rand_u64() != first[0]);
}

CASE(chance_uses_all_bits)
{
	uint64_t ones = 0, zeroes = 0;

	for (int i = 0; i < 200; i++) {
		uint64_t x = rand_u64();

		ones |= x;
		zeroes |= ~x;
	}
	EQ(ones, UINT64_MAX);
	EQ(zeroes, UINT64_MAX);
}

CASE(an_id_survives_its_text)
{
	struct id128 id = id128_random(), back = { { 0 } };
	char text[ID128_TEXT];

	FALSE(id128_none(id));
	EQ(strlen(id128_text(id, text)), 32);
	TRUE(id128_parse(text, &back));
	TRUE(id128_eq(id, back));
	TRUE(id128_parse("00112233445566778899AABBccddeeff", &id));
	EQ_STR(id128_text(id, text), "00112233445566778899aabbccddeeff");
}

CASE(what_is_not_quite_an_id_is_refused)
{
	struct id128 id = { { 5 } };

	FALSE(id128_parse("", &id));
	FALSE(id128_parse("00112233445566778899aabbccddeef", &id));
	FALSE(id128_parse("00112233445566778899aabbccddeeff0", &id));
	FALSE(id128_parse("00112233445566778899aabbccddeefg", &id));
	FALSE(id128_parse(" 0112233445566778899aabbccddeeff", &id));
	EQ(id.b[0], 5);
}
