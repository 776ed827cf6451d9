/*
 * What a share's blocks do: the long errands, which are asked after until they end, with a line
 * of progress where somebody looks.
 */
#include "mgmt/ctl/ctl.h"
#include "mgmt/ctl/http.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ASK_EVERY_MS = 500, DRAIN_S = 360 };

static int64_t
number(const struct rest_json *j, const char *key)
{
	const struct rest_json *n = rest_json_get(j, key);

	return n == NULL ? 0 : rest_json_int(n);
}

static void
progress(const struct rest_json *j)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r%lld containers, %lld MiB to go; %lld MiB not yet packed   ",
		    (long long)number(j, "pending_uploads"),
		    (long long)number(j, "pending_bytes") >> 20,
		    (long long)number(j, "unsynced_bytes") >> 20);
}

/* How far it is from its end: what does not grow less for the whole of the time has stalled. */
static int64_t
left(const struct rest_json *j)
{
	return number(j, "pending_bytes") + number(j, "unsynced_bytes") +
	    number(j, "pending_uploads");
}

int
ctl_do_drain(struct ctl_run *run)
{
	const char *said = ctl_said(run, "timeout");
	uint64_t wait_ns = DRAIN_S * NS_PER_S, moved = clock_mono_ns();
	struct timespec nap = clock_timespec(ASK_EVERY_MS * NS_PER_MS);
	int64_t least = INT64_MAX;
	char path[CTL_URL_MAX];
	struct rest_json *out;
	int code;

	if (said != NULL && !text_duration(said, &wait_ns)) {
		ctl_fail("--timeout wants a duration as 90s or 6m, not \"%s\"", said);
		return 2;
	}
	if (!ctl_path(run, run->command->path, path))
		return 2;
	for (;;) {
		bool over;

		code = ctl_ask(run, "POST", path, NULL, &out);
		if (code != 0)
			return code;
		over = rest_json_kind(rest_json_get(out, "drained")) == REST_TRUE;
		if (left(out) < least) {
			least = left(out);
			moved = clock_mono_ns();
		}
		progress(out);
		if (over || clock_mono_ns() - moved > wait_ns)
			break;
		rest_json_free(out);
		nanosleep(&nap, NULL);
	}
	if (isatty(STDERR_FILENO))
		fputc('\n', stderr);
	code = ctl_print(run, rest_json_get(out, "shares"), run->command->columns);
	if (code == 0 && rest_json_kind(rest_json_get(out, "drained")) != REST_TRUE)
		code = ctl_fail("nothing has moved for the whole time; see LAST ERROR above");
	rest_json_free(out);
	return code;
}

/* --- warm --- */

static const char *
word(const struct rest_json *j, const char *key)
{
	const struct rest_json *s = rest_json_get(j, key);

	return s == NULL ? "" : rest_json_str(s);
}

/* Asked again until it has ended; *out is the last answer. */
static int
watch(struct ctl_run *run, const char *path, struct rest_json **out)
{
	struct timespec nap = clock_timespec(ASK_EVERY_MS * NS_PER_MS);
	bool seen = isatty(STDERR_FILENO);
	int code = 0;

	while (code == 0 && strcmp(word(*out, "state"), "running") == 0) {
		if (seen)
			fprintf(stderr, "\r%lld of %lld containers, %lld MiB   ",
			    (long long)number(*out, "blocks_done"),
			    (long long)number(*out, "blocks_total"),
			    (long long)number(*out, "bytes_done") >> 20);
		rest_json_free(*out);
		*out = NULL;
		nanosleep(&nap, NULL);
		code = ctl_ask(run, "GET", path, NULL, out);
	}
	if (seen)
		fputc('\n', stderr);
	return code;
}

int
ctl_do_share_warm(struct ctl_run *run)
{
	const char *below = ctl_said(run, "below");
	bool look = ctl_said(run, "status") != NULL, cancel = ctl_said(run, "cancel") != NULL;
	char path[CTL_URL_MAX], asked[CTL_URL_MAX];
	struct rest_json *out = NULL;
	int code;

	if (!ctl_path(run, run->command->path, path))
		return 2;
	snprintf(asked, sizeof asked, "%s", path);
	if (below != NULL && !look && !cancel)
		ctl_add_query(asked, sizeof asked, "path", below);
	code = ctl_ask(run, cancel ? "DELETE" : look ? "GET" : "POST", asked, NULL, &out);
	if (code == 0 && cancel) {
		rest_json_free(out);
		out = NULL;
		code = ctl_ask(run, "GET", path, NULL, &out);
	}
	if (code == 0 && ctl_said(run, "watch") != NULL)
		code = watch(run, path, &out);
	if (code == 0 && *word(out, "error") != '\0')
		code = ctl_fail("%s", word(out, "error"));
	else if (code == 0)
		code = ctl_print(run, out, run->command->columns);
	rest_json_free(out);
	return code;
}

/* Begun, it goes on by itself; --status says how far. */
int
ctl_do_scrub(struct ctl_run *run)
{
	bool status = ctl_said(run, "status") != NULL, stop = ctl_said(run, "stop") != NULL;
	struct rest_json *body = NULL, *out = NULL;
	char path[CTL_URL_MAX];
	int code;

	if (status && stop) {
		ctl_fail("--status or --stop, not both");
		return 2;
	}
	if (!ctl_path(run, run->command->path, path))
		return 2;
	if (stop && (code = ctl_ask(run, "DELETE", path, NULL, &out)) != 0)
		return code;
	rest_json_free(out);
	out = NULL;
	if (!status && !stop && (body = ctl_body(run)) == NULL)
		return 2;
	code = ctl_ask(run, status || stop ? "GET" : "POST", path, body, &out);
	if (code == 0)
		code = ctl_print(run, out, run->command->columns);
	rest_json_free(out);
	return code;
}

/* --- compaction --- */

static bool
over(const struct rest_json *j)
{
	const char *state = rest_json_get_str(j, "state");

	return state == NULL || strcmp(state, "asked") != 0;
}

static void
compact_progress(const struct rest_json *j)
{
	const char *waits = rest_json_get_str(j, "waits_for");

	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r%lld %%, %lld containers emptied, %lld MiB written%s%s   ",
		    (long long)number(j, "percent"), (long long)number(j, "containers_emptied"),
		    (long long)number(j, "written_bytes") >> 20,
		    waits != NULL && waits[0] != '\0' ? "; waits for " : "",
		    waits != NULL ? waits : "");
}

/* Asked for once; then looked at until it is over, or has stood still for the whole of the time. */
int
ctl_do_compact(struct ctl_run *run)
{
	const char *said = ctl_said(run, "timeout");
	uint64_t wait_ns = DRAIN_S * NS_PER_S, moved = clock_mono_ns();
	struct timespec nap = clock_timespec(ASK_EVERY_MS * NS_PER_MS);
	char path[CTL_URL_MAX], look[CTL_URL_MAX];
	struct rest_json *out;
	int64_t last = -1;
	int code;

	if (said != NULL && !text_duration(said, &wait_ns)) {
		ctl_fail("--timeout wants a duration as 90s or 6m, not \"%s\"", said);
		return 2;
	}
	if (!ctl_path(run, run->command->path, path) ||
	    !ctl_path(run, "/shares/{}/blockstore/compaction", look))
		return 2;
	code = ctl_ask(run, "POST", path, NULL, &out);
	while (code == 0 && !over(out)) {
		int64_t now = number(out, "read_bytes") + number(out, "percent");

		moved = now != last ? clock_mono_ns() : moved;
		last = now;
		compact_progress(out);
		if (clock_mono_ns() - moved > wait_ns)
			break;
		rest_json_free(out);
		nanosleep(&nap, NULL);
		code = ctl_ask(run, "GET", look, NULL, &out);
	}
	if (code != 0)
		return code;
	if (isatty(STDERR_FILENO))
		fputc('\n', stderr);
	code = ctl_print(run, out, run->command->columns);
	if (code == 0 && !over(out))
		code = ctl_fail("nothing has moved for the whole time; it goes on in the daemon");
	else if (code == 0 && number(out, "containers_left") > 0)
		code = ctl_fail("some could not be emptied: they hold chunks that nobody can read");
	rest_json_free(out);
	return code;
}
