/*
 * A full disk: what needs room is refused before it has changed anything, what frees room goes on,
 * and when there is room again, writing does too.  Once by the reserve that the operator sets, once
 * on a small disk that is really full.
 */
#include "tests/fault/kit.h"

#include "pipeline/base/log.h"
#include "pipeline/block/block.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { DISK_MB = 96, PIECE_BYTES = 1 << 20, FILES_MAX = 400, WAIT_TRIES = 600 };

static char disk[320];

static void
unmount(void)
{
	if (disk[0] != '\0')
		umount2(disk, MNT_DETACH);
}

static bool
mount_small(void)
{
	char options[32];

	snprintf(disk, sizeof disk, "%s/disk", check_tmpdir());
	snprintf(options, sizeof options, "size=%dm", DISK_MB);
	if (geteuid() == 0 && mkdir(disk, 0700) == 0 &&
	    mount("tmpfs", disk, "tmpfs", 0, options) == 0) {
		atexit(unmount);
		return true;
	}
	disk[0] = '\0';
	return false;
}

static enum status
make(struct file_id dir, const char *name, struct file_id *found)
{
	struct job *job = world_op(OP_CREATE, dir, name);
	enum status st;

	job->op.set = (struct setattr){ .mask = SET_MODE, .mode = 0644 };
	job->op.arg.create.how = CREATE_GUARDED;
	st = world_run(job);
	*found = job->op.found;
	world_done(&job);
	return st;
}

static enum status
rename_in(struct file_id dir, const char *from, const char *to)
{
	struct job *job = world_op(OP_RENAME, dir, from);
	enum status st;

	job->op.file2 = dir;
	job->op.name2 = slice_str(to);
	st = world_run(job);
	world_done(&job);
	return st;
}

static void
looks(const struct kit *k, char to[LOOK_BYTES])
{
	struct text t = text_of(to, LOOK_BYTES);

	if (!kit_look(k, true, &t))
		check_fail(__FILE__, __LINE__, "what there is cannot be read: %s", to);
}

static void
by_reserve(const char *meta)
{
	static char before[LOOK_BYTES], after[LOOK_BYTES];
	struct file_id made;
	struct share *s;
	struct kit k;
	uint64_t was;

	log_least = LOG_LEVEL_ERROR + 1;
	kit_world(meta, kit_folder());
	kit_make(&k, 1);
	looks(&k, before);
	s = world_share();
	was = atomic_load(&s->now.reserve_bytes);
	atomic_store(&s->now.reserve_bytes, 1ull << 62);
	EQ(world_write(k.f, 0, "x", 1, STABLE_FILE), ST_NOSPC);
	EQ(world_write(k.f, KIT_FILE_BYTES, "x", 1, STABLE_UNSTABLE), ST_NOSPC);
	EQ(make(k.dir, "new", &made), ST_NOSPC);
	EQ(rename_in(k.dir, "f", "f2"), ST_NOSPC);
	looks(&k, after);
	EQ_STR(after, before);
	EQ(world_remove(k.d, "x"), OK);
	atomic_store(&s->now.reserve_bytes, was);
	EQ(world_write(k.f, 0, "x", 1, STABLE_FILE), OK);
	EQ(make(k.dir, "new", &made), OK);
	kit_world_end();
}

CASE(a_share_within_its_reserve_takes_only_what_frees_over_memory)
{
	by_reserve("memory");
}

CASE(a_share_within_its_reserve_takes_only_what_frees_over_leveldb)
{
	by_reserve("leveldb");
}

/* Write files of a piece each until one is refused; *n says how many are whole. */
static enum status
fill_up(struct file_id dir, unsigned *n)
{
	static uint8_t bytes[PIECE_BYTES];
	enum status st = OK;

	for (*n = 0; *n < FILES_MAX; ++*n) {
		struct file_id f;
		char name[32];

		snprintf(name, sizeof name, "file%u", *n);
		kit_bytes(*n + 1000, 0, bytes, sizeof bytes);
		if ((st = make(dir, name, &f)) != OK)
			break;
		st = world_write(f, 0, bytes, sizeof bytes, STABLE_FILE);
		if (st != OK && st != ST_DELAY)
			break;
		if (st == ST_DELAY)	/* its journal drains first: the same file again */
			for (unsigned i = 0; i < WAIT_TRIES && st == ST_DELAY; i++) {
				nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
				st = world_write(f, 0, bytes, sizeof bytes, STABLE_FILE);
			}
		if (st != OK)
			break;
	}
	return st;
}

static void
whole_files(struct file_id dir, unsigned n)
{
	static uint8_t got[PIECE_BYTES], want[PIECE_BYTES];

	for (unsigned i = 0; i < n; i++) {
		struct file_id f;
		char name[32];
		bool eof;

		snprintf(name, sizeof name, "file%u", i);
		EQ(world_lookup(dir, name, &f), OK);
		EQ(world_read(f, 0, got, sizeof got, &eof), PIECE_BYTES);
		kit_bytes(i + 1000, 0, want, sizeof want);
		EQ_MEM(got, want, sizeof got);
	}
}

CASE(a_full_disk_refuses_before_any_change_and_recovers_by_deleting)
{
	struct file_id dir, f;
	enum status st;
	unsigned n;

	if (!mount_small())
		check_skip("needs root and tmpfs");
	log_least = LOG_LEVEL_ERROR + 1;
	kit_world("leveldb", disk);
	dir = world_mkdir(world_root(), "full");
	st = fill_up(dir, &n);
	printf("# %u MiB went onto a disk of %d MiB, then: %s\n", n, DISK_MB, status_name(st));
	EQ(block_state(world_share()), OK);
	EQ(st, ST_NOSPC);
	TRUE(n > 4);
	st = make(dir, "more", &f);		/* which takes less than a write */
	TRUE(st == OK || st == ST_NOSPC);
	EQ(world_lookup(dir, "more", &f), st == OK ? OK : ST_NOENT);
	whole_files(dir, n);
	for (unsigned i = 0; i <= n; i++) {
		char name[32];

		snprintf(name, sizeof name, "file%u", i);
		st = world_remove(dir, name);
		if (i < n || st != ST_NOENT)
			EQ(st, OK);
	}
	EQ(block_state(world_share()), OK);
	st = ST_NOSPC;
	for (unsigned i = 0; i < WAIT_TRIES && st != OK; i++) {
		st = make(dir, "again", &f);
		if (st != OK)
			nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
	}
	EQ(st, OK);
	EQ(world_write(f, 0, "room", 4, STABLE_FILE), OK);
	kit_world_end();
}
