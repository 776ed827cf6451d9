/*
 * The bookkeeping of resourceVersion; see watch.h.
 */
#include "mgmt/operator/watch.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/rand.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION_MAX = 64, PAGE = 200, PAGES_MAX = 500, CONTINUE_MAX = 600, WATCH_S = 300 };

#define LEAST_WAIT_NS (200 * NS_PER_MS)
#define MOST_WAIT_NS (30 * NS_PER_S)

struct watch {
	struct kube *kube;
	const struct watch_kind *kind;
	const struct watch_sink *sink;
	char namespace[KUBE_NAME_MAX];
	char version[VERSION_MAX];
	struct kube_stream *stream;
	uint64_t due_ns, wait_ns, began_ns;
};

struct watch *
watch_open(struct kube *k, const struct watch_kind *kind, const char *namespace,
    const struct watch_sink *sink)
{
	struct watch *w = xcalloc(1, sizeof *w);

	w->kube = k;
	w->kind = kind;
	w->sink = sink;
	snprintf(w->namespace, sizeof w->namespace, "%s", namespace);
	return w;
}

void
watch_close(struct watch **wp)
{
	struct watch *w = TAKE(wp);

	if (w == NULL)
		return;
	kube_stream_close(&w->stream);
	free(w);
}

const char *
watch_version(const struct watch *w)
{
	return w->version;
}

/* Later each time, and not all at once. */
static void
fail(struct watch *w, uint64_t now_ns)
{
	w->wait_ns = w->wait_ns == 0 ? LEAST_WAIT_NS : MIN(w->wait_ns * 2, MOST_WAIT_NS);
	w->due_ns = now_ns + w->wait_ns / 2 + rand_u64() % (w->wait_ns / 2 + 1);
}

/* What a server says goes into a query: nothing but what needs no escaping may stay as it is. */
static void
add_escaped(char *to, size_t cap, const char *s)
{
	size_t at = strlen(to);

	for (; *s != '\0' && at + 4 < cap; s++)
		if (isalnum((unsigned char)*s) || strchr("-._~", *s) != NULL)
			to[at++] = *s, to[at] = '\0';
		else
			at += (size_t)snprintf(to + at, cap - at, "%%%02X", (unsigned char)*s);
}

static void
collection(const struct watch *w, char *to, size_t cap)
{
	bool one = w->namespace[0] != '\0';

	snprintf(to, cap, "%s%s%s/%s?", w->kind->path, one ? "/namespaces/" : "",
	    one ? w->namespace : "", w->kind->plural);
	if (w->kind->selector[0] != '\0') {
		strncat(to, "labelSelector=", cap - strlen(to) - 1);
		add_escaped(to, cap, w->kind->selector);
		strncat(to, "&", cap - strlen(to) - 1);
	}
}

static const char *
meta_str(const struct rest_json *object, const char *key)
{
	const struct rest_json *meta = rest_json_kind(object) == REST_OBJECT ?
	    rest_json_get(object, "metadata") : NULL;

	return meta == NULL || rest_json_kind(meta) != REST_OBJECT ? NULL :
	    rest_json_get_str(meta, key);
}

/* --- the list --- */

/* One page; *more is the word that brings the next, "" at the end. */
static bool
list_page(struct watch *w, char *more, char *version)
{
	char path[KUBE_PATH_MAX], text[KUBE_PATH_MAX];
	struct kube_answer a;
	const struct rest_json *items;
	const char *said;

	collection(w, text, sizeof text);
	snprintf(path, sizeof path, "%.*slimit=%d%s", KUBE_PATH_MAX - CONTINUE_MAX - 40, text, PAGE,
	    more[0] != '\0' ? "&continue=" : "");
	add_escaped(path, sizeof path, more);
	kube_ask(w->kube, "GET", path, NULL, &a);
	items = a.code == 200 && a.body != NULL && rest_json_kind(a.body) == REST_OBJECT ?
	    rest_json_get(a.body, "items") : NULL;
	said = items != NULL ? meta_str(a.body, "resourceVersion") : NULL;
	if (said == NULL || strlen(said) >= VERSION_MAX || rest_json_kind(items) != REST_ARRAY) {
		log_warn("operator.list", F_STR("kind", w->kind->plural), F_STR("why",
		    a.why[0] != '\0' ? a.why : "the answer is no list"));
		kube_answer_free(&a);
		return false;
	}
	snprintf(version, VERSION_MAX, "%s", said);
	said = meta_str(a.body, "continue");
	snprintf(more, CONTINUE_MAX, "%s", said != NULL ? said : "");
	for (size_t i = 0; i < rest_json_len(items); i++)
		w->sink->object(w->kind, rest_json_at(items, i), false, w->sink->arg);
	kube_answer_free(&a);
	return true;
}

static bool
list(struct watch *w)
{
	char more[CONTINUE_MAX] = "", version[VERSION_MAX];

	for (int page = 0; page < PAGES_MAX; page++) {
		if (!list_page(w, more, version))
			return false;
		if (more[0] != '\0')
			continue;
		snprintf(w->version, sizeof w->version, "%s", version);
		w->sink->listed(w->kind, w->sink->arg);
		return true;
	}
	return false;
}

/* --- the watch --- */

static void
note_error(struct watch *w, const struct rest_json *status)
{
	const struct rest_json *code = rest_json_kind(status) == REST_OBJECT ?
	    rest_json_get(status, "code") : NULL;

	if (code == NULL || rest_json_kind(code) != REST_INT || rest_json_int(code) != 410)
		log_warn("operator.watch", F_STR("kind", w->kind->plural), F_STR("why",
		    "the watch sent an error"));
	w->version[0] = '\0';
}

bool
watch_event(struct watch *w, const char *bytes, size_t len)
{
	char why[100];
	struct rest_json *e = rest_json_parse(bytes, len, why, sizeof why);
	const struct rest_json *object;
	const char *type, *version;
	bool ok = false;

	if (e == NULL || rest_json_kind(e) != REST_OBJECT)
		goto out;
	type = rest_json_get_str(e, "type");
	object = rest_json_get(e, "object");
	if (type == NULL || object == NULL)
		goto out;
	if (strcmp(type, "ERROR") == 0) {
		note_error(w, object);
		ok = true;
		goto out;
	}
	version = meta_str(object, "resourceVersion");
	if (version == NULL || strlen(version) >= sizeof w->version)
		goto out;
	snprintf(w->version, sizeof w->version, "%s", version);
	ok = true;
	if (strcmp(type, "BOOKMARK") != 0)
		w->sink->object(w->kind, object, strcmp(type, "DELETED") == 0, w->sink->arg);
out:
	if (!ok)
		w->version[0] = '\0';		/* what it was is not known; the list is */
	if (e != NULL)
		rest_json_free(e);
	return ok;
}

static void
see_line(const char *bytes, size_t len, void *arg)
{
	struct watch *w = arg;

	if (w->version[0] == '\0')
		return;			/* behind an error, nothing counts */
	w->wait_ns = 0;
	if (!watch_event(w, bytes, len))
		log_warn("operator.watch", F_STR("kind", w->kind->plural), F_STR("why",
		    "a line that is no event"));
}

static void
stream_begin(struct watch *w, uint64_t now_ns)
{
	char path[KUBE_PATH_MAX], tail[100];

	collection(w, path, sizeof path);
	snprintf(tail, sizeof tail, "watch=1&allowWatchBookmarks=true&timeoutSeconds=%d"
	    "&resourceVersion=", WATCH_S);
	strncat(path, tail, sizeof path - strlen(path) - 1);
	add_escaped(path, sizeof path, w->version);
	w->stream = kube_stream_open(w->kube, path, see_line, w);
	w->began_ns = now_ns;
}

static void
stream_end(struct watch *w, long code, uint64_t now_ns)
{
	kube_stream_close(&w->stream);
	if (code == 410)
		w->version[0] = '\0';
	/* One that lived for a while was cut as watches are; it goes on at once. */
	if (code == 200 && now_ns - w->began_ns > NS_PER_S)
		w->wait_ns = 0, w->due_ns = now_ns;
	else if (code != 410)
		fail(w, now_ns);
}

void
watch_step(struct watch *w, uint64_t now_ns)
{
	long code;

	if (w->stream != NULL && (w->version[0] == '\0' || kube_stream_over(w->stream, &code))) {
		if (w->version[0] == '\0')
			code = 410;
		stream_end(w, code, now_ns);
	}
	if (w->stream != NULL || now_ns < w->due_ns)
		return;
	if (w->version[0] == '\0' && !list(w)) {
		fail(w, now_ns);
		return;
	}
	stream_begin(w, now_ns);
}
