/*
 * Passwords and passphrases: Argon2id through libsodium.  What a hash may cost is bounded on
 * both sides, also when it comes from a database: a row cannot make a log-in take a minute or
 * the machine's memory.  RFC 9106.
 */
#ifndef CRYPTO_PASSWORD_H
#define CRYPTO_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PASSWORD_HASH_BYTES 128		/* of the printable hash, with its NUL */
#define PASSWORD_LEN_MAX 1024
#define PASSWORD_SALT_BYTES 16
#define PASSWORD_PASSES_MAX 16
#define PASSWORD_MEMORY_MIN_KIB 8192	/* for new hashes; older ones verify below it */
#define PASSWORD_MEMORY_MAX_KIB (1u << 20)

struct password_cost {
	uint32_t passes;
	uint32_t memory_kib;
};

extern const struct password_cost password_cost_login;		/* 2 passes, 64 MiB */
extern const struct password_cost password_cost_passphrase;	/* 3 passes, 256 MiB */

/*
 * Hash a password under a random salt into "$argon2id$v=19$m=…".  −1: too long, a cost out of
 * bounds, no memory.  Takes some 60 ms at the log-in cost: never on a home worker.
 */
int password_hash(const char *password, size_t len, const struct password_cost *cost,
    char hash[PASSWORD_HASH_BYTES]);

/* 0 if the password made that hash; −1 if not, or if it is no Argon2id hash within bounds. */
int password_verify(const char *password, size_t len, const char *hash);

/* True when a hash that verified costs less than cost: hash again while the password is here. */
bool password_is_weaker(const char *hash, const struct password_cost *cost);

/* A 32-byte key from a passphrase; salt and cost are stored beside what it wraps. */
int password_key(const char *passphrase, size_t len, const struct password_cost *cost,
    const uint8_t salt[PASSWORD_SALT_BYTES], uint8_t key[32]);

#endif
