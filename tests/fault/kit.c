/*
 * The known things, and looking at them.
 */
#include "tests/fault/kit.h"

#include "pipeline/base/hash.h"
#include "pipeline/block/journal.h"
#include "pipeline/vfs/inode.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { NAMES_MAX = 16, DEPTH_MAX = 3, REST_TRIES = 4000 };

static unsigned complaints;
static bool world_is_up;

void
kit_complain(const char *fmt, ...)
{
	va_list ap;

	complaints++;
	printf("# ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

void
kit_verdict(void)
{
	unsigned n = complaints;

	complaints = 0;
	if (n > 0)
		check_fail(__FILE__, __LINE__, "%u complaints", n);
}

const char *
kit_folder(void)
{
	static char dir[300];
	static int n;

	snprintf(dir, sizeof dir, "%s/w%d", check_tmpdir(), n++);
	mkdir(dir, 0700);
	return dir;
}

void
kit_world(const char *meta, const char *dir)
{
	if (world_is_up)
		check_skip("a case before this one left the world in pieces");
	world_is_up = true;
	complaints = 0;
	world_start(meta, dir);
}

void
kit_world_end(void)
{
	world_stop();
	world_is_up = false;
}

/* --- making --- */

void
kit_bytes(uint64_t round, uint64_t at, uint8_t *to, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] = (uint8_t)(hash_u64(round << 24 ^ (at + i) >> 3) >> ((at + i) & 7) * 8);
}

static struct file_id
make_symlink(struct file_id dir, const char *name, const char *target)
{
	struct job *job = world_op(OP_SYMLINK, dir, name);
	struct file_id found;
	enum status st;

	job->op.arg.symlink.target = slice_str(target);
	st = world_run(job);
	found = job->op.found;
	world_done(&job);
	EQ(st, OK);
	return found;
}

void
kit_make(struct kit *k, uint64_t round)
{
	static uint8_t bytes[KIT_FILE_BYTES];
	char name[32];

	snprintf(name, sizeof name, "r%llu", (unsigned long long)round);
	k->round = round;
	k->root = world_root();
	k->dir = world_mkdir(k->root, name);
	k->f = world_create(k->dir, "f");
	kit_bytes(round, 0, bytes, sizeof bytes);
	EQ(world_write(k->f, 0, bytes, sizeof bytes, STABLE_FILE), OK);
	k->l = make_symlink(k->dir, "l", "f");
	k->d = world_mkdir(k->dir, "d");
	k->x = world_create(k->d, "x");
	k->empty = world_mkdir(k->dir, "empty");
}

/* --- looking --- */

struct seen {
	char name[64];
	uint64_t cookie;
	struct file_id id;
};

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct seen *)a)->name, ((const struct seen *)b)->name);
}

static bool
failed(struct text *t, const char *what, enum status st)
{
	text_addf(t, "%s: %s\n", what, status_name(st));
	return false;
}

static bool
list(struct file_id dir, struct seen v[NAMES_MAX], uint32_t *n, struct text *t)
{
	struct job *job = world_op(OP_READDIR, dir, NULL);
	enum status st;

	job->op.arg.readdir.entries_max = NAMES_MAX;
	job->op.arg.readdir.bytes_max = 100000;
	job->op.arg.readdir.entry_bytes = 24;
	st = world_run(job);
	*n = 0;
	for (uint32_t i = 0; st == OK && i < job->op.res.readdir.n; i++) {
		const struct dir_entry *e = &job->op.res.readdir.v[i];

		if (e->cookie <= 2)
			continue;
		snprintf(v[*n].name, sizeof v[*n].name, "%.*s", (int)e->name.len,
		    (const char *)e->name.at);
		v[*n].cookie = e->cookie;
		v[*n].id = (struct file_id){ .share = dir.share, .ino = e->ino, .gen = e->gen };
		++*n;
	}
	if (st == OK && !job->op.res.readdir.eof)
		st = ST_RESOURCE;
	world_done(&job);
	qsort(v, *n, sizeof *v, by_name);
	return st == OK || failed(t, "readdir", st);
}

static bool
look_attr(struct file_id id, bool exact, struct attr *a, struct text *t)
{
	struct job *job = world_op(OP_GETATTR, id, NULL);
	enum status st = world_run(job);

	*a = job->op.on.after;
	world_done(&job);
	if (st != OK)
		return failed(t, "getattr", st);
	text_addf(t, "type %u mode %o links %u owner %u:%u dev %u,%u", a->type, a->mode, a->nlink,
	    a->uid, a->gid, a->rdev_major, a->rdev_minor);
	if (a->type != TYPE_DIR)
		text_addf(t, " size %llu used %llu", (unsigned long long)a->size,
		    (unsigned long long)a->used);
	if (exact)
		text_addf(t, " ino %llu gen %u change %llx mtime %lld.%u ctime %lld.%u",
		    (unsigned long long)a->ino, a->gen, (unsigned long long)a->change,
		    (long long)a->mtime.s, a->mtime.ns, (long long)a->ctime.s, a->ctime.ns);
	return true;
}

/* The checksum is over the difference from the round's own bytes: equal in all rounds. */
static bool
look_bytes(const struct kit *k, struct file_id id, uint32_t size, struct text *t)
{
	static uint8_t got[KIT_FILE_BYTES * 2], own[KIT_FILE_BYTES * 2];
	struct job *job = world_op(OP_READ, id, NULL);
	uint32_t len = MIN(size, (uint32_t)sizeof got);
	enum status st;

	job->io.count = len;
	st = world_run(job);
	if (st == OK && job->op.res.read.count != len)
		st = ST_CORRUPT;
	if (st == OK)
		chain_copy_out(&job->io.data, 0, got, len);
	world_done(&job);
	if (st != OK)
		return failed(t, "read", st);
	kit_bytes(k->round, 0, own, len);
	for (uint32_t i = 0; i < len; i++)
		got[i] ^= own[i];
	text_addf(t, " bytes %08x", crc32c(0, got, len));
	return true;
}

static bool
look_target(struct file_id id, struct text *t)
{
	struct job *job = world_op(OP_READLINK, id, NULL);
	enum status st = world_run(job);

	if (st == OK)
		text_addf(t, " to %.*s", (int)job->op.res.readlink.target.len,
		    (const char *)job->op.res.readlink.target.at);
	world_done(&job);
	return st == OK || failed(t, "readlink", st);
}

static bool
look_below(const struct kit *k, struct file_id dir, bool exact, struct text *t)
{
	struct level {
		struct seen v[NAMES_MAX];
		uint32_t n, at;
	} level[DEPTH_MAX];
	uint32_t depth = 1;

	level[0].at = 0;
	if (!list(dir, level[0].v, &level[0].n, t))
		return false;
	while (depth > 0) {
		struct level *l = &level[depth - 1];
		struct seen *s = &l->v[l->at];
		struct attr a;

		if (l->at++ == l->n) {
			depth--;
			continue;
		}
		text_addf(t, "%*s%s ", (int)depth, "", s->name);
		if (exact)
			text_addf(t, "at %llx ", (unsigned long long)s->cookie);
		if (!look_attr(s->id, exact, &a, t) ||
		    (!exact && a.type == TYPE_REG && !look_bytes(k, s->id, (uint32_t)a.size, t)) ||
		    (a.type == TYPE_LNK && !look_target(s->id, t)))
			return false;
		text_add(t, "\n");
		if (a.type != TYPE_DIR)
			continue;
		if (depth == DEPTH_MAX)
			return failed(t, "deep", ST_INVAL);
		level[depth].at = 0;
		if (!list(s->id, level[depth].v, &level[depth].n, t))
			return false;
		depth++;
	}
	return true;
}

bool
kit_look(const struct kit *k, bool exact, struct text *t)
{
	struct attr a;

	if (!look_attr(k->dir, exact, &a, t))
		return false;
	text_add(t, "\n");
	if (!look_below(k, k->dir, exact, t))
		return false;
	if (exact)
		text_addf(t, "used %llu inodes %llu\n",
		    (unsigned long long)atomic_load(&world_share()->used_bytes),
		    (unsigned long long)atomic_load(&world_share()->used_inodes));
	return true;
}

/* --- resting --- */

static void
add_pins(struct table_node *n, void *arg)
{
	const struct inode *i = container_of(n, struct inode, node);

	*(uint64_t *)arg += atomic_load(&i->refs.n) - 1u;
}

static uint64_t
pins(struct share *s)
{
	uint64_t sum = 0;
	size_t at = 0;

	epoch_begin();
	do
		at = table_walk(s->inodes->table, at, 1024, add_pins, &sum);
	while (at != 0);
	epoch_end();
	return sum;
}

bool
kit_rests(struct text *t)
{
	struct share *s = world_share();
	struct journal *j = journal_of(s);
	uint64_t jobs = 0, txns = 0, pinned = 0, records = 0, data = 0;

	for (int i = 0; i < REST_TRIES; i++) {
		jobs = job_pool_used();
		txns = txn_pool_used();
		pinned = pins(s);
		mutex_lock(&j->mutex);
		records = j->reserved_records;
		data = j->reserved_data;
		mutex_unlock(&j->mutex);
		if (jobs + txns + pinned + records + data == 0)
			return true;
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	text_addf(t, "still held: jobs %llu, change sets %llu, pins %llu, reserved %llu + %llu",
	    (unsigned long long)jobs, (unsigned long long)txns, (unsigned long long)pinned,
	    (unsigned long long)records, (unsigned long long)data);
	return false;
}
