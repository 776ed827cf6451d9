/*
 * A metadata store that is gone with the process.
 */
#ifndef BACKENDS_META_MEMORY_MEMORY_H
#define BACKENDS_META_MEMORY_MEMORY_H

#include "pipeline/base/text.h"
#include "pipeline/contract/meta_store.h"

must_check enum status meta_memory_open(const char *dir, const char *options, struct meta_store **sp,
    struct text *why);

#endif
