/*
 * Operations through all floors, on both stores: what names, attributes and bytes mean.
 */
#include "pipeline/base/meter.h"
#include "pipeline/block/journal.h"
#include "pipeline/record/key.h"
#include "pipeline/sync/sync.h"
#include "pipeline/vfs/inode.h"
#include "tests/lib/check.h"
#include "tests/lib/world.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *
fresh_dir(void)
{
	static char dir[300];
	static int n;

	snprintf(dir, sizeof dir, "%s/w%d", check_tmpdir(), n++);
	mkdir(dir, 0700);
	return dir;
}

static enum status
rename_to(struct file_id from, const char *name, struct file_id to, const char *name2)
{
	struct job *job = world_op(OP_RENAME, from, name);
	enum status st;

	job->op.file2 = to;
	job->op.name2 = slice_str(name2);
	st = world_run(job);
	world_done(&job);
	return st;
}

static enum status
link_to(struct file_id file, struct file_id dir, const char *name)
{
	struct job *job = world_op(OP_LINK, file, name);
	enum status st;

	job->op.file2 = dir;
	st = world_run(job);
	world_done(&job);
	return st;
}

static bool
count_link(void *arg, struct slice key, const struct version *v)
{
	(void)key;
	(void)v;
	++*(uint64_t *)arg;
	return true;
}

static uint64_t
link_rows(void)
{
	uint8_t tag = TAG_LINK;
	uint64_t n = 0;

	EQ(catalog_scan(world_share()->catalog, slice_of(&tag, 1), slice_of(NULL, 0), true,
	    count_link, &n), OK);
	return n;
}

static uint32_t
entries_of(struct file_id dir)
{
	uint64_t cookie = 0;
	uint32_t n = 0;
	bool eof = false;

	while (!eof) {
		struct job *job = world_op(OP_READDIR, dir, NULL);

		job->op.arg.readdir.cookie = cookie;
		job->op.arg.readdir.entries_max = 7;
		job->op.arg.readdir.bytes_max = 100000;
		job->op.arg.readdir.entry_bytes = 24;
		EQ(world_run(job), OK);
		eof = job->op.res.readdir.eof;
		for (uint32_t i = 0; i < job->op.res.readdir.n; i++) {
			TRUE(job->op.res.readdir.v[i].cookie > cookie);
			cookie = job->op.res.readdir.v[i].cookie;
			n++;
		}
		world_done(&job);
	}
	return n;
}

static void
names(const char *meta)
{
	struct file_id root, d, f, found;
	struct attr a;

	world_start(meta, fresh_dir());
	root = world_root();
	d = world_mkdir(root, "d");
	f = world_create(d, "f");
	EQ(world_lookup(d, "f", &found), OK);
	EQ(found.ino, f.ino);
	EQ(world_lookup(d, "g", &found), ST_NOENT);
	EQ(world_lookup(d, ".", &found), OK);
	EQ(found.ino, d.ino);
	EQ(world_lookup(d, "..", &found), OK);
	EQ(found.ino, root.ino);
	EQ(link_to(f, root, "hard"), OK);
	world_attr(f, &a);
	EQ(a.nlink, 2);
	EQ(rename_to(d, "f", root, "moved"), OK);
	EQ(world_lookup(d, "f", &found), ST_NOENT);
	EQ(world_lookup(root, "moved", &found), OK);
	EQ(world_remove(root, "hard"), OK);
	world_attr(f, &a);
	EQ(a.nlink, 1);
	EQ(world_remove(root, "moved"), OK);
	EQ(world_lookup(root, "moved", &found), ST_NOENT);
	world_attr(root, &a);
	EQ(a.nlink, 3);
	EQ(entries_of(root), 3);
	EQ(entries_of(d), 2);
	world_stop();
}

CASE(names_on_memory) { names("memory"); }
CASE(names_on_leveldb) { names("leveldb"); }

static void
many(const char *meta)
{
	struct file_id root, d, found;
	char name[32];

	world_start(meta, fresh_dir());
	root = world_root();
	d = world_mkdir(root, "many");
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof name, "file-%d", i);
		world_create(d, name);
	}
	EQ(entries_of(d), 502);
	for (int i = 0; i < 500; i += 2) {
		snprintf(name, sizeof name, "file-%d", i);
		EQ(world_remove(d, name), OK);
	}
	EQ(entries_of(d), 252);
	EQ(world_lookup(d, "file-1", &found), OK);
	EQ(world_lookup(d, "file-2", &found), ST_NOENT);
	world_stop();
}

CASE(many_names_on_memory) { many("memory"); }
CASE(many_names_on_leveldb) { many("leveldb"); }

static void
bytes(const char *meta)
{
	static uint8_t out[300000], in[300000], model[600000];
	struct file_id root, f;
	struct attr a;
	bool eof;

	world_start(meta, fresh_dir());
	root = world_root();
	f = world_create(root, "data");
	memset(model, 0, sizeof model);
	srand(7);
	for (int round = 0; round < 60; round++) {
		uint32_t at = (uint32_t)(rand() % 300000), len = 1 + (uint32_t)(rand() % 100000);

		for (uint32_t i = 0; i < len; i++)
			out[i] = (uint8_t)rand();
		memcpy(model + at, out, len);
		EQ(world_write(f, at, out, len, round % 3 ? STABLE_UNSTABLE : STABLE_FILE), OK);
		at = (uint32_t)(rand() % 300000);
		world_attr(f, &a);
		memset(in, 0xee, sizeof in);
		len = world_read(f, at, in, 100000, &eof);
		EQ(len, at >= a.size ? 0 : a.size - at < 100000 ? a.size - at : 100000);
		EQ_MEM(in, model + at, len);
	}
	EQ(world_remove(root, "data"), OK);
	world_stop();
}

CASE(bytes_on_memory) { bytes("memory"); }
CASE(bytes_on_leveldb) { bytes("leveldb"); }

/* Names that differ by case alone have one hash: their rows stand side by side. */
static void
neighbours(const char *meta)
{
	static const char *const v[] = { "Name", "NAME", "name", "nAME" };
	struct file_id dir, found, at[4];

	world_start(meta, fresh_dir());
	dir = world_mkdir(world_root(), "dir");
	for (int i = 0; i < 3; i++)
		at[i] = world_create(dir, v[i]);
	EQ(world_remove(dir, v[0]), OK);
	EQ(world_lookup(dir, v[0], &found), ST_NOENT);
	for (int i = 1; i < 3; i++) {
		EQ(world_lookup(dir, v[i], &found), OK);
		EQ(found.ino, at[i].ino);
	}
	if (strcmp(meta, "memory") != 0)
		world_reopen();
	at[3] = world_create(dir, v[3]);		/* takes the first slot, which was kept */
	EQ(world_remove(dir, v[1]), OK);
	EQ(world_remove(dir, v[1]), ST_NOENT);
	EQ(world_lookup(dir, v[2], &found), OK);
	EQ(found.ino, at[2].ino);
	EQ(world_remove(dir, v[2]), OK);
	EQ(world_lookup(dir, v[3], &found), OK);
	EQ(found.ino, at[3].ino);
	EQ(world_remove(dir, v[3]), OK);
	EQ(entries_of(dir), 2);
	at[0] = world_create(dir, v[0]);
	EQ(world_lookup(dir, v[0], &found), OK);
	EQ(world_lookup(dir, v[1], &found), ST_NOENT);
	world_stop();
}
CASE(names_of_one_hash_on_memory) { neighbours("memory"); }
CASE(names_of_one_hash_on_leveldb) { neighbours("leveldb"); }

static bool
count_row(void *arg, struct slice key, struct slice value)
{
	(void)key;
	(void)value;
	++*(uint64_t *)arg;
	return true;
}

static uint64_t
rows_stored(uint8_t tag)
{
	struct share *s = world_share();
	uint64_t n = 0;

	EQ(sync_drain_share(s), OK);
	EQ(s->store->ops->scan(s->store, slice_of(&tag, 1), slice_of(NULL, 0), count_row, &n), OK);
	return n;
}

/* The first slot is kept as a row without a name.  Where the store has such a row, a name that
 * takes the slot and goes again must take it along. */
CASE(a_slot_that_was_kept_goes_with_the_last_name)
{
	struct file_id dir;

	world_start("leveldb", fresh_dir());
	dir = world_mkdir(world_root(), "dir");
	(void)world_create(dir, "Name");
	(void)world_create(dir, "NAME");
	EQ(world_remove(dir, "Name"), OK);
	EQ(rows_stored(TAG_DIRENT), 3);		/* dir, the slot, NAME */
	(void)world_create(dir, "name");
	EQ(world_remove(dir, "NAME"), OK);
	EQ(world_remove(dir, "name"), OK);
	EQ(rows_stored(TAG_DIRENT), 1);
	EQ(rows_stored(TAG_INODE), 2);
	world_stop();
}

/* Names and files that come and go, some before they are applied, some after: none stays behind. */
CASE(files_that_come_and_go_leave_no_row_in_the_store)
{
	struct file_id f;
	char name[32];

	world_start("leveldb", fresh_dir());
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "f%d", i);
		f = world_create(world_root(), name);
		if (i % 3 == 0)
			EQ(world_write(f, 0, "bytes", 5, STABLE_UNSTABLE), OK);
		if (i % 50 == 0)
			EQ(sync_drain_share(world_share()), OK);
		if (i % 7 == 0) {
			EQ(rename_to(world_root(), name, world_root(), "moved"), OK);
			EQ(world_remove(world_root(), "moved"), OK);
		} else if (i % 2 == 0) {
			EQ(world_remove(world_root(), name), OK);
		}
	}
	world_reopen();
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "f%d", i);
		EQ(world_remove(world_root(), name), i % 7 == 0 || i % 2 == 0 ? ST_NOENT : OK);
	}
	EQ(rows_stored(TAG_DIRENT), 0);
	EQ(rows_stored(TAG_INODE), 1);
	EQ(rows_stored(TAG_REAP) + rows_stored(TAG_MAP) + rows_stored(TAG_LEAF), 0);
	EQ(atomic_load(&world_share()->used_inodes), 1);
	world_stop();
}

CASE(a_reopened_share_has_all_that_was_answered)
{
	struct file_id root, f, found;
	uint8_t in[16];
	struct attr a;
	bool eof;

	world_start("leveldb", fresh_dir());
	root = world_root();
	f = world_create(root, "kept");
	EQ(world_write(f, 100000, "hello", 5, STABLE_FILE), OK);
	world_reopen();
	EQ(world_lookup(root, "kept", &found), OK);
	EQ(found.ino, f.ino);
	world_attr(f, &a);
	EQ(a.size, 100005);
	EQ(world_read(f, 100000, in, 16, &eof), 5);
	EQ_MEM(in, "hello", 5);
	TRUE(eof);
	world_stop();
}

struct maker {
	struct file_id dir;
	int number;
};

static void *
make_names(void *arg)
{
	struct maker *m = arg;
	char name[32];

	for (int i = 0; i < 200; i++) {
		struct job *job;

		snprintf(name, sizeof name, "m%d-%d", m->number, i % 50);
		job = world_op(i % 100 < 50 ? OP_CREATE : OP_REMOVE, m->dir, name);
		job->op.arg.create.how = CREATE_GUARDED;
		if (world_run(job) != OK)
			abort();
		world_done(&job);
	}
	return NULL;
}

CASE(four_makers_in_one_directory_lose_nothing)
{
	struct maker m[4];
	pthread_t t[4];
	struct attr a;

	world_start("memory", fresh_dir());
	for (int i = 0; i < 4; i++) {
		m[i] = (struct maker){ world_root(), i };
		pthread_create(&t[i], NULL, make_names, &m[i]);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	EQ(entries_of(m[0].dir), 2);
	world_attr(m[0].dir, &a);
	EQ(a.nlink, 2);
	world_stop();
}

struct publisher {
	struct inode *inode;
	uint64_t versions;
};

static void *
publish_versions(void *arg)
{
	struct publisher *p = arg;

	for (uint64_t n = 1; n <= p->versions; n++) {
		struct file f;

		mutex_lock(&p->inode->mutex);
		f = p->inode->file;
		f.uid = (uint32_t)n;		/* near the beginning, and near the end */
		f.size = f.create_verf = n;
		inode_publish_locked(p->inode, &f, n, p->inode->born);
		mutex_unlock(&p->inode->mutex);
	}
	return NULL;
}

CASE(an_inode_that_is_read_beside_its_writer_is_one_version)
{
	struct publisher p = { .versions = 20000 };
	struct file_id id;
	struct arena arena;
	struct file f;
	pthread_t t;
	lsn_t change, last = 0;

	world_start("memory", fresh_dir());
	id = world_create(world_root(), "f");
	arena_init(&arena, NULL, 0, 1 << 16);
	EQ(inode_get(world_share(), id.ino, true, &arena, &p.inode), OK);
	(void)publish_versions(&(struct publisher){ p.inode, 1 });
	pthread_create(&t, NULL, publish_versions, &p);
	do {
		inode_read(p.inode, &f, &change);
		TRUE(f.size == change && f.create_verf == change && f.uid == (uint32_t)change);
		TRUE(change >= last);
		last = change;
	} while (change < p.versions);
	pthread_join(t, NULL);
	inode_put(&p.inode);
	arena_rewind(&arena);
	world_stop();
}

/* As if others had reserved so much of each 64 MiB of records that may be filled. */
static void
records_near_their_cap(uint64_t bytes)
{
	struct journal *j = world_share()->block->journal;

	mutex_lock(&j->mutex);
	j->records_cap = 8 * (64ull << 20) / 7 + 7;
	j->reserved_records = bytes;
	mutex_unlock(&j->mutex);
}

CASE(a_change_is_slowed_once_near_a_cap_and_what_frees_or_reads_is_not)
{
	struct file_id f, found;
	struct attr a;
	int64_t slowed;

	world_start("memory", fresh_dir());
	slowed = meter_value(METER_WRITERS_SLOWED);
	f = world_create(world_root(), "before");
	EQ(meter_value(METER_WRITERS_SLOWED), slowed);
	records_near_their_cap(60ull << 20);
	(void)world_create(world_root(), "near");
	EQ(meter_value(METER_WRITERS_SLOWED), slowed + 1);
	EQ(world_write(f, 0, "bytes", 5, STABLE_UNSTABLE), OK);
	EQ(meter_value(METER_WRITERS_SLOWED), slowed + 2);
	world_attr(f, &a);
	EQ(a.size, 5);
	EQ(world_lookup(world_root(), "near", &found), OK);
	EQ(world_remove(world_root(), "near"), OK);
	EQ(meter_value(METER_WRITERS_SLOWED), slowed + 2);
	records_near_their_cap(0);
	world_stop();
}

CASE(who_is_slowed_has_sealed_nothing_yet)
{
	struct journal *j;
	struct file_id f;
	int64_t slowed;
	uint64_t units;
	uint8_t in[5];
	bool eof;

	world_start_sealed("leveldb", fresh_dir());
	j = world_share()->block->journal;
	f = world_create(world_root(), "sealed");
	records_near_their_cap(60ull << 20);
	slowed = meter_value(METER_WRITERS_SLOWED);
	units = atomic_load(&j->sealed_units);
	EQ(world_write(f, 0, "bytes", 5, STABLE_UNSTABLE), OK);
	EQ(meter_value(METER_WRITERS_SLOWED), slowed + 1);
	EQ(atomic_load(&j->sealed_units), units + 1);
	records_near_their_cap(0);
	EQ(world_read(f, 0, in, 5, &eof), 5);
	EQ_MEM(in, "bytes", 5);
	world_stop();
}

CASE(what_a_directory_s_names_take_counts_as_its_inode_s)
{
	enum { FILES = 1000 };
	struct hand *hand;
	struct file_id dir;
	uint64_t before;
	char name[32];

	world_start("memory", fresh_dir());
	hand = &world_share()->inodes->hand;
	dir = world_mkdir(world_root(), "many");
	before = atomic_load(&hand->bytes);
	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof name, "f%d", i);
		(void)world_create(dir, name);
	}
	TRUE(atomic_load(&hand->bytes) - before >= FILES * INODE_MEMORY + (8 << 10));
	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof name, "f%d", i);
		EQ(world_remove(dir, name), OK);
	}
	EQ(world_remove(world_root(), "many"), ST_ISDIR);
	TRUE(atomic_load(&hand->bytes) - before <= 80 << 10);
	world_stop();
}

static void
names_leave_no_row(const char *meta)
{
	static const char *const name[] = { "first", "second", "third" };
	static const uint8_t order[][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 2, 1, 0 } };
	struct file_id root, f;

	world_start(meta, fresh_dir());
	root = world_root();
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		f = world_create(root, name[0]);
		EQ(link_to(f, root, name[1]), OK);
		EQ(link_to(f, root, name[2]), OK);
		EQ(link_rows(), 2);
		EQ(world_remove(root, name[order[i][0]]), OK);
		EQ(world_remove(root, name[order[i][1]]), OK);
		if (i % 2 == 0) {
			EQ(world_remove(root, name[order[i][2]]), OK);
		} else {	/* the last name is another file's now */
			world_create(root, "over");
			EQ(rename_to(root, "over", root, name[order[i][2]]), OK);
			EQ(link_rows(), 0);
			EQ(world_remove(root, name[order[i][2]]), OK);
		}
		EQ(link_rows(), 0);
	}
	world_stop();
}

CASE(the_last_name_takes_its_row_along_whichever_it_is)
{
	names_leave_no_row("memory");
	names_leave_no_row("leveldb");
}
