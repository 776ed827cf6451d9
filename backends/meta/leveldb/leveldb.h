/*
 * A metadata store in a LevelDB of its own folder.
 *
 * Options: write_buffer (64MiB), cache (256MiB), open_files (256).
 */
#ifndef BACKENDS_META_LEVELDB_LEVELDB_H
#define BACKENDS_META_LEVELDB_LEVELDB_H

#include "pipeline/base/text.h"
#include "pipeline/contract/meta_store.h"

must_check enum status meta_leveldb_open(const char *dir, const char *options, struct meta_store **sp,
    struct text *why);

#endif
