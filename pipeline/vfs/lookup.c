/*
 * Names: from a directory and a name to a number.  The key of a name is 47 bits of a keyed hash
 * of its folded form and a slot, so a lookup is one get: the first slot of its bucket.  Only
 * where that row is another's, or empty, is the bucket walked.  engine.md §4.
 */
#include "pipeline/vfs/inner.h"

#include "pipeline/base/hash.h"
#include "pipeline/base/utf.h"
#include "pipeline/vfs/names.h"

enum { FOLDED_MAX = NAME_BYTES_MAX * 4 };

enum status
dir_search_ok(const struct job *job, const struct file *dir)
{
	if (dir->type != TYPE_DIR)
		return ST_NOTDIR;
	return perm_ok(job->cred, dir, PERM_X) ? OK : ST_ACCES;
}

enum status
dir_change_ok(const struct job *job, const struct file *dir)
{
	if (dir->type != TYPE_DIR)
		return ST_NOTDIR;
	return perm_ok(job->cred, dir, PERM_W | PERM_X) ? OK : ST_ACCES;
}

/* h << 16: the first key of a name's bucket. */
static uint64_t
bucket_of(const struct share *s, struct slice name)
{
	uint8_t folded[FOLDED_MAX];
	size_t len = utf_fold(name.at, name.len, folded, sizeof folded);
	uint64_t h = siphash24(s->row.name_key, folded, len) >> 17;	/* 47 bits */

	return (h == 0 ? 1 : h) << SLOT_BITS;
}

struct bucket_walk {
	struct slice name;
	struct name_hit *hit;
	uint32_t free_slot;		/* the lowest that no row takes, so far */
	uint32_t rows;			/* beside an empty first slot */
	bool found, damaged;
};

static bool
bucket_row(void *arg, struct slice key, const struct version *v)
{
	struct bucket_walk *b = arg;
	struct dirent d;
	uint64_t at = get_be64(key.at + key.len - 8);
	uint32_t slot = (uint32_t)(at & 0xffff);

	if (rec_dirent_decode(v->body, &d) != OK) {
		b->damaged = true;
		return false;
	}
	if (d.type == 0)
		return true;		/* an empty row keeps slot 0: free to be taken */
	b->rows++;
	if (slot == b->free_slot)
		b->free_slot = slot + 1;
	if (!b->found && slice_eq(d.name, b->name)) {
		*b->hit = (struct name_hit){ .ino = d.ino, .gen = d.gen, .type = d.type, .key = at,
			.born = v->born, .lsn = v->lsn };
		b->found = true;
	}
	return true;
}

/* Walk the whole bucket: hit, or a free slot in hit->key. */
static enum status
bucket_walk(struct job *job, uint64_t dir, struct slice name, uint64_t bucket,
    enum name_use use, struct name_hit *hit)
{
	struct bucket_walk b = { .name = name, .hit = hit };
	struct key prefix = key_dirent(dir, bucket);
	enum status st;

	*hit = (struct name_hit){ 0 };
	prefix.len -= 2;		/* all slots of that hash */
	st = catalog_scan(job->share->catalog, key_slice(&prefix), slice_of(NULL, 0),
	    stage_may_wait(job), bucket_row, &b);
	if (st != OK)
		return st;
	if (b.damaged)
		return ST_CORRUPT;
	if (!b.found && use == NAME_SET) {
		if (b.free_slot > 0xffff)
			return ST_NOSPC;
		hit->key = bucket | b.free_slot;
	}
	hit->keeps_slot = b.found && hit->key == bucket && b.rows > 1;
	return OK;
}

/* Does the directory's filter say that no name has this hash? */
static bool
surely_none(struct inode *dir, uint64_t bucket)
{
	const struct names *names;
	bool none;

	epoch_begin();
	names = atomic_load_explicit(&dir->names, memory_order_acquire);
	none = names != NULL && !names_may_have(names, bucket >> SLOT_BITS);
	epoch_end();
	return none;
}

/* Ask the catalog: the first slot alone, mostly. */
static enum status
name_ask(struct job *job, struct inode *dir, struct slice name, enum name_use use, bool alone,
    struct name_hit *hit)
{
	uint64_t bucket = bucket_of(job->share, name);
	struct key key = key_dirent(dir->ino, bucket);
	struct version v;
	struct dirent d;
	enum status st;

	if (use == NAME_DROP && !alone)
		return bucket_walk(job, dir->ino, name, bucket, use, hit);
	if (surely_none(dir, bucket)) {
		*hit = (struct name_hit){ .key = bucket };
		return OK;
	}
	st = catalog_get(job->share->catalog, key_slice(&key), stage_may_wait(job), &job->arena,
	    &v);
	if (st != OK)
		return st;
	if (!v.exists) {
		*hit = (struct name_hit){ .key = bucket };
		return OK;
	}
	st = rec_dirent_decode(v.body, &d);
	if (st != OK)
		return st;
	if (d.type == 0 || !slice_eq(d.name, name))
		return bucket_walk(job, dir->ino, name, bucket, use, hit);
	*hit = (struct name_hit){ .ino = d.ino, .gen = d.gen, .type = d.type, .key = bucket,
		.born = v.born, .lsn = v.lsn };
	return OK;
}

enum status
name_find(struct job *job, struct act *a, uint8_t dir, struct slice name, enum name_use use,
    struct name_hit *hit, uint64_t *seq)
{
	struct inode *d = a->pin[dir].inode;
	struct dentry_cache *c = job->share->inodes->dentries;
	bool alone = (a->pin[dir].was.flags & FILE_SLOTS) == 0;
	uint64_t bucket = use == NAME_SET ? bucket_of(job->share, name) : 0;
	enum status st = OK;

	*seq = atomic_load_explicit(&d->dirseq, memory_order_acquire);
	if (use == NAME_SET && surely_none(d, bucket)) {	/* what every create hopes for */
		dentry_expect(c, d->ino, name);
		*hit = (struct name_hit){ .key = bucket };
		return OK;
	}
	/* A cached miss knows no free key, a cached name not its neighbours, where it has any. */
	if (!dentry_find(c, d->ino, name, hit) || (use != NAME_READ && hit->ino == 0) ||
	    (use == NAME_DROP && !alone)) {
		st = name_ask(job, d, name, use, alone, hit);
		/* What SET finds free will be taken, and the effect says so itself. */
		if (st == OK && (use == NAME_READ || hit->ino != 0))
			dentry_fill(c, d->ino, name, hit, &d->dirseq, *seq);
	}
	hit->alone = use == NAME_DROP && alone;
	return st;
}

enum status
name_same(const struct act *a, uint8_t dir, const struct name_hit *hit, uint64_t seq)
{
	const struct inode *d = a->pin[dir].inode;
	uint64_t now = atomic_load_explicit(&d->dirseq, memory_order_relaxed);

	mutex_assert_owned(&d->mutex);
	if (now - seq > BUCKETS_RECENT || (hit->alone && (a->pin[dir].was.flags & FILE_SLOTS) != 0))
		return ST_RESTART;
	while (seq != now)
		if (d->buckets[++seq % BUCKETS_RECENT] == hit->key >> SLOT_BITS)
			return ST_RESTART;
	return OK;
}

/* The object found is pin[at]: say so in the answer. */
static enum begin
found(struct job *job, struct act *a, uint8_t at)
{
	struct op *op = &job->op;
	const struct file *f = &a->pin[at].was;

	op->has_found = true;
	op->found = (struct file_id){ .share = job->share->row.share,
		.ino = f->ino,
		.gen = f->gen };
	act_attr(job, a, at, &op->found_attr);
	return BEGIN_DONE;
}

/* LOOKUP.  RFC 1813 §3.3.3; "." and ".." as RFC 1813 §3.3.3's implementation note says. */
enum begin
lookup_begin(struct job *job, struct act *a)
{
	struct op *op = &job->op;
	uint8_t dir, child;
	enum status st = act_pin_file(job, a, &op->file, &op->on, &dir);
	uint64_t ino;

	if (st != OK)
		return act_fail(job, st);
	st = dir_search_ok(job, &a->pin[dir].was);
	if (st != OK)
		return act_fail(job, st);
	if (name_is_dot(op->name)) {
		ino = op->file.ino;
	} else if (name_is_dotdot(op->name)) {
		ino = a->pin[dir].was.parent;
	} else {
		st = name_find(job, a, dir, op->name, NAME_READ, &a->hit, &a->seq);
		if (st != OK)
			return act_fail(job, st);
		ino = a->hit.ino;
	}
	if (ino == 0)
		return act_fail(job, ST_NOENT);
	st = act_pin(job, a, ino, &child);
	if (st == ST_STALE && a->restarts++ < RESTARTS_MAX) {
		/* Gone between the name and the inode: look at the name again. */
		act_release(job, a);
		return lookup_begin(job, a);
	}
	return st == OK ? found(job, a, child) : act_fail(job, st);
}

/* ATTACH: auth has found the share and let the caller in; this is its root. */
enum begin
attach_begin(struct job *job, struct act *a)
{
	uint8_t root;
	enum status st = act_pin(job, a, INO_ROOT, &root);

	return st == OK ? found(job, a, root) : act_fail(job, st);
}
