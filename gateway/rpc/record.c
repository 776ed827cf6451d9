/*
 * A record is a run of fragments, each with a word in front: the highest bit says "the
 * last", the rest is its length.  Nearly all records are one fragment.  Nothing is kept
 * between calls, so the number of fragments is bounded: a peer cannot make us count for
 * ever.
 */
#include "gateway/rpc/record.h"

enum { MARK_BYTES = 4 };
#define MARK_LAST 0x80000000u

static enum frame_verdict
many_fragments(const uint8_t *bytes, uint32_t have, struct frame *f)
{
	uint64_t at = 0, len = 0;

	f->gather = true;
	for (uint32_t n = 0; n < RPC_FRAGMENTS_MAX; n++) {
		uint32_t mark;

		if (have - at < MARK_BYTES)
			return FRAME_MORE;
		mark = get_be32(bytes + at);
		at += MARK_BYTES;
		len += mark & ~MARK_LAST;
		if (len > RPC_MESSAGE_MAX)
			return FRAME_REFUSE;
		at += mark & ~MARK_LAST;
		if ((mark & MARK_LAST) != 0) {
			f->len = (uint32_t)len;
			f->need = f->whole = (uint32_t)at;
			return at <= have ? FRAME_WHOLE : FRAME_MORE;
		}
		if (at > have)
			return FRAME_MORE;
	}
	return FRAME_REFUSE;
}

enum frame_verdict
rpc_record_frame(const uint8_t *bytes, uint32_t have, struct frame *f)
{
	uint32_t mark;

	*f = (struct frame){ .skip = 0 };
	if (have < MARK_BYTES)
		return FRAME_MORE;
	mark = get_be32(bytes);
	if (__builtin_expect((mark & MARK_LAST) == 0, 0))
		return many_fragments(bytes, have, f);
	f->skip = MARK_BYTES;
	f->len = mark & ~MARK_LAST;
	if (f->len > RPC_MESSAGE_MAX)
		return FRAME_REFUSE;
	f->need = f->whole = MARK_BYTES + f->len;
	return f->whole <= have ? FRAME_WHOLE : FRAME_MORE;
}

void
rpc_record_join(const uint8_t *bytes, const struct frame *f, uint8_t *to)
{
	uint32_t at = 0, done = 0;

	while (done < f->len && f->whole - at >= MARK_BYTES) {
		uint32_t len = get_be32(bytes + at) & ~MARK_LAST;

		at += MARK_BYTES;
		assert(len <= f->whole - at && len <= f->len - done);	/* as frame has counted */
		memcpy(to + done, bytes + at, len);
		at += len;
		done += len;
	}
}

uint32_t
rpc_record_begin(struct writer *w)
{
	uint32_t mark = writer_mark(w);

	write_be32(w, 0);
	return mark;
}

void
rpc_record_end(struct writer *w, uint32_t mark, uint32_t cited)
{
	if (writer_ok(w))
		writer_patch_be32(w, mark, MARK_LAST |
		    (w->len - mark - MARK_BYTES + w->cited_bytes - cited));
}
