/*
 * Hashes of the house: CRC-32C for what lies on disk, SipHash-2-4 for keys that strangers
 * choose, a mixer for numbers of our own.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32C of bytes, continued from crc (0 at first); by instruction where there is one. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t len);

/* The same without the instruction: for processors that lack it, and to test one by the other. */
uint32_t crc32c_by_table(uint32_t crc, const void *bytes, size_t len);

/* SipHash-2-4 with a 128-bit key. */
uint64_t siphash24(const uint8_t key[16], const void *bytes, size_t len);

static inline uint64_t
hash_u64(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ull;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

#endif
