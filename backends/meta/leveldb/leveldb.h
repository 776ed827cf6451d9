/*
 * A metadata store in a LevelDB, in the folder leveldb of the one that the conf names.
 *
 * Options: write_buffer (64MiB), cache (256MiB), open_files (256).
 */
#ifndef BACKENDS_META_LEVELDB_LEVELDB_H
#define BACKENDS_META_LEVELDB_LEVELDB_H

#include "backends/backends.h"
#include "pipeline/base/text.h"

must_check enum status meta_leveldb_open(const struct meta_conf *conf, struct meta_store **sp,
    struct text *why);

#endif
