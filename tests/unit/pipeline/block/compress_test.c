/*
 * Smaller units: where it helps, and not tried for ever where it does not.
 */
#include "pipeline/block/compress.h"

#include "pipeline/base/panic.h"
#include "pipeline/base/rand.h"
#include "tests/lib/check.h"

#include <stdlib.h>
#include <string.h>

enum { UNIT = 1 << 16, NOISE_UNITS = 1000 };

CASE(what_repeats_becomes_smaller_and_comes_back)
{
	uint8_t *in = xmalloc(UNIT), *out = xmalloc(UNIT), *back = xmalloc(UNIT);
	struct compressor *c = compressor_new(3);

	for (uint32_t len = 64; len <= UNIT; len *= 2) {
		uint32_t n;

		for (uint32_t i = 0; i < len; i++)
			in[i] = (uint8_t)"name, address, number\n"[i % 22];
		n = compress_unit(c, in, len, out);
		TRUE(n > 0 && n <= len - len / 16);
		EQ(decompress_unit(out, n, back, len), OK);
		EQ_MEM(back, in, len);
		EQ(decompress_unit(out, n, back, len - 1), ST_CORRUPT);
		EQ(decompress_unit(out, n - 1, back, len), ST_CORRUPT);
	}
	EQ(compress_unit(c, in, 8, out), 0);
	compressor_free(&c);
	free(in);
	free(out);
	free(back);
}

CASE(a_saving_of_less_than_a_sixteenth_is_none)
{
	uint8_t *in = xmalloc(UNIT), *out = xmalloc(UNIT);
	struct compressor *c = compressor_new(3);

	rand_bytes(in, UNIT);
	memset(in, 0, UNIT / 20);
	EQ(compress_unit(c, in, UNIT, out), 0);
	memset(in, 0, UNIT / 8);
	TRUE(compress_unit(c, in, UNIT, out) > 0);
	compressor_free(&c);
	free(in);
	free(out);
}

/* After noise, how many units that would shrink are kept as they are? */
CASE(noise_is_hardly_tried_and_text_behind_it_is_found)
{
	uint8_t *noise = xmalloc(UNIT), *text = xmalloc(UNIT), *out = xmalloc(UNIT);
	struct compressor *c = compressor_new(1);
	uint32_t missed = 0;

	rand_bytes(noise, UNIT);
	memset(text, 'x', UNIT);
	for (int i = 0; i < NOISE_UNITS; i++)
		EQ(compress_unit(c, noise, UNIT, out), 0);
	while (compress_unit(c, text, UNIT, out) == 0)
		missed++;
	TRUE(missed <= 32);
	for (int i = 0; i < 100; i++)
		TRUE(compress_unit(c, text, UNIT, out) > 0);
	compressor_free(&c);
	free(noise);
	free(text);
	free(out);
}

CASE(level_zero_keeps_everything)
{
	uint8_t in[256] = { 0 }, out[256];

	TRUE(compressor_new(0) == NULL);
	EQ(compress_unit(NULL, in, sizeof in, out), 0);
}

CASE(damaged_frames_are_refused)
{
	uint8_t *in = xcalloc(1, UNIT), *out = xmalloc(UNIT), *back = xmalloc(UNIT);
	struct compressor *c = compressor_new(3);
	uint32_t n = compress_unit(c, in, UNIT, out);

	for (uint32_t i = 0; i < n; i++) {
		out[i] ^= 0xff;
		(void)!decompress_unit(out, n, back, UNIT);	/* bounded, whatever it says */
		out[i] ^= 0xff;
	}
	rand_bytes(out, 1000);
	EQ(decompress_unit(out, 1000, back, UNIT), ST_CORRUPT);
	EQ(decompress_unit(out, 0, back, UNIT), ST_CORRUPT);
	compressor_free(&c);
	free(in);
	free(out);
	free(back);
}
