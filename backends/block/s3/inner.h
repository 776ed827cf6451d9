/*
 * What s3.c, ask.c and answer.c share: the store, and one call on its way.
 */
#ifndef BACKENDS_S3_INNER_H
#define BACKENDS_S3_INNER_H

#include "backends/block/s3/curl_loop.h"
#include "backends/block/s3/endpoint.h"
#include "backends/block/s3/list.h"
#include "backends/block/s3/s3.h"
#include "backends/block/s3/sigv4.h"
#include "backends/block/s3/source.h"
#include "pipeline/base/mutex.h"
#include "pipeline/base/text.h"

enum {
	S3_ACCESS_MAX = 256,
	S3_SECRET_MAX = 256,
	S3_CREDENTIAL_TOKEN_MAX = 4096,
	S3_REGION_MAX = 64,
	S3_ERROR_BODY_MAX = 4096,
	S3_PUT_ID_BYTES = 16,
	S3_HEX_ID = 2 * S3_PUT_ID_BYTES + 1,
	S3_HEX_PAYLOAD = 65,
	S3_LINES_MAX = 8192,		/* all headers of a request */
	S3_UPLOAD_MAX = 1024,		/* an upload's id */
	S3_ETAG_MAX = 72,		/* a part's tag, with its quotes */
	S3_SERVER_ID_MAX = 80,		/* what the server calls a request */
	S3_PARTS_MAX = 10000,
};

/* A PUT in one request, or in parts: the upload is begun, filled, and made an object, or ended. */
enum s3_phase { S3_WHOLE, S3_BEGIN, S3_PART, S3_COMPLETE, S3_ABORT };

struct s3_parts {			/* of a PUT in parts; multipart.c's */
	char upload[S3_UPLOAD_MAX];
	uint64_t part_bytes;
	unsigned n, at;			/* parts in all; the one on its way, from 0 */
	struct chain body;		/* of the running request */
	struct arena arena;
	char (*etag)[S3_ETAG_MAX];	/* n of them */
	char *list;			/* what completes it */
	enum status failed;		/* ABORT: why */
};

struct s3_secrets {			/* in locked memory */
	char access[S3_ACCESS_MAX], secret[S3_SECRET_MAX], token[S3_CREDENTIAL_TOKEN_MAX];
};

struct s3_store {
	struct block_store base;	/* first */
	struct s3_endpoint endpoint;
	char region[S3_REGION_MAX];
	struct s3_secrets *secrets;
	bool conditional, sign_payload;
	unsigned attempts_max;
	uint64_t part_bytes, parts_above;
	struct s3_source *source;	/* of credentials that are fetched; NULL: they last */
	struct s3_loop *loop;
	int64_t skew_ns;		/* the server's clock less ours; the loop's thread alone */
	struct mutex mutex;		/* ops */
	struct cond idle;
	struct list ops;
};

/* The texts of one attempt; there only while it runs. */
struct s3_sheet {
	char url[S3_URL_MAX];
	char lines[S3_LINES_MAX];
};

/* What the running attempt's answer has said so far. */
struct s3_answer {
	bool has_length, has_range, has_date, unfit;
	uint64_t length;		/* Content-Length */
	uint64_t first, last, total;	/* Content-Range */
	uint64_t retry_after_s;
	uint64_t date_s;		/* since 1970 */
	uint64_t got;			/* bytes of a body that was wanted */
	char put_id[S3_HEX_ID];
	char etag[S3_ETAG_MAX];
	char server_id[S3_SERVER_ID_MAX];
	char body[S3_ERROR_BODY_MAX];	/* of an error */
	size_t body_len;
};

struct s3_op {
	struct s3_request r;		/* first */
	struct list link;		/* in store->ops */
	struct s3_store *store;
	struct block_call *call;
	unsigned attempts;
	enum status refused;		/* not OK: never to be sent */
	bool ambiguous;			/* an attempt failed that may have been done */
	bool checking;			/* PUT was refused after such a one: whose object is it? */
	bool clock_set;
	char put_id[S3_HEX_ID];		/* says later that an object came from this call */
	char payload[S3_HEX_PAYLOAD];
	enum s3_phase phase;
	struct s3_parts *parts;		/* NULL: in one request */
	struct s3_sheet *sheet;
	struct s3_answer answer;
	uint8_t *page;			/* WALK */
	size_t page_len, page_cap;
	char token[S3_TOKEN_MAX];
};

#define S3_PUT_ID_HEADER "x-amz-meta-dfs-put"

/* multipart.c: a PUT that is too large for one request. */
void s3_parts_begin(struct s3_op *op);
void s3_parts_free(struct s3_op *op);
/* The running request's method and body; what the server is asked is in the query. */
const char *s3_parts_ask(struct s3_op *op, const struct chain **body);
/* The running request has been answered well; false: the answer is none.  Sets what comes next;
 * *over: the object is there. */
bool s3_parts_answered(struct s3_op *op, bool *over);
/* It fails: true where there is an upload to be ended first, which is then the next request. */
bool s3_parts_fail(struct s3_op *op, enum status st);

/* ask.c: the request's prepare. */
bool s3_ask_prepare(struct s3_request *r);

/* answer.c: its header, sink and done. */
void s3_answer_header(struct s3_request *r, const char *name, const char *value);
bool s3_answer_sink(struct s3_request *r, const uint8_t *bytes, size_t len);
void s3_answer_done(struct s3_request *r);

/* s3.c: the call is over; op is freed. */
void s3_op_end(struct s3_op *op, enum status status);

#endif
