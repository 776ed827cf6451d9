/*
 * The container codec.  All that is read is checked before it is believed: header and trailer by
 * a checksum, index and units by their tags, so that a flipped bit anywhere is found, and so is
 * a unit that stands in another's place.
 */
#include "pipeline/block/container.h"

#include "crypto/aead.h"
#include "crypto/digest.h"
#include "crypto/secret.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/reader.h"
#include "pipeline/block/compress.h"
#include "pipeline/block/sealer.h"

#include <stdlib.h>
#include <sys/mman.h>

#define HEADER_MAGIC 0x43534644u	/* "DFSC" */
#define TRAILER_MAGIC 0x45534644u	/* "DFSE" */

enum { VERSION = 1, CRC_AT = 60, INDEX_NUMBER = -1, AAD_MAX = 80, ROW_USED = 50,
	HUGE_PAGE = 2 << 20 };

struct container_builder {
	struct container_ident ident;
	struct container_keys keys;
	struct container_maker own;	/* container_add's */
	uint8_t *bytes;			/* CONTAINER_BYTES of room */
	uint64_t len;
	struct container_chunk *rows;
	uint32_t n, rows_cap;
	bool finished;
};

void
container_plain_keys(const uint8_t digest_key[32], struct container_keys *keys)
{
	static const char purpose[] = "tags of containers in the clear";

	*keys = (struct container_keys){ .aead = 0 };
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

	digest_tag_begin(&d, keys->key);
	digest_add(&d, aad->base, aad->len);
	digest_add(&d, bytes, len);
	digest_tag_end(&d, tag);
}

/* One run of bytes to be sealed or opened: a unit, or the rows of the index. */
struct part {
	uint32_t index;			/* the nonce: none is used twice under a container's key */
	struct writer aad;
	const uint8_t *in;
	uint8_t *out;			/* the same place as in, or apart from it */
	size_t len;
};

static struct aead_unit
unit_of(const struct container_keys *keys, const struct part *p, uint8_t nonce[AEAD_NONCE_MAX])
{
	size_t bytes = aead_nonce_bytes(keys->aead);

	assert(writer_ok(&p->aad) && bytes >= 4);
	memset(nonce, 0, AEAD_NONCE_MAX);
	put_be32(nonce + bytes - 4, p->index);
	return (struct aead_unit){ .key = keys->key, .nonce = nonce, .aad = p->aad.base,
		.aad_len = p->aad.len, .in = p->in, .out = p->out, .len = p->len };
}

static void
seal(const struct container_keys *keys, const struct part *p, uint8_t tag[CONTAINER_TAG])
{
	uint8_t nonce[AEAD_NONCE_MAX];
	struct aead_unit unit;
	struct sealer *s;

	if (keys->aead == 0) {
		tag_of(keys, &p->aad, p->in, p->len, tag);
		if (p->in != p->out)
			memcpy(p->out, p->in, p->len);
		return;
	}
	unit = unit_of(keys, p, nonce);
	s = sealer_get();
	if (aead_seal(&s->aead, keys->aead, &unit, tag) != 0)
		panic("a unit cannot be sealed");	/* id and length are ours */
	sealer_put(&s);
}

static enum status
unseal(const struct container_keys *keys, const struct part *p, const uint8_t tag[CONTAINER_TAG])
{
	uint8_t want[CONTAINER_TAG], nonce[AEAD_NONCE_MAX];
	struct aead_unit unit;
	struct sealer *s;
	int opened;

	if (keys->aead == 0) {
		tag_of(keys, &p->aad, p->in, p->len, want);
		if (memcmp(want, tag, sizeof want) != 0)
			return ST_CORRUPT;
		if (p->in != p->out)
			memcpy(p->out, p->in, p->len);
		return OK;
	}
	unit = unit_of(keys, p, nonce);
	s = sealer_get();
	opened = aead_open(&s->aead, keys->aead, &unit, tag);
	sealer_put(&s);
	return opened == 0 ? OK : ST_CORRUPT;
}

/* A unit's additional data; the writer's bytes are the caller's. */
static struct writer
unit_aad(uint8_t aad[AAD_MAX], const struct container_ident *ident, uint32_t index,
    const struct container_chunk *row)
{
	struct writer w = aad_begin(aad, ident, index);

	write_bytes(&w, row->digest, sizeof row->digest);
	write_le32(&w, row->stored);
	write_le32(&w, row->plain);
	write_u8(&w, row->compression);
	return w;
}

static struct writer
index_aad(uint8_t aad[AAD_MAX], const struct container_ident *ident, uint32_t n, uint64_t index_at)
{
	struct writer w = aad_begin(aad, ident, (uint32_t)INDEX_NUMBER);

	write_le32(&w, n);
	write_le64(&w, index_at);
	return w;
}

void
container_bound(const struct container_ident *ident, uint8_t to[CONTAINER_BOUND])
{
	struct writer w = writer_of(to, CONTAINER_BOUND);

	write_bytes(&w, ident->share_id, sizeof ident->share_id);
	write_le64(&w, ident->fence);
	write_le64(&w, ident->number);
	assert(writer_ok(&w) && w.len == CONTAINER_BOUND);
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
	write_le16(&w, keys->aead == 0 ? 0 : CONTAINER_WRAPPED);
	write_le16(&w, 0);
	write_le32(&w, keys->version);
	write_zeroes(&w, CRC_AT - w.len);
	write_le32(&w, crc32c(0, to, CRC_AT));
	assert(writer_ok(&w) && w.len == CONTAINER_HEADER);
}

static uint8_t *
room(struct container_builder *b, uint64_t len)
{
	uint8_t *p = b->bytes + b->len;

	assert(len <= CONTAINER_BYTES - b->len);
	b->len += len;
	return p;
}

struct container_builder *
container_builder_new(const struct container_ident *ident, const struct container_keys *keys,
    struct compressor *small)
{
	struct container_builder *b = xcalloc(1, sizeof *b);

	b->ident = *ident;
	b->keys = *keys;
	b->own.small = small;
	/* As the disk likes it; of memory, only what is filled is taken. */
	b->bytes = xaligned(HUGE_PAGE, CONTAINER_BYTES);
	(void)madvise(b->bytes, CONTAINER_BYTES, MADV_HUGEPAGE);
	header_encode(ident, keys, room(b, CONTAINER_HEADER));
	if (keys->aead != 0)
		memcpy(room(b, CONTAINER_WRAPPED), keys->wrapped, CONTAINER_WRAPPED);
	return b;
}

void
container_builder_free(struct container_builder **bp)
{
	struct container_builder *b = TAKE(bp);

	if (b == NULL)
		return;
	secret_wipe(&b->keys, sizeof b->keys);
	secret_wipe(b->own.smaller, sizeof b->own.smaller);
	free(b->bytes);
	free(b->rows);
	free(b);
}

static bool
has_room(const struct container_builder *b, uint32_t len)
{
	uint64_t rest = ((uint64_t)b->n + 1) * CONTAINER_ROW + CONTAINER_TRAILER;

	return b->n < CONTAINER_CHUNKS_MAX &&
	    b->len + len + CONTAINER_TAG + rest <= CONTAINER_BYTES;
}

void
container_unit_make(const struct container_builder *b, struct container_maker *m,
    struct container_unit *u)
{
	struct part p = { .index = u->index, .in = u->plain, .out = u->to };
	uint8_t aad[AAD_MAX];
	uint32_t small;

	assert(u->len > 0 && u->len <= CONTAINER_UNIT);
	u->row = (struct container_chunk){ .stored = u->len, .plain = u->len,
		.algorithm = DIGEST_KEYED_BLAKE2B_256 };
	memcpy(u->row.digest, u->digest, sizeof u->row.digest);
	if ((small = compress_unit(m->small, u->plain, u->len, m->smaller)) != 0) {
		p.in = m->smaller;
		u->row.stored = small;
		u->row.compression = COMPRESSION_ZSTD;
	}
	p.aad = unit_aad(aad, &b->ident, u->index, &u->row);
	p.len = u->row.stored;
	seal(&b->keys, &p, u->tag);
}

static struct container_chunk *
next_row(struct container_builder *b)
{
	if (b->n == b->rows_cap) {
		b->rows_cap = MAX(64u, b->rows_cap * 2);
		b->rows = xrealloc(b->rows, b->rows_cap * sizeof *b->rows);
	}
	return &b->rows[b->n++];
}

enum status
container_append(struct container_builder *b, const struct container_unit *u)
{
	struct container_chunk *row;
	uint8_t *to;

	assert(!b->finished && u->index == b->n);
	if (!has_room(b, u->row.stored))
		return ST_RESOURCE;
	row = next_row(b);
	*row = u->row;
	row->at = b->len;
	to = room(b, (uint64_t)row->stored + CONTAINER_TAG);
	if (to != u->to)
		memcpy(to, u->to, row->stored);
	memcpy(to + row->stored, u->tag, CONTAINER_TAG);
	return OK;
}

enum status
container_add(struct container_builder *b, const uint8_t digest[32], const void *plain,
    uint32_t len, uint32_t *indexp)
{
	struct container_unit u = { .index = b->n, .len = len, .digest = digest, .plain = plain,
		.to = b->bytes + b->len };

	if (!has_room(b, len))
		return ST_RESOURCE;
	*indexp = b->n;
	container_unit_make(b, &b->own, &u);
	return container_append(b, &u);
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
		write_u8(&w, row->algorithm);
		write_zeroes(&w, CONTAINER_ROW - ROW_USED);
	}
	assert(writer_ok(&w));
}

const uint8_t *
container_finish(struct container_builder *b, uint64_t *lenp)
{
	uint8_t *rows, *end, aad[AAD_MAX];
	uint64_t at = b->len;
	struct part p;
	struct writer w;

	if (!b->finished) {
		rows = room(b, (uint64_t)b->n * CONTAINER_ROW + CONTAINER_TRAILER);
		end = rows + (size_t)b->n * CONTAINER_ROW;
		rows_encode(b, rows);
		w = writer_of(end, CONTAINER_TRAILER);
		write_le32(&w, TRAILER_MAGIC);
		write_le32(&w, b->n);
		write_le64(&w, at);
		p = (struct part){ .index = (uint32_t)INDEX_NUMBER, .in = rows, .out = rows,
			.aad = index_aad(aad, &b->ident, b->n, at),
			.len = (size_t)b->n * CONTAINER_ROW };
		seal(&b->keys, &p, writer_room(&w, CONTAINER_TAG));
		write_zeroes(&w, CRC_AT - w.len);
		write_le32(&w, crc32c(0, end, CRC_AT));
		assert(writer_ok(&w) && w.len == CONTAINER_TRAILER);
		b->finished = true;
	}
	*lenp = b->len;
	return b->bytes;
}

uint64_t
container_so_far(const struct container_builder *b)
{
	return b->len;
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
    struct container_head *out)
{
	struct reader r = reader_of(header, CONTAINER_HEADER);
	struct container_head h;
	uint16_t version;

	if (file_bytes < CONTAINER_HEADER + CONTAINER_TRAILER || read_le32(&r) != HEADER_MAGIC ||
	    crc32c(0, header, CRC_AT) != get_le32(header + CRC_AT))
		return ST_CORRUPT;
	version = read_le16(&r);
	h.aead = read_u8(&r);
	reader_skip(&r, 1);
	read_copy(&r, h.ident.share_id, sizeof h.ident.share_id);
	h.ident.fence = read_le64(&r);
	h.ident.number = read_le64(&r);
	h.wrapped_bytes = read_le16(&r);
	reader_skip(&r, 2);
	h.version = read_le32(&r);
	if (version != VERSION || (h.aead != 0 && aead_nonce_bytes(h.aead) == 0))
		return ST_NOTSUPP;
	if (h.wrapped_bytes != (h.aead == 0 ? 0 : CONTAINER_WRAPPED) ||
	    file_bytes < CONTAINER_HEADER + h.wrapped_bytes + CONTAINER_TRAILER)
		return ST_CORRUPT;
	*out = h;
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
	row->algorithm = read_u8(r);
	reader_skip(r, CONTAINER_ROW - ROW_USED);
	if (!reader_ok(r) || row->at < CONTAINER_HEADER || row->plain == 0 ||
	    row->plain > CONTAINER_UNIT || row->stored == 0 || row->stored > CONTAINER_UNIT ||
	    row->compression > COMPRESSION_ZSTD ||
	    (row->compression == COMPRESSION_NONE ? row->stored != row->plain :
	    row->stored >= row->plain) || row->algorithm != DIGEST_KEYED_BLAKE2B_256 ||
	    !add_ok(row->at, (uint64_t)row->stored + CONTAINER_TAG, &end) || end > index_at)
		return ST_CORRUPT;
	return OK;
}

static enum status
rows_read(const uint8_t *opened, uint32_t n, uint64_t index_at,
    struct container_chunk *rows)
{
	struct reader r = reader_of(opened, (size_t)n * CONTAINER_ROW);
	enum status st = OK;

	for (uint32_t i = 0; i < n && st == OK; i++)
		st = row_read(&r, index_at, &rows[i]);
	return st;
}

enum status
container_index_parse(const struct container_ident *want, const struct container_keys *keys,
    const uint8_t *file_end, uint64_t len, uint64_t file_bytes, struct container_chunk *rows,
    uint32_t max, uint32_t *np)
{
	uint8_t aad[AAD_MAX], *opened;
	const uint8_t *trailer;
	struct part p;
	enum status st;
	uint64_t bytes;
	uint32_t n;

	if (len < CONTAINER_TRAILER || len > file_bytes)
		return ST_CORRUPT;
	trailer = file_end + (len - CONTAINER_TRAILER);
	if ((st = container_end_bytes(trailer, file_bytes, &bytes)) != OK)
		return st;
	if (len < bytes)
		return ST_CORRUPT;
	n = get_le32(trailer + 4);
	opened = xmalloc((size_t)n * CONTAINER_ROW + 1);
	p = (struct part){ .index = (uint32_t)INDEX_NUMBER, .in = file_end + (len - bytes),
		.out = opened, .len = (size_t)n * CONTAINER_ROW,
		.aad = index_aad(aad, want, n, file_bytes - bytes) };
	st = unseal(keys, &p, trailer + 16);
	if (st == OK && n > max)
		st = ST_RESOURCE;
	if (st == OK)
		st = rows_read(opened, n, file_bytes - bytes, rows);
	free(opened);
	if (st == OK)
		*np = n;
	return st;
}

enum status
container_open(const struct container_ident *ident, const struct container_keys *keys,
    uint32_t index, const struct container_chunk *row, uint8_t *stored, uint8_t *plain)
{
	bool small = row->compression == COMPRESSION_ZSTD;
	uint8_t aad[AAD_MAX];
	struct part p = { .index = index, .aad = unit_aad(aad, ident, index, row), .in = stored,
		.out = small ? stored : plain, .len = row->stored };
	enum status st;

	if (!small && row->stored != row->plain)
		return ST_CORRUPT;
	st = unseal(keys, &p, stored + row->stored);
	if (st == OK && small)
		st = decompress_unit(stored, row->stored, plain, row->plain);
	return st;
}
