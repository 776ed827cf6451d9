#include "pipeline/base/log.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/meter.h"
#include "pipeline/base/thread.h"
#include "tests/lib/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char said[65536];
static int fd = -1;
static uint64_t mono_at = 1;

static uint64_t
fake_mono(void)
{
	return mono_at;
}

static uint64_t
fake_wall(void)
{
	return 951782400 * NS_PER_S + 7 * NS_PER_MS;	/* a leap day */
}

static const struct clock_ops fake = { fake_mono, fake_wall };
static const struct clock_ops *real;

static void
begin(bool json)
{
	char path[300];

	snprintf(path, sizeof path, "%s/log", check_tmpdir());
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);
	TRUE(fd >= 0);
	real = clock_now_ops;
	clock_now_ops = &fake;
	mono_at += 10 * NS_PER_S;	/* every event's bucket is full again */
	log_open(fd, json, LOG_LEVEL_INFO);
}

static const char *
end(void)
{
	ssize_t n = pread(fd, said, sizeof said - 1, 0);

	clock_now_ops = real;
	log_open(2, false, LOG_LEVEL_INFO);
	close(fd);
	said[n > 0 ? n : 0] = '\0';
	return said;
}

static size_t
lines(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += *s == '\n';
	return n;
}

CASE(a_line_is_its_event_and_its_fields)
{
	begin(false);
	log_info("share.open", F_STR("share", "docs"), F_U64("lsn", 7), F_I64("by", -2),
	    F_HEX("id", 0xab));
	EQ_STR(end(), "2000-02-29T00:00:00.007Z info share.open "
	    "share=docs lsn=7 by=-2 id=0xab\n");
}

CASE(a_line_without_fields_is_a_line)
{
	begin(false);
	log_error("bare");
	EQ_STR(end(), "2000-02-29T00:00:00.007Z error bare\n");
}

CASE(strings_that_could_mislead_are_quoted)
{
	begin(false);
	log_warn("odd", F_STR("a", "two words"), F_STR("b", "x=\"y\"\n\x01\xff"),
	    F_STR("c", ""), F_STR("d", NULL), F_STR("e", "\xc3\xa4"));
	EQ_STR(end(), "2000-02-29T00:00:00.007Z warn odd a=\"two words\" "
	    "b=\"x=\\\"y\\\"\\n\\x01\\xff\" c=\"\" d=- e=\"\xc3\xa4\"\n");
}

CASE(json_lines_escape_what_json_forbids)
{
	begin(true);
	log_info("odd", F_STR("a", "\"\\\n\t\x02 \xff\xc3\xa4"), F_STR("d", NULL),
	    F_U64("n", UINT64_MAX), F_HEX("h", 16));
	EQ_STR(end(), "{\"time\":\"2000-02-29T00:00:00.007Z\",\"level\":\"info\","
	    "\"event\":\"odd\",\"a\":\"\\\"\\\\\\n\\t\\u0002 \\\\xff\xc3\xa4\",\"d\":null,"
	    "\"n\":18446744073709551615,\"h\":\"0x10\"}\n");
}

CASE(lines_below_the_least_level_are_not_said)
{
	begin(false);
	log_debug("quiet");
	log_least = LOG_LEVEL_DEBUG;
	log_debug("loud");
	log_least = LOG_LEVEL_INFO;
	EQ_STR(end(), "2000-02-29T00:00:00.007Z debug loud\n");
}

CASE(an_event_that_floods_is_counted_and_told_later)
{
	int64_t dropped = meter_value(METER_LOG_DROPPED);

	begin(false);
	for (int i = 0; i < 100; i++)
		log_info("flood");
	log_info("other");
	mono_at += 100 * NS_PER_MS;	/* two more tokens */
	for (int i = 0; i < 5; i++)
		log_info("flood");
	end();
	EQ(lines(said), 23);
	TRUE(strstr(said, "info other\n") != NULL);
	TRUE(strstr(said, "info flood dropped=80\n") != NULL);
	EQ(meter_value(METER_LOG_DROPPED) - dropped, 83);
}

CASE(more_events_than_buckets_still_speak)
{
	static char names[1000][16];

	begin(false);
	for (int i = 0; i < 1000; i++) {
		snprintf(names[i], sizeof names[i], "e%d", i);
		log_info(names[i]);
	}
	end();
	EQ(lines(said), 1000);
}

CASE(a_field_that_does_not_fit_goes_whole_and_is_noted)
{
	static char longer[1500];
	const char *s;

	memset(longer, '\x01', sizeof longer - 1);
	begin(true);
	log_info("big", F_STR("a", longer), F_STR("b", longer), F_U64("c", 3));
	s = end();
	EQ(lines(s), 1);
	TRUE(strstr(s, "\"a\":") == NULL);
	TRUE(strstr(s, "\"c\":3,\"cut\":true}\n") != NULL);
}

CASE(a_line_is_closed_however_little_room_is_left)
{
	static char a[1001], b[1001];

	memset(a, 'a', 1000);
	for (size_t n = 0; n <= 1000; n++) {
		const char *s;

		memset(b, 'b', n);
		b[n] = '\0';
		begin(true);
		log_info("full", F_STR("a", a), F_STR("b", a), F_STR("c", a),
		    F_STR("d", b), F_STR("e", "end"));
		s = end();
		EQ(lines(s), 1);
		EQ_STR(s + strlen(s) - 2, "}\n");
		TRUE(strstr(s, "\"e\":\"end\"}") != NULL ||
		    strstr(s, "\"cut\":true}") != NULL);
	}
}

static void
shout(void *arg)
{
	for (int i = 0; i < 10; i++)
		log_info("shout", F_STR("who", arg), F_U64("i", i));
}

CASE(lines_of_many_threads_never_mix)
{
	static char a[33], b[33];
	struct thread t[2];

	memset(a, 'a', 32);
	memset(b, 'b', 32);
	begin(false);
	thread_start(&t[0], "a", 0, shout, a);
	thread_start(&t[1], "b", 0, shout, b);
	thread_join(&t[0]);
	thread_join(&t[1]);
	end();
	EQ(lines(said), 20);
	for (char *s = said, *nl; *s != '\0'; s = nl + 1) {
		nl = strchr(s, '\n');
		EQ(nl - s, strlen("2000-02-29T00:00:00.007Z info shout who= i=0") + 32);
	}
}

static void
count(void *arg)
{
	for (int i = 0; i < 1000; i++)
		meter_add(METER_RESTARTS, 1);
	meter_add(METER_CONNS, *(int *)arg);
}

CASE(a_meter_sums_threads_ended_and_alive)
{
	int64_t restarts = meter_value(METER_RESTARTS), conns = meter_value(METER_CONNS);
	struct thread t[3];
	int by[3] = { 5, -2, -3 };

	for (int i = 0; i < 3; i++)
		thread_start(&t[i], "count", 0, count, &by[i]);
	meter_add(METER_RESTARTS, 10);
	for (int i = 0; i < 3; i++) {
		TRUE(meter_value(METER_RESTARTS) >= restarts + 10);
		thread_join(&t[i]);
	}
	EQ(meter_value(METER_RESTARTS), restarts + 3010);
	EQ(meter_value(METER_CONNS), conns);
}

CASE(every_meter_says_what_it_is)
{
	EQ_STR(meter_kind(METER_CONNS), "gauge");
	EQ_STR(meter_kind(METER_DRC_HITS), "counter");
	for (int m = 0; m < METER_COUNT; m++) {
		const char *name = meter_name((enum meter)m);

		TRUE(strlen(meter_help((enum meter)m)) > 5);
		EQ(strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789"), strlen(name));
		if (strcmp(meter_kind((enum meter)m), "counter") == 0)
			EQ_STR(name + strlen(name) - 6, "_total");
	}
}
