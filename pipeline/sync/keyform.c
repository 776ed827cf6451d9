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

static const uint8_t *
identity_of(struct slice form)
{
	return form.at + form.len - CRC - KEYS_IDENTITY;
}

enum keyform
keyform_judge(struct slice ours, struct slice there)
{
	if (is(there, ours.at, ours.len))
		return KEYFORM_SAME;
	if (there.len == 0 || is(there, ours.at, ours.len - KEYFORM_EXTRA))
		return KEYFORM_ANEW;
	if (there.len >= KEYFORM_EXTRA &&
	    memcmp(identity_of(there), identity_of(ours), KEYS_IDENTITY) == 0)
		return KEYFORM_ANEW;
	return KEYFORM_OTHER;
}
