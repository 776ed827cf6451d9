/*
 * What the catalog costs a record: get from a memtable and from the store, commit of a create's
 * four items, apply.  Run bare for both kinds of store; an argument is the number of creates.
 */
#include "backends/backends.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/rand.h"
#include "pipeline/record/catalog.h"
#include "pipeline/record/key.h"
#include "pipeline/record/rec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CREATES = 40000, FENCE = 1, GETS = 400000 };

struct bench {
	struct catalog *c;
	struct meta_store *store;
	uint64_t creates, commit_ns, build_ns, apply_ns, rows;
	lsn_t lsn;
};

static uint64_t
dirent_hash(uint64_t ino)
{
	return (hash_u64(ino) >> 17) << 16;
}

static struct txn *
create_build(uint64_t ino)
{
	struct file f = { .ino = ino, .gen = 1, .type = TYPE_REG, .mode = 0644, .nlink = 1 };
	struct key keys[] = { key_inode(ino), key_dirent(2, dirent_hash(ino)), key_inode(2),
	    key_count(COUNT_INODES, NULL, 0) };
	struct old_version none = { .exists = false };
	struct txn *t = txn_new();
	uint8_t room[512];
	char name[32];
	struct writer w = writer_of(room, sizeof room);

	snprintf(name, sizeof name, "file%08llu", (unsigned long long)ino);
	rec_file_encode(&w, &f);
	txn_put(t, key_slice(&keys[0]), slice_of(room, w.len), &none);
	txn_put(t, key_slice(&keys[2]), slice_of(room, w.len), &none);
	w = writer_of(room, sizeof room);
	rec_dirent_encode(&w, &(struct dirent){ ino, 1, TYPE_REG, slice_str(name) });
	txn_put(t, key_slice(&keys[1]), slice_of(room, w.len), &none);
	txn_count(t, key_slice(&keys[3]), 1);
	return t;
}

static void
create(struct bench *b, uint64_t ino)
{
	uint64_t start = clock_mono_ns(), built, done;
	struct txn *t = create_build(ino);

	built = clock_mono_ns();
	t->lsn = ++b->lsn;
	catalog_commit_locked(b->c, t);
	done = clock_mono_ns();
	txn_free(&t);
	b->build_ns += built - start;
	b->commit_ns += done - built;
}

static uint64_t
get_ns(struct bench *b, uint64_t upto)
{
	static uint8_t home[1024];
	uint64_t start = clock_mono_ns();
	struct arena arena;

	for (int i = 0; i < GETS; i++) {
		struct key key = key_inode(3 + rand_u64() % upto);
		struct version v;

		arena_init(&arena, home, sizeof home, 1 << 16);
		if (catalog_get(b->c, key_slice(&key), true, &arena, &v) != OK || !v.exists)
			panic("a record is not there");
		arena_rewind(&arena);
	}
	return (clock_mono_ns() - start) / GETS;
}

static void
apply(struct bench *b)
{
	uint64_t start = clock_mono_ns();

	if (catalog_apply_oldest(b->c, FENCE) != OK)
		panic("apply failed");
	b->apply_ns += clock_mono_ns() - start;
}

static void
run(const char *kind, const char *dir, uint64_t creates)
{
	struct bench b = { .creates = creates, .lsn = LSN_OF(1, 0) };
	struct meta_conf conf = { .dir = dir };
	struct meta_ident ident = { .fence = FENCE };
	uint64_t fresh, quiet, first = 8000;
	char why[256];

	if (meta_store_open(kind, &conf, &b.store, why, sizeof why) != OK ||
	    b.store->ops->claim(b.store, &ident) != OK)
		panic("%s: %s", kind, why);
	b.c = catalog_new(b.store, 1, 0);
	for (uint64_t i = 0; i < first; i++)
		create(&b, 3 + i);
	fresh = get_ns(&b, first);
	quiet = b.commit_ns / first;
	for (uint64_t i = first; i < creates; i++) {
		create(&b, 3 + i);
		while (catalog_frozen_lsn(b.c) != 0)
			apply(&b);
	}
	catalog_freeze_locked(b.c, 0);
	while (catalog_frozen_lsn(b.c) != 0)
		apply(&b);
	printf("%-8s build %llu ns, commit %llu ns a create of 4 items (%llu before anything is "
	       "applied); apply %llu ns a create\n",
	    kind, (unsigned long long)(b.build_ns / creates),
	    (unsigned long long)(b.commit_ns / creates), (unsigned long long)quiet,
	    (unsigned long long)(b.apply_ns / creates));
	printf("%-8s get: memtable %llu ns, store %llu ns\n", kind, (unsigned long long)fresh,
	    (unsigned long long)get_ns(&b, creates));
	catalog_free(&b.c);
	b.store->ops->close(b.store);
}

int
main(int argc, char **argv)
{
	uint64_t creates = argc > 1 ? strtoull(argv[1], NULL, 10) : CREATES;
	char dir[] = "/tmp/bench_catalog.XXXXXX", clean[128];

	if (creates < 10000 || mkdtemp(dir) == NULL)
		return 2;
	txn_pool_init(16);
	run("memory", dir, creates);
	run("leveldb", dir, creates);
	txn_pool_fini();
	snprintf(clean, sizeof clean, "rm -r %s", dir);
	return system(clean) != 0;
}
