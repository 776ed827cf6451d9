/*
 * The thread: take what was submitted, begin what is due while connections are free, let libcurl
 * work, hand out what has ended, sleep until something can happen.  Handles are made once and
 * reused; libcurl keeps the connections.
 */
#include "backends/block/s3/curl_loop.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/base/mutex.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/text.h"
#include "pipeline/base/thread.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	BUFFER_BYTES = 256 << 10,
	KEEPALIVE_IDLE_S = 30,
	KEEPALIVE_EVERY_S = 10,
	IDLE_CONNECTION_S = 60,
	SLEEP_MOST_MS = 60000,
	HEADER_NAME_MAX = 64,
	HEADER_VALUE_MAX = 1024,
};

/* One handle and what it runs. */
struct slot {
	struct s3_loop *loop;
	CURL *easy;
	struct curl_slist *headers;
	struct s3_request *r;		/* NULL: free */
	struct slot *next_free;
	char error[CURL_ERROR_SIZE];
};

struct s3_loop {
	struct mutex mutex;		/* submitted, stopping */
	struct list submitted;
	bool stopping;
	atomic_bool cancels;

	CURLM *multi;			/* below: the thread's */
	struct list waiting;
	struct slot *slots, *free;
	unsigned nslots, running;
	struct s3_loop_conf conf;
	char ca_file[1024];
	struct thread thread;
};

static void loop_run(void *arg);

static bool
slots_make(struct s3_loop *loop)
{
	loop->nslots = MIN(MAX(loop->conf.connections_max, 1u), (unsigned)S3_CONNECTIONS_MAX);
	loop->slots = xcalloc(loop->nslots, sizeof *loop->slots);
	for (unsigned i = 0; i < loop->nslots; i++) {
		struct slot *slot = &loop->slots[i];

		slot->loop = loop;
		slot->easy = curl_easy_init();
		if (slot->easy == NULL)
			return false;
		slot->next_free = loop->free;
		loop->free = slot;
	}
	return true;
}

static void
loop_destroy(struct s3_loop *loop)
{
	for (unsigned i = 0; loop->slots != NULL && i < loop->nslots; i++)
		curl_easy_cleanup(loop->slots[i].easy);
	if (loop->multi != NULL)
		curl_multi_cleanup(loop->multi);
	mutex_destroy(&loop->mutex);
	free(loop->slots);
	free(loop);
}

struct s3_loop *
s3_loop_new(const struct s3_loop_conf *conf, char *text, size_t text_cap)
{
	struct text why = text_of(text, text_cap);
	struct s3_loop *loop;
	struct text ca;

	if (conf->ca_file != NULL && (strlen(conf->ca_file) >= sizeof loop->ca_file ||
	    access(conf->ca_file, R_OK) != 0)) {
		text_addf(&why, "cannot read CA file %s", conf->ca_file);
		return NULL;
	}
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		text_add(&why, "libcurl did not start");
		return NULL;
	}
	loop = xcalloc(1, sizeof *loop);
	loop->conf = *conf;
	ca = text_of(loop->ca_file, sizeof loop->ca_file);
	text_add(&ca, conf->ca_file != NULL ? conf->ca_file : "");
	mutex_init(&loop->mutex, RANK_STORE, 1);
	list_init(&loop->submitted);
	list_init(&loop->waiting);
	loop->multi = curl_multi_init();
	if (loop->multi == NULL || !slots_make(loop)) {
		text_add(&why, "no memory for libcurl");
		loop_destroy(loop);
		return NULL;
	}
	curl_multi_setopt(loop->multi, CURLMOPT_MAXCONNECTS, (long)loop->nslots);
	thread_start(&loop->thread, "s3", 0, loop_run, loop);
	return loop;
}

void
s3_loop_free(struct s3_loop **loopp)
{
	struct s3_loop *loop = TAKE(loopp);

	mutex_lock(&loop->mutex);
	loop->stopping = true;
	mutex_unlock(&loop->mutex);
	curl_multi_wakeup(loop->multi);
	thread_join(&loop->thread);
	assert(loop->running == 0 && list_empty(&loop->waiting) && list_empty(&loop->submitted));
	loop_destroy(loop);
}

void
s3_loop_submit(struct s3_loop *loop, struct s3_request *r)
{
	r->running = NULL;
	r->failure = S3_ANSWERED;
	r->http = 0;
	r->text[0] = '\0';
	mutex_lock(&loop->mutex);
	list_push_back(&loop->submitted, &r->link);
	mutex_unlock(&loop->mutex);
	curl_multi_wakeup(loop->multi);
}

void
s3_loop_cancel(struct s3_loop *loop)
{
	atomic_store(&loop->cancels, true); /* after the request's own flag, which was set first */
	curl_multi_wakeup(loop->multi);
}

/* The body from the cursor on, as much as fits. */
static size_t
on_read(char *to, size_t size, size_t n, void *arg)
{
	struct s3_request *r = ((struct slot *)arg)->r;
	size_t room = size * n, done = 0;

	while (done < room && r->body != NULL && r->at_slice < r->body->n) {
		const struct slice *s = &r->body->v[r->at_slice];
		size_t part = MIN(room - done, (size_t)(s->len - r->at_byte));

		memcpy(to + done, s->at + r->at_byte, part);	/* into libcurl's send buffer */
		done += part;
		r->at_byte += (uint32_t)part;
		if (r->at_byte == s->len) {
			r->at_slice++;
			r->at_byte = 0;
		}
	}
	return done;
}

/* libcurl begins again on a new connection if a kept one turns out to be closed. */
static int
on_seek(void *arg, curl_off_t offset, int origin)
{
	struct s3_request *r = ((struct slot *)arg)->r;

	if (origin != SEEK_SET || offset != 0)
		return CURL_SEEKFUNC_CANTSEEK;
	r->at_slice = 0;
	r->at_byte = 0;
	r->sent_twice = true;
	return CURL_SEEKFUNC_OK;
}

static void
http_note(struct slot *slot)
{
	curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &slot->r->http);
}

static size_t
on_write(char *bytes, size_t size, size_t n, void *arg)
{
	struct slot *slot = arg;

	http_note(slot);
	return slot->r->sink(slot->r, (const uint8_t *)bytes, size * n) ? size * n : 0;
}

/* "Name: value\r\n"; what is longer than our bounds is of no interest to anybody here. */
static size_t
on_header(char *line, size_t size, size_t n, void *arg)
{
	struct slot *slot = arg;
	size_t len = size * n, colon = 0, from;
	char name[HEADER_NAME_MAX], value[HEADER_VALUE_MAX];

	while (colon < len && line[colon] != ':')
		colon++;
	if (colon == len || colon >= sizeof name)
		return len;
	for (size_t i = 0; i < colon; i++)
		name[i] = (char)tolower((unsigned char)line[i]);
	name[colon] = '\0';
	for (from = colon + 1; from < len && (line[from] == ' ' || line[from] == '\t'); from++)
		;
	while (len > from && strchr(" \t\r\n", line[len - 1]) != NULL)
		len--;
	if (len - from >= sizeof value)
		return size * n;
	memcpy(value, line + from, len - from);
	value[len - from] = '\0';
	http_note(slot);
	slot->r->header(slot->r, name, value);
	return size * n;
}

static bool
body_setup(struct slot *slot)
{
	struct s3_request *r = slot->r;
	CURL *easy = slot->easy;
	curl_off_t len = r->body != NULL ? (curl_off_t)r->body->len : 0;

	if (strcmp(r->method, "HEAD") == 0)
		return curl_easy_setopt(easy, CURLOPT_NOBODY, 1L) == CURLE_OK;
	if (strcmp(r->method, "PUT") == 0)
		return curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L) == CURLE_OK &&
		    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, len) == CURLE_OK;
	if (strcmp(r->method, "POST") == 0)
		return curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK &&
		    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, len) == CURLE_OK;
	return strcmp(r->method, "GET") == 0 ||
	    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, r->method) == CURLE_OK;
}

static bool
headers_setup(struct slot *slot)
{
	struct s3_request *r = slot->r;

	for (unsigned i = 0; i < r->nheaders; i++) {
		struct curl_slist *longer = curl_slist_append(slot->headers, r->headers[i]);

		if (longer == NULL)
			return false;
		slot->headers = longer;
	}
	return curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, slot->headers) == CURLE_OK;
}

static void
functions_setup(struct slot *slot)
{
	CURL *easy = slot->easy;

	curl_easy_setopt(easy, CURLOPT_PRIVATE, slot);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, slot->error);
	curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(easy, CURLOPT_READDATA, slot);
	curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
	curl_easy_setopt(easy, CURLOPT_SEEKDATA, slot);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, slot);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, slot);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)BUFFER_BYTES);
	curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)BUFFER_BYTES);
}

/* The settings that keep us safe; without any of them no request leaves. */
static bool
safety_setup(struct slot *slot)
{
	const struct s3_loop *loop = slot->loop;
	const struct s3_loop_conf *conf = &loop->conf;
	CURL *easy = slot->easy;

	return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
	    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
	    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
	    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) ==
	    CURLE_OK &&
	    (loop->ca_file[0] == '\0' ||
	    curl_easy_setopt(easy, CURLOPT_CAINFO, loop->ca_file) == CURLE_OK) &&
	    curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
	    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)conf->connect_ms) ==
	    CURLE_OK &&
	    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, (long)conf->stalled_bytes) ==
	    CURLE_OK &&
	    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)conf->stalled_s) == CURLE_OK;
}

static void
connection_setup(struct slot *slot)
{
	CURL *easy = slot->easy;

	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_IDLE_S);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_EVERY_S);
	curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)IDLE_CONNECTION_S);
}

static void
request_end(struct s3_request *r, enum s3_failure failure, const char *text)
{
	struct text t = text_of(r->text, sizeof r->text);

	r->failure = failure;
	text_add(&t, text);
	r->running = NULL;
	r->done(r);			/* r may be gone, or submitted again, from here on */
}

static void
slot_release(struct slot *slot)
{
	struct s3_loop *loop = slot->loop;

	curl_multi_remove_handle(loop->multi, slot->easy);
	curl_slist_free_all(slot->headers);
	slot->headers = NULL;
	slot->r = NULL;
	slot->next_free = loop->free;
	loop->free = slot;
	loop->running--;
}

static void
slot_end(struct slot *slot, enum s3_failure failure, const char *text)
{
	struct s3_request *r = slot->r;
	char said[CURL_ERROR_SIZE];
	struct text t = text_of(said, sizeof said);

	text_add(&t, text);		/* it may lie in the handle's own buffer */
	slot_release(slot);
	request_end(r, failure, said);
}

/* Begin a request; what cannot be set up fails without having been sent. */
static void
request_begin(struct s3_loop *loop, struct s3_request *r, uint64_t now)
{
	struct slot *slot = loop->free;
	uint64_t left_ms = r->deadline_ns > now ? (r->deadline_ns - now) / NS_PER_MS + 1 : 1;

	list_remove(&r->link);
	r->nheaders = 0;
	r->body = NULL;
	if (!r->prepare(r)) {
		request_end(r, S3_CANCELED, "the request could not be made");
		return;
	}
	loop->free = slot->next_free;
	loop->running++;
	slot->r = r;
	slot->error[0] = '\0';
	r->running = slot;
	r->sent_twice = false;
	r->at_slice = 0;
	r->at_byte = 0;
	r->begun_ns = now;
	curl_easy_reset(slot->easy);
	functions_setup(slot);
	connection_setup(slot);
	if (r->deadline_ns != 0)
		curl_easy_setopt(slot->easy, CURLOPT_TIMEOUT_MS, (long)MIN(left_ms, 1u << 30));
	if (!safety_setup(slot) || !body_setup(slot) || !headers_setup(slot) ||
	    curl_easy_setopt(slot->easy, CURLOPT_URL, r->url) != CURLE_OK ||
	    curl_multi_add_handle(loop->multi, slot->easy) != CURLM_OK)
		slot_end(slot, S3_NO_CONNECTION, "libcurl refused the request");
}

static bool
late(const struct s3_request *r, uint64_t now)
{
	return r->deadline_ns != 0 && now >= r->deadline_ns;
}

/*
 * Begin what is due, in order, while handles are free; end what is late or canceled.  A done()
 * may submit again, but that goes to submitted, never to this list: the walk stays safe.
 */
static void
waiting_walk(struct s3_loop *loop, uint64_t now)
{
	LIST_EACH(link, &loop->waiting) {
		struct s3_request *r = container_of(link, struct s3_request, link);

		if (atomic_load(&r->canceled)) {
			list_remove(&r->link);
			request_end(r, S3_CANCELED, "");
		} else if (late(r, now)) {
			list_remove(&r->link);
			request_end(r, S3_LATE, "its turn did not come in time");
		} else if (r->not_before_ns <= now && loop->free != NULL) {
			request_begin(loop, r, now);
		}
	}
}

static void
running_cancel(struct s3_loop *loop)
{
	if (!atomic_exchange(&loop->cancels, false))
		return;
	for (unsigned i = 0; i < loop->nslots; i++)
		if (loop->slots[i].r != NULL && atomic_load(&loop->slots[i].r->canceled))
			slot_end(&loop->slots[i], S3_CANCELED, "");
}

/* What libcurl says about an end without an answer. */
static enum s3_failure
failure_of(const struct slot *slot, CURLcode code)
{
	const struct s3_request *r = slot->r;

	switch ((int)code) {
	case CURLE_OK:
		return S3_ANSWERED;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_URL_MALFORMAT:
		return S3_NO_CONNECTION;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return S3_UNTRUSTED;
	case CURLE_OPERATION_TIMEDOUT:
		return late(r, clock_mono_ns()) ? S3_LATE : S3_STALLED;
	case CURLE_WRITE_ERROR:
		return S3_SINK_FULL;
	case CURLE_ABORTED_BY_CALLBACK:
		return S3_CANCELED;
	}
	return S3_BROKEN;
}

static void
ended_walk(struct s3_loop *loop)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(loop->multi, &left)) != NULL) {
		CURLcode code = message->data.result;
		struct slot *slot;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&slot);
		http_note(slot);
		slot_end(slot, failure_of(slot, code),
		    code == CURLE_OK ? "" :
		    slot->error[0] != '\0' ? slot->error : curl_easy_strerror(code));
	}
}

/* Until when nothing can happen by itself, in ms from now. */
static int
sleep_ms(struct s3_loop *loop, uint64_t now)
{
	uint64_t until = now + SLEEP_MOST_MS * NS_PER_MS;

	LIST_EACH(link, &loop->waiting) {
		struct s3_request *r = container_of(link, struct s3_request, link);

		if (r->deadline_ns != 0)
			until = MIN(until, r->deadline_ns);
		if (r->not_before_ns > now)
			until = MIN(until, r->not_before_ns);
		else if (loop->free != NULL)	/* else an end will wake us */
			return 0;
	}
	return until <= now ? 0 : (int)((until - now + NS_PER_MS - 1) / NS_PER_MS);
}

/* Take over what was submitted; false when the loop is to end. */
static bool
submitted_take(struct s3_loop *loop)
{
	bool stopping;

	mutex_lock(&loop->mutex);
	list_splice_back(&loop->waiting, &loop->submitted);
	stopping = loop->stopping;
	mutex_unlock(&loop->mutex);
	return !stopping;
}

static void
loop_run(void *arg)
{
	struct s3_loop *loop = arg;
	int handles;

	while (submitted_take(loop)) {
		running_cancel(loop);
		waiting_walk(loop, clock_mono_ns());
		if (curl_multi_perform(loop->multi, &handles) != CURLM_OK)
			panic("libcurl's multi handle is broken");
		ended_walk(loop);
		curl_multi_poll(loop->multi, NULL, 0, sleep_ms(loop, clock_mono_ns()), NULL);
	}
}
