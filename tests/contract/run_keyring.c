/*
 * The suite over both keepers, and what is theirs alone.
 */
#include "backends/keyring/keyring.h"
#include "tests/contract/keyring_suite.h"
#include "tests/lib/check.h"

#include <string.h>

static const struct password_cost cheap = { 1, PASSWORD_MEMORY_MIN_KIB };

static enum status
open_passphrase(const char *path, struct keyring **kp, char *why, size_t why_cap)
{
	return keyring_passphrase_open(path, NULL, &cheap, kp, why, why_cap);
}

static const struct keyring_maker file = { "file", {
	"00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF",
	"c0ffee33445566778899aabbccddeeff00112233445566778899aabbccddeeff" }, keyring_file_open };
static const struct keyring_maker passphrase = { "passphrase", {
	"correct horse battery staple", "another that is as long" }, open_passphrase };

CASE(keys_in_a_file_keep_the_contract)
{
	keyring_suite(&file);
}

CASE(passphrases_keep_the_contract)
{
	keyring_suite(&passphrase);
}

CASE(each_says_when_the_other_is_needed)
{
	struct keyring *f = NULL, *p = NULL;
	uint8_t key[KEYRING_KEY_BYTES] = "k";
	struct keyring_bound bound = { "b", 1 };
	struct keyring_wrapped by_file, by_passphrase;
	char why[300] = "";
	bool stale;

	EQ(keyring_file_open(keyring_secrets_file(file.secret[0], NULL, 0600), &f, why, sizeof why),
	    OK);
	EQ(keyring_passphrase_open(NULL, passphrase.secret[0], &cheap, &p, why, sizeof why), OK);
	EQ(f->ops->wrap(f, &bound, key, &by_file), OK);
	EQ(p->ops->wrap(p, &bound, key, &by_passphrase), OK);
	EQ(f->ops->unwrap(f, &bound, &by_passphrase, key, &stale, why, sizeof why), ST_NOKEY);
	TRUE(strstr(why, "passphrase") != NULL);
	why[0] = '\0';
	EQ(p->ops->unwrap(p, &bound, &by_file, key, &stale, why, sizeof why), ST_NOKEY);
	TRUE(strstr(why, "key file") != NULL);
	f->ops->close(f);
	p->ops->close(p);
}

CASE(a_key_that_is_missing_is_asked_for_by_its_id)
{
	struct keyring *k = NULL;
	uint8_t key[KEYRING_KEY_BYTES] = "k";
	struct keyring_bound bound = { "b", 1 };
	struct keyring_wrapped w;
	char why[300] = "";
	bool stale;

	EQ(keyring_file_open(keyring_secrets_file(file.secret[0], NULL, 0600), &k, why, sizeof why),
	    OK);
	EQ(k->ops->wrap(k, &bound, key, &w), OK);
	k->ops->close(k);
	EQ(keyring_file_open(keyring_secrets_file(file.secret[1], NULL, 0600), &k, why, sizeof why),
	    OK);
	EQ(k->ops->unwrap(k, &bound, &w, key, &stale, why, sizeof why), ST_NOKEY);
	TRUE(strstr(why, "key ") == why && strstr(why, " is not in ") != NULL);
	TRUE(strstr(why, "c0ffee") == NULL);
	k->ops->close(k);
}
