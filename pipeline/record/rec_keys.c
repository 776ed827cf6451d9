/*
 * The wrapped share keys of a share: u32 version | u8 aead | 0 0 0 | share id 16 | u32 keys |
 * each: u16 length | bytes, in the keeper's form.  Key 1 comes first.
 */
#include "pipeline/record/rec.h"

#include "pipeline/base/reader.h"

enum { ROW_VERSION = 1 };

void
rec_keys_encode(struct writer *w, const struct keys_row *k)
{
	write_le32(w, ROW_VERSION);
	write_u8(w, k->aead);
	write_zeroes(w, 3);
	write_bytes(w, k->share_id, sizeof k->share_id);
	write_le32(w, k->n);
	for (uint32_t i = 0; i < k->n; i++) {
		write_le16(w, k->v[i].len);
		write_bytes(w, k->v[i].bytes, k->v[i].len);
	}
}

enum status
rec_keys_decode(struct slice body, struct keys_row *k)
{
	struct reader r = reader_of_slice(body);
	uint32_t version = read_le32(&r), zero;

	memset(k, 0, sizeof *k);
	k->aead = read_u8(&r);
	zero = read_u8(&r);
	zero |= read_le16(&r);
	read_copy(&r, k->share_id, sizeof k->share_id);
	k->n = read_le32(&r);
	if (!reader_ok(&r) || version != ROW_VERSION || zero != 0 || k->n == 0 ||
	    k->n > KEYS_ROW_MAX)
		return ST_CORRUPT;
	for (uint32_t i = 0; i < k->n; i++) {
		k->v[i].len = read_le16(&r);
		if (k->v[i].len == 0 || k->v[i].len > KEYRING_WRAPPED_MAX)
			return ST_CORRUPT;
		read_copy(&r, k->v[i].bytes, k->v[i].len);
	}
	return reader_ok(&r) && reader_left(&r) == 0 ? OK : ST_CORRUPT;
}
