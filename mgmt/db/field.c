/*
 * The laws of values: what a field of each kind may hold.  Everything an operator sends passes
 * here before it reaches a statement.
 */
#include "mgmt/db/db.h"

#include "pipeline/base/panic.h"
#include "pipeline/base/text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 3, 4)))
static bool
wrong(char *why, size_t cap, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, cap, fmt, ap);
	va_end(ap);
	return false;
}

static bool
has_control(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	return false;
}

static bool
is_name(const char *s)
{
	if (!isalnum((unsigned char)*s) && *s != '_')
		return false;
	for (; *s != '\0'; s++)
		if (!isalnum((unsigned char)*s) && strchr("._-", *s) == NULL)
			return false;
	return true;
}

static bool
is_word(const char *s, const char *words)
{
	size_t len = strlen(s);

	for (const char *w = words; len > 0 && strchr(s, '|') == NULL && *w != '\0';
	    w += strcspn(w, "|"), w += *w == '|')
		if (strncmp(w, s, len) == 0 && (w[len] == '|' || w[len] == '\0'))
			return true;
	return false;
}

/* "/a/b": no empty part, none of dots alone, no slash at its end. */
static bool
is_path(const char *s)
{
	while (*s == '/') {
		size_t n = strcspn(s + 1, "/");

		if (n == 0 || strncmp(s, "/..", n + 1) == 0 || strncmp(s, "/.", n + 1) == 0)
			return false;
		s += n + 1;
	}
	return *s == '\0';
}

static bool
is_hosts(const char *s)
{
	char addr[INET6_ADDRSTRLEN + 1];
	unsigned char bytes[16];
	size_t n = strcspn(s, "/");
	uint64_t bits;
	bool v6;

	if (n >= sizeof addr)
		return false;
	memcpy(addr, s, n);
	addr[n] = '\0';
	v6 = strchr(addr, ':') != NULL;
	if (inet_pton(v6 ? AF_INET6 : AF_INET, addr, bytes) != 1)
		return false;
	return s[n] == '\0' || text_u64(s + n + 1, 0, v6 ? 128 : 32, &bits);
}

static bool
text_ok(const struct db_field *f, const char *s, char *why, size_t cap)
{
	size_t len = strlen(s);

	switch (f->kind) {
	case DB_WORD:
		return is_word(s, f->words) || wrong(why, cap, "is none of %s", f->words);
	case DB_NAME:
		if (!is_name(s))
			return wrong(why, cap, "must be of letters, digits, '.', '_' and '-'");
		break;
	case DB_SHARE_NAME:
		if (*s != '/' || !is_path(s))
			return wrong(why, cap, "must look like /export, without . or .. parts");
		break;
	case DB_PATH:
		if (*s != '\0' && (*s != '/' || !is_path(s)))
			return wrong(why, cap, "must be an absolute path without . or .. parts");
		break;
	case DB_HOSTS:
		if (!is_hosts(s))
			return wrong(why, cap, "must be an address, or a network as in 10.0.0.0/8");
		break;
	case DB_RULES:
		if (!db_rules_ok(s, why, cap))
			return false;
		break;
	case DB_STR: case DB_OBJECT: case DB_TIME: case DB_INT: case DB_SIZE: case DB_FLAG:
		break;
	}
	if (len < (size_t)f->least || len > (size_t)f->most)
		return wrong(why, cap, "must be of %lld to %lld bytes", (long long)f->least,
		    (long long)f->most);
	if (f->kind != DB_OBJECT && has_control(s))
		return wrong(why, cap, "must not hold control characters");
	return true;
}

bool
db_field_ok(const struct db_field *f, const struct db_value *v, char *why, size_t why_cap)
{
	switch (v->is) {
	case DB_UNSET:
		return true;
	case DB_NULL:
		return f->dflt == NULL && !(f->flags & DB_REQ) ? true :
		    wrong(why, why_cap, "must not be null");
	case DB_NUM:
		if (v->num < f->least || v->num > f->most)
			return wrong(why, why_cap, "must be from %lld to %lld", (long long)f->least,
			    (long long)f->most);
		return true;
	case DB_TEXT:
		return text_ok(f, v->text, why, why_cap);
	}
	return false;
}
