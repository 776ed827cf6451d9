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
	struct s3_sheet *sheet;
	struct s3_answer answer;
	uint8_t *page;			/* WALK */
	size_t page_len, page_cap;
	char token[S3_TOKEN_MAX];
};

#define S3_PUT_ID_HEADER "x-amz-meta-dfs-put"

/* ask.c: the request's prepare. */
bool s3_ask_prepare(struct s3_request *r);

/* answer.c: its header, sink and done. */
void s3_answer_header(struct s3_request *r, const char *name, const char *value);
bool s3_answer_sink(struct s3_request *r, const uint8_t *bytes, size_t len);
void s3_answer_done(struct s3_request *r);

/* s3.c: the call is over; op is freed. */
void s3_op_end(struct s3_op *op, enum status status);

#endif
