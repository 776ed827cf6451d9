/*
 * The rows of the content map: window → leaf → pieces → chunk → container, and the reaper's.  Each
 * begins with a word whose low byte is its version; the rest of the word is a small field or zero.
 */
#include "pipeline/record/rec.h"

#include "pipeline/base/reader.h"

enum {
	ROW_VERSION = 1,
	LEAF_HOLE = 1,
	CONTAINER_LOCAL = 1,
	CONTAINER_REMOTE = 2,
	CONTAINER_AGAIN = 4,
	CONTAINER_FENCE = 8,
	CHUNK_ALGORITHM_SHIFT = 8
};

static bool
read_all_of(const struct reader *r, uint32_t head)
{
	return reader_ok(r) && reader_left(r) == 0 && head == ROW_VERSION;
}

void
rec_map_encode(struct writer *w, uint64_t leaf)
{
	write_le32(w, ROW_VERSION);
	write_le64(w, leaf);
}

enum status
rec_map_decode(struct slice body, uint64_t *leaf)
{
	struct reader r = reader_of_slice(body);
	uint32_t head = read_le32(&r);
	uint64_t n = read_le64(&r);

	if (!read_all_of(&r, head) || n == 0)
		return ST_CORRUPT;
	*leaf = n;
	return OK;
}

/* u32 version | u32 pieces | each: u32 from, u32 len, u32 at, u32 flags, digest unless a hole */
void
rec_leaf_encode(struct writer *w, const struct leaf_piece *v, uint32_t n)
{
	if (n > LEAF_PIECES_MAX)
		w->failed = true;
	write_le32(w, ROW_VERSION);
	write_le32(w, n);
	for (uint32_t i = 0; i < n && writer_ok(w); i++) {
		write_le32(w, v[i].from);
		write_le32(w, v[i].len);
		write_le32(w, v[i].at);
		write_le32(w, v[i].hole ? LEAF_HOLE : 0);
		if (!v[i].hole)
			write_bytes(w, v[i].digest, sizeof v[i].digest);
	}
}

/* Pieces follow each other, are not empty and stay in the window. */
static bool
read_piece(struct reader *r, uint32_t after, struct leaf_piece *p)
{
	uint32_t flags;

	memset(p, 0, sizeof *p);
	p->from = read_le32(r);
	p->len = read_le32(r);
	p->at = read_le32(r);
	flags = read_le32(r);
	p->hole = flags == LEAF_HOLE;
	if (!p->hole)
		read_copy(r, p->digest, sizeof p->digest);
	return reader_ok(r) && flags <= LEAF_HOLE && p->from >= after && p->from < MAP_WINDOW &&
	    p->len > 0 && p->len <= MAP_WINDOW - p->from &&
	    (p->hole ? p->at == 0 : p->at <= MAP_WINDOW && p->len <= MAP_WINDOW - p->at);
}

enum status
rec_leaf_decode(struct slice body, struct arena *arena, struct leaf_piece **v, uint32_t *n)
{
	struct reader r = reader_of_slice(body);
	uint32_t head = read_le32(&r), pieces = read_le32(&r), after = 0;
	struct leaf_piece *p;

	if (!reader_ok(&r) || head != ROW_VERSION || pieces > LEAF_PIECES_MAX ||
	    reader_left(&r) / 16 < pieces)
		return ST_CORRUPT;
	p = arena_alloc(arena, (pieces + 1) * sizeof *p);
	if (p == NULL)
		return ST_RESOURCE;
	for (uint32_t i = 0; i < pieces; i++) {
		if (!read_piece(&r, after, &p[i]))
			return ST_CORRUPT;
		after = p[i].from + p[i].len;
	}
	if (!read_all_of(&r, head))
		return ST_CORRUPT;
	*v = p;
	*n = pieces;
	return OK;
}

void
rec_chunk_encode(struct writer *w, const struct chunk *c)
{
	write_le32(w, ROW_VERSION | (uint32_t)c->algorithm << CHUNK_ALGORITHM_SHIFT);
	write_le32(w, c->index);
	write_le64(w, c->container);
	write_le32(w, c->len);
}

enum status
rec_chunk_decode(struct slice body, struct chunk *c)
{
	struct reader r = reader_of_slice(body);
	uint32_t head = read_le32(&r);
	struct chunk d = { .index = read_le32(&r) };

	d.container = read_le64(&r);
	d.len = read_le32(&r);
	d.algorithm = (uint8_t)(head >> CHUNK_ALGORITHM_SHIFT);
	if (!read_all_of(&r, head & ~(0xffu << CHUNK_ALGORITHM_SHIFT)) || d.container == 0 ||
	    d.len == 0 || d.len > CHUNK_MAX || d.algorithm == 0)
		return ST_CORRUPT;
	*c = d;
	return OK;
}

void
rec_container_encode(struct writer *w, const struct container_row *c)
{
	write_u8(w, ROW_VERSION);
	write_u8(w, c->state);
	write_u8(w,
	    (uint8_t)((c->local ? CONTAINER_LOCAL : 0) | (c->remote ? CONTAINER_REMOTE : 0) |
		(c->again ? CONTAINER_AGAIN : 0) |
		(!c->remote && !c->again && c->fence != 0 ? CONTAINER_FENCE : 0)));
	write_u8(w, c->key);
	write_le32(w, c->chunks);
	write_le64(w, c->bytes);
	if (c->remote || c->again || c->fence != 0)
		write_le64(w, c->fence);
}

enum status
rec_container_decode(struct slice body, struct container_row *c)
{
	struct reader r = reader_of_slice(body);
	uint8_t version = read_u8(&r), state = read_u8(&r), where = read_u8(&r), key = read_u8(&r);
	struct container_row d = { .state = state, .local = where & CONTAINER_LOCAL,
	    .remote = where & CONTAINER_REMOTE, .again = where & CONTAINER_AGAIN, .key = key };
	bool apart = where & CONTAINER_FENCE;

	d.chunks = read_le32(&r);
	d.bytes = read_le64(&r);
	if (d.remote || d.again || apart)
		d.fence = read_le64(&r);
	if (!read_all_of(&r, version) || (state != CONTAINER_LIVE && state != CONTAINER_DYING) ||
	    (d.remote && d.again) || (apart && (d.remote || d.again || d.fence == 0)) ||
	    where > (CONTAINER_LOCAL | CONTAINER_REMOTE | CONTAINER_AGAIN | CONTAINER_FENCE))
		return ST_CORRUPT;
	*c = d;
	return OK;
}

void
rec_reap_encode(struct writer *w, const struct reap *p)
{
	write_le32(w, ROW_VERSION);
	write_le64(w, p->content);
	write_le64(w, p->from_window);
}

enum status
rec_reap_decode(struct slice body, struct reap *p)
{
	struct reader r = reader_of_slice(body);
	uint32_t head = read_le32(&r);
	struct reap q = { .content = read_le64(&r) };

	q.from_window = read_le64(&r);
	if (!read_all_of(&r, head) || q.content == 0)
		return ST_CORRUPT;
	*p = q;
	return OK;
}
