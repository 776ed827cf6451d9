/*
 * The share's keys in their envelopes, and units sealed under them.  A key-encrypting key wraps
 * the share key; the share key wraps each container's and incarnation's; keys that must be
 * known without a row are derived from the share key by label.  engine.md §6.
 */
#ifndef CRYPTO_ENVELOPE_H
#define CRYPTO_ENVELOPE_H

#include "crypto/aead.h"

#include <stddef.h>
#include <stdint.h>

#define ENVELOPE_KEY_BYTES 32
#define ENVELOPE_WRAPPED_BYTES 76	/* version, purpose, 0, 0 | nonce 24 | key 32 | tag 16 */
#define ENVELOPE_AAD_MAX 252
#define ENVELOPE_UNIT_MAX 65536
#define ENVELOPE_CONTAINER_BYTES 16
#define ENVELOPE_DIGEST_BYTES 32
#define ENVELOPE_VALUE_EXTRA 40		/* nonce 24 and tag 16 around a sealed value */

/* What a wrapped key is for; on disk, and bound by the wrapping: none passes for another. */
enum envelope_purpose {
	ENVELOPE_SHARE_KEY = 1,		/* wrapped by a key-encrypting key */
	ENVELOPE_CONTAINER_KEY = 2,	/* these by a share key */
	ENVELOPE_INCARNATION_KEY = 3,
};

struct envelope_wrapping {
	const uint8_t *by;		/* the wrapping key */
	enum envelope_purpose purpose;
	const void *aad;		/* bound: share, version, container … */
	size_t aad_len;			/* ≤ ENVELOPE_AAD_MAX */
};

/* A new key of 32 unguessable bytes. */
void envelope_key_make(uint8_t key[ENVELOPE_KEY_BYTES]);

/* Wrap with XChaCha20-Poly1305 under a random nonce.  −1: aad too long. */
int envelope_wrap(const struct envelope_wrapping *w, const uint8_t key[ENVELOPE_KEY_BYTES],
    uint8_t wrapped[ENVELOPE_WRAPPED_BYTES]);

/* −1: damaged, of another purpose, under another key, or another aad; key is untouched then. */
int envelope_unwrap(const struct envelope_wrapping *w,
    const uint8_t wrapped[ENVELOPE_WRAPPED_BYTES], uint8_t key[ENVELOPE_KEY_BYTES]);

/* What a key is derived for; the label is part of the derivation and never changes. */
enum envelope_label {
	ENVELOPE_FOR_DIGEST = 1,	/* the share's content digest, from its first share key */
	ENVELOPE_FOR_INCARNATION = 2,	/* context: share, journal, incarnation */
	ENVELOPE_FOR_CLEAR_TAG = 3,	/* tags of units stored in the clear */
	ENVELOPE_FOR_VALUE = 4,		/* inline contents and xattr values in records */
	ENVELOPE_FOR_IDENTITY = 5,	/* no key: tells which share key it is; may be seen */
};

/* Derive a key from another by label and context (≤ ENVELOPE_AAD_MAX).  −1: out of range. */
int envelope_derive(const uint8_t from[ENVELOPE_KEY_BYTES], enum envelope_label label,
    const void *context, size_t context_len, uint8_t key[ENVELOPE_KEY_BYTES]);

/*
 * One unit of a container or journal.  The nonce is the counter, big-endian at the nonce's end,
 * zeros before it: it may never repeat under the key.  Container, index and digest are bound, so
 * a unit read from another place does not open.
 */
struct envelope_unit {
	const uint8_t *key;		/* the container's */
	unsigned aead;			/* enum aead_id, from the container's head */
	uint64_t counter;
	uint64_t index;
	uint8_t container[ENVELOPE_CONTAINER_BYTES];
	uint8_t digest[ENVELOPE_DIGEST_BYTES];
	const void *in;			/* the same place as out, or apart from it */
	void *out;
	size_t len;			/* ≤ ENVELOPE_UNIT_MAX */
};

/* −1: unknown aead or too long. */
int envelope_unit_seal(struct aead *a, const struct envelope_unit *u,
    uint8_t tag[AEAD_TAG_BYTES]);

/* −1: the same, or the tag does not fit; out is zeroed then. */
int envelope_unit_open(struct aead *a, const struct envelope_unit *u,
    const uint8_t tag[AEAD_TAG_BYTES]);

/* A value inside a record: nonce | bytes | tag under a random nonce, the record's name bound. */
struct envelope_value {
	const uint8_t *key;		/* derived ENVELOPE_FOR_VALUE */
	const void *aad;		/* share, inode, stream; ≤ AEAD_LEN_MAX */
	size_t aad_len;
};

/* out has len + ENVELOPE_VALUE_EXTRA bytes and does not overlap in.  −1: too long. */
int envelope_value_seal(const struct envelope_value *v, const void *in, size_t len,
    uint8_t *out);

/* out has len − ENVELOPE_VALUE_EXTRA bytes.  −1: too short, or it does not open. */
int envelope_value_open(const struct envelope_value *v, const uint8_t *in, size_t len,
    void *out);

#endif
