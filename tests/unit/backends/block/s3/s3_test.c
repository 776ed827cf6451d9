/* The store against a server that plays a script. */
#include "backends/block/s3/s3.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/base/panic.h"
#include "tests/lib/check.h"
#include "tests/unit/backends/block/s3/server.h"
#include "tests/unit/backends/block/s3/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OK_EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define BUSY "HTTP/1.1 503 Slow Down\r\nContent-Length: $LEN\r\n\r\n"			\
	"<Error><Code>SlowDown</Code><Message>Reduce your rate.</Message></Error>"
#define TAKEN "HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n"
#define MISSING "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
#define PART "HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\n"			\
	"Content-Range: bytes 2-6/10\r\n\r\n23456"

/* A case's server, store and call. */
struct stage {
	struct server *server;
	struct block_store *store;
	struct s3_conf conf;
	struct waiter w;
	char url[64];
	char into[64];
};

static void
stage_open(struct stage *st, const struct server_step *steps, int n)
{
	char text[160];

	memset(st, 0, sizeof *st);
	st->server = server_start(steps, n);
	snprintf(st->url, sizeof st->url, "http://127.0.0.1:%d", server_port(st->server));
	s3_conf_init(&st->conf);
	st->conf.url = st->url;
	st->conf.bucket = "bucket";
	st->conf.prefix = "pre";
	st->conf.access_key = "ACCESS";
	st->conf.secret_key = "verysecret";
	EQ(s3_store_open(&st->conf, text, &st->store), OK);
}

static void
stage_call(struct stage *st, enum block_call_kind kind, const char *name)
{
	waiter_init(&st->w, kind, name);
	st->w.call.into = (uint8_t *)st->into;
	st->w.call.into_cap = sizeof st->into;
}

static void
stage_close(struct stage *st)
{
	st->store->ops->close(st->store);
	waiter_drop(&st->w);
	server_stop(&st->server);
}

static void
has(const char *all, const char *part)
{
	if (strstr(all, part) == NULL)
		check_fail(__FILE__, __LINE__, "no \"%s\" in \"%s\"", part, all);
}

static bool
has_not(const char *all, const char *part)
{
	return strstr(all, part) == NULL;
}

CASE(a_put_sends_its_body_signed)
{
	const struct server_step steps[] = { { OK_EMPTY, false, false } };
	struct stage st;
	const char *request;

	stage_open(&st, steps, 1);
	stage_call(&st, BLOCK_PUT, "log/1-a b");
	waiter_body(&st.w, "hello world", 11);
	EQ(waiter_run(st.store, &st.w), OK);
	request = server_request(st.server, 0);
	has(request, "PUT /bucket/pre/log/1-a%20b HTTP/1.1\r\n");
	has(request, "\r\nContent-Length: 11\r\n");
	has(request, "\r\nAuthorization: AWS4-HMAC-SHA256 Credential=ACCESS/");
	has(request, "SignedHeaders=host;x-amz-content-sha256;x-amz-date,");
	has(request, "\r\nx-amz-content-sha256: "
	    "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9\r\n");
	has(request, "\r\n\r\nhello world");
	TRUE(has_not(request, "verysecret") && has_not(request, "Expect"));
	TRUE(has_not(request, "one-match"));
	stage_close(&st);
}

CASE(a_put_of_nothing_is_a_put)
{
	const struct server_step steps[] = { { OK_EMPTY, false, false } };
	struct stage st;

	stage_open(&st, steps, 1);
	stage_call(&st, BLOCK_PUT, "empty");
	EQ(waiter_run(st.store, &st.w), OK);
	has(server_request(st.server, 0), "\r\nContent-Length: 0\r\n");
	stage_close(&st);
}

CASE(a_taken_name_is_said_to_exist)
{
	const struct server_step steps[] = { { TAKEN, false, false } };
	struct stage st;

	stage_open(&st, steps, 1);
	stage_call(&st, BLOCK_PUT, "x");
	st.w.call.if_absent = true;
	EQ(waiter_run(st.store, &st.w), ST_EXIST);
	has(server_request(st.server, 0), "\r\nif-none-match: *\r\n");
	EQ(server_requests(st.server), 1);
	stage_close(&st);
}

CASE(a_put_whose_answer_was_lost_knows_its_own_object)
{
	const struct server_step ours[] = { { NULL, false, false }, { TAKEN, false, false },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nx-amz-meta-dfs-put: $ID\r\nServer: "
		  "x\r\n\r\n",
		    false, false } };
	const struct server_step theirs[] = { ours[0], ours[1],
	    { "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nx-amz-meta-dfs-put: 0\r\n\r\n", false,
	      false } };
	struct stage st;

	stage_open(&st, ours, 3);
	stage_call(&st, BLOCK_PUT, "x");
	waiter_body(&st.w, "abc", 3);
	st.w.call.if_absent = true;
	EQ(waiter_run(st.store, &st.w), OK);
	has(server_request(st.server, 2), "HEAD /bucket/pre/x HTTP");
	stage_close(&st);
	stage_open(&st, theirs, 3);
	stage_call(&st, BLOCK_PUT, "x");
	st.w.call.if_absent = true;
	EQ(waiter_run(st.store, &st.w), ST_EXIST);
	stage_close(&st);
}

CASE(a_busy_store_is_asked_again_with_the_whole_body)
{
	const struct server_step steps[] = { { BUSY, false, false }, { NULL, false, false },
	    { OK_EMPTY, false, false } };
	struct stage st;

	stage_open(&st, steps, 3);
	stage_call(&st, BLOCK_PUT, "x");
	waiter_body(&st.w, "hello world", 11);
	EQ(waiter_run(st.store, &st.w), OK);
	EQ(server_requests(st.server), 3);
	has(server_request(st.server, 2), "\r\n\r\nhello world");
	stage_close(&st);
}

CASE(after_the_last_attempt_the_reason_is_told)
{
	const struct server_step steps[] = { { BUSY, false, false }, { BUSY, false, false } };
	struct stage st;
	struct block_store *store;
	char text[160];

	stage_open(&st, steps, 2);
	st.conf.attempts_max = 2;
	EQ(s3_store_open(&st.conf, text, &store), OK);
	stage_call(&st, BLOCK_HEAD, "x");
	st.w.call.kind = BLOCK_DEL;
	EQ(waiter_run(store, &st.w), ST_DELAY);
	EQ_STR(st.w.call.text, "503 SlowDown: Reduce your rate. (attempt 2)");
	EQ(server_requests(st.server), 2);
	store->ops->close(store);
	stage_close(&st);
}

/* All that has been logged into fd. */
static const char *
logged(int fd)
{
	static char lines[8192];
	ssize_t n = pread(fd, lines, sizeof lines - 1, 0);

	lines[n > 0 ? n : 0] = '\0';
	return lines;
}

CASE(what_a_call_is_called_goes_with_each_attempt_and_into_the_log)
{
	static const char busy[] = "HTTP/1.1 503 Slow Down\r\nx-amz-request-id: TX0\x01 7\r\n"
	    "Content-Length: $LEN\r\n\r\n<Error><Code>SlowDown</Code></Error>";
	const struct server_step steps[] = { { busy, false, false }, { OK_EMPTY, false, false },
	    { busy, false, false } };
	char path[600], text[160];
	struct block_store *once;
	struct stage st;
	int fd;

	snprintf(path, sizeof path, "%s/log", check_tmpdir());
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	TRUE(fd >= 0);
	stage_open(&st, steps, 3);
	log_open(fd, false, LOG_LEVEL_INFO);
	stage_call(&st, BLOCK_DEL, "x");
	st.w.call.request = 0xabc123;
	EQ(waiter_run(st.store, &st.w), OK);
	has(server_request(st.server, 0), " request/0xabc123\r\n");
	has(server_request(st.server, 1), " request/0xabc123\r\n");
	has(logged(fd), "s3.again request=0xabc123");
	has(logged(fd), "server_request=");
	has(logged(fd), "TX0");
	TRUE(has_not(logged(fd), "\x01"));	/* what a server says is no control character */
	TRUE(has_not(logged(fd), "s3.failed"));
	waiter_drop(&st.w);
	st.conf.attempts_max = 1;
	EQ(s3_store_open(&st.conf, text, &once), OK);
	stage_call(&st, BLOCK_DEL, "x");
	EQ(waiter_run(once, &st.w), ST_DELAY);
	TRUE(st.w.call.request != 0);		/* one of its own */
	has(logged(fd), "s3.failed request=0x");
	once->ops->close(once);
	log_open(STDERR_FILENO, false, LOG_LEVEL_INFO);
	stage_close(&st);
	close(fd);
}

CASE(a_get_takes_the_range_asked_for)
{
	const struct server_step steps[] = { { PART, false, false } };
	struct stage st;

	stage_open(&st, steps, 1);
	stage_call(&st, BLOCK_GET, "x");
	st.w.call.offset = 2;
	st.w.call.len = 5;
	EQ(waiter_run(st.store, &st.w), OK);
	EQ(st.w.call.got, 5);
	EQ_MEM(st.into, "23456", 6);
	has(server_request(st.server, 0), "\r\nrange: bytes=2-6\r\n");
	stage_close(&st);
}

CASE(fewer_bytes_count_only_at_the_objects_end)
{
	const struct server_step ends[] = {
	    { "HTTP/1.1 206 P\r\nContent-Length: 2\r\nContent-Range: bytes 8-9/10\r\n\r\n89",
	      false, false } };
	const struct server_step not[] = {
	    { "HTTP/1.1 206 P\r\nContent-Length: 2\r\nContent-Range: bytes 2-3/10\r\n\r\n23",
	      false, false }, { PART, false, false } };
	struct stage st;

	stage_open(&st, ends, 1);
	stage_call(&st, BLOCK_GET, "x");
	st.w.call.offset = 8;
	st.w.call.len = 5;
	EQ(waiter_run(st.store, &st.w), OK);
	EQ(st.w.call.got, 2);
	stage_close(&st);
	stage_open(&st, not, 2);
	stage_call(&st, BLOCK_GET, "x");
	st.w.call.offset = 2;
	st.w.call.len = 5;
	EQ(waiter_run(st.store, &st.w), OK);
	EQ(st.w.call.got, 5);
	EQ(server_requests(st.server), 2);
	stage_close(&st);
}

CASE(a_range_behind_the_end_is_nothing)
{
	const struct server_step steps[] = { { "HTTP/1.1 416 Range\r\nContent-Length: $LEN\r\n\r\n"
	    "<Error><Code>InvalidRange</Code></Error>", false, false } };
	struct stage st;

	stage_open(&st, steps, 1);
	stage_call(&st, BLOCK_GET, "x");
	st.w.call.offset = 100;
	EQ(waiter_run(st.store, &st.w), OK);
	EQ(st.w.call.got, 0);
	has(server_request(st.server, 0), "\r\nrange: bytes=100-\r\n");
	stage_close(&st);
}

CASE(other_bytes_than_those_asked_for_are_never_taken)
{
	const struct server_step whole[] = {
	    { "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789", false, false } };
	const struct server_step moved[] = {
	    { "HTTP/1.1 206 P\r\nContent-Length: 5\r\nContent-Range: bytes 3-7/10\r\n\r\n34567",
	      false, false } };
	struct stage st;

	stage_open(&st, whole, 1);
	stage_call(&st, BLOCK_GET, "x");
	st.w.call.offset = 2;
	st.w.call.len = 5;
	EQ(waiter_run(st.store, &st.w), ST_NOTSUPP);
	EQ_STR(st.into, "");
	stage_close(&st);
	stage_open(&st, moved, 1);
	stage_call(&st, BLOCK_GET, "x");
	st.w.call.offset = 2;
	st.w.call.len = 5;
	EQ(waiter_run(st.store, &st.w), ST_NOTSUPP);
	EQ_STR(st.into, "");
	stage_close(&st);
}

CASE(an_object_larger_than_the_room_is_refused)
{
	const struct server_step steps[] = {
	    { "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789", false, false },
	    { "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789", false, false } };
	struct stage st;

	stage_open(&st, steps, 2);
	stage_call(&st, BLOCK_GET, "x");
	st.w.call.into_cap = 9;
	EQ(waiter_run(st.store, &st.w), ST_TOOSMALL);
	st.w.call.into_cap = 10;
	EQ(waiter_run(st.store, &st.w), OK);
	EQ(st.w.call.got, 10);
	EQ_MEM(st.into, "0123456789", 11);
	stage_close(&st);
}

CASE(a_get_that_broke_in_its_middle_begins_anew)
{
	const struct server_step steps[] = {
	    { "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234", false, true },
	    { "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabcdefghij", false, false } };
	struct stage st;

	stage_open(&st, steps, 2);
	stage_call(&st, BLOCK_GET, "x");
	EQ(waiter_run(st.store, &st.w), OK);
	EQ(st.w.call.got, 10);
	EQ_MEM(st.into, "abcdefghij", 11);
	stage_close(&st);
}

CASE(head_del_and_a_missing_object)
{
	const struct server_step steps[] = {
	    { "HTTP/1.1 200 OK\r\nContent-Length: 12345678901\r\n\r\n", false, false },
	    { MISSING, false, false }, { MISSING, false, false }, { MISSING, false, false } };
	struct stage st;

	stage_open(&st, steps, 4);
	stage_call(&st, BLOCK_HEAD, "x");
	EQ(waiter_run(st.store, &st.w), OK);
	EQ(st.w.call.got, 12345678901);
	EQ(waiter_run(st.store, &st.w), ST_NOENT);
	st.w.call.kind = BLOCK_GET;
	EQ(waiter_run(st.store, &st.w), ST_NOENT);
	EQ_STR(st.w.call.text, "404 ");
	st.w.call.kind = BLOCK_DEL;
	EQ(waiter_run(st.store, &st.w), OK);
	has(server_request(st.server, 3), "DELETE /bucket/pre/x HTTP");
	EQ(server_connections(st.server), 1);
	stage_close(&st);
}

#define PAGE(len, inner) "HTTP/1.1 200 OK\r\nContent-Length: " len "\r\n\r\n"		\
	"<ListBucketResult>" inner "</ListBucketResult>"
#define KEY(k) "<Contents><Key>" k "</Key><Size>7</Size></Contents>"

CASE(a_walk_goes_over_pages_without_the_prefix)
{
	const struct server_step steps[] = {
	    { PAGE("$LEN", KEY("pre/a/1") KEY("pre/a/2") "<IsTruncated>true</IsTruncated>"
	      "<NextContinuationToken>t/1</NextContinuationToken>"), false, false },
	    { PAGE("500", KEY("pre/a/3") KEY("other/a/4")), false, true },
	    { PAGE("$LEN", KEY("pre/a/3") KEY("other/a/4")), false, false } };
	struct stage st;

	stage_open(&st, steps, 3);
	stage_call(&st, BLOCK_WALK, "a/");
	EQ(waiter_run(st.store, &st.w), OK);
	EQ_STR(st.w.names, "a/1=7;a/2=7;a/3=7;");	/* the cut page is not seen twice */
	has(server_request(st.server, 0), "GET /bucket?encoding-type=url&list-type=2&"
	    "max-keys=1000&prefix=pre%2Fa%2F HTTP");
	has(server_request(st.server, 1), "?continuation-token=t%2F1&");
	stage_close(&st);
}

CASE(a_walk_may_be_stopped)
{
	const struct server_step steps[] = {
	    { PAGE("$LEN", KEY("pre/a/1") KEY("pre/a/2") "<IsTruncated>true</IsTruncated>"
	      "<NextContinuationToken>t/1</NextContinuationToken>"), false, false } };
	struct stage st;

	stage_open(&st, steps, 1);
	stage_call(&st, BLOCK_WALK, "a/");
	st.w.stop_after = 1;
	EQ(waiter_run(st.store, &st.w), OK);
	EQ_STR(st.w.names, "a/1=7;");
	EQ(server_requests(st.server), 1);
	stage_close(&st);
}

CASE(a_hanging_call_is_canceled_at_once)
{
	const struct server_step steps[] = { { NULL, true, false } };
	struct stage st;
	uint64_t begun = clock_mono_ns();

	stage_open(&st, steps, 1);
	stage_call(&st, BLOCK_GET, "x");
	st.store->ops->start(st.store, &st.w.call);
	while (server_requests(st.server) == 0 && clock_mono_ns() - begun < 5 * NS_PER_S)
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	st.store->ops->cancel(st.store, &st.w.call);
	waiter_wait(&st.w);
	EQ(st.w.call.status, ST_CANCELED);
	st.store->ops->cancel(st.store, &st.w.call);	/* too late is harmless */
	TRUE(clock_mono_ns() - begun < 5 * NS_PER_S);
	stage_close(&st);
	EQ(st.w.done, 1);
}

CASE(a_deadline_ends_a_hanging_call)
{
	const struct server_step steps[] = { { NULL, true, false } };
	struct stage st;
	uint64_t begun = clock_mono_ns();

	stage_open(&st, steps, 1);
	stage_call(&st, BLOCK_GET, "x");
	st.w.call.deadline_ns = begun + 200 * NS_PER_MS;
	EQ(waiter_run(st.store, &st.w), ST_TIMEDOUT);
	TRUE(clock_mono_ns() - begun >= 200 * NS_PER_MS);
	TRUE(clock_mono_ns() - begun < 5 * NS_PER_S);
	stage_close(&st);
}

CASE(a_stalled_body_is_noticed)
{
	const struct server_step steps[] = {
	    { "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0", true, false } };
	struct stage st;
	struct block_store *store;
	char text[160];

	stage_open(&st, steps, 1);
	st.conf.attempts_max = 1;
	st.conf.stalled_s = 1;
	EQ(s3_store_open(&st.conf, text, &store), OK);
	stage_call(&st, BLOCK_GET, "x");
	EQ(waiter_run(store, &st.w), ST_TIMEDOUT);
	store->ops->close(store);
	stage_close(&st);
}

CASE(nobody_there_is_unreachable)
{
	struct stage st;
	struct server *gone;

	stage_open(&st, NULL, 0);
	gone = server_start(NULL, 0);
	stage_call(&st, BLOCK_GET, "x");
	server_stop(&gone);
	server_stop(&st.server);
	st.w.call.deadline_ns = clock_mono_ns() + 2 * NS_PER_S;	/* its turn comes before that */
	EQ(waiter_run(st.store, &st.w), ST_UNREACHABLE);
	TRUE(st.w.call.text[0] != '\0');
	st.server = server_start(NULL, 0);
	stage_close(&st);
}

CASE(a_clock_that_is_wrong_is_set_by_the_stores)
{
	const struct server_step steps[] = { { "HTTP/1.1 403 F\r\nContent-Length: $LEN\r\n"
	    "Date: Fri, 24 May 2013 00:00:00 GMT\r\n\r\n"
	    "<Error><Code>RequestTimeTooSkewed</Code></Error>", false, false },
	    { MISSING, false, false } };
	struct stage st;

	stage_open(&st, steps, 2);
	stage_call(&st, BLOCK_HEAD, "x");
	st.w.call.kind = BLOCK_GET;
	EQ(waiter_run(st.store, &st.w), ST_NOENT);
	has(server_request(st.server, 1), "\r\nx-amz-date: 20130524T00000");
	stage_close(&st);
}

CASE(what_cannot_be_asked_is_refused_later_and_never_sent)
{
	struct stage st;

	stage_open(&st, NULL, 0);
	stage_call(&st, BLOCK_GET, "");
	EQ(waiter_run(st.store, &st.w), ST_INVAL);
	strcpy(st.w.call.name, "a\nb");
	EQ(waiter_run(st.store, &st.w), ST_INVAL);
	memset(st.w.call.name, 'a', sizeof st.w.call.name);
	EQ(waiter_run(st.store, &st.w), ST_INVAL);
	strcpy(st.w.call.name, "a");
	st.w.call.offset = UINT64_MAX;
	st.w.call.len = 2;
	EQ(waiter_run(st.store, &st.w), ST_INVAL);
	EQ(server_requests(st.server), 0);
	stage_close(&st);
}

CASE(one_connection_serves_many_calls_in_turn)
{
	static const struct server_step steps[] = { { PART, false, false }, { PART, false, false },
	    { PART, false, false }, { PART, false, false }, { PART, false, false } };
	struct stage st;
	struct block_store *store;
	struct waiter w[5];
	char text[160], into[5][8];

	stage_open(&st, steps, 5);
	st.conf.connections_max = 1;
	EQ(s3_store_open(&st.conf, text, &store), OK);
	for (int i = 0; i < 5; i++) {
		waiter_init(&w[i], BLOCK_GET, "x");
		w[i].call.offset = 2;
		w[i].call.len = 5;
		w[i].call.into = (uint8_t *)into[i];
		w[i].call.into_cap = 5;
		store->ops->start(store, &w[i].call);
	}
	store->ops->close(store);		/* waits for all */
	for (int i = 0; i < 5; i++) {
		EQ(w[i].done, 1);
		EQ(w[i].call.status, OK);
		waiter_drop(&w[i]);
	}
	EQ(server_connections(st.server), 1);
	stage_call(&st, BLOCK_GET, "x");
	stage_close(&st);
}

CASE(a_configuration_that_is_not_legal_does_not_open)
{
	struct s3_conf good, c;
	struct block_store *store = NULL;
	char text[160];

	s3_conf_init(&good);
	good.url = "http://127.0.0.1:1";
	good.bucket = "bucket";
	good.access_key = "a";
	good.secret_key = "s";
	c = good, c.url = "127.0.0.1";
	EQ(s3_store_open(&c, text, &store), ST_INVAL);
	c = good, c.secret_key = NULL;
	EQ(s3_store_open(&c, text, &store), ST_INVAL);
	c = good, c.access_key = "a\r\nb: c";
	EQ(s3_store_open(&c, text, &store), ST_INVAL);
	c = good, c.connections_max = 0;
	EQ(s3_store_open(&c, text, &store), ST_INVAL);
	c = good, c.ca_file = "/nowhere/ca.pem";
	EQ(s3_store_open(&c, text, &store), ST_INVAL);
	EQ_STR(text, "cannot read CA file /nowhere/ca.pem");
	TRUE(store == NULL);
	EQ(s3_store_open(&good, text, &store), OK);
	store->ops->close(store);
	TRUE(s3_conf_preset(&good, "ceph") && good.path_style);
	FALSE(s3_conf_preset(&good, "abacus"));
}
