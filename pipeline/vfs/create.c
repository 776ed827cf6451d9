/*
 * New names for new objects: CREATE, MKDIR, SYMLINK, MKNOD.  RFC 1813 §3.3.8 to §3.3.11.
 */
#include "pipeline/vfs/inner.h"

#include "pipeline/base/rand.h"

enum { MODE_SGID = 02000 };

enum { DIR_PIN = 0, NEW_PIN = 1 };

/* What each operation makes when it does not say otherwise. */
static uint8_t
type_of(const struct op *op)
{
	switch (op->kind) {
	case OP_MKDIR:
		return TYPE_DIR;
	case OP_SYMLINK:
		return TYPE_LNK;
	case OP_MKNOD:
		return op->arg.mknod.type;
	default:
		return TYPE_REG;
	}
}

static enum status
node_ok(const struct job *job, uint8_t type)
{
	if (type == TYPE_CHR || type == TYPE_BLK)
		return job->cred->superuser ? OK : ST_PERM;
	return OK;
}

static enum status
parent_ok(const struct job *job, const struct file *dir)
{
	enum status st = dir_change_ok(job, dir);

	if (st != OK)
		return st;
	if (type_of(&job->op) == TYPE_DIR && dir->nlink >= LINKS_MAX)
		return ST_MLINK;
	return OK;
}

/* Owner, group and mode of what c makes in dir.  A setgid directory gives its group on, and to
 * directories the bit too. */
static void
new_owner(const struct job *job, const struct file *dir, struct file *f)
{
	const struct setattr *set = &job->op.set;
	const struct cred *c = job->cred;

	f->uid = c->uid;
	f->gid = (dir->mode & MODE_SGID) != 0 ? dir->gid : c->gid;
	if ((set->mask & SET_UID) != 0 && c->superuser)
		f->uid = set->uid;
	if ((set->mask & SET_GID) != 0 && (c->superuser || cred_in_group(c, set->gid)))
		f->gid = set->gid;
	f->mode = (set->mask & SET_MODE) != 0 ? set->mode & 07777 : 0;
	if (f->type == TYPE_LNK)
		f->mode = 0777;
	if (f->type == TYPE_DIR)
		f->mode |= dir->mode & MODE_SGID;
	else if (!c->superuser && !cred_in_group(c, f->gid))
		f->mode &= (uint16_t)~MODE_SGID;
}

static void
new_times(const struct setattr *set, struct file *f)
{
	f->atime = f->mtime = f->ctime = f->btime = stamp_now();
	if ((set->mask & SET_ATIME) != 0)
		f->atime = set->atime;
	if ((set->mask & SET_MTIME) != 0)
		f->mtime = set->mtime;
}

static void
new_file(struct job *job, struct act *a, struct file *f)
{
	const struct op *op = &job->op;
	const struct file *dir = &a->pin[DIR_PIN].was;

	*f = (struct file){ .ino = share_new_ino(job->share), .gen = (uint32_t)rand_u64() | 1,
		.type = type_of(op), .nlink = 1, .parent = dir->ino, .parent_key = a->hit.key };
	inode_expect(job->share->inodes, f->ino);
	new_owner(job, dir, f);
	new_times(&op->set, f);
	if (f->type == TYPE_DIR)
		f->nlink = 2;
	if (f->type == TYPE_REG) {
		f->content = f->ino;	/* a file's content begins with its own number */
		if (op->kind == OP_CREATE && (op->set.mask & SET_SIZE) != 0)
			f->size = op->set.size;
		if (f->size == 0)
			f->flags |= FILE_UNWRITTEN;
	}
	if (op->kind == OP_CREATE && op->arg.create.how == CREATE_EXCLUSIVE) {
		f->flags |= FILE_HAS_VERF;
		f->create_verf = op->arg.create.verf;
	}
	if (op->kind == OP_MKNOD && (f->type == TYPE_CHR || f->type == TYPE_BLK)) {
		f->rdev_major = op->arg.mknod.major;
		f->rdev_minor = op->arg.mknod.minor;
	}
}

/* Symlinks: the target goes to the record's variable rest. */
static enum status
new_rest(struct job *job, struct file *f)
{
	const struct slice target = job->op.arg.symlink.target;
	struct writer w;
	uint8_t *room;

	if (target.len == 0)
		return ST_INVAL;
	if (target.len > PATH_BYTES_MAX - 1)
		return ST_NAMETOOLONG;
	room = arena_alloc(&job->arena, target.len + 64);
	if (room == NULL)
		return ST_RESOURCE;
	w = writer_of(room, target.len + 64);
	rec_rest_symlink(&w, target);
	if (!writer_ok(&w))
		return ST_NAMETOOLONG;
	f->rest = slice_of(room, w.len);
	return OK;
}

/* The name is there already: an EXCLUSIVE create that comes again, an UNCHECKED one that opens. */
static enum begin
there(struct job *job, struct act *a)
{
	struct op *op = &job->op;
	struct pin *p;
	uint8_t at;
	enum status st;

	if (op->kind != OP_CREATE || op->arg.create.how == CREATE_GUARDED)
		return act_fail(job, ST_EXIST);
	st = act_pin(job, a, a->hit.ino, &at);
	if (st == ST_STALE)
		return act_fail(job, ST_RESTART);
	if (st != OK)
		return act_fail(job, st);
	p = &a->pin[at];
	if (p->was.type != TYPE_REG)
		return act_fail(job, ST_EXIST);
	if (op->arg.create.how == CREATE_EXCLUSIVE) {
		if ((p->was.flags & FILE_HAS_VERF) == 0 ||
		    p->was.create_verf != op->arg.create.verf)
			return act_fail(job, ST_EXIST);
		job->wait_lsn = p->was_change;
	} else if ((op->set.mask & SET_SIZE) != 0 && op->set.size != p->was.size) {
		struct setattr *size = arena_zalloc(&job->arena, sizeof *size);

		if (size == NULL)
			return act_fail(job, ST_RESOURCE);
		*size = (struct setattr){ .mask = SET_SIZE, .size = op->set.size };
		a->own = size;
		st = setattr_ok(job, &p->was, size);
		if (st == OK)
			st = act_txn(job, a, op->set.size < p->was.size);
		a->found = at;
		return st == OK ? BEGIN_EFFECT : act_fail(job, st);
	}
	op->has_found = true;
	op->found = (struct file_id){ .share = job->share->row.share, .ino = p->was.ino,
		.gen = p->was.gen };
	act_attr(job, a, at, &op->found_attr);
	return BEGIN_DONE;
}

/* What CREATE and the others share: the directory, the name, and whether it is free. */
static enum begin
begin(struct job *job, struct act *a)
{
	struct op *op = &job->op;
	uint8_t dir;
	enum status st = act_pin_file(job, a, &op->file, &op->on, &dir);

	if (st != OK)
		return act_fail(job, st);
	a->on = dir;
	st = dir_search_ok(job, &a->pin[dir].was);
	if (st != OK)
		return act_fail(job, st);
	if (name_is_dot(op->name) || name_is_dotdot(op->name))
		return act_fail(job, ST_EXIST);
	st = name_find(job, a, dir, op->name, NAME_SET, &a->hit, &a->seq);
	if (st != OK)
		return act_fail(job, st);
	if (a->hit.ino != 0)
		return there(job, a);
	if ((st = node_ok(job, type_of(op))) != OK || (st = parent_ok(job, &a->pin[dir].was)) != OK)
		return act_fail(job, st);
	a->found = act_pin_new(a);
	st = act_txn(job, a, false);
	return st == OK ? BEGIN_EFFECT : act_fail(job, st);
}

enum begin
create_begin(struct job *job, struct act *a)
{
	if ((job->op.set.mask & SET_SIZE) != 0 && job->op.set.size > INT64_MAX)
		return act_fail(job, ST_FBIG);
	return begin(job, a);
}

enum begin
make_begin(struct job *job, struct act *a)
{
	return begin(job, a);
}

static enum status
build_new(struct job *job, struct act *a)
{
	struct pin *dir = &a->pin[DIR_PIN], *p = &a->pin[NEW_PIN];
	struct name_hit hit = { .key = a->hit.key };
	enum status st = parent_ok(job, &dir->was);

	if (st == OK)
		st = name_same(a, DIR_PIN, &a->hit, a->seq);
	if (st != OK)
		return st;
	new_file(job, a, &p->next);
	if (job->op.kind == OP_SYMLINK) {
		st = new_rest(job, &p->next);
		if (st != OK)
			return st;
		p->next.size = job->op.arg.symlink.target.len;
	}
	hit.ino = p->next.ino;
	hit.gen = p->next.gen;
	hit.type = p->next.type;
	hit.born = catalog_epoch(job->share->catalog);
	dir->next.mtime = dir->next.ctime = p->next.ctime;
	dir->next.entries++;
	if (p->next.type == TYPE_DIR)
		dir->next.nlink++;
	a->used_inodes = 1;
	build_inode(job, a, NEW_PIN);
	build_dirent(job, a, DIR_PIN, job->op.name, &a->hit, &hit);
	build_inode(job, a, DIR_PIN);
	return OK;
}

enum status
make_build(struct job *job, struct act *a)
{
	return build_new(job, a);
}

enum status
create_build(struct job *job, struct act *a)
{
	struct pin *p = &a->pin[a->found];
	enum status st;

	if (p->inode == NULL)
		return build_new(job, a);
	/* UNCHECKED, and the name is there: the size is set, nothing else.  Its directory stays. */
	st = name_same(a, a->on, &a->hit, a->seq);
	if (st == OK)
		st = setattr_ok(job, &p->was, a->own);
	if (st != OK)
		return st;
	setattr_apply(job, a, a->found, a->own);
	build_inode(job, a, a->found);
	return OK;
}
