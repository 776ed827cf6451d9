/*
 * Bytes from a stranger through framing, joining, dispatch, every decoder and every
 * encoder. LLVMFuzzerTestOneInput is the entry that fuzzing engines know; with main()
 * below it is a program of its own, which damages valid calls in ways that repeat:
 * fuzz_rpc [iterations].
 */
#include "tests/unit/gateway/fakes.h"

#include "gateway/nfs/mount/list.h"
#include "gateway/nfs/mount/mount.h"
#include "gateway/nfs/v3/types.h"

#include "pipeline/base/log.h"
#include "pipeline/base/rand.h"
#include "pipeline/base/text.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static struct fake *fake;

static void
start(void)
{
	fake = fake_new();
	mount_list_start(16);
	fake_service.drc[RPC_ONCE] = rpc_drc_new(256, UINT64_MAX, 120000000000);
	fake_service.drc[RPC_ONCE_BYTES] = rpc_drc_new(64, UINT64_MAX, 120000000000);
	log_least = LOG_LEVEL_ERROR;
}

static void
one_message(const uint8_t *message, uint32_t len)
{
	switch (fake_decode(fake, message, len)) {
	case DECODED_OP:
		do {
			fake_answer(fake);
			(void)fake_encode(fake);
		} while (fake->again);
		break;
	case DECODED_REPLY:
		(void)fake_encode(fake);
		break;
	case DECODED_SILENCE:
	case DECODED_HANGUP:
		break;
	}
	assert(fake->w.base == NULL || writer_ok(&fake->w));
	fake_finish(fake);
	assert(fake_share_refs == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const struct protocol *p = &fake_service.protocol;
	struct frame f;

	if (fake == NULL)
		start();
	while (len > 0 && p->frame(bytes, (uint32_t)len, &f) == FRAME_WHOLE) {
		assert(f.whole <= len && f.whole >= 4 && f.len <= p->message_max);
		if (f.gather) {
			uint8_t *joined = xmalloc(f.len + 1);

			p->join(bytes, &f, joined);
			one_message(joined, f.len);
			free(joined);
		} else {
			one_message(bytes + f.skip, f.len);
		}
		bytes += f.whole;
		len -= f.whole;
	}
	return 0;
}

#ifndef FUZZ_ENGINE
enum { INPUT_MAX = 8192 };

/* A valid call of any program, marked, perhaps in two fragments. */
static uint32_t
seed(uint8_t *to, uint32_t xid)
{
	uint8_t m[2048];
	struct writer w = writer_of(m, sizeof m);
	uint64_t pick = rand_u64();
	uint32_t len, cut;

	if (pick % 8 == 0) {
		fake_head(&w, xid, MOUNT_PROGRAM, MOUNT_VERSION,
		    (uint32_t)(pick >> 8) % 7);
		xdr_put_str(&w, pick >> 40 & 1 ? "/export" : "/export/a//./b");
		len = w.len;
	} else {
		len = fake_call3(m, sizeof m, xid, (uint32_t)(pick >> 8) % V3_PROC_COUNT);
	}
	if (pick >> 32 & 1) {
		put_be32(to, 0x80000000u | len);
		memcpy(to + 4, m, len);
		return len + 4;
	}
	cut = (uint32_t)(pick >> 33) % len;
	put_be32(to, cut);
	memcpy(to + 4, m, cut);
	put_be32(to + 4 + cut, 0x80000000u | (len - cut));
	memcpy(to + 8 + cut, m + cut, len - cut);
	return len + 8;
}

static const uint32_t nasty[] = { 0, 1, 2, 3, 4, 7, 8, 16, 17, 63, 64, 65, 255, 256,
    0x7fffffff,
	0x80000000, 0xfffffffc, 0xffffffff };

/* Flip a bit, set a byte, set a word to an edge, cut, or repeat a stretch. */
static uint32_t
damage(uint8_t *b, uint32_t len)
{
	uint64_t r = rand_u64();
	uint32_t at = (uint32_t)(r >> 8) % len, n;

	switch (r % 5) {
	case 0:
		b[at] ^= (uint8_t)(1u << (r >> 40) % 8);
		break;
	case 1:
		b[at] = (uint8_t)(r >> 40);
		break;
	case 2:
		if (len >= 4)
			put_be32(b + (at & ~3u) % (len - 3),
			    nasty[(r >> 40) % ARRAY_LEN(nasty)]);
		break;
	case 3:
		return MAX(at, 1u);
	case 4:
		n = MIN(MIN((uint32_t)(r >> 40) % 64, len - at), INPUT_MAX - len);
		memmove(b + at + n, b + at, len - at);
		return len + n;
	}
	return len;
}

int
main(int argc, char **argv)
{
	uint64_t iterations = 200000;

	if (argc > 1 && !text_u64(argv[1], 1, UINT64_MAX, &iterations)) {
		fprintf(stderr, "usage: fuzz_rpc [iterations]\n");
		return 2;
	}
	rand_seed(1);
	for (uint64_t i = 0; i < iterations; i++) {
		static uint8_t input[INPUT_MAX];
		uint32_t len = 0;
		uint8_t *exact;

		for (uint64_t n = rand_u64() % 3 + 1; n > 0; n--)
			len += seed(input + len, (uint32_t)(i % 997));
		for (uint64_t n = rand_u64() % 6; n > 0; n--)
			len = damage(input, len);
		exact = xmalloc(len);	/* so that a sanitizer sees one byte too far */
		memcpy(exact, input, len);
		(void)LLVMFuzzerTestOneInput(exact, len);
		free(exact);
	}
	fake_free(&fake);
	rpc_drc_free(&fake_service.drc[RPC_ONCE]);
	rpc_drc_free(&fake_service.drc[RPC_ONCE_BYTES]);
	mount_list_stop();
	printf("1..1\nok 1 - %llu inputs\n", (unsigned long long)iterations);
	return 0;
}
#endif
