/*
 * The suite over the keeper in memory.
 */
#include "tests/contract/meta_suite.h"

const struct meta_factory meta_factory = { "memory", NULL, false };
