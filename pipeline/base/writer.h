/*
 * A bounded, sticky builder.  What does not fit fails it; nothing is written past the end.
 * It can cite slices: they count as part of the message at the place where they were cited, but
 * their bytes are not copied; who sends gathers them (writer_gather).
 */
#ifndef BASE_WRITER_H
#define BASE_WRITER_H

#include "pipeline/base/num.h"
#include "pipeline/base/slice.h"

struct cite {
	uint32_t at;			/* after that many own bytes */
	struct slice bytes;		/* counted reference */
};

struct writer {
	uint8_t *base;
	uint32_t len, cap;
	struct cite *cites;		/* the caller's vector; may be NULL */
	uint16_t ncites, cites_max;
	uint32_t cited_bytes;
	bool failed;
};

static inline struct writer
writer_of(void *base, uint32_t cap)
{
	return (struct writer){ .base = base, .cap = cap };
}

static inline bool writer_ok(const struct writer *w) { return !w->failed; }
static inline uint32_t
writer_left(const struct writer *w) { return w->failed ? 0 : w->cap - w->len; }

/* Where the next len bytes go, to be filled by the caller; NULL and a failed writer if no room. */
static inline uint8_t *
writer_room(struct writer *w, uint32_t len)
{
	uint8_t *p = w->base + w->len;

	if (__builtin_expect(w->failed || len > w->cap - w->len, 0)) {
		w->failed = true;
		return NULL;
	}
	w->len += len;
	return p;
}

static inline void
write_u8(struct writer *w, uint8_t v) { uint8_t *p = writer_room(w, 1); if (p) *p = v; }
static inline void
write_be16(struct writer *w, uint16_t v) { uint8_t *p = writer_room(w, 2); if (p) put_be16(p, v); }
static inline void
write_be32(struct writer *w, uint32_t v) { uint8_t *p = writer_room(w, 4); if (p) put_be32(p, v); }
static inline void
write_be64(struct writer *w, uint64_t v) { uint8_t *p = writer_room(w, 8); if (p) put_be64(p, v); }
static inline void
write_le16(struct writer *w, uint16_t v) { uint8_t *p = writer_room(w, 2); if (p) put_le16(p, v); }
static inline void
write_le32(struct writer *w, uint32_t v) { uint8_t *p = writer_room(w, 4); if (p) put_le32(p, v); }
static inline void
write_le64(struct writer *w, uint64_t v) { uint8_t *p = writer_room(w, 8); if (p) put_le64(p, v); }

static inline void
write_bytes(struct writer *w, const void *bytes, uint32_t len)
{
	uint8_t *p = writer_room(w, len);

	if (p != NULL && len > 0)
		memcpy(p, bytes, len);
}

static inline void
write_zeroes(struct writer *w, uint32_t len)
{
	uint8_t *p = writer_room(w, len);

	if (p != NULL && len > 0)
		memset(p, 0, len);
}

/* A place to fill in later: its offset.  Patch with writer_patch_*. */
static inline uint32_t writer_mark(const struct writer *w) { return w->len; }
static inline void
writer_patch_be32(struct writer *w, uint32_t mark, uint32_t v)
{
	if (!w->failed)
		put_be32(w->base + mark, v);
}
static inline void
writer_patch_le32(struct writer *w, uint32_t mark, uint32_t v)
{
	if (!w->failed)
		put_le32(w->base + mark, v);
}

/* Forget all own bytes behind a mark; no cites may lie behind it. */
static inline void
writer_back(struct writer *w, uint32_t mark)
{
	assert(mark <= w->len && (w->ncites == 0 || w->cites[w->ncites - 1].at <= mark));
	w->len = mark;
}

/* Cite a slice here; takes a reference of its own.  Without room in the vector it fails. */
static inline void
writer_cite(struct writer *w, struct slice s)
{
	if (s.len == 0 || w->failed)
		return;
	if (w->ncites == w->cites_max) {
		w->failed = true;
		return;
	}
	w->cites[w->ncites++] = (struct cite){ w->len, slice_ref(s) };
	w->cited_bytes += s.len;
}

/* Own and cited bytes together. */
static inline uint32_t writer_total(const struct writer *w) { return w->len + w->cited_bytes; }

#endif
