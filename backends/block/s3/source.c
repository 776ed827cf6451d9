/*
 * One fetch at a time, in one to three requests on the store's own loop; what it brings is put
 * in place on the loop's thread, which alone reads it to sign.  A fetch begins when a call finds
 * credentials gone, or soon to go: then the call goes on with the old ones.
 */
#include "backends/block/s3/source.h"

#include "backends/block/s3/inner.h"

#include "crypto/secret.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ANSWER_MAX = 16 << 10, REQUEST_S = 10, RENEW_S = 300, MARGIN_S = 30, TOKEN_FILE_MAX = 8192,
	FORM_MAX = 32 << 10 };

enum step { STEP_ONLY, STEP_TOKEN, STEP_ROLE, STEP_KEYS };

struct s3_source {
	struct s3_request r;		/* first */
	struct s3_store *store;
	enum s3_fetch fetch;
	char base[1024], file[1024], role[256], given[S3_CREDENTIAL_TOKEN_MAX];

	/* the store's mutex */
	bool running;
	struct list waiting;		/* ops, by their requests' links */
	uint64_t until_s;		/* wall clock; 0: none yet */

	/* the running fetch's */
	enum step step;
	char url[1600], line[TOKEN_FILE_MAX + 64], form[FORM_MAX], token[1024];
	struct chain body;
	char answer[ANSWER_MAX];
	size_t answer_len;
	bool bad;
};

/* A small file whole, without the line's end; false: cannot be read. */
static bool
read_file(const char *path, char *to, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, to, cap - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0 || (size_t)n == cap - 1)
		return false;
	while (n > 0 && strchr("\r\n", to[n - 1]) != NULL)
		n--;
	to[n] = '\0';
	return n > 0 && strlen(to) == (size_t)n;
}

static bool
make_form(struct s3_source *src)
{
	struct text t = text_of(src->form, sizeof src->form);
	char token[TOKEN_FILE_MAX];

	if (!read_file(src->file, token, sizeof token))
		return false;
	text_add(&t, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15"
	    "&RoleSessionName=dittofs&RoleArn=");
	s3_sigv4_encode(&t, src->role, false);
	text_add(&t, "&WebIdentityToken=");
	s3_sigv4_encode(&t, token, false);
	secret_wipe(token, sizeof token);
	return !t.cut;
}

/* What the next request is; on the caller's thread or the loop's. */
static void
make_step(struct s3_source *src)
{
	struct text url = text_of(src->url, sizeof src->url);
	struct text line = text_of(src->line, sizeof src->line);

	text_add(&url, src->base);
	switch (src->step) {
	case STEP_ONLY:
		if (src->fetch == S3_FETCH_WEB) {
			src->bad |= !make_form(src);
			text_add(&line, "Content-Type: application/x-www-form-urlencoded");
		} else if (src->given[0] != '\0') {
			text_addf(&line, "Authorization: %s", src->given);
		} else if (src->file[0] != '\0') {
			char token[TOKEN_FILE_MAX];

			src->bad |= !read_file(src->file, token, sizeof token);
			text_addf(&line, "Authorization: %s", token);
			secret_wipe(token, sizeof token);
		}
		break;
	case STEP_TOKEN:
		text_add(&url, "/latest/api/token");
		text_add(&line, "X-aws-ec2-metadata-token-ttl-seconds: 600");
		break;
	case STEP_ROLE:
	case STEP_KEYS:
		text_addf(&url, "/latest/meta-data/iam/security-credentials/%s",
		    src->step == STEP_KEYS ? src->role : "");
		text_addf(&line, "X-aws-ec2-metadata-token: %s", src->token);
		break;
	}
	src->bad |= url.cut || line.cut;
}

static bool
prepare(struct s3_request *r)
{
	struct s3_source *src = (struct s3_source *)r;
	bool form = src->fetch == S3_FETCH_WEB;

	r->method = form ? "POST" : src->step == STEP_TOKEN ? "PUT" : "GET";
	r->url = src->url;
	if (src->line[0] != '\0')
		r->headers[r->nheaders++] = src->line;
	chain_init(&src->body);
	if (form && chain_push(&src->body, NULL,
	    slice_of(src->form, (uint32_t)strlen(src->form))) != OK)
		return false;
	r->body = form || src->step == STEP_TOKEN ? &src->body : NULL;
	src->answer_len = 0;
	return !src->bad;
}

static void
header(struct s3_request *r, const char *name, const char *value)
{
	(void)r, (void)name, (void)value;
}

static bool
sink(struct s3_request *r, const uint8_t *bytes, size_t len)
{
	struct s3_source *src = (struct s3_source *)r;

	if (len > sizeof src->answer - 1 - src->answer_len)
		return false;
	memcpy(src->answer + src->answer_len, bytes, len);
	src->answer_len += len;
	return true;
}

static void
go(struct s3_source *src, enum step step)
{
	src->step = step;
	src->r.prepare = prepare;
	src->r.header = header;
	src->r.sink = sink;
	src->r.deadline_ns = clock_mono_ns() + REQUEST_S * NS_PER_S;
	make_step(src);
	s3_loop_submit(src->store->loop, &src->r);
}

/* The first line of the answer, which must be a word. */
static bool
take_word(struct s3_source *src, char *to, size_t cap)
{
	struct text t = text_of(to, cap);

	src->answer[src->answer_len] = '\0';
	text_addn(&t, src->answer, strcspn(src->answer, "\r\n"));
	for (size_t i = 0; i < t.len; i++)
		if (to[i] <= ' ' || to[i] > '~')
			return false;
	return t.len > 0 && !t.cut;
}

static void
install(struct s3_source *src, const struct s3_grant *g)
{
	struct s3_secrets *to = src->store->secrets;

	memcpy(to->access, g->access, sizeof to->access);
	memcpy(to->secret, g->secret, sizeof to->secret);
	memcpy(to->token, g->token, sizeof to->token);
}

/* It is over: who waited goes on, or is refused. */
static void
finish(struct s3_source *src, const struct s3_grant *g)
{
	struct s3_store *store = src->store;
	struct list waiting;

	list_init(&waiting);
	if (g != NULL)
		install(src, g);
	else
		log_warn("s3.credentials", F_STR("url", src->base), F_I64("http", src->r.http));
	secret_wipe(src->answer, sizeof src->answer);
	secret_wipe(src->form, sizeof src->form);
	secret_wipe(src->line, sizeof src->line);
	mutex_lock(&store->mutex);
	src->until_s = g != NULL ? g->until_s : src->until_s;
	src->running = false;
	list_splice_back(&waiting, &src->waiting);
	LIST_EACH(link, &waiting) {
		struct s3_op *op = (struct s3_op *)container_of(link, struct s3_request, link);

		if (g == NULL && op->refused == OK)
			op->refused = ST_ACCES;
		list_remove(link);
		s3_loop_submit(store->loop, &op->r);
	}
	if (list_empty(&store->ops))
		cond_broadcast(&store->idle);
	mutex_unlock(&store->mutex);
}

static void
done(struct s3_request *r)
{
	struct s3_source *src = (struct s3_source *)r;
	bool good = r->failure == S3_ANSWERED && r->http == 200 && !src->bad;
	struct s3_grant g;
	enum status st;

	if (good && src->step == STEP_TOKEN &&
	    take_word(src, src->token, sizeof src->token)) {
		go(src, STEP_ROLE);
		return;
	}
	if (good && src->step == STEP_ROLE && take_word(src, src->role, sizeof src->role)) {
		go(src, STEP_KEYS);
		return;
	}
	st = !good || src->step == STEP_TOKEN || src->step == STEP_ROLE ? ST_ACCES :
	    src->fetch == S3_FETCH_WEB ? s3_grant_of_xml(src->answer, src->answer_len, &g) :
	    s3_grant_of_json(src->answer, src->answer_len, &g);
	finish(src, st == OK ? &g : NULL);
	if (st == OK)
		secret_wipe(&g, sizeof g);
}

struct s3_source *
s3_source_new(struct s3_store *store, const struct s3_conf *conf)
{
	struct s3_source *src = xcalloc(1, sizeof *src);
	struct text t = text_of(src->base, sizeof src->base);

	text_add(&t, conf->fetch_url);
	t = text_of(src->file, sizeof src->file);
	text_add(&t, conf->fetch_file);
	t = text_of(src->role, sizeof src->role);
	text_add(&t, conf->fetch_role);
	t = text_of(src->given, sizeof src->given);
	text_add(&t, conf->fetch_token);
	src->store = store;
	src->fetch = conf->fetch;
	src->r.done = done;
	list_init(&src->waiting);
	return src;
}

void
s3_source_free(struct s3_source **sp)
{
	struct s3_source *src = TAKE(sp);

	if (src == NULL)
		return;
	secret_wipe(src, sizeof *src);
	free(src);
}

bool
s3_source_ready_locked(struct s3_source *src, struct s3_op *op)
{
	uint64_t now = clock_wall_ns() / NS_PER_S;

	if (now + RENEW_S >= src->until_s && !src->running) {
		src->running = true;
		src->bad = false;
		go(src, src->fetch == S3_FETCH_INSTANCE ? STEP_TOKEN : STEP_ONLY);
	}
	if (now + MARGIN_S < src->until_s)
		return true;
	list_push_back(&src->waiting, &op->r.link);
	return false;
}

bool
s3_source_idle_locked(const struct s3_source *src)
{
	return !src->running;
}

void
s3_source_ended(struct s3_source *src)
{
	mutex_lock(&src->store->mutex);
	src->until_s = 0;
	mutex_unlock(&src->store->mutex);
}
