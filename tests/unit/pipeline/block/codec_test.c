/*
 * What lies on disk: groups, summaries and heads, whole, flipped, cut and torn.
 */
#include "pipeline/block/group.h"
#include "pipeline/block/head.h"

#include "tests/lib/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint8_t id[16] = { 1, 2, 3, 4 }, other_id[16] = { 1, 2, 3, 5 };

static struct group_head
some_group(void)
{
	return (struct group_head){ .serial = 7ull << 32 | 3, .first = LSN_OF(7, 20),
		.prev = LSN_OF(7, 19), .durable = LSN_OF(7, 19), .epoch = 4, .wall_ns = 99,
		.count = 3, .entries_bytes = 500, .data_bytes = 9000 };
}

static void
fill(uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 31 + 7);
}

CASE(a_group_reads_back_as_it_was_sealed)
{
	struct group_head h = some_group(), back;
	uint8_t group[GROUP_HEADER + 500];

	fill(group, sizeof group);
	group_seal(&h, id, group);
	TRUE(group_parse(group, id, &back));
	EQ(back.serial, h.serial);
	EQ(back.first, h.first);
	EQ(back.prev, h.prev);
	EQ(back.durable, h.durable);
	EQ(back.epoch, h.epoch);
	EQ(back.wall_ns, h.wall_ns);
	EQ(back.count, h.count);
	EQ(back.entries_bytes, h.entries_bytes);
	EQ(back.data_bytes, h.data_bytes);
	TRUE(group_valid(&back, id, group));
	EQ(group_last(&back), LSN_OF(7, 22));
	EQ(group_bytes(&back), 12288);
}

CASE(much_data_begins_at_a_block_and_little_right_behind_the_entries)
{
	struct group_head h = some_group(), back;
	uint8_t group[GROUP_HEADER + 500];

	EQ(group_lead(500, 9000), 0);
	EQ(group_data_at(&h), GROUP_HEADER + 500);
	h.data_bytes = 1 << 20;
	for (uint32_t bytes = 1; bytes < 3 * GROUP_BLOCK; bytes += 17) {
		h.entries_bytes = bytes;
		h.lead_bytes = group_lead(bytes, h.data_bytes);
		TRUE(h.lead_bytes < GROUP_BLOCK);
		EQ(group_data_at(&h) % GROUP_BLOCK, 0);
		EQ(group_bytes(&h), group_data_at(&h) + h.data_bytes);
	}
	h.entries_bytes = 500;
	h.lead_bytes = group_lead(500, h.data_bytes);
	fill(group, sizeof group);
	group_seal(&h, id, group);
	TRUE(group_parse(group, id, &back));
	EQ(back.lead_bytes, h.lead_bytes);
	h.lead_bytes = GROUP_BLOCK;
	group_seal(&h, id, group);
	FALSE(group_parse(group, id, &back));
}

CASE(no_flipped_byte_of_a_group_passes)
{
	struct group_head h = some_group(), back;
	uint8_t group[GROUP_HEADER + 500];

	fill(group, sizeof group);
	group_seal(&h, id, group);
	for (size_t i = 0; i < sizeof group; i++)
		for (int bit = 0; bit < 8; bit++) {
			group[i] ^= (uint8_t)(1 << bit);
			if (group_parse(group, id, &back) && back.entries_bytes <= 500)
				FALSE(group_valid(&back, id, group));
			group[i] ^= (uint8_t)(1 << bit);
		}
	TRUE(group_valid(&h, id, group));
}

CASE(another_journal_s_group_and_an_older_life_do_not_validate)
{
	struct group_head h = some_group(), back;
	uint8_t group[GROUP_HEADER + 500];

	fill(group, sizeof group);
	group_seal(&h, id, group);
	FALSE(group_parse(group, other_id, &back));
	FALSE(group_valid(&h, other_id, group));
	h.serial++;
	FALSE(group_valid(&h, id, group));
}

CASE(sizes_that_make_no_sense_are_no_group)
{
	struct group_head h = some_group(), back;
	uint8_t group[GROUP_HEADER + 500];

	fill(group, sizeof group);
	h.data_bytes = GROUP_DATA_MAX + 1;
	group_seal(&h, id, group);
	FALSE(group_parse(group, id, &back));
	h = some_group();
	h.first = h.prev;
	group_seal(&h, id, group);
	FALSE(group_parse(group, id, &back));
	h = some_group();
	h.count = UINT32_MAX;
	h.first = UINT64_MAX - 5;
	group_seal(&h, id, group);
	FALSE(group_parse(group, id, &back));
}

/* --- summaries --- */

static const uint32_t crcs[3] = { 11, 22, 33 };

static uint32_t
write_items(uint8_t *to, uint32_t cap)
{
	struct writer w = writer_of(to, cap);
	struct txn_item data = { .kind = ITEM_DATA, .content = 5, .from = 100, .to = 100 + 150000,
		.data_at = 40, .crc = crcs };
	struct txn_item trunc = { .kind = ITEM_TRUNC, .content = 6, .from = 77 };
	struct txn_item hole = { .kind = ITEM_HOLE, .content = 6, .from = 10, .to = 20 };
	struct txn_item carved = { .kind = ITEM_CARVED,
		.content = 5,
		.from = 1,
		.to = 2,
		.as_of = 9 };
	struct txn_item cut = { .kind = ITEM_CUT, .from = 12 };

	summary_write(&w, &data, 1000, 5040);
	summary_write(&w, &trunc, 1001, 0);
	summary_write(&w, &hole, 1002, 0);
	summary_write(&w, &carved, 1003, 0);
	summary_write(&w, &cut, 1004, 0);
	TRUE(writer_ok(&w));
	EQ(w.len, summary_item_bytes(&data) + 4 * SUMMARY_ITEM);
	return w.len;
}

CASE(a_summary_s_items_read_back)
{
	uint8_t bytes[1024], home[256];
	struct reader r = reader_of(bytes, write_items(bytes, sizeof bytes));
	struct txn_item item;
	struct arena arena;
	uint32_t at;
	lsn_t lsn;

	arena_init(&arena, home, sizeof home, 0);
	TRUE(summary_read(&r, &item, &lsn, &at, &arena));
	EQ(item.kind, ITEM_DATA);
	EQ(item.content, 5);
	EQ(item.from, 100);
	EQ(item.to, 150100);
	EQ(item.data_at, 40);
	EQ(at, 5040);
	EQ(lsn, 1000);
	EQ_MEM(item.crc, crcs, sizeof crcs);
	TRUE(summary_read(&r, &item, &lsn, &at, &arena));
	EQ(item.kind, ITEM_TRUNC);
	EQ(item.from, 77);
	TRUE(summary_read(&r, &item, &lsn, &at, &arena));
	EQ(item.to, 20);
	TRUE(summary_read(&r, &item, &lsn, &at, &arena));
	EQ(item.as_of, 9);
	TRUE(summary_read(&r, &item, &lsn, &at, &arena));
	EQ(item.kind, ITEM_CUT);
	EQ(item.from, 12);
	EQ(lsn, 1004);
	EQ(reader_left(&r), 0);
}

CASE(a_cut_summary_fails_and_reads_nothing_beyond)
{
	uint8_t bytes[1024], home[256];
	uint32_t len = write_items(bytes, sizeof bytes);

	for (uint32_t cut = 0; cut < len; cut++) {
		uint8_t *exact = xmalloc(cut + 1); /* so that a sanitizer sees a step too far */
		struct reader r = reader_of(exact, cut);
		struct txn_item item;
		struct arena arena;
		uint32_t at, n = 0;
		lsn_t lsn;

		memcpy(exact, bytes, cut);
		arena_init(&arena, home, sizeof home, 0);
		while (reader_left(&r) > 0 && summary_read(&r, &item, &lsn, &at, &arena))
			n++;
		TRUE(n < 5);
		free(exact);
	}
}

CASE(no_flipped_byte_of_a_summary_passes)
{
	uint8_t bytes[1024];
	struct summary_head h = { .serial = 9, .first = 10, .last = 20, .prev = 8, .epoch = 2,
		.wall_ns = 5, .items = 5, .bytes = write_items(bytes, sizeof bytes) }, back;

	summary_seal(&h, id, bytes);
	TRUE(summary_parse(bytes + h.bytes, id, &back));
	EQ_MEM(&back, &h, sizeof h);
	TRUE(summary_valid(&h, id, bytes));
	for (size_t i = 0; i < h.bytes + SUMMARY_HEADER; i++) {
		bytes[i] ^= 0x40;
		if (summary_parse(bytes + h.bytes, id, &back) && back.bytes == h.bytes)
			FALSE(summary_valid(&back, id, bytes));
		bytes[i] ^= 0x40;
	}
}

/* --- heads --- */

static struct head
some_head(void)
{
	return (struct head){ .sequence = 41, .flags = HEAD_CLEAN, .incarnation = 7, .fence = 1,
		.verifier = 0x1234567890abcdef, .prev_end = 5, .end = 6, .checkpoint_lsn = 4,
		.data_serial = 3, .data_lsn = 2, .epoch = 9, .next_ino = 10, .next_content = 11,
		.next_leaf = 12, .next_container = 13 };
}

CASE(a_head_reads_back_and_no_flipped_byte_passes)
{
	struct head h = some_head(), back;
	uint8_t block[HEAD_BLOCK];

	memset(&back, 0, sizeof back);
	memcpy(h.share_id, id, 16);
	memcpy(h.journal_id, other_id, 16);
	head_encode(&h, block);
	TRUE(head_decode(block, &back));
	EQ_MEM(&back, &h, sizeof h);
	for (size_t i = 0; i < sizeof block; i++) {
		block[i] ^= 0x10;
		FALSE(head_decode(block, &back));
		block[i] ^= 0x10;
	}
}

static int
folder(const char *name)
{
	char path[512];

	snprintf(path, sizeof path, "%s/%s", check_tmpdir(), name);
	TRUE(mkdir(path, 0700) == 0);
	return open(path, O_RDONLY | O_DIRECTORY);
}

CASE(heads_alternate_and_a_torn_one_leaves_the_one_before)
{
	int dirfd = folder("heads"), fd;
	struct head h = some_head(), back;

	EQ(head_open(dirfd, &back, &fd), ST_NOENT);
	EQ(head_create(dirfd, &h, &fd), OK);
	for (uint32_t torn = 0; torn <= HEAD_BLOCK; torn += 64) {
		uint8_t block[HEAD_BLOCK], was[HEAD_BLOCK];
		off_t at;

		h.sequence++;
		h.checkpoint_lsn++;
		at = (off_t)(h.sequence & 1) * HEAD_BLOCK;
		EQ(pread(fd, was, sizeof was, at), HEAD_BLOCK);
		head_encode(&h, block);
		EQ(pwrite(fd, block, torn, at), torn);		/* power goes here */
		close(fd);
		EQ(head_open(dirfd, &back, &fd), OK);
		/* The checksum is in the last bytes: only a whole block counts. */
		EQ(back.sequence, torn == HEAD_BLOCK ? h.sequence : h.sequence - 1);
		EQ(head_write(fd, &h, true), OK);
		close(fd);
		EQ(head_open(dirfd, &back, &fd), OK);
		EQ(back.checkpoint_lsn, h.checkpoint_lsn);
	}
	close(fd);
	close(dirfd);
}

CASE(a_head_without_a_valid_block_is_corrupt)
{
	int dirfd = folder("no-heads"), fd;
	struct head h = some_head(), back;
	uint8_t junk[2 * HEAD_BLOCK];

	EQ(head_create(dirfd, &h, &fd), OK);
	memset(junk, 0x5a, sizeof junk);
	EQ(pwrite(fd, junk, sizeof junk, 0), sizeof junk);
	close(fd);
	EQ(head_open(dirfd, &back, &fd), ST_CORRUPT);
	fd = openat(dirfd, "head", O_RDWR);
	EQ(ftruncate(fd, 100), 0);
	close(fd);
	EQ(head_open(dirfd, &back, &fd), ST_CORRUPT);
	close(dirfd);
}
