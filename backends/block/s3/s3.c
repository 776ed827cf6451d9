/*
 * The store: opened from a configuration, it gives every call an op of its own and that to the
 * loop.  An op is on the list from start() until just before its call's done().
 */
#include "backends/block/s3/inner.h"

#include "backends/block/call.h"
#include "crypto/secret.h"
#include "pipeline/base/log.h"
#include "pipeline/base/panic.h"

#include <stdlib.h>
#include <string.h>

#define PUT_BYTES_MAX (5ull << 30)	/* of one request, says the protocol */
#define OBJECT_BYTES_MAX (5ull << 40)

enum { STALLED_BYTES = 1024, ATTEMPTS_LIMIT = 32, PART_BYTES_MIN = 5 << 20 };

static const struct preset {
	const char *kind;
	bool path_style, conditional;
} presets[] = {
#define PRESET(kind, path_style, conditional) { kind, path_style, conditional },
#include "backends/block/s3/preset.def"
#undef PRESET
};

void
s3_conf_init(struct s3_conf *conf)
{
	*conf = (struct s3_conf){ .region = "us-east-1", .prefix = "", .conditional = true,
	    .connections_max = 32, .attempts_max = 6, .connect_ms = 5000, .stalled_s = 20,
	    .part_bytes = 16 << 20, .parts_above = 64 << 20 };
}

bool
s3_conf_preset(struct s3_conf *conf, const char *kind)
{
	for (size_t i = 0; i < ARRAY_LEN(presets); i++)
		if (strcmp(presets[i].kind, kind) == 0) {
			conf->path_style = presets[i].path_style;
			conf->conditional = presets[i].conditional;
			return true;
		}
	return false;
}

static enum status
call_check(const struct block_call *call)
{
	enum status st = block_call_check(call);

	if (st == OK && call->kind == BLOCK_PUT && call->body.len > OBJECT_BYTES_MAX)
		st = ST_FBIG;
	return st;
}

static void
s3_start(struct block_store *s, struct block_call *call)
{
	struct s3_store *store = (struct s3_store *)s;
	struct s3_op *op = xcalloc(1, sizeof *op);
	uint8_t id[S3_PUT_ID_BYTES];
	struct text hex = text_of(op->put_id, sizeof op->put_id);
	bool go;

	block_call_begin(s, call);
	op->store = store;
	op->call = call;
	op->refused = call_check(call);
	secret_random(id, sizeof id);
	text_hex(&hex, id, sizeof id);
	op->r.prepare = s3_ask_prepare;
	op->r.header = s3_answer_header;
	op->r.sink = s3_answer_sink;
	op->r.done = s3_answer_done;
	op->r.deadline_ns = call->deadline_ns;
	if (op->refused == OK && call->kind == BLOCK_PUT && call->body.len > store->parts_above)
		s3_parts_begin(op);
	mutex_lock(&store->mutex);
	list_push_back(&store->ops, &op->link);
	go = store->source == NULL || s3_source_ready_locked(store->source, op);
	mutex_unlock(&store->mutex);
	if (go)
		s3_loop_submit(store->loop, &op->r);
}

/* The call is looked up, not followed: it may have ended while its owner made up his mind. */
static void
s3_cancel(struct block_store *s, struct block_call *call)
{
	struct s3_store *store = (struct s3_store *)s;

	mutex_lock(&store->mutex);
	LIST_EACH(link, &store->ops) {
		struct s3_op *op = container_of(link, struct s3_op, link);

		if (op->call == call)
			atomic_store(&op->r.canceled, true);
	}
	mutex_unlock(&store->mutex);
	s3_loop_cancel(store->loop);
}

/* Answers that a caller may well expect are none of the operator's business. */
static bool
worth_a_line(enum status st)
{
	return st != OK && st != ST_NOENT && st != ST_EXIST && st != ST_CANCELED &&
	    st != ST_TOOSMALL && st != ST_INVAL;
}

void
s3_op_end(struct s3_op *op, enum status status)
{
	struct s3_store *store = op->store;
	struct block_call *call = op->call;

	call->status = status;
	if (worth_a_line(status))
		log_warn("s3.failed", F_HEX("request", call->request), F_STR("name", call->name),
		    F_STR("why", call->text), F_U64("attempts", op->attempts),
		    F_STR("server_request", op->answer.server_id));
	mutex_lock(&store->mutex);
	list_remove(&op->link);
	if (list_empty(&store->ops))
		cond_broadcast(&store->idle);
	mutex_unlock(&store->mutex);
	s3_parts_free(op);
	free(op->page);
	free(op);
	block_call_end(&store->base, call);	/* close() still waits: it joins this thread */
}

static void
store_destroy(struct s3_store *store)
{
	s3_source_free(&store->source);
	secret_free((void **)&store->secrets);
	cond_destroy(&store->idle);
	mutex_destroy(&store->mutex);
	free(store);
}

static void
s3_close(struct block_store *s)
{
	struct s3_store *store = (struct s3_store *)s;

	mutex_lock(&store->mutex);
	while (!list_empty(&store->ops) ||
	    (store->source != NULL && !s3_source_idle_locked(store->source)))
		cond_wait(&store->idle, &store->mutex);
	mutex_unlock(&store->mutex);
	s3_loop_free(&store->loop);
	store_destroy(store);
}

static const struct block_store_ops s3_ops = {
	.kind = "s3", .durable = true, .local = false,
	.start = s3_start, .cancel = s3_cancel, .close = s3_close,
};

/* Copy a setting; false where it is missing or too long, or where it could break a header. */
static bool
take(const char *from, char *to, size_t cap, bool may_be_empty)
{
	struct text t = text_of(to, cap);

	if (from == NULL || from[0] == '\0')
		return may_be_empty;
	for (const char *p = from; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	text_add(&t, from);
	return !t.cut;
}

static const char *
conf_take(const struct s3_conf *conf, struct s3_store *store)
{
	struct s3_secrets *secrets = store->secrets;

	if (conf->url == NULL || conf->bucket == NULL || conf->prefix == NULL ||
	    s3_endpoint_parse(conf->url, conf->bucket, conf->prefix, conf->path_style,
	    &store->endpoint) != OK)
		return "url, bucket or prefix is not legal";
	if (!take(conf->region, store->region, sizeof store->region, false))
		return "region is not legal";
	if (conf->fetch == S3_FETCH_NONE &&
	    (!take(conf->access_key, secrets->access, sizeof secrets->access, false) ||
		!take(conf->secret_key, secrets->secret, sizeof secrets->secret, false) ||
		!take(conf->token, secrets->token, sizeof secrets->token, true)))
		return "access key, secret key or token is missing or not legal";
	if (conf->connections_max < 1 || conf->connections_max > S3_CONNECTIONS_MAX ||
	    conf->attempts_max < 1 || conf->attempts_max > ATTEMPTS_LIMIT ||
	    conf->connect_ms < 1 || conf->stalled_s < 1 || conf->part_bytes < PART_BYTES_MIN ||
	    conf->part_bytes > PUT_BYTES_MAX || conf->parts_above > PUT_BYTES_MAX)
		return "connections, attempts, times or sizes are out of range";
	store->conditional = conf->conditional;
	store->sign_payload = conf->sign_payload;
	store->attempts_max = conf->attempts_max;
	store->part_bytes = conf->part_bytes;
	store->parts_above = conf->parts_above;
	return NULL;
}

enum status
s3_store_open(const struct s3_conf *conf, char text[160], struct block_store **storep)
{
	const struct s3_loop_conf loop_conf = { conf->ca_file, conf->connections_max,
	    conf->connect_ms, conf->stalled_s, STALLED_BYTES };
	struct text why = text_of(text, 160);
	struct s3_store *store = xcalloc(1, sizeof *store);
	const char *wrong;

	store->base.ops = &s3_ops;
	mutex_init(&store->mutex, RANK_STORE, 0);
	cond_init(&store->idle);
	list_init(&store->ops);
	store->secrets = secret_new(sizeof *store->secrets);
	if (store->secrets == NULL)
		panic("no memory for secrets");
	wrong = conf_take(conf, store);
	if (wrong != NULL)
		text_add(&why, wrong);
	else
		store->loop = s3_loop_new(&loop_conf, text, 160);
	if (store->loop == NULL) {
		store_destroy(store);
		return ST_INVAL;
	}
	if (conf->fetch != S3_FETCH_NONE)
		store->source = s3_source_new(store, conf);
	*storep = &store->base;
	return OK;
}
