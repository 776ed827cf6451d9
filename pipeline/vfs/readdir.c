/*
 * READDIR and READDIRPLUS.  RFC 1813 §3.3.16, §3.3.17.
 *
 * A cookie is an entry's key (h << 16 | slot), "." is 1, ".." is 2; reading goes on at the first
 * key behind the cookie, whether that entry is still there or not, so nothing is seen twice or
 * missed, whatever is created and removed meanwhile.
 */
#include "pipeline/vfs/inner.h"

enum { COOKIE_DOT = 1, COOKIE_DOTDOT = 2, READDIR_VERF = 1, ENTRIES_START = 64,
	ENTRIES_MOST = 4096, COOKIE_BYTES = 24 };

struct listing {
	struct job *job;
	struct dir_entry *v;
	uint32_t n, room, most;
	uint64_t bytes, names;		/* as the protocol estimates */
	bool full, damaged, starved;
};

static bool
fits(struct listing *l, uint32_t name_len)
{
	const struct op *op = &l->job->op;
	uint64_t padded = round_up(name_len, 4);
	uint64_t bytes = l->bytes + op->arg.readdir.entry_bytes + padded;
	uint64_t names = l->names + COOKIE_BYTES + padded;

	if (l->n >= l->most || bytes > op->arg.readdir.bytes_max ||
	    (op->arg.readdir.names_max != 0 && names > op->arg.readdir.names_max && l->n > 0))
		return false;
	l->bytes = bytes;
	l->names = names;
	return true;
}

static struct dir_entry *
room_for_one(struct listing *l)
{
	if (l->n == l->room) {
		uint32_t room = MIN(l->room ? l->room * 2 : ENTRIES_START, ENTRIES_MOST);
		struct dir_entry *v = arena_alloc(&l->job->arena, room * sizeof *v);

		if (v == NULL)
			return NULL;
		if (l->n > 0)
			memcpy(v, l->v, l->n * sizeof *v);
		l->v = v;
		l->room = room;
	}
	return &l->v[l->n];
}

/* False: no more fit. */
static bool
add(struct listing *l, uint64_t ino, uint32_t gen, uint8_t type, uint64_t cookie, struct slice name)
{
	struct dir_entry *e;
	uint8_t *copy;

	if (!fits(l, name.len)) {
		l->full = true;
		return false;
	}
	e = room_for_one(l);
	copy = e == NULL ? NULL : arena_copy(&l->job->arena, name.at, name.len);
	if (copy == NULL) {
		l->full = true;
		l->starved = l->n == 0;
		return false;
	}
	*e = (struct dir_entry){ .ino = ino, .gen = gen, .type = type, .cookie = cookie,
		.name = slice_of(copy, name.len) };
	l->n++;
	return true;
}

static bool
row(void *arg, struct slice key, const struct version *v)
{
	struct listing *l = arg;
	struct dirent d;

	if (rec_dirent_decode(v->body, &d) != OK) {
		l->damaged = true;
		return false;
	}
	if (d.type == 0)
		return true;
	return add(l, d.ino, d.gen, d.type, get_be64(key.at + key.len - 8), d.name);
}

static enum status
list(struct job *job, const struct file *dir, struct listing *l)
{
	uint64_t cookie = job->op.arg.readdir.cookie;
	struct key prefix = key_dirent_prefix(dir->ino), from;
	enum status st;

	if (cookie < COOKIE_DOT &&
	    !add(l, dir->ino, dir->gen, TYPE_DIR, COOKIE_DOT, slice_str(".")))
		return OK;
	if (cookie < COOKIE_DOTDOT &&
	    !add(l, dir->parent, 0, TYPE_DIR, COOKIE_DOTDOT, slice_str("..")))
		return OK;
	from = key_dirent(dir->ino, MAX(cookie, (uint64_t)COOKIE_DOTDOT) + 1);
	st = catalog_scan(job->share->catalog, key_slice(&prefix), key_slice(&from),
	    stage_may_wait(job), row, l);
	if (st == OK && l->damaged)
		st = ST_CORRUPT;
	return st;
}

/* Attributes of what is cached by pins; the others in one round to the catalog, past the cache:
 * listing a large directory must not drive out what is in use. */
static enum status
fetch(struct job *job, struct dir_entry **missing, uint32_t n)
{
	struct slice *keys = arena_alloc(&job->arena, n * sizeof *keys);
	struct version *found = arena_alloc(&job->arena, n * sizeof *found);
	struct key *room = arena_alloc(&job->arena, n * sizeof *room);
	enum status st;

	if (keys == NULL || found == NULL || room == NULL)
		return OK;		/* attributes are optional */
	for (uint32_t i = 0; i < n; i++) {
		room[i] = key_inode(missing[i]->ino);
		keys[i] = key_slice(&room[i]);
	}
	st = catalog_get_many(job->share->catalog, keys, n, stage_may_wait(job), &job->arena,
	    found);
	if (st == ST_RESOURCE)
		return OK;
	for (uint32_t i = 0; st == OK && i < n; i++) {
		struct file f;

		if (!found[i].exists)
			continue;
		st = rec_file_decode(found[i].body, &f);
		if (st != OK)
			break;
		missing[i]->has_attr = true;
		missing[i]->gen = f.gen;
		inode_attr(job->share, &f, found[i].lsn, &missing[i]->attr);
	}
	return st;
}

static enum status
attributes(struct job *job, struct listing *l)
{
	struct dir_entry **missing = arena_alloc(&job->arena, (l->n + 1) * sizeof *missing);
	uint32_t n = 0;

	if (missing == NULL)
		return OK;
	for (uint32_t i = 0; i < l->n; i++) {
		struct dir_entry *e = &l->v[i];

		if (inode_peek(job->share, e->ino, &e->attr)) {
			e->has_attr = true;
			e->gen = e->attr.gen;
		} else {
			missing[n++] = e;
		}
	}
	return n == 0 ? OK : fetch(job, missing, n);
}

enum begin
readdir_begin(struct job *job, struct act *a)
{
	struct op *op = &job->op;
	struct listing l = { .job = job, .most = MIN(op->arg.readdir.entries_max, ENTRIES_MOST) };
	const struct file *dir;
	uint8_t at;
	enum status st = act_pin_file(job, a, &op->file, &op->on, &at);

	if (st != OK)
		return act_fail(job, st);
	dir = &a->pin[at].was;
	if (dir->type != TYPE_DIR)
		return act_fail(job, ST_NOTDIR);
	if (!perm_ok(job->cred, dir, PERM_R))
		return act_fail(job, ST_ACCES);
	if (op->arg.readdir.cookie > INT64_MAX || (op->arg.readdir.cookie != 0 &&
	    op->arg.readdir.verf != 0 && op->arg.readdir.verf != READDIR_VERF))
		return act_fail(job, ST_BAD_COOKIE);
	st = list(job, dir, &l);
	if (st == OK && l.n == 0 && l.full)
		st = l.starved ? ST_RESOURCE : ST_TOOSMALL;
	if (st == OK && op->arg.readdir.attrs)
		st = attributes(job, &l);
	if (st != OK)
		return act_fail(job, st);
	op->res.readdir.v = l.v;
	op->res.readdir.n = l.n;
	op->res.readdir.eof = !l.full;
	op->res.readdir.verf = READDIR_VERF;
	return BEGIN_DONE;
}
