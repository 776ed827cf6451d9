/*
 * What moves bytes about: numbers, readers, writers, slices, lists and counts.
 */
#include "pipeline/base/list.h"
#include "pipeline/base/reader.h"
#include "pipeline/base/writer.h"

#include "dies.h"
#include "tests/lib/check.h"

CASE(a_sum_that_does_not_fit_says_so)
{
	uint64_t sum = 7;

	TRUE(add_ok(UINT64_MAX - 1, 1, &sum));
	EQ(sum, UINT64_MAX);
	FALSE(add_ok(UINT64_MAX, 1, &sum));
	EQ(round_up(0, 8), 0);
	EQ(round_up(1, 8), 8);
	EQ(round_up(4096, 4096), 4096);
}

CASE(byte_orders_are_what_they_say)
{
	uint8_t b[8];

	put_be32(b, 0x01020304);
	EQ_MEM(b, "\1\2\3\4", 4);
	put_le32(b, 0x01020304);
	EQ_MEM(b, "\4\3\2\1", 4);
	put_be64(b, 0x0102030405060708);
	EQ_MEM(b, "\1\2\3\4\5\6\7\10", 8);
	EQ(get_be64(b), 0x0102030405060708);
	EQ(get_le64(b), 0x0807060504030201);
	put_be16(b, 0xff01);
	EQ(get_le16(b), 0x01ff);
}

CASE(a_short_read_fails_and_stays_failed)
{
	struct reader r = reader_of("\0\0\0\1\0", 5);
	uint8_t copy[4] = { 9, 9, 9, 9 };

	EQ(read_be32(&r), 1);
	EQ(reader_left(&r), 1);
	EQ(read_be32(&r), 0);
	FALSE(reader_ok(&r));
	EQ(read_u8(&r), 0);		/* although a byte was left */
	EQ(reader_left(&r), 0);
	read_copy(&r, copy, 4);
	EQ_MEM(copy, "\0\0\0\0", 4);
	EQ(read_slice(&r, 0).len, 0);
}

CASE(a_reader_gives_slices_of_its_buffer)
{
	struct buf *b = buf_new(8);
	struct reader r;
	struct slice s;

	memcpy(b->bytes, "abcdefgh", 8);
	r = reader_of_slice((struct slice){ b, b->bytes, 8 });
	reader_skip(&r, 2);
	s = read_slice(&r, 3);
	TRUE(s.buf == b);
	EQ_MEM(s.at, "cde", 3);
	reader_skip(&r, SIZE_MAX);
	FALSE(reader_ok(&r));
	buf_put(&b);
}

CASE(a_writer_never_writes_past_its_end)
{
	uint8_t room[8];
	struct writer w = writer_of(room, 7);
	uint32_t mark;

	memset(room, 0xee, sizeof room);
	mark = writer_mark(&w);
	write_be32(&w, 0);
	write_be16(&w, 0x1234);
	writer_patch_be32(&w, mark, 0xa0b0c0d0);
	TRUE(writer_ok(&w));
	EQ(writer_left(&w), 1);
	write_be16(&w, 1);
	FALSE(writer_ok(&w));
	write_u8(&w, 1);		/* would have fitted */
	EQ(w.len, 6);
	EQ_MEM(room, "\xa0\xb0\xc0\xd0\x12\x34\xee\xee", 8);
	EQ(writer_left(&w), 0);
}

CASE(a_writer_cites_slices_in_their_places)
{
	uint8_t room[16];
	struct cite cites[1];
	struct writer w = writer_of(room, sizeof room);
	struct buf *b = buf_new(100);

	w.cites = cites;
	w.cites_max = 1;
	write_be32(&w, 7);
	writer_cite(&w, (struct slice){ b, b->bytes, 100 });
	write_zeroes(&w, 2);
	EQ(writer_total(&w), 106);
	EQ(cites[0].at, 4);
	EQ(b->refs.n, 2);
	writer_cite(&w, (struct slice){ b, b->bytes, 0 });
	TRUE(writer_ok(&w));
	writer_cite(&w, (struct slice){ b, b->bytes, 1 });
	FALSE(writer_ok(&w));
	slice_put(&cites[0].bytes);
	buf_put(&b);
}

static void
slice_too_far(void)
{
	slice_sub(slice_str("abc"), 2, 2);
}

CASE(a_slice_of_a_slice_lies_inside)
{
	struct slice s = slice_sub(slice_str("abcdef"), 2, 3);

	TRUE(slice_eq(s, slice_str("cde")));
	FALSE(slice_eq(s, slice_str("cdf")));
	FALSE(slice_eq(s, slice_str("cd")));
	TRUE(slice_eq(slice_of(NULL, 0), slice_str("")));
	TRUE(dies(slice_too_far, "len"));
}

struct item {
	int n;
	struct list link;
};

CASE(lists_keep_their_order_and_forgive_a_second_removal)
{
	struct list head, other, *l;
	struct item items[5];
	int want = 0;

	list_init(&head);
	list_init(&other);
	for (int i = 0; i < 5; i++) {
		items[i].n = i;
		list_push_back(i < 3 ? &head : &other, &items[i].link);
	}
	list_splice_back(&head, &other);
	TRUE(list_empty(&other));
	LIST_EACH(it, &head)
		EQ(container_of(it, struct item, link)->n, want++);
	EQ(want, 5);
	list_remove(&items[2].link);
	list_remove(&items[2].link);
	list_push_front(&head, &items[2].link);
	l = list_pop_front(&head);
	EQ(container_of(l, struct item, link)->n, 2);
	for (want = 0; list_pop_front(&head) != NULL; want++)
		;
	EQ(want, 4);
}

static void
dropped_twice(void)
{
	struct ref r;

	ref_init(&r);
	ref_drop(&r);
	ref_drop(&r);
}

CASE(a_count_is_dropped_by_one_last_and_never_revived)
{
	struct ref r;

	ref_init(&r);
	ref_take(&r);
	FALSE(ref_drop(&r));
	TRUE(ref_take_live(&r));
	FALSE(ref_drop(&r));
	TRUE(ref_drop(&r));
	FALSE(ref_take_live(&r));
	TRUE(dies(dropped_twice, "was > 0"));
}
