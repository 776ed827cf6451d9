/*
 * Thin over libsodium on purpose: what is here is here so that no other room needs to know
 * which library wipes, compares and locks.
 */
#include "crypto/secret.h"

#include <sodium.h>

static int started = -1;

/* Runs before main(), so that no room's tests or tools can forget it. */
__attribute__((constructor)) static void
secret_first(void)
{
	started = sodium_init() < 0 ? -1 : 0;
}

int
secret_start(void)
{
	return started;
}

void *
secret_new(size_t len)
{
	void *p = sodium_malloc(len);

	if (p != NULL)
		sodium_memzero(p, len);		/* it comes filled with a pattern */
	return p;
}

void
secret_free(void **secretp)
{
	sodium_free(*secretp);			/* wipes, and checks its canary */
	*secretp = NULL;
}

void
secret_wipe(void *bytes, size_t len)
{
	sodium_memzero(bytes, len);
}

bool
secret_equal(const void *a, const void *b, size_t len)
{
	return sodium_memcmp(a, b, len) == 0;
}

void
secret_random(void *to, size_t len)
{
	randombytes_buf(to, len);
}
