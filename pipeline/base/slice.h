/*
 * A slice cites bytes of a counted buffer.  Copying the struct borrows; slice_ref keeps.
 * A slice without a buffer cites memory that outlives it by other means (an arena, a constant).
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include "pipeline/base/buf.h"

#include <string.h>

struct slice {
	struct buf *buf;		/* NULL: not counted */
	const uint8_t *at;
	uint32_t len;
};

static inline struct slice
slice_of(const void *at, uint32_t len)
{
	return (struct slice){ NULL, at, len };
}

static inline struct slice
slice_str(const char *s)
{
	return slice_of(s, (uint32_t)strlen(s));
}

/* The len bytes from at on; both must lie inside. */
static inline struct slice
slice_sub(struct slice s, uint32_t at, uint32_t len)
{
	assert(at <= s.len && len <= s.len - at);
	return (struct slice){ s.buf, s.at + at, len };
}

static inline struct slice
slice_ref(struct slice s)
{
	if (s.buf != NULL)
		buf_ref(s.buf);
	return s;
}

static inline void
slice_put(struct slice *s)
{
	buf_put(&s->buf);
	s->at = NULL;
	s->len = 0;
}

static inline bool
slice_eq(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

#endif
