/*
 * The rig: shares of tests, opened and closed as mgmt would.
 */
#include "tests/unit/pipeline/block/rig.h"

#include "backends/backends.h"
#include "pipeline/base/log.h"
#include "pipeline/record/key.h"
#include "tests/lib/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TXNS = 256, SEGMENT = 4 << 20 };

uint8_t rig_ids = 0x51;

void
rig_start(void)
{
	static bool pool;

	if (!pool)
		txn_pool_init(TXNS);
	pool = true;
	alarm(150);		/* a case that failed half-way must not keep the others waiting */
	log_open(2, false, LOG_LEVEL_ERROR);
	block_start(&(struct block_conf){ .records_cap = 64 << 20, .segment_bytes = SEGMENT,
		.tick_ms = 100 });
}

void
rig_stop(void)
{
	block_stop();
}

void
rig_place(struct rig *r, const char *name, const char *kind)
{
	memset(r, 0, sizeof *r);
	snprintf(r->dir, sizeof r->dir, "%s/%s-%s", check_tmpdir(), name, kind);
	snprintf(r->kind, sizeof r->kind, "%s", kind);
	TRUE(mkdir(r->dir, 0700) == 0);
}

static void
fill_row(struct share_row *row)
{
	memset(row->share_id, rig_ids, sizeof row->share_id);
	memset(row->journal_id, 0x4a, sizeof row->journal_id);
	memset(row->digest_key, 0x0d, sizeof row->digest_key);
	row->share = 7;
	row->fsid = 7;
}

enum status
rig_open(struct rig *r, bool fresh, void (*remember)(uint64_t, const struct note *))
{
	struct share_conf conf = { .name = "/rig", .journal_bytes = 64 << 20 };
	enum status st;

	snprintf(conf.dir, sizeof conf.dir, "%s", r->dir);
	snprintf(conf.meta, sizeof conf.meta, "%s", r->kind);
	r->share = share_new(&conf);
	fill_row(&r->share->row);
	st = meta_store_open(r->kind, &(struct meta_conf){ .dir = r->dir }, &r->share->store,
	    r->why, sizeof r->why);
	if (st == OK)
		st = block_open(r->share, fresh, remember, r->why, sizeof r->why);
	if (st != OK)
		share_put(&r->share);
	return st;
}

enum status
rig_abandon(struct rig *r)
{
	enum status st = block_close(r->share);

	block_free(r->share);
	share_put(&r->share);
	return st;
}

void
rig_close(struct rig *r)
{
	EQ(rig_abandon(r), OK);
}

enum status
rig_checkpoint(struct rig *r)
{
	struct share *s = r->share;
	lsn_t last = 0, lsn;
	enum status st;

	mutex_lock(&s->order);
	(void)catalog_freeze_locked(s->catalog, 0);
	mutex_unlock(&s->order);
	while ((lsn = catalog_frozen_lsn(s->catalog)) != 0) {
		if ((st = block_wait(s, lsn)) != OK)
			return st;
		if (r->durable != NULL)
			r->durable(lsn);
		if ((st = catalog_apply_oldest(s->catalog, block_fence(s))) != OK)
			return st;
		last = lsn;
	}
	if (last == 0)
		return OK;
	if ((st = s->store->ops->sync(s->store)) != OK ||
	    (st = block_checkpoint(s, last)) != OK)
		return st;
	(void)block_recycle(s);
	return OK;
}

enum status
rig_read(struct rig *r, uint64_t content, uint64_t at, uint32_t len, uint8_t *to,
    void (*below)(void *arg, uint64_t at, uint32_t len, uint8_t *to), void *arg)
{
	struct index *ix = r->share->block->index;
	uint64_t end = at + len;
	enum status st = OK;

	while (at < end) {
		struct index_piece v[8];
		uint32_t n = index_lookup(ix, content, at, end, v, 8);

		TRUE(n > 0);
		for (uint32_t i = 0; i < n; i++) {
			uint32_t part = (uint32_t)(v[i].to - v[i].from);

			EQ(v[i].from, at);
			if (v[i].kind == PIECE_DATUM && st == OK)
				st = datum_read(v[i].datum, v[i].at, part, to, false);
			else if (v[i].kind == PIECE_BELOW && below != NULL)
				below(arg, at, part, to);
			else
				memset(to, 0, part);
			datum_put(&v[i].datum);
			at += part;
			to += part;
		}
	}
	return st;
}

static struct txn *
build(uint64_t ino, const void *body, uint32_t body_len, const void *data, uint32_t len,
    uint64_t offset)
{
	struct key key = key_inode(ino);
	struct txn *t = txn_new();
	struct chain c;
	struct buf *b;

	TRUE(t != NULL);
	txn_put(t, key_slice(&key), slice_of(body, body_len), NULL);
	if (len > 0) {
		b = buf_new(len);
		memcpy(b->bytes, data, len);
		chain_init(&c);
		EQ(chain_push(&c, NULL, (struct slice){ b, b->bytes, len }), OK);
		buf_put(&b);
		txn_data(t, ino, offset, &c);
		chain_clear(&c);
	}
	return t;
}

enum status
rig_put(struct rig *r, uint64_t ino, const void *body, uint32_t body_len, const void *data,
    uint32_t len, uint64_t offset, lsn_t *lsnp)
{
	struct txn *t = build(ino, body, body_len, data, len, offset);
	enum status st = block_reserve(r->share, t);

	if (st == OK)
		block_commit(r->share, t, lsnp);
	else
		txn_free(&t);
	return st;
}

int
rig_get(struct rig *r, uint64_t ino, void *to, uint32_t cap)
{
	struct key key = key_inode(ino);
	uint8_t home[512];
	struct arena arena;
	struct version v;
	int len = -1;

	arena_init(&arena, home, sizeof home, META_VALUE_MAX);
	EQ(catalog_get(r->share->catalog, key_slice(&key), true, &arena, &v), OK);
	if (v.exists) {
		TRUE(v.body.len <= cap);
		memcpy(to, v.body.at, v.body.len);
		len = (int)v.body.len;
	}
	arena_rewind(&arena);
	return len;
}
