/*
 * What a watch makes of the lines it is sent.
 */
#include "mgmt/operator/watch.h"

#include "tests/lib/check.h"

#include <string.h>

static const struct watch_kind kind = { "/api/v1", "things", "" };
static int seen, gone;

static void
listed(const struct watch_kind *k, void *arg)
{
	(void)k, (void)arg;
}

static void
object(const struct watch_kind *k, const struct rest_json *o, bool is_gone, void *arg)
{
	(void)k, (void)o, (void)arg;
	seen++;
	gone += is_gone;
}

static const struct watch_sink sink = { listed, object, NULL };

static bool
event(struct watch *w, const char *line)
{
	return watch_event(w, line, strlen(line));
}

#define TEN "0123456789"
#define LONG \
	"{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"resourceVersion\":\"" TEN TEN TEN TEN TEN \
	    TEN TEN "\"}}}"
#define OBJECT(version) \
	"\"object\":{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"" version "\"}}}"

CASE(an_event_brings_its_object_and_its_version)
{
	struct watch *w = watch_open(NULL, &kind, "", &sink);

	seen = gone = 0;
	TRUE(event(w, "{\"type\":\"ADDED\"," OBJECT("5")));
	EQ_STR(watch_version(w), "5");
	TRUE(event(w, "{\"type\":\"DELETED\"," OBJECT("6")));
	EQ_STR(watch_version(w), "6");
	EQ(seen, 2);
	EQ(gone, 1);
	watch_close(&w);
}

CASE(a_bookmark_moves_the_version_alone)
{
	struct watch *w = watch_open(NULL, &kind, "", &sink);

	seen = 0;
	TRUE(event(w, "{\"type\":\"BOOKMARK\"," OBJECT("9")));
	EQ_STR(watch_version(w), "9");
	EQ(seen, 0);
	watch_close(&w);
}

CASE(behind_an_error_or_a_line_that_is_none_a_list_is_wanted)
{
	static const char *const bad[] = {
		"{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410}}",
		"{\"type\":\"ERROR\",\"object\":[]}",
		"{\"type\":\"ADDED\"}",
		"{\"type\":\"ADDED\",\"object\":7}",
		"{\"type\":\"ADDED\",\"object\":{\"metadata\":{}}}",
		"{",
		"[]",
		"7",
		LONG,
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct watch *w = watch_open(NULL, &kind, "", &sink);

		seen = 0;
		TRUE(event(w, "{\"type\":\"ADDED\"," OBJECT("5")));
		event(w, bad[i]);
		EQ_STR(watch_version(w), "");
		EQ(seen, 1);
		watch_close(&w);
	}
}
