/*
 * Signature Version 4: a request is put into one canonical form, which both sides can make, and
 * signed with a key derived from the secret for one day, region and service.  The signature
 * goes into a header, or into the query of an address that may be handed to somebody.
 * Amazon S3 API reference, "Authenticating Requests (AWS Signature Version 4)".
 */
#ifndef BACKENDS_S3_SIGV4_H
#define BACKENDS_S3_SIGV4_H

#include "pipeline/base/status.h"
#include "pipeline/base/text.h"

#include <stddef.h>
#include <stdint.h>

#define S3_UNSIGNED_PAYLOAD "UNSIGNED-PAYLOAD"

enum {
	S3_STAMP_BYTES = 17,		/* 20130524T000000Z and its NUL */
	S3_PAIRS_MAX = 32,		/* headers, and parameters of a query */
	S3_CANONICAL_MAX = 16384,
};

/* Whose signature; all borrowed.  token is NULL or empty for lasting credentials. */
struct s3_key {
	const char *access, *secret, *token;
	const char *region, *service;
};

struct s3_pair {
	const char *name, *value;
};

struct s3_signing {
	const char *method;
	const char *path;		/* as it is sent: percent-encoded once, "/" at least */
	const struct s3_pair *query;	/* names and values as they are, not encoded */
	size_t nquery;
	const struct s3_pair *headers;	/* names in lower case; host is among them */
	size_t nheaders;
	const char *payload;		/* hex of its SHA-256, or S3_UNSIGNED_PAYLOAD */
	const char *stamp;		/* when; the x-amz-date header says the same */
};

/* The moment as Signature Version 4 writes it. */
void s3_sigv4_stamp(uint64_t wall_ns, char stamp[S3_STAMP_BYTES]);

/* Percent-encode all but letters, digits and -._~, and the slash where it is kept. */
void s3_sigv4_encode(struct text *to, const char *s, bool keep_slash);

/* A query in its canonical form: encoded, sorted.  RESOURCE: more than fits. */
must_check enum status s3_sigv4_query(const struct s3_pair *query, size_t n, struct text *to);

/* The canonical request, whose digest is signed.  RESOURCE: more than fits. */
must_check enum status s3_sigv4_canonical(const struct s3_signing *s, struct text *to);

/*
 * The value of the Authorization header.  A token must be among the headers already.
 * RESOURCE: more than fits.  SERVERFAULT: the library failed.
 */
must_check enum status s3_sigv4_header(const struct s3_key *key, const struct s3_signing *s,
    struct text *to);

/*
 * The whole query of a presigned address, good for expires_s seconds from the stamp on; the
 * parameters of s->query come with it, of the headers usually only host is signed.
 */
must_check enum status s3_sigv4_presign(const struct s3_key *key, const struct s3_signing *s,
    uint32_t expires_s, struct text *to);

#endif
