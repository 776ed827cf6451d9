/*
 * What reads attributes alone: GETATTR, ACCESS, READLINK, STATFS.
 */
#include "pipeline/vfs/inner.h"

/* GETATTR.  RFC 1813 §3.3.1. */
enum begin
getattr_begin(struct job *job, struct act *a)
{
	uint8_t at;
	enum status st = act_pin_file(job, a, &job->op.file, &job->op.on, &at);

	if (st != OK)
		return act_fail(job, st);
	return BEGIN_DONE;
}

/* ACCESS.  RFC 1813 §3.3.4. */
enum begin
access_begin(struct job *job, struct act *a)
{
	uint8_t at;
	enum status st = act_pin_file(job, a, &job->op.file, &job->op.on, &at);
	struct op *op = &job->op;

	if (st != OK)
		return act_fail(job, st);
	op->res.access.granted = perm_access(job->cred, &a->pin[at].was, op->arg.access.want);
	return BEGIN_DONE;
}

/* READLINK.  RFC 1813 §3.3.5. */
enum begin
readlink_begin(struct job *job, struct act *a)
{
	struct op *op = &job->op;
	struct inode *i;
	struct slice rest, target;
	uint8_t at;
	enum status st = act_pin_file(job, a, &op->file, &op->on, &at);

	if (st != OK)
		return act_fail(job, st);
	if (a->pin[at].was.type != TYPE_LNK)
		return act_fail(job, ST_INVAL);
	i = a->pin[at].inode;
	mutex_lock(&i->mutex);
	rest = inode_rest_locked(i, &job->arena);
	mutex_unlock(&i->mutex);
	st = rec_rest_symlink_get(rest, &target);
	if (st != OK)
		return act_fail(job, ST_IO);
	op->res.readlink.target = target;
	return BEGIN_DONE;
}

/* STATFS.  RFC 1813 §3.3.18: bytes of the share's disk less the reserve, or what is left of its
 * quota where that is less; numbers without end. */
enum begin
statfs_begin(struct job *job, struct act *a)
{
	struct op *op = &job->op;
	struct block_usage usage;
	uint8_t at;
	enum status st = act_pin_file(job, a, &op->file, &op->on, &at);
	uint64_t inodes, used, quota, room;

	if (st != OK)
		return act_fail(job, st);
	block_usage_read(job->share, &usage);
	used = atomic_load_explicit(&job->share->used_bytes, memory_order_relaxed);
	quota = atomic_load_explicit(&job->share->now.quota_bytes, memory_order_relaxed);
	room = quota == 0 ? usage.disk_free : MIN(usage.disk_free, quota > used ? quota - used : 0);
	inodes = atomic_load_explicit(&job->share->used_inodes, memory_order_relaxed);
	op->res.statfs.bytes_free = op->res.statfs.bytes_avail = room;
	op->res.statfs.bytes_total = room + used;
	op->res.statfs.files_free = op->res.statfs.files_avail = UINT32_MAX;
	op->res.statfs.files_total = UINT32_MAX + inodes;
	return BEGIN_DONE;
}
