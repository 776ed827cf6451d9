/*
 * From an answer to an outcome: what is kept of headers and body, what the whole of it means,
 * and whether the call is over or asks again.  Bytes count only if the answer says that they
 * are the ones asked for.
 */
#include "backends/block/s3/inner.h"

#include "crypto/secret.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/base/panic.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PAGE_FIRST = 64 << 10 };

/* "bytes 0-9/443" */
static bool
range_read(const char *value, struct s3_answer *a)
{
	char first[24], last[24], total[24];
	size_t dash, slash;

	if (strncmp(value, "bytes ", 6) != 0)
		return false;
	value += 6;
	dash = strcspn(value, "-");
	slash = strcspn(value, "/");
	if (value[slash] == '\0' || dash >= slash || dash >= sizeof first ||
	    slash - dash > sizeof last || strlen(value + slash + 1) >= sizeof total)
		return false;
	memcpy(first, value, dash);
	first[dash] = '\0';
	memcpy(last, value + dash + 1, slash - dash - 1);
	last[slash - dash - 1] = '\0';
	memcpy(total, value + slash + 1, strlen(value + slash + 1) + 1);
	return text_u64(first, 0, UINT64_MAX, &a->first) &&
	    text_u64(last, a->first, UINT64_MAX - 1, &a->last) &&
	    text_u64(total, a->last + 1, UINT64_MAX, &a->total);
}

/* "Fri, 24 May 2013 00:00:00 GMT" */
static bool
date_read(const char *value, struct s3_answer *a)
{
	struct tm tm = { 0 };
	const char *end = strptime(value, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	time_t t;

	if (end == NULL || *end != '\0' || (t = timegm(&tm)) < 0)
		return false;
	a->date_s = (uint64_t)t;
	return true;
}

void
s3_answer_header(struct s3_request *r, const char *name, const char *value)
{
	struct s3_answer *a = &((struct s3_op *)r)->answer;
	struct text id;

	if (strcmp(name, "content-length") == 0)
		a->has_length = text_u64(value, 0, UINT64_MAX, &a->length);
	else if (strcmp(name, "content-range") == 0)
		a->has_range = range_read(value, a);
	else if (strcmp(name, "retry-after") == 0)
		(void)text_u64(value, 0, UINT32_MAX, &a->retry_after_s);
	else if (strcmp(name, "date") == 0)
		a->has_date = date_read(value, a);
	else if (strcmp(name, "x-amz-request-id") == 0) {
		id = text_of(a->server_id, sizeof a->server_id);
		text_add(&id, value);
	} else if (strcmp(name, S3_PUT_ID_HEADER) == 0) {
		id = text_of(a->put_id, sizeof a->put_id);
		text_add(&id, value);
	} else if (strcmp(name, "etag") == 0) {
		id = text_of(a->etag, sizeof a->etag);
		text_add(&id, value);
		if (id.cut)
			a->etag[0] = '\0';
	}
}

/* Bytes of an object: only those asked for, only as many as there is room. */
static bool
sink_object(struct s3_op *op, const uint8_t *bytes, size_t len)
{
	struct block_call *call = op->call;
	struct s3_answer *a = &op->answer;
	bool ranged = call->offset != 0 || call->len != 0;
	uint64_t room = call->len != 0 ? MIN(call->len, call->into_cap) : call->into_cap;

	if (ranged ? op->r.http != 206 || !a->has_range || a->first != call->offset :
	    op->r.http != 200) {
		a->unfit = true;
		return false;
	}
	if (len > room - a->got)
		return false;
	memcpy(call->into + a->got, bytes, len);
	a->got += len;
	return true;
}

static bool
sink_page(struct s3_op *op, const uint8_t *bytes, size_t len)
{
	if (len > S3_PAGE_BYTES_MAX - op->page_len) {
		op->answer.unfit = true;
		return false;
	}
	if (op->page_len + len > op->page_cap) {
		op->page_cap = MAX(MAX((size_t)PAGE_FIRST, op->page_cap * 2), op->page_len + len);
		op->page = xrealloc(op->page, op->page_cap);
	}
	memcpy(op->page + op->page_len, bytes, len);
	op->page_len += len;
	return true;
}

bool
s3_answer_sink(struct s3_request *r, const uint8_t *bytes, size_t len)
{
	struct s3_op *op = (struct s3_op *)r;
	struct s3_answer *a = &op->answer;
	size_t part = MIN(len, sizeof a->body - a->body_len);

	if (r->http >= 200 && r->http < 300 && !op->checking) {
		if (op->call->kind == BLOCK_GET)
			return sink_object(op, bytes, len);
		if (op->call->kind == BLOCK_WALK)
			return sink_page(op, bytes, len);
	}
	memcpy(a->body + a->body_len, bytes, part);
	a->body_len += part;
	return true;
}

/* A success that does not hold what it should is none. */
static struct s3_verdict
get_verdict(const struct s3_op *op, struct s3_verdict v)
{
	const struct s3_answer *a = &op->answer;
	const struct block_call *call = op->call;
	bool ranged = call->offset != 0 || call->len != 0;

	if (a->unfit)		/* a server that does not do ranges never will */
		return (struct s3_verdict){ ST_NOTSUPP, S3_NEVER, false };
	if (v.status == ST_NXIO && ranged)	/* the object ends before that range begins */
		return (struct s3_verdict){ OK, S3_NEVER, false };
	if (v.status != OK || !ranged)
		return v;
	if (!a->has_range || a->got != a->last - a->first + 1 ||
	    (a->last + 1 < a->total && (call->len == 0 || a->got < call->len)))
		return (struct s3_verdict){ ST_GARBAGE, S3_AGAIN, false };
	return v;
}

static struct s3_verdict
verdict_of(const struct s3_op *op, const struct s3_error *error)
{
	const struct s3_answer *a = &op->answer;
	struct s3_verdict v = s3_retry_verdict(op->r.failure, op->r.http, error->code);

	if (op->checking)
		return v;
	switch (op->call->kind) {
	case BLOCK_GET:
		return get_verdict(op, v);
	case BLOCK_HEAD:
		if (v.status == OK && !a->has_length)
			v = (struct s3_verdict){ ST_GARBAGE, S3_NEVER, false };
		return v;
	case BLOCK_DEL:
		if (v.status == ST_NOENT)	/* gone is what was asked for */
			v.status = OK;
		return v;
	case BLOCK_WALK:
		if (a->unfit)
			v = (struct s3_verdict){ ST_GARBAGE, S3_NEVER, false };
		return v;
	case BLOCK_PUT:
		return v;
	}
	return v;
}

/* "503 SlowDown: Please reduce your request rate. (attempt 4)", in the call's text. */
static void
explain(struct s3_op *op, const struct s3_error *error, enum status status)
{
	struct text t = text_of(op->call->text, sizeof op->call->text);

	if (status == OK)
		return;
	if (op->answer.unfit)
		text_addf(&t, "%ld, but not with the bytes asked for", op->r.http);
	else if (op->r.failure == S3_ANSWERED)
		text_addf(&t, "%ld %s%s%s", op->r.http, error->code,
		    error->message[0] != '\0' ? ": " : "", error->message);
	else if (op->refused != OK)
		text_add(&t, status_text(op->refused));
	else
		text_add(&t, op->r.text);
	if (op->attempts > 1)
		text_addf(&t, " (attempt %u)", op->attempts);
}

static void
ask_again(struct s3_op *op, uint64_t not_before_ns)
{
	op->r.not_before_ns = not_before_ns;
	s3_loop_submit(op->store->loop, &op->r);
}

/* Try again if that may help and there are attempts and time; false: this was the last. */
static bool
tried_again(struct s3_op *op, const struct s3_verdict *v)
{
	uint64_t now = clock_mono_ns(), due;

	if (v->again == S3_NEVER || op->attempts >= op->store->attempts_max)
		return false;
	if (v->again == S3_AGAIN_CLOCK) {
		if (op->clock_set || !op->answer.has_date)
			return false;
		op->clock_set = true;
		op->store->skew_ns = (int64_t)(op->answer.date_s * NS_PER_S - clock_wall_ns());
		log_warn("s3.clock", F_I64("skew_ms", op->store->skew_ns / (int64_t)NS_PER_MS));
		ask_again(op, 0);
		return true;
	}
	due = now + s3_retry_delay_ns(op->attempts, op->answer.retry_after_s);
	if (op->r.deadline_ns != 0 && due >= op->r.deadline_ns)
		return false;
	log_info("s3.again", F_HEX("request", op->call->request), F_STR("name", op->call->name),
	    F_STR("why", op->call->text), F_U64("attempt", op->attempts),
	    F_STR("server_request", op->answer.server_id));
	atomic_fetch_add_explicit(&op->store->base.gauge.again, 1, memory_order_relaxed);
	ask_again(op, due);
	return true;
}

struct deliver {
	struct s3_op *op;
	bool stopped;
};

static bool
deliver_name(void *arg, const char *name, uint64_t size)
{
	struct deliver *d = arg;
	const char *prefix = d->op->store->endpoint.prefix;
	size_t len = strlen(prefix);

	if (strncmp(name, prefix, len) != 0 || strlen(name + len) >= BLOCK_NAME_MAX)
		return true;			/* never put by us */
	d->stopped = !d->op->call->each(d->op->call, name + len, size);
	return !d->stopped;
}

/* A page has come: hand it out, and ask for the next one if there is one. */
static void
page_done(struct s3_op *op)
{
	struct deliver d = { op, false };
	struct text token = text_of(op->token, sizeof op->token);
	struct s3_page page;
	enum status st = s3_list_parse(op->page, op->page_len, deliver_name, &d, &page);

	if (st != OK) {
		struct s3_verdict v = { st, S3_AGAIN, false };

		if (!tried_again(op, &v))
			s3_op_end(op, st);
		return;
	}
	if (!page.truncated || d.stopped) {
		s3_op_end(op, OK);
		return;
	}
	text_add(&token, page.token);
	op->attempts = 0;
	ask_again(op, 0);
}

/*
 * The name was taken, but an earlier attempt of ours may have taken it: the object's own
 * metadata say so.  The HEAD that asks is not counted as an attempt.
 */
static bool
check_whose(struct s3_op *op, const struct s3_verdict *v)
{
	bool lost = op->phase == S3_COMPLETE && v->status == ST_NOENT;	/* completed already? */

	if (op->call->kind != BLOCK_PUT || (v->status != ST_EXIST && !lost) || !op->ambiguous)
		return false;
	op->checking = true;
	op->attempts = 0;
	ask_again(op, 0);
	return true;
}

static void
fail(struct s3_op *op, enum status st)
{
	if (op->parts != NULL && s3_parts_fail(op, st)) {
		op->checking = op->ambiguous = false;
		op->attempts = 0;
		ask_again(op, 0);
	} else {
		s3_op_end(op, op->phase == S3_ABORT ? op->parts->failed : st);
	}
}

static void
checked(struct s3_op *op, const struct s3_verdict *v)
{
	if (v->status == OK && strcmp(op->answer.put_id, op->put_id) == 0)
		s3_op_end(op, OK);
	else if (v->status == OK)
		fail(op, op->call->if_absent ? ST_EXIST : ST_BUSY);
	else if (!tried_again(op, v))
		fail(op, v->status == ST_NOENT ? ST_BUSY : v->status);
}

/* One request of an upload in parts has done its work. */
static void
part_done(struct s3_op *op)
{
	struct s3_verdict v = { ST_GARBAGE, S3_AGAIN, true };
	bool over = false;

	if (op->phase == S3_ABORT)
		s3_op_end(op, op->parts->failed);
	else if (!s3_parts_answered(op, &over)) {
		if (!tried_again(op, &v))
			fail(op, v.status);
	} else if (over) {
		s3_op_end(op, OK);
	} else {
		op->attempts = 0;
		op->ambiguous = false;
		op->payload[0] = '\0';
		ask_again(op, 0);
	}
}

static void
succeeded(struct s3_op *op)
{
	if (op->call->kind == BLOCK_WALK) {
		page_done(op);
		return;
	}
	if (op->phase != S3_WHOLE) {
		part_done(op);
		return;
	}
	if (op->call->kind == BLOCK_GET)
		op->call->got = op->answer.got;
	if (op->call->kind == BLOCK_HEAD)
		op->call->got = op->answer.length;
	s3_op_end(op, OK);
}

void
s3_answer_done(struct s3_request *r)
{
	struct s3_op *op = (struct s3_op *)r;
	struct s3_error error = { "", "" };
	struct s3_verdict v;

	if (op->sheet != NULL)
		secret_wipe(op->sheet->lines, sizeof op->sheet->lines);
	free(op->sheet);
	op->sheet = NULL;
	if (op->refused != OK) {
		explain(op, &error, op->refused);
		fail(op, op->refused);
		return;
	}
	op->ambiguous |= op->r.sent_twice;
	s3_error_parse(op->answer.body, op->answer.body_len, &error);
	v = verdict_of(op, &error);
	if (v.status == OK && op->phase == S3_COMPLETE && !op->checking && error.code[0] != '\0')
		v = s3_retry_verdict(S3_ANSWERED, 500, error.code);	/* it said 200 too early */
	if (v.status == ST_ACCES && op->store->source != NULL)
		s3_source_ended(op->store->source);
	if (op->phase != S3_ABORT)
		explain(op, &error, v.status);
	if (op->checking)
		checked(op, &v);
	else if (v.status == OK)
		succeeded(op);
	else if (!check_whose(op, &v)) {
		op->ambiguous |= v.ambiguous;
		if (!tried_again(op, &v))
			fail(op, v.status);
	}
}
