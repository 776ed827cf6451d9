#include "backends/block/s3/endpoint.h"
#include "tests/lib/check.h"

#include <stdio.h>
#include <string.h>

static const char *
shown(const struct s3_endpoint *e, const char *name)
{
	static char room[4096];
	struct text t = text_of(room, sizeof room);

	text_add(&t, e->tls ? "tls " : "");
	s3_endpoint_host(e, &t);
	s3_endpoint_path(e, name, &t);
	return room;
}

static const char *
made(const char *url, const char *bucket, const char *prefix, bool path_style, const char *name)
{
	struct s3_endpoint e;

	if (s3_endpoint_parse(url, bucket, prefix, path_style, &e) != OK)
		return "refused";
	return shown(&e, name);
}

CASE(the_bucket_is_in_the_host_or_in_the_path)
{
	EQ_STR(made("https://s3.amazonaws.com", "bucket", "", false, "a/b"),
	    "tls bucket.s3.amazonaws.com/a/b");
	EQ_STR(made("https://s3.amazonaws.com/", "bucket", "", true, "a/b"),
	    "tls s3.amazonaws.com/bucket/a/b");
	EQ_STR(made("https://s3.amazonaws.com", "bucket", "", false, NULL),
	    "tls bucket.s3.amazonaws.com/");
	EQ_STR(made("https://s3.amazonaws.com", "bucket", "", true, NULL),
	    "tls s3.amazonaws.com/bucket");
}

CASE(path_style_is_chosen_where_the_other_cannot_work)
{
	EQ_STR(made("http://127.0.0.1:9000", "bucket", "", false, "x"), "127.0.0.1:9000/bucket/x");
	EQ_STR(made("http://[::1]:9000", "bucket", "", false, "x"), "[::1]:9000/bucket/x");
	EQ_STR(made("https://host", "my.bucket", "", false, "x"), "tls host/my.bucket/x");
	EQ_STR(made("http://host", "my.bucket", "", false, "x"), "my.bucket.host/x");
}

CASE(only_an_unusual_port_is_named)
{
	EQ_STR(made("http://host:80", "bucket", "", true, "x"), "host/bucket/x");
	EQ_STR(made("https://host:443", "bucket", "", true, "x"), "tls host/bucket/x");
	EQ_STR(made("https://host:80", "bucket", "", true, "x"), "tls host:80/bucket/x");
}

CASE(names_are_encoded_below_the_prefix)
{
	EQ_STR(made("http://host", "bucket", "one/two", true, "a b%/c"),
	    "host/bucket/one/two/a%20b%25/c");
	EQ_STR(made("http://host", "bucket", "one/", true, "x"), "host/bucket/one/x");
}

CASE(what_is_no_address_is_refused)
{
	static const char *const urls[] = { "", "host", "ftp://host", "http://", "http:///x",
	    "http://host/path", "http://host:", "http://host:0", "http://host:65536",
	    "http://host:1x", "http://user@host", "http://host?x", "http://[::1", "http://ho st",
	    "http://host:123456789" };
	static const char *const buckets[] = { "", "ab", "a/b", "a..b", ".abc", "a b c",
	    "0123456789012345678901234567890123456789012345678901234567890123" };
	static const char *const prefixes[] = { "/a", "a b", "a?b", "a%20" };

	for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++)
		EQ_STR(made(urls[i], "bucket", "", true, "x"), "refused");
	for (size_t i = 0; i < sizeof buckets / sizeof buckets[0]; i++)
		EQ_STR(made("http://host", buckets[i], "", true, "x"), "refused");
	for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
		EQ_STR(made("http://host", "bucket", prefixes[i], true, "x"), "refused");
}
