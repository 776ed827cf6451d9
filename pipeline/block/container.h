/*
 * Containers: immutable files of sealed chunks, with their index at the end; the same bytes lie
 * locally and in a bucket.  This is the codec: from chunks to bytes and back, by units of at most
 * 64 KiB that each carry a 16-byte tag: of the AEAD where the share encrypts, else keyed BLAKE2b.
 * A chunk of more is several units in a row, all with its digest.
 *
 * Layout (little-endian):
 *	header 64 bytes: magic "DFSC" | u16 version 1 | u8 aead id (0: plain) | u8 0 | share id 16 |
 *	        u64 fence | u64 number | u16 wrapped-key length (0 or 76) | u16 0 |
 *	        u32 version of the share key that wraps it | 0 … | crc32c at 60
 *	wrapped key (encrypting shares)
 *	units: stored bytes | 16-byte tag, one after another
 *	index: one 64-byte row a unit: digest 32 | u64 at | u32 stored | u32 plain | u8 compression
 * | u8 algorithm of the digest | 0 … trailer 64 bytes: magic "DFSE" | u32 rows | u64 index at | tag
 * of the index | 0 … | crc32c at 60
 *
 * A tag is taken over: share id | fence | number | u32 index of the unit (2^32-1: the index) |
 * digest | u32 stored | u32 plain | u8 compression | the bytes; the index has rows and place of
 * the index where a unit has the rest.
 *
 * An encrypting share seals units and index with a key that is this container's alone; the nonce
 * is the unit's index, big-endian at its end, and what was said above is the additional data.
 */
#ifndef BLOCK_CONTAINER_H
#define BLOCK_CONTAINER_H

#include "crypto/digest.h"
#include "pipeline/base/status.h"
#include "pipeline/base/writer.h"

enum { CONTAINER_BYTES = 16 << 20, CONTAINER_UNIT = 1 << 16, CONTAINER_CHUNKS_MAX = 4096,
	CONTAINER_HEADER = 64, CONTAINER_TRAILER = 64, CONTAINER_ROW = 64, CONTAINER_TAG = 16,
	CONTAINER_WRAPPED = 76 };

struct container_ident {
	uint8_t share_id[16];
	uint64_t fence, number;
};

struct container_chunk {
	uint8_t digest[32];
	uint64_t at;			/* first stored byte in the file */
	uint32_t stored, plain;		/* bytes, the tag not counted */
	uint8_t compression;		/* compress.h: enum compression */
	uint8_t algorithm;		/* of the digest: enum digest_algorithm */
};

/* Keys of one container; a share that does not encrypt has aead 0 and a tag key. */
struct container_keys {
	uint8_t aead;			/* crypto/aead.h: enum aead_id, or 0 */
	uint8_t key[32];
	uint32_t version;		/* aead: of the share key that wraps it; and wrapped */
	uint8_t wrapped[CONTAINER_WRAPPED];
};

/* What a header says. */
struct container_head {
	struct container_ident ident;
	uint8_t aead;
	uint32_t version;		/* of the share key */
	uint32_t wrapped_bytes;		/* they follow the header: 0 or CONTAINER_WRAPPED */
};

struct container_builder;
struct compressor;

/* The key of the tags of a share that does not encrypt, from its digest key. */
void container_plain_keys(const uint8_t digest_key[32], struct container_keys *keys);

/* What a container's key is bound to when it is wrapped: 32 bytes. */
enum { CONTAINER_BOUND = 32 };
void container_bound(const struct container_ident *ident, uint8_t to[CONTAINER_BOUND]);

/* small: borrowed until the builder is freed; NULL: nothing is compressed. */
struct container_builder *container_builder_new(const struct container_ident *ident,
    const struct container_keys *keys, struct compressor *small);
void container_builder_free(struct container_builder **bp);

/* Add a unit (plain ≤ CONTAINER_UNIT bytes).  RESOURCE: full, finish it first. */
must_check enum status container_add(struct container_builder *b, const uint8_t digest[32],
    const void *plain, uint32_t len, uint32_t *indexp);

/*
 * The same in two steps, for who makes units on several threads: what must be known of a unit is
 * its number, which it takes in order.  A maker is one thread's: its compressor (borrowed; NULL:
 * none) and a place for what comes out of it.
 *
 * container_unit_make changes nothing of the builder.  The units are appended in the order of
 * their numbers, from 0 on; RESOURCE: full.
 */
struct container_maker {
	struct compressor *small;
	uint8_t smaller[CONTAINER_UNIT];
};

struct container_unit {
	uint32_t index, len;		/* its number; plain bytes, ≤ CONTAINER_UNIT */
	const uint8_t *digest;		/* of its chunk; until it is made */
	const uint8_t *plain;
	uint8_t *to;	/* room for len bytes, plain's own or other; until appended */
	struct container_chunk row;	/* made; at: not yet */
	uint8_t tag[CONTAINER_TAG];
};

void container_unit_make(const struct container_builder *b, struct container_maker *m,
    struct container_unit *u);
must_check enum status container_append(struct container_builder *b,
    const struct container_unit *u);

/* Seal: index and trailer; the whole as one block of memory, owned by the builder. */
const uint8_t *container_finish(struct container_builder *b, uint64_t *lenp);
const struct container_chunk *container_rows(const struct container_builder *b, uint32_t *np);

/* So many bytes has it now: header, units, tags; rows and trailer not yet. */
uint64_t container_so_far(const struct container_builder *b);

/* Reading.  What the header says: NOTSUPP for a version or an AEAD that is not known here. */
must_check enum status container_header_parse(const uint8_t header[CONTAINER_HEADER],
    uint64_t file_bytes, struct container_head *out);

/* How many bytes of the file's end rows and trailer take, from the trailer. */
must_check enum status container_end_bytes(const uint8_t trailer[CONTAINER_TRAILER],
    uint64_t file_bytes, uint64_t *out);

/* The index from the file's end (all of trailer and rows given), checked.  RESOURCE: > max. */
must_check enum status container_index_parse(const struct container_ident *want,
    const struct container_keys *keys, const uint8_t *file_end, uint64_t len, uint64_t file_bytes,
    struct container_chunk *rows, uint32_t max, uint32_t *np);

/* Open one unit's stored bytes (with tag behind) to plain; CORRUPT: the tag, which covers the
 * digest too, does not fit.  stored is changed where the share encrypts. */
must_check enum status container_open(const struct container_ident *ident,
    const struct container_keys *keys, uint32_t index, const struct container_chunk *row,
    uint8_t *stored, uint8_t *plain);

#endif
