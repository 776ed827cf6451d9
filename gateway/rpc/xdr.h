/*
 * External data representation over reader and writer: big-endian words, opaques padded
 * to four bytes.  Every length has its limit at the call; what is over it fails the
 * reader, which stays failed.  RFC 4506.
 */
#ifndef GATEWAY_RPC_XDR_H
#define GATEWAY_RPC_XDR_H

#include "pipeline/base/reader.h"
#include "pipeline/base/writer.h"

static inline uint32_t xdr_pad(uint32_t len) { return -len & 3; }
static inline uint32_t xdr_padded(uint32_t len) { return len + xdr_pad(len); }

static inline uint32_t xdr_u32(struct reader *r) { return read_be32(r); }
static inline uint64_t xdr_u64(struct reader *r) { return read_be64(r); }

/* An enumeration from 0 to most; anything else fails the reader and is 0. */
static inline uint32_t
xdr_enum(struct reader *r, uint32_t most)
{
	uint32_t v = read_be32(r);

	if (__builtin_expect(v > most, 0)) {
		reader_fail(r);
		return 0;
	}
	return v;
}

static inline bool xdr_bool(struct reader *r) { return xdr_enum(r, 1) != 0; }

/* opaque<max>: a borrowed slice; empty on failure.  The fill bytes are skipped, not
 * judged. */
static inline struct slice
xdr_opaque(struct reader *r, uint32_t max)
{
	uint32_t len = read_be32(r);
	struct slice s;

	if (__builtin_expect(len > max, 0)) {
		reader_fail(r);
		return slice_of(NULL, 0);
	}
	s = read_slice(r, len);
	reader_skip(r, xdr_pad(len));
	return reader_ok(r) ? s : slice_of(NULL, 0);
}

static inline void xdr_put_u32(struct writer *w, uint32_t v) { write_be32(w, v); }
static inline void xdr_put_u64(struct writer *w, uint64_t v) { write_be64(w, v); }
static inline void xdr_put_bool(struct writer *w, bool v) { write_be32(w, v ? 1 : 0); }

/* opaque<>, its bytes copied. */
static inline void
xdr_put_opaque(struct writer *w, const void *bytes, uint32_t len)
{
	uint8_t *p = len > UINT32_MAX - 8 ? NULL : writer_room(w, 4 + xdr_padded(len));

	if (p == NULL) {
		w->failed = true;
		return;
	}
	put_be32(p, len);
	if (len > 0) {
		memset(p + xdr_padded(len), 0, 4);	/* the last word: data ends in it, or behind it */
		memcpy(p + 4, bytes, len);
	}
}

static inline void xdr_put_slice(struct writer *w, struct slice s) { xdr_put_opaque(w, s.at, s.len); }
static inline void xdr_put_str(struct writer *w, const char *s) { xdr_put_slice(w, slice_str(s)); }

#endif
