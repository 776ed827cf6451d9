/*
 * Values in a store carry a checksum over their key too: a value that some store hands out for the
 * wrong key is found as surely as a flipped bit.
 */
#include "pipeline/record/stored.h"

#include "pipeline/base/hash.h"

enum { CRC_AT = 4, BEHIND_CRC = 8 };

static uint32_t
checksum(struct slice key, const uint8_t *value, size_t len)
{
	uint32_t crc = crc32c(0, key.at, key.len);

	crc = crc32c(crc, value, CRC_AT);
	return crc32c(crc, value + BEHIND_CRC, len - BEHIND_CRC);
}

void
stored_seal(struct slice key, struct stored_head *head, uint32_t len)
{
	head->crc = checksum(key, (const uint8_t *)head, STORED_HEAD + (size_t)len);
}

enum status
stored_open(struct slice key, struct slice value, struct stored *out)
{
	const uint8_t *p = value.at;

	if (value.len < STORED_HEAD || p[0] != STORED_VERSION || p[1] != 0 ||
	    get_le16(p + 2) != 0 || get_le32(p + CRC_AT) != checksum(key, p, value.len))
		return ST_CORRUPT;
	out->born = get_le64(p + 8);
	out->lsn = get_le64(p + 16);
	out->body = slice_sub(value, STORED_HEAD, value.len - STORED_HEAD);
	return OK;
}
