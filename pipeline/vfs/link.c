/*
 * LINK: one more name for an object.  RFC 1813 §3.3.15.  file is the object, file2 the directory.
 */
#include "pipeline/vfs/inner.h"

static enum status
check(const struct job *job, const struct file *f, const struct file *dir)
{
	enum status st = dir_change_ok(job, dir);

	if (st != OK)
		return st;
	if (f->type == TYPE_DIR)
		return ST_ISDIR;
	return f->nlink >= LINKS_MAX ? ST_MLINK : OK;
}

enum begin
link_begin(struct job *job, struct act *a)
{
	struct op *op = &job->op;
	uint8_t file, dir;
	enum status st = act_pin_file(job, a, &op->file, &op->on, &file);

	if (st != OK)
		return act_fail(job, st);
	a->on = file;
	st = act_pin_file(job, a, &op->file2, &op->on2, &dir);
	if (st != OK)
		return act_fail(job, st);
	a->on2 = dir;
	if ((st = dir_search_ok(job, &a->pin[dir].was)) != OK)
		return act_fail(job, st);
	if (name_is_dot(op->name) || name_is_dotdot(op->name))
		return act_fail(job, ST_EXIST);
	st = name_find(job, a, dir, op->name, NAME_SET, &a->hit, &a->seq);
	if (st == OK && a->hit.ino != 0)
		st = ST_EXIST;
	if (st == OK)
		st = check(job, &a->pin[file].was, &a->pin[dir].was);
	if (st == OK)
		st = act_txn(job, a, false);
	return st == OK ? BEGIN_EFFECT : act_fail(job, st);
}

enum status
link_build(struct job *job, struct act *a)
{
	struct pin *file = &a->pin[a->on], *dir = &a->pin[a->on2];
	struct name_hit hit = { .ino = file->was.ino, .gen = file->was.gen,
		.type = file->was.type, .key = a->hit.key,
		.born = catalog_epoch(job->share->catalog) };
	enum status st = name_same(a, a->on2, &a->hit, a->seq);

	if (st == OK)
		st = check(job, &file->was, &dir->was);
	if (st != OK)
		return st;
	file->next.nlink++;
	file->next.ctime = dir->next.mtime = dir->next.ctime = stamp_now();
	dir->next.entries++;
	build_dirent(job, a, a->on2, job->op.name, &a->hit, &hit);
	build_link_row(job, a, hit.ino, dir->was.ino, hit.key, true);
	build_inode(job, a, a->on);
	build_inode(job, a, a->on2);
	return OK;
}
