/*
 * The yard.  The recount knows nothing of the ledger: it walks map rows, leaves and chunks and
 * adds up what they cite.
 */
#include "tests/unit/pipeline/sync/yard.h"

#include "backends/backends.h"
#include "pipeline/base/log.h"
#include "pipeline/block/fetch.h"
#include "pipeline/block/keys.h"
#include "pipeline/block/mirror.h"
#include "pipeline/cache/want.h"
#include "pipeline/record/key.h"
#include "tests/lib/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TXNS = 64, JOBS = 64, PAGES = 8 << 20, DELAY_TRIES = 2000, READ_ARENA = 1 << 20,
	COLD_WAIT_MS = 4000, WAIT_MS = 60000 };

/* --- reads as jobs --- */

static enum turn
reads_down(struct job *job)
{
	const struct yard_job *j = job->vfs;

	job->io.offset = j->offset;
	job->io.count = j->len;
	job->status = block_lookup(job->share, j->content, &job->io, true, &job->arena);
	if (job->status == OK)
		job->status = want_fill(job->io.want, &job->arena);
	if (job->status != OK)
		return TURN_UP;
	if (job->io.want->open > 0)
		return TURN_DOWN;
	job->status = want_chain(&job->io, &job->arena);
	return TURN_UP;
}

static const struct stage_ops reads = { .down = reads_down };

static void
read_done(struct job *job)
{
	struct yard_job *j = job->vfs;

	j->status = job->status;
	if (job->status == OK && job->io.data.len == j->len)
		chain_copy_out(&job->io.data, 0, j->to, j->len);
	else if (job->status == OK)
		j->status = ST_SERVERFAULT;
	block_want_clear(&job->io);
	job->share = NULL;		/* the yard's */
	job->vfs = NULL;
	job->state = JOB_SENT;
	job_put(&job);
	atomic_store(&j->over, true);
}

static void
read_submit(struct call *call)
{
	struct yard_job *j = container_of(call, struct yard_job, call);
	struct job *job = job_get(worker_self());

	if (job == NULL)
		panic("no job");
	job->share = j->yard->share;
	job->vfs = j;
	job->named = j->named;
	job->done = read_done;
	machine_submit(job, FLOOR_VFS);
}

void
yard_begin(struct yard_job *j)
{
	atomic_store(&j->over, false);
	j->call = (struct call){ .run = read_submit };
	worker_call(worker_at(0), &j->call);
}

void
yard_wait(struct yard_job *j)
{
	for (int i = 0; i < WAIT_MS && !atomic_load(&j->over); i++)
		usleep(1000);
	TRUE(atomic_load(&j->over));
}

void
yard_start(void)
{
	static bool started;

	if (started)
		return;
	started = true;
	log_open(2, false, LOG_LEVEL_ERROR);
	mutex_witness(true);
	txn_pool_init(TXNS);
	page_start(PAGES);
	block_start(&(struct block_conf){ .records_cap = 8 << 20, .segment_bytes = 8 << 20,
		.tick_ms = 20, .cold_wait_ms = COLD_WAIT_MS });
	stage_set(FLOOR_VFS, &reads);
	stage_set(FLOOR_BLOCK, &block_stage);
	sync_start(&(struct sync_conf){ .apply_ms = 100, .carve_age_ms = 200,
		.carve_at_percent = 25 });
	machine_start(&(struct machine_conf){ .workers = 1, .jobs = JOBS });
}

void
yard_make(struct yard *y, const char *kind)
{
	yard_make_as(y, kind, 0, 0);
}

void
yard_make_as(struct yard *y, const char *kind, uint8_t aead, uint8_t level)
{
	static int n;

	*y = (struct yard){ .kind = kind, .encryption = aead, .compression = level };
	snprintf(y->dir, sizeof y->dir, "%s/yard%d", check_tmpdir(), n++);
	TRUE(mkdir(y->dir, 0700) == 0);
	for (int i = 0; i < YARD_CONTENTS; i++)
		y->oracle[i] = xcalloc(1, YARD_SPAN);
	yard_open(y, true);
}

static void
open_keys(struct yard *y)
{
	static const uint8_t key[SHARE_KEY_BYTES] = "the yard's own key";
	struct share *s = y->share;

	EQ(keys_new(s->row.share_id, y->encryption, &s->keys), OK);
	EQ(keys_add(s->keys, 1, key), OK);
	if (y->wrapped != NULL)
		keys_wrapped_set(s->keys, 1, slice_str(y->wrapped));
	keys_digest(s->keys, s->row.digest_key);
}

enum status
yard_try_open(struct yard *y, bool fresh, char *why, size_t why_cap)
{
	struct share_conf conf = { .name = "/yard",
		.journal_bytes = 64 << 20,
		.local_bytes = y->local_bytes,
		.compression = y->compression };
	enum status st;

	snprintf(conf.dir, sizeof conf.dir, "%s", y->dir);
	snprintf(conf.meta, sizeof conf.meta, "%s", y->kind);
	y->share = share_new(&conf);
	memset(y->share->row.share_id, 1, 16);
	memset(y->share->row.journal_id, 2, 16);
	memset(y->share->row.digest_key, 3, 32);
	y->share->row.share = 9;
	y->share->remote = y->remote;
	y->share->remote_volatile = y->remote_volatile;
	if (y->encryption != 0)
		open_keys(y);
	st = meta_store_open(y->kind, &(struct meta_conf){ .dir = y->dir }, &y->share->store, why,
	    why_cap);
	if (st == OK)
		st = block_open(y->share, fresh, NULL, why, why_cap);
	if (st == OK) {
		if (!y->alone)
			sync_open_share(y->share);
		return OK;
	}
	keys_free(&y->share->keys);
	share_put(&y->share);
	return st;
}

void
yard_open(struct yard *y, bool fresh)
{
	char why[256];

	EQ(yard_try_open(y, fresh, why, sizeof why), OK);
}

void
yard_close(struct yard *y)
{
	if (y->share->sync != NULL)
		EQ(sync_close_share(y->share), OK);
	EQ(block_close(y->share), OK);
	block_free(y->share);
	keys_free(&y->share->keys);
	share_put(&y->share);
}

void
yard_end(struct yard *y)
{
	for (int i = 0; i < YARD_CONTENTS; i++)
		free(y->oracle[i]);
}

static struct txn *
begin(void)
{
	struct txn *t = NULL;

	for (int i = 0; t == NULL && i < DELAY_TRIES; i++)
		if ((t = txn_new()) == NULL)
			usleep(5000);
	TRUE(t != NULL);
	return t;
}

static void
commit(struct yard *y, struct txn *t)
{
	enum status st = ST_DELAY;
	lsn_t lsn;

	for (int i = 0; st == ST_DELAY && i < DELAY_TRIES; i++)
		if ((st = block_reserve(y->share, t)) == ST_DELAY)
			usleep(5000);
	EQ(st, OK);
	block_commit(y->share, t, &lsn);
}

/* The row that says the content is somebody's. */
static void
put_inode(struct txn *t, uint64_t content)
{
	struct key key = key_inode(content);

	txn_put(t, key_slice(&key), slice_str("an inode"), NULL);
}

void
yard_write(struct yard *y, uint64_t content, uint64_t offset, const void *bytes, uint32_t len)
{
	struct txn *t = begin();
	struct buf *b = buf_new(len);
	struct chain c;

	memcpy(b->bytes, bytes, len);
	chain_init(&c);
	EQ(chain_push(&c, NULL, (struct slice){ b, b->bytes, len }), OK);
	buf_put(&b);
	put_inode(t, content);
	txn_data(t, content, offset, &c);
	chain_clear(&c);
	commit(y, t);
	memcpy(y->oracle[content - 1] + offset, bytes, len);
	y->size[content - 1] = MAX(y->size[content - 1], offset + len);
}

void
yard_truncate(struct yard *y, uint64_t content, uint64_t size)
{
	struct txn *t = begin();

	put_inode(t, content);
	txn_trunc(t, content, size);
	commit(y, t);
	if (size < y->size[content - 1])
		memset(y->oracle[content - 1] + size, 0, y->size[content - 1] - size);
	y->size[content - 1] = size;
}

void
yard_hole(struct yard *y, uint64_t content, uint64_t from, uint64_t to)
{
	struct txn *t = begin();

	put_inode(t, content);
	txn_hole(t, content, from, to);
	commit(y, t);
	memset(y->oracle[content - 1] + from, 0, to - from);
}

void
yard_remove(struct yard *y, uint64_t content)
{
	struct key inode = key_inode(content), reap = key_reap(content, 0);
	struct txn *t = begin();
	uint8_t room[64];
	struct writer w = writer_of(room, sizeof room);

	rec_reap_encode(&w, &(struct reap){ content, 0 });
	txn_del(t, key_slice(&inode), NULL);
	txn_put(t, key_slice(&reap), slice_of(room, w.len), NULL);
	commit(y, t);
	memset(y->oracle[content - 1], 0, YARD_SPAN);
	y->size[content - 1] = 0;
}

enum status
yard_room(struct yard *y, uint32_t len, uint64_t *slow_ns)
{
	struct buf *b = buf_new(len);
	struct txn *t = txn_new();
	uint64_t slow = 0;
	struct chain c;
	enum status st;

	chain_init(&c);
	EQ(chain_push(&c, NULL, (struct slice){ b, b->bytes, len }), OK);
	buf_put(&b);
	txn_data(t, 1, 0, &c);
	chain_clear(&c);
	st = slow_ns != NULL ? block_reserve_slowly(y->share, t, &slow) : OK;
	if (slow_ns == NULL || slow != 0)
		st = block_reserve(y->share, t);
	if (slow_ns != NULL)
		*slow_ns = slow;
	block_unreserve(y->share, t);
	txn_free(&t);
	return st;
}

enum status
yard_read(struct yard *y, uint64_t content, uint64_t offset, uint32_t len, uint8_t *to)
{
	struct io io = { .offset = offset, .count = len };
	struct arena arena;
	enum status st;

	arena_init(&arena, NULL, 0, READ_ARENA);
	chain_init(&io.data);
	st = block_lookup(y->share, content, &io, true, &arena);
	if (st == OK && (st = want_fill(io.want, &arena)) == OK && io.want->open > 0)
		st = block_fetch_wait(y->share, &io, &arena);
	if (st == OK && (st = want_chain(&io, &arena)) == OK) {
		if (io.data.len == len)
			chain_copy_out(&io.data, 0, to, len);
		else
			st = ST_SERVERFAULT;
	}
	block_want_clear(&io);
	chain_clear(&io.data);
	arena_rewind(&arena);
	return st;
}

void
yard_compare(struct yard *y, uint64_t content)
{
	enum { PART = 1 << 20 };
	uint8_t *to = xmalloc(PART);

	for (uint64_t at = 0; at < y->size[content - 1]; at += PART) {
		uint32_t len = (uint32_t)MIN((uint64_t)PART, y->size[content - 1] - at);
		enum status st = ST_DELAY;

		for (int i = 0; st == ST_DELAY && i < DELAY_TRIES; i++)	/* a remote's moods */
			if ((st = yard_read(y, content, at, len, to)) == ST_DELAY)
				usleep(5000);
		EQ(st, OK);
		if (memcmp(to, y->oracle[content - 1] + at, len) == 0)
			continue;
		for (uint32_t i = 0; i < len; i++)
			if (to[i] != y->oracle[content - 1][at + i])
				check_fail(__FILE__, __LINE__,
				    "byte %llu of content %llu is %u, not %u",
				    (unsigned long long)(at + i), (unsigned long long)content,
				    to[i], y->oracle[content - 1][at + i]);
	}
	free(to);
}

void
yard_drain(struct yard *y)
{
	EQ(sync_drain_share(y->share), OK);
}

/* --- the recount --- */

struct cited {				/* something, and how often it is cited */
	uint8_t id[32];
	int64_t n;
};

struct recount {
	uint64_t local;			/* containers whose file should be here */
	struct yard *yard;
	struct tally t;
	struct cited *v[8];		/* by enum count_what */
	size_t n[8], cap[8];
};

static void
cite(struct recount *r, uint8_t what, const void *id, size_t len)
{
	uint8_t whole[32] = { 0 };

	memcpy(whole, id, len);
	for (size_t i = 0; i < r->n[what]; i++)
		if (memcmp(r->v[what][i].id, whole, 32) == 0) {
			r->v[what][i].n++;
			return;
		}
	if (r->n[what] == r->cap[what]) {
		r->cap[what] = MAX((size_t)256, r->cap[what] * 2);
		r->v[what] = xrealloc(r->v[what], r->cap[what] * sizeof *r->v[what]);
	}
	memcpy(r->v[what][r->n[what]].id, whole, 32);
	r->v[what][r->n[what]++].n = 1;
}

static bool
see_map(void *arg, struct slice key, const struct version *v)
{
	struct recount *r = arg;
	uint64_t leaf;
	uint8_t id[8];

	(void)key;
	r->t.maps++;
	r->t.wrong += rec_map_decode(v->body, &leaf) != OK;
	put_be64(id, leaf);
	cite(r, COUNT_LEAF, id, 8);
	return true;
}

static bool
see_leaf(void *arg, struct slice key, const struct version *v)
{
	struct recount *r = arg;
	struct leaf_piece *p = NULL;
	struct arena arena;
	uint32_t n = 0;

	(void)key;
	r->t.leaves++;
	arena_init(&arena, NULL, 0, 1 << 20);
	r->t.wrong += rec_leaf_decode(v->body, &arena, &p, &n) != OK;
	for (uint32_t i = 0; i < n; i++)
		if (!p[i].hole)
			cite(r, COUNT_CHUNK, p[i].digest, 32);
	arena_rewind(&arena);
	return true;
}

static bool
see_chunk(void *arg, struct slice key, const struct version *v)
{
	struct recount *r = arg;
	struct chunk c = { 0 };
	uint8_t id[8];

	(void)key;
	r->t.chunks++;
	r->t.wrong += rec_chunk_decode(v->body, &c) != OK;
	put_be64(id, c.container);
	cite(r, COUNT_CONTAINER, id, 8);
	return true;
}

static bool
see_container(void *arg, struct slice key, const struct version *v)
{
	struct recount *r = arg;
	struct container_row c = { 0 };

	(void)key;
	r->t.containers++;
	r->t.wrong += rec_container_decode(v->body, &c) != OK || c.state != CONTAINER_LIVE;
	r->local += c.local;
	return true;
}

static bool
see_count(void *arg, struct slice key, const struct version *v)
{
	struct recount *r = arg;
	uint8_t what = key.at[1], id[32] = { 0 };
	int64_t want = 0;

	r->t.counts++;
	memcpy(id, key.at + 2, key.len - 2);
	for (size_t i = 0; what < 8 && i < r->n[what]; i++)
		if (memcmp(r->v[what][i].id, id, 32) == 0)
			want = r->v[what][i].n;
	r->t.wrong += (int64_t)get_le64(v->body.at) != want || want == 0;
	return true;
}

static bool
see_reap(void *arg, struct slice key, const struct version *v)
{
	(void)key;
	(void)v;
	((struct recount *)arg)->t.reaps++;
	return true;
}

static bool
see_file(void *arg, uint64_t number, uint64_t bytes)
{
	struct recount *r = arg;
	struct key key = key_container(number);
	struct arena arena;
	struct version v = { 0 };

	(void)bytes;
	arena_init(&arena, NULL, 0, 1 << 16);
	EQ(catalog_get(r->yard->share->catalog, key_slice(&key), true, &arena, &v), OK);
	r->t.files++;
	r->t.wrong += !v.exists;
	arena_rewind(&arena);
	return true;
}

struct tally
yard_recount(struct yard *y)
{
	static const struct {
		uint8_t tag;
		bool (*see)(void *arg, struct slice key, const struct version *v);
	} walk[] = { { TAG_MAP, see_map }, { TAG_LEAF, see_leaf }, { TAG_CHUNK, see_chunk },
		{ TAG_CONTAINER, see_container }, { TAG_COUNT, see_count },
		{ TAG_REAP, see_reap } };
	struct recount r = { .yard = y };

	for (size_t i = 0; i < ARRAY_LEN(walk); i++)
		EQ(catalog_scan(y->share->catalog, slice_of(&walk[i].tag, 1), slice_of(NULL, 0),
		    true, walk[i].see, &r), OK);
	EQ(mirror_walk(block_mirror(y->share), see_file, &r), OK);
	/* Nothing is cited that has no count, nothing counted that is not there. */
	r.t.wrong += r.t.counts != r.n[COUNT_LEAF] + r.n[COUNT_CHUNK] + r.n[COUNT_CONTAINER];
	r.t.wrong += r.t.leaves != r.n[COUNT_LEAF] || r.t.chunks != r.n[COUNT_CHUNK];
	r.t.wrong += r.t.containers != r.n[COUNT_CONTAINER] || r.t.files != r.local;
	for (int i = 0; i < 8; i++)
		free(r.v[i]);
	return r.t;
}
