/*
 * Envelopes: what is bound to what.  A wrapped key's four bytes of head are additional data
 * together with the caller's, so version and purpose cannot be exchanged; a unit's place and
 * digest are additional data, so it opens only where it was put.
 */
#include "crypto/envelope.h"

#include "crypto/secret.h"

#include <sodium.h>
#include <string.h>

enum { VERSION = 1, HEAD = 4, NONCE = 24, TAG = AEAD_TAG_BYTES };

_Static_assert(HEAD + NONCE + ENVELOPE_KEY_BYTES + TAG == ENVELOPE_WRAPPED_BYTES, "layout");
_Static_assert(NONCE + TAG == ENVELOPE_VALUE_EXTRA, "layout");

/* Personalisation strings: exactly the 16 bytes that BLAKE2b takes, for good. */
static const char labels[][crypto_generichash_blake2b_PERSONALBYTES + 1] = {
	[ENVELOPE_FOR_DIGEST] =      "dfs digest key 1",
	[ENVELOPE_FOR_INCARNATION] = "dfs incarnatn. 1",
	[ENVELOPE_FOR_CLEAR_TAG] =   "dfs clear tag  1",
	[ENVELOPE_FOR_VALUE] =       "dfs value key  1",
	[ENVELOPE_FOR_IDENTITY] =    "dfs key ident. 1",
};

static void
put_u64(uint8_t *p, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (56 - 8 * i));
}

void
envelope_key_make(uint8_t key[ENVELOPE_KEY_BYTES])
{
	secret_random(key, ENVELOPE_KEY_BYTES);
}

/* Head and the caller's additional data in one piece; its length, or 0 if too long. */
static size_t
bind(const struct envelope_wrapping *w, uint8_t bound[HEAD + ENVELOPE_AAD_MAX])
{
	if (w->aad_len > ENVELOPE_AAD_MAX)
		return 0;
	bound[0] = VERSION;
	bound[1] = (uint8_t)w->purpose;
	bound[2] = bound[3] = 0;
	if (w->aad_len > 0)
		memcpy(bound + HEAD, w->aad, w->aad_len);
	return HEAD + w->aad_len;
}

int
envelope_wrap(const struct envelope_wrapping *w, const uint8_t key[ENVELOPE_KEY_BYTES],
    uint8_t wrapped[ENVELOPE_WRAPPED_BYTES])
{
	uint8_t bound[HEAD + ENVELOPE_AAD_MAX], *nonce = wrapped + HEAD, *body = nonce + NONCE;
	size_t bound_len = bind(w, bound);

	if (bound_len == 0)
		return -1;
	memcpy(wrapped, bound, HEAD);
	secret_random(nonce, NONCE);
	return crypto_aead_xchacha20poly1305_ietf_encrypt_detached(body, body + ENVELOPE_KEY_BYTES,
	    NULL, key, ENVELOPE_KEY_BYTES, bound, bound_len, NULL, nonce, w->by);
}

int
envelope_unwrap(const struct envelope_wrapping *w,
    const uint8_t wrapped[ENVELOPE_WRAPPED_BYTES], uint8_t key[ENVELOPE_KEY_BYTES])
{
	uint8_t bound[HEAD + ENVELOPE_AAD_MAX], opened[ENVELOPE_KEY_BYTES];
	const uint8_t *nonce = wrapped + HEAD, *body = nonce + NONCE;
	size_t bound_len = bind(w, bound);

	if (bound_len == 0 || memcmp(wrapped, bound, HEAD) != 0)
		return -1;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt_detached(opened, NULL, body,
	    ENVELOPE_KEY_BYTES, body + ENVELOPE_KEY_BYTES, bound, bound_len, nonce, w->by) != 0)
		return -1;
	memcpy(key, opened, sizeof opened);
	secret_wipe(opened, sizeof opened);
	return 0;
}

int
envelope_derive(const uint8_t from[ENVELOPE_KEY_BYTES], enum envelope_label label,
    const void *context, size_t context_len, uint8_t key[ENVELOPE_KEY_BYTES])
{
	unsigned row = label;

	if (row == 0 || row >= sizeof labels / sizeof labels[0] || context_len > ENVELOPE_AAD_MAX)
		return -1;
	return crypto_generichash_blake2b_salt_personal(key, ENVELOPE_KEY_BYTES, context,
	    context_len, from, ENVELOPE_KEY_BYTES, NULL, (const uint8_t *)labels[row]);
}

struct unit_binding {
	uint8_t nonce[AEAD_NONCE_MAX];
	uint8_t aad[ENVELOPE_CONTAINER_BYTES + 8 + ENVELOPE_DIGEST_BYTES];
};

/* Nonce and additional data of a unit; −1 for what may not be sealed at all. */
static int
unit_bind(const struct envelope_unit *u, struct unit_binding *b, struct aead_unit *out)
{
	size_t nonce_bytes = aead_nonce_bytes(u->aead);

	if (nonce_bytes == 0 || u->len > ENVELOPE_UNIT_MAX)
		return -1;
	memset(b->nonce, 0, sizeof b->nonce);
	put_u64(b->nonce + nonce_bytes - 8, u->counter);
	memcpy(b->aad, u->container, ENVELOPE_CONTAINER_BYTES);
	put_u64(b->aad + ENVELOPE_CONTAINER_BYTES, u->index);
	memcpy(b->aad + ENVELOPE_CONTAINER_BYTES + 8, u->digest, ENVELOPE_DIGEST_BYTES);
	*out = (struct aead_unit){ .key = u->key, .nonce = b->nonce, .aad = b->aad,
	    .aad_len = sizeof b->aad, .in = u->in, .out = u->out, .len = u->len };
	return 0;
}

int
envelope_unit_seal(struct aead *a, const struct envelope_unit *u, uint8_t tag[AEAD_TAG_BYTES])
{
	struct unit_binding b;
	struct aead_unit unit;

	if (unit_bind(u, &b, &unit) != 0)
		return -1;
	return aead_seal(a, u->aead, &unit, tag);
}

int
envelope_unit_open(struct aead *a, const struct envelope_unit *u,
    const uint8_t tag[AEAD_TAG_BYTES])
{
	struct unit_binding b;
	struct aead_unit unit;

	if (unit_bind(u, &b, &unit) != 0)
		return -1;
	return aead_open(a, u->aead, &unit, tag);
}

int
envelope_value_seal(const struct envelope_value *v, const void *in, size_t len, uint8_t *out)
{
	if (len > AEAD_LEN_MAX || v->aad_len > AEAD_LEN_MAX)
		return -1;
	secret_random(out, NONCE);
	return crypto_aead_xchacha20poly1305_ietf_encrypt_detached(out + NONCE, out + NONCE + len,
	    NULL, in, len, v->aad, v->aad_len, NULL, out, v->key);
}

int
envelope_value_open(const struct envelope_value *v, const uint8_t *in, size_t len, void *out)
{
	size_t body;

	if (len < ENVELOPE_VALUE_EXTRA || len - ENVELOPE_VALUE_EXTRA > AEAD_LEN_MAX ||
	    v->aad_len > AEAD_LEN_MAX)
		return -1;
	body = len - ENVELOPE_VALUE_EXTRA;
	return crypto_aead_xchacha20poly1305_ietf_decrypt_detached(out, NULL, in + NONCE, body,
	    in + NONCE + body, v->aad, v->aad_len, in, v->key);
}
