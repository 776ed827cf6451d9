/*
 * The store against a real server, where the environment names one: S3_ENDPOINT, S3_REGION,
 * S3_ACCESS_KEY, S3_SECRET_KEY, S3_BUCKET, and for TLS S3_TLS_ENDPOINT with S3_CA, which an
 * S3_ENDPOINT that is https needs too.  The bucket is made if it is not there; each run works below
 * a prefix of its own and removes what it put.
 */
#include "backends/block/s3/curl_loop.h"
#include "backends/block/s3/s3.h"
#include "backends/block/s3/sigv4.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/rand.h"
#include "tests/lib/check.h"
#include "tests/unit/backends/block/s3/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 1100, BIG = 16 << 20, AT_ONCE = 8 };

static char prefix[64];

static const char *
setting(const char *name)
{
	const char *value = getenv(name);

	if (value == NULL)
		check_skip("%s is not set", name);
	return value;
}

/* One presigned request, waited for. */
struct plain {
	struct s3_request r;
	struct waiter w;
	const char *method;
	char url[4096];
};

static bool
plain_prepare(struct s3_request *r)
{
	r->method = ((struct plain *)r)->method;
	r->url = ((struct plain *)r)->url;
	return true;
}

static void
plain_header(struct s3_request *r, const char *name, const char *value)
{
	(void)r, (void)name, (void)value;
}

static bool
plain_sink(struct s3_request *r, const uint8_t *bytes, size_t len)
{
	(void)r, (void)bytes, (void)len;
	return true;
}

static void
plain_done(struct s3_request *r)
{
	struct plain *p = (struct plain *)r;

	p->w.call.done(&p->w.call);
}

static long
plain_run(const char *method, const char *url)
{
	const struct s3_loop_conf conf = { getenv("S3_CA"), 1, 5000, 10, 1 };
	struct plain p = { .method = method };
	char text[160];
	struct s3_loop *loop = s3_loop_new(&conf, text, sizeof text);

	snprintf(p.url, sizeof p.url, "%s", url);
	waiter_init(&p.w, BLOCK_HEAD, "");
	p.r.prepare = plain_prepare;
	p.r.header = plain_header;
	p.r.sink = plain_sink;
	p.r.done = plain_done;
	s3_loop_submit(loop, &p.r);
	waiter_wait(&p.w);
	s3_loop_free(&loop);
	waiter_drop(&p.w);
	return p.r.http;
}

/* An address good for a minute; path begins with a slash. */
static const char *
presigned(const char *method, const char *path)
{
	static char url[4096];
	const char *endpoint = setting("S3_ENDPOINT");
	const struct s3_key key = { setting("S3_ACCESS_KEY"), setting("S3_SECRET_KEY"), NULL,
	    setting("S3_REGION"), "s3" };
	const struct s3_pair host = { "host", strstr(endpoint, "://") + 3 };
	char stamp[S3_STAMP_BYTES];
	const struct s3_signing s = { method, path, NULL, 0, &host, 1, S3_UNSIGNED_PAYLOAD, stamp };
	struct text t = text_of(url, sizeof url);

	s3_sigv4_stamp(clock_wall_ns(), stamp);
	text_addf(&t, "%s%s?", endpoint, path);
	EQ(s3_sigv4_presign(&key, &s, 60, &t), OK);
	return url;
}

static struct s3_conf
conf_live(void)
{
	struct s3_conf c;

	if (prefix[0] == '\0')
		snprintf(prefix, sizeof prefix, "run-%016llx", (unsigned long long)rand_u64());
	s3_conf_init(&c);
	c.url = setting("S3_ENDPOINT");
	c.region = setting("S3_REGION");
	c.bucket = setting("S3_BUCKET");
	c.access_key = setting("S3_ACCESS_KEY");
	c.secret_key = setting("S3_SECRET_KEY");
	c.ca_file = getenv("S3_CA");
	c.prefix = prefix;
	c.path_style = true;
	return c;
}

static struct block_store *
opened(const struct s3_conf *c)
{
	struct block_store *s = NULL;
	char text[160];

	if (s3_store_open(c, text, &s) != OK)
		check_fail(__FILE__, __LINE__, "%s", text);
	return s;
}

static void
want(struct block_store *s, struct waiter *w, enum status st)
{
	if (waiter_run(s, w) != st)
		check_fail(__FILE__, __LINE__, "%s, not %s: %s", status_name(w->call.status),
		    status_name(st), w->call.text);
}

static void
simple(struct block_store *s, enum block_call_kind kind, const char *name, enum status st)
{
	static uint8_t into[64];
	struct waiter w;

	waiter_init(&w, kind, name);
	w.call.into = into;
	w.call.into_cap = sizeof into;
	want(s, &w, st);
	waiter_drop(&w);
}

static void
put(struct block_store *s, const char *name, const char *bytes, bool if_absent, enum status st)
{
	struct waiter w;

	waiter_init(&w, BLOCK_PUT, name);
	waiter_body(&w, bytes, strlen(bytes));
	w.call.if_absent = if_absent;
	want(s, &w, st);
	waiter_drop(&w);
}

static void
get(struct block_store *s, const char *name, uint64_t offset, uint64_t len, const char *bytes)
{
	char into[256];
	struct waiter w;

	waiter_init(&w, BLOCK_GET, name);
	w.call.offset = offset;
	w.call.len = len;
	w.call.into = (uint8_t *)into;
	w.call.into_cap = sizeof into;
	want(s, &w, OK);
	EQ(w.call.got, strlen(bytes));
	EQ_MEM(into, bytes, strlen(bytes));
	waiter_drop(&w);
}

/* What every kind of address must be able to do. */
static void
life_of_an_object(struct block_store *s, const char *name)
{
	struct waiter w;

	put(s, name, "0123456789", true, OK);
	put(s, name, "again", true, ST_EXIST);
	get(s, name, 0, 0, "0123456789");
	get(s, name, 3, 4, "3456");
	get(s, name, 7, 100, "789");
	get(s, name, 7, 0, "789");
	get(s, name, 10, 5, "");
	put(s, name, "over", false, OK);
	get(s, name, 0, 0, "over");
	waiter_init(&w, BLOCK_HEAD, name);
	want(s, &w, OK);
	EQ(w.call.got, 4);
	waiter_drop(&w);
	simple(s, BLOCK_DEL, name, OK);
	simple(s, BLOCK_DEL, name, OK);
	simple(s, BLOCK_GET, name, ST_NOENT);
	simple(s, BLOCK_HEAD, name, ST_NOENT);
}

CASE(a_presigned_put_makes_the_bucket)
{
	char path[128];
	long http;

	snprintf(path, sizeof path, "/%s", setting("S3_BUCKET"));
	http = plain_run("PUT", presigned("PUT", path));
	TRUE(http == 200 || http == 409);
}

CASE(a_presigned_get_fetches_and_a_changed_one_does_not)
{
	struct s3_conf c = conf_live();
	struct block_store *s = opened(&c);
	char path[256], url[4096];

	put(s, "signed", "x", false, OK);
	snprintf(path, sizeof path, "/%s/%s/signed", c.bucket, prefix);
	EQ(plain_run("GET", presigned("GET", path)), 200);
	snprintf(url, sizeof url, "%s", presigned("GET", path));
	url[strlen(url) - 1] ^= 1;
	EQ(plain_run("GET", url), 403);
	simple(s, BLOCK_DEL, "signed", OK);
	s->ops->close(s);
}

CASE(objects_live_and_die_by_path_style)
{
	struct s3_conf c = conf_live();
	struct block_store *s = opened(&c);

	life_of_an_object(s, "a/b-c.d");
	life_of_an_object(s, "odd name+with %25 \xc3\xa4 & ~ =?");
	s->ops->close(s);
}

CASE(objects_live_and_die_by_virtual_host_style)
{
	struct s3_conf c = conf_live();
	struct block_store *s;
	const char *host = strstr(c.url, "://127.0.0.1:");
	char url[128];

	if (host == NULL)
		check_skip("only where the server is known as localhost");
	snprintf(url, sizeof url, "%.*s://localhost%s", (int)(host - c.url), c.url,
	    strrchr(host, ':'));
	c.url = url;
	c.path_style = false;
	s = opened(&c);
	life_of_an_object(s, "virtual/host");
	s->ops->close(s);
}

CASE(objects_live_and_die_over_tls_and_a_stranger_is_not_trusted)
{
	struct s3_conf c = conf_live();
	struct block_store *s;

	c.url = setting("S3_TLS_ENDPOINT");
	c.ca_file = setting("S3_CA");
	s = opened(&c);
	life_of_an_object(s, "over/tls");
	s->ops->close(s);
	c.sign_payload = true;
	s = opened(&c);
	life_of_an_object(s, "over/tls");
	s->ops->close(s);
	c.ca_file = NULL;
	s = opened(&c);
	simple(s, BLOCK_HEAD, "over/tls", ST_ACCES);
	s->ops->close(s);
}

CASE(wrong_keys_and_a_missing_bucket_are_told_apart)
{
	struct s3_conf c = conf_live();
	struct block_store *s;

	c.secret_key = "wrong";
	s = opened(&c);
	simple(s, BLOCK_GET, "x", ST_ACCES);
	s->ops->close(s);
	c = conf_live();
	c.bucket = "there-is-no-such-bucket";
	s = opened(&c);
	simple(s, BLOCK_GET, "x", ST_NODEV);
	s->ops->close(s);
}

/* Start n calls of a kind at once, names "many/0000" on, and wait for all. */
static void
all_at_once(struct block_store *s, struct waiter *w, enum block_call_kind kind)
{
	for (int i = 0; i < MANY; i++) {
		char name[32];

		snprintf(name, sizeof name, "many/%04d", i);
		waiter_init(&w[i], kind, name);
		s->ops->start(s, &w[i].call);
	}
	for (int i = 0; i < MANY; i++) {
		waiter_wait(&w[i]);
		EQ(w[i].call.status, OK);
		EQ(w[i].done, 1);
		waiter_drop(&w[i]);
	}
}

CASE(a_walk_sees_every_object_once_over_several_pages)
{
	struct s3_conf c = conf_live();
	struct block_store *s = opened(&c);
	struct waiter *w = xcalloc(MANY, sizeof *w), walk;

	all_at_once(s, w, BLOCK_PUT);
	put(s, "other", "x", false, OK);
	waiter_init(&walk, BLOCK_WALK, "many/");
	want(s, &walk, OK);
	EQ(walk.count, MANY);
	EQ_MEM(walk.names, "many/0000=0;many/0001=0;", 24);
	waiter_drop(&walk);
	all_at_once(s, w, BLOCK_DEL);
	simple(s, BLOCK_DEL, "other", OK);
	waiter_init(&walk, BLOCK_WALK, "");
	want(s, &walk, OK);
	EQ_STR(walk.names, "");
	waiter_drop(&walk);
	free(w);
	s->ops->close(s);
}

static void
round_of(struct block_store *s, struct waiter *w, const char *what)
{
	uint64_t begun = clock_mono_ns(), took;

	for (int i = 0; i < AT_ONCE; i++) {
		w[i].done = 0;
		s->ops->start(s, &w[i].call);
	}
	for (int i = 0; i < AT_ONCE; i++) {
		waiter_wait(&w[i]);
		if (w[i].call.status != OK)
			check_fail(__FILE__, __LINE__, "%s: %s %s", what,
			    status_name(w[i].call.status), w[i].call.text);
	}
	took = clock_mono_ns() - begun;
	if (strcmp(what, "DELETE") != 0)
		printf("# %s of %d x %d MiB: %.0f MB/s\n", what, AT_ONCE, BIG >> 20,
		    (double)AT_ONCE * BIG / ((double)took / 1e9) / 1e6);
}

CASE(containers_go_and_come_back_whole)
{
	struct s3_conf c = conf_live();
	struct block_store *s = opened(&c);
	char *bytes = xmalloc(BIG), *into = xmalloc((size_t)AT_ONCE * BIG), name[32];
	struct waiter w[AT_ONCE];

	for (int i = 0; i < BIG; i += 8) {
		uint64_t r = rand_u64();

		memcpy(bytes + i, &r, 8);
	}
	for (int i = 0; i < AT_ONCE; i++) {
		snprintf(name, sizeof name, "big/%d", i);
		waiter_init(&w[i], BLOCK_PUT, name);
		waiter_body(&w[i], bytes, BIG);
		w[i].call.if_absent = true;
	}
	round_of(s, w, "PUT");
	for (int i = 0; i < AT_ONCE; i++) {
		chain_clear(&w[i].call.body);
		w[i].call.kind = BLOCK_GET;
		w[i].call.into = (uint8_t *)into + (size_t)i * BIG;
		w[i].call.into_cap = BIG;
	}
	round_of(s, w, "GET");
	for (int i = 0; i < AT_ONCE; i++) {
		EQ(w[i].call.got, BIG);
		TRUE(memcmp(into + (size_t)i * BIG, bytes, BIG) == 0);
		w[i].call.kind = BLOCK_DEL;
	}
	round_of(s, w, "DELETE");
	for (int i = 0; i < AT_ONCE; i++)
		waiter_drop(&w[i]);
	free(bytes);
	free(into);
	s->ops->close(s);
}
