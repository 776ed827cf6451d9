#include "crypto/secret.h"
#include "tests/unit/crypto/hex.h"

#include <string.h>

CASE(the_library_has_started_before_main)
{
	EQ(secret_start(), 0);
}

CASE(owned_memory_comes_zeroed_and_goes_with_its_pointer)
{
	uint8_t *p = secret_new(SECRET_KEY_BYTES);
	void *again;

	TRUE(p != NULL);
	TRUE(all_zero(p, SECRET_KEY_BYTES));
	memset(p, 7, SECRET_KEY_BYTES);
	again = p;
	secret_free(&again);
	TRUE(again == NULL);
	secret_free(&again);
}

CASE(wiping_leaves_zeros)
{
	uint8_t bytes[100];

	memset(bytes, 0xa5, sizeof bytes);
	secret_wipe(bytes, 99);
	TRUE(all_zero(bytes, 99));
	EQ(bytes[99], 0xa5);
}

CASE(equality_sees_every_byte)
{
	uint8_t a[33], b[33];

	count_up(a, sizeof a, 1);
	memcpy(b, a, sizeof b);
	TRUE(secret_equal(a, b, sizeof a));
	for (size_t i = 0; i < sizeof a; i++) {
		b[i] ^= 0x80;
		FALSE(secret_equal(a, b, sizeof a));
		b[i] ^= 0x80;
	}
	TRUE(secret_equal(a, b, 0));
}

CASE(random_bytes_do_not_repeat)
{
	uint8_t a[32], b[32];

	secret_random(a, sizeof a);
	secret_random(b, sizeof b);
	FALSE(secret_equal(a, b, sizeof a));
}
