/*
 * A table of the options that are the gateway's own.
 */
#include "mgmt/shares/spec.h"

#include "mgmt/shares/words.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { UPLOADS_MAX = 256 };

static bool
set_uploads(struct store_spec *spec, const char *value)
{
	uint64_t n = 0;

	if (value[0] != '\0' && !text_u64(value, 0, UPLOADS_MAX, &n))
		return false;
	spec->uploads = (uint32_t)n;
	return true;
}

static bool
set_encryption(struct store_spec *spec, const char *value)
{
	return shares_encryption_of(value, &spec->encryption);
}

static bool
set_compression(struct store_spec *spec, const char *value)
{
	return shares_compression_of(value, &spec->compression);
}

static bool
set_path(char *to, size_t cap, const char *value)
{
	if (value[0] != '\0' && (value[0] != '/' || strlen(value) >= cap))
		return false;
	snprintf(to, cap, "%s", value);
	return true;
}

static bool
set_key_file(struct store_spec *spec, const char *value)
{
	return set_path(spec->key_file, sizeof spec->key_file, value);
}

static bool
set_passphrase_file(struct store_spec *spec, const char *value)
{
	return set_path(spec->passphrase_file, sizeof spec->passphrase_file, value);
}

/* One of ours only: whoever may name a store may not look at the whole environment through it. */
static bool
set_passphrase_env(struct store_spec *spec, const char *value)
{
	static const char ours[] = "DITTOFS_";
	size_t len = strlen(value);

	if (len > 0 &&
	    (strncmp(value, ours, sizeof ours - 1) != 0 || len >= sizeof spec->passphrase_env))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isupper((unsigned char)value[i]) && !isdigit((unsigned char)value[i]) &&
		    value[i] != '_')
			return false;
	snprintf(spec->passphrase_env, sizeof spec->passphrase_env, "%s", value);
	return true;
}

static const struct {
	const char *key;
	bool (*set)(struct store_spec *spec, const char *value);
	const char *want;
} options[] = {
	{ "parallel_uploads", set_uploads, "a number from 0 (as it goes) to 256" },
	{ "encryption", set_encryption,
	    "none, auto, aes-256-gcm, chacha20-poly1305 or xchacha20-poly1305" },
	{ "compression", set_compression, "none, zstd, or zstd-1 to zstd-19" },
	{ "encryption_key_file", set_key_file, "the absolute path of a file of keys" },
	{ "encryption_passphrase_file", set_passphrase_file,
	    "the absolute path of a file of passphrases" },
	{ "encryption_passphrase_env", set_passphrase_env,
	    "the name of a variable of the daemon's environment that begins with DITTOFS_" },
};

/* What wraps keys is said once, else nobody knows which of the two a share needs. */
static bool
said_twice(const struct store_spec *spec)
{
	return (spec->key_file[0] != '\0') + (spec->passphrase_file[0] != '\0') +
	    (spec->passphrase_env[0] != '\0') > 1;
}

enum status
store_spec_set(struct store_spec *spec, const char *key, const char *value, char *why,
    size_t why_cap)
{
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		if (strcmp(options[i].key, key) != 0)
			continue;
		if (!options[i].set(spec, value)) {
			snprintf(why, why_cap, "%s: \"%.80s\" is not %s", key, value,
			    options[i].want);
			return ST_INVAL;
		}
		if (said_twice(spec)) {
			snprintf(why, why_cap,
			    "%s: a key file, a file of passphrases or a variable, only "
			    "one of them wraps keys",
			    key);
			return ST_INVAL;
		}
		return OK;
	}
	return ST_NOENT;
}

enum status
store_spec_inherit(const struct store_spec *spec, struct share_conf *conf, char *why,
    size_t why_cap)
{
	static const struct store_spec none = { .noptions = 0 };
	const struct store_spec *from = spec != NULL ? spec : &none;

	if (conf->encryption == SHARE_INHERIT)
		conf->encryption = from->encryption;
	if (conf->compression == SHARE_INHERIT)
		conf->compression = from->compression;
	if (from->encryption != 0 && conf->encryption == 0) {
		snprintf(why, why_cap,
		    "its remote store %s asks for encryption, and the share is to be in "
		    "the clear: let it encrypt, or name another store",
		    from->name);
		return ST_INVAL;
	}
	snprintf(conf->key_file, sizeof conf->key_file, "%s", from->key_file);
	snprintf(conf->passphrase_file, sizeof conf->passphrase_file, "%s", from->passphrase_file);
	snprintf(conf->passphrase_env, sizeof conf->passphrase_env, "%s", from->passphrase_env);
	return OK;
}
