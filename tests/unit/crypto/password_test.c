#include "crypto/password.h"
#include "tests/unit/crypto/hex.h"

#include <string.h>

static const struct password_cost cheap = { 1, PASSWORD_MEMORY_MIN_KIB };

/* A vector of the reference implementation of Argon2. */
#define PUBLISHED "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$" \
	"CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"

CASE(the_published_hash_verifies)
{
	EQ(password_verify("password", 8, PUBLISHED), 0);
	EQ(password_verify("Password", 8, PUBLISHED), -1);
	EQ(password_verify("password", 7, PUBLISHED), -1);
}

CASE(a_hash_verifies_for_its_password_alone)
{
	char one[PASSWORD_HASH_BYTES], two[PASSWORD_HASH_BYTES];

	EQ(password_hash("correct horse", 13, &cheap, one), 0);
	EQ(password_hash("correct horse", 13, &cheap, two), 0);
	TRUE(strcmp(one, two) != 0);			/* the salt is new */
	TRUE(strncmp(one, "$argon2id$v=19$m=8192,t=1,p=1$", 30) == 0);
	EQ(password_verify("correct horse", 13, one), 0);
	EQ(password_verify("correct horses", 14, one), -1);
	EQ(password_verify("", 0, one), -1);
}

CASE(hashes_that_are_none_or_ask_for_too_much_are_refused_at_once)
{
	static const char *const bad[] = {
		"", "x", "$argon2id$", "$argon2i$v=19$m=8192,t=1,p=1$AAAA$AAAA",
		"$argon2id$v=16$m=8192,t=1,p=1$c29tZXNhbHQ$AAAA",
		"$argon2id$v=19$m=1048577,t=1,p=1$c29tZXNhbHQ$AAAA",
		"$argon2id$v=19$m=4294967296,t=1,p=1$c29tZXNhbHQ$AAAA",
		"$argon2id$v=19$m=99999999999999999999999999,t=1,p=1$c29tZXNhbHQ$AAAA",
		"$argon2id$v=19$m=8192,t=17,p=1$c29tZXNhbHQ$AAAA",
		"$argon2id$v=19$m=8192,t=0,p=1$c29tZXNhbHQ$AAAA",
		"$argon2id$v=19$m=8192,t=1,p=5$c29tZXNhbHQ$AAAA",
		"$argon2id$v=19$m=8192,t=1,p=1", "$argon2id$v=19$m=,t=1,p=1$c29tZXNhbHQ$AAAA",
		"$argon2id$v=19$m=8192,t=1,p=1$!!!!$AAAA", "$argon2id$v=19$m=8192,t=1,p=1$",
	};
	char long_one[200];

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		EQ(password_verify("password", 8, bad[i]), -1);
	memset(long_one, 'A', sizeof long_one);
	memcpy(long_one, PUBLISHED, sizeof PUBLISHED - 1);
	long_one[sizeof long_one - 1] = '\0';
	EQ(password_verify("password", 8, long_one), -1);
}

CASE(costs_and_lengths_out_of_bounds_are_refused)
{
	char hash[PASSWORD_HASH_BYTES], longest[PASSWORD_LEN_MAX + 1] = { 0 };
	uint8_t salt[PASSWORD_SALT_BYTES] = { 0 }, key[32];
	const struct password_cost bad[] = { { 0, 8192 }, { 17, 8192 }, { 1, 8191 },
	    { 1, (1u << 20) + 1 } };

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		EQ(password_hash("p", 1, &bad[i], hash), -1);
		EQ(password_key("p", 1, &bad[i], salt, key), -1);
	}
	EQ(password_hash(longest, sizeof longest, &cheap, hash), -1);
	EQ(password_key(longest, sizeof longest, &cheap, salt, key), -1);
	EQ(password_verify(longest, sizeof longest, PUBLISHED), -1);
}

CASE(a_weaker_hash_is_told_from_an_equal_one)
{
	FALSE(password_is_weaker(PUBLISHED, &password_cost_login));
	TRUE(password_is_weaker(PUBLISHED, &password_cost_passphrase));
	TRUE(password_is_weaker("nonsense", &cheap));
}

CASE(a_passphrase_gives_the_known_key)
{
	const struct password_cost cost = { 2, 8192 };
	uint8_t salt[PASSWORD_SALT_BYTES], key[32], want[32];

	count_up(salt, sizeof salt, 0);			/* want: another implementation */
	unhex("5d6feb78fec962f9fe4465119605b64a5dbce8acde9e8ae0c8b3d4c2f518c9a4", want, 32);
	EQ(password_key("correct horse", 13, &cost, salt, key), 0);
	EQ_MEM(key, want, 32);
}
