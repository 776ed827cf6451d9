/*
 * UTF-8, and the fold of names: NFC, then simple case folding, by tables with a version
 * that a share records.
 */
#ifndef BASE_UTF_H
#define BASE_UTF_H

#include "pipeline/base/slice.h"

enum {
	UTF_FOLD_VERSION = 1,		/* Unicode 14 */
	UTF_FOLD_GROWTH = 3,		/* a name becomes at most so much longer */
};

bool utf8_valid(const void *bytes, size_t len);

/* Read one letter: how many bytes it takes, or 0 where none begins or the end cuts it. */
size_t utf8_next(const void *bytes, size_t len, uint32_t *letter);

/* Write one letter (a scalar value): how many bytes it took, at most 4. */
size_t utf8_put(uint32_t letter, uint8_t out[4]);

/*
 * Fold a name: bytes in, at most max bytes out; returns their number.  Bytes that are
 * not UTF-8 come out as they are.  Pure ASCII takes a fast way.  Where max is less than
 * UTF_FOLD_GROWTH times len the result may be cut, between letters.  Names are ≤ 255
 * bytes; longer texts are folded in pieces, and marks beyond 400 on one letter are not
 * put in order with the rest.
 */
size_t utf_fold(const void *name, size_t len, uint8_t *out, size_t max);

#endif
