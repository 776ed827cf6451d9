/*
 * A datum is read from its entry's buffers, from its segment, and across the hand-over.
 */
#include "pipeline/block/place.h"

#include "pipeline/base/hash.h"
#include "pipeline/base/rand.h"
#include "pipeline/base/thread.h"
#include "pipeline/block/segment.h"
#include "pipeline/record/txn.h"
#include "tests/lib/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LEN = 150000, AT = 4096 };

static uint8_t bytes[LEN];

static void
crcs(uint32_t crc[3])
{
	for (uint32_t i = 0; i < LEN; i++)
		bytes[i] = (uint8_t)(i * 13 + i / 251);
	for (uint32_t i = 0; i < 3; i++)
		crc[i] = crc32c(0, bytes + i * TXN_CRC_UNIT,
		    MIN(LEN - i * TXN_CRC_UNIT, TXN_CRC_UNIT));
}

static struct chain *
chain_with(uint32_t before)
{
	struct chain *c = xmalloc(sizeof *c);
	struct buf *b = buf_new(before + LEN);

	memset(b->bytes, 0xee, before);
	memcpy(b->bytes + before, bytes, LEN);
	chain_init(c);
	EQ(chain_push(c, NULL, (struct slice){ b, b->bytes, before + 1000 }), OK);
	EQ(chain_push(c, NULL, (struct slice){ b, b->bytes + before + 1000, LEN - 1000 }), OK);
	buf_put(&b);
	return c;
}

static void
chain_drop(struct chain *c)
{
	chain_clear(c);
	free(c);
}

/* A file with the datum's bytes at AT: as much of a segment as a datum knows. */
static struct segment *
segment_with(int flip)
{
	static int n;
	struct segment *seg;
	char path[512];

	snprintf(path, sizeof path, "%s", check_tmpdir());
	n++;
	EQ(segment_create(open(path, O_RDONLY | O_DIRECTORY), (uint32_t)n, SEGMENT_SMALL_BYTES,
	       &seg),
	    OK);
	EQ(pwrite(seg->fd, bytes, LEN, AT), LEN);
	if (flip >= 0)
		EQ(pwrite(seg->fd, "\xff\xfe", 2, AT + flip), 2);
	return seg;
}

static void
reads_right(struct datum *d)
{
	static const uint32_t cut[][2] = { { 0, LEN }, { 0, 1 }, { LEN - 1, 1 }, { 65535, 2 },
		{ 65536, 65536 }, { 1000, 140000 }, { 0, 131072 }, { 131072, 18928 }, { 7, 0 } };
	uint8_t *to = xaligned(SEGMENT_BLOCK, LEN);

	for (unsigned i = 0; i < ARRAY_LEN(cut); i++) {
		EQ(datum_read(d, cut[i][0], cut[i][1], to, false), OK);
		EQ_MEM(to, bytes + cut[i][0], cut[i][1]);
		memset(to, 0, LEN);
		EQ(datum_read_once(d, cut[i][0], cut[i][1], to), OK);
		EQ_MEM(to, bytes + cut[i][0], cut[i][1]);
	}
	free(to);
}

CASE(read_from_buffers_then_from_the_segment)
{
	uint32_t crc[3];
	struct datum *d;
	struct chain *c, cited;
	struct segment *seg;
	enum status st = OK;
	uint8_t home[512];
	struct arena arena;

	crcs(crc);
	arena_init(&arena, home, sizeof home, 4096);
	d = datum_new(1, LEN, 300, crc);
	c = chain_with(300);
	datum_hold(d, c);
	reads_right(d);
	chain_init(&cited);
	TRUE(datum_cite(d, 999, 2, &cited, &arena, &st));
	EQ(st, OK);
	EQ(cited.n, 2);
	EQ(cited.v[0].at[0], bytes[999]);
	seg = segment_with(-1);
	datum_written(d, seg, AT);
	chain_drop(c);
	EQ(cited.v[1].at[0], bytes[1000]);
	chain_clear(&cited);
	FALSE(datum_cite(d, 999, 2, &cited, &arena, &st));
	reads_right(d);
	TRUE(segment_cited(seg));
	datum_put(&d);
	FALSE(segment_cited(seg));
	segment_put(&seg);
}

CASE(a_changed_byte_is_found_in_its_unit_alone)
{
	struct segment *seg;
	uint32_t crc[3];
	struct datum *d;
	uint8_t to[10], *units = xaligned(SEGMENT_BLOCK, 2 * TXN_CRC_UNIT);

	crcs(crc);
	seg = segment_with(70000);
	d = datum_new(1, LEN, 0, crc);
	datum_written(d, seg, AT);
	EQ(datum_read(d, 0, 10, to, false), OK);
	EQ(datum_read(d, 65536, 10, to, false), ST_CORRUPT);
	EQ(datum_read(d, 131072, 10, to, false), OK);
	EQ(datum_read_once(d, 0, 65536, units), OK);
	EQ(datum_read_once(d, 65536, 65536, units), ST_CORRUPT);
	EQ(datum_read_once(d, 0, 131072, units), ST_CORRUPT);
	free(units);
	datum_put(&d);
	segment_put(&seg);
}

CASE(after_a_failed_write_it_keeps_a_copy)
{
	uint32_t crc[3];
	struct datum *d;
	struct chain *c;

	crcs(crc);
	d = datum_new(1, LEN, 10, crc);
	c = chain_with(10);
	datum_hold(d, c);
	datum_keep(d);
	chain_drop(c);
	reads_right(d);
	datum_put(&d);
}

enum { ROUNDS = 200 };

static struct datum *shared;
static _Atomic bool over;
static _Atomic uint64_t wrong, reads;

static void
reader(void *arg)
{
	uint8_t *to = xmalloc(LEN);

	(void)arg;
	while (!over) {
		uint32_t at = (uint32_t)(rand_u64() % LEN);
		uint32_t len = (uint32_t)(rand_u64() % MIN(LEN - at, 9000));
		struct datum *d = shared;

		if (datum_read(d, at, len, to, false) != OK || memcmp(to, bytes + at, len) != 0)
			wrong++;
		reads++;
	}
	free(to);
}

CASE(readers_do_not_notice_the_hand_over)
{
	struct thread t[2];
	struct segment *seg;
	uint32_t crc[3];

	crcs(crc);
	seg = segment_with(-1);
	for (int i = 0; i < ROUNDS; i++) {
		struct chain *c = chain_with(0);
		uint64_t then;

		shared = datum_new((lsn_t)i + 1, LEN, 0, crc);
		datum_hold(shared, c);
		over = false;
		for (int k = 0; k < 2; k++)
			thread_start(&t[k], "reader", 0, reader, NULL);
		for (then = reads + 2; reads < then;)
			;
		datum_written(shared, seg, AT);
		chain_drop(c);
		for (then = reads + 4; reads < then;)
			;
		over = true;
		for (int k = 0; k < 2; k++)
			thread_join(&t[k]);
		datum_put(&shared);
	}
	EQ(wrong, 0);
	segment_put(&seg);
}
