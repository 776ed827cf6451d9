/* Expected values are from another implementation of RFC 7693. */
#include "crypto/digest.h"
#include "tests/unit/crypto/hex.h"

#include <sodium.h>
#include <stdlib.h>

static const char of_nothing[] =
    "4e51e7a913fc80137da52880fecca175bf81e117d5c68126dc2774033517ea0d";
static const char of_thousand[] =
    "bf9c0d3a2590251349ad634ad07f03958d0be63d5f9533daf62752de734b2c76";
static const char tag_of_thousand[] = "425f3db3e772e7f256537995638e503c";

static uint8_t key[DIGEST_KEY_BYTES], thousand[1000], want[32], got[32];

static void
prepare(const char *hex)
{
	count_up(key, sizeof key, 0);
	for (size_t i = 0; i < sizeof thousand; i++)
		thousand[i] = (uint8_t)(i % 251);
	unhex(hex, want, sizeof want);
}

CASE(the_digest_of_nothing_is_the_known_one)
{
	prepare(of_nothing);
	digest_of(key, NULL, 0, got);
	EQ_MEM(got, want, sizeof want);
}

CASE(the_digest_of_a_thousand_bytes_is_the_known_one)
{
	prepare(of_thousand);
	digest_of(key, thousand, sizeof thousand, got);
	EQ_MEM(got, want, sizeof want);
}

CASE(any_cut_into_steps_gives_the_same_digest)
{
	struct digest d;

	prepare(of_thousand);
	for (size_t cut = 0; cut <= sizeof thousand; cut += 37) {
		digest_begin(&d, key);
		digest_add(&d, thousand, cut);
		digest_add(&d, thousand + cut, 0);
		digest_add(&d, thousand + cut, sizeof thousand - cut);
		digest_end(&d, got);
		EQ_MEM(got, want, sizeof want);
	}
}

CASE(a_tag_is_no_prefix_of_the_digest)
{
	struct digest d;

	prepare(tag_of_thousand);
	digest_tag_begin(&d, key);
	digest_add(&d, thousand, sizeof thousand);
	digest_tag_end(&d, got);
	EQ_MEM(got, want, DIGEST_TAG_BYTES);
}

CASE(another_key_gives_another_digest)
{
	prepare(of_thousand);
	key[31] ^= 1;
	digest_of(key, thousand, sizeof thousand, got);
	TRUE(__builtin_memcmp(got, want, sizeof want) != 0);
}

/* Digests and tags on disk and in buckets may be of either library. */
CASE(every_length_around_its_blocks_hashes_as_by_libsodium)
{
	enum { MOST = (1 << 18) + 1 };
	static const size_t around[] = { 0, 64, 128, 256, 4096, 1 << 16, 1 << 18 };
	uint8_t *bytes = malloc(MOST);
	struct digest d;

	count_up(key, sizeof key, 7);
	randombytes_buf(bytes, MOST);
	for (size_t i = 0; i < sizeof around / sizeof around[0]; i++)
		for (size_t len = around[i] - (around[i] > 0); len <= around[i] + 1; len++) {
			EQ(crypto_generichash_blake2b(want, DIGEST_BYTES, bytes, len, key,
			    sizeof key), 0);
			digest_of(key, bytes, len, got);
			EQ_MEM(got, want, DIGEST_BYTES);
			EQ(crypto_generichash_blake2b(want, DIGEST_TAG_BYTES, bytes, len, key,
			    sizeof key), 0);
			digest_tag_begin(&d, key);
			digest_add(&d, bytes, len);
			digest_tag_end(&d, got);
			EQ_MEM(got, want, DIGEST_TAG_BYTES);
		}
	free(bytes);
}
