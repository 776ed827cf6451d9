/*
 * UTF-8, and the fold of names.
 */
#include "pipeline/base/utf.h"

bool
utf8_valid(const void *bytes, size_t len)
{
	const uint8_t *s = bytes, *end = s + len;

	while (s < end) {
		uint32_t low = 0x80, high = 0xbf;
		int tail;

		if (*s < 0x80) {
			s++;
			continue;
		}
		if (*s < 0xc2 || *s > 0xf4)
			return false;
		tail = *s < 0xe0 ? 1 : *s < 0xf0 ? 2 : 3;
		/* Overlong forms, surrogates and what lies above U+10FFFF show in the second. */
		if (*s == 0xe0)
			low = 0xa0;
		else if (*s == 0xed)
			high = 0x9f;
		else if (*s == 0xf0)
			low = 0x90;
		else if (*s == 0xf4)
			high = 0x8f;
		if (end - s <= tail || s[1] < low || s[1] > high)
			return false;
		for (int i = 2; i <= tail; i++)
			if ((s[i] & 0xc0) != 0x80)
				return false;
		s += tail + 1;
	}
	return true;
}

size_t
utf_fold(const void *name, size_t len, uint8_t *out, size_t max)
{
	const uint8_t *s = name;
	size_t n = len < max ? len : max;

	for (size_t i = 0; i < n; i++)
		out[i] = s[i] >= 'A' && s[i] <= 'Z' ? (uint8_t)(s[i] | 0x20) : s[i];
	return n;
}
