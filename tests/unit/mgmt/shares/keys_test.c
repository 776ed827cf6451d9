/*
 * A share's keys on disk: made once, opened by the right secret alone, wrapped anew under a new
 * one, one version after another; what is wrong is said and nothing is changed.
 */
#include "mgmt/shares/keys.h"
#include "mgmt/shares/spec.h"
#include "mgmt/shares/words.h"

#include "crypto/aead.h"
#include "pipeline/block/keys.h"
#include "tests/contract/keyring_suite.h"
#include "tests/lib/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_A "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define KEY_B "aa112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static char dir[600], why[512];

static void
new_folder(void)
{
	static int n;

	snprintf(dir, sizeof dir, "%s/share%d", check_tmpdir(), n++);
	TRUE(mkdir(dir, 0700) == 0);
}

static void
secret(const char *first, const char *second)
{
	static char path[600];

	snprintf(path, sizeof path, "%s", keyring_secrets_file(first, second, 0600));
	shares_secrets_set(&(struct shares_secrets){ .key_file = path });
}

static struct share *
share_of(const char *meta)
{
	struct share_conf conf = { .name = "/s", .encryption = AEAD_XCHACHA20_POLY1305 };
	struct share *s;

	snprintf(conf.dir, sizeof conf.dir, "%s", dir);
	snprintf(conf.meta, sizeof conf.meta, "%s", meta);
	s = share_new(&conf);
	memset(s->row.share_id, 7, sizeof s->row.share_id);
	why[0] = '\0';
	return s;
}

static void
done(struct share *s)
{
	keys_free(&s->keys);
	share_put(&s);
}

static enum status
opens(uint8_t digest_key[32], uint32_t *newest)
{
	struct share *s = share_of("leveldb");
	enum status st = shares_keys_open(s, why, sizeof why);

	if (st == OK) {
		memcpy(digest_key, s->row.digest_key, 32);
		*newest = keys_newest(s->keys);
	} else {
		TRUE(s->keys == NULL && why[0] != '\0');
	}
	done(s);
	return st;
}

CASE(made_once_and_opened_again)
{
	uint8_t a[32], b[32], id[16];
	struct share *s;
	uint32_t n = 0;

	new_folder();
	secret(KEY_A, NULL);
	EQ(shares_keys_whose(dir, id, why, sizeof why), ST_NOENT);
	s = share_of("leveldb");
	EQ(shares_keys_make(s, why, sizeof why), OK);
	memcpy(a, s->row.digest_key, 32);
	EQ(keys_aead(s->keys), AEAD_XCHACHA20_POLY1305);
	done(s);
	EQ(opens(b, &n), OK);
	EQ(n, 1);
	EQ_MEM(a, b, 32);
	EQ(shares_keys_whose(dir, id, why, sizeof why), OK);
	EQ(id[0], 7);
}

CASE(a_wrong_or_missing_secret_is_said_and_changes_nothing)
{
	uint8_t key[32];
	struct share *s;
	uint32_t n = 0;

	new_folder();
	secret(KEY_A, NULL);
	s = share_of("leveldb");
	EQ(shares_keys_make(s, why, sizeof why), OK);
	done(s);
	secret(KEY_B, NULL);
	EQ(opens(key, &n), ST_NOKEY);
	TRUE(strstr(why, "put its line back") != NULL);
	shares_secrets_set(&(struct shares_secrets){ 0 });
	EQ(opens(key, &n), ST_NOKEY);
	TRUE(strstr(why, "encryption.key_file") != NULL);
	shares_secrets_set(&(struct shares_secrets){ .key_file = "/nonexistent" });
	EQ(opens(key, &n), ST_NOENT);
	shares_secrets_set(&(struct shares_secrets){ .passphrase = "a passphrase instead" });
	EQ(opens(key, &n), ST_NOKEY);
	secret(KEY_A, NULL);
	EQ(opens(key, &n), OK);
}

CASE(a_new_secret_in_front_wraps_anew_and_the_old_may_go)
{
	uint8_t a[32], b[32];
	struct share *s;
	uint32_t n = 0, version;

	new_folder();
	secret(KEY_A, NULL);
	s = share_of("leveldb");
	EQ(shares_keys_make(s, why, sizeof why), OK);
	EQ(shares_keys_rotate(s, &version, why, sizeof why), OK);
	memcpy(a, s->row.digest_key, 32);
	done(s);
	secret(KEY_B, KEY_A);
	EQ(opens(b, &n), OK);
	secret(KEY_B, NULL);
	EQ(opens(b, &n), OK);
	EQ(n, 2);
	EQ_MEM(a, b, 32);
	secret(KEY_A, NULL);
	EQ(opens(b, &n), ST_NOKEY);
}

CASE(a_new_share_key_is_used_and_the_old_one_still_opens)
{
	struct container_ident ident = { "0123456789abcde", 1, 2 };
	struct container_head head = { .ident = ident };
	struct container_keys first, second, got;
	struct share *s;
	uint32_t version = 0;
	uint8_t key[32];

	new_folder();
	secret(KEY_A, NULL);
	s = share_of("leveldb");
	EQ(shares_keys_make(s, why, sizeof why), OK);
	keys_container_make(s->keys, &ident, &first);
	EQ(shares_keys_rotate(s, &version, why, sizeof why), OK);
	EQ(version, 2);
	keys_container_make(s->keys, &ident, &second);
	EQ(first.version, 1);
	EQ(second.version, 2);
	done(s);
	s = share_of("leveldb");
	EQ(shares_keys_open(s, why, sizeof why), OK);
	head.aead = first.aead;
	head.version = 1;
	EQ(keys_container_open(s->keys, &head, first.wrapped, &got), OK);
	EQ_MEM(got.key, first.key, 32);
	EQ(keys_container_open(s->keys, &head, second.wrapped, &got), ST_CORRUPT);
	head.version = 2;
	EQ(keys_container_open(s->keys, &head, second.wrapped, &got), OK);
	EQ_MEM(got.key, second.key, 32);
	head.ident.number++;		/* another container's */
	EQ(keys_container_open(s->keys, &head, second.wrapped, &got), ST_CORRUPT);
	head.version = 3;
	EQ(keys_container_open(s->keys, &head, second.wrapped, &got), ST_NOKEY);
	EQ(keys_incarnation(s->keys, 3, ident.share_id, 1, key), ST_NOKEY);
	done(s);
}

CASE(no_more_versions_than_there_is_room_for)
{
	uint32_t version = 0;
	struct share *s;
	uint8_t key[32];

	new_folder();
	secret(KEY_A, NULL);
	s = share_of("leveldb");
	EQ(shares_keys_make(s, why, sizeof why), OK);
	for (uint32_t i = 2; i <= SHARE_KEYS_MAX; i++)
		EQ(shares_keys_rotate(s, &version, why, sizeof why), OK);
	EQ(shares_keys_rotate(s, &version, why, sizeof why), ST_RESOURCE);
	done(s);
	EQ(opens(key, &version), OK);
	EQ(version, SHARE_KEYS_MAX);
}

CASE(every_flipped_bit_of_the_file_is_found)
{
	char path[620];
	uint8_t bytes[400], key[32];
	struct share *s;
	uint32_t n;
	ssize_t len;
	int fd;

	new_folder();
	secret(KEY_A, NULL);
	s = share_of("leveldb");
	EQ(shares_keys_make(s, why, sizeof why), OK);
	done(s);
	snprintf(path, sizeof path, "%s/keys", dir);
	fd = open(path, O_RDWR);
	len = read(fd, bytes, sizeof bytes);
	TRUE(len > 100);
	for (ssize_t bit = 0; bit < len * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		EQ(pwrite(fd, bytes, (size_t)len, 0), len);
		EQ(opens(key, &n), ST_CORRUPT);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	EQ(pwrite(fd, bytes, (size_t)len, 0), len);
	EQ(opens(key, &n), OK);
	close(fd);
}

CASE(a_share_that_is_gone_with_the_process_needs_no_secret)
{
	struct share *s;

	new_folder();
	shares_secrets_set(&(struct shares_secrets){ 0 });
	s = share_of("memory");
	EQ(shares_keys_make(s, why, sizeof why), OK);
	EQ(keys_newest(s->keys), 1);
	done(s);
}

/* One object of the remote's copy, opened by what is at hand: its number of keys is one. */
CASE(the_remotes_copy_is_each_version_as_the_file_has_it)
{
	uint8_t before[KEYS_WRAPPED_MAX];
	uint32_t version, rewrapped = 9;
	struct keys_row row;
	struct slice one, two;
	struct share *s;

	new_folder();
	secret(KEY_A, NULL);
	s = share_of("leveldb");
	EQ(shares_keys_make(s, why, sizeof why), OK);
	EQ(shares_keys_rotate(s, &version, why, sizeof why), OK);
	one = keys_wrapped(s->keys, 1);
	two = keys_wrapped(s->keys, 2);
	TRUE(one.len > 60 && two.len == one.len && memcmp(one.at, two.at, one.len) != 0);
	EQ(rec_keys_decode(slice_of(one.at, one.len - 4), &row), OK);
	EQ(row.n, 1);
	EQ(row.aead, AEAD_XCHACHA20_POLY1305);
	EQ(row.share_id[0], 7);
	memcpy(before, one.at, one.len);
	done(s);
	s = share_of("leveldb");
	EQ(shares_keys_open(s, why, sizeof why), OK);
	one = keys_wrapped(s->keys, 1);
	EQ_MEM(one.at, before, one.len);
	EQ(shares_keys_rewrap(s, &rewrapped, why, sizeof why), OK);
	EQ(rewrapped, 0);
	TRUE(keys_wrapped(s->keys, 1).at == one.at);
	done(s);
}

CASE(a_new_secret_is_taken_while_the_share_is_open)
{
	uint32_t rewrapped = 0, n = 0;
	uint8_t key[32];
	struct slice old;
	struct share *s;

	new_folder();
	secret(KEY_A, NULL);
	s = share_of("leveldb");
	EQ(shares_keys_make(s, why, sizeof why), OK);
	old = keys_wrapped(s->keys, 1);
	secret(KEY_B, NULL);		/* the old one is wanted once more */
	EQ(shares_keys_rewrap(s, &rewrapped, why, sizeof why), ST_NOKEY);
	TRUE(s->keys != NULL && keys_wrapped(s->keys, 1).at == old.at);
	secret(KEY_B, KEY_A);
	EQ(shares_keys_rewrap(s, &rewrapped, why, sizeof why), OK);
	EQ(rewrapped, 1);
	EQ(keys_newest(s->keys), 1);
	TRUE(memcmp(keys_wrapped(s->keys, 1).at, old.at, old.len) != 0);
	done(s);
	secret(KEY_B, NULL);
	EQ(opens(key, &n), OK);
	secret(KEY_A, NULL);
	EQ(opens(key, &n), ST_NOKEY);
	s = share_of("memory");
	EQ(shares_keys_rewrap(s, &rewrapped, why, sizeof why), ST_INVAL);
	done(s);
}

CASE(a_share_whose_store_names_a_key_asks_the_daemon_for_none)
{
	struct share *s;

	new_folder();
	shares_secrets_set(&(struct shares_secrets){ 0 });
	s = share_of("leveldb");
	snprintf(s->conf.key_file, sizeof s->conf.key_file, "%s",
	    keyring_secrets_file(KEY_A, NULL, 0600));
	EQ(shares_keys_make(s, why, sizeof why), OK);
	done(s);
	secret(KEY_A, NULL);
	s = share_of("leveldb");
	snprintf(s->conf.passphrase_env, sizeof s->conf.passphrase_env, "DITTOFS_NOT_THERE");
	EQ(shares_keys_open(s, why, sizeof why), ST_NOKEY);	/* not by the daemon's either */
	TRUE(strstr(why, "DITTOFS_NOT_THERE") != NULL);
	done(s);
	new_folder();
	s = share_of("leveldb");
	snprintf(s->conf.passphrase_env, sizeof s->conf.passphrase_env, "DITTOFS_THERE");
	setenv("DITTOFS_THERE", "a passphrase of the store", 1);
	EQ(shares_keys_make(s, why, sizeof why), OK);
	done(s);
	s = share_of("leveldb");
	EQ(shares_keys_open(s, why, sizeof why), ST_NOKEY);
	TRUE(strstr(why, "passphrase") != NULL);
	done(s);
}

static enum status
say(struct store_spec *spec, const char *key, const char *value)
{
	why[0] = '\0';
	return store_spec_set(spec, key, value, why, sizeof why);
}

CASE(a_store_says_how_its_shares_are_sealed)
{
	struct store_spec spec = { .name = "far" };

	EQ(say(&spec, "encryption", "chacha20-poly1305"), OK);
	EQ(spec.encryption, AEAD_CHACHA20_POLY1305);
	EQ(say(&spec, "encryption", "rot13"), ST_INVAL);
	TRUE(strstr(why, "rot13") != NULL);
	EQ(say(&spec, "compression", "zstd"), OK);
	EQ(spec.compression, 3);
	EQ(say(&spec, "parallel_uploads", "8"), OK);
	EQ(spec.uploads, 8);
	EQ(say(&spec, "parallel_uploads", "-1"), ST_INVAL);
	EQ(say(&spec, "parallel_uploads", "257"), ST_INVAL);
	EQ(say(&spec, "bucket", "b"), ST_NOENT);
	EQ(say(&spec, "encryption_key_file", "relative"), ST_INVAL);
	EQ(say(&spec, "encryption_key_file", "/k"), OK);
	EQ(say(&spec, "encryption_passphrase_file", "/p"), ST_INVAL);	/* one of them */
	spec = (struct store_spec){ .noptions = 0 };
	EQ(say(&spec, "encryption_passphrase_env", "HOME"), ST_INVAL);
	EQ(say(&spec, "encryption_passphrase_env", "DITTOFS_A=b"), ST_INVAL);
	EQ(say(&spec, "encryption_passphrase_env", "DITTOFS_A_1"), OK);
}

CASE(a_share_is_as_its_store_or_stricter_never_weaker)
{
	struct store_spec spec = { .name = "far", .encryption = AEAD_AES_256_GCM, .compression = 3,
		.key_file = "/k" };
	struct share_conf conf = { .encryption = SHARE_INHERIT, .compression = SHARE_INHERIT };

	EQ(store_spec_inherit(&spec, &conf, why, sizeof why), OK);
	EQ(conf.encryption, AEAD_AES_256_GCM);
	EQ(conf.compression, 3);
	EQ_STR(conf.key_file, "/k");
	conf = (struct share_conf){ .encryption = AEAD_CHACHA20_POLY1305, .compression = 0 };
	EQ(store_spec_inherit(&spec, &conf, why, sizeof why), OK);
	EQ(conf.encryption, AEAD_CHACHA20_POLY1305);
	EQ(conf.compression, 0);
	conf.encryption = 0;
	EQ(store_spec_inherit(&spec, &conf, why, sizeof why), ST_INVAL);
	TRUE(strstr(why, "far asks for encryption") != NULL);
	spec.encryption = 0;
	EQ(store_spec_inherit(&spec, &conf, why, sizeof why), OK);
	conf.encryption = AEAD_AES_256_GCM;
	EQ(store_spec_inherit(&spec, &conf, why, sizeof why), OK);
	EQ(conf.encryption, AEAD_AES_256_GCM);
	conf = (struct share_conf){ .encryption = SHARE_INHERIT, .compression = SHARE_INHERIT };
	EQ(store_spec_inherit(NULL, &conf, why, sizeof why), OK);
	EQ(conf.encryption + conf.compression, 0);
}

CASE(words_of_encryption_and_compression)
{
	uint8_t n = 99;

	TRUE(shares_encryption_of("none", &n) && n == 0);
	TRUE(shares_encryption_of("auto", &n) && n != 0);
	TRUE(shares_encryption_of("chacha20-poly1305", &n) && n == AEAD_CHACHA20_POLY1305);
	TRUE(!shares_encryption_of("rot13", &n));
	TRUE(shares_compression_of("none", &n) && n == 0);
	TRUE(shares_compression_of("zstd", &n) && n == 3);
	TRUE(shares_compression_of("zstd-19", &n) && n == 19);
	TRUE(!shares_compression_of("zstd-20", &n));
	TRUE(!shares_compression_of("zstd-", &n));
	TRUE(!shares_compression_of("lz4", &n));
}
