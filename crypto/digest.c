/*
 * Keyed BLAKE2b through libsodium.  Its calls fail only for lengths out of range, which are
 * constants here; a failure would be a fault of ours, so it ends the program.
 */
#include "crypto/digest.h"

#include "crypto/secret.h"

#include <sodium.h>
#include <stdlib.h>

_Static_assert(sizeof(crypto_generichash_blake2b_state) <= sizeof((struct digest *)0)->state,
    "the state fits");
_Static_assert(_Alignof(crypto_generichash_blake2b_state) <= 64, "the state is aligned");
_Static_assert(DIGEST_BYTES == crypto_generichash_blake2b_BYTES, "size of a digest");
_Static_assert(DIGEST_KEY_BYTES == crypto_generichash_blake2b_KEYBYTES, "size of its key");
_Static_assert(DIGEST_TAG_BYTES >= crypto_generichash_blake2b_BYTES_MIN, "size of a tag");

static void
must(int outcome)
{
	if (outcome != 0)
		abort();
}

static void
begin(struct digest *d, const uint8_t *key, size_t out_bytes)
{
	d->out_bytes = out_bytes;
	must(crypto_generichash_blake2b_init((void *)d->state, key, DIGEST_KEY_BYTES, out_bytes));
}

static void
end(struct digest *d, uint8_t *out, size_t out_bytes)
{
	must(d->out_bytes == out_bytes ? 0 : -1);
	must(crypto_generichash_blake2b_final((void *)d->state, out, out_bytes));
	secret_wipe(d, sizeof *d);
}

void
digest_of(const uint8_t key[DIGEST_KEY_BYTES], const void *bytes, size_t len,
    uint8_t out[DIGEST_BYTES])
{
	must(crypto_generichash_blake2b(out, DIGEST_BYTES, bytes, len, key, DIGEST_KEY_BYTES));
}

void
digest_begin(struct digest *d, const uint8_t key[DIGEST_KEY_BYTES])
{
	begin(d, key, DIGEST_BYTES);
}

void
digest_add(struct digest *d, const void *bytes, size_t len)
{
	must(crypto_generichash_blake2b_update((void *)d->state, bytes, len));
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
