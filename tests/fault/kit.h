/*
 * What a sweep stands on: a folder of known things for each round, and what the share looks like
 * as text, so that before, after and the complete effect can be compared.
 */
#ifndef TESTS_FAULT_KIT_H
#define TESTS_FAULT_KIT_H

#include "pipeline/base/text.h"
#include "tests/lib/check.h"
#include "tests/lib/world.h"

enum { KIT_FILE_BYTES = 150000, KIT_MORE_AT = 149000, KIT_MORE_BYTES = 4000, LOOK_BYTES = 16384 };

/* dir: "f" (150,000 bytes), "l" → "f", "d" with "x" (empty), "empty". */
struct kit {
	uint64_t round;
	struct file_id root, dir, f, l, d, x, empty;
};

void kit_make(struct kit *k, uint64_t round);

/* The bytes of f at offset `at` in a round: of another round, other bytes. */
void kit_bytes(uint64_t round, uint64_t at, uint8_t *to, size_t len);

/*
 * Everything below k->dir by name: type, mode, links, owner, size, use, target, and a checksum of
 * the bytes that does not depend on the round.  exact: numbers, times, change numbers, cookies and
 * the share's counters too, but no bytes.  False: something could not be read; t says what.
 */
bool kit_look(const struct kit *k, bool exact, struct text *t);

/* Wait until nothing is under way; false: something is still held, and t says what. */
bool kit_rests(struct text *t);

/* A fresh folder on disk; static storage. */
const char *kit_folder(void);

/* Complain about this case without ending it; kit_verdict ends it where there was cause. */
__attribute__((format(printf, 1, 2)))
void kit_complain(const char *fmt, ...);
void kit_verdict(void);

/* Start the world, unless a case that failed has left one behind. */
void kit_world(const char *meta, const char *dir);
void kit_world_end(void);

#endif
