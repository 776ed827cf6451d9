/*
 * A bounded cursor over bytes from outside.  It is sticky: the first read past the end, or over
 * a limit, fails the reader; every later value is zero.  Read all of a thing, ask reader_ok once.
 * Only here and in writer.h do pointers into foreign bytes move.
 */
#ifndef BASE_READER_H
#define BASE_READER_H

#include "pipeline/base/num.h"
#include "pipeline/base/slice.h"

struct reader {
	const uint8_t *at, *end;
	struct buf *buf;		/* what slices cite; may be NULL */
	bool failed;
};

static inline struct reader
reader_of_slice(struct slice s)
{
	return (struct reader){ s.at, s.at + s.len, s.buf, false };
}

static inline struct reader
reader_of(const void *bytes, size_t len)
{
	return (struct reader){ bytes, (const uint8_t *)bytes + len, NULL, false };
}

static inline bool reader_ok(const struct reader *r) { return !r->failed; }
static inline size_t
reader_left(const struct reader *r) { return r->failed ? 0 : (size_t)(r->end - r->at); }
static inline void reader_fail(struct reader *r) { r->failed = true; r->at = r->end; }

/* The next len bytes, or NULL and a failed reader. */
static inline const uint8_t *
reader_take(struct reader *r, size_t len)
{
	const uint8_t *p = r->at;

	if (__builtin_expect(r->failed || len > (size_t)(r->end - r->at), 0)) {
		reader_fail(r);
		return NULL;
	}
	r->at += len;
	return p;
}

static inline void reader_skip(struct reader *r, size_t len) { (void)reader_take(r, len); }

static inline uint8_t
read_u8(struct reader *r) { const uint8_t *p = reader_take(r, 1); return p ? *p : 0; }
static inline uint16_t
read_be16(struct reader *r) { const uint8_t *p = reader_take(r, 2); return p ? get_be16(p) : 0; }
static inline uint32_t
read_be32(struct reader *r) { const uint8_t *p = reader_take(r, 4); return p ? get_be32(p) : 0; }
static inline uint64_t
read_be64(struct reader *r) { const uint8_t *p = reader_take(r, 8); return p ? get_be64(p) : 0; }
static inline uint16_t
read_le16(struct reader *r) { const uint8_t *p = reader_take(r, 2); return p ? get_le16(p) : 0; }
static inline uint32_t
read_le32(struct reader *r) { const uint8_t *p = reader_take(r, 4); return p ? get_le32(p) : 0; }
static inline uint64_t
read_le64(struct reader *r) { const uint8_t *p = reader_take(r, 8); return p ? get_le64(p) : 0; }

/* The next len bytes as a borrowed slice; empty on failure. */
static inline struct slice
read_slice(struct reader *r, size_t len)
{
	const uint8_t *p = reader_take(r, len);

	return p ? (struct slice){ r->buf, p, (uint32_t)len } : slice_of(NULL, 0);
}

/* Copy the next len bytes to to; zeroes on failure. */
static inline void
read_copy(struct reader *r, void *to, size_t len)
{
	const uint8_t *p = reader_take(r, len);

	if (p != NULL)
		memcpy(to, p, len);
	else
		memset(to, 0, len);
}

#endif
