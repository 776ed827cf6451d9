/*
 * Contents, leaves, chunks: each is cited from above, and its count says how often.  What a reap
 * row says is to go is still counted, until the reaper has been there.
 */
#include "pipeline/sync/fsck_inner.h"

#include "pipeline/block/rows.h"

enum { LEAF_ARENA = 1 << 20 };

/* Of facts about contents. */
enum { HAS_INODES, HAS_WINDOWS };

/* Of facts about leaves and chunks. */
enum { IS_ROW = 1 };
enum { SAYS_COUNT, IS_CITED, IS_REAPED };

static bool
see_map(struct fsck *f, struct slice key, const struct version *v)
{
	uint64_t leaf;
	struct fact x;

	if (key.len != 17 || rec_map_decode(v->body, &leaf) != OK)
		return false;
	x = fsck_about(ABOUT_CONTENT, get_be64(key.at + 1));
	x.n[HAS_WINDOWS] = 1;
	facts_add(f->facts, &x);
	x = fsck_about(ABOUT_LEAF, leaf);
	x.n[IS_CITED] = 1;
	x.whom = get_be64(key.at + 1);
	facts_add(f->facts, &x);
	f->seen->maps++;
	return true;
}

static bool
see_leaf(struct fsck *f, struct slice key, const struct version *v)
{
	uint64_t leaf = key.len == 9 ? get_be64(key.at + 1) : 0;
	struct fact x = fsck_about(ABOUT_LEAF, leaf);
	struct leaf_piece *piece;
	struct arena arena;
	uint32_t n = 0;
	enum status st;

	arena_init(&arena, NULL, 0, LEAF_ARENA);
	st = key.len == 9 ? rec_leaf_decode(v->body, &arena, &piece, &n) : ST_CORRUPT;
	x.is = IS_ROW;
	if (st == OK)
		facts_add(f->facts, &x);
	for (uint32_t i = 0; st == OK && i < n; i++) {
		if (piece[i].hole)
			continue;
		x = (struct fact){ .subject = ABOUT_CHUNK, .n[IS_CITED] = 1, .whom = leaf };
		memcpy(x.id, piece[i].digest, FACT_ID);
		facts_add(f->facts, &x);
	}
	arena_rewind(&arena);
	f->seen->leaves += st == OK;
	return st == OK;
}

static bool
see_chunk(struct fsck *f, struct slice key, const struct version *v)
{
	struct fact x = { .subject = ABOUT_CHUNK, .is = IS_ROW };
	struct chunk c;

	if (key.len != 1 + FACT_ID || rec_chunk_decode(v->body, &c) != OK)
		return false;
	memcpy(x.id, key.at + 1, FACT_ID);
	facts_add(f->facts, &x);
	f->seen->chunks++;
	return true;
}

static bool
see_count(struct fsck *f, struct slice key, const struct version *v)
{
	struct fact x = { .n[SAYS_COUNT] = 0 };
	uint8_t what = key.len >= 2 ? key.at[1] : 0;
	uint32_t id = what == COUNT_CHUNK ? FACT_ID : 8;

	if (key.len < 2 || v->body.len != 8)
		return false;
	if (what != COUNT_LEAF && what != COUNT_CHUNK)
		return true;
	if (key.len != 2 + id)
		return false;
	x.subject = what == COUNT_LEAF ? ABOUT_LEAF : ABOUT_CHUNK;
	x.n[SAYS_COUNT] = (int64_t)get_le64(v->body.at);
	memcpy(x.id, key.at + 2, id);
	facts_add(f->facts, &x);
	return true;
}

static bool
see_reap(struct fsck *f, struct slice key, const struct version *v)
{
	struct reap reap;
	struct fact x;

	if (key.len != 17 || rec_reap_decode(v->body, &reap) != OK)
		return false;
	if (reap.from_window == REAP_LEAF) {
		x = fsck_about(ABOUT_LEAF, reap.content);
		x.n[IS_REAPED] = 1;
	} else {
		x = fsck_about(ABOUT_CONTENT, reap.content);
		x.is = CONTENT_REAPED;
	}
	facts_add(f->facts, &x);
	f->seen->reaps++;
	return true;
}

void
fsck_blocks_gather(struct fsck *f)
{
	fsck_scan(f, "maps", TAG_MAP, see_map);
	fsck_scan(f, "leaves", TAG_LEAF, see_leaf);
	fsck_scan(f, "chunks", TAG_CHUNK, see_chunk);
	fsck_scan(f, "counts", TAG_COUNT, see_count);
	fsck_scan(f, "reap rows", TAG_REAP, see_reap);
}

/* --- contents --- */

static void
put_reap(struct fsck *f, struct txn *t, uint64_t number, uint64_t from)
{
	struct key key = key_reap(number, from);
	uint8_t room[64];
	struct writer w = writer_of(room, sizeof room);

	rec_reap_encode(&w, &(struct reap){ number, from });
	assert(writer_ok(&w));
	txn_put(t, key_slice(&key), slice_of(room, w.len), NULL);
	f->seen->reaps++;
}

static void
written(struct fsck *f, uint64_t ino)
{
	struct key key = key_inode(ino);
	uint8_t room[2 * REC_BODY_MAX];
	struct writer w = writer_of(room, sizeof room);
	struct version v;
	struct file file;

	if (!fsck_row(f, &key, &v) || (f->st = rec_file_decode(v.body, &file)) != OK)
		return;
	file.flags &= (uint8_t)~FILE_UNWRITTEN;
	rec_file_encode(&w, &file);
	assert(writer_ok(&w));
	fsck_put(f, &key, slice_of(room, w.len));
}

void
fsck_content_compare(struct fsck *f, const struct fact *x)
{
	uint64_t content = get_be64(x->id);
	int64_t inodes = x->n[HAS_INODES], windows = x->n[HAS_WINDOWS];
	struct key reap = key_reap(content, 0);
	struct txn *t;

	if (inodes > 1)
		(void)fsck_differ(f, FSCK_CONTENT_SHARED, x->id, 1, inodes, false);
	if (inodes > 0 && (x->is & CONTENT_REAPED) != 0 &&
	    fsck_differ(f, FSCK_CONTENT_DROPPED, x->id, 1, 0, true)) {
		fsck_del(f, &reap);
		f->seen->reaps--;
	}
	if (inodes > 0 && windows > 0 && (x->is & CONTENT_UNWRITTEN) != 0 &&
	    fsck_differ(f, FSCK_CONTENT_UNWRITTEN, x->id, 0, windows, inodes == 1))
		written(f, x->whom);
	if (inodes == 0 && windows > 0 && (x->is & CONTENT_REAPED) == 0 &&
	    fsck_differ(f, FSCK_CONTENT_UNNAMED, x->id, windows, 0, true) &&
	    (t = fsck_txn(f)) != NULL) {
		put_reap(f, t, content, 0);
		fsck_commit(f, t);
	}
}

/* --- leaves --- */

/* One reference, and a row that takes it away: the reaper does the rest, what it cites included. */
static void
leaf_goes(struct fsck *f, uint64_t leaf, int64_t count)
{
	uint8_t id[8];
	struct key key;
	struct txn *t = fsck_txn(f);

	if (t == NULL)
		return;
	put_be64(id, leaf);
	key = key_count(COUNT_LEAF, id, sizeof id);
	if (count != 1)
		txn_count(t, key_slice(&key), 1 - count);
	put_reap(f, t, leaf, REAP_LEAF);
	fsck_commit(f, t);
}

void
fsck_leaf_compare(struct fsck *f, const struct fact *x)
{
	struct key reap = key_reap(get_be64(x->id), REAP_LEAF);
	struct key count = key_count(COUNT_LEAF, x->id, 8);
	int64_t says = x->n[SAYS_COUNT], cited = x->n[IS_CITED], all = cited + x->n[IS_REAPED];

	if ((x->is & IS_ROW) != 0) {
		if (all == 0 && fsck_differ(f, FSCK_LEAF_UNNAMED, x->id, 1, 0, true))
			leaf_goes(f, get_be64(x->id), says);
		if (all > 0 && says != all &&
		    fsck_differ(f, FSCK_LEAF_COUNT, x->id, says, all, true))
			fsck_count(f, &count, all - says);
		return;
	}
	if (cited > 0) {
		(void)fsck_differ(f, FSCK_LEAF_MISSING, x->id, 0, cited, false);
		return;
	}
	if (x->n[IS_REAPED] > 0 && fsck_differ(f, FSCK_LEAF_REAP, x->id, 1, 0, true)) {
		fsck_del(f, &reap);
		f->seen->reaps--;
	}
	if (says != 0 && fsck_differ(f, FSCK_COUNT_LEAF, x->id, says, 0, true))
		fsck_del(f, &count);
}

/* --- chunks --- */

/* Its container holds one less; whether that count was right is seen where those are compared. */
static void
chunk_goes(struct fsck *f, const struct fact *x, const struct key *count)
{
	struct key key = key_chunk(x->id), holds;
	struct chunk chunk;
	uint8_t id[8];
	struct txn *t;

	if (f->st != OK || !fsck_found(f, rows_chunk(f->share, x->id, false, &chunk)) ||
	    (t = fsck_txn(f)) == NULL)
		return;
	put_be64(id, chunk.container);
	holds = key_count(COUNT_CONTAINER, id, sizeof id);
	txn_count(t, key_slice(&holds), -1);
	txn_del(t, key_slice(&key), NULL);
	txn_del(t, key_slice(count), NULL);
	fsck_commit(f, t);
}

void
fsck_chunk_compare(struct fsck *f, const struct fact *x)
{
	struct key count = key_count(COUNT_CHUNK, x->id, FACT_ID);
	int64_t says = x->n[SAYS_COUNT], cited = x->n[IS_CITED];

	if ((x->is & IS_ROW) != 0) {
		if (cited == 0 && fsck_differ(f, FSCK_CHUNK_UNCITED, x->id, 1, 0, true))
			chunk_goes(f, x, &count);
		if (cited > 0 && says != cited &&
		    fsck_differ(f, FSCK_CHUNK_COUNT, x->id, says, cited, true))
			fsck_count(f, &count, cited - says);
		return;
	}
	if (cited > 0)
		(void)fsck_differ(f, FSCK_CHUNK_MISSING, x->id, 0, cited, false);
	else if (says != 0 && fsck_differ(f, FSCK_COUNT_CHUNK, x->id, says, 0, true))
		fsck_del(f, &count);
}
