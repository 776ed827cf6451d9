/*
 * Secrets of stores in the database: sealed under a key that is not in it, so that a copy of the
 * database alone gives none away.  The key is the file secrets.key of the state folder, made once.
 * A sealed text is "sealed:" and hex of nonce, bytes and tag; the store's name and the option's
 * are bound, so that it opens in its own place alone.
 */
#include "mgmt/rest/seal.h"

#include "crypto/envelope.h"
#include "crypto/secret.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK "sealed:"

enum { SECRET_MAX = 4096, AAD_MAX = 200, PATH_BYTES = 1100 };

static uint8_t *key;			/* in locked memory; NULL: not started */

static bool
read_key(int dir)
{
	int fd = openat(dir, "secrets.key", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, key, ENVELOPE_KEY_BYTES);
	uint8_t more;
	bool whole = n == ENVELOPE_KEY_BYTES && read(fd, &more, 1) == 0;

	if (fd >= 0)
		close(fd);
	return whole;
}

/* Written aside, synced, then named: there is a whole key or none. */
static bool
make_key(int dir)
{
	int fd = openat(dir, "secrets.key.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool ok;

	if (fd < 0)
		return false;
	envelope_key_make(key);
	ok = write(fd, key, ENVELOPE_KEY_BYTES) == ENVELOPE_KEY_BYTES && fsync(fd) == 0;
	close(fd);
	return ok && renameat(dir, "secrets.key.new", dir, "secrets.key") == 0 && fsync(dir) == 0;
}

enum status
rest_seal_start(const char *state_dir, char *why, size_t why_cap)
{
	int dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = dir >= 0,
	     there = ok && faccessat(dir, "secrets.key", F_OK, AT_SYMLINK_NOFOLLOW) == 0;

	key = secret_new(ENVELOPE_KEY_BYTES);
	if (key == NULL)
		panic("no memory for secrets");
	if (ok)
		ok = there ? read_key(dir) : make_key(dir);
	if (dir >= 0)
		close(dir);
	if (ok)
		return OK;
	snprintf(why, why_cap, "%s/secrets.key: %s", state_dir, there ?
	    "it is damaged; restore it, or remove it and set the secrets of stores anew" :
	    "it cannot be made");
	rest_seal_stop();
	return ST_IO;
}

void
rest_seal_stop(void)
{
	secret_free((void **)&key);
}

static size_t
bind(char aad[AAD_MAX], const char *store, const char *option)
{
	return (size_t)snprintf(aad, AAD_MAX, "store %.80s option %.80s", store, option);
}

enum status
rest_seal(const char *store, const char *option, const char *plain, struct arena *arena,
    const char **out)
{
	size_t len = strlen(plain), size = len + ENVELOPE_VALUE_EXTRA, cap = 2 * size + sizeof MARK;
	char aad[AAD_MAX], *text;
	uint8_t *sealed;
	struct envelope_value v = { .key = key, .aad = aad };
	struct text t;

	if (key == NULL || len > SECRET_MAX || (text = arena_alloc(arena, cap)) == NULL)
		return ST_RESOURCE;
	v.aad_len = bind(aad, store, option);
	sealed = xmalloc(size);
	if (envelope_value_seal(&v, plain, len, sealed) != 0) {
		free(sealed);
		return ST_SERVERFAULT;
	}
	t = text_of(text, cap);
	text_add(&t, MARK);
	text_hex(&t, sealed, size);
	free(sealed);
	*out = text;
	return OK;
}

static int
digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum status
rest_unseal(const char *store, const char *option, const char *text, struct arena *arena,
    const char **out)
{
	char aad[AAD_MAX], *plain;
	struct envelope_value v = { .key = key, .aad = aad };
	size_t len, n;
	uint8_t *sealed;
	bool ok = true;

	if (key == NULL || strncmp(text, MARK, strlen(MARK)) != 0)
		return ST_CORRUPT;
	text += strlen(MARK);
	len = strlen(text);
	n = len / 2;
	if (len % 2 != 0 || n < ENVELOPE_VALUE_EXTRA || n > SECRET_MAX + ENVELOPE_VALUE_EXTRA)
		return ST_CORRUPT;
	plain = arena_alloc(arena, n - ENVELOPE_VALUE_EXTRA + 1);
	if (plain == NULL)
		return ST_RESOURCE;
	sealed = xmalloc(n);
	for (size_t i = 0; i < n && ok; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		ok = high >= 0 && low >= 0;
		sealed[i] = ok ? (uint8_t)(high << 4 | low) : 0;
	}
	v.aad_len = bind(aad, store, option);
	ok = ok && envelope_value_open(&v, sealed, n, plain) == 0;
	free(sealed);
	if (!ok)
		return ST_CORRUPT;
	plain[n - ENVELOPE_VALUE_EXTRA] = '\0';
	*out = plain;
	return OK;
}
