/*
 * CRC-32C and SipHash.  The CRC runs by the processor's instruction where it has one:
 * three streams side by side hide its latency, and a table that appends a block of
 * zeroes joins them. Elsewhere eight bytes a step by tables.  All tables are computed
 * before main.
 */
#include "pipeline/base/hash.h"

#include "pipeline/base/num.h"
#include "pipeline/base/panic.h"

#include <stdbool.h>

enum { POLY = 0x82f63b78u, LONG = 1024, SHORT = 256 };

static uint32_t slow[8][256];		/* slow[k][b]: b followed by k zero bytes */
static uint32_t skip_long[4][256];	/* a state followed by LONG zeroes */
static uint32_t skip_short[4][256];
static bool by_instruction;

static uint32_t
crc_slow(uint32_t crc, const uint8_t *p, size_t len)
{
	for (; len >= 8; p += 8, len -= 8) {
		uint64_t x = get_le64(p) ^ crc;

		crc = 0;
		for (int k = 0; k < 8; k++)
			crc ^= slow[7 - k][x >> 8 * k & 0xff];
	}
	for (; len > 0; len--)
		crc = crc >> 8 ^ slow[0][(crc ^ *p++) & 0xff];
	return crc;
}

static uint32_t
skip(const uint32_t table[4][256], uint32_t crc)
{
	return table[0][crc & 0xff] ^ table[1][crc >> 8 & 0xff] ^
	    table[2][crc >> 16 & 0xff] ^ table[3][crc >> 24];
}

#if defined(__x86_64__)
/*
 * Three blocks of that length side by side, then joined; returns the state after all
 * three.
 */
__attribute__((target("sse4.2"))) static uint32_t
three(uint32_t crc, const uint8_t *p, size_t block, const uint32_t table[4][256])
{
	uint64_t a = crc, b = 0, c = 0;

	for (size_t i = 0; i < block; i += 8) {
		a = __builtin_ia32_crc32di(a, get_le64(p + i));
		b = __builtin_ia32_crc32di(b, get_le64(p + block + i));
		c = __builtin_ia32_crc32di(c, get_le64(p + 2 * block + i));
	}
	a = skip(table, (uint32_t)a) ^ b;
	return skip(table, (uint32_t)a) ^ (uint32_t)c;
}

__attribute__((target("sse4.2"))) static uint32_t
crc_fast(uint32_t crc, const uint8_t *p, size_t len)
{
	uint64_t x;

	for (; len >= 3 * LONG; p += 3 * LONG, len -= 3 * LONG)
		crc = three(crc, p, LONG, skip_long);
	for (; len >= 3 * SHORT; p += 3 * SHORT, len -= 3 * SHORT)
		crc = three(crc, p, SHORT, skip_short);
	for (x = crc; len >= 8; p += 8, len -= 8)
		x = __builtin_ia32_crc32di(x, get_le64(p));
	for (crc = (uint32_t)x; len > 0; len--)
		crc = __builtin_ia32_crc32qi(crc, *p++);
	return crc;
}

static bool
has_instruction(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("sse4.2");
}
#else
#define crc_fast crc_slow

static bool
has_instruction(void)
{
	return false;
}
#endif

/* Appending zeroes is linear: the images of the 32 single bits make the whole table. */
static void
make_skip(uint32_t table[4][256], size_t zeroes)
{
	static const uint8_t none[LONG];
	uint32_t image[32];

	for (int bit = 0; bit < 32; bit++)
		image[bit] = crc_slow(1u << bit, none, zeroes);
	for (int k = 0; k < 4; k++) {
		for (int b = 0; b < 256; b++) {
			table[k][b] = 0;
			for (int bit = 0; bit < 8; bit++)
				if (b >> bit & 1)
					table[k][b] ^= image[8 * k + bit];
		}
	}
}

__attribute__((constructor)) static void
make_tables(void)
{
	for (uint32_t b = 0; b < 256; b++) {
		uint32_t crc = b;

		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? POLY : 0);
		slow[0][b] = crc;
	}
	for (int k = 1; k < 8; k++)
		for (int b = 0; b < 256; b++)
			slow[k][b] = slow[k - 1][b] >> 8 ^ slow[0][slow[k - 1][b] & 0xff];
	make_skip(skip_long, LONG);
	make_skip(skip_short, SHORT);
	by_instruction = has_instruction();
}

uint32_t
crc32c(uint32_t crc, const void *bytes, size_t len)
{
	return ~(by_instruction ? crc_fast : crc_slow)(~crc, bytes, len);
}

uint32_t
crc32c_by_table(uint32_t crc, const void *bytes, size_t len)
{
	return ~crc_slow(~crc, bytes, len);
}

static uint64_t
rotl(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static void
sip_rounds(uint64_t v[4], int rounds)
{
	while (rounds-- > 0) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotl(v[1], 13) ^ v[0];
		v[3] = rotl(v[3], 16) ^ v[2];
		v[0] = rotl(v[0], 32) + v[3];
		v[2] += v[1];
		v[3] = rotl(v[3], 21) ^ v[0];
		v[1] = rotl(v[1], 17) ^ v[2];
		v[2] = rotl(v[2], 32);
	}
}

uint64_t
siphash24(const uint8_t key[16], const void *bytes, size_t len)
{
	uint64_t k0 = get_le64(key), k1 = get_le64(key + 8), last = (uint64_t)len << 56;
	uint64_t v[4] = {
		k0 ^ 0x736f6d6570736575ull, k1 ^ 0x646f72616e646f6dull,
		k0 ^ 0x6c7967656e657261ull, k1 ^ 0x7465646279746573ull,
	};
	const uint8_t *p = bytes;

	for (; len >= 8; p += 8, len -= 8) {
		uint64_t m = get_le64(p);

		v[3] ^= m;
		sip_rounds(v, 2);
		v[0] ^= m;
	}
	for (size_t i = 0; i < len; i++)
		last |= (uint64_t)p[i] << 8 * i;
	v[3] ^= last;
	sip_rounds(v, 2);
	v[0] ^= last;
	v[2] ^= 0xff;
	sip_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
