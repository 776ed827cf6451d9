/*
 * Bounded strings, and the few forms in which operators write numbers.  Parsing is
 * strict: what is not wholly a number of the form is no number at all.
 */
#include "pipeline/base/text.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/panic.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t worth;
};

#define KI 1024ull

static const struct unit sizes[] = {
	{ "", 1 }, { "B", 1 },
	{ "KiB", KI }, { "MiB", KI * KI }, { "GiB", KI * KI * KI },
	{ "TiB", KI * KI * KI * KI }, { "PiB", KI * KI * KI * KI * KI },
	{ "Ki", KI }, { "Mi", KI * KI }, { "Gi", KI * KI * KI },
	{ "Ti", KI * KI * KI * KI },
	{ "KB", 1000 }, { "kB", 1000 }, { "MB", 1000000 }, { "GB", 1000000000 },
	{ "TB", 1000000000000 }, { "PB", 1000000000000000 },
	{ NULL, 0 },
};

static const struct unit durations[] = {
	{ "ns", 1 }, { "us", 1000 }, { "ms", NS_PER_MS }, { "s", NS_PER_S },
	{ "m", 60 * NS_PER_S }, { "h", 3600 * NS_PER_S }, { "d", 86400 * NS_PER_S },
	{ NULL, 0 },
};

struct text
text_of(char *to, size_t cap)
{
	assert(cap > 0);
	to[0] = '\0';
	return (struct text){ to, 0, cap, false };
}

void
text_addn(struct text *t, const char *s, size_t len)
{
	size_t room = t->cap - 1 - t->len;

	if (len > room) {
		len = room;
		t->cut = true;
	}
	if (len > 0)
		memcpy(t->s + t->len, s, len);
	t->len += len;
	t->s[t->len] = '\0';
}

void
text_add(struct text *t, const char *s)
{
	text_addn(t, s, strlen(s));
}

void
text_addf(struct text *t, const char *fmt, ...)
{
	size_t room = t->cap - t->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->s + t->len, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room) {
		t->cut = true;
		t->len += strlen(t->s + t->len);
		return;
	}
	t->len += (size_t)n;
}

void
text_hex(struct text *t, const void *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = bytes;

	for (size_t i = 0; i < len && !t->cut; i++)
		text_addn(t, (char[]){ digits[p[i] >> 4], digits[p[i] & 15] }, 2);
}

/* The digits at *sp as a number; false where there are none or too many. */
static bool
take_digits(const char **sp, uint64_t *out, unsigned *count)
{
	const char *s = *sp;
	uint64_t n = 0;

	for (; *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*s - '0'), &n))
			return false;
	*count = (unsigned)(s - *sp);
	*out = n;
	*sp = s;
	return *count > 0;
}

bool
text_u64(const char *s, uint64_t least, uint64_t most, uint64_t *out)
{
	unsigned digits;
	uint64_t n;

	if (!take_digits(&s, &n, &digits) || *s != '\0' || n < least || n > most)
		return false;
	*out = n;
	return true;
}

/*
 * "digits[.digits]unit"; parts of the smallest unit are refused where they could not
 * count.
 */
static bool
take_amount(const char *s, const struct unit *units, uint64_t *out)
{
	uint64_t whole, part = 0, scale = 1;
	unsigned digits = 0;
	unsigned __int128 sum;

	if (!take_digits(&s, &whole, &digits))
		return false;
	if (*s == '.') {
		s++;
		if (!take_digits(&s, &part, &digits) || digits > 9)
			return false;
		while (digits-- > 0)
			scale *= 10;
	}
	while (units->name != NULL && strcmp(units->name, s) != 0)
		units++;
	if (units->name == NULL || (scale > 1 && units->worth == 1))
		return false;
	sum = (unsigned __int128)whole * units->worth +
	    (unsigned __int128)part * units->worth / scale;
	if (sum > UINT64_MAX)
		return false;
	*out = (uint64_t)sum;
	return true;
}

bool
text_size(const char *s, uint64_t *out)
{
	return take_amount(s, sizes, out);
}

bool
text_duration(const char *s, uint64_t *out_ns)
{
	return take_amount(s, durations, out_ns);
}

bool
text_seconds(const char *s, uint64_t *out)
{
	uint64_t ns;

	if (!text_duration(s, &ns) || ns % NS_PER_S != 0)
		return false;
	*out = ns / NS_PER_S;
	return true;
}

void
text_add_seconds(struct text *t, uint64_t seconds)
{
	if (seconds > 0 && seconds % 3600 == 0)
		text_addf(t, "%lluh", (unsigned long long)seconds / 3600);
	else if (seconds > 0 && seconds % 60 == 0)
		text_addf(t, "%llum", (unsigned long long)seconds / 60);
	else
		text_addf(t, "%llus", (unsigned long long)seconds);
}
