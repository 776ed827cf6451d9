/*
 * Damage.
 */
#include "tests/fuzz/mutate.h"

#include "pipeline/base/num.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/rand.h"
#include "pipeline/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_MAX = 1 << 17 };

static const uint32_t nasty[] = { 0, 1, 2, 7, 8, 24, 63, 64, 65, 255, 256, 2048, 4096, 65535, 65536,
	0x100000, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff };

uint32_t
fuzz_damage(uint8_t *b, uint32_t len, uint32_t room)
{
	uint64_t r = rand_u64();
	uint32_t at = (uint32_t)(r >> 16) % len, n;

	switch (r % 8) {
	case 0:
	case 1:
		b[at] ^= (uint8_t)(1u << (r >> 48) % 8);
		break;
	case 2:
	case 3:
		b[at] = (uint8_t)(r >> 48);
		break;
	case 4:
	case 5:
		if (len >= 4)
			put_le32(b + at % (len - 3), nasty[(r >> 48) % ARRAY_LEN(nasty)]);
		break;
	case 6:
		return MAX(at, 1u);
	case 7:
		n = MIN(MIN((uint32_t)(r >> 48) % 64, len - at), room - len);
		memmove(b + at + n, b + at, len - at);
		return len + n;
	}
	return len;
}

int
fuzz_main(int argc, char **argv, uint32_t (*seed)(uint8_t *to, uint32_t room))
{
	static uint8_t input[INPUT_MAX];
	uint64_t iterations = 200000;

	if (argc > 1 && !text_u64(argv[1], 1, UINT64_MAX, &iterations)) {
		fprintf(stderr, "usage: %s [iterations]\n", argv[0]);
		return 2;
	}
	rand_seed(1);
	for (uint64_t i = 0; i < iterations; i++) {
		uint32_t len = seed(input, sizeof input);
		uint8_t *exact;

		for (uint64_t n = i % 4 == 0 ? 0 : rand_u64() % 5 + 1; n > 0; n--)
			len = fuzz_damage(input, len, sizeof input);
		exact = xmalloc(len);	/* so that a sanitizer sees one byte too far */
		memcpy(exact, input, len);
		(void)LLVMFuzzerTestOneInput(exact, len);
		free(exact);
	}
	printf("1..1\nok 1 - %llu inputs\n", (unsigned long long)iterations);
	return 0;
}
