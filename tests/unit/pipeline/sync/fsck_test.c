/* fsck: a healthy share is clean; what is wrong is found, and mended where that costs nothing. */
#include "tests/unit/pipeline/sync/fsck_yard.h"

#include "pipeline/block/mirror.h"
#include "tests/lib/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- what is planted --- */

static uint8_t count_id[32];

static const void *
number(uint64_t n)
{
	put_be64(count_id, n);
	return count_id;
}

static void links_7(struct file *f) { f->nlink = 7; }
static void more_entries(struct file *f) { f->entries++; }
static void more_links(struct file *f) { f->nlink++; }
static void no_parent(struct file *f) { f->parent = f->parent_key = 0; }
static void other_parent(struct file *f) { f->parent_key = 0x990000; }
static void unwritten(struct file *f) { f->flags |= FILE_UNWRITTEN; }
static void uses_more(struct file *f) { f->used += 1 << 20; }
static void as_it_is(struct file *f) { f->nlink = 0; }
static void content_of_1(struct file *f) { f->content = 1; }

static void
other_root(struct file *f)
{
	f->entries++;
	f->nlink++;
}

static void
in_a_circle(struct file *f)
{
	f->type = TYPE_DIR;
	f->nlink = 3;
	f->entries = 1;
	f->parent = 121 - f->ino;
	f->parent_key = 0x10000;
}

static void plant_links(struct yard *y) { fy_inode(y, 1, links_7); }
static void plant_entries(struct yard *y) { fy_inode(y, FY_DIR, more_entries); }
static void plant_used(struct yard *y) { fy_count(y, COUNT_USED_BYTES, NULL, 0, 512); }
static void plant_inodes(struct yard *y) { fy_count(y, COUNT_INODES, NULL, 0, -1); }
static void plant_used_over(struct yard *y) { fy_inode(y, 3, uses_more); }
static void plant_parent(struct yard *y) { fy_inode(y, 3, other_parent); }
static void plant_dir_parent(struct yard *y) { fy_inode(y, FY_DIR, no_parent); }
static void plant_content_dropped(struct yard *y) { fy_reap(y, 1, 0); }
static void plant_unwritten(struct yard *y) { fy_inode(y, 1, unwritten); }
static void plant_leaf_missing(struct yard *y) { fy_map(y, 1, 9, 0x9999); }
static void plant_leaf_reap(struct yard *y) { fy_reap(y, 0x8888, REAP_LEAF); }

static void
plant_used_over_counted(struct yard *y)
{
	fy_inode(y, 3, uses_more);
	fy_count(y, COUNT_USED_BYTES, NULL, 0, 1 << 20);
}

static void
plant_name_astray(struct yard *y)
{
	fy_name(y, INO_ROOT, 0x80000, 99, TYPE_REG, "lost");
	fy_inode(y, INO_ROOT, more_entries);
}

static void
plant_directory_missing(struct yard *y)
{
	struct key link = key_link(1, 77, 0x10000);

	fy_name(y, 77, 0x10000, 1, TYPE_REG, "inside");
	fy_put(y, &link, "", 0);
	fy_inode(y, 1, more_links);
}

static void
plant_kind(struct yard *y)
{
	fy_name(y, INO_ROOT, FY_B, 3, TYPE_LNK, "b");
}

static void
plant_directory_names(struct yard *y)
{
	fy_name(y, INO_ROOT, 0x80000, FY_DIR, TYPE_DIR, "again");
	fy_inode(y, INO_ROOT, other_root);
}

static void
plant_unnamed(struct yard *y)
{
	fy_inode(y, 50, as_it_is);
	fy_count(y, COUNT_INODES, NULL, 0, 1);
}

static void
plant_orphan_named(struct yard *y)
{
	struct key key = key_orphan(3);

	fy_put(y, &key, "", 0);
}

static void
plant_orphan_stray(struct yard *y)
{
	struct key key = key_orphan(98);

	fy_put(y, &key, "", 0);
}

static void
plant_unreachable(struct yard *y)
{
	fy_inode(y, 60, in_a_circle);
	fy_inode(y, 61, in_a_circle);
	fy_name(y, 60, 0x10000, 61, TYPE_DIR, "x");
	fy_name(y, 61, 0x10000, 60, TYPE_DIR, "y");
	fy_count(y, COUNT_INODES, NULL, 0, 2);
}

static void
plant_name_unsaid(struct yard *y)
{
	struct key key = key_link(1, FY_DIR, FY_A2);

	fy_del(y, &key);
}

static void
plant_link_stray(struct yard *y)
{
	struct key key = key_link(3, FY_DIR, 0x770000);

	fy_put(y, &key, "", 0);
}

static void
plant_link_double(struct yard *y)
{
	struct key key = key_link(4, FY_DIR, FY_C);

	fy_put(y, &key, "", 0);
}

static void
plant_content_unnamed(struct yard *y)
{
	uint64_t leaf = fy_first(y, TAG_LEAF, NULL);

	fy_map(y, 500, 0, leaf);
	fy_count(y, COUNT_LEAF, number(leaf), 8, 1);
}

static void
plant_content_shared(struct yard *y)
{
	struct key key = key_orphan(51);

	fy_inode(y, 51, content_of_1);
	fy_put(y, &key, "", 0);
	fy_count(y, COUNT_INODES, NULL, 0, 1);
}

static void
plant_leaf_count(struct yard *y)
{
	fy_count(y, COUNT_LEAF, number(fy_first(y, TAG_LEAF, NULL)), 8, 3);
}

static void
plant_leaf_unnamed(struct yard *y)
{
	uint8_t digest[32];

	(void)fy_first(y, TAG_CHUNK, digest);
	fy_leaf(y, 0x7777, digest);
	fy_count(y, COUNT_CHUNK, digest, 32, 1);
}

static void
plant_chunk_count(struct yard *y)
{
	uint8_t digest[32];

	(void)fy_first(y, TAG_CHUNK, digest);
	fy_count(y, COUNT_CHUNK, digest, 32, -1);
}

static void
plant_chunk_missing(struct yard *y)
{
	uint8_t digest[32];

	memset(digest, 0xff, sizeof digest);
	fy_leaf(y, 0x7778, digest);
	fy_map(y, 3, 9, 0x7778);
	fy_count(y, COUNT_LEAF, number(0x7778), 8, 1);
}

static void
plant_chunk_uncited(struct yard *y)
{
	uint64_t container = fy_first(y, TAG_CONTAINER, NULL);
	uint8_t digest[32], room[64];
	struct writer w = writer_of(room, sizeof room);
	struct key key;

	memset(digest, 0xee, sizeof digest);
	key = key_chunk(digest);
	rec_chunk_encode(&w, &(struct chunk){ .container = container, .len = 100, .algorithm = 1 });
	fy_put(y, &key, room, w.len);
	fy_count(y, COUNT_CONTAINER, number(container), 8, 1);
}

static void
plant_container_count(struct yard *y)
{
	fy_count(y, COUNT_CONTAINER, number(fy_first(y, TAG_CONTAINER, NULL)), 8, 1);
}

static void
plant_container_missing(struct yard *y)
{
	struct key key = key_container(fy_first(y, TAG_CONTAINER, NULL));

	fy_del(y, &key);
}

static void unchanged(struct container_row *c) { (void)c; }
static void nowhere(struct container_row *c) { c->local = c->remote = false; }
static void dying(struct container_row *c) { c->state = CONTAINER_DYING; }

static void
plant_container_empty(struct yard *y)
{
	fy_container(y, 0x500, unchanged);
}

static void
plant_container_nowhere(struct yard *y)
{
	fy_container(y, fy_first(y, TAG_CONTAINER, NULL), nowhere);
}

static void
plant_file_missing(struct yard *y)
{
	uint64_t leaf = 0x7779, container = 0x501;
	uint8_t digest[32], room[64];
	struct writer w = writer_of(room, sizeof room);
	struct key key;

	memset(digest, 0xdd, sizeof digest);
	key = key_chunk(digest);
	rec_chunk_encode(&w, &(struct chunk){ .container = container, .len = 100, .algorithm = 1 });
	fy_put(y, &key, room, w.len);
	fy_container(y, container, unchanged);
	fy_leaf(y, leaf, digest);
	fy_map(y, 3, 9, leaf);
	fy_count(y, COUNT_LEAF, number(leaf), 8, 1);
	fy_count(y, COUNT_CHUNK, digest, 32, 1);
	fy_count(y, COUNT_CONTAINER, number(container), 8, 1);
}

static void
plant_dying_cited(struct yard *y)
{
	fy_container(y, fy_first(y, TAG_CONTAINER, NULL), dying);
}

static void
plant_counts_stray(struct yard *y)
{
	uint8_t digest[32];

	memset(digest, 0xcc, sizeof digest);
	fy_count(y, COUNT_LEAF, number(0x4444), 8, 2);
	fy_count(y, COUNT_CHUNK, digest, 32, -1);
	fy_count(y, COUNT_CONTAINER, number(0x4445), 8, 1);
}

static void
plant_root_missing(struct yard *y)
{
	struct key key = key_inode(INO_ROOT);

	fy_del(y, &key);
	fy_count(y, COUNT_INODES, NULL, 0, -1);
}

static void
plant_unreadable(struct yard *y)
{
	struct key key = key_inode(3);

	fy_put(y, &key, "no inode", 8);
}

static const struct {
	void (*plant)(struct yard *y);
	const char *words;
	bool mends;
} plants[] = {
	{ plant_links,		"links",	true },
	{ plant_entries,	"entries",	true },
	{ plant_used,		"used-bytes",	true },
	{ plant_inodes,		"inode-count",	true },
	{ plant_used_over,	"used-over",	true },
	{ plant_used_over_counted, "used-over,used-bytes", true },
	{ plant_name_astray,	"name-astray",	false },
	{ plant_directory_missing, "directory-missing", false },
	{ plant_kind,		"kind",		false },
	{ plant_directory_names, "name-unsaid,directory-names", false },
	{ plant_unnamed,	"unnamed",	true },
	{ plant_orphan_named,	"orphan-named",	true },
	{ plant_orphan_stray,	"orphan-stray",	true },
	{ plant_unreachable,	"unreachable,unreachable", false },
	{ plant_name_unsaid,	"name-unsaid",	true },
	{ plant_dir_parent,	"name-unsaid",	true },
	{ plant_parent,		"name-unsaid,parent", true },
	{ plant_link_stray,	"link-stray",	true },
	{ plant_link_double,	"link-double",	true },
	{ plant_content_unnamed, "content-unnamed", true },
	{ plant_content_shared,	"content-shared", false },
	{ plant_content_dropped, "content-dropped", true },
	{ plant_unwritten,	"content-unwritten", true },
	{ plant_leaf_count,	"leaf-count",	true },
	{ plant_leaf_missing,	"leaf-missing",	false },
	{ plant_leaf_unnamed,	"leaf-unnamed",	true },
	{ plant_leaf_reap,	"leaf-reap",	true },
	{ plant_chunk_count,	"chunk-count",	true },
	{ plant_chunk_missing,	"chunk-missing", false },
	{ plant_chunk_uncited,	"chunk-uncited", true },
	{ plant_container_count, "container-count", true },
	{ plant_container_missing, "container-missing", false },
	{ plant_container_empty, "container-empty", true },
	{ plant_container_nowhere, "container-nowhere", true },
	{ plant_file_missing,	"file-missing",	false },
	{ plant_dying_cited,	"dying-cited",	true },
	{ plant_counts_stray,	"count-stray,count-stray,count-stray", true },
	{ plant_root_missing,	"root-missing",	false },
	{ plant_unreadable,	"unreadable",	false },
};

/* --- the cases --- */

static void
clean(struct yard *y)
{
	struct checked c = fy_check(y, false, false);

	EQ_STR(c.words, "");
	EQ(c.seen.differences, 0);
}

static uint64_t
commas(const char *s)
{
	uint64_t n = *s != '\0';

	for (; *s != '\0'; s++)
		n += *s == ',';
	return n;
}

CASE(a_healthy_share_with_all_kinds_of_state_is_clean)
{
	struct checked c;
	struct yard y;

	fy_make(&y, NULL);
	clean(&y);
	c = fy_check(&y, true, false);
	EQ_STR(c.words, "");
	EQ(c.seen.inodes, 6);
	EQ(c.seen.names, 5);
	EQ(c.seen.orphans, 1);
	EQ(c.seen.used_bytes, 3 * FY_PIECE);
	TRUE(c.seen.maps == 3 && c.seen.leaves >= 3 && c.seen.chunks > 0);
	EQ(c.seen.files, c.seen.containers);
	yard_close(&y);			/* and what it did lasts */
	yard_open(&y, false);
	clean(&y);
	fy_end(&y);
}

CASE(each_difference_is_found_and_nothing_changes_unasked)
{
	struct yard y;

	fy_make(&y, NULL);
	for (size_t i = 0; i < ARRAY_LEN(plants); i++) {
		struct checked c, again;

		plants[i].plant(&y);
		c = fy_check(&y, false, false);
		again = fy_check(&y, false, false);
		EQ_STR(c.words, plants[i].words);
		EQ_STR(again.words, plants[i].words);
		EQ(c.seen.differences, commas(plants[i].words));
		EQ(c.seen.left, c.seen.differences);
		EQ(c.seen.mended, 0);
		fy_undo(&y);
		clean(&y);
	}
	fy_end(&y);
}

CASE(what_can_be_mended_without_loss_is_mended_and_the_rest_is_left)
{
	struct yard y;

	fy_make(&y, NULL);
	for (size_t i = 0; i < ARRAY_LEN(plants); i++) {
		struct checked c;

		plants[i].plant(&y);
		c = fy_check(&y, true, false);
		EQ_STR(c.words, plants[i].words);
		EQ(c.seen.left, plants[i].mends ? 0 : c.seen.differences);
		EQ(c.seen.mended, plants[i].mends ? c.seen.differences : 0);
		if (plants[i].mends) {
			clean(&y);
			fy_forget();
		} else {
			c = fy_check(&y, false, false);
			EQ_STR(c.words, plants[i].words);
			fy_undo(&y);
			clean(&y);
		}
	}
	yard_close(&y);
	yard_open(&y, false);
	clean(&y);
	fy_end(&y);
}

CASE(a_repair_lasts_and_errands_go_on_from_it)
{
	struct yard y;

	fy_make(&y, NULL);
	plant_leaf_unnamed(&y);
	plant_content_unnamed(&y);
	plant_container_empty(&y);
	plant_leaf_count(&y);
	fy_forget();
	EQ(fy_check(&y, true, false).seen.left, 0);
	yard_close(&y);
	y.alone = false;
	yard_open(&y, false);
	yard_drain(&y);			/* the reaper works off what was made of them */
	yard_close(&y);
	y.alone = true;
	yard_open(&y, false);
	EQ(fy_check(&y, false, false).seen.reaps, 0);
	EQ(fy_check(&y, false, false).seen.dying, 0);
	clean(&y);
	yard_compare(&y, 1);
	yard_compare(&y, 3);
	yard_compare(&y, 4);
	fy_end(&y);
}

CASE(a_file_that_no_row_names_is_work_left_and_goes_with_repair)
{
	struct yard y;
	uint8_t *bytes;
	uint64_t len, fence;
	struct checked c;

	fy_make(&y, NULL);
	EQ(mirror_load(block_mirror(y.share), fy_first(&y, TAG_CONTAINER, NULL), &fence, &bytes,
	    &len), OK);
	EQ(mirror_put(block_mirror(y.share), 0x600, bytes, len), OK);
	free(bytes);
	c = fy_check(&y, false, false);
	EQ(c.seen.files_unnamed, 1);
	EQ(c.seen.differences, 0);
	TRUE(mirror_whole(block_mirror(y.share), 0x600));
	c = fy_check(&y, true, false);
	EQ(c.seen.files_unnamed, 1);
	FALSE(mirror_whole(block_mirror(y.share), 0x600));
	EQ(fy_check(&y, false, false).seen.files_unnamed, 0);
	fy_end(&y);
}

static void
unheard(void *arg, const struct fsck_line *line)
{
	(void)arg;
	(void)line;
}

CASE(much_is_sorted_outside_of_memory)
{
	struct fsck_conf conf = { .repair = true, .memory = 1, .say = unheard };
	struct fsck_seen seen;
	struct yard y;

	fy_make(&y, NULL);
	plant_links(&y);
	for (uint64_t i = 0; i < 2000; i++) {
		fy_count(&y, COUNT_LEAF, number(0x100000 + i), 8, 1);
		fy_forget();
	}
	EQ(fsck_run(y.share, &conf, &seen), OK);
	EQ(seen.mended, 2001);
	EQ(seen.left, 0);
	clean(&y);
	fy_end(&y);
}
