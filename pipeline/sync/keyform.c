/*
 * Sixteen bytes of identity are no accident: where they are ours the object is, whatever became of
 * the rest of it.  Damage within them leaves nobody to say whose it was.
 */
#include "pipeline/sync/keyform.h"

#include "pipeline/base/hash.h"
#include "pipeline/base/num.h"
#include "pipeline/base/panic.h"

#include <string.h>

enum { CRC = 4, MAGIC = 4 };

static const uint8_t magic[MAGIC] = "SKID";

uint32_t
keyform_write(struct slice wrapped, const uint8_t identity[KEYS_IDENTITY], uint8_t *to)
{
	uint32_t len = wrapped.len;

	assert(len <= KEYS_WRAPPED_MAX);
	memcpy(to, wrapped.at, len);
	memcpy(to + len, magic, MAGIC);
	memcpy(to + len + MAGIC, identity, KEYS_IDENTITY);
	len += MAGIC + KEYS_IDENTITY;
	put_le32(to + len, crc32c(0, to, len));
	return len + CRC;
}

static bool
is(struct slice a, const uint8_t *b, uint32_t len)
{
	return a.len == len && memcmp(a.at, b, len) == 0;
}

enum keyform
keyform_judge(struct slice wrapped, const uint8_t identity[KEYS_IDENTITY], struct slice there)
{
	uint8_t ours[KEYFORM_MAX];
	uint32_t len = keyform_write(wrapped, identity, ours);

	if (is(there, ours, len))
		return KEYFORM_SAME;
	if (there.len == 0 || is(there, wrapped.at, wrapped.len))
		return KEYFORM_ANEW;
	if (there.len >= KEYFORM_EXTRA && memcmp(there.at + there.len - CRC - KEYS_IDENTITY,
	    identity, KEYS_IDENTITY) == 0)
		return KEYFORM_ANEW;
	return KEYFORM_OTHER;
}
