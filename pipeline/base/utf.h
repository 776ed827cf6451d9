/*
 * UTF-8 and UTF-16, and the fold of names: NFC, then simple case folding, by tables with a
 * version that a share records.
 */
#ifndef BASE_UTF_H
#define BASE_UTF_H

#include "pipeline/base/slice.h"

enum { UTF_FOLD_VERSION = 1 };

bool utf8_valid(const void *bytes, size_t len);

/*
 * Fold a name: bytes in, at most max bytes out; returns their number.  Bytes that are not UTF-8
 * come out as they are.  Pure ASCII takes a fast way.
 */
size_t utf_fold(const void *name, size_t len, uint8_t *out, size_t max);

#endif
