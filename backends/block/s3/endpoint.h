/*
 * Where a bucket is: an address from the configuration, and how an object's name becomes a host
 * and a path.  In path style the bucket is the path's first part; in virtual-host style it is
 * the first label of the host.
 */
#ifndef BACKENDS_S3_ENDPOINT_H
#define BACKENDS_S3_ENDPOINT_H

#include "pipeline/base/status.h"
#include "pipeline/base/text.h"

#include <stdbool.h>
#include <stdint.h>

enum { S3_HOST_MAX = 256, S3_BUCKET_MAX = 64, S3_PREFIX_MAX = 256, S3_PATH_MAX = 2560 };

struct s3_endpoint {
	bool tls;
	bool path_style;
	uint16_t port;			/* 0: the scheme's own */
	char host[S3_HOST_MAX];		/* an IPv6 address with its brackets */
	char bucket[S3_BUCKET_MAX];
	char prefix[S3_PREFIX_MAX];	/* of all names; empty, or ending in a slash */
};

/*
 * From "https://host:port", the bucket's name and a prefix (may be empty).  Path style is also
 * chosen where the other cannot work: an address instead of a name, a dot in the bucket's name
 * under TLS.  INVAL: any of them is not legal.
 */
must_check enum status s3_endpoint_parse(const char *url, const char *bucket, const char *prefix,
    bool path_style, struct s3_endpoint *out);

/* The Host header, "bucket.host:port"; the port only if it is not the scheme's. */
void s3_endpoint_host(const struct s3_endpoint *e, struct text *to);

/* The encoded path of an object, or of the bucket where name is NULL. */
void s3_endpoint_path(const struct s3_endpoint *e, const char *name, struct text *to);

#endif
