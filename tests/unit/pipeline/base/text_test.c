#include "pipeline/base/text.h"

#include "pipeline/base/utf.h"
#include "tests/lib/check.h"

#include <string.h>

CASE(text_that_does_not_fit_is_cut_and_noted)
{
	char to[8];
	struct text t = text_of(to, sizeof to);

	text_add(&t, "abc");
	text_addf(&t, "%d", 42);
	FALSE(t.cut);
	EQ(t.len, 5);
	text_addf(&t, "-%s", "long");
	TRUE(t.cut);
	EQ_STR(to, "abc42-l");
	EQ(t.len, 7);
	text_add(&t, "x");
	text_addf(&t, "x");
	EQ_STR(to, "abc42-l");
	t = text_of(to, 1);
	text_add(&t, "x");
	TRUE(t.cut);
	EQ_STR(to, "");
}

CASE(hex_is_small_letters_in_pairs)
{
	char to[16];
	struct text t = text_of(to, sizeof to);

	text_hex(&t, "\0\xab\x1f", 3);
	EQ_STR(to, "00ab1f");
}

static uint64_t
u64_of(const char *s, uint64_t least, uint64_t most)
{
	uint64_t n = 777;

	return text_u64(s, least, most, &n) ? n : n == 777 ? 666 : 0;
}

CASE(a_number_is_wholly_a_number_within_its_bounds)
{
	EQ(u64_of("0", 0, 9), 0);
	EQ(u64_of("18446744073709551615", 0, UINT64_MAX), UINT64_MAX);
	EQ(u64_of("18446744073709551616", 0, UINT64_MAX), 666);
	EQ(u64_of("99999999999999999999", 0, UINT64_MAX), 666);
	EQ(u64_of("5", 6, 9), 666);
	EQ(u64_of("10", 6, 9), 666);
	EQ(u64_of("", 0, 9), 666);
	EQ(u64_of(" 1", 0, 9), 666);
	EQ(u64_of("1 ", 0, 9), 666);
	EQ(u64_of("+1", 0, 9), 666);
	EQ(u64_of("-1", 0, UINT64_MAX), 666);
	EQ(u64_of("0x1", 0, 9), 666);
	EQ(u64_of("1.0", 0, 9), 666);
}

static uint64_t
size_of(const char *s)
{
	uint64_t n = 777;

	return text_size(s, &n) ? n : n == 777 ? 666 : 0;
}

CASE(sizes_have_strict_units)
{
	EQ(size_of("4096"), 4096);
	EQ(size_of("0"), 0);
	EQ(size_of("64KiB"), 65536);
	EQ(size_of("1.5GiB"), 1610612736);
	EQ(size_of("10MB"), 10000000);
	EQ(size_of("2Ti"), 2199023255552);
	EQ(size_of("0.5KiB"), 512);
	EQ(size_of("16383PiB"), 16383ull << 50);
	EQ(size_of("16384PiB"), 666);
	EQ(size_of("1.5"), 666);
	EQ(size_of("1.5B"), 666);
	EQ(size_of("1.GiB"), 666);
	EQ(size_of(".5GiB"), 666);
	EQ(size_of("1 GiB"), 666);
	EQ(size_of("1gib"), 666);
	EQ(size_of("1K"), 666);
	EQ(size_of("-1"), 666);
	EQ(size_of("1.0000000001GiB"), 666);
	EQ(size_of(""), 666);
}

static uint64_t
duration_of(const char *s)
{
	uint64_t n = 777;

	return text_duration(s, &n) ? n : n == 777 ? 666 : 0;
}

CASE(durations_need_a_unit)
{
	EQ(duration_of("100ms"), 100000000);
	EQ(duration_of("35s"), 35000000000);
	EQ(duration_of("2m"), 120000000000);
	EQ(duration_of("1h"), 3600000000000);
	EQ(duration_of("1.5s"), 1500000000);
	EQ(duration_of("3d"), 259200000000000);
	EQ(duration_of("35"), 666);
	EQ(duration_of("1h30m"), 666);
	EQ(duration_of("s"), 666);
	EQ(duration_of("1.5ns"), 666);
	EQ(duration_of("300000d"), 666);
}

static uint64_t
seconds_of(const char *s)
{
	uint64_t n = 777;

	return text_seconds(s, &n) ? n : n == 777 ? 666 : 0;
}

static const char *
of_seconds(uint64_t n)
{
	static char room[40];
	struct text t = text_of(room, sizeof room);

	text_add_seconds(&t, n);
	return room;
}

CASE(seconds_are_whole_and_shown_in_the_largest_unit_that_fits)
{
	EQ(seconds_of("72h"), 259200);
	EQ(seconds_of("3d"), 259200);
	EQ(seconds_of("1.5m"), 90);
	EQ(seconds_of("1.5s"), 666);
	EQ(seconds_of("72"), 666);
	EQ_STR(of_seconds(259200), "72h");
	EQ_STR(of_seconds(5400), "90m");
	EQ_STR(of_seconds(61), "61s");
	EQ_STR(of_seconds(0), "0s");
}

static bool
valid(const char *s)
{
	return utf8_valid(s, strlen(s));
}

CASE(utf8_is_checked_to_the_letter)
{
	TRUE(valid(""));
	TRUE(valid("plain"));
	TRUE(valid("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80"));
	TRUE(valid("\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf"));
	TRUE(utf8_valid("a\0b", 3));
	FALSE(valid("\x80"));
	FALSE(valid("\xc3"));
	FALSE(valid("\xc0\xaf"));		/* overlong */
	FALSE(valid("\xe0\x9f\xbf"));
	FALSE(valid("\xf0\x8f\xbf\xbf"));
	FALSE(valid("\xed\xa0\x80"));		/* a surrogate */
	FALSE(valid("\xf4\x90\x80\x80"));	/* beyond the last letter */
	FALSE(valid("\xe2\x82"));
	FALSE(valid("\xe2\x82z"));
	FALSE(valid("\xff"));
}

CASE(every_letter_survives_utf8)
{
	for (uint32_t letter = 0; letter < 0x110000; letter++) {
		uint32_t back = 0;
		uint8_t bytes[4];
		size_t n;

		if (letter >= 0xd800 && letter < 0xe000)
			continue;
		n = utf8_put(letter, bytes);
		EQ(utf8_next(bytes, n, &back), n);
		EQ(back, letter);
		EQ(utf8_next(bytes, n - 1, &back), 0);
	}
}

static const char *
fold(const char *s)
{
	static char out[1024];

	out[utf_fold(s, strlen(s), (uint8_t *)out, sizeof out - 1)] = '\0';
	return out;
}

CASE(names_fold_to_nfc_and_small_letters)
{
	EQ_STR(fold(""), "");
	EQ_STR(fold("ReadMe.TXT"), "readme.txt");
	EQ_STR(fold("\xc3\x84rger"), "\xc3\xa4rger");
	EQ_STR(fold("A\xcc\x88rger"), "\xc3\xa4rger");		/* A and a mark: joined */
	EQ_STR(fold("\xe2\x84\xab"), "\xc3\xa5");	/* a unit's sign */
	EQ_STR(fold("STRA\xc3\x9f" "E"), "stra\xc3\x9f" "e");	/* no single other */
	EQ_STR(fold("\xe1\xba\x9e"), "\xc3\x9f");
	EQ_STR(fold("\xce\xa3\xcf\x82\xcf\x83"), "\xcf\x83\xcf\x83\xcf\x83");
	EQ_STR(fold("\xd0\x96"), "\xd0\xb6");
	EQ_STR(fold("\xc4\xb0"), "\xc4\xb0");			/* no simple fold */
	EQ_STR(fold("\xf0\x90\x90\x80"), "\xf0\x90\x90\xa8");
	EQ_STR(fold("\xe4\xb8\xad\xe6\x96\x87"), "\xe4\xb8\xad\xe6\x96\x87");
}

CASE(marks_are_put_in_order_before_they_join)
{
	/* q, dot above, dot below: the other way round, and nothing to join with */
	EQ_STR(fold("q\xcc\x87\xcc\xa3"), "q\xcc\xa3\xcc\x87");
	/* a, cedilla-class mark, ring: the ring passes over it */
	EQ_STR(fold("a\xcc\xa8\xcc\x8a"), "\xc4\x85\xcc\x8a");
	/* a, comma above, acute: of equal class, the first stands in the way */
	EQ_STR(fold("a\xcc\x93\xcc\x81"), "a\xcc\x93\xcc\x81");
	/* o, circumflex, acute: in two steps */
	EQ_STR(fold("O\xcc\x82\xcc\x81"), "\xe1\xbb\x91");
	EQ_STR(fold("O\xcc\x81\xcc\x82"), "\xc3\xb3\xcc\x82");
}

CASE(hangul_joins_by_rule)
{
	EQ_STR(fold("\xe1\x84\x80\xe1\x85\xa1"), "\xea\xb0\x80");
	EQ_STR(fold("\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8"), "\xea\xb0\x81");
	EQ_STR(fold("\xea\xb0\x80\xe1\x86\xa8"), "\xea\xb0\x81");
	EQ_STR(fold("\xea\xb0\x81"), "\xea\xb0\x81");
}

CASE(bytes_that_are_no_letters_come_out_as_they_are)
{
	EQ_STR(fold("A\xff" "B"), "a\xff" "b");
	EQ_STR(fold("\xc3"), "\xc3");
	EQ_STR(fold("A\xed\xa0\x80Z"), "a\xed\xa0\x80z");
	EQ_STR(fold("A\xff\xcc\x88"), "a\xff\xcc\x88");	/* no mark passes over them */
}

CASE(a_fold_never_exceeds_its_room)
{
	uint8_t out[8];

	memset(out, 0xee, sizeof out);
	EQ(utf_fold("ABCDE", 5, out, 3), 3);
	EQ_MEM(out, "abc\xee", 4);
	EQ(utf_fold("AB\xd0\x96", 4, out, 3), 2);
	EQ(out[3], 0xee);
	EQ(utf_fold("A", 1, out, 0), 0);
}

CASE(a_fold_grows_threefold_at_most)
{
	static uint8_t out[16];

	for (uint32_t letter = 0; letter < 0x110000; letter++) {
		uint8_t in[4];
		size_t n;

		if (letter >= 0xd800 && letter < 0xe000)
			continue;
		n = utf8_put(letter, in);
		TRUE(utf_fold(in, n, out, sizeof out) <= UTF_FOLD_GROWTH * n);
	}
}

CASE(an_endless_row_of_marks_is_folded_in_bounded_memory)
{
	static uint8_t in[6001], out[18003];
	size_t n;

	in[0] = 'A';
	for (int i = 0; i < 3000; i++)
		memcpy(in + 1 + 2 * i, i % 2 ? "\xcc\x81" : "\xcc\xa3", 2);
	n = utf_fold(in, sizeof in, out, sizeof out);
	TRUE(n > 5900 && utf8_valid(out, n));
}
