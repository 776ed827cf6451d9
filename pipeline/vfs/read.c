/*
 * READ.  RFC 1813 §3.3.6.  Attributes are read before the places are looked up: what is published
 * later only adds bytes.
 */
#include "pipeline/vfs/inner.h"

enum { RELATIME_S = 24 * 3600 };

/* May c read this file?  Its owner always may: a client checked when it opened.  Who may execute
 * may read: that is how a client pages a program in. */
static enum status
check(const struct job *job, const struct file *f)
{
	enum status st = perm_bytes_ok(f);

	if (st != OK)
		return st;
	if (perm_owner(job->cred, f) || perm_ok(job->cred, f, PERM_R) ||
	    perm_ok(job->cred, f, PERM_X))
		return OK;
	return ST_ACCES;
}

/* relatime, in memory alone: worth no entry in the log, and no wait for a lock. */
static void
touch_atime(struct inode *i, const struct file *f)
{
	struct stamp now;
	struct file next;

	if (stamp_cmp(f->atime, f->mtime) > 0 && stamp_cmp(f->atime, f->ctime) > 0) {
		now = stamp_now();
		if (now.s - f->atime.s < RELATIME_S)
			return;
	}
	if (!mutex_trylock(&i->mutex))
		return;
	next = i->file;
	next.atime = stamp_now();
	inode_publish_locked(i, &next, i->change, i->born);
	mutex_unlock(&i->mutex);
}

enum begin
read_begin(struct job *job, struct act *a)
{
	struct op *op = &job->op;
	struct io *io = &job->io;
	const struct file *f;
	uint8_t at;
	enum status st = act_pin_file(job, a, &op->file, &op->on, &at);

	if (st != OK)
		return act_fail(job, st);
	f = &a->pin[at].was;
	st = check(job, f);
	if (st != OK)
		return act_fail(job, st);
	if (io->offset >= f->size || io->count == 0) {
		op->res.read.eof = io->offset >= f->size;
		io->count = 0;
		return BEGIN_DONE;
	}
	io->count = (uint32_t)MIN(MIN(io->count, IO_BYTES_MAX), f->size - io->offset);
	op->res.read.eof = io->offset + io->count == f->size;
	op->res.read.count = io->count;
	touch_atime(a->pin[at].inode, f);
	st = block_lookup(job->share, f->content, io, stage_may_wait(job), &job->arena);
	return st == OK ? BEGIN_BYTES : act_fail(job, st);
}

void
read_end(struct job *job, struct act *a)
{
	(void)a;
	if (job->status == OK && job->io.data.len != job->op.res.read.count)
		job->status = ST_IO;
	block_want_clear(&job->io);
}
