/*
 * A block_store in this process's memory: for tests and drills, gone when it is closed.
 */
#ifndef BACKENDS_BLOCK_MEMORY_H
#define BACKENDS_BLOCK_MEMORY_H

#include "backends/backends.h"

must_check enum status block_memory_open(const struct block_store_conf *conf,
    struct block_store **sp, struct text *why);

#endif
