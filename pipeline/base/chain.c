/*
 * Chains of slices.  Every slice in the vector holds one reference of its buffer; whoever
 * shortens the vector gives it back.
 */
#include "pipeline/base/chain.h"

#include <string.h>

void
chain_init(struct chain *c)
{
	c->v = c->few;
	c->n = 0;
	c->cap = CHAIN_INLINE;
	c->len = 0;
}

static bool
grow(struct chain *c, struct arena *arena)
{
	uint32_t cap = MIN((uint32_t)c->cap * 2, (uint32_t)UINT16_MAX);
	struct slice *v;

	if (cap == c->cap || arena == NULL)
		return false;
	v = arena_alloc(arena, cap * sizeof *v);
	if (v == NULL)
		return false;
	memcpy(v, c->v, c->n * sizeof *v);
	c->v = v;
	c->cap = (uint16_t)cap;
	return true;
}

enum status
chain_push(struct chain *c, struct arena *arena, struct slice s)
{
	if (s.len == 0)
		return OK;
	if (c->n == c->cap && !grow(c, arena))
		return ST_RESOURCE;
	c->v[c->n++] = slice_ref(s);
	c->len += s.len;
	return OK;
}

enum status
chain_push_part(struct chain *c, struct arena *arena, const struct chain *from,
    uint64_t at, uint64_t len)
{
	uint64_t before = c->len;

	assert(c != from && at <= from->len && len <= from->len - at);
	for (uint16_t i = 0; len > 0; i++) {
		struct slice s = from->v[i];
		enum status st;

		if (at >= s.len) {
			at -= s.len;
			continue;
		}
		s = slice_sub(s, (uint32_t)at, (uint32_t)MIN(len, s.len - at));
		if ((st = chain_push(c, arena, s)) != OK) {
			chain_trim(c, before);
			return st;
		}
		at = 0;
		len -= s.len;
	}
	return OK;
}

void
chain_clear(struct chain *c)
{
	chain_trim(c, 0);
	chain_init(c);
}

void
chain_trim(struct chain *c, uint64_t len)
{
	while (c->len > len) {
		struct slice *last = &c->v[c->n - 1];
		uint64_t over = c->len - len;

		if (over < last->len) {
			last->len -= (uint32_t)over;
			c->len = len;
			return;
		}
		c->len -= last->len;
		c->n--;
		slice_put(last);
	}
}

void
chain_copy_out(const struct chain *c, uint64_t at, void *to, uint64_t len)
{
	uint8_t *out = to;

	assert(at <= c->len && len <= c->len - at);
	for (uint16_t i = 0; len > 0; i++) {
		const struct slice *s = &c->v[i];
		uint64_t n;

		if (at >= s->len) {
			at -= s->len;
			continue;
		}
		n = MIN(len, s->len - at);
		memcpy(out, s->at + at, n);
		out += n;
		len -= n;
		at = 0;
	}
}

int
chain_iovec(const struct chain *c, struct iovec *iov, int max)
{
	int n = 0;

	for (; n < c->n && n < max; n++)
		iov[n] = (struct iovec){ (void *)(uintptr_t)c->v[n].at, c->v[n].len };
	return n;
}
