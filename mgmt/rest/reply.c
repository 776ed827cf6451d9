/*
 * Answers: JSON, nothing, and problems.  The table of statuses is HTTP's own accent of our one
 * domain of outcomes.
 */
#include "mgmt/rest/request.h"

#include "pipeline/base/panic.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	int http;
	const char *title;
} titles[] = {
	{ 400, "Bad request" }, { 401, "Not authenticated" }, { 403, "Forbidden" },
	{ 404, "Not found" }, { 405, "Method not allowed" }, { 409, "Conflict" },
	{ 412, "Changed meanwhile" }, { 413, "Body too large" }, { 415, "Not JSON" },
	{ 422, "Not valid" }, { 429, "Too many attempts" }, { 500, "Internal error" },
	{ 501, "Not in this build" }, { 503, "Not available" }, { 507, "No space" },
};

static const struct {
	enum status st;
	int http;
	const char *code;
} statuses[] = {
	{ ST_NOENT, 404, "not_found" },		{ ST_EXIST, 409, "exists" },
	{ ST_BUSY, 409, "in_use" },		{ ST_RESTART, 412, "changed" },
	{ ST_INVAL, 422, "invalid" },		{ ST_NOSPC, 507, "no_space" },
	{ ST_DELAY, 503, "busy" },		{ ST_NOTSUPP, 501, "not_supported" },
	{ ST_TIMEDOUT, 503, "timed_out" },	{ ST_NAMETOOLONG, 422, "invalid" },
};

static const char *
title_of(int http)
{
	for (size_t i = 0; i < ARRAY_LEN(titles); i++)
		if (titles[i].http == http)
			return titles[i].title;
	return "Error";
}

static void
set_body(struct rest_reply *re, int http, const char *type, struct rest_json *j)
{
	free(re->body);
	re->code = http;
	re->type = type;
	re->body = rest_json_text(j);
	re->len = strlen(re->body);
	rest_json_free(j);
}

static struct rest_json *
problem(struct rest_call *call, int http, const char *code, const char *hint, const char *detail)
{
	struct rest_json *j = rest_json_object();

	rest_json_put_str(j, "type", "about:blank");
	rest_json_put_str(j, "title", title_of(http));
	rest_json_put_int(j, "status", http);
	rest_json_put_str(j, "detail", detail);
	rest_json_put_str(j, "code", code);
	if (hint != NULL)
		rest_json_put_str(j, "hint", hint);
	rest_json_put_str(j, "instance", call->re->request_id);
	return j;
}

void
rest_problem(struct rest_call *call, int http, const char *code, const char *hint,
    const char *detail, ...)
{
	char text[700];
	va_list ap;

	va_start(ap, detail);
	vsnprintf(text, sizeof text, detail, ap);
	va_end(ap);
	set_body(call->re, http, "application/problem+json", problem(call, http, code, hint, text));
}

void
rest_status(struct rest_call *call, enum status st, const char *noun, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
		if (statuses[i].st == st) {
			rest_problem(call, statuses[i].http, statuses[i].code,
			    st == ST_RESTART ? "read it again and repeat the change" : NULL,
			    "%s \"%s\": %s", noun, name, st == ST_RESTART ?
			    "it was changed meanwhile" : st == ST_EXIST ?
			    "exists already, or a name or number of it is taken" : status_text(st));
			return;
		}
	rest_problem(call, 500, "internal", "the daemon's log says more under this instance",
	    "%s \"%s\": the control plane failed", noun, name);
}

void
rest_invalid(struct rest_call *call, struct rest_json *errors)
{
	struct rest_json *j = problem(call, 422, "invalid", NULL, "some fields are not valid");

	rest_json_put(j, "errors", errors);
	set_body(call->re, 422, "application/problem+json", j);
}

void
rest_json_reply(struct rest_call *call, int http, struct rest_json *j)
{
	set_body(call->re, http, "application/json", j);
}

void
rest_text_reply(struct rest_call *call, int http, char *json, size_t len)
{
	struct rest_reply *re = call->re;

	free(re->body);
	re->code = http;
	re->type = "application/json";
	re->body = json;
	re->len = len;
}

void
rest_no_content(struct rest_call *call)
{
	free(call->re->body);
	call->re->body = NULL;
	call->re->len = 0;
	call->re->code = 204;
}

void
rest_etag(struct rest_call *call, int64_t version)
{
	snprintf(call->re->etag, sizeof call->re->etag, "\"v%lld\"", (long long)version);
}

int64_t
rest_if_match(const struct rest_call *call)
{
	const char *s = call->rq->if_match;
	char number[24];
	uint64_t n;
	size_t len;

	if (s == NULL || strcmp(s, "*") == 0)
		return 0;
	if (strncmp(s, "\"v", 2) != 0)
		return -1;
	len = strcspn(s + 2, "\"");
	if (len >= sizeof number || s[2 + len] != '"' || s[3 + len] != '\0')
		return -1;
	memcpy(number, s + 2, len);
	number[len] = '\0';
	return text_u64(number, 1, INT64_MAX, &n) ? (int64_t)n : -1;
}

static int
hex(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ?
	    tolower((unsigned char)c) - 'a' + 10 : -1;
}

bool
rest_unescape(const char *s, size_t len, char *to, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char c = s[i];

		if (c == '%') {
			int high = i + 2 < len ? hex(s[i + 1]) : -1;
			int low = high < 0 ? -1 : hex(s[i + 2]);

			if (low < 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (c == '\0' || n + 1 >= cap)
			return false;
		to[n++] = c;
	}
	to[n] = '\0';
	return true;
}

const char *
rest_query(struct rest_call *call, const char *name)
{
	size_t len = strlen(name);

	for (const char *q = call->rq->query; *q != '\0'; q += strcspn(q, "&"), q += *q == '&') {
		size_t n;
		char *to;

		if (strncmp(q, name, len) != 0 || q[len] != '=')
			continue;
		n = strcspn(q + len + 1, "&");
		to = arena_alloc(&call->arena, n + 1);
		if (to == NULL || !rest_unescape(q + len + 1, n, to, n + 1))
			return NULL;
		return to;
	}
	return NULL;
}

void
rest_reply_free(struct rest_reply *re)
{
	free(re->body);
	re->body = NULL;
}
