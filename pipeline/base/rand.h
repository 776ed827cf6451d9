/*
 * Chance, seedable for simulation.  rand_bytes is from the kernel unless a seed was set;
 * never use rand_u64 for secrets.
 */
#ifndef BASE_RAND_H
#define BASE_RAND_H

#include <stddef.h>
#include <stdint.h>

void rand_seed(uint64_t seed);		/* tests and simulation only: all that follows repeats */
void rand_bytes(void *to, size_t len);	/* unguessable, unless seeded */
uint64_t rand_u64(void);		/* fast; any thread */

#endif
