/*
 * SETATTR.  RFC 1813 §3.3.2; who may set what: POSIX chmod, chown, utimensat, truncate.
 */
#include "pipeline/vfs/inner.h"

enum { MODE_SGID = 02000 };

static enum status
size_ok(const struct job *job, const struct file *f, const struct setattr *set)
{
	enum status st = perm_bytes_ok(f);

	if (st != OK)
		return st;
	if (set->size > INT64_MAX)
		return ST_FBIG;
	return perm_owner(job->cred, f) || perm_ok(job->cred, f, PERM_W) ? OK : ST_ACCES;
}

static enum status
owner_ok(const struct cred *c, const struct file *f, const struct setattr *set)
{
	if (c->superuser)
		return OK;
	if ((set->mask & SET_UID) != 0 && (set->uid != f->uid || c->uid != f->uid))
		return ST_PERM;
	if ((set->mask & SET_GID) != 0 &&
	    (c->uid != f->uid || (set->gid != f->gid && !cred_in_group(c, set->gid))))
		return ST_PERM;
	return OK;
}

static enum status
times_ok(const struct cred *c, const struct file *f, const struct setattr *set)
{
	if (perm_owner(c, f))
		return OK;
	if ((set->mask & (SET_ATIME | SET_MTIME)) != 0)
		return ST_PERM;
	if ((set->mask & (SET_ATIME_NOW | SET_MTIME_NOW)) != 0 && !perm_ok(c, f, PERM_W))
		return ST_ACCES;
	return OK;
}

enum status
setattr_ok(const struct job *job, const struct file *f, const struct setattr *set)
{
	const struct cred *c = job->cred;
	enum status st;

	if ((set->mask & SET_MODE) != 0 && !perm_owner(c, f))
		return ST_PERM;
	if ((st = owner_ok(c, f, set)) != OK || (st = times_ok(c, f, set)) != OK)
		return st;
	return (set->mask & SET_SIZE) != 0 ? size_ok(job, f, set) : OK;
}

static void
set_size(struct act *a, uint8_t at, uint64_t size)
{
	struct pin *p = &a->pin[at];

	if (size < p->was.size)
		txn_trunc(a->txn, p->was.content, size);
	if (size != p->was.size) {
		p->next.flags &= (uint8_t)~FILE_UNWRITTEN;
		p->next.mtime = p->next.ctime;
	}
	p->next.size = size;
	p->next.used = MIN(p->was.used, round_up(size, 512));
	a->used_bytes += (int64_t)p->next.used - (int64_t)p->was.used;
}

void
setattr_apply(const struct job *job, struct act *a, uint8_t at, const struct setattr *set)
{
	struct pin *p = &a->pin[at];
	struct file *f = &p->next;
	const struct cred *c = job->cred;

	f->ctime = stamp_now();
	if ((set->mask & SET_UID) != 0)
		f->uid = set->uid;
	if ((set->mask & SET_GID) != 0)
		f->gid = set->gid;
	if ((set->mask & (SET_UID | SET_GID)) != 0)
		f->mode = perm_mode_killed(f, f->mode);
	if ((set->mask & SET_MODE) != 0) {
		f->mode = set->mode & 07777;
		if (f->type != TYPE_DIR && !c->superuser && !cred_in_group(c, f->gid))
			f->mode &= (uint16_t)~MODE_SGID;
	}
	if ((set->mask & SET_SIZE) != 0) {
		if (!c->superuser)
			f->mode = perm_mode_killed(f, f->mode);
		set_size(a, at, set->size);
	}
	if ((set->mask & SET_ATIME) != 0)
		f->atime = set->atime;
	if ((set->mask & SET_MTIME) != 0)
		f->mtime = set->mtime;
	if ((set->mask & SET_ATIME_NOW) != 0)
		f->atime = f->ctime;
	if ((set->mask & SET_MTIME_NOW) != 0)
		f->mtime = f->ctime;
	if ((set->mask & SET_BTIME) != 0)
		f->btime = set->btime;
}

static enum status
check(const struct job *job, const struct file *f)
{
	const struct op *op = &job->op;

	if (op->arg.guard.check && stamp_cmp(op->arg.guard.ctime, f->ctime) != 0)
		return ST_NOT_SYNC;
	return setattr_ok(job, f, &op->set);
}

enum begin
setattr_begin(struct job *job, struct act *a)
{
	uint8_t at;
	enum status st = act_pin_file(job, a, &job->op.file, &job->op.on, &at);

	if (st != OK)
		return act_fail(job, st);
	st = check(job, &a->pin[at].was);
	if (st != OK || job->op.set.mask == 0)
		return act_fail(job, st);
	a->on = at;
	st = act_txn(job, a, (job->op.set.mask & SET_SIZE) != 0 &&
	    job->op.set.size < a->pin[at].was.size);
	return st == OK ? BEGIN_EFFECT : act_fail(job, st);
}

enum status
setattr_build(struct job *job, struct act *a)
{
	enum status st = check(job, &a->pin[a->on].was);

	if (st != OK)
		return st;
	setattr_apply(job, a, a->on, &job->op.set);
	build_inode(job, a, a->on);
	return OK;
}
