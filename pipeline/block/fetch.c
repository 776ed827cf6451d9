/*
 * Wanted pieces that no page has: read, verified, kept as pages, cited by the answer.  The home
 * worker does so only for little that the kernel has at hand; else the job goes to the pool.
 */
#include "pipeline/block/fetch.h"

#include "pipeline/base/log.h"
#include "pipeline/block/cold.h"
#include "pipeline/block/inner.h"
#include "pipeline/block/suspect.h"
#include "pipeline/cache/want.h"
#include "pipeline/record/key.h"

/* About what verifying one page costs, and how much of it a home worker may do. */
enum { DATUM_US = 15, CHUNK_US = 70, INLINE_US = 80, TRIES = 4, ROW_BYTES_MAX = 4096 };

static struct buf *
buffer(uint32_t len)
{
	struct buf *b = page_buf(len);

	return b != NULL ? b : buf_new(len);	/* bounded: one READ's, and not kept */
}

/* The piece's part of a page just read; the page is kept. */
static enum status
settle(struct want_piece *p, struct buf *b, uint32_t len, struct arena *arena)
{
	enum status st;

	if (p->page_at > len || p->len > len - p->page_at)
		return ST_CORRUPT;
	page_keep(&p->page, b, len);
	st = chain_push(&p->bytes, arena, (struct slice){ b, b->bytes + p->page_at, p->len });
	p->settled = st == OK;
	return st;
}

static enum status
fetch_datum(struct want_piece *p, bool nowait, struct arena *arena)
{
	uint32_t from = p->at - p->page_at, len = MIN(p->datum->len - from, (uint32_t)PAGE_BYTES);
	struct buf *b = buffer(len);
	enum status st = datum_read(p->datum, from, len, b->bytes, nowait);

	if (st == OK)
		st = settle(p, b, len, arena);
	buf_put(&b);
	return st;
}

/* NOENT: the chunk, or its container, has been moved or removed since the look-up. */
static enum status
resolve(struct share *s, struct want_piece *p, bool nowait)
{
	struct key key = key_chunk(p->digest);
	uint8_t home[ROW_BYTES_MAX];
	struct arena arena;
	struct chunk chunk;
	struct version row;
	enum status st;

	arena_init(&arena, home, sizeof home, ROW_BYTES_MAX);
	st = catalog_get(s->catalog, key_slice(&key), !nowait, &arena, &row);
	if (st == OK && !row.exists)
		st = ST_NOENT;
	if (st == OK && (st = rec_chunk_decode(row.body, &chunk)) == OK) {
		uint32_t unit = p->at / CHUNK_UNIT;

		if (chunk.len <= unit * CHUNK_UNIT) {
			st = ST_CORRUPT;
		} else {
			p->container = chunk.container;
			p->index = chunk.index + unit;
			p->unit_len = chunk_unit_len(&chunk, unit);
		}
	}
	arena_rewind(&arena);
	return st;
}

/* What is not here, or damaged here, comes from the remote.  Tried again where another was about
 * to bring it, or where it came damaged: that may have been on its way. */
static enum status
read_unit(struct share *s, const struct block_unit *u, bool nowait, uint64_t ahead, uint8_t *to)
{
	struct block *b = s->block;
	enum status st = ST_RESTART, here = ST_NOENT;

	for (int i = 0; i < TRIES && (st == ST_RESTART || st == ST_CORRUPT); i++) {
		here = mirror_read(b->mirror, u->container, u->index, u->digest, to, u->len, nowait);
		if (b->cold == NULL || (here != ST_NOENT && here != ST_CORRUPT))
			return here;
		if (nowait)
			return ST_DELAY;
		st = cold_read(b->cold, u, ahead, to);
	}
	if (st == ST_RESTART)
		return ST_DELAY;
	return st == ST_NOENT ? here : st;	/* no remote copy: what is here decides */
}

enum status
block_unit_read(struct share *s, const struct block_unit *u, uint8_t *to)
{
	return read_unit(s, u, false, 0, to);
}

enum status
block_unit_bring(struct share *s, const struct block_unit *u, uint64_t ahead, uint8_t *to)
{
	return read_unit(s, u, false, ahead, to);
}

enum status
block_container_index(struct share *s, uint64_t number, bool bring, struct mirror_index *out)
{
	struct block *b = s->block;
	enum status st = mirror_index(b->mirror, number, out);

	for (int i = 0; i < TRIES && (st == ST_NOENT || st == ST_CORRUPT) && bring &&
	    b->cold != NULL; i++) {
		enum status brought = cold_index(b->cold, number);

		if (brought != OK)
			return brought == ST_NOENT ? st : brought;
		st = mirror_index(b->mirror, number, out);
	}
	return st;
}

/* Where the piece is looked up to lie. */
static enum status
read_place(struct share *s, struct want_piece *p, bool nowait, uint64_t ahead, struct arena *arena)
{
	struct buf *b = buffer(p->unit_len);
	enum status st = read_unit(s, &(struct block_unit){ p->container, p->index, p->unit_len,
	    p->digest }, nowait, ahead, b->bytes);

	if (st == OK)
		st = settle(p, b, p->unit_len, arena);
	buf_put(&b);
	return st;
}

/* What is not found as it was may have been moved since it was looked up, and its old place be
 * gone: it is suspected only where it still ought to lie there. */
static enum status
fetch_chunk(struct share *s, struct want_piece *p, bool nowait, uint64_t ahead, struct arena *arena)
{
	enum status st = ST_NOENT, found = OK;
	uint64_t container = 0;
	uint32_t index = 0;

	for (int i = 0; i < TRIES && (st == ST_NOENT || st == ST_CORRUPT); i++) {
		if ((found = resolve(s, p, nowait)) != OK)
			return found;
		if (p->container == container && p->index == index)
			break;
		container = p->container;
		index = p->index;
		st = read_place(s, p, nowait, ahead, arena);
		if (nowait)
			return st;
	}
	if (st == ST_CORRUPT || st == ST_NOENT)
		suspect_add(s->block->suspects, p->digest);
	return st;
}

/* Two pieces may lie in one page: the second finds what the first has kept. */
static enum status
fetch_piece(struct share *s, struct want_piece *p, bool nowait, uint64_t ahead, struct arena *arena)
{
	struct slice page = page_find(&p->page);
	enum status st;

	if (page.buf != NULL) {
		st = p->page_at > page.len || p->len > page.len - p->page_at ? ST_CORRUPT :
		    chain_push(&p->bytes, arena, slice_sub(page, p->page_at, p->len));
		p->settled = st == OK;
		slice_put(&page);
		return st;
	}
	return p->kind == WANT_DATUM ? fetch_datum(p, nowait, arena) :
	    fetch_chunk(s, p, nowait, ahead, arena);
}

static enum status
fetch_open(struct share *s, struct io_want *want, bool nowait, struct arena *arena)
{
	enum status st = want_fill(want, arena);	/* holes, and pages that came meanwhile */
	uint64_t ahead = 0;

	for (uint32_t i = 0; i < want->n; i++)
		ahead += want->v[i].settled ? 0 : want->v[i].len;
	for (uint32_t i = 0; i < want->n && st == OK; i++) {
		struct want_piece *p = &want->v[i];

		if (p->settled)
			continue;
		st = fetch_piece(s, p, nowait, ahead, arena);
		ahead -= MIN(ahead, (uint64_t)p->len);
		want->open -= p->settled;
	}
	return st;
}

static bool
worth_inline(const struct io_want *want)
{
	uint32_t us = 0;

	for (uint32_t i = 0; i < want->n; i++)
		if (!want->v[i].settled && want->v[i].kind != WANT_HOLE)
			us += want->v[i].kind == WANT_DATUM ? DATUM_US : CHUNK_US;
	return us <= INLINE_US;
}

/* In a pool: until it is all there.  What moved underneath is looked up once more. */
enum status
block_fetch_wait(struct share *s, struct io *io, struct arena *arena)
{
	uint64_t content = io->want->content;
	enum status st = ST_NOENT;

	for (int i = 0; i < TRIES; i++) {
		st = fetch_open(s, io->want, false, arena);
		if (st != ST_NOENT)
			break;
		block_want_clear(io);
		if ((st = block_lookup(s, content, io, true, arena)) != OK)
			return st;
		st = ST_NOENT;
	}
	if (st == ST_CORRUPT || st == ST_NOENT)
		log_error("block.damaged", F_STR("share", s->conf.name), F_U64("content", content),
		    F_U64("offset", io->offset), F_U64("count", io->count));
	return st == ST_NOENT ? ST_CORRUPT : st;
}

enum turn
block_fetch(struct job *job)
{
	struct io *io = &job->io;
	enum status st;

	if (stage_may_wait(job)) {
		st = block_fetch_wait(job->share, io, &job->arena);
	} else {
		if (!worth_inline(io->want))
			return TURN_POOL;
		st = fetch_open(job->share, io->want, true, &job->arena);
		if (st != OK)		/* the pool waits, looks again, and tells of damage */
			return TURN_POOL;
	}
	job->status = st == ST_CORRUPT ? ST_IO : st;
	if (job->status == OK)
		job->status = want_chain(io, &job->arena);
	return TURN_UP;
}
