/*
 * A key that was wrapped comes back, to whoever has the secret and says what it is bound to, and
 * to nobody else.
 */
#include "tests/contract/keyring_suite.h"

#include "crypto/secret.h"
#include "tests/lib/check.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct keyring_bound one = { "share one, version 1", 20 },
	other = { "share one, version 2", 20 };

const char *
keyring_secrets_file(const char *first, const char *second, unsigned mode)
{
	static char path[600];
	static int n;
	FILE *f;

	snprintf(path, sizeof path, "%s/secrets%d", check_tmpdir(), n++);
	f = fopen(path, "w");
	TRUE(f != NULL);
	fprintf(f, "# a comment\n\n%s\n%s\n", first, second != NULL ? second : "");
	fclose(f);
	TRUE(chmod(path, mode) == 0);
	return path;
}

static struct keyring *
open_with(const struct keyring_maker *m, const char *first, const char *second)
{
	const char *path = keyring_secrets_file(first, second, 0600);
	struct keyring *k = NULL;
	char why[300] = "";

	if (m->open(path, &k, why, sizeof why) != OK)
		check_fail(__FILE__, __LINE__, "%s: %s", m->kind, why);
	EQ_STR(k->ops->kind, m->kind);
	return k;
}

static enum status
unwrap(struct keyring *k, const struct keyring_bound *bound, const struct keyring_wrapped *in,
    uint8_t key[KEYRING_KEY_BYTES], bool *stale)
{
	char why[300] = "";
	enum status st;

	*stale = false;
	st = k->ops->unwrap(k, bound, in, key, stale, why, sizeof why);
	TRUE(st != ST_NOKEY || why[0] != '\0');
	return st;
}

static void
round_trip(const struct keyring_maker *m)
{
	struct keyring *k = open_with(m, m->secret[0], NULL);
	uint8_t key[KEYRING_KEY_BYTES], back[KEYRING_KEY_BYTES];
	struct keyring_wrapped w, again;
	bool stale;

	secret_random(key, sizeof key);
	EQ(k->ops->wrap(k, &one, key, &w), OK);
	EQ(k->ops->wrap(k, &one, key, &again), OK);
	TRUE(w.len <= KEYRING_WRAPPED_MAX && w.len == again.len);
	TRUE(memcmp(w.bytes, again.bytes, w.len) != 0);
	TRUE(memmem(w.bytes, w.len, key, 16) == NULL);
	EQ(unwrap(k, &one, &w, back, &stale), OK);
	EQ_MEM(back, key, sizeof key);
	EQ(stale, false);
	EQ(unwrap(k, &other, &w, back, &stale), ST_NOKEY);
	k->ops->close(k);
	k = open_with(m, m->secret[0], NULL);
	EQ(unwrap(k, &one, &w, back, &stale), OK);
	EQ_MEM(back, key, sizeof key);
	k->ops->close(k);
}

static void
rotation(const struct keyring_maker *m)
{
	struct keyring *k = open_with(m, m->secret[0], NULL);
	uint8_t key[KEYRING_KEY_BYTES] = "the share's", back[KEYRING_KEY_BYTES];
	struct keyring_wrapped old, new;
	bool stale;

	EQ(k->ops->wrap(k, &one, key, &old), OK);
	k->ops->close(k);
	k = open_with(m, m->secret[1], NULL);
	EQ(unwrap(k, &one, &old, back, &stale), ST_NOKEY);
	k->ops->close(k);
	k = open_with(m, m->secret[1], m->secret[0]);
	EQ(unwrap(k, &one, &old, back, &stale), OK);
	EQ(stale, true);
	EQ(k->ops->wrap(k, &one, back, &new), OK);
	EQ(unwrap(k, &one, &new, back, &stale), OK);
	EQ(stale, false);
	k->ops->close(k);
	k = open_with(m, m->secret[1], NULL);
	EQ(unwrap(k, &one, &new, back, &stale), OK);
	EQ_MEM(back, key, sizeof key);
	k->ops->close(k);
	k = open_with(m, m->secret[0], NULL);	/* the old secret opens nothing new */
	EQ(unwrap(k, &one, &new, back, &stale), ST_NOKEY);
	k->ops->close(k);
}

static void
damage(const struct keyring_maker *m)
{
	struct keyring *k = open_with(m, m->secret[0], NULL);
	uint8_t key[KEYRING_KEY_BYTES] = "x", back[KEYRING_KEY_BYTES];
	struct keyring_wrapped w, bad;
	bool stale;

	EQ(k->ops->wrap(k, &one, key, &w), OK);
	for (uint16_t at = 0; at < w.len; at += at == 0 ? 1 : 11) {
		bad = w;
		bad.bytes[at] ^= 1;
		TRUE(unwrap(k, &one, &bad, back, &stale) != OK);
	}
	bad = w;
	bad.len--;
	TRUE(unwrap(k, &one, &bad, back, &stale) != OK);
	bad.len = 0;
	TRUE(unwrap(k, &one, &bad, back, &stale) != OK);
	k->ops->close(k);
}

/* Who may not read a file of secrets must not be trusted with having left it alone. */
static void
files(const struct keyring_maker *m)
{
	static const unsigned modes[] = { 0644, 0640, 0604, 0660, 0602 };
	struct keyring *k = NULL;
	char why[300] = "", long_line[2000];

	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		EQ(m->open(keyring_secrets_file(m->secret[0], NULL, modes[i]), &k, why, sizeof why),
		    ST_ACCES);
		TRUE(strstr(why, "chmod 600") != NULL);
		TRUE(strstr(why, m->secret[0]) == NULL);
	}
	EQ(m->open("/nonexistent/secrets", &k, why, sizeof why), ST_NOENT);
	EQ(m->open(check_tmpdir(), &k, why, sizeof why), ST_INVAL);
	EQ(m->open(keyring_secrets_file("", NULL, 0600), &k, why, sizeof why), ST_INVAL);
	EQ(m->open(keyring_secrets_file("short", NULL, 0600), &k, why, sizeof why), ST_INVAL);
	memset(long_line, 'a', sizeof long_line - 1);
	long_line[sizeof long_line - 1] = '\0';
	EQ(m->open(keyring_secrets_file(long_line, NULL, 0600), &k, why, sizeof why), ST_INVAL);
	TRUE(strstr(why, "aaaaaaaa") == NULL);
	EQ(m->open(keyring_secrets_file(m->secret[0], NULL, 0400), &k, why, sizeof why), OK);
	k->ops->close(k);
}

void
keyring_suite(const struct keyring_maker *m)
{
	round_trip(m);
	rotation(m);
	damage(m);
	files(m);
}
