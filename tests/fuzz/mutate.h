/*
 * For fuzzers that are programs of their own: damage that repeats, and a main that feeds it.
 */
#ifndef TESTS_FUZZ_MUTATE_H
#define TESTS_FUZZ_MUTATE_H

#include <stddef.h>
#include <stdint.h>

/* Flip a bit, set a byte, set a word to an edge, cut, or repeat a stretch; the new length. */
uint32_t fuzz_damage(uint8_t *b, uint32_t len, uint32_t room);

/*
 * argv: [iterations].  Feeds LLVMFuzzerTestOneInput what seed() makes, damaged up to five times;
 * every fourth input is left whole.  seed returns how many bytes it has put there.
 */
int fuzz_main(int argc, char **argv, uint32_t (*seed)(uint8_t *to, uint32_t room));

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#endif
