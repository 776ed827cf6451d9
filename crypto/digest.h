/*
 * The content digest: keyed BLAKE2b-256, so that equal contents are known as equal inside a
 * share and nowhere else.  The algorithm's id is stored beside every digest.  A shorter form,
 * 16 bytes, is the tag of units that are stored in the clear.  RFC 7693.
 */
#ifndef CRYPTO_DIGEST_H
#define CRYPTO_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define DIGEST_BYTES 32
#define DIGEST_KEY_BYTES 32
#define DIGEST_TAG_BYTES 16

/* On disk: an id never changes its meaning. */
enum digest_algorithm { DIGEST_KEYED_BLAKE2B_256 = 1 };

struct evp_mac_ctx_st;

/* A running digest, from begin to end, which gives its context back. */
struct digest {
	struct evp_mac_ctx_st *ctx;
	size_t out_bytes;
};

/* The digest of len bytes in one step. */
void digest_of(const uint8_t key[DIGEST_KEY_BYTES], const void *bytes, size_t len,
    uint8_t out[DIGEST_BYTES]);

/* The same in steps: begin, add any number of times, end.  end wipes the state. */
void digest_begin(struct digest *d, const uint8_t key[DIGEST_KEY_BYTES]);
void digest_add(struct digest *d, const void *bytes, size_t len);
void digest_end(struct digest *d, uint8_t out[DIGEST_BYTES]);

/* The 16-byte tag; its length is part of the hash's parameters: it is no prefix of a digest. */
void digest_tag_begin(struct digest *d, const uint8_t key[DIGEST_KEY_BYTES]);
void digest_tag_end(struct digest *d, uint8_t tag[DIGEST_TAG_BYTES]);

#endif
