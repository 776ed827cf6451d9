/*
 * What fs.c and fs_walk.c share.
 */
#ifndef BACKENDS_BLOCK_FS_INNER_H
#define BACKENDS_BLOCK_FS_INNER_H

#include "backends/block/fs/fs.h"
#include "backends/block/pool.h"

/* Hand out the names below the folder dirfd; its own descriptor stays the caller's. */
must_check enum status fs_walk(int dirfd, struct block_call *call, const struct block_op *op);

#endif
