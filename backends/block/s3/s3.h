/*
 * A block_store in a bucket of Amazon S3 or of any server that speaks its protocol.
 */
#ifndef BACKENDS_S3_S3_H
#define BACKENDS_S3_S3_H

#include "backends/backends.h"

enum s3_fetch { S3_FETCH_NONE, S3_FETCH_WEB, S3_FETCH_CONTAINER, S3_FETCH_INSTANCE };

struct s3_conf {
	const char *url;		/* "https://s3.eu-west-1.amazonaws.com" */
	const char *region, *bucket;
	const char *prefix;		/* of all names; "" for none */
	const char *access_key, *secret_key;
	const char *token;		/* of temporary credentials; NULL otherwise */
	enum s3_fetch fetch;		/* NONE: the keys above; else source.h's: */
	const char *fetch_url, *fetch_file, *fetch_role, *fetch_token;
	const char *ca_file;		/* PEM; NULL: the system's */
	bool path_style;		/* bucket in the path, not in the host */
	bool conditional;		/* the server knows If-None-Match on PUT */
	bool sign_payload;		/* over TLS too; in the clear it always is */
	unsigned connections_max;
	unsigned attempts_max;		/* of one call */
	unsigned connect_ms;
	unsigned stalled_s;		/* slower than 1 KiB/s for so long: given up */
	uint64_t part_bytes;		/* of an object put in parts: 5 MiB to 5 GiB */
	uint64_t parts_above;		/* objects larger than that are put in parts */
};

/* Everything that has a default; the rest is NULL and must be set. */
void s3_conf_init(struct s3_conf *conf);

/* What is known of a kind of server ("aws", "ceph", …); false: none of that name. */
bool s3_conf_preset(struct s3_conf *conf, const char *kind);

/*
 * Open a store; nothing is sent yet.  conf is copied, the secrets into locked memory.
 * INVAL: something in conf is not legal; text says what.
 */
must_check enum status s3_store_open(const struct s3_conf *conf, char text[160],
    struct block_store **storep);

/* The row of backends.c, by the options of open.c's table. */
must_check enum status block_s3_open(const struct block_store_conf *conf, struct block_store **sp,
    struct text *why);

#endif
