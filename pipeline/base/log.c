/*
 * Lines for operators.  A line is built on the stack and leaves in one write, so lines
 * of several threads never mix and nothing waits for another.  Each event has a bucket
 * of tokens; what finds it empty is counted and told with the event's next line.
 */
#include "pipeline/base/log.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/meter.h"
#include "pipeline/base/mutex.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/text.h"
#include "pipeline/base/utf.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
	LINE_BYTES = 4096,
	VALUE_BYTES = 1024,		/* of one string, before it is escaped */
	TAIL_BYTES = 64,		/* kept for what closes a line */
	EVENTS = 256, PROBES = 8,
	LINES_PER_S = 20,
};

struct bucket {
	const char *event;
	uint64_t filled_ns;
	uint32_t tokens;
	uint32_t dropped;
};

_Atomic enum log_level log_least = LOG_LEVEL_INFO;

static int out_fd = STDERR_FILENO;
static bool as_json;
static MUTEX_STATIC(limit_mutex, RANK_LOG, 0);
static struct bucket buckets[EVENTS];

static const char *const level_names[] = {
	[LOG_LEVEL_DEBUG] = "debug", [LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_WARN] = "warn", [LOG_LEVEL_ERROR] = "error",
};

void
log_open(int fd, bool json, enum log_level least)
{
	out_fd = fd;
	as_json = json;
	log_least = least;
}

/* The event's bucket, or the longest untouched of those it could stand in. */
static struct bucket *
bucket_locked(const char *event, uint64_t now)
{
	uint32_t hash = 2166136261u;
	struct bucket *oldest = NULL;

	for (const char *s = event; *s != '\0'; s++)
		hash = (hash ^ (uint8_t)*s) * 16777619u;
	for (uint32_t i = 0; i < PROBES; i++) {
		struct bucket *b = &buckets[(hash + i) % EVENTS];

		if (b->event != NULL && strcmp(b->event, event) == 0)
			return b;
		if (oldest == NULL || b->event == NULL ||
		    b->filled_ns < oldest->filled_ns)
			oldest = b;
		if (b->event == NULL)
			break;
	}
	*oldest = (struct bucket){ event, now, LINES_PER_S, 0 };
	return oldest;
}

/* May the event say a line now?  If so, how many lines of it were swallowed before. */
static bool
allowed(const char *event, uint32_t *dropped)
{
	uint64_t now = clock_mono_ns(), gained;
	struct bucket *b;
	bool ok;

	mutex_lock(&limit_mutex);
	b = bucket_locked(event, now);
	gained = now > b->filled_ns ? (now - b->filled_ns) / (NS_PER_S / LINES_PER_S) : 0;
	if (gained >= LINES_PER_S) {
		b->tokens = LINES_PER_S;
		b->filled_ns = now;
	} else {
		b->tokens = MIN(b->tokens + (uint32_t)gained, (uint32_t)LINES_PER_S);
		b->filled_ns += gained * (NS_PER_S / LINES_PER_S);
	}
	ok = b->tokens > 0;
	if (ok) {
		b->tokens--;
		*dropped = b->dropped;
		b->dropped = 0;
	} else {
		b->dropped++;
	}
	mutex_unlock(&limit_mutex);
	if (!ok)
		meter_add(METER_LOG_DROPPED, 1);
	return ok;
}

/*
 * A string between quotes.  JSON has no escape for a byte that is no text: it shows as
 * \\xhh.
 */
static void
add_quoted(struct text *t, const char *s, bool json)
{
	const uint8_t *p = (const uint8_t *)s;
	size_t len = strlen(s);

	len = MIN(len, (size_t)VALUE_BYTES);
	text_add(t, "\"");
	while (len > 0 && !t->cut) {
		uint32_t letter;
		size_t n = utf8_next(p, len, &letter);

		if (*p == '"' || *p == '\\')
			text_addf(t, "\\%c", *p);
		else if (*p == '\n')
			text_add(t, "\\n");
		else if (*p == '\t')
			text_add(t, "\\t");
		else if (*p < 0x20 || *p == 0x7f)
			text_addf(t, json ? "\\u%04x" : "\\x%02x", *p);
		else if (n == 0)
			text_addf(t, json ? "\\\\x%02x" : "\\x%02x", *p);
		else
			text_addn(t, (const char *)p, n);
		n = n > 0 ? n : 1;
		p += n;
		len -= n;
	}
	text_add(t, "\"");
}

static bool
is_plain(const char *s)
{
	size_t n = 0;

	for (; s[n] != '\0'; n++)
		if (n == VALUE_BYTES || s[n] <= ' ' || s[n] > '~' || s[n] == '"' ||
		    s[n] == '\\' || s[n] == '=')
			return false;
	return n > 0;
}

static void
add_value(struct text *t, const struct log_field *f)
{
	switch (f->kind) {
	case LOG_FIELD_STR:
		if (f->str == NULL)
			text_add(t, as_json ? "null" : "-");
		else if (!as_json && is_plain(f->str))
			text_add(t, f->str);
		else
			add_quoted(t, f->str, as_json);
		return;
	case LOG_FIELD_U64:
		text_addf(t, "%llu", (unsigned long long)f->num);
		return;
	case LOG_FIELD_I64:
		text_addf(t, "%lld", (long long)f->num);
		return;
	case LOG_FIELD_HEX:
		text_addf(t, as_json ? "\"0x%llx\"" : "0x%llx",
		    (unsigned long long)f->num);
		return;
	}
}

/* A field that does not fit goes as a whole, so that a line can always be read. */
static void
add_field(struct text *t, const struct log_field *f)
{
	size_t mark = t->len;
	bool cut = t->cut;

	t->cut = false;
	text_add(t, as_json ? ",\"" : " ");
	text_add(t, f->key);
	text_add(t, as_json ? "\":" : "=");
	add_value(t, f);
	if (t->cut) {
		t->len = mark;
		t->s[mark] = '\0';
	}
	t->cut |= cut;
}

static void
add_head(struct text *t, enum log_level level, const char *event)
{
	uint64_t now = clock_wall_ns();
	time_t seconds = (time_t)(now / NS_PER_S);
	char stamp[48];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);
	text_addf(t, as_json ?
	    "{\"time\":\"%s.%03uZ\",\"level\":\"%s\",\"event\":\"%s\"" :
	    "%s.%03uZ %s %s", stamp, (unsigned)(now % NS_PER_S / NS_PER_MS),
	    level_names[level], event);
}

static void
write_line(const char *s, size_t len)
{
	while (len > 0) {
		ssize_t n = write(out_fd, s, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			meter_add(METER_LOG_DROPPED, 1);
			return;
		}
		s += n;
		len -= (size_t)n;
	}
}

void
log_line(enum log_level level, const char *event, const struct log_field *fields,
    size_t n)
{
	char line[LINE_BYTES];
	struct text t = text_of(line, sizeof line - TAIL_BYTES);
	uint32_t dropped;

	if (!allowed(event, &dropped))
		return;
	add_head(&t, level, event);
	for (size_t i = 0; i < n; i++)
		add_field(&t, &fields[i]);
	t.cap = sizeof line;
	if (dropped > 0)
		add_field(&t, &F_U64("dropped", dropped));
	if (t.cut)
		text_add(&t, as_json ? ",\"cut\":true" : " cut=1");
	text_add(&t, as_json ? "}\n" : "\n");
	write_line(t.s, t.len);
}
