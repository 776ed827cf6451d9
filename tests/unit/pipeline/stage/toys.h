/*
 * What tests of threads need: waiting for a count, with an end.
 */
#ifndef TESTS_STAGE_TOYS_H
#define TESTS_STAGE_TOYS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Wait until *n has reached `want`, at most twenty seconds; false: it has not. */
bool wait_for(const _Atomic uint64_t *n, uint64_t want);

#endif
