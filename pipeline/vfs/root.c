/*
 * A fresh share's first entry: its root directory.
 */
#include "pipeline/vfs/inner.h"

#include "pipeline/base/rand.h"

enum status
vfs_make_root(struct share *s)
{
	struct stamp now = stamp_now();
	struct file f = { .ino = INO_ROOT, .gen = (uint32_t)rand_u64() | 1, .type = TYPE_DIR,
		.mode = s->conf.root_mode, .nlink = 2, .uid = s->conf.root_uid,
		.gid = s->conf.root_gid, .parent = INO_ROOT, .atime = now, .mtime = now,
		.ctime = now, .btime = now };
	struct key key = key_inode(INO_ROOT), inodes = key_count(COUNT_INODES, NULL, 0);
	struct txn *t = txn_new();
	uint8_t room[512];
	struct writer w = writer_of(room, sizeof room);
	enum status st;
	lsn_t lsn;

	if (t == NULL)
		return ST_RESOURCE;
	rec_file_encode(&w, &f);
	txn_put(t, key_slice(&key), slice_of(room, w.len),
	    &(struct old_version){ .exists = false });
	txn_count(t, key_slice(&inodes), 1);
	st = t->failed ? ST_RESOURCE : block_reserve(s, t);
	if (st != OK) {
		txn_free(&t);
		return st;
	}
	atomic_fetch_add_explicit(&s->used_inodes, 1, memory_order_relaxed);
	block_commit(s, t, &lsn);
	return block_wait(s, lsn);
}
