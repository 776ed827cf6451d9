/*
 * Trees of files through the whole gateway: a second copy costs next to nothing in containers, an
 * edited one only what is new.
 */
#include "pipeline/base/rand.h"
#include "pipeline/block/block.h"
#include "pipeline/block/mirror.h"
#include "pipeline/sync/sync.h"
#include "tests/lib/check.h"
#include "tests/lib/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { FILES = 150, FILE_MAX = 1 << 20, WRITE_BYTES = 100000 };

struct tree_file {
	uint8_t *bytes;
	uint32_t len;
};

static uint64_t
below(uint64_t n)
{
	return rand_u64() % n;
}

static void
fill(uint8_t *to, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		to[i] = (uint8_t)rand_u64();
}

/* Mostly small, some large. */
static void
make_tree(struct tree_file *tree)
{
	for (int i = 0; i < FILES; i++) {
		tree[i].len = 1 + (uint32_t)below(i % 5 == 0 ? FILE_MAX : 30000);
		tree[i].bytes = xmalloc(FILE_MAX + 4096);
		fill(tree[i].bytes, tree[i].len);
	}
}

/* In 25 files a part grows, shrinks or changes; of 50 the content is dropped for another. */
static void
edit_tree(struct tree_file *tree)
{
	for (int i = 0; i < FILES / 6; i++) {
		struct tree_file *f = &tree[below(FILES)];
		uint32_t at = (uint32_t)below(f->len), n = 1 + (uint32_t)below(2000);

		if (i % 2 == 0 && f->len + n <= FILE_MAX) {
			memmove(f->bytes + at + n, f->bytes + at, f->len - at);
			f->len += n;
		}
		fill(f->bytes + at, MIN(n, f->len - at));
	}
	for (int i = 0; i < FILES / 3; i++)
		fill(tree[i * 3].bytes, tree[i * 3].len);
}

static void
write_tree(const char *name, const struct tree_file *tree)
{
	struct file_id dir = world_mkdir(world_root(), name);

	for (int i = 0; i < FILES; i++) {
		struct file_id file;
		char of[32];

		snprintf(of, sizeof of, "file%d", i);
		file = world_create(dir, of);
		for (uint32_t at = 0; at < tree[i].len; at += WRITE_BYTES)
			EQ(world_write(file, at, tree[i].bytes + at,
			    MIN((uint32_t)WRITE_BYTES, tree[i].len - at), STABLE_UNSTABLE), OK);
	}
	EQ(sync_drain_share(world_share()), OK);
}

static void
compare_tree(const char *name, const struct tree_file *tree)
{
	uint8_t *to = xmalloc(FILE_MAX);
	struct file_id dir, file;

	EQ(world_lookup(world_root(), name, &dir), OK);
	for (int i = 0; i < FILES; i++) {
		char of[32];
		bool eof = false;
		uint32_t at = 0;

		snprintf(of, sizeof of, "file%d", i);
		EQ(world_lookup(dir, of, &file), OK);
		while (!eof)
			at += world_read(file, at, to + at, 1 << 16, &eof);
		EQ(at, tree[i].len);
		TRUE(memcmp(to, tree[i].bytes, at) == 0);
	}
	free(to);
}

CASE(a_second_copy_and_an_edited_tree_store_what_is_new)
{
	struct tree_file *tree = xcalloc((size_t)FILES, sizeof *tree);
	uint64_t first, second, edited;
	char dir[600];

	snprintf(dir, sizeof dir, "%s/trees", check_tmpdir());
	TRUE(mkdir(dir, 0700) == 0);
	world_start("memory", dir);
	make_tree(tree);
	write_tree("one", tree);
	first = mirror_bytes(block_mirror(world_share()));
	write_tree("two", tree);
	second = mirror_bytes(block_mirror(world_share())) - first;
	TRUE(second * 100 < first);
	compare_tree("one", tree);
	compare_tree("two", tree);
	edit_tree(tree);
	write_tree("three", tree);
	edited = mirror_bytes(block_mirror(world_share())) - first - second;
	printf("# a tree takes %llu bytes, its copy %llu, edited %llu\n", (unsigned long long)first,
	    (unsigned long long)second, (unsigned long long)edited);
	TRUE(edited * 4 < first * 3);
	compare_tree("three", tree);
	world_stop();
	for (int i = 0; i < FILES; i++)
		free(tree[i].bytes);
	free(tree);
}
