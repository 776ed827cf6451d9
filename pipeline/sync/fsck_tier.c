/*
 * Containers: how many chunks lie in each, and whether files here and objects there are where rows
 * say.  A file goes before its row, and comes before it: rows that lag so are work left.
 */
#include "pipeline/sync/fsck_inner.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/text.h"
#include "pipeline/block/mirror.h"
#include "pipeline/block/rows.h"
#include "pipeline/sync/upload.h"

#include <stdlib.h>
#include <string.h>

enum { CALL_S = 600 };

/* Bits and sums of facts about containers. */
enum { IS_ROW = 1, IS_DYING = 2, IS_LOCAL = 4, IS_REMOTE = 8, IS_FILE = 16, IS_PART = 32 };
enum { SAYS_COUNT, HAS_CHUNKS };

/* Of facts about objects: a row names it, or might; says it is there; it is. */
enum { OBJECT_NAMED = 1, OBJECT_SAID = 2, OBJECT_THERE = 4 };

static struct fact
about_object(uint64_t number, uint64_t fence, uint32_t is)
{
	struct fact x = fsck_about(ABOUT_OBJECT, number);

	put_be64(x.id + 8, fence);
	x.is = is;
	return x;
}

static bool
see_container(struct fsck *f, struct slice key, const struct version *v)
{
	struct container_seen c;
	const struct container_row *row = &c.row;
	struct fact x;

	if (rows_container_seen(key, v, &c) != OK)
		return false;
	x = fsck_about(ABOUT_CONTAINER, c.number);
	x.is = IS_ROW | (row->state == CONTAINER_DYING ? IS_DYING : 0) |
	    (row->local ? IS_LOCAL : 0) | (row->remote ? IS_REMOTE : 0);
	facts_add(f->facts, &x);
	x = about_object(c.number, row->fence != 0 ? row->fence : block_fence(f->share),
	    OBJECT_NAMED | (row->remote && row->state == CONTAINER_LIVE ? OBJECT_SAID : 0));
	if (f->conf->remote)
		facts_add(f->facts, &x);
	f->seen->containers++;
	return true;
}

static bool
see_chunk(struct fsck *f, struct slice key, const struct version *v)
{
	struct chunk c;
	struct fact x;

	(void)key;
	if (rec_chunk_decode(v->body, &c) != OK)
		return false;
	x = fsck_about(ABOUT_CONTAINER, c.container);
	x.n[HAS_CHUNKS] = 1;
	facts_add(f->facts, &x);
	return true;
}

static bool
see_count(struct fsck *f, struct slice key, const struct version *v)
{
	struct fact x;

	if (key.len < 2 || v->body.len != 8)
		return false;
	if (key.at[1] != COUNT_CONTAINER)
		return true;
	if (key.len != 10)
		return false;
	x = fsck_about(ABOUT_CONTAINER, get_be64(key.at + 2));
	x.n[SAYS_COUNT] = (int64_t)get_le64(v->body.at);
	facts_add(f->facts, &x);
	return true;
}

static bool
see_file(void *arg, uint64_t number, uint64_t bytes)
{
	struct fsck *f = arg;
	struct fact x = fsck_about(ABOUT_CONTAINER, number);

	(void)bytes;
	x.is = IS_FILE;
	facts_add(f->facts, &x);
	f->seen->files++;
	return true;
}

static bool
see_part(void *arg, uint64_t number, uint64_t bytes)
{
	struct fsck *f = arg;
	struct fact x = fsck_about(ABOUT_CONTAINER, number);

	(void)bytes;
	x.is = IS_PART;
	facts_add(f->facts, &x);
	return true;
}

/* --- the remote --- */

struct asking {				/* one call, waited for */
	struct block_call call;
	struct fsck *fsck;
	struct mutex mutex;
	struct cond ended;
	bool over;
	size_t prefix;			/* length of what stands before fence and number */
};

static void
call_done(struct block_call *call)
{
	struct asking *a = container_of(call, struct asking, call);

	mutex_lock(&a->mutex);
	a->over = true;
	cond_broadcast(&a->ended);
	mutex_unlock(&a->mutex);
}

static bool
hex16(const char *s, uint64_t *v)
{
	*v = 0;
	for (int i = 0; i < 16; i++) {
		const char *at = memchr("0123456789abcdef", s[i], 16);

		if (at == NULL)
			return false;
		*v = *v << 4 | (uint64_t)(at - "0123456789abcdef");
	}
	return true;
}

/* What is not called as containers are is not ours to judge. */
static bool
see_object(struct block_call *call, const char *name, uint64_t size)
{
	struct asking *a = container_of(call, struct asking, call);
	uint64_t fence, number;
	struct fact x;

	(void)size;
	if (strlen(name) != a->prefix + 33 || strncmp(name, call->name, a->prefix) != 0 ||
	    !hex16(name + a->prefix, &fence) || name[a->prefix + 16] != '-' ||
	    !hex16(name + a->prefix + 17, &number))
		return true;
	x = about_object(number, fence, OBJECT_THERE);
	facts_add(a->fsck->facts, &x);
	a->fsck->seen->objects++;
	return true;
}

static enum status
ask(struct asking *a)
{
	struct block_store *store = a->fsck->share->remote;
	enum status st;

	mutex_init(&a->mutex, RANK_LEDGER, 0);
	cond_init(&a->ended);
	a->call.done = call_done;
	a->call.deadline_ns = clock_mono_ns() + CALL_S * NS_PER_S;
	store->ops->start(store, &a->call);
	mutex_lock(&a->mutex);
	while (!a->over)
		cond_wait(&a->ended, &a->mutex);
	mutex_unlock(&a->mutex);
	st = a->call.status;
	mutex_destroy(&a->mutex);
	cond_destroy(&a->ended);
	return st;
}

static void
list_remote(struct fsck *f)
{
	struct asking *a = xcalloc(1, sizeof *a);
	char name[ROWS_NAME_CAP];
	struct text t;

	rows_object_name(f->share, 0, 0, name);
	*a = (struct asking){ .fsck = f, .prefix = strlen(name) - 33,
		.call = { .kind = BLOCK_WALK, .each = see_object } };
	t = text_of(a->call.name, sizeof a->call.name);
	text_addn(&t, name, a->prefix);
	f->st = ask(a);
	free(a);
}

static void
object_goes(struct fsck *f, uint64_t fence, uint64_t number)
{
	struct asking *a = xcalloc(1, sizeof *a);
	char name[ROWS_NAME_CAP];
	struct text t;

	rows_object_name(f->share, fence, number, name);
	*a = (struct asking){ .fsck = f, .call = { .kind = BLOCK_DEL } };
	t = text_of(a->call.name, sizeof a->call.name);
	text_add(&t, name);
	f->st = ask(a);
	if (f->st == ST_NOENT)
		f->st = OK;
	free(a);
}

void
fsck_tier_gather(struct fsck *f)
{
	struct mirror *m = block_mirror(f->share);

	fsck_scan(f, "containers", TAG_CONTAINER, see_container);
	fsck_scan(f, "what lies in them", TAG_CHUNK, see_chunk);
	fsck_scan(f, "their counts", TAG_COUNT, see_count);
	if (f->st == OK)
		f->st = mirror_walk(m, see_file, f);
	if (f->st == OK)
		f->st = mirror_walk_parts(m, see_part, f);
	if (f->st == OK && f->conf->remote)
		list_remote(f);
}

/* --- containers --- */

static bool
row_of(struct fsck *f, uint64_t number, struct container_row *c)
{
	return f->st == OK && fsck_found(f, rows_container(f->share, number, c, NULL));
}

static void
row_put(struct fsck *f, uint64_t number, const struct container_row *c)
{
	struct txn *t = fsck_txn(f);

	if (t != NULL)
		rows_container_put(t, number, c);
	fsck_commit(f, t);
}

/* No row: a file that is nobody's, or worse. */
static void
no_row(struct fsck *f, const struct fact *x, uint64_t number)
{
	struct key count = key_count(COUNT_CONTAINER, x->id, 8);
	enum status st = OK;

	if (x->n[HAS_CHUNKS] > 0) {
		(void)fsck_differ(f, FSCK_CONTAINER_MISSING, x->id, 0, x->n[HAS_CHUNKS], false);
		return;
	}
	if (x->n[SAYS_COUNT] != 0 &&
	    fsck_differ(f, FSCK_COUNT_CONTAINER, x->id, x->n[SAYS_COUNT], 0, true))
		fsck_del(f, &count);
	if ((x->is & (IS_FILE | IS_PART)) == 0 || f->st != OK)
		return;
	f->seen->files_unnamed++;
	if (f->conf->repair)
		st = mirror_delete(block_mirror(f->share), number);
	if (st != OK && st != ST_NOENT)
		f->st = st;
}

/* Where it is kept, of a live one that holds something. */
static void
places(struct fsck *f, const struct fact *x, uint64_t number)
{
	bool local = (x->is & IS_LOCAL) != 0, remote = (x->is & IS_REMOTE) != 0;
	bool file = (x->is & IS_FILE) != 0;
	struct container_row row;

	f->seen->rows_behind += remote && local != file;
	if (local && !file && !remote)
		(void)fsck_differ(f, FSCK_FILE_MISSING, x->id, 1, 0, false);
	if (!local && !remote &&
	    fsck_differ(f, FSCK_CONTAINER_NOWHERE, x->id, 1, 0, file) && row_of(f, number, &row)) {
		row.local = true;
		row_put(f, number, &row);
	}
}

/* Nothing lies in it: it dies, as when the last chunk left it. */
static void
empty(struct fsck *f, const struct fact *x, uint64_t number, const struct key *count)
{
	struct container_row row;

	if (!fsck_differ(f, FSCK_CONTAINER_EMPTY, x->id, 1, 0, true) || !row_of(f, number, &row))
		return;
	if (x->n[SAYS_COUNT] != 0)
		fsck_del(f, count);
	row.state = CONTAINER_DYING;
	row_put(f, number, &row);
	f->seen->dying++;
}

void
fsck_container_compare(struct fsck *f, const struct fact *x)
{
	uint64_t number = get_be64(x->id);
	struct key count = key_count(COUNT_CONTAINER, x->id, 8);
	int64_t says = x->n[SAYS_COUNT], chunks = x->n[HAS_CHUNKS];
	bool dying = (x->is & IS_DYING) != 0;
	struct container_row row;

	if ((x->is & IS_ROW) == 0) {
		no_row(f, x, number);
		return;
	}
	if (dying && chunks > 0 &&
	    fsck_differ(f, FSCK_DYING_CITED, x->id, 0, chunks, (x->is & IS_FILE) != 0) &&
	    row_of(f, number, &row)) {
		row.state = CONTAINER_LIVE;
		row.local = true;
		row_put(f, number, &row);
	}
	f->seen->dying += dying && chunks == 0;
	if (!dying && chunks == 0)
		empty(f, x, number, &count);
	else if (says != chunks &&
	    fsck_differ(f, FSCK_CONTAINER_COUNT, x->id, says, chunks, true)) {
		if (chunks == 0)
			fsck_del(f, &count);
		else
			fsck_count(f, &count, chunks - says);
	}
	if (!dying && chunks > 0)
		places(f, x, number);
}

/* --- objects --- */

void
fsck_object_compare(struct fsck *f, const struct fact *x)
{
	uint64_t number = get_be64(x->id), fence = get_be64(x->id + 8);
	struct container_row row;
	bool here;

	if ((x->is & OBJECT_SAID) != 0 && (x->is & OBJECT_THERE) == 0) {
		here = mirror_whole(block_mirror(f->share), number);
		if (fsck_differ(f, FSCK_OBJECT_MISSING, x->id, 1, 0, here) &&
		    row_of(f, number, &row)) {
			row.remote = false;	/* it is PUT again */
			row.local = true;
			row_put(f, number, &row);
		}
	}
	if ((x->is & OBJECT_THERE) != 0 && (x->is & OBJECT_NAMED) == 0 &&
	    fsck_differ(f, FSCK_OBJECT_UNNAMED, x->id, 0, 1, fence == block_fence(f->share)))
		object_goes(f, fence, number);
}
