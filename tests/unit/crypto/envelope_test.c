#include "crypto/envelope.h"
#include "tests/unit/crypto/hex.h"

#include <stdlib.h>
#include <string.h>

static uint8_t kek[32], key[32];

static struct envelope_wrapping
wrapping(enum envelope_purpose purpose, const char *aad)
{
	count_up(kek, sizeof kek, 0);
	count_up(key, sizeof key, 100);
	return (struct envelope_wrapping){ kek, purpose, aad, strlen(aad) };
}

CASE(a_wrapped_key_comes_back)
{
	struct envelope_wrapping w = wrapping(ENVELOPE_SHARE_KEY, "share 1 version 2");
	uint8_t one[ENVELOPE_WRAPPED_BYTES], two[ENVELOPE_WRAPPED_BYTES], got[32] = { 0 };

	EQ(envelope_wrap(&w, key, one), 0);
	EQ(envelope_wrap(&w, key, two), 0);
	TRUE(memcmp(one, two, sizeof one) != 0);	/* the nonce is new each time */
	EQ(envelope_unwrap(&w, one, got), 0);
	EQ_MEM(got, key, 32);
}

CASE(the_wrapped_form_is_head_nonce_key_tag)
{
	struct envelope_wrapping w = wrapping(ENVELOPE_CONTAINER_KEY, "c");
	uint8_t wrapped[ENVELOPE_WRAPPED_BYTES], got[32];
	const uint8_t aad[5] = { 1, 2, 0, 0, 'c' };
	struct aead_unit u = { kek, wrapped + 4, aad, sizeof aad, wrapped + 28, got, 32 };
	struct aead a;

	EQ(envelope_wrap(&w, key, wrapped), 0);
	EQ_MEM(wrapped, aad, 4);
	EQ(aead_begin(&a), 0);
	EQ(aead_open(&a, AEAD_XCHACHA20_POLY1305, &u, wrapped + 60), 0);
	aead_end(&a);
	EQ_MEM(got, key, 32);
}

CASE(every_flipped_bit_of_a_wrapped_key_is_refused)
{
	struct envelope_wrapping w = wrapping(ENVELOPE_SHARE_KEY, "aad");
	uint8_t wrapped[ENVELOPE_WRAPPED_BYTES], got[32], untouched[32];

	memset(got, 0x33, sizeof got);
	memset(untouched, 0x33, sizeof untouched);
	EQ(envelope_wrap(&w, key, wrapped), 0);
	for (size_t bit = 0; bit < sizeof wrapped * 8; bit++) {
		wrapped[bit / 8] ^= (uint8_t)(1 << bit % 8);
		EQ(envelope_unwrap(&w, wrapped, got), -1);
		wrapped[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	EQ_MEM(got, untouched, 32);
}

CASE(a_wrapped_key_does_not_pass_for_another)
{
	struct envelope_wrapping w = wrapping(ENVELOPE_SHARE_KEY, "share 1");
	struct envelope_wrapping purpose = wrapping(ENVELOPE_CONTAINER_KEY, "share 1");
	struct envelope_wrapping share = wrapping(ENVELOPE_SHARE_KEY, "share 2");
	uint8_t wrapped[ENVELOPE_WRAPPED_BYTES], got[32];

	EQ(envelope_wrap(&w, key, wrapped), 0);
	EQ(envelope_unwrap(&purpose, wrapped, got), -1);
	wrapped[1] = ENVELOPE_CONTAINER_KEY;
	EQ(envelope_unwrap(&purpose, wrapped, got), -1);
	wrapped[1] = ENVELOPE_SHARE_KEY;
	EQ(envelope_unwrap(&share, wrapped, got), -1);
	kek[0] ^= 1;
	EQ(envelope_unwrap(&w, wrapped, got), -1);
}

CASE(too_much_additional_data_is_refused)
{
	uint8_t aad[ENVELOPE_AAD_MAX + 1] = { 0 }, wrapped[ENVELOPE_WRAPPED_BYTES], got[32];
	struct envelope_wrapping w = { kek, ENVELOPE_SHARE_KEY, aad, sizeof aad };

	EQ(envelope_wrap(&w, key, wrapped), -1);
	w.aad_len--;
	EQ(envelope_wrap(&w, key, wrapped), 0);
	EQ(envelope_unwrap(&w, wrapped, got), 0);
	w.aad_len++;
	EQ(envelope_unwrap(&w, wrapped, got), -1);
	EQ(envelope_derive(key, ENVELOPE_FOR_DIGEST, aad, sizeof aad, got), -1);
}

CASE(derived_keys_are_the_known_ones)
{
	static const char *const want[] = {	/* BLAKE2b with personalisation, RFC 7693 */
		[ENVELOPE_FOR_DIGEST] =
		    "1206bb24bf7633edea56d0b743abb76474d91e0dcfa9ae8544ac76a755caf794",
		[ENVELOPE_FOR_INCARNATION] =
		    "ab5c7f4d203275ba5a39027a7337595b0d72eb12027b7eca1229849c7cee9108",
		[ENVELOPE_FOR_CLEAR_TAG] =
		    "a2c0f28a55965b69afe7e54241e4fa0a002023cc3fec5720d66e708fc835c0bb",
		[ENVELOPE_FOR_VALUE] =
		    "22c98ade846314cf114ee5260c85234c12d5b5459b9bab64346fabb09621887b",
		[ENVELOPE_FOR_IDENTITY] =
		    "65159bf22feff659667f4fd951ab350ffc07913d81f8251f2c2573ca28362083",
	};
	uint8_t from[32], got[32], bytes[32];

	count_up(from, sizeof from, 0);
	for (unsigned label = ENVELOPE_FOR_DIGEST; label <= ENVELOPE_FOR_IDENTITY; label++) {
		EQ(envelope_derive(from, label, "context", 7, got), 0);
		unhex(want[label], bytes, sizeof bytes);
		EQ_MEM(got, bytes, 32);
	}
	EQ(envelope_derive(from, 0, "context", 7, got), -1);
	EQ(envelope_derive(from, ENVELOPE_FOR_IDENTITY + 1, "context", 7, got), -1);
}

static struct envelope_unit
unit(unsigned aead, void *in, void *out, size_t len)
{
	struct envelope_unit u = { .key = kek, .aead = aead, .counter = 7, .index = 3,
	    .in = in, .out = out, .len = len };

	count_up(kek, sizeof kek, 0);
	count_up(u.container, sizeof u.container, 0x10);
	count_up(u.digest, sizeof u.digest, 0x40);
	return u;
}

CASE(a_unit_is_sealed_under_its_counter_with_its_place_bound)
{
	char text[] = "a unit of a container";
	uint8_t out[21], tag[16], want[21], want_tag[16];
	struct envelope_unit u = unit(AEAD_AES_256_GCM, text, out, 21);
	struct aead a;

	/* From another implementation: nonce 0…07, additional data 10…1f 0…03 40…5f. */
	unhex("814d66717e637e95a27f8e0f503bdf101a69aee319", want, sizeof want);
	unhex("de242519b07ac61bacfe577c46775371", want_tag, sizeof want_tag);
	EQ(aead_begin(&a), 0);
	EQ(envelope_unit_seal(&a, &u, tag), 0);
	aead_end(&a);
	EQ_MEM(out, want, 21);
	EQ_MEM(tag, want_tag, 16);
}

CASE(a_unit_opens_only_where_it_was_put)
{
	struct aead a;

	EQ(aead_begin(&a), 0);
	for (unsigned id = AEAD_AES_256_GCM; id <= AEAD_CLEAR_BLAKE2B; id++) {
		char text[] = "bytes of a chunk";
		uint8_t sealed[16], out[16], tag[16];
		struct envelope_unit u = unit(id, text, sealed, 16), bad;

		EQ(envelope_unit_seal(&a, &u, tag), 0);
		u.in = sealed;
		u.out = out;
		EQ(envelope_unit_open(&a, &u, tag), 0);
		EQ_MEM(out, text, 16);
		bad = u, bad.counter++;
		EQ(envelope_unit_open(&a, &bad, tag), -1);
		bad = u, bad.index++;
		EQ(envelope_unit_open(&a, &bad, tag), -1);
		bad = u, bad.container[15] ^= 1;
		EQ(envelope_unit_open(&a, &bad, tag), -1);
		bad = u, bad.digest[0] ^= 1;
		EQ(envelope_unit_open(&a, &bad, tag), -1);
		TRUE(all_zero(out, 16));
	}
	aead_end(&a);
}

CASE(the_largest_unit_round_trips_in_place_and_one_more_byte_is_refused)
{
	uint8_t *bytes = malloc(ENVELOPE_UNIT_MAX + 1), *copy = malloc(ENVELOPE_UNIT_MAX);
	uint8_t tag[16];
	struct envelope_unit u = unit(aead_preferred(), bytes, bytes, ENVELOPE_UNIT_MAX);
	struct aead a;

	count_up(bytes, ENVELOPE_UNIT_MAX, 9);
	memcpy(copy, bytes, ENVELOPE_UNIT_MAX);
	EQ(aead_begin(&a), 0);
	EQ(envelope_unit_seal(&a, &u, tag), 0);
	TRUE(memcmp(bytes, copy, ENVELOPE_UNIT_MAX) != 0);
	EQ(envelope_unit_open(&a, &u, tag), 0);
	EQ_MEM(bytes, copy, ENVELOPE_UNIT_MAX);
	u.len++;
	EQ(envelope_unit_seal(&a, &u, tag), -1);
	EQ(envelope_unit_open(&a, &u, tag), -1);
	u.len = 1, u.aead = 77;
	EQ(envelope_unit_seal(&a, &u, tag), -1);
	aead_end(&a);
	free(bytes);
	free(copy);
}

CASE(a_sealed_value_opens_only_whole_and_for_its_record)
{
	struct envelope_value v = { kek, "inode 5", 7 }, other = { kek, "inode 6", 7 };
	uint8_t sealed[5 + ENVELOPE_VALUE_EXTRA], out[5];

	EQ(envelope_value_seal(&v, "value", 5, sealed), 0);
	EQ(envelope_value_open(&v, sealed, sizeof sealed, out), 0);
	EQ_MEM(out, "value", 5);
	EQ(envelope_value_open(&other, sealed, sizeof sealed, out), -1);
	for (size_t len = 0; len < sizeof sealed; len++)
		EQ(envelope_value_open(&v, sealed, len, out), -1);
	for (size_t bit = 0; bit < sizeof sealed * 8; bit++) {
		sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		EQ(envelope_value_open(&v, sealed, sizeof sealed, out), -1);
		sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	EQ(envelope_value_seal(&v, "", 0, sealed), 0);
	EQ(envelope_value_open(&v, sealed, ENVELOPE_VALUE_EXTRA, out), 0);
}
