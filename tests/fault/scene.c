/*
 * The scenes.
 */
#include "tests/fault/scene.h"

#include <string.h>

static void
on(struct job *job, struct file_id file, const char *name)
{
	job->op.file = file;
	if (name != NULL)
		job->op.name = slice_str(name);
}

static void
to(struct job *job, struct file_id dir, const char *name)
{
	job->op.file2 = dir;
	job->op.name2 = slice_str(name);
}

static void
mode(struct job *job, uint16_t bits)
{
	job->op.set = (struct setattr){ .mask = SET_MODE, .mode = bits };
}

static bool
same_id(struct file_id a, struct file_id b)
{
	return a.share == b.share && a.ino == b.ino && a.gen == b.gen;
}

static void fill_attach(struct job *job, const struct kit *k) { (void)job, (void)k; }
static bool
is_root(const struct job *job, const struct kit *k)
{
	return same_id(job->op.found, k->root);
}
static void fill_lookup(struct job *job, const struct kit *k) { on(job, k->dir, "f"); }
static bool
is_f(const struct job *job, const struct kit *k)
{
	return same_id(job->op.found, k->f);
}
static void fill_lookup_none(struct job *job, const struct kit *k) { on(job, k->d, "none"); }
static void fill_f(struct job *job, const struct kit *k) { on(job, k->f, NULL); }
static void fill_link_read(struct job *job, const struct kit *k) { on(job, k->l, NULL); }

static bool
is_size(const struct job *job, const struct kit *k)
{
	(void)k;
	return job->op.on.has_after && job->op.on.after.size == KIT_FILE_BYTES;
}

static bool
is_granted(const struct job *job, const struct kit *k)
{
	(void)k;
	return job->op.res.access.granted == 1;
}

static void
fill_access(struct job *job, const struct kit *k)
{
	on(job, k->f, NULL);
	job->op.arg.access.want = 1;
}

static bool
is_target(const struct job *job, const struct kit *k)
{
	(void)k;
	return slice_eq(job->op.res.readlink.target, slice_str("f"));
}

static void
fill_setattr(struct job *job, const struct kit *k)
{
	on(job, k->f, NULL);
	mode(job, 0640);
}

static void
fill_truncate(struct job *job, const struct kit *k)
{
	on(job, k->f, NULL);
	job->op.set = (struct setattr){ .mask = SET_SIZE, .size = 70001 };
}

static void
fill_create(struct job *job, const struct kit *k)
{
	on(job, k->dir, "new");
	mode(job, 0600);
	job->op.arg.create.how = CREATE_GUARDED;
}

static void
fill_create_over(struct job *job, const struct kit *k)
{
	on(job, k->dir, "f");
	job->op.set = (struct setattr){ .mask = SET_SIZE, .size = 0 };
	job->op.arg.create.how = CREATE_UNCHECKED;
}

static void
fill_create_exclusive(struct job *job, const struct kit *k)
{
	on(job, k->dir, "only");
	job->op.arg.create.how = CREATE_EXCLUSIVE;
	job->op.arg.create.verf = 77;
}

static void
fill_mkdir(struct job *job, const struct kit *k)
{
	on(job, k->dir, "newdir");
	mode(job, 0711);
}

/* Long enough that the record needs more than a job's own block. */
static void
fill_symlink(struct job *job, const struct kit *k)
{
	static char target[3000];

	memset(target, 't', sizeof target - 1);
	on(job, k->dir, "newlink");
	job->op.arg.symlink.target = slice_str(target);
}

static void
fill_mknod(struct job *job, const struct kit *k)
{
	on(job, k->dir, "dev");
	mode(job, 0660);
	job->op.arg.mknod.type = TYPE_CHR;
	job->op.arg.mknod.major = 5;
	job->op.arg.mknod.minor = 6;
}

static void
fill_link(struct job *job, const struct kit *k)
{
	on(job, k->f, "hard");
	to(job, k->d, "hard");
}

static void fill_remove(struct job *job, const struct kit *k) { on(job, k->dir, "f"); }
static void fill_rmdir(struct job *job, const struct kit *k) { on(job, k->dir, "empty"); }

static void
fill_rename(struct job *job, const struct kit *k)
{
	on(job, k->dir, "f");
	to(job, k->d, "moved");
}

static void
fill_rename_over(struct job *job, const struct kit *k)
{
	on(job, k->dir, "f");
	to(job, k->d, "x");
}

static void
fill_rename_dir(struct job *job, const struct kit *k)
{
	on(job, k->dir, "d");
	to(job, k->empty, "d2");
}

static void
fill_readdir(struct job *job, const struct kit *k)
{
	on(job, k->dir, NULL);
	job->op.arg.readdir.entries_max = 100;
	job->op.arg.readdir.bytes_max = 100000;
	job->op.arg.readdir.entry_bytes = 24;
	job->op.arg.readdir.attrs = true;
}

/* All six of them, or fewer and the promise of more; a name that is there is told once. */
static bool
is_listing(const struct job *job, const struct kit *k)
{
	unsigned n = 0;

	(void)k;
	for (uint32_t i = 0; i < job->op.res.readdir.n; i++)
		n += job->op.res.readdir.v[i].ino != 0 && job->op.res.readdir.v[i].name.len > 0;
	return n > 0 && (n == 6 || (n < 6 && !job->op.res.readdir.eof));
}

static bool
is_statfs(const struct job *job, const struct kit *k)
{
	(void)k;
	return job->op.res.statfs.bytes_total >= job->op.res.statfs.bytes_free;
}

static void
fill_read(struct job *job, const struct kit *k)
{
	on(job, k->f, NULL);
	job->io.count = KIT_FILE_BYTES;
}

static bool
is_f_bytes(const struct job *job, const struct kit *k)
{
	static uint8_t got[KIT_FILE_BYTES], want[KIT_FILE_BYTES];

	if (job->op.res.read.count != KIT_FILE_BYTES || job->io.data.len != KIT_FILE_BYTES)
		return false;
	chain_copy_out(&job->io.data, 0, got, sizeof got);
	kit_bytes(k->round, 0, want, sizeof want);
	return memcmp(got, want, sizeof got) == 0;
}

static void
fill_write(struct job *job, const struct kit *k)
{
	struct buf *buf = buf_new(KIT_MORE_BYTES);

	on(job, k->f, NULL);
	kit_bytes(k->round + 1, KIT_MORE_AT, buf->bytes, KIT_MORE_BYTES);
	for (uint32_t i = 0; i < KIT_MORE_BYTES; i++)	/* the round's own bytes, turned over */
		kit_bytes(k->round, KIT_MORE_AT + i, &buf->bytes[i], 1), buf->bytes[i] ^= 0xff;
	job->io.offset = KIT_MORE_AT;
	job->io.count = KIT_MORE_BYTES;
	EQ(chain_push(&job->io.data, &job->arena, (struct slice){ buf, buf->bytes,
	    KIT_MORE_BYTES }), OK);
	buf_put(&buf);
	job->op.arg.write.stable = STABLE_UNSTABLE;
}

static void
fill_write_stable(struct job *job, const struct kit *k)
{
	fill_write(job, k);
	job->op.arg.write.stable = STABLE_FILE;
}

static bool
is_written(const struct job *job, const struct kit *k)
{
	(void)k;
	return job->op.res.write.count == KIT_MORE_BYTES &&
	    job->op.res.write.committed >= job->op.arg.write.stable;
}

const struct scene scenes[] = {
	{ "attach", OP_ATTACH, fill_attach, is_root, false, false },
	{ "lookup", OP_LOOKUP, fill_lookup, is_f, false, false },
	{ "lookup of none", OP_LOOKUP, fill_lookup_none, NULL, false, false },
	{ "getattr", OP_GETATTR, fill_f, is_size, false, false },
	{ "setattr", OP_SETATTR, fill_setattr, NULL, false, false },
	{ "truncate", OP_SETATTR, fill_truncate, NULL, false, false },
	{ "access", OP_ACCESS, fill_access, is_granted, false, false },
	{ "readlink", OP_READLINK, fill_link_read, is_target, false, false },
	{ "create", OP_CREATE, fill_create, NULL, false, false },
	{ "create over", OP_CREATE, fill_create_over, NULL, false, false },
	{ "create exclusive", OP_CREATE, fill_create_exclusive, NULL, false, false },
	{ "mkdir", OP_MKDIR, fill_mkdir, NULL, false, false },
	{ "symlink", OP_SYMLINK, fill_symlink, NULL, false, false },
	{ "mknod", OP_MKNOD, fill_mknod, NULL, false, false },
	{ "link", OP_LINK, fill_link, NULL, false, false },
	{ "remove", OP_REMOVE, fill_remove, NULL, false, false },
	{ "rmdir", OP_RMDIR, fill_rmdir, NULL, false, false },
	{ "rename", OP_RENAME, fill_rename, NULL, false, false },
	{ "rename over", OP_RENAME, fill_rename_over, NULL, false, false },
	{ "rename of a directory", OP_RENAME, fill_rename_dir, NULL, false, false },
	{ "readdir", OP_READDIR, fill_readdir, is_listing, false, false },
	{ "statfs", OP_STATFS, fill_f, is_statfs, false, false },
	{ "read", OP_READ, fill_read, is_f_bytes, false, false },
	{ "read of carved", OP_READ, fill_read, is_f_bytes, true, false },
	{ "write", OP_WRITE, fill_write, is_written, false, true },
	{ "write file-sync", OP_WRITE, fill_write_stable, is_written, false, false },
	{ "commit", OP_COMMIT, fill_f, NULL, false, false },
};
const unsigned nscenes = sizeof scenes / sizeof scenes[0];
