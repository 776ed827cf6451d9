/*
 * RENAME: RFC 1813 §3.3.14; what may replace what, and the loops it may not make: POSIX rename.
 *
 * A directory that changes its parent is checked against all directories above its new place.
 * That walk is gathered without locks; `renames` counts such moves, and if one came in between,
 * everything is gathered again.
 */
#include "pipeline/vfs/inner.h"

enum { DEPTH_MAX = 4096 };

struct rename {
	uint8_t from, to, moved, victim;	/* pins; victim NO_PIN: the new name is free */
	bool turns;				/* a directory changes its parent */
};

static enum status
types_ok(const struct file *moved, const struct file *victim)
{
	if (victim == NULL)
		return OK;
	if (moved->type == TYPE_DIR && victim->type != TYPE_DIR)
		return ST_NOTDIR;
	if (moved->type != TYPE_DIR && victim->type == TYPE_DIR)
		return ST_ISDIR;
	return victim->type == TYPE_DIR && victim->entries != 0 ? ST_NOTEMPTY : OK;
}

static enum status
check(const struct job *job, const struct act *a, const struct rename *r)
{
	const struct file *from = &a->pin[r->from].was, *to = &a->pin[r->to].was;
	const struct file *moved = &a->pin[r->moved].was;
	const struct file *victim = r->victim == NO_PIN ? NULL : &a->pin[r->victim].was;
	const struct cred *c = job->cred;
	enum status st;

	if ((st = dir_change_ok(job, from)) != OK || (st = dir_change_ok(job, to)) != OK)
		return st;
	if (!perm_sticky_ok(c, from, moved) || (victim != NULL && !perm_sticky_ok(c, to, victim)))
		return ST_ACCES;
	if (r->turns && !perm_ok(c, moved, PERM_W))
		return ST_ACCES;	/* its ".." is going to change */
	if (r->turns && victim == NULL && to->nlink >= LINKS_MAX)
		return ST_MLINK;
	return types_ok(moved, victim);
}

/* Is dir `moved` at or above dir `at`?  INVAL: it is. */
static enum status
no_loop(struct job *job, uint64_t moved, uint64_t at)
{
	for (uint32_t depth = 0; depth < DEPTH_MAX; depth++) {
		struct inode *i;
		struct file f;
		lsn_t change;
		enum status st;

		if (at == moved)
			return ST_INVAL;
		if (at == INO_ROOT)
			return OK;
		st = inode_get(job->share, at, stage_may_wait(job), &job->arena, &i);
		if (st != OK)
			return st == ST_STALE ? ST_RESTART : st;
		inode_read(i, &f, &change);
		inode_put(&i);
		at = f.parent;
	}
	return ST_INVAL;
}

static enum status
gather_dirs(struct job *job, struct act *a, struct rename *r)
{
	struct op *op = &job->op;
	enum status st = act_pin_file(job, a, &op->file, &op->on, &r->from);

	if (st != OK)
		return st;
	a->on = r->from;
	st = act_pin_file(job, a, &op->file2, &op->on2, &r->to);
	if (st != OK)
		return st;
	a->on2 = r->to;
	if ((st = dir_search_ok(job, &a->pin[r->from].was)) != OK ||
	    (st = dir_search_ok(job, &a->pin[r->to].was)) != OK)
		return st;
	if (name_is_dot(op->name) || name_is_dotdot(op->name) || name_is_dot(op->name2) ||
	    name_is_dotdot(op->name2))
		return ST_INVAL;
	return name_check(op->name2);
}

static enum status
gather_objects(struct job *job, struct act *a, struct rename *r)
{
	struct op *op = &job->op;
	enum status st;

	st = name_find(job, a, r->from, op->name, NAME_DROP, &a->hit, &a->seq);
	if (st != OK)
		return st;
	if (a->hit.ino == 0)
		return ST_NOENT;
	st = name_find(job, a, r->to, op->name2, NAME_SET, &a->hit2, &a->seq2);
	if (st == OK)
		st = act_pin(job, a, a->hit.ino, &r->moved);
	r->victim = NO_PIN;
	if (st == OK && a->hit2.ino != 0)
		st = act_pin(job, a, a->hit2.ino, &r->victim);
	if (st != OK)
		return st == ST_STALE ? ST_RESTART : st;
	r->turns = a->pin[r->moved].was.type == TYPE_DIR && r->from != r->to;
	return OK;
}

enum begin
rename_begin(struct job *job, struct act *a)
{
	struct rename *r = arena_zalloc(&job->arena, sizeof *r);
	enum status st;

	if (r == NULL)
		return act_fail(job, ST_RESOURCE);
	a->own = r;
	a->renames_seen = atomic_load_explicit(&job->share->inodes->renames, memory_order_acquire);
	if ((st = gather_dirs(job, a, r)) != OK || (st = gather_objects(job, a, r)) != OK)
		return act_fail(job, st);
	if (a->hit.ino == a->hit2.ino)		/* two names of one object: both stay */
		return act_fail(job, dir_change_ok(job, &a->pin[r->from].was));
	if ((st = check(job, a, r)) != OK)
		return act_fail(job, st);
	a->turns = r->turns;
	if (r->turns)
		st = no_loop(job, a->hit.ino, a->pin[r->to].was.ino);
	if (st == OK)
		st = act_txn(job, a, false);
	return st == OK ? BEGIN_EFFECT : act_fail(job, st);
}

static void
move(struct job *job, struct act *a, const struct rename *r)
{
	struct pin *from = &a->pin[r->from], *to = &a->pin[r->to], *moved = &a->pin[r->moved];
	struct file *f = &moved->next;
	struct name_hit hit = { .ino = f->ino, .gen = f->gen, .type = f->type, .key = a->hit2.key,
		.born = catalog_epoch(job->share->catalog) };

	build_dirent_gone(job, a, r->from, job->op.name, &a->hit);
	build_dirent(job, a, r->to, job->op.name2, &a->hit2, &hit);
	if (f->parent == from->was.ino && f->parent_key == a->hit.key) {
		f->parent = to->was.ino;
		f->parent_key = hit.key;
	} else {
		build_link_row(job, a, f->ino, from->was.ino, a->hit.key, false);
		build_link_row(job, a, f->ino, to->was.ino, hit.key, true);
	}
	from->next.entries--;
	to->next.entries++;
	if (r->turns) {
		from->next.nlink--;
		to->next.nlink++;
	}
	f->ctime = from->next.mtime = from->next.ctime = stamp_now();
	to->next.mtime = to->next.ctime = f->ctime;
}

static enum status
facts_same(struct job *job, const struct act *a, const struct rename *r)
{
	enum status st;

	if ((st = name_same(a, r->from, &a->hit, a->seq)) != OK ||
	    (st = name_same(a, r->to, &a->hit2, a->seq2)) != OK)
		return st;
	if (r->turns && a->renames_seen !=
	    atomic_load_explicit(&job->share->inodes->renames, memory_order_relaxed))
		return ST_RESTART;
	return check(job, a, r);
}

enum status
rename_build(struct job *job, struct act *a)
{
	struct rename *r = a->own;
	enum status st = facts_same(job, a, r);

	if (st != OK)
		return st;
	if (r->turns)
		atomic_fetch_add_explicit(&job->share->inodes->renames, 1, memory_order_release);
	move(job, a, r);
	if (r->victim != NO_PIN) {
		struct pin *to = &a->pin[r->to];

		to->next.entries--;
		if (a->pin[r->victim].was.type == TYPE_DIR)
			to->next.nlink--;
		build_unlink(job, a, r->victim, to->was.ino, a->hit2.key);
	}
	build_inode(job, a, r->moved);
	build_inode(job, a, r->from);
	if (r->to != r->from)
		build_inode(job, a, r->to);
	return OK;
}
