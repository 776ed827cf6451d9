/*
 * Share keys in locked memory.  A version is written before the count that says it is there
 * (release), and read behind it (acquire): readers need no lock.  So it is with their wrapped form,
 * whose older lives are kept until the end: there are as many as there were rotations.
 */
#include "pipeline/block/keys.h"

#include "crypto/envelope.h"
#include "crypto/secret.h"
#include "pipeline/base/num.h"
#include "pipeline/base/panic.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(CONTAINER_WRAPPED == ENVELOPE_WRAPPED_BYTES, "one form of wrapped keys");
_Static_assert(SHARE_KEY_BYTES == ENVELOPE_KEY_BYTES, "one size of keys");

enum { INCARNATION_BOUND = 16 + 16 + 4, CONTAINER_AAD = CONTAINER_BOUND + 4,
	IDENTITY_BOUND = 16 + 4 };

struct wrapped {
	struct wrapped *older;
	uint32_t len;
	uint8_t bytes[KEYS_WRAPPED_MAX];
};

struct share_keys {
	uint8_t share_id[16];
	uint8_t aead;
	struct wrapped *_Atomic wrapped[SHARE_KEYS_MAX];
	_Atomic uint32_t n;		/* the newest version */
	uint8_t v[SHARE_KEYS_MAX][SHARE_KEY_BYTES];
};

enum status
keys_new(const uint8_t share_id[16], uint8_t aead, struct share_keys **kp)
{
	struct share_keys *k;

	if (aead_nonce_bytes(aead) == 0)
		return ST_NOTSUPP;
	if ((k = secret_new(sizeof *k)) == NULL)
		return ST_RESOURCE;
	memcpy(k->share_id, share_id, sizeof k->share_id);
	k->aead = aead;
	*kp = k;
	return OK;
}

void
keys_free(struct share_keys **kp)
{
	struct share_keys *keys = TAKE(kp);
	void *k = keys;

	for (int i = 0; keys != NULL && i < SHARE_KEYS_MAX; i++)
		for (struct wrapped *w = keys->wrapped[i], *older; w != NULL; w = older) {
			older = w->older;
			free(w);
		}
	secret_free(&k);
}

enum status
keys_add(struct share_keys *k, uint32_t version, const uint8_t key[SHARE_KEY_BYTES])
{
	uint32_t n = keys_newest(k);

	if (n == SHARE_KEYS_MAX)
		return ST_RESOURCE;
	if (version != n + 1)
		return ST_INVAL;
	memcpy(k->v[n], key, SHARE_KEY_BYTES);
	atomic_store_explicit(&k->n, version, memory_order_release);
	return OK;
}

uint32_t
keys_newest(const struct share_keys *k)
{
	return atomic_load_explicit(&k->n, memory_order_acquire);
}

void
keys_wrapped_set(struct share_keys *k, uint32_t version, struct slice bytes)
{
	struct wrapped *w = xcalloc(1, sizeof *w);

	assert(version > 0 && version <= SHARE_KEYS_MAX && bytes.len <= KEYS_WRAPPED_MAX);
	w->older = atomic_load_explicit(&k->wrapped[version - 1], memory_order_relaxed);
	w->len = bytes.len;
	memcpy(w->bytes, bytes.at, bytes.len);
	atomic_store_explicit(&k->wrapped[version - 1], w, memory_order_release);
}

struct slice
keys_wrapped(const struct share_keys *k, uint32_t version)
{
	const struct wrapped *w;

	assert(version > 0 && version <= SHARE_KEYS_MAX);
	w = atomic_load_explicit(&k->wrapped[version - 1], memory_order_acquire);
	return w != NULL ? slice_of(w->bytes, w->len) : slice_of(NULL, 0);
}

uint8_t
keys_aead(const struct share_keys *k)
{
	return k->aead;
}

static enum status
key_of(const struct share_keys *k, uint32_t version, const uint8_t **key)
{
	if (version == 0 || version > keys_newest(k))
		return ST_NOKEY;
	*key = k->v[version - 1];
	return OK;
}

void
keys_identity(const struct share_keys *k, uint32_t version, uint8_t out[KEYS_IDENTITY])
{
	uint8_t context[IDENTITY_BOUND], whole[ENVELOPE_KEY_BYTES];
	const uint8_t *key = NULL;

	memcpy(context, k->share_id, 16);
	put_le32(context + 16, version);
	if (key_of(k, version, &key) != OK || envelope_derive(key, ENVELOPE_FOR_IDENTITY, context,
	    sizeof context, whole) != 0)
		panic("a key cannot be told from others");
	memcpy(out, whole, KEYS_IDENTITY);
	secret_wipe(whole, sizeof whole);
}

void
keys_digest(const struct share_keys *k, uint8_t out[32])
{
	assert(keys_newest(k) > 0);
	if (envelope_derive(k->v[0], ENVELOPE_FOR_DIGEST, k->share_id, sizeof k->share_id, out) !=
	    0)
		panic("a key cannot be derived");
}

/* What a container's key is bound to: the container, and the version that wraps. */
static void
bind(const struct container_ident *ident, uint32_t version, uint8_t aad[CONTAINER_AAD])
{
	container_bound(ident, aad);
	put_le32(aad + CONTAINER_BOUND, version);
}

void
keys_container_make(const struct share_keys *k, const struct container_ident *ident,
    struct container_keys *out)
{
	uint32_t version = keys_newest(k);
	uint8_t aad[CONTAINER_AAD];
	struct envelope_wrapping w = { .purpose = ENVELOPE_CONTAINER_KEY, .aad = aad,
		.aad_len = sizeof aad };

	assert(version > 0);
	w.by = k->v[version - 1];
	bind(ident, version, aad);
	*out = (struct container_keys){ .aead = k->aead, .version = version };
	envelope_key_make(out->key);
	if (envelope_wrap(&w, out->key, out->wrapped) != 0)
		panic("a container's key cannot be wrapped");
}

enum status
keys_container_open(const struct share_keys *k, const struct container_head *head,
    const uint8_t wrapped[CONTAINER_WRAPPED], struct container_keys *out)
{
	uint8_t aad[CONTAINER_AAD];
	struct envelope_wrapping w = { .purpose = ENVELOPE_CONTAINER_KEY, .aad = aad,
		.aad_len = sizeof aad };
	enum status st = key_of(k, head->version, &w.by);
	struct container_keys keys = { .aead = head->aead, .version = head->version };

	if (st != OK)
		return st;
	bind(&head->ident, head->version, aad);
	if (envelope_unwrap(&w, wrapped, keys.key) != 0)
		return ST_CORRUPT;
	memcpy(keys.wrapped, wrapped, CONTAINER_WRAPPED);
	*out = keys;
	secret_wipe(&keys, sizeof keys);
	return OK;
}

enum status
keys_incarnation(const struct share_keys *k, uint32_t version, const uint8_t journal_id[16],
    uint32_t incarnation, uint8_t out[32])
{
	uint8_t context[INCARNATION_BOUND];
	const uint8_t *key = NULL;
	enum status st = key_of(k, version, &key);

	if (st != OK)
		return st;
	memcpy(context, k->share_id, 16);
	memcpy(context + 16, journal_id, 16);
	put_le32(context + 32, incarnation);
	if (envelope_derive(key, ENVELOPE_FOR_INCARNATION, context, sizeof context, out) != 0)
		panic("a key cannot be derived");
	return OK;
}
