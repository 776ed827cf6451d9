/*
 * Canonical request, string to sign, signature.  All of it is built in bounded texts: a request
 * that does not fit is refused, never cut and signed.
 */
#include "backends/block/s3/sigv4.h"

#include "crypto/hmac.h"
#include "crypto/secret.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/panic.h"

#include <string.h>
#include <time.h>

#define ALGORITHM "AWS4-HMAC-SHA256"

enum { DATE_LEN = 8, SCOPE_MAX = 128, WHO_MAX = 512, SECRET_ROOM = 512, SIGNED_MAX = 512,
    ENCODED_MAX = 8192 };

void
s3_sigv4_stamp(uint64_t wall_ns, char stamp[S3_STAMP_BYTES])
{
	time_t seconds = (time_t)(wall_ns / NS_PER_S);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	if (strftime(stamp, S3_STAMP_BYTES, "%Y%m%dT%H%M%SZ", &tm) == 0)
		stamp[0] = '\0';
}

static bool
plain(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	    c == '-' || c == '.' || c == '_' || c == '~';
}

void
s3_sigv4_encode(struct text *to, const char *s, bool keep_slash)
{
	static const char digits[] = "0123456789ABCDEF";

	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;
		const char coded[3] = { '%', digits[c >> 4], digits[c & 15] };

		if (plain(c) || (c == '/' && keep_slash))
			text_addn(to, s, 1);
		else
			text_addn(to, coded, sizeof coded);
	}
}

static int
pair_order(const struct s3_pair *a, const struct s3_pair *b)
{
	int by_name = strcmp(a->name, b->name);

	return by_name != 0 ? by_name : strcmp(a->value, b->value);
}

/* A copy in order; few pairs, mostly sorted already, so by insertion. */
static void
pairs_sort(struct s3_pair *v, size_t n)
{
	for (size_t i = 1; i < n; i++)
		for (size_t j = i; j > 0 && pair_order(&v[j], &v[j - 1]) < 0; j--) {
			struct s3_pair swap = v[j];

			v[j] = v[j - 1];
			v[j - 1] = swap;
		}
}

/* Encode into scratch, and cite that; the caller asks scratch->cut once. */
static const char *
encoded(struct text *scratch, const char *s)
{
	size_t at = scratch->len;

	s3_sigv4_encode(scratch, s, false);
	text_addn(scratch, "", 1);		/* each ends in its own NUL */
	return scratch->s + at;
}

enum status
s3_sigv4_query(const struct s3_pair *query, size_t n, struct text *to)
{
	char room[ENCODED_MAX];
	struct text scratch = text_of(room, sizeof room);
	struct s3_pair v[S3_PAIRS_MAX];

	if (n > S3_PAIRS_MAX)
		return ST_RESOURCE;
	for (size_t i = 0; i < n; i++) {
		v[i].name = encoded(&scratch, query[i].name);
		v[i].value = encoded(&scratch, query[i].value);
	}
	pairs_sort(v, n);
	for (size_t i = 0; i < n && !scratch.cut; i++) {
		text_add(to, i > 0 ? "&" : "");
		text_add(to, v[i].name);
		text_add(to, "=");
		text_add(to, v[i].value);
	}
	return scratch.cut || to->cut ? ST_RESOURCE : OK;
}

/* A header's value without blanks around it, and one where there were several. */
static void
add_folded(struct text *to, const char *s)
{
	bool some = false, blank = false;

	for (; *s != '\0'; s++) {
		if (*s == ' ' || *s == '\t') {
			blank = true;
			continue;
		}
		if (blank && some)
			text_add(to, " ");
		text_addn(to, s, 1);
		some = true;
		blank = false;
	}
}

static void
add_signed_names(struct text *to, const struct s3_pair *sorted, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		text_add(to, i > 0 ? ";" : "");
		text_add(to, sorted[i].name);
	}
}

/* Whether it can be signed at all. */
static enum status
signing_check(const struct s3_signing *s)
{
	if (strlen(s->stamp) != S3_STAMP_BYTES - 1)
		return ST_INVAL;
	return s->nheaders > S3_PAIRS_MAX ? ST_RESOURCE : OK;
}

static size_t
headers_sorted(const struct s3_signing *s, struct s3_pair v[S3_PAIRS_MAX])
{
	size_t n = MIN(s->nheaders, (size_t)S3_PAIRS_MAX);

	if (n > 0)
		memcpy(v, s->headers, n * sizeof *v);
	pairs_sort(v, n);
	return n;
}

enum status
s3_sigv4_canonical(const struct s3_signing *s, struct text *to)
{
	struct s3_pair headers[S3_PAIRS_MAX];
	size_t n = headers_sorted(s, headers);
	enum status st;

	if (s->nheaders > S3_PAIRS_MAX)
		return ST_RESOURCE;
	text_add(to, s->method);
	text_add(to, "\n");
	text_add(to, s->path);
	text_add(to, "\n");
	if ((st = s3_sigv4_query(s->query, s->nquery, to)) != OK)
		return st;
	text_add(to, "\n");
	for (size_t i = 0; i < n; i++) {
		text_add(to, headers[i].name);
		text_add(to, ":");
		add_folded(to, headers[i].value);
		text_add(to, "\n");
	}
	text_add(to, "\n");
	add_signed_names(to, headers, n);
	text_add(to, "\n");
	text_add(to, s->payload);
	return to->cut ? ST_RESOURCE : OK;
}

static void
add_scope(struct text *to, const struct s3_key *key, const char *stamp)
{
	text_addn(to, stamp, DATE_LEN);
	text_addf(to, "/%s/%s/aws4_request", key->region, key->service);
}

/* The day's key: four steps from the secret, each narrowing what it is good for. */
static int
day_key(const struct s3_key *key, const char *stamp, uint8_t out[SHA256_BYTES])
{
	char room[SECRET_ROOM];
	struct text first = text_of(room, sizeof room);
	int outcome;

	text_add(&first, "AWS4");
	text_add(&first, key->secret);
	outcome = first.cut ? -1 :
	    hmac_sha256(first.s, first.len, stamp, DATE_LEN, out) |
	    hmac_sha256(out, SHA256_BYTES, key->region, strlen(key->region), out) |
	    hmac_sha256(out, SHA256_BYTES, key->service, strlen(key->service), out) |
	    hmac_sha256(out, SHA256_BYTES, "aws4_request", 12, out);
	secret_wipe(room, sizeof room);
	return outcome;
}

/* Add the signature's hex to the text. */
static enum status
add_signature(const struct s3_key *key, const struct s3_signing *s, struct text *to)
{
	char room[S3_CANONICAL_MAX], say[SCOPE_MAX + 128];
	struct text canonical = text_of(room, sizeof room), sign = text_of(say, sizeof say);
	uint8_t digest[SHA256_BYTES], derived[SHA256_BYTES];
	enum status st;
	int outcome;

	if ((st = s3_sigv4_canonical(s, &canonical)) != OK)
		return st;
	if (sha256_of(canonical.s, canonical.len, digest) != 0)
		return ST_SERVERFAULT;
	text_addf(&sign, "%s\n%s\n", ALGORITHM, s->stamp);
	add_scope(&sign, key, s->stamp);
	text_add(&sign, "\n");
	text_hex(&sign, digest, sizeof digest);
	if (sign.cut)
		return ST_RESOURCE;
	outcome = day_key(key, s->stamp, derived) |
	    hmac_sha256(derived, sizeof derived, sign.s, sign.len, digest);
	secret_wipe(derived, sizeof derived);
	if (outcome != 0)
		return ST_SERVERFAULT;
	text_hex(to, digest, sizeof digest);
	return to->cut ? ST_RESOURCE : OK;
}

enum status
s3_sigv4_header(const struct s3_key *key, const struct s3_signing *s, struct text *to)
{
	struct s3_pair headers[S3_PAIRS_MAX];
	size_t n = headers_sorted(s, headers);
	enum status st;

	if ((st = signing_check(s)) != OK)
		return st;
	text_addf(to, "%s Credential=%s/", ALGORITHM, key->access);
	add_scope(to, key, s->stamp);
	text_add(to, ",SignedHeaders=");
	add_signed_names(to, headers, n);
	text_add(to, ",Signature=");
	return add_signature(key, s, to);
}

enum status
s3_sigv4_presign(const struct s3_key *key, const struct s3_signing *s, uint32_t expires_s,
    struct text *to)
{
	char who[WHO_MAX], until[16], names[SIGNED_MAX];
	struct text credential = text_of(who, sizeof who), expires = text_of(until, sizeof until),
	    signed_names = text_of(names, sizeof names);
	struct s3_pair query[S3_PAIRS_MAX], headers[S3_PAIRS_MAX];
	struct s3_signing whole = *s;
	size_t n = s->nquery;
	enum status st;

	if ((st = signing_check(s)) != OK)
		return st;
	if (n + 6 > S3_PAIRS_MAX)
		return ST_RESOURCE;
	text_addf(&credential, "%s/", key->access);
	add_scope(&credential, key, s->stamp);
	text_addf(&expires, "%u", expires_s);
	add_signed_names(&signed_names, headers, headers_sorted(s, headers));
	if (credential.cut || signed_names.cut)
		return ST_RESOURCE;
	if (n > 0)
		memcpy(query, s->query, n * sizeof *query);
	query[n++] = (struct s3_pair){ "X-Amz-Algorithm", ALGORITHM };
	query[n++] = (struct s3_pair){ "X-Amz-Credential", who };
	query[n++] = (struct s3_pair){ "X-Amz-Date", s->stamp };
	query[n++] = (struct s3_pair){ "X-Amz-Expires", until };
	if (key->token != NULL && key->token[0] != '\0')
		query[n++] = (struct s3_pair){ "X-Amz-Security-Token", key->token };
	query[n++] = (struct s3_pair){ "X-Amz-SignedHeaders", names };
	whole.query = query;
	whole.nquery = n;
	if ((st = s3_sigv4_query(query, n, to)) != OK)
		return st;
	text_add(to, "&X-Amz-Signature=");
	return add_signature(key, &whole, to);
}
