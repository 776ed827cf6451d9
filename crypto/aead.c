/*
 * The table of AEADs.  AES-256-GCM goes through OpenSSL, whose contexts are kept by the thread:
 * a new nonce under the key used last costs half of a new key.  ChaCha20 and XChaCha20 go
 * through libsodium, which needs no context.
 */
#include "crypto/aead.h"

#include "crypto/digest.h"
#include "crypto/secret.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>

typedef int seal_fn(struct aead *a, const struct aead_unit *u, uint8_t *tag);
typedef int open_fn(struct aead *a, const struct aead_unit *u, const uint8_t *tag);

static seal_fn gcm_seal, chacha_seal, xchacha_seal, clear_seal;
static open_fn gcm_open, chacha_open, xchacha_open, clear_open;

static const struct row {
	const char *name;
	size_t nonce_bytes;
	seal_fn *seal;
	open_fn *open;
} rows[] = {
	[AEAD_AES_256_GCM] = { "aes-256-gcm", 12, gcm_seal, gcm_open },
	[AEAD_CHACHA20_POLY1305] = { "chacha20-poly1305", 12, chacha_seal, chacha_open },
	[AEAD_XCHACHA20_POLY1305] = { "xchacha20-poly1305", 24, xchacha_seal, xchacha_open },
	[AEAD_CLEAR_BLAKE2B] = { "none", 12, clear_seal, clear_open },
};
enum { ROWS = sizeof rows / sizeof rows[0] };

_Static_assert(AEAD_TAG_BYTES == DIGEST_TAG_BYTES, "one field on disk");
_Static_assert(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES == AEAD_NONCE_MAX, "nonce fits");

static const struct row *
row_of(unsigned id)
{
	return id < ROWS && rows[id].name != NULL ? &rows[id] : NULL;
}

size_t
aead_nonce_bytes(unsigned id)
{
	const struct row *row = row_of(id);

	return row != NULL ? row->nonce_bytes : 0;
}

const char *
aead_name(unsigned id)
{
	const struct row *row = row_of(id);

	return row != NULL ? row->name : NULL;
}

unsigned
aead_of_name(const char *name)
{
	for (unsigned id = 0; id < ROWS; id++)
		if (rows[id].name != NULL && strcmp(rows[id].name, name) == 0)
			return id;
	return 0;
}

unsigned
aead_preferred(void)
{
	return crypto_aead_aes256gcm_is_available() ? AEAD_AES_256_GCM : AEAD_XCHACHA20_POLY1305;
}

int
aead_begin(struct aead *a)
{
	memset(a, 0, sizeof *a);
	a->seal = EVP_CIPHER_CTX_new();
	a->open = EVP_CIPHER_CTX_new();
	if (a->seal != NULL && a->open != NULL &&
	    EVP_EncryptInit_ex(a->seal, EVP_aes_256_gcm(), NULL, NULL, NULL) == 1 &&
	    EVP_DecryptInit_ex(a->open, EVP_aes_256_gcm(), NULL, NULL, NULL) == 1)
		return 0;
	aead_end(a);
	return -1;
}

void
aead_end(struct aead *a)
{
	EVP_CIPHER_CTX_free(a->seal);
	EVP_CIPHER_CTX_free(a->open);
	secret_wipe(a, sizeof *a);
}

static bool
bounded(const struct aead_unit *u)
{
	return u->len <= AEAD_LEN_MAX && u->aad_len <= AEAD_LEN_MAX;
}

int
aead_seal(struct aead *a, unsigned id, const struct aead_unit *u, uint8_t tag[AEAD_TAG_BYTES])
{
	const struct row *row = row_of(id);

	return row != NULL && bounded(u) ? row->seal(a, u, tag) : -1;
}

int
aead_open(struct aead *a, unsigned id, const struct aead_unit *u,
    const uint8_t tag[AEAD_TAG_BYTES])
{
	const struct row *row = row_of(id);

	if (row == NULL || !bounded(u))
		return -1;
	if (row->open(a, u, tag) == 0)
		return 0;
	if (u->len > 0)
		memset(u->out, 0, u->len);
	return -1;
}

/* The key to set, or NULL if the context still has its schedule. */
static const uint8_t *
key_if_new(uint8_t *kept, uint8_t *keyed, const uint8_t *key)
{
	if (*keyed && secret_equal(kept, key, AEAD_KEY_BYTES))
		return NULL;
	memcpy(kept, key, AEAD_KEY_BYTES);
	*keyed = 1;
	return key;
}

static int
gcm_seal(struct aead *a, const struct aead_unit *u, uint8_t *tag)
{
	EVP_CIPHER_CTX *c = a->seal;
	uint8_t none[16];
	int n;

	if (EVP_EncryptInit_ex(c, NULL, NULL, key_if_new(a->seal_key, &a->seal_keyed, u->key),
	    u->nonce) != 1 ||
	    (u->aad_len > 0 && EVP_EncryptUpdate(c, NULL, &n, u->aad, (int)u->aad_len) != 1) ||
	    (u->len > 0 && EVP_EncryptUpdate(c, u->out, &n, u->in, (int)u->len) != 1) ||
	    EVP_EncryptFinal_ex(c, none, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_BYTES, tag) != 1) {
		a->seal_keyed = 0;
		return -1;
	}
	return 0;
}

static int
gcm_open(struct aead *a, const struct aead_unit *u, const uint8_t *tag)
{
	EVP_CIPHER_CTX *c = a->open;
	uint8_t none[16], want[AEAD_TAG_BYTES];
	int n;

	memcpy(want, tag, sizeof want);		/* OpenSSL asks for a pointer it may write to */
	if (EVP_DecryptInit_ex(c, NULL, NULL, key_if_new(a->open_key, &a->open_keyed, u->key),
	    u->nonce) != 1 ||
	    (u->aad_len > 0 && EVP_DecryptUpdate(c, NULL, &n, u->aad, (int)u->aad_len) != 1) ||
	    (u->len > 0 && EVP_DecryptUpdate(c, u->out, &n, u->in, (int)u->len) != 1) ||
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_BYTES, want) != 1 ||
	    EVP_DecryptFinal_ex(c, none, &n) != 1) {
		a->open_keyed = 0;
		return -1;
	}
	return 0;
}

static int
chacha_seal(struct aead *a, const struct aead_unit *u, uint8_t *tag)
{
	(void)a;
	return crypto_aead_chacha20poly1305_ietf_encrypt_detached(u->out, tag, NULL, u->in, u->len,
	    u->aad, u->aad_len, NULL, u->nonce, u->key);
}

static int
chacha_open(struct aead *a, const struct aead_unit *u, const uint8_t *tag)
{
	(void)a;
	return crypto_aead_chacha20poly1305_ietf_decrypt_detached(u->out, NULL, u->in, u->len, tag,
	    u->aad, u->aad_len, u->nonce, u->key);
}

static int
xchacha_seal(struct aead *a, const struct aead_unit *u, uint8_t *tag)
{
	(void)a;
	return crypto_aead_xchacha20poly1305_ietf_encrypt_detached(u->out, tag, NULL, u->in,
	    u->len, u->aad, u->aad_len, NULL, u->nonce, u->key);
}

static int
xchacha_open(struct aead *a, const struct aead_unit *u, const uint8_t *tag)
{
	(void)a;
	return crypto_aead_xchacha20poly1305_ietf_decrypt_detached(u->out, NULL, u->in, u->len,
	    tag, u->aad, u->aad_len, u->nonce, u->key);
}

/* The tag over nonce, length of the additional data, these, bytes: no two units read alike. */
static void
clear_tag(const struct aead_unit *u, uint8_t *tag)
{
	struct digest d;
	uint8_t head[12 + 8];

	memcpy(head, u->nonce, 12);
	for (int i = 0; i < 8; i++)
		head[12 + i] = (uint8_t)((uint64_t)u->aad_len >> (56 - 8 * i));
	digest_tag_begin(&d, u->key);
	digest_add(&d, head, sizeof head);
	digest_add(&d, u->aad, u->aad_len);
	digest_add(&d, u->in, u->len);
	digest_tag_end(&d, tag);
}

static int
clear_seal(struct aead *a, const struct aead_unit *u, uint8_t *tag)
{
	(void)a;
	clear_tag(u, tag);
	if (u->len > 0 && u->in != u->out)
		memcpy(u->out, u->in, u->len);
	return 0;
}

static int
clear_open(struct aead *a, const struct aead_unit *u, const uint8_t *tag)
{
	uint8_t want[AEAD_TAG_BYTES];

	(void)a;
	clear_tag(u, want);
	if (!secret_equal(want, tag, sizeof want))
		return -1;
	if (u->len > 0 && u->in != u->out)
		memcpy(u->out, u->in, u->len);
	return 0;
}
