/*
 * Amazon's published examples: those of the S3 API reference ("examplebucket") and those of the
 * Signature Version 4 test suite ("example.amazonaws.com").
 */
#include "backends/block/s3/sigv4.h"
#include "tests/lib/check.h"

#include <stdio.h>
#include <string.h>

#define NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const struct s3_key s3_key = { "AKIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", NULL, "us-east-1", "s3" };
static const struct s3_key suite_key = { "AKIDEXAMPLE",
    "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", NULL, "us-east-1", "service" };

struct example {
	const char *method, *path, *payload;
	struct s3_pair query[4], headers[6];
	const char *signature;
};

#define HOST { "host", "examplebucket.s3.amazonaws.com" }
#define DATE { "x-amz-date", "20130524T000000Z" }
#define EMPTY { "x-amz-content-sha256", NOTHING }
#define WELCOME "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"

static const struct example of_s3[] = {
	{ "GET", "/test.txt", NOTHING, { { 0 } }, { HOST, { "range", "bytes=0-9" }, EMPTY, DATE },
	  "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41" },
	{ "PUT", "/test%24file.text", WELCOME, { { 0 } },
	  { { "date", "Fri, 24 May 2013 00:00:00 GMT" }, HOST, DATE,
	    { "x-amz-storage-class", "REDUCED_REDUNDANCY" }, { "x-amz-content-sha256", WELCOME } },
	  "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd" },
	{ "GET", "/", NOTHING, { { "lifecycle", "" } }, { HOST, DATE, EMPTY },
	  "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543" },
	{ "GET", "/", NOTHING, { { "prefix", "J" }, { "max-keys", "2" } }, { DATE, EMPTY, HOST },
	  "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7" },
};

#define SUITE_HEADERS { { "host", "example.amazonaws.com" }, { "x-amz-date", "20150830T123600Z" } }

static const struct example of_suite[] = {
	{ "GET", "/", NOTHING, { { 0 } }, SUITE_HEADERS,
	  "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
	{ "GET", "/", NOTHING, { { "Param2", "value2" }, { "Param1", "value1" } }, SUITE_HEADERS,
	  "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500" },
	{ "POST", "/", NOTHING, { { 0 } }, SUITE_HEADERS,
	  "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },
	{ "GET", "/%E1%88%B4", NOTHING, { { 0 } }, SUITE_HEADERS,
	  "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85" },
	{ "GET", "/", NOTHING, { { 0 } },
	  { { "host", "example.amazonaws.com" }, { "my-header1", " value1" },
	    { "my-header2", " \"a   b   c\"" }, { "x-amz-date", "20150830T123600Z" } },
	  "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736" },
};

static struct s3_signing
signing(const struct example *e, const char *stamp)
{
	struct s3_signing s = { .method = e->method, .path = e->path, .query = e->query,
	    .headers = e->headers, .payload = e->payload, .stamp = stamp };

	while (s.nquery < 4 && e->query[s.nquery].name != NULL)
		s.nquery++;
	while (s.nheaders < 6 && e->headers[s.nheaders].name != NULL)
		s.nheaders++;
	return s;
}

static const char *
after(const char *all, const char *word)
{
	const char *at = strstr(all, word);

	TRUE(at != NULL);
	return at + strlen(word);
}

CASE(the_examples_of_the_s3_reference_sign_as_published)
{
	for (size_t i = 0; i < sizeof of_s3 / sizeof of_s3[0]; i++) {
		struct s3_signing s = signing(&of_s3[i], "20130524T000000Z");
		char room[1024];
		struct text t = text_of(room, sizeof room);

		EQ(s3_sigv4_header(&s3_key, &s, &t), OK);
		EQ_STR(after(room, "Signature="), of_s3[i].signature);
	}
}

CASE(the_examples_of_the_test_suite_sign_as_published)
{
	for (size_t i = 0; i < sizeof of_suite / sizeof of_suite[0]; i++) {
		struct s3_signing s = signing(&of_suite[i], "20150830T123600Z");
		char room[1024];
		struct text t = text_of(room, sizeof room);

		EQ(s3_sigv4_header(&suite_key, &s, &t), OK);
		EQ_STR(after(room, "Signature="), of_suite[i].signature);
	}
}

CASE(the_authorization_header_names_scope_and_signed_headers)
{
	struct s3_signing s = signing(&of_s3[0], "20130524T000000Z");
	char room[1024];
	struct text t = text_of(room, sizeof room);

	EQ(s3_sigv4_header(&s3_key, &s, &t), OK);
	EQ_STR(room, "AWS4-HMAC-SHA256 "
	    "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
	    "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
	    "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

CASE(the_canonical_request_is_the_published_one)
{
	struct s3_signing s = signing(&of_s3[3], "20130524T000000Z");
	char room[1024];
	struct text t = text_of(room, sizeof room);

	EQ(s3_sigv4_canonical(&s, &t), OK);
	EQ_STR(room, "GET\n/\nmax-keys=2&prefix=J\nhost:examplebucket.s3.amazonaws.com\n"
	    "x-amz-content-sha256:" NOTHING "\nx-amz-date:20130524T000000Z\n\n"
	    "host;x-amz-content-sha256;x-amz-date\n" NOTHING);
}

CASE(a_presigned_address_is_the_published_one)
{
	const struct s3_pair host[] = { HOST };
	const struct s3_signing s = { "GET", "/test.txt", NULL, 0, host, 1, S3_UNSIGNED_PAYLOAD,
	    "20130524T000000Z" };
	char room[1024];
	struct text t = text_of(room, sizeof room);

	EQ(s3_sigv4_presign(&s3_key, &s, 86400, &t), OK);
	EQ_STR(room, "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE"
	    "%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z"
	    "&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature="
	    "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

CASE(a_token_is_part_of_a_presigned_address)
{
	const struct s3_pair host[] = { HOST };
	const struct s3_signing s = { "GET", "/test.txt", NULL, 0, host, 1, S3_UNSIGNED_PAYLOAD,
	    "20130524T000000Z" };
	struct s3_key key = s3_key;
	char room[1024];
	struct text t = text_of(room, sizeof room);

	key.token = "a+token/=";
	EQ(s3_sigv4_presign(&key, &s, 86400, &t), OK);
	TRUE(strstr(room, "&X-Amz-Security-Token=a%2Btoken%2F%3D&") != NULL);
	TRUE(strstr(room, "aeeed9bb") == NULL);
}

/* The suite's example of temporary credentials. */
CASE(a_token_among_the_headers_is_signed)
{
	const struct s3_pair headers[] = { { "host", "example.amazonaws.com" },
		{ "x-amz-date", "20150830T123600Z" },
		{ "x-amz-security-token",
		    "AQoDYXdzEPT//////////"
		    "wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMic"
		    "RXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/"
		    "kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKs"
		    "burEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+"
		    "xo0rKwT38xVqr7ZD0u0"
		    "iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/"
		    "oLxBA==" } };
	const struct s3_signing s = { "POST", "/", NULL, 0, headers, 3, NOTHING,
	    "20150830T123600Z" };
	char room[1024];
	struct text t = text_of(room, sizeof room);

	EQ(s3_sigv4_header(&suite_key, &s, &t), OK);
	EQ_STR(after(room, "Signature="),
	    "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead");
}

CASE(a_stamp_is_utc_to_the_second)
{
	char stamp[S3_STAMP_BYTES];

	s3_sigv4_stamp(1369353600ull * 1000000000 + 999999999, stamp);
	EQ_STR(stamp, "20130524T000000Z");
	s3_sigv4_stamp(0, stamp);
	EQ_STR(stamp, "19700101T000000Z");
}

CASE(names_are_encoded_byte_by_byte)
{
	char room[64];
	struct text t = text_of(room, sizeof room);

	s3_sigv4_encode(&t, "a/B-._~9 +\xc3\xa4", true);
	EQ_STR(room, "a/B-._~9%20%2B%C3%A4");
	t = text_of(room, sizeof room);
	s3_sigv4_encode(&t, "a/b", false);
	EQ_STR(room, "a%2Fb");
}

CASE(a_query_is_sorted_by_what_is_sent)
{
	const struct s3_pair query[] = { { "b", "2" }, { "b", "1" }, { "a-b", "" }, { "a", "x y" },
	    { "A", "&=" } };
	char room[64];
	struct text t = text_of(room, sizeof room);

	EQ(s3_sigv4_query(query, 5, &t), OK);
	EQ_STR(room, "A=%26%3D&a=x%20y&a-b=&b=1&b=2");
}

CASE(what_does_not_fit_is_refused)
{
	static char much[S3_CANONICAL_MAX];
	struct s3_pair headers[S3_PAIRS_MAX + 1];
	struct s3_signing s = signing(&of_s3[0], "20130524T000000Z");
	char room[1024], small[100];
	struct text t = text_of(room, sizeof room), cut = text_of(small, sizeof small);

	EQ(s3_sigv4_header(&s3_key, &s, &cut), ST_RESOURCE);
	memset(much, 'a', sizeof much - 1);
	s.path = much;
	EQ(s3_sigv4_header(&s3_key, &s, &t), ST_RESOURCE);
	s = signing(&of_s3[0], "20130524T000000Z");
	for (size_t i = 0; i <= S3_PAIRS_MAX; i++)
		headers[i] = (struct s3_pair){ "a", "b" };
	s.headers = headers;
	s.nheaders = S3_PAIRS_MAX + 1;
	t = text_of(room, sizeof room);
	EQ(s3_sigv4_header(&s3_key, &s, &t), ST_RESOURCE);
	EQ(s3_sigv4_presign(&s3_key, &s, 1, &t), ST_RESOURCE);
	EQ(s3_sigv4_query(headers, S3_PAIRS_MAX + 1, &t), ST_RESOURCE);
	s = signing(&of_s3[0], "2013");
	EQ(s3_sigv4_header(&s3_key, &s, &t), ST_INVAL);
	EQ(s3_sigv4_presign(&s3_key, &s, 1, &t), ST_INVAL);
}
