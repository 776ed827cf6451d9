/*
 * Strict: what an operator writes is either wholly understood or refused when the store opens,
 * so that no request is ever built from half an address.
 */
#include "backends/block/s3/endpoint.h"

#include "backends/block/s3/sigv4.h"

#include <string.h>

enum { PORT_TLS = 443, PORT_CLEAR = 80, BUCKET_MIN = 3 };

static bool
all_of(const char *s, size_t len, const char *more)
{
	for (size_t i = 0; i < len; i++) {
		char c = s[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && strchr(more, c) == NULL)
			return false;
	}
	return true;
}

static bool
take_scheme(const char **at, bool *tls)
{
	if (strncmp(*at, "https://", 8) == 0) {
		*at += 8;
		*tls = true;
		return true;
	}
	if (strncmp(*at, "http://", 7) == 0) {
		*at += 7;
		*tls = false;
		return true;
	}
	return false;
}

/* "host", "host:port", "[v6]:port" and at most a slash behind. */
static bool
take_authority(const char *at, struct s3_endpoint *e)
{
	size_t host = at[0] == '[' ? strcspn(at, "]") + 1 : strcspn(at, ":/");
	size_t rest = strlen(at);
	char port[8];
	uint64_t n;

	if (host > rest || host == 0 || host >= sizeof e->host ||
	    !all_of(at, host, at[0] == '[' ? "[]:" : ".-_"))
		return false;
	memcpy(e->host, at, host);
	e->host[host] = '\0';
	at += host;
	if (*at == ':') {
		size_t digits = strcspn(++at, "/");

		if (digits >= sizeof port)
			return false;
		memcpy(port, at, digits);
		port[digits] = '\0';
		if (!text_u64(port, 1, UINT16_MAX, &n))
			return false;
		e->port = (uint16_t)n;
		at += digits;
	}
	return at[0] == '\0' || strcmp(at, "/") == 0;
}

static bool
take_bucket(const char *bucket, struct s3_endpoint *e)
{
	size_t len = strlen(bucket);

	if (len < BUCKET_MIN || len >= sizeof e->bucket || !all_of(bucket, len, ".-_") ||
	    strstr(bucket, "..") != NULL || bucket[0] == '.')
		return false;
	memcpy(e->bucket, bucket, len + 1);
	return true;
}

static bool
take_prefix(const char *prefix, struct s3_endpoint *e)
{
	struct text t = text_of(e->prefix, sizeof e->prefix);

	if (prefix[0] == '/' || !all_of(prefix, strlen(prefix), ".-_/"))
		return false;
	text_add(&t, prefix);
	if (t.len > 0 && t.s[t.len - 1] != '/')
		text_add(&t, "/");
	return !t.cut;
}

enum status
s3_endpoint_parse(const char *url, const char *bucket, const char *prefix, bool path_style,
    struct s3_endpoint *out)
{
	struct s3_endpoint e = { .path_style = path_style };
	bool address;

	if (!take_scheme(&url, &e.tls) || !take_authority(url, &e) || !take_bucket(bucket, &e) ||
	    !take_prefix(prefix, &e))
		return ST_INVAL;
	address = e.host[0] == '[' || strspn(e.host, "0123456789.") == strlen(e.host);
	if (address || (e.tls && strchr(bucket, '.') != NULL))
		e.path_style = true;
	if (e.port == (e.tls ? PORT_TLS : PORT_CLEAR))
		e.port = 0;
	*out = e;
	return OK;
}

void
s3_endpoint_host(const struct s3_endpoint *e, struct text *to)
{
	if (!e->path_style)
		text_addf(to, "%s.", e->bucket);
	text_add(to, e->host);
	if (e->port != 0)
		text_addf(to, ":%u", e->port);
}

void
s3_endpoint_path(const struct s3_endpoint *e, const char *name, struct text *to)
{
	text_add(to, "/");
	if (e->path_style) {
		s3_sigv4_encode(to, e->bucket, false);
		if (name != NULL)
			text_add(to, "/");
	}
	if (name != NULL) {
		s3_sigv4_encode(to, e->prefix, true);
		s3_sigv4_encode(to, name, true);
	}
}
