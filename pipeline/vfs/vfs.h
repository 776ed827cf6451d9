/*
 * The stage vfs: the meaning of operations.  Each is `begin` (gather and check, may run again),
 * one effect, and `end`.
 */
#ifndef VFS_VFS_H
#define VFS_VFS_H

#include "pipeline/share/share.h"
#include "pipeline/stage/stage.h"

extern const struct stage_ops vfs_stage;

struct vfs_conf {
	uint64_t inode_bytes;		/* budget of decoded inodes and dentries, over all shares */
};
void vfs_start(const struct vfs_conf *conf);
void vfs_stop(void);

/* A share's decoded inodes: made after block_open, freed before block_free. */
void vfs_open_share(struct share *s);
void vfs_close_share(struct share *s);

/* Make the root directory of a fresh share: its first entry. */
must_check enum status vfs_make_root(struct share *s);

#endif
