/*
 * The container codec: round trip, limits, and that no damage goes unseen.
 */
#include "pipeline/block/container.h"

#include "crypto/aead.h"
#include "crypto/digest.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/rand.h"
#include "pipeline/block/compress.h"
#include "tests/lib/check.h"

#include <stdlib.h>

static const struct container_ident ident = { "share of the tes", 3, 77 };

/* The ways of keeping that every case goes through. */
static const struct way {
	uint8_t aead, level;
} ways[] = { { 0, 0 }, { 0, 3 }, { AEAD_AES_256_GCM, 0 }, { AEAD_CHACHA20_POLY1305, 1 },
	{ AEAD_XCHACHA20_POLY1305, 3 } };

static struct container_keys
keys_of(const struct way *way, uint8_t seed)
{
	uint8_t digest_key[32] = { seed, 1, 2, 3 };
	struct container_keys keys;

	container_plain_keys(digest_key, &keys);
	keys.aead = way->aead;
	memset(keys.wrapped, seed, sizeof keys.wrapped);
	keys.version = way->aead == 0 ? 0 : 7;
	return keys;
}

/* Every second chunk can be made smaller. */
static void
content(uint8_t *plain, uint32_t len, uint32_t seed)
{
	for (uint32_t i = 0; i < len; i++)
		plain[i] = (uint8_t)(seed % 2 == 0 ? seed : hash_u64((uint64_t)seed << 32 | i));
}

static void
add(struct container_builder *b, uint32_t len, uint8_t seed)
{
	uint8_t digest[32], key[32] = { 9 }, *plain = xmalloc(len);
	uint32_t index;

	content(plain, len, seed);
	digest_of(key, plain, len, digest);
	EQ(container_add(b, digest, plain, len, &index), OK);
	free(plain);
}

static enum status
verify_units(const struct container_head *head, const struct container_keys *keys,
    const uint8_t *file, const struct container_chunk *rows, uint32_t n)
{
	static uint8_t stored[CONTAINER_UNIT + CONTAINER_TAG], plain[CONTAINER_UNIT],
	    want[CONTAINER_UNIT];
	enum status st;

	for (uint32_t i = 0; i < n; i++) {
		memcpy(stored, file + rows[i].at, rows[i].stored + CONTAINER_TAG);
		if ((st = container_open(&head->ident, keys, i, &rows[i], stored, plain)) != OK)
			return st;
		content(want, rows[i].plain, i);
		if (memcmp(plain, want, rows[i].plain) != 0)
			return ST_SERVERFAULT;
	}
	return OK;
}

/* Everything a reader of the file would check, chunks too. */
static enum status
verify(const struct way *way, const uint8_t *file, uint64_t len, uint32_t *np)
{
	static struct container_chunk rows[CONTAINER_CHUNKS_MAX];
	struct container_keys keys = keys_of(way, 1);
	struct container_head got;
	uint64_t end;
	enum status st;

	if (len < CONTAINER_HEADER + CONTAINER_TRAILER)
		return ST_CORRUPT;
	if ((st = container_header_parse(file, len, &got)) != OK)
		return st;
	if (memcmp(&got.ident, &ident, sizeof ident) != 0 || got.aead != way->aead)
		return ST_MISMATCH;
	if (got.version != keys.version ||
	    memcmp(file + CONTAINER_HEADER, keys.wrapped, got.wrapped_bytes) != 0)
		return ST_MISMATCH;
	if ((st = container_end_bytes(file + len - CONTAINER_TRAILER, len, &end)) != OK ||
	    (st = container_index_parse(&got.ident, &keys, file + len - end, end, len, rows,
	    CONTAINER_CHUNKS_MAX, np)) != OK)
		return st;
	return verify_units(&got, &keys, file, rows, *np);
}

static uint8_t *
sample(const struct way *way, uint64_t *len, uint32_t chunks, uint32_t chunk_len)
{
	struct container_keys keys = keys_of(way, 1);
	struct compressor *small = compressor_new(way->level);
	struct container_builder *b = container_builder_new(&ident, &keys, small);
	const uint8_t *bytes;
	uint8_t *copy;

	for (uint32_t i = 0; i < chunks; i++)
		add(b, chunk_len, (uint8_t)i);
	bytes = container_finish(b, len);
	copy = xmalloc(*len);
	memcpy(copy, bytes, *len);
	container_builder_free(&b);
	compressor_free(&small);
	return copy;
}

#define EACH_WAY(way) \
	for (const struct way *way = ways; way < ways + ARRAY_LEN(ways); way++)

CASE(what_is_put_in_comes_out)
{
	EACH_WAY(way) {
		uint64_t len, head = 64 + (way->aead == 0 ? 0 : CONTAINER_WRAPPED);
		uint8_t *file = sample(way, &len, 5, 5000);
		uint32_t n = 0;

		EQ(verify(way, file, len, &n), OK);
		EQ(n, 5);
		if (way->level == 0)
			EQ(len, head + 5 * (5000 + 16) + 5 * 64 + 64);
		else
			TRUE(len < head + 2 * 5016 + 3 * 100 + 5 * 64 + 64);
		free(file);
	}
}

/* Made apart and in place, the last first: the same bytes as one after another. */
CASE(units_made_apart_make_the_same_container)
{
	enum { UNITS = 5, UNIT_BYTES = 5000 };

	EACH_WAY(way) {
		uint64_t len, want_len;
		uint8_t *want = sample(way, &want_len, UNITS, UNIT_BYTES), key[32] = { 9 };
		static uint8_t plain[UNITS][UNIT_BYTES], digest[UNITS][32];
		static struct container_maker maker;
		struct container_unit u[UNITS];
		struct container_keys keys = keys_of(way, 1);
		struct container_builder *b = container_builder_new(&ident, &keys, NULL);
		const uint8_t *bytes;

		maker.small = compressor_new(way->level);
		for (uint32_t i = UNITS; i-- > 0;) {
			content(plain[i], UNIT_BYTES, (uint8_t)i);
			digest_of(key, plain[i], UNIT_BYTES, digest[i]);
			u[i] = (struct container_unit){ .index = i, .len = UNIT_BYTES,
				.digest = digest[i], .plain = plain[i], .to = plain[i] };
			container_unit_make(b, &maker, &u[i]);
		}
		for (uint32_t i = 0; i < UNITS; i++)
			EQ(container_append(b, &u[i]), OK);
		bytes = container_finish(b, &len);
		EQ(len, want_len);
		TRUE(memcmp(bytes, want, len) == 0);
		container_builder_free(&b);
		compressor_free(&maker.small);
		free(want);
	}
}

CASE(sealed_bytes_and_rows_say_nothing)
{
	uint8_t plain[5000], digest[32], key[32] = { 9 };
	uint64_t len;

	content(plain, sizeof plain, 1);
	digest_of(key, plain, sizeof plain, digest);
	EACH_WAY(way) {
		uint8_t *file = sample(way, &len, 5, 5000);

		EQ(memmem(file, len, plain, 16) != NULL, way->aead == 0);
		EQ(memmem(file, len, digest, 32) != NULL, way->aead == 0);
		free(file);
	}
}

CASE(an_empty_container_is_one)
{
	EACH_WAY(way) {
		uint64_t len;
		uint8_t *file = sample(way, &len, 0, 1);
		uint32_t n = 9;

		EQ(verify(way, file, len, &n), OK);
		EQ(n, 0);
		free(file);
	}
}

CASE(every_flipped_bit_is_found)
{
	EACH_WAY(way) {
		uint64_t len;
		uint8_t *file = sample(way, &len, 3, 100);
		uint32_t n;

		for (uint64_t bit = 0; bit < len * 8; bit++) {
			file[bit / 8] ^= (uint8_t)(1u << bit % 8);
			if (verify(way, file, len, &n) == OK)
				check_fail(__FILE__, __LINE__, "bit %llu of byte %llu goes unseen",
				    (unsigned long long)bit % 8, (unsigned long long)bit / 8);
			file[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		EQ(verify(way, file, len, &n), OK);
		free(file);
	}
}

CASE(every_truncation_is_found)
{
	EACH_WAY(way) {
		uint64_t len;
		uint8_t *file = sample(way, &len, 3, 100);
		uint32_t n;

		for (uint64_t cut = 0; cut < len; cut++)
			TRUE(verify(way, file, cut, &n) != OK);
		free(file);
	}
}

CASE(a_chunk_in_anothers_place_is_found)
{
	EACH_WAY(way) {
		uint64_t len, one = 100 + CONTAINER_TAG;
		uint64_t at = CONTAINER_HEADER + (way->aead == 0 ? 0 : CONTAINER_WRAPPED);
		uint8_t *file, swap[100 + CONTAINER_TAG];
		uint32_t n;

		if (way->level != 0)
			continue;	/* they differ in length */
		file = sample(way, &len, 3, 100);
		memcpy(swap, file + at, one);
		memcpy(file + at, file + at + one, one);
		memcpy(file + at + one, swap, one);
		EQ(verify(way, file, len, &n), ST_CORRUPT);
		free(file);
	}
}

CASE(another_key_opens_nothing)
{
	EACH_WAY(way) {
		struct container_keys other = keys_of(way, 2);
		struct container_chunk rows[4];
		uint64_t len;
		uint8_t *file = sample(way, &len, 2, 100);
		uint32_t n;

		EQ(container_index_parse(&ident, &other, file + len - 192, 192, len, rows, 4, &n),
		    ST_CORRUPT);
		free(file);
	}
}

CASE(it_is_full_at_sixteen_megabytes)
{
	EACH_WAY(way) {
		struct container_keys keys = keys_of(way, 1);
		struct container_builder *b = container_builder_new(&ident, &keys, NULL);
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
}

CASE(an_unknown_aead_is_refused_not_guessed)
{
	uint64_t len;
	uint8_t *file = sample(&ways[0], &len, 1, 100);
	struct container_head head;

	file[6] = 99;
	put_le32(file + 60, crc32c(0, file, 60));
	EQ(container_header_parse(file, len, &head), ST_NOTSUPP);
	file[6] = AEAD_AES_256_GCM;	/* and no wrapped key */
	put_le32(file + 60, crc32c(0, file, 60));
	EQ(container_header_parse(file, len, &head), ST_CORRUPT);
	free(file);
}

CASE(noise_is_no_container)
{
	uint8_t noise[512];
	uint32_t n;

	for (int i = 0; i < 2000; i++) {
		rand_bytes(noise, sizeof noise);
		TRUE(verify(&ways[0], noise, sizeof noise, &n) != OK);
	}
}
