/*
 * Keys in a file.  A wrapped key names the one that wraps it by an id that says nothing about it:
 * so a missing key can be asked for by its name.
 *
 * Form: u8 'F' | u8 version 1 | id 8 | envelope 76
 */
#include "backends/keyring/keyring.h"

#include "backends/keyring/lines.h"
#include "crypto/digest.h"
#include "crypto/envelope.h"
#include "crypto/secret.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/text.h"

#include <stdio.h>
#include <string.h>

enum { KIND = 'F', VERSION = 1, ID_BYTES = 8, WRAPPED_BYTES = 2 + ID_BYTES + ENVELOPE_WRAPPED_BYTES,
	PATH_BYTES = 1024 };

struct keyring_file {			/* from secret_new */
	struct keyring keyring;
	char path[PATH_BYTES];
	size_t n;
	struct { uint8_t key[KEYRING_KEY_BYTES], id[ID_BYTES]; } v[KEYRING_LINES_MAX];
};

_Static_assert(KEYRING_KEY_BYTES == ENVELOPE_KEY_BYTES, "one size of keys");

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool
key_of_line(const struct keyring_line *line, uint8_t key[KEYRING_KEY_BYTES])
{
	if (line->len != 2 * (size_t)KEYRING_KEY_BYTES)
		return false;
	for (size_t i = 0; i < KEYRING_KEY_BYTES; i++) {
		int high = digit(line->text[2 * i]), low = digit(line->text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		key[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static void
id_of(const uint8_t key[KEYRING_KEY_BYTES], uint8_t id[ID_BYTES])
{
	static const char label[] = "id of a key-encrypting key";
	uint8_t digest[DIGEST_BYTES];

	digest_of(key, label, sizeof label - 1, digest);
	memcpy(id, digest, ID_BYTES);
}

static struct envelope_wrapping
wrapping(const uint8_t *by, const struct keyring_bound *bound)
{
	return (struct envelope_wrapping){ .by = by, .purpose = ENVELOPE_SHARE_KEY,
		.aad = bound->bytes, .aad_len = bound->len };
}

static enum status
file_wrap(struct keyring *k, const struct keyring_bound *bound,
    const uint8_t key[KEYRING_KEY_BYTES], struct keyring_wrapped *out)
{
	struct keyring_file *f = container_of(k, struct keyring_file, keyring);
	struct envelope_wrapping w = wrapping(f->v[0].key, bound);

	out->bytes[0] = KIND;
	out->bytes[1] = VERSION;
	memcpy(out->bytes + 2, f->v[0].id, ID_BYTES);
	if (envelope_wrap(&w, key, out->bytes + 2 + ID_BYTES) != 0)
		return ST_INVAL;
	out->len = WRAPPED_BYTES;
	return OK;
}

static enum status
file_unwrap(struct keyring *k, const struct keyring_bound *bound, const struct keyring_wrapped *in,
    uint8_t key[KEYRING_KEY_BYTES], bool *stale, char *why, size_t why_cap)
{
	struct keyring_file *f = container_of(k, struct keyring_file, keyring);
	struct text t = text_of(why, why_cap);

	if (in->len > 0 && in->bytes[0] != KIND) {
		text_addf(&t, "its keys are not wrapped by a key file but by a passphrase: set "
		    "encryption.passphrase_file");
		return ST_NOKEY;
	}
	if (in->len != WRAPPED_BYTES || in->bytes[1] != VERSION)
		return ST_CORRUPT;
	for (size_t i = 0; i < f->n; i++) {
		struct envelope_wrapping w = wrapping(f->v[i].key, bound);

		if (memcmp(f->v[i].id, in->bytes + 2, ID_BYTES) != 0)
			continue;
		if (envelope_unwrap(&w, in->bytes + 2 + ID_BYTES, key) != 0) {
			text_addf(&t,
			    "its wrapped keys are damaged or another share's: restore its "
			    "file `keys` from a backup");
			return ST_NOKEY;
		}
		*stale = i > 0;
		return OK;
	}
	text_addf(&t, "key ");
	text_hex(&t, in->bytes + 2, ID_BYTES);
	text_addf(&t, " is not in %s: put its line back, behind the one for new keys", f->path);
	return ST_NOKEY;
}

static void
file_close(struct keyring *k)
{
	void *f = container_of(k, struct keyring_file, keyring);

	secret_free(&f);
}

static const struct keyring_ops ops = { "file", file_wrap, file_unwrap, file_close };

enum status
keyring_file_open(const char *path, struct keyring **kp, char *why, size_t why_cap)
{
	struct keyring_file *f = secret_new(sizeof *f);
	struct keyring_lines *l = NULL;
	enum status st = f == NULL ? ST_RESOURCE : keyring_lines_read(path, &l, why, why_cap);

	for (size_t i = 0; st == OK && i < l->n; i++) {
		if (key_of_line(&l->v[i], f->v[i].key)) {
			id_of(f->v[i].key, f->v[i].id);
			f->n++;
			continue;
		}
		snprintf(why, why_cap,
		    "secret %zu of %s is no key of 64 hexadecimal digits; one is made "
		    "by: openssl rand -hex 32",
		    i + 1, path);
		st = ST_INVAL;
	}
	keyring_lines_free(&l);
	if (st == OK) {
		snprintf(f->path, sizeof f->path, "%s", path);
		f->keyring.ops = &ops;
		*kp = &f->keyring;
	} else if (f != NULL) {
		file_close(&f->keyring);
	}
	return st;
}
