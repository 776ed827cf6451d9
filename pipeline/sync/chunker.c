/*
 * The cut: a gear hash (each step shifts the word by one bit and adds the byte's random word, so
 * it knows the last 64 bytes) is held against a mask.  Below the wanted size the mask has more
 * bits, above it fewer, which draws sizes together; the first 16 KiB are not looked at.  The idea
 * is FastCDC's (Xia and others, USENIX ATC 2016).
 */
#include "pipeline/sync/chunker.h"

#include "crypto/digest.h"
#include "pipeline/base/num.h"

/* The topmost bits: those that most of the last bytes have reached. */
#define MASK_EARLY (~0ull << (64 - 18))
#define MASK_LATE (~0ull << (64 - 14))

enum { WANTED = 1 << 16, HASH_SPAN = 64, WORDS_A_DIGEST = DIGEST_BYTES / 8 };

void
chunker_init(struct chunker *c, const uint8_t digest_key[32])
{
	uint8_t label[] = "places to cut: 0", out[DIGEST_BYTES];

	for (unsigned i = 0; i < 256; i += WORDS_A_DIGEST) {
		label[sizeof label - 2] = (uint8_t)(i / WORDS_A_DIGEST);
		digest_of(digest_key, label, sizeof label - 1, out);
		for (unsigned k = 0; k < WORDS_A_DIGEST; k++)
			c->gear[i + k] = get_le64(out + 8 * k);
	}
}

/* The first place in [at, to) behind whose byte the hash fits the mask; 0: none. */
static uint32_t
seek(const struct chunker *c, const uint8_t *bytes, uint32_t at, uint32_t to, uint64_t mask,
    uint64_t *hash)
{
	uint64_t h = *hash;

	for (; at < to; at++) {
		h = (h << 1) + c->gear[bytes[at]];
		if ((h & mask) == 0)
			return at + 1;
	}
	*hash = h;
	return 0;
}

uint32_t
chunker_cut(const struct chunker *c, const uint8_t *bytes, uint32_t len)
{
	uint32_t end = MIN(len, (uint32_t)CHUNK_MAX), wanted = MIN(end, (uint32_t)WANTED), cut;
	uint64_t hash = 0;

	if (end <= CHUNK_MIN)
		return end;
	for (uint32_t at = CHUNK_MIN - HASH_SPAN; at < CHUNK_MIN; at++)
		hash = (hash << 1) + c->gear[bytes[at]];
	if ((cut = seek(c, bytes, CHUNK_MIN, wanted, MASK_EARLY, &hash)) != 0 ||
	    (cut = seek(c, bytes, MAX(wanted, (uint32_t)CHUNK_MIN), end, MASK_LATE, &hash)) != 0)
		return cut;
	return end;
}
