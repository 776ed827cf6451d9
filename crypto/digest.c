/*
 * Keyed BLAKE2b through OpenSSL, whose code takes half of the time of libsodium's.  Its calls fail
 * only for lengths out of range, which are constants here, and for want of memory; either
 * ends the program.
 *
 * The algorithm comes from a library context of our own, so that no openssl.cnf takes it away.  A
 * context of it lives for one digest: it costs a hundredth of hashing a page, and wipes the key.
 */
#include "crypto/digest.h"

#include "crypto/secret.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdbool.h>
#include <stdlib.h>

static EVP_MAC *blake2b;

static void
must(bool well)
{
	if (!well)
		abort();
}

/* Runs before main(), and so before there is a second thread. */
__attribute__((constructor)) static void
digest_first(void)
{
	OSSL_LIB_CTX *own = OSSL_LIB_CTX_new();

	must(own != NULL);
	blake2b = EVP_MAC_fetch(own, "BLAKE2BMAC", "provider=default");
	must(blake2b != NULL);
}

static void
begin(struct digest *d, const uint8_t *key, size_t out_bytes)
{
	OSSL_PARAM size[] = { OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &out_bytes),
		OSSL_PARAM_construct_end() };

	d->out_bytes = out_bytes;
	d->ctx = EVP_MAC_CTX_new(blake2b);
	must(d->ctx != NULL && EVP_MAC_init(d->ctx, key, DIGEST_KEY_BYTES, size) == 1);
}

static void
end(struct digest *d, uint8_t *out, size_t out_bytes)
{
	size_t made = 0;

	must(d->out_bytes == out_bytes);
	must(EVP_MAC_final(d->ctx, out, &made, out_bytes) == 1 && made == out_bytes);
	EVP_MAC_CTX_free(d->ctx);
	secret_wipe(d, sizeof *d);
}

void
digest_of(const uint8_t key[DIGEST_KEY_BYTES], const void *bytes, size_t len,
    uint8_t out[DIGEST_BYTES])
{
	struct digest d;

	digest_begin(&d, key);
	digest_add(&d, bytes, len);
	digest_end(&d, out);
}

void
digest_begin(struct digest *d, const uint8_t key[DIGEST_KEY_BYTES])
{
	begin(d, key, DIGEST_BYTES);
}

void
digest_add(struct digest *d, const void *bytes, size_t len)
{
	must(len == 0 || EVP_MAC_update(d->ctx, bytes, len) == 1);
}

void
digest_end(struct digest *d, uint8_t out[DIGEST_BYTES])
{
	end(d, out, DIGEST_BYTES);
}

void
digest_tag_begin(struct digest *d, const uint8_t key[DIGEST_KEY_BYTES])
{
	begin(d, key, DIGEST_TAG_BYTES);
}

void
digest_tag_end(struct digest *d, uint8_t tag[DIGEST_TAG_BYTES])
{
	end(d, tag, DIGEST_TAG_BYTES);
}
