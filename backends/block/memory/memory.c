/*
 * Objects in one sorted array.  An object does not change: a PUT over it puts another in its
 * place, and who reads the old one holds a reference.
 */
#include "backends/block/memory/memory.h"

#include "backends/block/call.h"
#include "backends/block/pool.h"
#include "backends/conf.h"
#include "pipeline/base/mutex.h"
#include "pipeline/base/ref.h"

#include <stdlib.h>
#include <string.h>

#define BYTES_MOST (1ull << 40)

enum { THREADS = 4 };	/* two for reads alone, two for whatever there is; pool.h */

struct object {
	struct ref refs;
	uint64_t len;
	char name[BLOCK_NAME_MAX];
	uint8_t bytes[];
};

struct store {
	struct block_pooled pooled;	/* first */
	struct mutex mutex;		/* objects */
	struct object **v;		/* in the order of their names */
	size_t n, cap;
	uint64_t bytes, bytes_max;
};

static void
object_put(struct object *o)
{
	if (o != NULL && ref_drop(&o->refs))
		free(o);
}

/* Where a name is, or would be. */
static size_t
place_locked(const struct store *s, const char *name, bool *is)
{
	size_t low = 0, high = s->n;

	*is = false;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strcmp(s->v[mid]->name, name);

		if (order == 0) {
			*is = true;
			return mid;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct object *
find(struct store *s, const char *name)
{
	struct object *o = NULL;
	size_t at;
	bool is;

	mutex_lock(&s->mutex);
	at = place_locked(s, name, &is);
	if (is) {
		o = s->v[at];
		ref_take(&o->refs);
	}
	mutex_unlock(&s->mutex);
	return o;
}

static void
insert_locked(struct store *s, size_t at, struct object *o)
{
	if (s->n == s->cap) {
		s->cap = MAX((size_t)64, s->cap * 2);
		s->v = xrealloc(s->v, s->cap * sizeof(struct object *));
	}
	memmove(s->v + at + 1, s->v + at, (s->n - at) * sizeof *s->v);
	s->v[at] = o;
	s->n++;
}

static enum status
run_put(struct store *s, struct block_call *call)
{
	struct object *o, *old = NULL;
	enum status st = OK;
	size_t at;
	bool is;

	if (call->body.len > s->bytes_max)
		return ST_NOSPC;
	o = xmalloc(sizeof *o + call->body.len);
	ref_init(&o->refs);
	o->len = call->body.len;
	memcpy(o->name, call->name, sizeof o->name);
	chain_copy_out(&call->body, 0, o->bytes, o->len);	/* the body is borrowed */
	mutex_lock(&s->mutex);
	at = place_locked(s, call->name, &is);
	if (is && call->if_absent)
		st = ST_EXIST;
	else if (s->bytes - (is ? s->v[at]->len : 0) + o->len > s->bytes_max)
		st = ST_NOSPC;
	if (st == OK) {
		s->bytes += o->len;
		if (is) {
			old = s->v[at];
			s->bytes -= old->len;
			s->v[at] = o;
		} else {
			insert_locked(s, at, o);
		}
	}
	mutex_unlock(&s->mutex);
	object_put(st == OK ? old : o);
	return st;
}

static enum status
run_get(struct store *s, struct block_call *call)
{
	struct object *o = find(s, call->name);
	uint64_t len;

	if (o == NULL)
		return ST_NOENT;
	len = block_call_wanted(call, o->len);
	if (len > call->into_cap) {
		object_put(o);
		return ST_TOOSMALL;
	}
	if (len > 0)
		memcpy(call->into, o->bytes + call->offset, len);
	call->got = len;
	object_put(o);
	return OK;
}

static enum status
run_head(struct store *s, struct block_call *call)
{
	struct object *o = find(s, call->name);

	if (o == NULL)
		return ST_NOENT;
	call->got = o->len;
	object_put(o);
	return OK;
}

static enum status
run_del(struct store *s, struct block_call *call)
{
	struct object *o = NULL;
	size_t at;
	bool is;

	mutex_lock(&s->mutex);
	at = place_locked(s, call->name, &is);
	if (is) {
		o = s->v[at];
		s->bytes -= o->len;
		s->n--;
		memmove(s->v + at, s->v + at + 1, (s->n - at) * sizeof *s->v);
	}
	mutex_unlock(&s->mutex);
	object_put(o);
	return OK;
}

/* From name to name, each found anew: nothing is held while the caller looks. */
static enum status
run_walk(struct store *s, struct block_call *call, const struct block_op *op)
{
	size_t len = strlen(call->name);
	char last[BLOCK_NAME_MAX];
	bool begun = false, more = true;
	enum status st;

	memcpy(last, call->name, sizeof last);
	while (more && (st = block_op_alive(op)) == OK) {
		struct object *o = NULL;
		size_t at;
		bool is;

		mutex_lock(&s->mutex);
		at = place_locked(s, last, &is);
		at += is && begun;
		if (at < s->n && strncmp(s->v[at]->name, call->name, len) == 0) {
			o = s->v[at];
			ref_take(&o->refs);
		}
		mutex_unlock(&s->mutex);
		begun = true;
		if (o == NULL)
			return OK;
		memcpy(last, o->name, sizeof last);
		more = call->each(call, o->name, o->len);
		object_put(o);
	}
	return more ? st : OK;
}

static enum status
run(void *arg, struct block_call *call, const struct block_op *op)
{
	switch (call->kind) {
	case BLOCK_PUT: return run_put(arg, call);
	case BLOCK_GET: return run_get(arg, call);
	case BLOCK_HEAD: return run_head(arg, call);
	case BLOCK_DEL: return run_del(arg, call);
	case BLOCK_WALK: return run_walk(arg, call, op);
	}
	return ST_INVAL;
}

static void
end(struct block_store *base)
{
	struct store *s = (struct store *)base;

	block_pool_close(&s->pooled);
	for (size_t i = 0; i < s->n; i++)
		object_put(s->v[i]);
	mutex_destroy(&s->mutex);
	free(s->v);
	free(s);
}

static const struct block_store_ops ops = { .kind = "memory", .durable = false, .local = false,
	.start = block_pool_start, .cancel = block_pool_cancel, .close = end };

enum status
block_memory_open(const struct block_store_conf *conf, struct block_store **sp, struct text *why)
{
	uint64_t most = 1ull << 30;
	const struct backends_conf_row rows[] = {
		{ .key = "size",
		    .type = CONF_SIZE,
		    .least = 1,
		    .most = BYTES_MOST,
		    .value = &most },
	};
	enum status st = backends_conf_pairs(conf->option, conf->noptions, rows, ARRAY_LEN(rows),
	    why);
	struct store *s;

	if (st != OK)
		return st;
	s = xcalloc(1, sizeof *s);
	s->pooled.base.ops = &ops;
	s->bytes_max = most;
	mutex_init(&s->mutex, RANK_STORE, 1);
	block_pool_open(&s->pooled, "blockmem", THREADS, run);
	*sp = &s->pooled.base;
	return OK;
}
