/*
 * The container codec: round trip, limits, and that no damage goes unseen.
 */
#include "pipeline/block/container.h"

#include "crypto/digest.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/rand.h"
#include "tests/lib/check.h"

#include <stdlib.h>

static const struct container_ident ident = { "share of the tes", 3, 77 };

static struct container_keys
keys_of(uint8_t seed)
{
	uint8_t digest_key[32] = { seed, 1, 2, 3 };
	struct container_keys keys;

	container_plain_keys(digest_key, &keys);
	return keys;
}

static void
add(struct container_builder *b, uint32_t len, uint8_t seed)
{
	struct container_keys keys = keys_of(9);
	uint8_t digest[32], *plain = xmalloc(len);
	uint32_t index;

	for (uint32_t i = 0; i < len; i++)
		plain[i] = (uint8_t)(seed + i * 31);
	digest_of(keys.key, plain, len, digest);
	EQ(container_add(b, digest, plain, len, &index), OK);
	free(plain);
}

/* Everything a reader of the file would check, chunks too. */
static enum status
verify(const uint8_t *file, uint64_t len, uint32_t *np)
{
	static struct container_chunk rows[CONTAINER_CHUNKS_MAX];
	static uint8_t stored[CONTAINER_UNIT + CONTAINER_TAG], plain[CONTAINER_UNIT];
	struct container_keys keys = keys_of(1);
	struct container_ident got;
	uint64_t end;
	enum status st;

	if (len < CONTAINER_HEADER + CONTAINER_TRAILER)
		return ST_CORRUPT;
	if ((st = container_header_parse(file, len, &got)) != OK)
		return st;
	if (memcmp(&got, &ident, sizeof got) != 0)
		return ST_MISMATCH;
	if ((st = container_end_bytes(file + len - CONTAINER_TRAILER, len, &end)) != OK ||
	    (st = container_index_parse(&got, &keys, file + len - end, end, len, rows,
	    CONTAINER_CHUNKS_MAX, np)) != OK)
		return st;
	for (uint32_t i = 0; i < *np; i++) {
		memcpy(stored, file + rows[i].at, rows[i].stored + CONTAINER_TAG);
		if ((st = container_open(&got, &keys, i, &rows[i], stored, plain)) != OK)
			return st;
		for (uint32_t at = 0; at < rows[i].plain; at++)
			if (plain[at] != (uint8_t)(i + at * 31))
				return ST_SERVERFAULT;
	}
	return OK;
}

static uint8_t *
sample(uint64_t *len, uint32_t chunks, uint32_t chunk_len)
{
	struct container_keys keys = keys_of(1);
	struct container_builder *b = container_builder_new(&ident, &keys);
	const uint8_t *bytes;
	uint8_t *copy;

	for (uint32_t i = 0; i < chunks; i++)
		add(b, chunk_len, (uint8_t)i);
	bytes = container_finish(b, len);
	copy = xmalloc(*len);
	memcpy(copy, bytes, *len);
	container_builder_free(&b);
	return copy;
}

CASE(what_is_put_in_comes_out)
{
	uint64_t len;
	uint8_t *file = sample(&len, 5, 5000);
	uint32_t n = 0;

	EQ(verify(file, len, &n), OK);
	EQ(n, 5);
	EQ(len, 64 + 5 * (5000 + 16) + 5 * 64 + 64);
	free(file);
}

CASE(an_empty_container_is_one)
{
	uint64_t len;
	uint8_t *file = sample(&len, 0, 1);
	uint32_t n = 9;

	EQ(verify(file, len, &n), OK);
	EQ(n, 0);
	free(file);
}

CASE(every_flipped_bit_is_found)
{
	uint64_t len;
	uint8_t *file = sample(&len, 3, 100);
	uint32_t n;

	for (uint64_t bit = 0; bit < len * 8; bit++) {
		file[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (verify(file, len, &n) == OK)
			check_fail(__FILE__, __LINE__, "bit %llu of byte %llu goes unseen",
			    (unsigned long long)bit % 8, (unsigned long long)bit / 8);
		file[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	EQ(verify(file, len, &n), OK);
	free(file);
}

CASE(every_truncation_is_found)
{
	uint64_t len;
	uint8_t *file = sample(&len, 3, 100);
	uint32_t n;

	for (uint64_t cut = 0; cut < len; cut++)
		TRUE(verify(file, cut, &n) != OK);
	free(file);
}

CASE(a_chunk_in_anothers_place_is_found)
{
	uint64_t len, at = CONTAINER_HEADER, one = 100 + CONTAINER_TAG;
	uint8_t *file = sample(&len, 3, 100), swap[100 + CONTAINER_TAG];
	uint32_t n;

	memcpy(swap, file + at, one);
	memcpy(file + at, file + at + one, one);
	memcpy(file + at + one, swap, one);
	EQ(verify(file, len, &n), ST_CORRUPT);
	free(file);
}

CASE(another_shares_key_opens_nothing)
{
	struct container_keys other = keys_of(2);
	struct container_chunk rows[4];
	uint64_t len;
	uint8_t *file = sample(&len, 2, 100);
	uint32_t n;

	EQ(container_index_parse(&ident, &other, file + len - 192, 192, len, rows, 4, &n),
	    ST_CORRUPT);
	free(file);
}

CASE(it_is_full_at_sixteen_megabytes)
{
	struct container_keys keys = keys_of(1);
	struct container_builder *b = container_builder_new(&ident, &keys);
	uint8_t digest[32] = { 0 }, *plain = calloc(1, CONTAINER_UNIT);
	uint32_t index = 0, n = 0;
	uint64_t len;

	while (container_add(b, digest, plain, CONTAINER_UNIT, &index) == OK)
		n++;
	EQ(index, n - 1);
	TRUE(n >= 250);
	EQ(container_add(b, digest, plain, CONTAINER_UNIT, &index), ST_RESOURCE);
	container_finish(b, &len);
	TRUE(len <= CONTAINER_BYTES);
	TRUE(len > CONTAINER_BYTES - 2 * CONTAINER_UNIT);
	container_builder_free(&b);
	free(plain);
}

CASE(an_aead_is_refused_not_guessed)
{
	struct container_keys keys = { .aead = 1 };
	struct container_builder *b = container_builder_new(&ident, &keys);
	uint8_t digest[32] = { 0 };
	uint32_t index;

	EQ(container_add(b, digest, "x", 1, &index), ST_NOTSUPP);
	container_builder_free(&b);
}

CASE(noise_is_no_container)
{
	uint8_t noise[512];
	uint32_t n;

	for (int i = 0; i < 2000; i++) {
		rand_bytes(noise, sizeof noise);
		TRUE(verify(noise, sizeof noise, &n) != OK);
	}
}
