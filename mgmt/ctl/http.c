/*
 * One request after the other; answers are bounded.
 */
#include "mgmt/ctl/http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { ANSWER_MAX = 64 << 20, TIME_S = 120, CONNECT_S = 10 };

static size_t
take(char *bytes, size_t one, size_t n, void *arg)
{
	struct ctl_http *a = arg;
	char *grown;

	n *= one;
	if (n > ANSWER_MAX - a->len)
		return 0;
	grown = realloc(a->body, a->len + n + 1);
	if (grown == NULL)
		return 0;
	a->body = grown;
	memcpy(a->body + a->len, bytes, n);
	a->len += n;
	a->body[a->len] = '\0';
	return n;
}

/* Link: <PATH>; rel="next" */
static size_t
header(char *bytes, size_t one, size_t n, void *arg)
{
	struct ctl_http *a = arg;
	const char *open, *close;

	n *= one;
	if (n > 5 && strncasecmp(bytes, "Link:", 5) == 0 &&
	    (open = memchr(bytes, '<', n)) != NULL &&
	    (close = memchr(open, '>', n - (size_t)(open - bytes))) != NULL)
		snprintf(a->link, sizeof a->link, "%.*s", (int)(close - open - 1), open + 1);
	return n;
}

static struct curl_slist *
headers(const char *token, bool body)
{
	struct curl_slist *h = NULL;
	char line[CTL_TOKEN + 64];

	if (token != NULL && token[0] != '\0') {
		snprintf(line, sizeof line, "Authorization: Bearer %s", token);
		h = curl_slist_append(h, line);
	}
	h = curl_slist_append(h, body ? "Content-Type: application/json" : "Content-Type:");
	return curl_slist_append(h, "Expect:");
}

static void
tls(CURL *c, const struct ctl_context *to)
{
	if (to->cacert[0] != '\0')
		curl_easy_setopt(c, CURLOPT_CAINFO, to->cacert);
	if (to->client_cert[0] != '\0')
		curl_easy_setopt(c, CURLOPT_SSLCERT, to->client_cert);
	if (to->client_key[0] != '\0')
		curl_easy_setopt(c, CURLOPT_SSLKEY, to->client_key);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, to->skip_verify ? 0L : 1L);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, to->skip_verify ? 0L : 2L);
}

void
ctl_http(const struct ctl_context *to, const char *method, const char *path, const char *token,
    const char *body, struct ctl_http *answer)
{
	char url[3000], said[CURL_ERROR_SIZE] = "";
	struct curl_slist *h = headers(token, body != NULL);
	CURL *c = curl_easy_init();
	CURLcode rc;

	*answer = (struct ctl_http){ .code = 0 };
	snprintf(url, sizeof url, "%s%s", to->server, path);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, h);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)TIME_S);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, said);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, answer);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, answer);
	if (body != NULL)
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
	tls(c, to);
	rc = curl_easy_perform(c);
	if (rc == CURLE_OK)
		curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &answer->code);
	else
		snprintf(answer->why, sizeof answer->why, "%s",
		    said[0] ? said : curl_easy_strerror(rc));
	curl_slist_free_all(h);
	curl_easy_cleanup(c);
}
