/*
 * The file of keys is replaced as a whole: written aside, synced, renamed, its folder synced.  It
 * is never made where one is, and never made smaller: who loses a version loses what it wrapped.
 */
#include "mgmt/shares/keys.h"

#include "backends/keyring/keyring.h"
#include "crypto/envelope.h"
#include "crypto/secret.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"
#include "pipeline/base/text.h"
#include "pipeline/block/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = KEYS_ROW_BYTES + 4, BOUND_BYTES = 20, CRC = 4 };

_Static_assert((int)KEYS_ROW_MAX == (int)SHARE_KEYS_MAX, "as many rows as keys");

static struct shares_secrets secrets;

void
shares_secrets_set(const struct shares_secrets *s)
{
	secrets = *s;
}

/* --- the keeper --- */

static bool
is_set(const char *s)
{
	return s != NULL && s[0] != '\0';
}

/* Whom the share names, which a store that it is on may have told it; else the daemon's. */
static enum status
keyring_named(const struct share_conf *c, struct keyring **kp, char *why, size_t why_cap)
{
	struct shares_secrets own = { c->key_file, c->passphrase_file,
		is_set(c->passphrase_env) ? getenv(c->passphrase_env) : NULL };
	bool named = is_set(c->key_file) || is_set(c->passphrase_file) || is_set(c->passphrase_env);
	const struct shares_secrets *from = named ? &own : &secrets;

	if (is_set(from->key_file))
		return keyring_file_open(from->key_file, kp, why, why_cap);
	if (is_set(from->passphrase_file))
		return keyring_passphrase_open(from->passphrase_file, NULL, NULL, kp, why, why_cap);
	if (is_set(from->passphrase))
		return keyring_passphrase_open(NULL, from->passphrase, NULL, kp, why, why_cap);
	if (named) {
		snprintf(why, why_cap,
		    "its store takes a passphrase from the variable %s, which the "
		    "daemon's environment has not",
		    c->passphrase_env);
		return ST_NOKEY;
	}
	snprintf(why, why_cap,
	    "it encrypts, and no key is set: set encryption.key_file (a line made by "
	    "openssl rand -hex 32, mode 0600), encryption.passphrase_file, "
	    "DITTOFS_ENCRYPTION_PASSPHRASE, or a key file of its remote store");
	return ST_NOKEY;
}

static enum status
keyring_open(const struct share *s, struct keyring **kp, char *why, size_t why_cap)
{
	return keyring_named(&s->conf, kp, why, why_cap);
}

enum status
shares_keys_try(const struct share_conf *conf, char *why, size_t why_cap)
{
	struct keyring *kr = NULL;
	enum status st = keyring_named(conf, &kr, why, why_cap);

	if (kr != NULL)
		kr->ops->close(kr);
	return st;
}

/* What a share key is bound to: share and version. */
static struct keyring_bound
bound_of(const uint8_t share_id[16], uint32_t version, uint8_t to[BOUND_BYTES])
{
	memcpy(to, share_id, 16);
	put_le32(to + 16, version);
	return (struct keyring_bound){ to, BOUND_BYTES };
}

/* --- the file --- */

static enum status
file_read(const char *dir, struct keys_row *row, char *why, size_t why_cap)
{
	uint8_t *bytes = xmalloc(FILE_BYTES_MAX);
	enum status st = OK;
	char path[1100];
	ssize_t got = -1;
	int fd;

	snprintf(path, sizeof path, "%s/keys", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		st = errno == ENOENT ? ST_NOENT : ST_IO;
		snprintf(why, why_cap, "cannot open %s: %s", path, strerror(errno));
	} else {
		got = read(fd, bytes, FILE_BYTES_MAX);
		close(fd);
	}
	if (st == OK && (got <= CRC || crc32c(0, bytes, (size_t)got - CRC) !=
	    get_le32(bytes + got - CRC) ||
	    rec_keys_decode(slice_of(bytes, (uint32_t)got - CRC), row) != OK)) {
		snprintf(why, why_cap,
		    "%s is damaged; restore it from a backup: without it nobody reads "
		    "what the share holds",
		    path);
		st = ST_CORRUPT;
	}
	free(bytes);
	return st;
}

static enum status
file_write(const char *dir, const struct keys_row *row, char *why, size_t why_cap)
{
	uint8_t *bytes = xmalloc(FILE_BYTES_MAX);
	struct writer w = writer_of(bytes, FILE_BYTES_MAX);
	int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum status st = OK;

	rec_keys_encode(&w, row);
	write_le32(&w, crc32c(0, bytes, w.len));
	assert(writer_ok(&w));
	if (dirfd < 0)
		st = status_of_errno(errno);
	if (st == OK)
		st = file_replace(dirfd, "keys", bytes, w.len, "keys.sync");
	if (st == OK)
		st = file_sync_folder(dirfd, "keys.folder");
	if (st != OK) {
		snprintf(why, why_cap, "cannot write %s/keys: %s", dir, status_text(st));
		st = ST_IO;
	}
	if (dirfd >= 0)
		close(dirfd);
	free(bytes);
	return st;
}

/* --- the copy for the remote store --- */

/* A version as an object: a row of that one alone, as the file has it. */
static void
object_set(struct share *s, const struct keys_row *row, uint32_t version)
{
	struct keys_row *one = xcalloc(1, sizeof *one);
	uint8_t bytes[KEYS_WRAPPED_MAX];
	struct writer w = writer_of(bytes, sizeof bytes);

	one->aead = row->aead;
	memcpy(one->share_id, row->share_id, sizeof one->share_id);
	one->n = 1;
	one->v[0] = row->v[version - 1];
	rec_keys_encode(&w, one);
	write_le32(&w, crc32c(0, bytes, w.len));
	assert(writer_ok(&w));
	keys_wrapped_set(s->keys, version, slice_of(bytes, (uint32_t)w.len));
	free(one);
}

/* --- making, opening, changing --- */

/* One more key: made, wrapped into row, and given out. */
static enum status
key_make(struct keyring *kr, struct keys_row *row, uint8_t key[SHARE_KEY_BYTES])
{
	uint8_t bytes[BOUND_BYTES];
	struct keyring_bound bound = bound_of(row->share_id, row->n + 1, bytes);
	enum status st;

	if (row->n == KEYS_ROW_MAX)
		return ST_RESOURCE;
	envelope_key_make(key);
	st = kr->ops->wrap(kr, &bound, key, &row->v[row->n]);
	row->n += st == OK;
	return st;
}

static bool
lasting(const struct share *s)
{
	return strcmp(s->conf.meta, "memory") != 0;
}

static enum status
adopt(struct share *s, uint8_t aead, uint32_t version, const uint8_t *key)
{
	enum status st = s->keys != NULL ? OK : keys_new(s->row.share_id, aead, &s->keys);

	return st == OK ? keys_add(s->keys, version, key) : st;
}

/* On the memory store nothing outlasts the process, so neither does the key. */
static enum status
make_passing(struct share *s, uint8_t key[SHARE_KEY_BYTES])
{
	envelope_key_make(key);
	return adopt(s, s->conf.encryption, 1, key);
}

static enum status
make_lasting(struct share *s, uint8_t key[SHARE_KEY_BYTES], char *why, size_t why_cap)
{
	struct keys_row *row = xcalloc(1, sizeof *row);
	struct keyring *kr = NULL;
	enum status st = keyring_open(s, &kr, why, why_cap);

	row->aead = s->conf.encryption;
	memcpy(row->share_id, s->row.share_id, sizeof row->share_id);
	if (st == OK)
		st = key_make(kr, row, key);
	if (st == OK)
		st = file_write(s->conf.dir, row, why, why_cap);
	if (st == OK)
		st = adopt(s, row->aead, 1, key);
	if (st == OK)
		object_set(s, row, 1);
	if (kr != NULL)
		kr->ops->close(kr);
	free(row);
	return st;
}

enum status
shares_keys_make(struct share *s, char *why, size_t why_cap)
{
	uint8_t key[SHARE_KEY_BYTES];
	enum status st = lasting(s) ? make_lasting(s, key, why, why_cap) : make_passing(s, key);

	secret_wipe(key, sizeof key);
	if (st == OK)
		keys_digest(s->keys, s->row.digest_key);
	return st;
}

/* All of them, those that are known already as well; how many had to be wrapped anew, which they
 * are in row. */
static enum status
open_rows(struct share *s, struct keyring *kr, struct keys_row *row, uint32_t *stale, char *why,
    size_t why_cap)
{
	uint8_t aead = s->conf.encryption != 0 ? s->conf.encryption : row->aead;
	uint32_t known = s->keys != NULL ? keys_newest(s->keys) : 0;
	uint8_t key[SHARE_KEY_BYTES], bytes[BOUND_BYTES];
	enum status st = OK;

	for (uint32_t i = 0; i < row->n && st == OK; i++) {
		struct keyring_bound bound = bound_of(row->share_id, i + 1, bytes);
		bool old = false;

		st = kr->ops->unwrap(kr, &bound, &row->v[i], key, &old, why, why_cap);
		if (st == OK && old)
			st = kr->ops->wrap(kr, &bound, key, &row->v[i]);
		if (st == OK && i >= known)
			st = adopt(s, aead, i + 1, key);
		*stale += old;
	}
	secret_wipe(key, sizeof key);
	return st;
}

/* Open what the file has; what was wrapped by an older secret goes back wrapped anew, before anyone
 * sends it anywhere. */
static enum status
open_file(struct share *s, uint32_t *stale, char *why, size_t why_cap)
{
	struct keys_row *row = xcalloc(1, sizeof *row);
	struct keyring *kr = NULL;
	enum status st = file_read(s->conf.dir, row, why, why_cap);

	*stale = 0;

	if (st == OK && memcmp(row->share_id, s->row.share_id, sizeof row->share_id) != 0) {
		snprintf(why, why_cap, "%s/keys is another share's", s->conf.dir);
		st = ST_MISMATCH;
	}
	if (st == OK)
		st = keyring_open(s, &kr, why, why_cap);
	if (st == OK)
		st = open_rows(s, kr, row, stale, why, why_cap);
	if (st == OK && *stale > 0) {
		st = file_write(s->conf.dir, row, why, why_cap);
		log_info("keys.rewrapped", F_STR("share", s->conf.name), F_U64("keys", *stale),
		    F_STR("status", status_name(st)));
	}
	for (uint32_t v = 1; st == OK && v <= row->n; v++)
		if (*stale > 0 || keys_wrapped(s->keys, v).len == 0)
			object_set(s, row, v);
	if (kr != NULL)
		kr->ops->close(kr);
	free(row);
	return st;
}

enum status
shares_keys_open(struct share *s, char *why, size_t why_cap)
{
	uint32_t stale;
	enum status st = open_file(s, &stale, why, why_cap);

	if (st == OK)
		keys_digest(s->keys, s->row.digest_key);
	else
		keys_free(&s->keys);
	return st;
}

static enum status
does_not_encrypt(char *why, size_t why_cap)
{
	snprintf(why, why_cap, "it does not encrypt");
	return ST_INVAL;
}

enum status
shares_keys_rewrap(struct share *s, uint32_t *rewrapped, char *why, size_t why_cap)
{
	if (s->keys == NULL)
		return does_not_encrypt(why, why_cap);
	*rewrapped = 0;
	return lasting(s) ? open_file(s, rewrapped, why, why_cap) : OK;
}

enum status
shares_keys_whose(const char *dir, uint8_t share_id[16], char *why, size_t why_cap)
{
	struct keys_row *row = xcalloc(1, sizeof *row);
	enum status st = file_read(dir, row, why, why_cap);

	if (st == OK)
		memcpy(share_id, row->share_id, sizeof row->share_id);
	free(row);
	return st;
}

static enum status
rotate_lasting(struct share *s, uint8_t key[SHARE_KEY_BYTES], char *why, size_t why_cap)
{
	struct keys_row *row = xcalloc(1, sizeof *row);
	struct keyring *kr = NULL;
	enum status st = file_read(s->conf.dir, row, why, why_cap);

	if (st == OK && row->n != keys_newest(s->keys)) {
		snprintf(why, why_cap, "%s/keys has been changed underneath", s->conf.dir);
		st = ST_MISMATCH;
	}
	if (st == OK)
		st = keyring_open(s, &kr, why, why_cap);
	if (st == OK)
		st = key_make(kr, row, key);
	if (st == OK)
		st = file_write(s->conf.dir, row, why, why_cap);
	if (st == OK)
		object_set(s, row, row->n);
	if (kr != NULL)
		kr->ops->close(kr);
	free(row);
	return st;
}

enum status
shares_keys_rotate(struct share *s, uint32_t *version, char *why, size_t why_cap)
{
	uint8_t key[SHARE_KEY_BYTES];
	enum status st;

	if (s->keys == NULL)
		return does_not_encrypt(why, why_cap);
	if (lasting(s))
		st = rotate_lasting(s, key, why, why_cap);
	else {
		envelope_key_make(key);
		st = OK;
	}
	if (st == OK)
		st = keys_add(s->keys, keys_newest(s->keys) + 1, key);
	secret_wipe(key, sizeof key);
	if (st == ST_RESOURCE)
		snprintf(why, why_cap, "it has %d keys already", SHARE_KEYS_MAX);
	if (st == OK) {
		*version = keys_newest(s->keys);
		log_info("keys.rotated", F_STR("share", s->conf.name), F_U64("version", *version));
	}
	return st;
}
