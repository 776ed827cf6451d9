/*
 * From a call to a request.  Built anew for every attempt, on the loop's thread, because the
 * signature speaks of the moment; only the digest of a PUT's body is kept.
 */
#include "backends/block/s3/inner.h"

#include "crypto/hmac.h"
#include "crypto/secret.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/panic.h"

#include <stdlib.h>
#include <string.h>

#define OF_NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

enum { PAIRS = 8, HOST_ROOM = S3_HOST_MAX + S3_BUCKET_MAX + 8 };

/* The pieces of a request while it is made. */
struct ask {
	struct s3_op *op;
	struct s3_pair headers[PAIRS], query[PAIRS];
	size_t nheaders, nquery;
	char host[HOST_ROOM], path[S3_PATH_MAX], stamp[S3_STAMP_BYTES], range[64];
	char walk_prefix[S3_PREFIX_MAX + BLOCK_NAME_MAX], number[16];
	const char *payload;
};

static const char *const methods[] = {
	[BLOCK_PUT] = "PUT", [BLOCK_GET] = "GET", [BLOCK_HEAD] = "HEAD", [BLOCK_DEL] = "DELETE",
	[BLOCK_WALK] = "GET",
};

static void
header(struct ask *a, const char *name, const char *value)
{
	assert(a->nheaders < PAIRS);
	a->headers[a->nheaders++] = (struct s3_pair){ name, value };
}

static void
parameter(struct ask *a, const char *name, const char *value)
{
	assert(a->nquery < PAIRS);
	a->query[a->nquery++] = (struct s3_pair){ name, value };
}

/* The digest of a body, computed at its first attempt. */
static bool
payload_digest(struct s3_op *op)
{
	const struct chain *body = op->r.body;
	struct text hex = text_of(op->payload, sizeof op->payload);
	struct sha256_piece *pieces;
	uint8_t digest[SHA256_BYTES];
	int outcome;

	pieces = xcalloc((size_t)body->n + 1, sizeof *pieces);
	for (unsigned i = 0; i < body->n; i++)
		pieces[i] = (struct sha256_piece){ body->v[i].at, body->v[i].len };
	outcome = sha256_of_pieces(pieces, body->n, digest);
	free(pieces);
	if (outcome != 0)
		return false;
	text_hex(&hex, digest, sizeof digest);
	return true;
}

static bool
ask_body(struct ask *a, const struct chain *body)
{
	struct s3_op *op = a->op;
	const struct s3_store *store = op->store;

	op->r.body = body;
	if (store->endpoint.tls && !store->sign_payload)
		a->payload = S3_UNSIGNED_PAYLOAD;
	else if (op->payload[0] == '\0' && !payload_digest(op))
		return false;
	else
		a->payload = op->payload;
	return true;
}

static bool
ask_put(struct ask *a)
{
	struct s3_op *op = a->op;

	if (op->call->if_absent && op->store->conditional) {
		header(a, "if-none-match", "*");
		header(a, S3_PUT_ID_HEADER, op->put_id);
	}
	return ask_body(a, &op->call->body);
}

/* One of the requests of an upload in parts. */
static bool
ask_parts(struct ask *a)
{
	struct s3_op *op = a->op;
	struct text t = text_of(a->number, sizeof a->number);
	const struct chain *body;

	op->r.method = s3_parts_ask(op, &body);
	if (op->phase == S3_BEGIN) {
		parameter(a, "uploads", "");
		header(a, S3_PUT_ID_HEADER, op->put_id);
		return true;
	}
	if (op->phase == S3_PART) {
		text_addf(&t, "%u", op->parts->at + 1);
		parameter(a, "partNumber", a->number);
	}
	parameter(a, "uploadId", op->parts->upload);
	if (op->phase == S3_COMPLETE && op->call->if_absent && op->store->conditional)
		header(a, "if-none-match", "*");
	return body == NULL || ask_body(a, body);
}

static void
ask_get(struct ask *a)
{
	const struct block_call *call = a->op->call;
	struct text t = text_of(a->range, sizeof a->range);

	if (call->offset == 0 && call->len == 0)
		return;
	text_addf(&t, "bytes=%llu-", (unsigned long long)call->offset);
	if (call->len != 0)
		text_addf(&t, "%llu", (unsigned long long)(call->offset + call->len - 1));
	header(a, "range", a->range);
}

static void
ask_walk(struct ask *a)
{
	struct s3_op *op = a->op;
	struct text t = text_of(a->walk_prefix, sizeof a->walk_prefix);

	text_add(&t, op->store->endpoint.prefix);
	text_add(&t, op->call->name);
	parameter(a, "list-type", "2");
	parameter(a, "max-keys", "1000");
	parameter(a, "encoding-type", "url");
	parameter(a, "prefix", a->walk_prefix);
	if (op->token[0] != '\0')
		parameter(a, "continuation-token", op->token);
}

/* What each kind of call adds; false if it cannot be asked. */
static bool
ask_kind(struct ask *a)
{
	if (a->op->checking)
		return true;
	if (a->op->phase != S3_WHOLE)
		return ask_parts(a);
	switch (a->op->call->kind) {
	case BLOCK_PUT:
		return ask_put(a);
	case BLOCK_GET:
		ask_get(a);
		return true;
	case BLOCK_WALK:
		ask_walk(a);
		return true;
	case BLOCK_HEAD:
	case BLOCK_DEL:
		return true;
	}
	return false;
}

/* "name: value" for libcurl, each with its own NUL in the sheet. */
static void
line(struct s3_op *op, struct text *lines, const char *name, const char *value)
{
	assert(op->r.nheaders < S3_HEADERS_MAX);
	op->r.headers[op->r.nheaders++] = lines->s + lines->len;
	text_addf(lines, "%s:%s%s", name, value[0] != '\0' ? " " : "", value);
	text_addn(lines, "", 1);
}

static enum status
sign_and_lay_out(struct ask *a)
{
	struct s3_op *op = a->op;
	const struct s3_store *store = op->store;
	const struct s3_key key = { store->secrets->access, store->secrets->secret,
	    store->secrets->token, store->region, "s3" };
	const struct s3_signing s = { op->r.method, a->path, a->query, a->nquery, a->headers,
	    a->nheaders, a->payload, a->stamp };
	struct text lines = text_of(op->sheet->lines, sizeof op->sheet->lines),
	    url = text_of(op->sheet->url, sizeof op->sheet->url);
	char room[1024], agent_room[96];
	struct text agent = text_of(agent_room, sizeof agent_room);
	struct text authorization = text_of(room, sizeof room);
	enum status st;

	if ((st = s3_sigv4_header(&key, &s, &authorization)) != OK)
		return st;
	line(op, &lines, "Authorization", room);
	for (size_t i = 0; i < a->nheaders; i++)
		if (strcmp(a->headers[i].name, "host") != 0)	/* libcurl's, from the URL */
			line(op, &lines, a->headers[i].name, a->headers[i].value);
	text_addf(&agent, "dittofs/" DFS_VERSION " request/0x%llx",
	    (unsigned long long)op->call->request);
	line(op, &lines, "User-Agent", agent_room);
	line(op, &lines, "Expect", "");		/* or libcurl would wait for a 100 Continue */
	text_addf(&url, "%s://%s%s", store->endpoint.tls ? "https" : "http", a->host, a->path);
	if (a->nquery > 0) {
		text_add(&url, "?");
		if ((st = s3_sigv4_query(a->query, a->nquery, &url)) != OK)
			return st;
	}
	return url.cut || lines.cut ? ST_RESOURCE : OK;
}

static enum status
ask_make(struct ask *a)
{
	struct s3_op *op = a->op;
	const struct s3_store *store = op->store;
	struct text host = text_of(a->host, sizeof a->host),
	    path = text_of(a->path, sizeof a->path);

	s3_endpoint_host(&store->endpoint, &host);
	s3_endpoint_path(&store->endpoint,
	    op->call->kind == BLOCK_WALK ? NULL : op->call->name, &path);
	if (host.cut || path.cut)
		return ST_NAMETOOLONG;
	s3_sigv4_stamp(clock_wall_ns() + (uint64_t)store->skew_ns, a->stamp);
	a->payload = OF_NOTHING;
	op->r.method = op->checking ? "HEAD" : methods[op->call->kind];
	if (!ask_kind(a))
		return ST_SERVERFAULT;
	header(a, "host", a->host);
	header(a, "x-amz-date", a->stamp);
	header(a, "x-amz-content-sha256", a->payload);
	if (store->secrets->token[0] != '\0')
		header(a, "x-amz-security-token", store->secrets->token);
	return sign_and_lay_out(a);
}

bool
s3_ask_prepare(struct s3_request *r)
{
	struct s3_op *op = (struct s3_op *)r;
	struct ask a = { .op = op };

	memset(&op->answer, 0, sizeof op->answer);
	op->page_len = 0;
	if (op->refused != OK)
		return false;
	op->sheet = xmalloc(sizeof *op->sheet);
	op->refused = ask_make(&a);
	op->r.url = op->sheet->url;
	op->attempts++;
	return op->refused == OK;
}
