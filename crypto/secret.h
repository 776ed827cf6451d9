/*
 * Secrets in memory: locked pages for keys that live long, wiping that the compiler cannot
 * drop, comparison whose time says nothing, and unguessable bytes.  libsodium is started by a
 * constructor in secret.c, before main().
 */
#ifndef CRYPTO_SECRET_H
#define CRYPTO_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECRET_KEY_BYTES 32

/* 0 when libsodium has started; −1 means that no function of this room may be used. */
int secret_start(void);

/*
 * len zeroed bytes between guard pages, locked against swapping where RLIMIT_MEMLOCK allows, and
 * left out of core dumps.  NULL where memory ends.  secret_free wipes and nulls the pointer of
 * its caller; one that is NULL already is fine.
 */
void *secret_new(size_t len);
void secret_free(void **secretp);

void secret_wipe(void *bytes, size_t len);
bool secret_equal(const void *a, const void *b, size_t len);

/* From the kernel's generator; for keys, nonces and salts. */
void secret_random(void *to, size_t len);

#endif
