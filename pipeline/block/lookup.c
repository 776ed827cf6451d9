/*
 * Where the bytes of a content lie.  The index is asked first, the content map after it: what
 * carve moves is in the map before it leaves the index.  Bytes that are still in their entry's
 * buffers are cited here and now.
 */
#include "pipeline/block/cold.h"
#include "pipeline/block/inner.h"
#include "pipeline/block/leaf.h"
#include "pipeline/cache/want.h"
#include "pipeline/record/key.h"

enum { PIECES = 32, WANT_FIRST = 8, TRIES = 4 };

struct lookup {				/* one run of block_lookup */
	struct share *share;
	uint64_t content;
	struct io_want *want;
	uint32_t cap;
	bool may_wait;
	struct arena *arena;
};

void
block_want_clear(struct io *io)
{
	struct io_want *want = TAKE(&io->want);

	if (want != NULL && want->cold != NULL)
		cold_wait_clear(TAKE(&want->cold));
	for (uint32_t i = 0; want != NULL && i < want->n; i++) {
		chain_clear(&want->v[i].bytes);
		datum_put(&want->v[i].datum);
	}
}

/* One more piece, blank; NULL: the arena is full. */
static struct want_piece *
piece_new(struct lookup *l, int kind, uint32_t len)
{
	struct io_want *want = l->want;
	struct want_piece *p;

	if (want->n == l->cap) {
		uint32_t cap = MAX((uint32_t)WANT_FIRST, l->cap * 2);
		struct want_piece *v = arena_alloc(l->arena, cap * sizeof *v);

		if (v == NULL)
			return NULL;
		for (uint32_t i = 0; i < want->n; i++) {
			v[i] = want->v[i];
			if (want->v[i].bytes.v == want->v[i].bytes.few)
				v[i].bytes.v = v[i].bytes.few;
		}
		want->v = v;
		l->cap = cap;
	}
	p = &want->v[want->n++];
	*p = (struct want_piece){ .kind = kind, .len = len };
	chain_init(&p->bytes);
	want->open++;
	return p;
}

static enum status
add_hole(struct lookup *l, uint64_t len)
{
	return piece_new(l, WANT_HOLE, (uint32_t)len) != NULL ? OK : ST_RESOURCE;
}

/* Data in the journal: cited where it is still pinned, else one piece a unit. */
static enum status
add_datum(struct lookup *l, struct datum *d, uint32_t at, uint32_t len)
{
	struct want_piece *p = piece_new(l, WANT_DATUM, len);
	enum status st = OK;

	if (p == NULL)
		return ST_RESOURCE;
	if (datum_cite(d, at, len, &p->bytes, l->arena, &st)) {
		p->settled = true;
		l->want->open--;
		return st;
	}
	while (p != NULL) {
		uint32_t in_unit = at % PAGE_BYTES;

		p->len = MIN(len, PAGE_BYTES - in_unit);
		p->datum = datum_ref(d);
		p->at = at;
		page_key_of_datum(&p->page, index_number(l->share->block->index), d->lsn,
		    d->data_at + (at - in_unit));
		p->page_at = in_unit;
		at += p->len;
		len -= p->len;
		if (len == 0)
			return OK;
		p = piece_new(l, WANT_DATUM, len);
	}
	return ST_RESOURCE;
}

/* Bytes of a chunk: one piece a unit. */
static enum status
add_chunk(struct lookup *l, const struct leaf_piece *lp, uint32_t skip, uint32_t len)
{
	uint32_t at = lp->at + skip;

	while (len > 0) {
		uint32_t in_unit = at % PAGE_BYTES, n = MIN(len, PAGE_BYTES - in_unit);
		struct want_piece *p = piece_new(l, WANT_CHUNK, n);

		if (p == NULL)
			return ST_RESOURCE;
		memcpy(p->digest, lp->digest, sizeof p->digest);
		page_key_of_digest(&p->page, lp->digest, at / PAGE_BYTES);
		p->at = at;
		p->page_at = in_unit;
		at += n;
		len -= n;
	}
	return OK;
}

/* [from, to) of one window, as its leaf says. */
static enum status
add_leaf(struct lookup *l, const struct leaf *leaf, uint32_t from, uint32_t to)
{
	enum status st = OK;

	for (uint32_t i = leaf_seek(leaf, from); st == OK && from < to; i++) {
		const struct leaf_piece *lp = i < leaf->n ? &leaf->v[i] : NULL;
		uint32_t start = lp == NULL ? to : MIN(MAX(lp->from, from), to), end;

		if (start > from) {
			st = add_hole(l, start - from);
			from = start;
		}
		if (st != OK || from == to)
			break;
		end = MIN(lp->from + lp->len, to);
		st = lp->hole ? add_hole(l, end - from) :
		    add_chunk(l, lp, from - lp->from, end - from);
		from = end;
	}
	return st;
}

/* The leaf of a window; 0: none, all of it is a hole. */
static enum status
leaf_of_window(struct lookup *l, uint64_t window, uint64_t *number)
{
	struct index *ix = l->share->block->index;
	struct key key = key_map(l->content, window);
	struct version row;
	enum status st;
	uint64_t token;

	if (index_map_find(ix, l->content, window, number, &token))
		return OK;
	st = catalog_get(l->share->catalog, key_slice(&key), l->may_wait, l->arena, &row);
	if (st != OK)
		return st;
	*number = 0;
	if (row.exists && (st = rec_map_decode(row.body, number)) != OK)
		return st;
	index_map_learn(ix, l->content, window, *number, token);
	return OK;
}

static enum status
add_below(struct lookup *l, uint64_t from, uint64_t to)
{
	enum status st = OK;

	while (st == OK && from < to) {
		uint64_t window = from / MAP_WINDOW, base = window * MAP_WINDOW, number;
		uint64_t end = MIN(to, base + MAP_WINDOW);
		struct leaf *leaf = NULL;

		if ((st = leaf_of_window(l, window, &number)) != OK)
			return st;
		if (number == 0) {
			st = add_hole(l, end - from);
		} else if ((st = leaf_get(l->share->block->leaves, l->share->catalog, number,
		    l->may_wait, &leaf)) == OK) {
			st = add_leaf(l, leaf, (uint32_t)(from - base), (uint32_t)(end - base));
			leaf_put(&leaf);
		}
		from = end;
	}
	return st;
}

static enum status
add_piece(struct lookup *l, const struct index_piece *p)
{
	uint64_t len = p->to - p->from;

	if (p->kind == PIECE_BELOW)
		return add_below(l, p->from, p->to);
	if (p->kind == PIECE_HOLE)
		return add_hole(l, len);
	return add_datum(l, p->datum, p->at, (uint32_t)len);
}

static enum status
look(struct lookup *l, uint64_t from, uint64_t to)
{
	struct index_piece v[PIECES];
	enum status st = OK;

	while (st == OK && from < to) {
		uint32_t n = index_lookup(l->share->block->index, l->content, from, to, v, PIECES);

		assert(n > 0);
		from = v[n - 1].to;
		for (uint32_t i = 0; i < n; i++) {
			if (st == OK)
				st = add_piece(l, &v[i]);
			datum_put(&v[i].datum);
		}
	}
	return st;
}

/*
 * A leaf that is not there was replaced after its map row was read, so the look is repeated; if
 * it is missing again and again, the map is damaged.
 */
enum status
block_lookup_only(struct share *s, uint64_t content, struct io *io, bool may_wait,
    struct arena *arena)
{
	enum status st = ST_NOENT;
	uint64_t to;

	if (!add_ok(io->offset, io->count, &to))
		return ST_INVAL;
	for (int i = 0; i < TRIES && st == ST_NOENT; i++) {
		struct lookup l = { .share = s, .content = content, .may_wait = may_wait,
			.arena = arena };

		l.want = io->want = arena_zalloc(arena, sizeof *io->want);
		if (io->want == NULL)
			return ST_RESOURCE;
		io->want->content = content;
		st = look(&l, io->offset, to);
		if (st != OK)
			block_want_clear(io);
	}
	return st == ST_NOENT ? ST_CORRUPT : st;
}

enum status
block_lookup(struct share *s, uint64_t content, struct io *io, bool may_wait, struct arena *arena)
{
	enum status st = block_lookup_only(s, content, io, may_wait, arena);

	if (st == OK && s->block->cold != NULL)
		cold_note(s->block->cold, content, io->offset, io->count);
	return st;
}

struct index *
block_index(struct share *s)
{
	return s->block->index;
}

struct mirror *
block_mirror(struct share *s)
{
	return s->block->mirror;
}

struct suspects *
block_suspects(struct share *s)
{
	return s->block->suspects;
}

struct leaves *
block_leaves(struct share *s)
{
	return s->block->leaves;
}
