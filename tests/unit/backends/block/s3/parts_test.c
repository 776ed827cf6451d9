/* Objects in parts, against a server that plays a script. */
#include "backends/block/s3/s3.h"
#include "pipeline/base/panic.h"
#include "tests/lib/check.h"
#include "tests/unit/backends/block/s3/server.h"
#include "tests/unit/backends/block/s3/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEGUN "HTTP/1.1 200 OK\r\nContent-Length: $LEN\r\n\r\n<InitiateMultipartUploadResult>"	\
	"<UploadId>up/1+</UploadId></InitiateMultipartUploadResult>"
#define PART_OK "HTTP/1.1 200 OK\r\nETag: \"a&b\"\r\nContent-Length: 0\r\n\r\n"
#define DONE_OK "HTTP/1.1 200 OK\r\nContent-Length: $LEN\r\n\r\n<CompleteMultipartUploadResult/>"
#define DONE_NOT "HTTP/1.1 200 OK\r\nContent-Length: $LEN\r\n\r\n"				\
	"<Error><Code>InternalError</Code></Error>"
#define DENIED "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
#define GONE "HTTP/1.1 404 Not Found\r\nContent-Length: $LEN\r\n\r\n"				\
	"<Error><Code>NoSuchUpload</Code></Error>"
#define ENDED "HTTP/1.1 204 No Content\r\n\r\n"
#define OURS "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nx-amz-meta-dfs-put: $ID\r\n\r\n"
#define OTHER "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nx-amz-meta-dfs-put: 00\r\n\r\n"

enum { PART = 5 << 20, BODY = PART + 1000 };

/* Put BODY bytes in two parts against that script; what became of it, and the requests' lines. */
static enum status
put_in_parts(const struct server_step *steps, int n, char lines[2048])
{
	struct server *server = server_start(steps, n);
	struct block_store *s = NULL;
	char *body = xcalloc(1, BODY), url[64], text[160];
	struct s3_conf conf;
	struct waiter w;
	enum status st;
	size_t len = 0;

	snprintf(url, sizeof url, "http://127.0.0.1:%d", server_port(server));
	s3_conf_init(&conf);
	conf.url = url;
	conf.bucket = "bucket";
	conf.access_key = "ACCESS";
	conf.secret_key = "verysecret";
	conf.part_bytes = conf.parts_above = PART;
	EQ(s3_store_open(&conf, text, &s), OK);
	waiter_init(&w, BLOCK_PUT, "big");
	waiter_body(&w, body, BODY);
	st = waiter_run(s, &w);
	EQ(w.done, 1);
	waiter_drop(&w);
	s->ops->close(s);
	lines[0] = '\0';
	for (int i = 0; i < server_requests(server); i++) {
		const char *r = server_request(server, i);

		len += (size_t)snprintf(lines + len, 2048 - len, "%.*s\n",
		    (int)strcspn(r, "\r"), r);
	}
	EQ(server_requests(server), n);
	server_stop(&server);
	free(body);
	return st;
}

#define AT "/bucket/big?"
#define TWO_PARTS "POST " AT "uploads= HTTP/1.1\n"						\
	"PUT " AT "partNumber=1&uploadId=up%2F1%2B HTTP/1.1\n"					\
	"PUT " AT "partNumber=2&uploadId=up%2F1%2B HTTP/1.1\n"
#define COMPLETE "POST " AT "uploadId=up%2F1%2B HTTP/1.1\n"
#define ABORT "DELETE " AT "uploadId=up%2F1%2B HTTP/1.1\n"

CASE(a_large_object_is_put_in_parts)
{
	const struct server_step steps[] = { { .answer = BEGUN }, { .answer = PART_OK },
		{ .answer = PART_OK }, { .answer = DONE_OK } };
	char lines[2048];

	EQ(put_in_parts(steps, 4, lines), OK);
	EQ_STR(lines, TWO_PARTS COMPLETE);
}

CASE(a_part_that_is_refused_ends_the_upload)
{
	const struct server_step steps[] = { { .answer = BEGUN }, { .answer = PART_OK },
		{ .answer = DENIED }, { .answer = ENDED } };
	char lines[2048];

	EQ(put_in_parts(steps, 4, lines), ST_ACCES);
	EQ_STR(lines, TWO_PARTS ABORT);
}

CASE(an_upload_that_was_not_begun_is_not_ended)
{
	const struct server_step steps[] = { { .answer = DENIED } };
	char lines[2048];

	EQ(put_in_parts(steps, 1, lines), ST_ACCES);
}

CASE(a_lost_part_is_put_again)
{
	const struct server_step steps[] = { { .answer = BEGUN }, { .answer = NULL },
		{ .answer = PART_OK }, { .answer = PART_OK }, { .answer = DONE_OK } };
	char lines[2048];

	EQ(put_in_parts(steps, 5, lines), OK);
}

CASE(a_part_without_a_tag_is_put_again)
{
	const struct server_step steps[] = { { .answer = BEGUN }, { .answer = DONE_OK },
		{ .answer = PART_OK }, { .answer = PART_OK }, { .answer = DONE_OK } };
	char lines[2048];

	EQ(put_in_parts(steps, 5, lines), OK);
}

CASE(a_completion_that_fails_behind_its_200_is_asked_again)
{
	const struct server_step steps[] = { { .answer = BEGUN }, { .answer = PART_OK },
		{ .answer = PART_OK }, { .answer = DONE_NOT }, { .answer = DONE_OK } };
	char lines[2048];

	EQ(put_in_parts(steps, 5, lines), OK);
	EQ_STR(lines, TWO_PARTS COMPLETE COMPLETE);
}

CASE(a_head_tells_whether_a_lost_completion_was_one)
{
	const struct server_step ours[] = { { .answer = BEGUN }, { .answer = PART_OK },
		{ .answer = PART_OK }, { .answer = NULL }, { .answer = GONE }, { .answer = OURS } };
	const struct server_step other[] = { { .answer = BEGUN }, { .answer = PART_OK },
		{ .answer = PART_OK }, { .answer = NULL }, { .answer = GONE }, { .answer = OTHER },
		{ .answer = GONE } };
	char lines[2048];

	EQ(put_in_parts(ours, 6, lines), OK);
	EQ_STR(lines, TWO_PARTS COMPLETE COMPLETE "HEAD /bucket/big HTTP/1.1\n");
	EQ(put_in_parts(other, 7, lines), ST_BUSY);
}
