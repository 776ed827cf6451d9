/*
 * Names taken away: REMOVE, RMDIR.  RFC 1813 §3.3.12, §3.3.13.  The object goes with its last
 * name; its bytes are the reaper's.
 */
#include "pipeline/vfs/inner.h"

enum { DIR_PIN = 0, VICTIM_PIN = 1 };

static enum status
check(const struct job *job, const struct file *dir, const struct file *victim)
{
	enum status st = dir_change_ok(job, dir);

	if (st != OK)
		return st;
	if (!perm_sticky_ok(job->cred, dir, victim))
		return ST_ACCES;
	if (job->op.kind == OP_REMOVE)
		return victim->type == TYPE_DIR ? ST_ISDIR : OK;
	if (victim->type != TYPE_DIR)
		return ST_NOTDIR;
	return victim->entries != 0 ? ST_NOTEMPTY : OK;
}

static enum status
dots(const struct op *op)
{
	if (name_is_dot(op->name))
		return ST_INVAL;
	if (name_is_dotdot(op->name))
		return op->kind == OP_RMDIR ? ST_NOTEMPTY : ST_ISDIR;
	return OK;
}

enum begin
remove_begin(struct job *job, struct act *a)
{
	struct op *op = &job->op;
	uint8_t dir, victim;
	enum status st = act_pin_file(job, a, &op->file, &op->on, &dir);

	if (st != OK)
		return act_fail(job, st);
	a->on = dir;
	if ((st = dir_search_ok(job, &a->pin[dir].was)) != OK || (st = dots(op)) != OK)
		return act_fail(job, st);
	st = name_find(job, a, dir, op->name, NAME_DROP, &a->hit, &a->seq);
	if (st != OK)
		return act_fail(job, st);
	if (a->hit.ino == 0)
		return act_fail(job, ST_NOENT);
	st = act_pin(job, a, a->hit.ino, &victim);
	if (st != OK)
		return act_fail(job, st == ST_STALE ? ST_RESTART : st);
	st = check(job, &a->pin[dir].was, &a->pin[victim].was);
	if (st == OK)
		st = act_txn(job, a, true);
	return st == OK ? BEGIN_EFFECT : act_fail(job, st);
}

void
build_unlink(struct job *job, struct act *a, uint8_t at, uint64_t dir, uint64_t key)
{
	struct file *f = &a->pin[at].next;
	bool first = f->parent == dir && f->parent_key == key;	/* else the name is a link row */

	f->ctime = stamp_now();
	if (!first && f->type != TYPE_DIR)
		build_link_row(job, a, f->ino, dir, key, false);
	if (f->type == TYPE_DIR || f->nlink <= 1) {
		build_inode_gone(job, a, at);
		return;
	}
	f->nlink--;
	if (first)
		f->parent = f->parent_key = 0;
	build_inode(job, a, at);
}

enum status
remove_build(struct job *job, struct act *a)
{
	struct pin *dir = &a->pin[DIR_PIN], *victim = &a->pin[VICTIM_PIN];
	enum status st = name_same(a, DIR_PIN, &a->hit, a->seq);

	if (st == OK)
		st = check(job, &dir->was, &victim->was);
	if (st != OK)
		return st;
	dir->next.mtime = dir->next.ctime = stamp_now();
	dir->next.entries--;
	if (victim->was.type == TYPE_DIR)
		dir->next.nlink--;
	build_dirent_gone(job, a, DIR_PIN, job->op.name, &a->hit);
	build_unlink(job, a, VICTIM_PIN, dir->was.ino, a->hit.key);
	build_inode(job, a, DIR_PIN);
	return OK;
}
