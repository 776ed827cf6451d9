/*
 * SHA-256 and HMAC-SHA-256 through OpenSSL, which uses the CPU's SHA instructions: for request
 * signatures.  FIPS 180-4, RFC 2104.
 */
#ifndef CRYPTO_HMAC_H
#define CRYPTO_HMAC_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32

int sha256_of(const void *bytes, size_t len, uint8_t out[SHA256_BYTES]);

/* The same over n pieces in their order. */
struct sha256_piece {
	const void *bytes;
	size_t len;
};
int sha256_of_pieces(const struct sha256_piece *pieces, size_t n, uint8_t out[SHA256_BYTES]);

/* out may be key: chains of derived keys need no second buffer.  −1: the library failed. */
int hmac_sha256(const void *key, size_t key_len, const void *bytes, size_t len,
    uint8_t out[SHA256_BYTES]);

#endif
