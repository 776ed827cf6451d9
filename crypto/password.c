/*
 * Argon2id within bounds.  libsodium takes costs from the stored string as they come, so the
 * string is read here first and refused if it asks for more than a log-in may cost.
 */
#include "crypto/password.h"

#include <sodium.h>
#include <string.h>

_Static_assert(PASSWORD_HASH_BYTES == crypto_pwhash_argon2id_STRBYTES, "size of a hash");
_Static_assert(PASSWORD_SALT_BYTES == crypto_pwhash_argon2id_SALTBYTES, "size of a salt");

const struct password_cost password_cost_login = { 2, 65536 };
const struct password_cost password_cost_passphrase = { 3, 262144 };

enum { LANES_MAX = 4 };

static bool
cost_ok(const struct password_cost *cost)
{
	return cost->passes >= 1 && cost->passes <= PASSWORD_PASSES_MAX &&
	    cost->memory_kib >= PASSWORD_MEMORY_MIN_KIB &&
	    cost->memory_kib <= PASSWORD_MEMORY_MAX_KIB;
}

/* Step over a constant, or over a decimal number within 1 … most; false if it is not there. */
static bool
skip_word(const char **at, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(*at, word, len) != 0)
		return false;
	*at += len;
	return true;
}

static bool
take_number(const char **at, uint32_t most, uint32_t *out)
{
	uint64_t n = 0;
	const char *p = *at;

	for (; *p >= '0' && *p <= '9' && n <= most; p++)
		n = n * 10 + (uint64_t)(*p - '0');
	if (p == *at || n < 1 || n > most)
		return false;
	*at = p;
	*out = (uint32_t)n;
	return true;
}

/* The cost that a stored hash asks for; false when it is none of ours or beyond bounds. */
static bool
hash_cost(const char *hash, struct password_cost *cost)
{
	struct password_cost c;
	uint32_t lanes;

	if (strnlen(hash, PASSWORD_HASH_BYTES) == PASSWORD_HASH_BYTES ||
	    !skip_word(&hash, "$argon2id$v=19$m=") ||
	    !take_number(&hash, PASSWORD_MEMORY_MAX_KIB, &c.memory_kib) ||
	    !skip_word(&hash, ",t=") || !take_number(&hash, PASSWORD_PASSES_MAX, &c.passes) ||
	    !skip_word(&hash, ",p=") || !take_number(&hash, LANES_MAX, &lanes) || *hash != '$')
		return false;
	*cost = c;
	return true;
}

int
password_hash(const char *password, size_t len, const struct password_cost *cost,
    char hash[PASSWORD_HASH_BYTES])
{
	char made[PASSWORD_HASH_BYTES];

	if (len > PASSWORD_LEN_MAX || !cost_ok(cost) ||
	    crypto_pwhash_argon2id_str(made, password, len, cost->passes,
	    (size_t)cost->memory_kib * 1024) != 0)
		return -1;
	memcpy(hash, made, sizeof made);
	return 0;
}

int
password_verify(const char *password, size_t len, const char *hash)
{
	char padded[PASSWORD_HASH_BYTES] = "";	/* libsodium reads the whole array */
	struct password_cost cost;

	if (len > PASSWORD_LEN_MAX || !hash_cost(hash, &cost))
		return -1;
	memcpy(padded, hash, strlen(hash));
	return crypto_pwhash_argon2id_str_verify(padded, password, len) == 0 ? 0 : -1;
}

bool
password_is_weaker(const char *hash, const struct password_cost *cost)
{
	struct password_cost has;

	return !hash_cost(hash, &has) || has.passes < cost->passes ||
	    has.memory_kib < cost->memory_kib;
}

int
password_key(const char *passphrase, size_t len, const struct password_cost *cost,
    const uint8_t salt[PASSWORD_SALT_BYTES], uint8_t key[32])
{
	uint8_t made[32];

	if (len > PASSWORD_LEN_MAX || !cost_ok(cost) ||
	    crypto_pwhash_argon2id(made, sizeof made, passphrase, len, salt, cost->passes,
	    (size_t)cost->memory_kib * 1024, crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0)
		return -1;
	memcpy(key, made, sizeof made);
	sodium_memzero(made, sizeof made);
	return 0;
}
