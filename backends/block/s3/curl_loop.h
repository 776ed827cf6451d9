/*
 * HTTP requests on one thread of their own, over libcurl's multi interface: many connections,
 * kept and reused, none of them waited for by a caller.  A request belongs to its caller until
 * its done(); all its functions run on the loop's thread and must not wait.
 */
#ifndef BACKENDS_S3_CURL_LOOP_H
#define BACKENDS_S3_CURL_LOOP_H

#include "backends/block/s3/retry.h"
#include "pipeline/base/chain.h"
#include "pipeline/base/list.h"

#include <stdatomic.h>
#include <stddef.h>

enum {
	S3_URL_MAX = 8192,
	S3_HEADERS_MAX = 16,
	S3_CONNECTIONS_MAX = 1024,
};

struct s3_loop_conf {
	const char *ca_file;		/* PEM; NULL: the system's */
	unsigned connections_max;	/* at once; further requests wait in order */
	unsigned connect_ms;		/* for name, TCP and TLS together */
	unsigned stalled_s;		/* so long below stalled_bytes a second: given up */
	unsigned stalled_bytes;
};

struct s3_request {
	/* The caller's, before submit. */
	uint64_t not_before_ns;		/* monotonic; 0: at once */
	uint64_t deadline_ns;		/* monotonic; 0: none */

	/* Its turn has come: fill in the part below.  false: it fails as canceled. */
	bool (*prepare)(struct s3_request *r);
	/* A header of the answer, its name in lower case; http is known. */
	void (*header)(struct s3_request *r, const char *name, const char *value);
	/* Bytes of the answer's body; false: no more, it fails as S3_SINK_FULL. */
	bool (*sink)(struct s3_request *r, const uint8_t *bytes, size_t len);
	void (*done)(struct s3_request *r);

	/* Filled in by prepare; borrowed until done. */
	const char *method;		/* "GET", "HEAD", "PUT", "POST", "DELETE" */
	const char *url;
	const char *headers[S3_HEADERS_MAX];	/* "name: value" */
	unsigned nheaders;
	const struct chain *body;	/* PUT and POST; NULL: none */

	/* At done. */
	enum s3_failure failure;
	long http;
	char text[120];			/* of a failure */
	bool sent_twice;		/* libcurl began again: the first may have been done */

	/* The loop's. */
	atomic_bool canceled;
	struct list link;
	void *running;
	unsigned at_slice;		/* the body's cursor */
	uint32_t at_byte;
	uint64_t begun_ns;
};

struct s3_loop;

/* NULL: libcurl did not start, or the CA file cannot be used; text says why.  conf is copied. */
struct s3_loop *s3_loop_new(const struct s3_loop_conf *conf, char *text, size_t text_cap);

/* Waits for nothing: every request must be done before.  Joins the thread. */
void s3_loop_free(struct s3_loop **loopp);

/* Any thread, also out of done().  done() never runs inside. */
void s3_loop_submit(struct s3_loop *loop, struct s3_request *r);

/* Have the loop look at the requests whose canceled was set; their done() comes soon. */
void s3_loop_cancel(struct s3_loop *loop);

#endif
