/*
 * Authenticated encryption by table: one call seals or opens one unit, whatever the cipher.
 * All rows have a 32-byte key and a 16-byte detached tag; what differs is the nonce.  One row
 * encrypts nothing and only tags: a share without encryption has the same format on disk.
 *
 * A nonce never repeats under a key, except in that row; keeping that law is the caller's.
 */
#ifndef CRYPTO_AEAD_H
#define CRYPTO_AEAD_H

#include <stddef.h>
#include <stdint.h>

#define AEAD_KEY_BYTES 32
#define AEAD_TAG_BYTES 16
#define AEAD_NONCE_MAX 24
#define AEAD_LEN_MAX (1u << 30)		/* of a unit, and of its additional data */

/* On disk: an id never changes its meaning. */
enum aead_id {
	AEAD_AES_256_GCM = 1,		/* 12-byte nonce; fast where the CPU knows AES */
	AEAD_CHACHA20_POLY1305 = 2,	/* 12-byte nonce; RFC 8439 */
	AEAD_XCHACHA20_POLY1305 = 3,	/* 24-byte nonce: it may be random */
	AEAD_CLEAR_BLAKE2B = 4,		/* bytes stay as they are; 12-byte nonce, keyed tag */
};

/*
 * What a thread keeps between units: the library's contexts and the key schedule last used.
 * One a thread, given by the caller; aead_end wipes it.
 */
struct aead {
	void *seal, *open;
	uint8_t seal_key[AEAD_KEY_BYTES], open_key[AEAD_KEY_BYTES];
	uint8_t seal_keyed, open_keyed;
};

/* −1 where memory ends; then aead_end is not needed. */
int aead_begin(struct aead *a);
void aead_end(struct aead *a);

/* in and out are the same place or do not overlap; both may be NULL if len is 0. */
struct aead_unit {
	const uint8_t *key;		/* AEAD_KEY_BYTES */
	const uint8_t *nonce;		/* aead_nonce_bytes(id) */
	const void *aad;
	size_t aad_len;
	const void *in;
	void *out;
	size_t len;
};

/* 0 for an id that is in no row: ids from disk are asked here first. */
size_t aead_nonce_bytes(unsigned id);
const char *aead_name(unsigned id);	/* NULL for an unknown id */
unsigned aead_of_name(const char *name);	/* 0 for an unknown name */

/* The id for new bulk data on this CPU: AES-256-GCM, or XChaCha20-Poly1305 without AES-NI. */
unsigned aead_preferred(void);

/*
 * Seal u->len bytes and put the tag; −1 for an unknown id, a length beyond AEAD_LEN_MAX, or a
 * failure of the library.
 */
int aead_seal(struct aead *a, unsigned id, const struct aead_unit *u, uint8_t tag[AEAD_TAG_BYTES]);

/*
 * Open them if the tag fits; else −1 and u->out is zeroed (so a unit opened in place is gone).
 */
int aead_open(struct aead *a, unsigned id, const struct aead_unit *u,
    const uint8_t tag[AEAD_TAG_BYTES]);

#endif
