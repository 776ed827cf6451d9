/*
 * Requests by one easy handle, which keeps its connection; streams by a multi handle of their own.
 * All that comes is bounded: an answer, a line, a time.
 */
#include "mgmt/operator/kube.h"

#include "pipeline/base/panic.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_MAX = 32 << 20, LINE_MAX_BYTES = 4 << 20, TOKEN_MAX = 16 << 10, ASK_S = 5,
	STREAM_S = 330, STREAMS_MAX = 8 };

struct kube {
	char server[512], account[512], namespace[KUBE_NAME_MAX];
	CURL *easy;
	CURLM *multi;
	struct kube_stream *streams[STREAMS_MAX];
};

struct bytes {
	char *s;
	size_t len, most;
};

struct kube_stream {
	struct kube *kube;
	CURL *easy;
	struct curl_slist *headers;
	struct bytes line;
	void (*see)(const char *bytes, size_t len, void *arg);
	void *arg;
	bool over;
	long code;
};

/* --- the account --- */

/* The first line of a file of the account; false: it cannot be read, or is too long. */
static bool
account_read(const struct kube *k, const char *file, char *to, size_t cap)
{
	char path[600];
	size_t len;
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", k->account, file);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	len = fread(to, 1, cap, f);
	fclose(f);
	if (len == cap)
		return false;
	to[len] = '\0';
	to[strcspn(to, "\r\n")] = '\0';
	return true;
}

static bool
https(const struct kube *k)
{
	return strncmp(k->server, "https://", 8) == 0;
}

struct kube *
kube_open(const char *server, const char *account, char *why, size_t why_cap)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST"),
		   *port = getenv("KUBERNETES_SERVICE_PORT");
	struct kube *k = xcalloc(1, sizeof *k);
	char token[TOKEN_MAX];
	bool six;

	snprintf(k->account, sizeof k->account, "%s", account != NULL ? account : KUBE_ACCOUNT);
	if (server != NULL) {
		snprintf(k->server, sizeof k->server, "%s", server);
	} else if (host != NULL && port != NULL) {
		six = strchr(host, ':') != NULL;
		snprintf(k->server, sizeof k->server, "https://%s%s%s:%s", six ? "[" : "", host,
		    six ? "]" : "", port);
	} else {
		snprintf(why, why_cap, "KUBERNETES_SERVICE_HOST is not set: this is no pod; say"
		    " --kube-server");
		free(k);
		return NULL;
	}
	if (https(k) && !account_read(k, "token", token, sizeof token)) {
		snprintf(why, why_cap, "%s/token cannot be read; has the pod a service account?",
		    k->account);
		free(k);
		return NULL;
	}
	explicit_bzero(token, sizeof token);
	if (!account_read(k, "namespace", k->namespace, sizeof k->namespace))
		k->namespace[0] = '\0';
	curl_global_init(CURL_GLOBAL_DEFAULT);
	k->easy = curl_easy_init();
	k->multi = curl_multi_init();
	assert(k->easy != NULL && k->multi != NULL);
	return k;
}

void
kube_close(struct kube **kubep)
{
	struct kube *k = TAKE(kubep);

	if (k == NULL)
		return;
	for (int i = 0; i < STREAMS_MAX; i++)
		if (k->streams[i] != NULL) {
			struct kube_stream *s = k->streams[i];

			kube_stream_close(&s);
		}
	curl_easy_cleanup(k->easy);
	curl_multi_cleanup(k->multi);
	free(k);
}

const char *
kube_namespace(const struct kube *k)
{
	return k->namespace;
}

/* --- what both have --- */

static struct curl_slist *
headers(const struct kube *k, const char *kind)
{
	char token[TOKEN_MAX], line[TOKEN_MAX + 32];
	struct curl_slist *h = curl_slist_append(NULL, "Accept: application/json");

	if (https(k) && account_read(k, "token", token, sizeof token)) {
		snprintf(line, sizeof line, "Authorization: Bearer %s", token);
		h = curl_slist_append(h, line);
		explicit_bzero(token, sizeof token);
		explicit_bzero(line, sizeof line);
	}
	if (kind != NULL) {
		snprintf(line, sizeof line, "Content-Type: %s", kind);
		h = curl_slist_append(h, line);
	}
	return curl_slist_append(h, "Expect:");
}

static void
prepare(const struct kube *k, CURL *c, const char *path, struct curl_slist *h)
{
	char url[sizeof k->server + KUBE_PATH_MAX], ca[600];

	snprintf(url, sizeof url, "%s%s", k->server, path);
	snprintf(ca, sizeof ca, "%s/ca.crt", k->account);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, h);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(c, CURLOPT_USERAGENT, "dfs-operator/" DFS_VERSION);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)ASK_S);
	curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(c, CURLOPT_CAINFO, ca);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
}

static bool
bytes_add(struct bytes *b, const char *s, size_t len)
{
	if (len > b->most - b->len)
		return false;
	b->s = xrealloc(b->s, b->len + len + 1);
	memcpy(b->s + b->len, s, len);
	b->len += len;
	b->s[b->len] = '\0';
	return true;
}

/* --- a request that is waited for --- */

static size_t
take(char *s, size_t one, size_t n, void *arg)
{
	return bytes_add(arg, s, one * n) ? one * n : 0;
}

static void
say_refusal(struct kube_answer *a)
{
	const char *message = a->body != NULL && rest_json_kind(a->body) == REST_OBJECT ?
	    rest_json_get_str(a->body, "message") : NULL;

	snprintf(a->why, sizeof a->why, "the API server answered %ld%s%.240s", a->code,
	    message != NULL ? ": " : "", message != NULL ? message : "");
}

void
kube_ask(struct kube *k, const char *method, const char *path, const struct rest_json *body,
    struct kube_answer *a)
{
	static const char merge[] = "application/merge-patch+json", plain[] = "application/json";
	char said[CURL_ERROR_SIZE] = "", ignored[100];
	struct bytes got = { .most = ANSWER_MAX };
	char *text = body != NULL ? rest_json_text(body) : NULL;
	struct curl_slist *h = headers(k,
	    text == NULL                     ? NULL :
		strcmp(method, "PATCH") == 0 ? merge :
					       plain);
	CURLcode rc;

	*a = (struct kube_answer){ .code = 0 };
	curl_easy_reset(k->easy);
	prepare(k, k->easy, path, h);
	curl_easy_setopt(k->easy, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(k->easy, CURLOPT_TIMEOUT, (long)ASK_S);
	curl_easy_setopt(k->easy, CURLOPT_ERRORBUFFER, said);
	curl_easy_setopt(k->easy, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(k->easy, CURLOPT_WRITEDATA, &got);
	if (text != NULL)
		curl_easy_setopt(k->easy, CURLOPT_POSTFIELDS, text);
	rc = curl_easy_perform(k->easy);
	curl_slist_free_all(h);
	free(text);
	if (rc != CURLE_OK) {
		snprintf(a->why, sizeof a->why, "the API server does not answer: %s",
		    said[0] != '\0' ? said : curl_easy_strerror(rc));
		free(got.s);
		return;
	}
	curl_easy_getinfo(k->easy, CURLINFO_RESPONSE_CODE, &a->code);
	if (got.s != NULL)
		a->body = rest_json_parse(got.s, got.len, ignored, sizeof ignored);
	free(got.s);
	if (a->code < 200 || a->code > 299)
		say_refusal(a);
	else if (a->body == NULL)
		snprintf(a->why, sizeof a->why, "the API server's answer is no JSON");
}

void
kube_answer_free(struct kube_answer *a)
{
	if (a->body != NULL)
		rest_json_free(a->body);
	a->body = NULL;
}

/* --- streams --- */

static size_t
stream_take(char *s, size_t one, size_t n, void *arg)
{
	struct kube_stream *st = arg;
	size_t len = one * n, at = 0;

	curl_easy_getinfo(st->easy, CURLINFO_RESPONSE_CODE, &st->code);
	while (at < len) {
		const char *end = memchr(s + at, '\n', len - at);
		size_t part = end != NULL ? (size_t)(end - (s + at)) : len - at;

		if (!bytes_add(&st->line, s + at, part))
			return 0;
		at += part + (end != NULL);
		if (end == NULL)
			break;
		if (st->line.len > 0 && st->code == 200)
			st->see(st->line.s, st->line.len, st->arg);
		st->line.len = 0;
	}
	return len;
}

struct kube_stream *
kube_stream_open(struct kube *k, const char *path,
    void (*line)(const char *bytes, size_t len, void *arg), void *arg)
{
	struct kube_stream *s = xcalloc(1, sizeof *s);
	int at = 0;

	while (at < STREAMS_MAX && k->streams[at] != NULL)
		at++;
	assert(at < STREAMS_MAX);
	k->streams[at] = s;
	s->kube = k;
	s->see = line;
	s->arg = arg;
	s->line.most = LINE_MAX_BYTES;
	s->easy = curl_easy_init();
	assert(s->easy != NULL);
	s->headers = headers(k, NULL);
	prepare(k, s->easy, path, s->headers);
	curl_easy_setopt(s->easy, CURLOPT_TIMEOUT, (long)STREAM_S);
	curl_easy_setopt(s->easy, CURLOPT_WRITEFUNCTION, stream_take);
	curl_easy_setopt(s->easy, CURLOPT_WRITEDATA, s);
	curl_easy_setopt(s->easy, CURLOPT_PRIVATE, s);
	curl_multi_add_handle(k->multi, s->easy);
	return s;
}

bool
kube_stream_over(const struct kube_stream *s, long *code)
{
	*code = s->code;
	return s->over;
}

void
kube_stream_close(struct kube_stream **sp)
{
	struct kube_stream *s = TAKE(sp);

	if (s == NULL)
		return;
	for (int i = 0; i < STREAMS_MAX; i++)
		if (s->kube->streams[i] == s)
			s->kube->streams[i] = NULL;
	curl_multi_remove_handle(s->kube->multi, s->easy);
	curl_easy_cleanup(s->easy);
	curl_slist_free_all(s->headers);
	free(s->line.s);
	free(s);
}

void
kube_wait(struct kube *k, int ms)
{
	CURLMsg *m;
	int running, left;

	curl_multi_perform(k->multi, &running);
	curl_multi_poll(k->multi, NULL, 0, ms, NULL);
	curl_multi_perform(k->multi, &running);
	while ((m = curl_multi_info_read(k->multi, &left)) != NULL)
		if (m->msg == CURLMSG_DONE) {
			struct kube_stream *s = NULL;

			curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&s);
			curl_easy_getinfo(m->easy_handle, CURLINFO_RESPONSE_CODE, &s->code);
			s->over = true;
		}
}
