/*
 * Wanted pieces that no page has: read, verified, kept as pages, cited by the answer.  The home
 * worker does so only for little that the kernel has at hand; else the job goes to the pool.
 */
#include "pipeline/block/fetch.h"

#include "pipeline/base/log.h"
#include "pipeline/block/cold.h"
#include "pipeline/block/inner.h"
#include "pipeline/block/rows.h"
#include "pipeline/block/suspect.h"
#include "pipeline/block/whole.h"
#include "pipeline/cache/want.h"
#include "pipeline/record/key.h"

#include <stdlib.h>

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
	uint32_t unit = p->at / CHUNK_UNIT;
	struct chunk chunk;
	enum status st = rows_chunk(s, p->digest, nowait, &chunk);

	if (st != OK)
		return st;
	if (chunk.len <= unit * CHUNK_UNIT)
		return ST_CORRUPT;
	p->container = chunk.container;
	p->index = chunk.index + unit;
	p->unit_len = chunk_unit_len(&chunk, unit);
	return OK;
}

/* A unit as it is here.  NOENT, CORRUPT: perhaps the remote has it. */
static enum status
unit_here(struct share *s, const struct want_piece *p, bool nowait, uint8_t *to)
{
	enum status st = mirror_read(s->block->mirror, p->container, p->index, p->digest, to,
	    p->unit_len, nowait);

	if (st == OK)
		mirror_used(s->block->mirror, p->container);
	return nowait && st != OK ? ST_DELAY : st;
}

static struct cold_ticket
ticket_of(const struct want_piece *p, enum status here)
{
	return (struct cold_ticket){ .here = here,
		.unit = { p->container, p->index, p->unit_len, p->digest } };
}

enum status
block_unit_read(struct share *s, const struct block_unit *u, uint8_t *to)
{
	struct block *b = s->block;
	struct cold_ticket t = { .unit = *u };
	struct cold_wait w = { .n = 1, .v = &t };
	enum status st;

	t.here = mirror_read(b->mirror, u->container, u->index, u->digest, to, u->len, false);
	if (b->cold == NULL || (t.here != ST_NOENT && t.here != ST_CORRUPT))
		return t.here;
	cold_ask(b->cold, &w);
	cold_await(b->cold, &w);
	if (t.status == OK)
		memcpy(to, t.bytes->bytes, u->len);
	st = t.status == ST_NOENT ? t.here : t.status;	/* no remote copy: what is here decides */
	cold_wait_clear(&w);
	return st;
}

/* Those that are here are left alone. */
static uint32_t
tickets(struct share *s, const struct block_unit *u, uint32_t n, struct cold_ticket *t)
{
	uint8_t *plain = xmalloc(CHUNK_UNIT);
	uint32_t k = 0;

	for (uint32_t i = 0; i < n; i++) {
		enum status here = mirror_read(s->block->mirror, u[i].container, u[i].index,
		    u[i].digest, plain, u[i].len, false);

		if (here != OK)
			t[k++] = (struct cold_ticket){ .unit = u[i], .here = here };
	}
	free(plain);
	return k;
}

enum status
block_units_bring(struct share *s, const struct block_unit *u, uint32_t n)
{
	struct cold_ticket *t = xcalloc(n, sizeof *t);
	struct cold_wait w = { .v = t, .n = tickets(s, u, n, t) };
	enum status st = OK;

	if (s->block->cold != NULL && w.n > 0) {
		uint32_t asked = w.n;

		cold_ask(s->block->cold, &w);
		cold_await(s->block->cold, &w);
		for (uint32_t i = 0; i < asked && st == OK; i++)
			st = t[i].status;
		cold_wait_clear(&w);
	} else if (w.n > 0) {
		st = t[0].here;
	}
	free(t);
	return st;
}

enum status
block_container_bring(struct share *s, uint64_t number)
{
	struct mirror *m = s->block->mirror;
	struct whole w = { .bytes = NULL };
	enum status st;

	if (s->block->cold == NULL)
		return ST_NOENT;
	st = cold_container(s->block->cold, number, &w.bytes, &w.len);
	if (st != OK)
		return st;
	st = whole_check(m, number, s->row.digest_key, NULL, &w);
	if (st == OK && !whole_good(&w))
		st = ST_CORRUPT;
	if (st == OK)
		st = block_disk_room(s, w.len) ? mirror_replace(m, number, w.bytes, w.len) :
						 ST_NOSPC;
	whole_free(&w);
	return st;
}

/* What could not be read there may have been moved since the place was looked up, and the place be
 * gone: it is suspected only where it still ought to lie there. */
static bool
moved(struct share *s, const struct want_piece *p)
{
	struct want_piece now = *p;
	enum status st = resolve(s, &now, false);

	return st == ST_NOENT ||
	    (st == OK && (now.container != p->container || now.index != p->index));
}

/* *here other than OK: the remote is to be asked, since here it is not, or damaged. */
static enum status
fetch_chunk(struct share *s, struct want_piece *p, bool nowait, struct arena *arena,
    enum status *here)
{
	enum status st = resolve(s, p, nowait);
	struct buf *b;

	if (st != OK)
		return st;
	b = buffer(p->unit_len);
	st = unit_here(s, p, nowait, b->bytes);
	if (st == OK)
		st = settle(p, b, p->unit_len, arena);
	buf_put(&b);
	if (st != ST_CORRUPT && st != ST_NOENT)
		return st;
	if (s->block->cold != NULL) {
		*here = st;
		return OK;
	}
	if (!nowait && moved(s, p))
		return ST_NOENT;
	suspect_add(s->block->suspects, p->digest);
	return st;
}

/* Two pieces may lie in one page: the second finds what the first has kept. */
static enum status
fetch_piece(struct share *s, struct want_piece *p, bool nowait, struct arena *arena,
    enum status *here)
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
	    fetch_chunk(s, p, nowait, arena, here);
}

/* --- what is not here --- */

/* A ticket more; NULL: the arena is full. */
static struct cold_ticket *
ticket_new(struct io_want *want, struct arena *arena)
{
	struct cold_wait *w = want->cold;

	if (w == NULL) {
		w = arena_zalloc(arena, sizeof *w);
		if (w == NULL)
			return NULL;
		w->v = arena_zalloc(arena, want->open * sizeof *w->v);
		if (w->v == NULL)
			return NULL;
		want->cold = w;
	}
	return &w->v[w->n++];
}

/* The piece's ticket, or that of another in the same unit. */
static const struct cold_ticket *
ticket_for(const struct cold_wait *w, const struct want_piece *p)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (w->v[i].unit.container == p->container && w->v[i].unit.index == p->index &&
		    memcmp(w->v[i].unit.digest, p->digest, sizeof p->digest) == 0)
			return &w->v[i];
	return NULL;
}

/* All open pieces: what is here is settled, for the rest there are tickets. */
static enum status
fetch_open(struct share *s, struct io_want *want, bool nowait, struct arena *arena)
{
	enum status st = want_fill(want, arena);	/* holes, and pages that came meanwhile */

	for (uint32_t i = 0; i < want->n && st == OK; i++) {
		struct want_piece *p = &want->v[i];
		enum status here = OK;

		if (p->settled)
			continue;
		st = fetch_piece(s, p, nowait, arena, &here);
		if (st == OK && here != OK) {
			struct cold_ticket *t = ticket_new(want, arena);

			if (t == NULL)
				return ST_RESOURCE;
			*t = ticket_of(p, here);
		}
		want->open -= p->settled;
	}
	return st;
}

static void
ask(struct share *s, struct io *io)
{
	struct cold *c = s->block->cold;

	cold_ask(c, io->want->cold);
	cold_missed(c, io->want->content, io->offset, io->count);
}

/* Is there damage among what was asked for, or what looks like it?  That is looked into
 * in a pool. */
static bool
any_lost(const struct cold_wait *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (w->v[i].status == ST_CORRUPT || w->v[i].status == ST_NOENT)
			return true;
	return false;
}

/* What came is settled; the first that did not come decides. */
static enum status
collect(struct share *s, struct io_want *want, struct arena *arena)
{
	struct cold_wait *w = TAKE(&want->cold);
	enum status st = OK;

	for (uint32_t i = 0; i < want->n && st == OK; i++) {
		struct want_piece *p = &want->v[i];
		const struct cold_ticket *t;

		if (p->settled || p->kind != WANT_CHUNK || (t = ticket_for(w, p)) == NULL)
			continue;
		if (t->status == OK)
			st = settle(p, t->bytes, p->unit_len, arena);
		else	/* no remote copy: what is here decides */
			st = t->status == ST_NOENT ? t->here : t->status;
		if ((st == ST_CORRUPT || st == ST_NOENT) && moved(s, p))
			st = ST_NOENT;
		else if (st == ST_CORRUPT || st == ST_NOENT)
			suspect_add(s->block->suspects, p->digest);
		want->open -= p->settled;
	}
	cold_wait_clear(w);
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

/* In a pool.  OK: all is settled, or want->cold has tickets to be asked for.  What moved underneath
 * is looked up once more. */
static enum status
gather(struct share *s, struct io *io, struct arena *arena)
{
	uint64_t content = io->want->content;
	enum status st = ST_NOENT;

	while (st == ST_NOENT && io->want->tries < TRIES) {
		uint32_t tries = ++io->want->tries;

		st = fetch_open(s, io->want, false, arena);
		if (st != ST_NOENT)
			break;
		block_want_clear(io);
		if ((st = block_lookup_only(s, content, io, true, arena)) != OK)
			return st;
		io->want->tries = tries;
		st = ST_NOENT;
	}
	return st == ST_NOENT ? ST_CORRUPT : st;
}

static void
tell_damage(struct share *s, const struct io *io, uint64_t content, enum status st)
{
	if (st == ST_CORRUPT)
		log_error("block.damaged", F_STR("share", s->conf.name), F_U64("content", content),
		    F_U64("offset", io->offset), F_U64("count", io->count));
}

enum status
block_fetch_wait(struct share *s, struct io *io, struct arena *arena)
{
	uint64_t content = io->want->content;
	enum status st;

	do {
		st = gather(s, io, arena);
		if (st != OK || io->want->cold == NULL)
			break;
		ask(s, io);
		cold_await(s->block->cold, io->want->cold);
		st = collect(s, io->want, arena);
	} while (st == ST_NOENT);
	tell_damage(s, io, content, st);
	return st;
}

/* In a pool, once: TURN_PARK where the remote was asked. */
static enum turn
fetch_pooled(struct job *job, enum status *st)
{
	struct io *io = &job->io;

	if (io->want->cold != NULL) {		/* woken, and not all has come */
		*st = collect(job->share, io->want, &job->arena);
		if (*st != ST_NOENT && (*st != OK || io->want->open == 0))
			return TURN_UP;
	}
	*st = gather(job->share, io, &job->arena);
	if (*st != OK || io->want->cold == NULL)
		return TURN_UP;
	io->want->cold->request = job_request(job);
	ask(job->share, io);
	if (cold_park(job->share->block->cold, job))
		return TURN_PARK;
	*st = collect(job->share, io->want, &job->arena);
	return *st == ST_NOENT ? TURN_POOL : TURN_UP;
}

static enum turn
fetch_inline(struct job *job, enum status *st)
{
	struct io *io = &job->io;

	if (io->want->cold != NULL) {		/* woken: no disk is needed for what came */
		if (any_lost(io->want->cold))
			return TURN_POOL;
		*st = collect(job->share, io->want, &job->arena);
		if (*st != OK || io->want->open == 0)
			return TURN_UP;
	}
	if (!worth_inline(io->want))
		return TURN_POOL;
	*st = fetch_open(job->share, io->want, true, &job->arena);
	return *st == OK ? TURN_UP : TURN_POOL;	/* which waits, looks again, and tells of damage */
}

enum turn
block_fetch(struct job *job)
{
	uint64_t content = job->io.want->content;
	enum status st = OK;
	enum turn turn;

	turn = stage_may_wait(job) ? fetch_pooled(job, &st) : fetch_inline(job, &st);
	if (turn != TURN_UP)
		return turn;
	tell_damage(job->share, &job->io, content, st);
	job->status = st == ST_CORRUPT ? ST_IO : st;
	if (job->status == OK)
		job->status = want_chain(&job->io, &job->arena);
	return TURN_UP;
}
