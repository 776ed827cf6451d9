/*
 * Wanted pieces: settled from pages here, chained to the answer when none is open.
 */
#include "pipeline/cache/want.h"

static const uint8_t zeroes[PAGE_BYTES];

/* A hole cites one constant page, as often as it is long. */
static enum status
fill_hole(struct want_piece *p, struct arena *arena)
{
	enum status st;

	for (uint32_t left = p->len; left > 0;) {
		uint32_t n = MIN(left, (uint32_t)PAGE_BYTES);

		if ((st = chain_push(&p->bytes, arena, slice_of(zeroes, n))) != OK)
			return st;
		left -= n;
	}
	p->settled = true;
	return OK;
}

static enum status
fill_page(struct want_piece *p, struct arena *arena)
{
	struct slice page = page_find(&p->page);
	enum status st;

	if (page.buf == NULL)
		return OK;
	if (p->page_at > page.len || p->len > page.len - p->page_at) {
		slice_put(&page);
		return ST_CORRUPT;	/* a row promises more than its chunk has */
	}
	st = chain_push(&p->bytes, arena, slice_sub(page, p->page_at, p->len));
	p->settled = st == OK;
	slice_put(&page);
	return st;
}

enum status
want_fill(struct io_want *want, struct arena *arena)
{
	enum status st;

	for (uint32_t i = 0; i < want->n; i++) {
		struct want_piece *p = &want->v[i];

		if (p->settled)
			continue;
		st = p->kind == WANT_HOLE ? fill_hole(p, arena) : fill_page(p, arena);
		if (st != OK)
			return st;
		want->open -= p->settled;
	}
	return OK;
}

enum status
want_chain(struct io *io, struct arena *arena)
{
	struct io_want *want = io->want;
	enum status st;

	assert(want->open == 0);
	for (uint32_t i = 0; i < want->n; i++) {
		const struct chain *c = &want->v[i].bytes;

		if ((st = chain_push_part(&io->data, arena, c, 0, c->len)) != OK)
			return st;
	}
	return OK;
}
