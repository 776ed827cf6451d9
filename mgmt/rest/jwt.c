/*
 * Signing and opening tokens.
 */
#include "mgmt/rest/jwt.h"

#include "crypto/hmac.h"
#include "crypto/secret.h"
#include "pipeline/base/panic.h"

#include <stdlib.h>
#include <string.h>

/* {"alg":"HS256","typ":"JWT"} */
#define HEADER "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Base64 with the alphabet of URLs, without padding; the number of digits, 0: no room. */
static size_t
encode(const uint8_t *bytes, size_t len, char *to, size_t cap)
{
	size_t n = 0;

	if ((len * 4 + 2) / 3 >= cap)
		return 0;
	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t v = (uint32_t)bytes[i] << 16 |
		    (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) | (left > 2 ? bytes[i + 2] : 0);

		to[n++] = digits[v >> 18];
		to[n++] = digits[v >> 12 & 63];
		if (left > 1)
			to[n++] = digits[v >> 6 & 63];
		if (left > 2)
			to[n++] = digits[v & 63];
	}
	to[n] = '\0';
	return n;
}

/* The number of bytes; −1: no base64, or no room. */
static long
decode(const char *s, size_t len, uint8_t *to, size_t cap)
{
	uint32_t v = 0;
	size_t n = 0;
	int bits = 0;

	for (size_t i = 0; i < len; i++) {
		const char *d = memchr(digits, s[i], 64);

		if (d == NULL)
			return -1;
		v = v << 6 | (uint32_t)(d - digits);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			if (n >= cap)
				return -1;
			to[n++] = (uint8_t)(v >> bits);
		}
	}
	return bits < 6 && (v & ((1u << bits) - 1)) == 0 ? (long)n : -1;
}

bool
rest_jwt_sign(const struct rest_json *claims, const char *key, char to[REST_TOKEN_MAX])
{
	char *text = rest_json_text(claims);
	size_t n = strlen(HEADER), more;
	uint8_t mac[SHA256_BYTES];

	memcpy(to, HEADER ".", n + 2);
	n++;
	more = encode((const uint8_t *)text, strlen(text), to + n, REST_TOKEN_MAX - n - 48);
	free(text);
	if (more == 0)
		return false;
	n += more;
	if (hmac_sha256(key, strlen(key), to, n, mac) != 0)
		return false;
	to[n++] = '.';
	return encode(mac, sizeof mac, to + n, REST_TOKEN_MAX - n) > 0;
}

struct rest_json *
rest_jwt_open(const char *token, const char *key)
{
	size_t head = strlen(HEADER ".");
	size_t len = strlen(token);
	const char *dot = strrchr(token, '.');
	uint8_t mac[SHA256_BYTES], theirs[SHA256_BYTES], claims[REST_TOKEN_MAX];
	struct rest_json *j;
	char why[80];
	long n;

	if (len >= REST_TOKEN_MAX || strncmp(token, HEADER ".", head) != 0 ||
	    dot < token + head)
		return NULL;
	n = decode(dot + 1, strlen(dot + 1), theirs, sizeof theirs);
	if (n != SHA256_BYTES ||
	    hmac_sha256(key, strlen(key), token, (size_t)(dot - token), mac) != 0 ||
	    !secret_equal(mac, theirs, sizeof mac))
		return NULL;
	n = decode(token + head, (size_t)(dot - token) - head, claims, sizeof claims);
	j = n < 0 ? NULL : rest_json_parse((const char *)claims, (size_t)n, why, sizeof why);
	if (j != NULL && rest_json_kind(j) != REST_OBJECT) {
		rest_json_free(j);
		j = NULL;
	}
	return j;
}
