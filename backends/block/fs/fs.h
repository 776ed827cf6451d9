/*
 * A block_store in a folder: a file an object.  The folder may be a mount of something shared.
 */
#ifndef BACKENDS_BLOCK_FS_H
#define BACKENDS_BLOCK_FS_H

#include "backends/backends.h"

/* Options: path, an absolute folder, made where it is missing. */
must_check enum status block_fs_open(const struct block_store_conf *conf, struct block_store **sp,
    struct text *why);

#endif
