/*
 * The only file that sees msgpack-c.  Reading is a walk over object heads: each object has at
 * least one byte, so "objects still owed" beyond the bytes that are left is nonsense, and no depth
 * needs to be counted.
 */
#include "pipeline/record/pack.h"

#include "pipeline/base/reader.h"

#include <msgpack.h>

static int
pack_write(void *arg, const char *bytes, size_t len)
{
	struct writer *w = arg;

	write_bytes(w, bytes, (uint32_t)len);
	return writer_ok(w) ? 0 : -1;
}

void
pack_map(struct writer *w, uint32_t n)
{
	msgpack_packer pk;

	msgpack_packer_init(&pk, w, pack_write);
	msgpack_pack_map(&pk, n);
}

void
pack_bytes(struct writer *w, enum pack_field field, struct slice bytes)
{
	msgpack_packer pk;

	msgpack_packer_init(&pk, w, pack_write);
	msgpack_pack_uint32(&pk, field);
	msgpack_pack_bin(&pk, bytes.len);
	msgpack_pack_bin_body(&pk, bytes.at, bytes.len);
}

/* One object's head: how many payload bytes and how many further objects belong to it. */
struct pack_head {
	uint8_t byte;
	uint64_t bytes, objects;
};

/* Rows of the format above 0xc0: bytes of a length field, fixed payload, objects a length. */
static const struct { uint8_t length, fixed, objects; bool legal; } pack_rows[32] = {
	[0x00] = { 0, 0, 0, true },				/* nil */
	[0x02] = { 0, 0, 0, true }, [0x03] = { 0, 0, 0, true },	/* false, true */
	[0x04] = { 1, 0, 0, true }, [0x05] = { 2, 0, 0, true },
	[0x06] = { 4, 0, 0, true },				/* bin */
	[0x07] = { 1, 1, 0, true }, [0x08] = { 2, 1, 0, true },
	[0x09] = { 4, 1, 0, true },				/* ext */
	[0x0a] = { 0, 4, 0, true }, [0x0b] = { 0, 8, 0, true },	/* float */
	[0x0c] = { 0, 1, 0, true }, [0x0d] = { 0, 2, 0, true }, [0x0e] = { 0, 4, 0, true },
	[0x0f] = { 0, 8, 0, true },				/* unsigned */
	[0x10] = { 0, 1, 0, true }, [0x11] = { 0, 2, 0, true }, [0x12] = { 0, 4, 0, true },
	[0x13] = { 0, 8, 0, true },				/* signed */
	[0x14] = { 0, 2, 0, true }, [0x15] = { 0, 3, 0, true }, [0x16] = { 0, 5, 0, true },
	[0x17] = { 0, 9, 0, true }, [0x18] = { 0, 17, 0, true },	/* fixext */
	[0x19] = { 1, 0, 0, true }, [0x1a] = { 2, 0, 0, true },
	[0x1b] = { 4, 0, 0, true },				/* str */
	[0x1c] = { 2, 0, 1, true }, [0x1d] = { 4, 0, 1, true },	/* array */
	[0x1e] = { 2, 0, 2, true }, [0x1f] = { 4, 0, 2, true },	/* map */
};

static uint64_t
read_be(struct reader *r, unsigned len)
{
	switch (len) {
	case 1: return read_u8(r);
	case 2: return read_be16(r);
	case 4: return read_be32(r);
	case 8: return read_be64(r);
	}
	return 0;
}

static struct pack_head
read_head(struct reader *r)
{
	struct pack_head h = { .byte = read_u8(r) };
	uint8_t b = h.byte;
	uint64_t n;

	if (b < 0x80 || b >= 0xe0)			/* small numbers */
		return h;
	if (b < 0x90)
		h.objects = 2u * (b & 15);
	else if (b < 0xa0)
		h.objects = b & 15;
	else if (b < 0xc0)
		h.bytes = b & 31;
	else if (!pack_rows[b & 31].legal)
		reader_fail(r);
	else {
		n = read_be(r, pack_rows[b & 31].length);
		h.objects = n * pack_rows[b & 31].objects;
		h.bytes = pack_rows[b & 31].fixed;
		if (pack_rows[b & 31].objects == 0)
			h.bytes += n;
	}
	if (h.bytes > reader_left(r) || h.objects > reader_left(r))
		reader_fail(r);
	return h;
}

/* Step over one object with all that is in it. */
static void
skip_object(struct reader *r)
{
	for (uint64_t owed = 1; owed > 0 && reader_ok(r); owed--) {
		struct pack_head h = read_head(r);

		reader_skip(r, h.bytes);
		owed += h.objects;
		if (owed - 1 > reader_left(r))
			reader_fail(r);
	}
}

/* A number that is not negative; anything else fails the reader. */
static uint64_t
read_number(struct reader *r)
{
	struct pack_head h = read_head(r);

	if (h.byte < 0x80)
		return h.byte;
	if (h.byte >= 0xcc && h.byte <= 0xcf)
		return read_be(r, (unsigned)h.bytes);
	reader_fail(r);
	return 0;
}

enum status
pack_find(struct slice rest, enum pack_field field, struct slice *bytes)
{
	struct reader r = reader_of_slice(rest);
	struct pack_head map = read_head(&r);
	struct slice found = { .at = NULL };
	bool seen = false;

	if ((map.byte & 0xf0) != 0x80 && (map.byte & 0xfe) != 0xde)
		return ST_CORRUPT;
	for (uint64_t pairs = map.objects / 2; pairs > 0 && reader_ok(&r); pairs--) {
		if (read_number(&r) != (uint64_t)field) {
			skip_object(&r);
			continue;
		}
		struct pack_head h = read_head(&r);

		if (h.byte < 0xc4 || h.byte > 0xc6 || seen)	/* a byte string, once */
			return ST_CORRUPT;
		found = read_slice(&r, h.bytes);
		seen = true;
	}
	if (!reader_ok(&r) || reader_left(&r) != 0)
		return ST_CORRUPT;
	if (!seen)
		return ST_NODATA;
	*bytes = found;
	return OK;
}
