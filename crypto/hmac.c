/*
 * One-shot digests and authenticators; contexts live for one call, since what is signed here is
 * a few hundred bytes before a round trip.
 */
#include "crypto/hmac.h"

#include "crypto/secret.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

int
sha256_of(const void *bytes, size_t len, uint8_t out[SHA256_BYTES])
{
	struct sha256_piece piece = { bytes, len };

	return sha256_of_pieces(&piece, 1, out);
}

int
sha256_of_pieces(const struct sha256_piece *pieces, size_t n, uint8_t out[SHA256_BYTES])
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	int outcome = c != NULL && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1 ? 0 : -1;

	for (size_t i = 0; i < n && outcome == 0; i++)
		if (pieces[i].len > 0 && EVP_DigestUpdate(c, pieces[i].bytes, pieces[i].len) != 1)
			outcome = -1;
	if (outcome == 0 && EVP_DigestFinal_ex(c, out, NULL) != 1)
		outcome = -1;
	EVP_MD_CTX_free(c);
	return outcome;
}

int
hmac_sha256(const void *key, size_t key_len, const void *bytes, size_t len,
    uint8_t out[SHA256_BYTES])
{
	uint8_t mac[SHA256_BYTES];
	unsigned mac_len = sizeof mac;

	if (key_len > INT_MAX ||
	    HMAC(EVP_sha256(), key, (int)key_len, bytes, len, mac, &mac_len) == NULL)
		return -1;
	memcpy(out, mac, sizeof mac);
	secret_wipe(mac, sizeof mac);
	return 0;
}
