/*
 * The two XML documents that a store sends us: a page of a listing, and an error.  Both are
 * bounded in depth and in the size of every text, and a document type is refused.
 */
#ifndef BACKENDS_S3_LIST_H
#define BACKENDS_S3_LIST_H

#include "pipeline/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	S3_PAGE_BYTES_MAX = 8 << 20,	/* a page of 1,000 names stays far below */
	S3_NAME_MAX = 1024,
	S3_TOKEN_MAX = 2048,
};

struct s3_page {
	uint64_t names;
	bool truncated;			/* more follows, from token on */
	char token[S3_TOKEN_MAX];
};

/* Called for each object in the page's order; false ends the parse early, which is no error. */
typedef bool s3_list_each(void *arg, const char *name, uint64_t size);

/*
 * Read a ListObjectsV2 answer.  It is read wholly once before each() sees a name, so that a
 * damaged page delivers nothing.  GARBAGE: not such an answer, or beyond bounds.
 */
must_check enum status s3_list_parse(const void *xml, size_t len, s3_list_each *each, void *arg,
    struct s3_page *page);

struct s3_error {
	char code[64];			/* "NoSuchKey"; empty where the body says none */
	char message[160];		/* for people; cut, printable ASCII only */
};

/* Read an error's body, however little there is of it; what it lacks stays empty. */
void s3_error_parse(const void *xml, size_t len, struct s3_error *error);

struct s3_wanted {
	const char *parent, *name;	/* of an element that holds text alone */
	char *to;			/* its text; untouched where there is none */
	size_t cap;
};

/* The texts of some elements.  GARBAGE: no document, or a text that is too long. */
must_check enum status s3_texts_parse(const void *xml, size_t len, const struct s3_wanted *wanted,
    size_t n);

#endif
