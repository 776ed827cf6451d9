/*
 * The two forms in which credentials are handed out.  Of the JSON only flat members with plain
 * text are read, wherever they stand; what is missing, too long or strange makes it none.
 */
#include "backends/block/s3/source.h"

#include "backends/block/s3/list.h"
#include "pipeline/base/text.h"

#include <string.h>
#include <time.h>

/* "2026-05-24T00:00:00Z", fractions of a second passed over */
static bool
moment(const char *s, uint64_t *out)
{
	struct tm tm = { 0 };
	const char *end = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
	time_t t;

	if (end == NULL)
		return false;
	if (*end == '.')
		end += 1 + strspn(end + 1, "0123456789");
	if (strcmp(end, "Z") != 0 || (t = timegm(&tm)) < 0)
		return false;
	*out = (uint64_t)t;
	return true;
}

/* What a header may carry. */
static bool
printable(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s <= ' ' || *s > '~')
			return false;
	return true;
}

static enum status
whole(const struct s3_grant *g, const char *until, struct s3_grant *out)
{
	struct s3_grant checked = *g;

	if (g->access[0] == '\0' || g->secret[0] == '\0' || !printable(g->access) ||
	    !printable(g->secret) || !printable(g->token) || !moment(until, &checked.until_s))
		return ST_GARBAGE;
	*out = checked;
	return OK;
}

static const char *
blanks(const char *s, const char *end)
{
	while (s < end && strchr(" \t\r\n", *s) != NULL && *s != '\0')
		s++;
	return s;
}

/* The text behind "name" : "…"; "\/" is the only escape there may be. */
static bool
member(const char *json, size_t len, const char *name, char *to, size_t cap)
{
	struct text t = text_of(to, cap);
	const char *end = json + len;
	size_t n = strlen(name);

	for (const char *s = json; s + n + 2 < end; s++) {
		const char *at;

		if (*s != '"' || strncmp(s + 1, name, n) != 0 || s[n + 1] != '"')
			continue;
		at = blanks(s + n + 2, end);
		if (at == end || *at != ':')
			continue;
		at = blanks(at + 1, end);
		if (at == end || *at != '"')
			return false;
		for (at++; at < end && *at != '"'; at++) {
			if (*at == '\\' && (++at == end || *at != '/'))
				return false;
			text_addn(&t, at, 1);
		}
		return at < end && !t.cut;
	}
	return false;
}

enum status
s3_grant_of_json(const char *json, size_t len, struct s3_grant *g)
{
	struct s3_grant read = { .until_s = 0 };
	char until[40];

	if (!member(json, len, "AccessKeyId", read.access, sizeof read.access) ||
	    !member(json, len, "SecretAccessKey", read.secret, sizeof read.secret) ||
	    !member(json, len, "Token", read.token, sizeof read.token) ||
	    !member(json, len, "Expiration", until, sizeof until))
		return ST_GARBAGE;
	return whole(&read, until, g);
}

enum status
s3_grant_of_xml(const char *xml, size_t len, struct s3_grant *g)
{
	struct s3_grant read = { .until_s = 0 };
	char until[40] = "";
	const struct s3_wanted wanted[] = {
		{ "Credentials", "AccessKeyId", read.access, sizeof read.access },
		{ "Credentials", "SecretAccessKey", read.secret, sizeof read.secret },
		{ "Credentials", "SessionToken", read.token, sizeof read.token },
		{ "Credentials", "Expiration", until, sizeof until },
	};

	if (s3_texts_parse(xml, len, wanted, sizeof wanted / sizeof wanted[0]) != OK)
		return ST_GARBAGE;
	return whole(&read, until, g);
}
