/*
 * The container codec.  All that is read is checked before it is believed: header and trailer by
 * a checksum, index and units by their tags, so that a flipped bit anywhere is found, and so is
 * a unit that stands in another's place.
 */
#include "pipeline/block/container.h"

#include "crypto/digest.h"
#include "crypto/secret.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/reader.h"

#include <stdlib.h>

#define HEADER_MAGIC 0x43534644u	/* "DFSC" */
#define TRAILER_MAGIC 0x45534644u	/* "DFSE" */

enum { VERSION = 1, CRC_AT = 60, INDEX_NUMBER = -1, AAD_MAX = 80, ROW_USED = 49 };

struct container_builder {
	struct container_ident ident;
	struct container_keys keys;
	uint8_t *bytes;
	uint64_t len, cap;
	struct container_chunk *rows;
	uint32_t n, rows_cap;
	bool finished;
};

void
container_plain_keys(const uint8_t digest_key[32], struct container_keys *keys)
{
	static const char purpose[] = "tags of containers in the clear";

	keys->aead = 0;
	digest_of(digest_key, purpose, sizeof purpose - 1, keys->key);
}

/* --- tags --- */

static struct writer
aad_begin(uint8_t aad[AAD_MAX], const struct container_ident *ident, uint32_t index)
{
	struct writer w = writer_of(aad, AAD_MAX);

	write_bytes(&w, ident->share_id, sizeof ident->share_id);
	write_le64(&w, ident->fence);
	write_le64(&w, ident->number);
	write_le32(&w, index);
	return w;
}

static void
tag_of(const struct container_keys *keys, const struct writer *aad, const void *bytes, size_t len,
    uint8_t tag[CONTAINER_TAG])
{
	struct digest d;

	assert(writer_ok(aad));
	digest_tag_begin(&d, keys->key);
	digest_add(&d, aad->base, aad->len);
	digest_add(&d, bytes, len);
	digest_tag_end(&d, tag);
}

static void
chunk_tag(const struct container_ident *ident, const struct container_keys *keys, uint32_t index,
    const struct container_chunk *row, const uint8_t *bytes, uint8_t tag[CONTAINER_TAG])
{
	uint8_t aad[AAD_MAX];
	struct writer w = aad_begin(aad, ident, index);

	write_bytes(&w, row->digest, sizeof row->digest);
	write_le32(&w, row->stored);
	write_le32(&w, row->plain);
	write_u8(&w, row->compression);
	tag_of(keys, &w, bytes, row->stored, tag);
}

static void
index_tag(const struct container_ident *ident, const struct container_keys *keys, uint32_t n,
    uint64_t index_at, const uint8_t *rows, uint8_t tag[CONTAINER_TAG])
{
	uint8_t aad[AAD_MAX];
	struct writer w = aad_begin(aad, ident, (uint32_t)INDEX_NUMBER);

	write_le32(&w, n);
	write_le64(&w, index_at);
	tag_of(keys, &w, rows, (size_t)n * CONTAINER_ROW, tag);
}

/* --- building --- */

static void
header_encode(const struct container_ident *ident, const struct container_keys *keys, uint8_t *to)
{
	struct writer w = writer_of(to, CONTAINER_HEADER);

	write_le32(&w, HEADER_MAGIC);
	write_le16(&w, VERSION);
	write_u8(&w, keys->aead);
	write_u8(&w, 0);
	write_bytes(&w, ident->share_id, sizeof ident->share_id);
	write_le64(&w, ident->fence);
	write_le64(&w, ident->number);
	write_le16(&w, 0);		/* no wrapped key */
	write_zeroes(&w, CRC_AT - w.len);
	write_le32(&w, crc32c(0, to, CRC_AT));
	assert(writer_ok(&w) && w.len == CONTAINER_HEADER);
}

static uint8_t *
room(struct container_builder *b, uint64_t len)
{
	uint8_t *p;

	if (b->len + len > b->cap) {
		b->cap = MAX(b->cap * 2, round_up(b->len + len, 1 << 16));
		b->bytes = xrealloc(b->bytes, b->cap);
	}
	p = b->bytes + b->len;
	b->len += len;
	return p;
}

struct container_builder *
container_builder_new(const struct container_ident *ident, const struct container_keys *keys)
{
	struct container_builder *b = xcalloc(1, sizeof *b);

	b->ident = *ident;
	b->keys = *keys;
	header_encode(ident, keys, room(b, CONTAINER_HEADER));
	return b;
}

void
container_builder_free(struct container_builder **bp)
{
	struct container_builder *b = TAKE(bp);

	if (b == NULL)
		return;
	secret_wipe(&b->keys, sizeof b->keys);
	free(b->bytes);
	free(b->rows);
	free(b);
}

static bool
has_room(const struct container_builder *b, uint32_t len)
{
	uint64_t rest = ((uint64_t)b->n + 1) * CONTAINER_ROW + CONTAINER_TRAILER;

	return b->n < CONTAINER_CHUNKS_MAX && b->len + len + CONTAINER_TAG + rest <= CONTAINER_BYTES;
}

enum status
container_add(struct container_builder *b, const uint8_t digest[32], const void *plain,
    uint32_t len, uint32_t *indexp)
{
	struct container_chunk *row;
	uint8_t *to;

	assert(!b->finished && len > 0 && len <= CONTAINER_UNIT);
	if (b->keys.aead != 0)
		return ST_NOTSUPP;
	if (!has_room(b, len))
		return ST_RESOURCE;
	if (b->n == b->rows_cap) {
		b->rows_cap = MAX(64u, b->rows_cap * 2);
		b->rows = xrealloc(b->rows, b->rows_cap * sizeof *b->rows);
	}
	row = &b->rows[b->n];
	*row = (struct container_chunk){ .at = b->len, .stored = len, .plain = len };
	memcpy(row->digest, digest, sizeof row->digest);
	to = room(b, (uint64_t)len + CONTAINER_TAG);
	memcpy(to, plain, len);		/* sealing would write here instead */
	chunk_tag(&b->ident, &b->keys, b->n, row, to, to + len);
	*indexp = b->n++;
	return OK;
}

static void
rows_encode(const struct container_builder *b, uint8_t *to)
{
	struct writer w = writer_of(to, b->n * CONTAINER_ROW);

	for (uint32_t i = 0; i < b->n; i++) {
		const struct container_chunk *row = &b->rows[i];

		write_bytes(&w, row->digest, sizeof row->digest);
		write_le64(&w, row->at);
		write_le32(&w, row->stored);
		write_le32(&w, row->plain);
		write_u8(&w, row->compression);
		write_zeroes(&w, CONTAINER_ROW - ROW_USED);
	}
	assert(writer_ok(&w));
}

const uint8_t *
container_finish(struct container_builder *b, uint64_t *lenp)
{
	uint64_t at = b->len;
	uint8_t *rows, *end;
	struct writer w;

	if (!b->finished) {
		rows = room(b, (uint64_t)b->n * CONTAINER_ROW + CONTAINER_TRAILER);
		end = rows + (size_t)b->n * CONTAINER_ROW;
		rows_encode(b, rows);
		w = writer_of(end, CONTAINER_TRAILER);
		write_le32(&w, TRAILER_MAGIC);
		write_le32(&w, b->n);
		write_le64(&w, at);
		index_tag(&b->ident, &b->keys, b->n, at, rows, writer_room(&w, CONTAINER_TAG));
		write_zeroes(&w, CRC_AT - w.len);
		write_le32(&w, crc32c(0, end, CRC_AT));
		assert(writer_ok(&w) && w.len == CONTAINER_TRAILER);
		b->finished = true;
	}
	*lenp = b->len;
	return b->bytes;
}

const struct container_chunk *
container_rows(const struct container_builder *b, uint32_t *np)
{
	*np = b->n;
	return b->rows;
}

/* --- reading --- */

enum status
container_header_parse(const uint8_t header[CONTAINER_HEADER], uint64_t file_bytes,
    struct container_ident *out)
{
	struct reader r = reader_of(header, CONTAINER_HEADER);
	struct container_ident ident;
	uint16_t version;
	uint8_t aead;

	if (file_bytes < CONTAINER_HEADER + CONTAINER_TRAILER || read_le32(&r) != HEADER_MAGIC ||
	    crc32c(0, header, CRC_AT) != get_le32(header + CRC_AT))
		return ST_CORRUPT;
	version = read_le16(&r);
	aead = read_u8(&r);
	reader_skip(&r, 1);
	read_copy(&r, ident.share_id, sizeof ident.share_id);
	ident.fence = read_le64(&r);
	ident.number = read_le64(&r);
	if (version != VERSION || aead != 0)
		return ST_NOTSUPP;
	*out = ident;
	return OK;
}

enum status
container_end_bytes(const uint8_t trailer[CONTAINER_TRAILER], uint64_t file_bytes, uint64_t *out)
{
	uint32_t n = get_le32(trailer + 4);
	uint64_t at = get_le64(trailer + 8), bytes;

	if (get_le32(trailer) != TRAILER_MAGIC || n > CONTAINER_CHUNKS_MAX ||
	    crc32c(0, trailer, CRC_AT) != get_le32(trailer + CRC_AT))
		return ST_CORRUPT;
	bytes = (uint64_t)n * CONTAINER_ROW + CONTAINER_TRAILER;
	if (at < CONTAINER_HEADER || at > file_bytes || file_bytes - at != bytes)
		return ST_CORRUPT;
	*out = bytes;
	return OK;
}

static enum status
row_read(struct reader *r, uint64_t index_at, struct container_chunk *row)
{
	uint64_t end;

	read_copy(r, row->digest, sizeof row->digest);
	row->at = read_le64(r);
	row->stored = read_le32(r);
	row->plain = read_le32(r);
	row->compression = read_u8(r);
	reader_skip(r, CONTAINER_ROW - ROW_USED);
	if (!reader_ok(r) || row->at < CONTAINER_HEADER || row->plain == 0 ||
	    row->plain > CONTAINER_UNIT || row->stored == 0 || row->stored > CONTAINER_UNIT ||
	    !add_ok(row->at, (uint64_t)row->stored + CONTAINER_TAG, &end) || end > index_at)
		return ST_CORRUPT;
	return OK;
}

enum status
container_index_parse(const struct container_ident *want, const struct container_keys *keys,
    const uint8_t *file_end, uint64_t len, uint64_t file_bytes, struct container_chunk *rows,
    uint32_t max, uint32_t *np)
{
	const uint8_t *trailer, *at;
	uint8_t tag[CONTAINER_TAG];
	enum status st;
	uint64_t bytes;
	uint32_t n;
	struct reader r;

	if (keys->aead != 0)
		return ST_NOTSUPP;
	if (len < CONTAINER_TRAILER || len > file_bytes)
		return ST_CORRUPT;
	trailer = file_end + (len - CONTAINER_TRAILER);
	if ((st = container_end_bytes(trailer, file_bytes, &bytes)) != OK)
		return st;
	if (len < bytes)
		return ST_CORRUPT;
	n = get_le32(trailer + 4);
	at = file_end + (len - bytes);
	index_tag(want, keys, n, file_bytes - bytes, at, tag);
	if (memcmp(tag, trailer + 16, sizeof tag) != 0)
		return ST_CORRUPT;
	if (n > max)
		return ST_RESOURCE;
	r = reader_of(at, (size_t)n * CONTAINER_ROW);
	for (uint32_t i = 0; i < n; i++)
		if ((st = row_read(&r, file_bytes - bytes, &rows[i])) != OK)
			return st;
	*np = n;
	return OK;
}

enum status
container_open(const struct container_ident *ident, const struct container_keys *keys,
    uint32_t index, const struct container_chunk *row, uint8_t *stored, uint8_t *plain)
{
	uint8_t tag[CONTAINER_TAG];

	if (keys->aead != 0 || row->compression != 0)
		return ST_NOTSUPP;
	if (row->stored != row->plain)
		return ST_CORRUPT;
	chunk_tag(ident, keys, index, row, stored, tag);
	if (memcmp(tag, stored + row->stored, sizeof tag) != 0)
		return ST_CORRUPT;
	if (plain != stored)
		memcpy(plain, stored, row->plain);
	return OK;
}
