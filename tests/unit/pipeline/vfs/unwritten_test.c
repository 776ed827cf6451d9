/*
 * A file that has never had bytes leaves nothing to the reaper; one that has, or of which nobody
 * can say, does, in whichever way it came to them.
 */
#include "pipeline/base/meter.h"
#include "pipeline/block/index.h"
#include "pipeline/block/journal.h"
#include "pipeline/record/history.h"
#include "pipeline/record/key.h"
#include "pipeline/record/rec.h"
#include "pipeline/sync/sync.h"
#include "tests/lib/check.h"
#include "tests/lib/world.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *
fresh_dir(void)
{
	static char dir[300];
	static int n;

	snprintf(dir, sizeof dir, "%s/u%d", check_tmpdir(), n++);
	mkdir(dir, 0700);
	return dir;
}

static enum status
set_size(struct file_id f, uint64_t size)
{
	struct job *job = world_op(OP_SETATTR, f, NULL);
	enum status st;

	job->op.set = (struct setattr){ .mask = SET_SIZE, .size = size };
	st = world_run(job);
	world_done(&job);
	return st;
}

/* UNCHECKED, with a size: makes the file, or sets the size of the one that is there. */
static struct file_id
create_sized(const char *name, uint64_t size)
{
	struct job *job = world_op(OP_CREATE, world_root(), name);
	struct file_id found;

	job->op.set = (struct setattr){ .mask = SET_MODE | SET_SIZE, .mode = 0644, .size = size };
	job->op.arg.create.how = CREATE_UNCHECKED;
	EQ(world_run(job), OK);
	found = job->op.found;
	world_done(&job);
	return found;
}

static bool
count_row(void *arg, struct slice key, const struct version *v)
{
	(void)key;
	(void)v;
	++*(uint64_t *)arg;
	return true;
}

static uint64_t
rows_of(uint8_t tag)
{
	uint64_t n = 0;

	EQ(catalog_scan(world_share()->catalog, slice_of(&tag, 1), slice_of(NULL, 0), true,
	    count_row, &n), OK);
	return n;
}

static bool
flagged(struct file_id f)
{
	struct key key = key_inode(f.ino);
	struct version v = { .exists = false };
	struct file file = { .flags = 0 };
	struct arena arena;

	arena_init(&arena, NULL, 0, 1 << 16);
	EQ(catalog_get(world_share()->catalog, key_slice(&key), true, &arena, &v), OK);
	TRUE(v.exists);
	EQ(rec_file_decode(v.body, &file), OK);
	arena_rewind(&arena);
	return (file.flags & FILE_UNWRITTEN) != 0;
}

/* The last name goes; how many rows the reaper had to work off for it once all is drained. */
static int64_t
reaped_for(struct file_id f, const char *name)
{
	struct share *s = world_share();
	struct index_piece piece[4];
	int64_t before;
	uint64_t used;
	uint32_t n;

	EQ(sync_drain_share(s), OK);
	before = meter_value(METER_REAPED);
	used = atomic_load(&s->used_inodes);
	EQ(world_remove(world_root(), name), OK);
	EQ(atomic_load(&s->used_inodes), used - 1);
	EQ(sync_drain_share(s), OK);
	EQ(rows_of(TAG_REAP) + rows_of(TAG_MAP) + rows_of(TAG_LEAF), 0);
	EQ(atomic_load(&s->used_bytes), 0);
	n = index_lookup(block_index(s), f.ino, 0, UINT64_MAX, piece, ARRAY_LEN(piece));
	TRUE(n == 1 && piece[0].kind == PIECE_BELOW);
	return meter_value(METER_REAPED) - before;
}

static void
nothing_to_reap(const char *meta)
{
	struct file_id f;

	world_start(meta, fresh_dir());
	f = world_create(world_root(), "empty");
	TRUE(flagged(f));
	EQ(reaped_for(f, "empty"), 0);
	f = create_sized("truncated", 0);
	EQ(set_size(f, 0), OK);				/* as open with O_TRUNC does */
	(void)create_sized("truncated", 0);
	TRUE(flagged(f));
	EQ(reaped_for(f, "truncated"), 0);
	if (strcmp(meta, "memory") != 0) {
		f = world_create(world_root(), "kept");
		world_reopen();
		TRUE(flagged(f));
		EQ(reaped_for(f, "kept"), 0);
	}
	world_stop();
}
CASE(an_empty_file_leaves_nothing_to_reap_on_memory) { nothing_to_reap("memory"); }
CASE(an_empty_file_leaves_nothing_to_reap_on_leveldb) { nothing_to_reap("leveldb"); }

CASE(a_file_that_was_given_bytes_or_a_size_is_reaped)
{
	struct file_id f;

	world_start("memory", fresh_dir());
	f = world_create(world_root(), "written");
	EQ(world_write(f, 0, "bytes", 5, STABLE_UNSTABLE), OK);
	FALSE(flagged(f));
	TRUE(reaped_for(f, "written") > 0);

	f = world_create(world_root(), "emptied");
	EQ(world_write(f, 0, "bytes", 5, STABLE_FILE), OK);
	EQ(set_size(f, 0), OK);
	FALSE(flagged(f));
	TRUE(reaped_for(f, "emptied") > 0);

	f = world_create(world_root(), "extended");
	EQ(set_size(f, 1 << 20), OK);
	FALSE(flagged(f));
	EQ(set_size(f, 0), OK);
	TRUE(reaped_for(f, "extended") > 0);

	f = create_sized("sparse", 4096);
	FALSE(flagged(f));
	TRUE(reaped_for(f, "sparse") > 0);

	f = create_sized("sized", 0);
	(void)create_sized("sized", 4096);
	FALSE(flagged(f));
	TRUE(reaped_for(f, "sized") > 0);
	world_stop();
}

CASE(a_file_written_after_its_share_was_opened_again_is_reaped)
{
	struct file_id f;

	world_start("leveldb", fresh_dir());
	f = world_create(world_root(), "later");
	world_reopen();
	EQ(world_write(f, 0, "bytes", 5, STABLE_FILE), OK);
	FALSE(flagged(f));
	world_reopen();
	TRUE(reaped_for(f, "later") > 0);
	world_stop();
}

/* A record made before there was such a flag: nobody can say, so the reaper looks. */
CASE(an_empty_file_of_an_older_record_is_reaped)
{
	struct file_id f;
	struct share *s;
	struct key key;
	struct version v = { .exists = false };
	struct file file = { .flags = 0 };
	struct arena arena;
	struct txn *t;
	uint8_t room[REC_FILE_FIXED];
	struct writer w = writer_of(room, sizeof room);
	lsn_t lsn;

	world_start("leveldb", fresh_dir());
	f = world_create(world_root(), "old");
	s = world_share();
	key = key_inode(f.ino);
	arena_init(&arena, NULL, 0, 1 << 16);
	EQ(catalog_get(s->catalog, key_slice(&key), true, &arena, &v), OK);
	EQ(rec_file_decode(v.body, &file), OK);
	file.flags = 0;
	rec_file_encode(&w, &file);
	t = txn_new();
	txn_put(t, key_slice(&key), slice_of(room, w.len), NULL);
	EQ(block_reserve(s, t), OK);
	block_commit(s, t, &lsn);
	arena_rewind(&arena);
	world_reopen();
	FALSE(flagged(f));
	TRUE(reaped_for(f, "old") > 0);
	world_stop();
}

/* What a snapshot shows of an empty file stays, whether or not there is anything to reap. */
CASE(an_empty_file_that_a_snapshot_shows_goes_to_history)
{
	struct version v = { .exists = false };
	struct file file = { .flags = 0 };
	struct file_id f;
	struct arena arena;
	uint64_t epoch;
	struct share *s;
	struct key key;

	world_start("leveldb", fresh_dir());
	f = world_create(world_root(), "shown");
	s = world_share();
	mutex_lock(&s->order);
	epoch = catalog_cut_locked(s->catalog);
	mutex_unlock(&s->order);
	EQ(reaped_for(f, "shown"), 0);
	key = key_inode(f.ino);
	arena_init(&arena, NULL, 0, 1 << 16);
	EQ(history_get(s->catalog, key_slice(&key), epoch, true, &arena, &v), OK);
	TRUE(v.exists);
	EQ(rec_file_decode(v.body, &file), OK);
	TRUE((file.flags & FILE_UNWRITTEN) != 0 && file.content == f.ino);
	arena_rewind(&arena);
	world_stop();
}
