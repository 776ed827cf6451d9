/*
 * A share's keys on disk: made once, opened by the right secret alone, wrapped anew under a new
 * one, one version after another; what is wrong is said and nothing is changed.
 */
#include "mgmt/shares/keys.h"
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
