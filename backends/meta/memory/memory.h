/*
 * A metadata store that is gone with the process.
 */
#ifndef BACKENDS_META_MEMORY_MEMORY_H
#define BACKENDS_META_MEMORY_MEMORY_H

#include "backends/backends.h"
#include "pipeline/base/text.h"

must_check enum status meta_memory_open(const struct meta_conf *conf, struct meta_store **sp,
    struct text *why);

#endif
