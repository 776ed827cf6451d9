/*
 * From options to a store in a bucket.  Without an endpoint it is Amazon's of the region.
 */
#include "backends/block/s3/s3.h"
#include "backends/block/s3/source.h"

#include "crypto/secret.h"

#include <string.h>

enum { URL_MAX = 512, KEY_MAX = 255, TOKEN_MAX = 4095, PATH_MAX_BYTES = 1000 };

enum status
block_s3_open(const struct block_store_conf *conf, struct block_store **sp, struct text *why)
{
	const char *preset = "", *region = "us-east-1", *url = "", *file = NULL, *profile = NULL;
	uint64_t connections, attempts;
	bool given_style = false, conditional = false;
	struct s3_found found = { .access = "" };
	struct s3_conf c;
	char room[URL_MAX], text[160] = "";
	struct text amazon = text_of(room, sizeof room);
	enum status st;

	s3_conf_init(&c);
	connections = c.connections_max;
	attempts = c.attempts_max;
	const struct backends_conf_row rows[] = {
		{ "bucket", CONF_TEXT, 3, 63, &c.bucket },
		{ "region", CONF_TEXT, 1, 63, &region },
		{ "endpoint", CONF_TEXT, 0, URL_MAX - 1, &url },
		{ "prefix", CONF_TEXT, 0, 200, &c.prefix },
		{ "server", CONF_TEXT, 0, 16, &preset },
		{ "access_key_id", CONF_TEXT, 1, KEY_MAX, &c.access_key },
		{ "secret_access_key", CONF_TEXT, 1, KEY_MAX, &c.secret_key },
		{ "session_token", CONF_TEXT, 1, TOKEN_MAX, &c.token },
		{ "credentials_file", CONF_TEXT, 1, PATH_MAX_BYTES, &file },
		{ "profile", CONF_TEXT, 1, KEY_MAX, &profile },
		{ "ca_file", CONF_TEXT, 1, PATH_MAX_BYTES, &c.ca_file },
		{ "conditional", CONF_FLAG, 0, 1, &conditional },
		{ "force_path_style", CONF_FLAG, 0, 1, &given_style },
		{ "sign_payload", CONF_FLAG, 0, 1, &c.sign_payload },
		{ "part_size", CONF_SIZE, 5 << 20, 1ull << 32, &c.part_bytes },
		{ "multipart_above", CONF_SIZE, 5 << 20, 1ull << 32, &c.parts_above },
		{ "connections", CONF_NUMBER, 1, 256, &connections },
		{ "attempts", CONF_NUMBER, 1, 32, &attempts },
	};
	st = backends_conf_pairs(conf->option, conf->noptions, rows, ARRAY_LEN(rows), why);
	if (st != OK)
		return st;
	if (preset[0] == '\0')
		preset = url[0] == '\0' ? "aws" : "other";
	if (!s3_conf_preset(&c, preset)) {
		text_addf(why, "option server: %s is no kind of server known here", preset);
		return ST_INVAL;
	}
	c.path_style |= given_style;
	c.conditional |= conditional;
	text_addf(&amazon, "https://s3.%s.amazonaws.com", region);
	c.url = url[0] != '\0' ? url : room;
	c.region = region;
	c.connections_max = (unsigned)connections;
	c.attempts_max = (unsigned)attempts;
	if (c.access_key == NULL && c.secret_key == NULL && file == NULL)
		s3_source_find(&c, &found);
	else if (file != NULL && !s3_source_file(&c, file, profile, &found)) {
		text_addf(why, "option credentials_file: %s has no keys for the profile %s", file,
		    profile != NULL ? profile : "default");
		return ST_INVAL;
	}
	st = s3_store_open(&c, text, sp);
	secret_wipe(&found, sizeof found);
	if (st != OK)
		text_add(why, text);
	return st;
}
