/*
 * Inodes and names.  A name is told by its row in the directory, and again by the inode (its first
 * one) or by a link row (each further one): these must agree.  An inode's links, a directory's
 * entries and the share's usage are what names and inodes add up to.
 */
#include "pipeline/sync/fsck_inner.h"

#include <stdlib.h>

enum { REACHED = 1 << 16, RECORD_MAX = 1 << 13 };

/* Bits and sums of facts about inodes. */
enum { INODE_ROW = 1, INODE_DIR = 2, INODE_ORPHAN = 4, INODE_USED_OVER = 8 };
enum { SAYS_LINKS, SAYS_ENTRIES, SAYS_KIND, HAS_NAMES, HAS_ENTRIES, HAS_SUBDIRS, HAS_KINDS };

/* Of facts about names: who says so. */
enum { NAME_DIRENT = 1, NAME_PARENT = 2, NAME_LINK = 4 };

static int64_t
kind_of(uint32_t gen, uint8_t type)
{
	return (int64_t)((uint64_t)gen << 8 | type);
}

static struct fact
about_name(uint64_t ino, uint64_t dir, uint64_t key, uint32_t who)
{
	struct fact x = fsck_about(ABOUT_NAME, ino);

	put_be64(x.id + 8, dir);
	put_be64(x.id + 16, key);
	x.is = who;
	return x;
}

static uint64_t
used_most(const struct file *file)
{
	return file->size > UINT64_MAX - 511 ? UINT64_MAX : (file->size + 511) / 512 * 512;
}

static bool
see_inode(struct fsck *f, struct slice key, const struct version *v)
{
	struct file file;
	struct fact x, name;

	if (key.len != 9 || rec_file_decode(v->body, &file) != OK ||
	    file.ino != get_be64(key.at + 1))
		return false;
	x = fsck_about(ABOUT_INODE, file.ino);
	x.is = INODE_ROW | (file.type == TYPE_DIR ? INODE_DIR : 0) |
	    (file.used > used_most(&file) ? INODE_USED_OVER : 0);
	x.n[SAYS_LINKS] = file.nlink;
	x.n[SAYS_ENTRIES] = file.entries;
	x.n[SAYS_KIND] = kind_of(file.gen, file.type);
	facts_add(f->facts, &x);
	if (file.parent != 0 && file.ino != INO_ROOT) {
		name = about_name(file.ino, file.parent, file.parent_key, NAME_PARENT);
		facts_add(f->facts, &name);
	}
	if (file.content != 0) {
		x = fsck_about(ABOUT_CONTENT, file.content);
		x.is = (file.flags & FILE_UNWRITTEN) != 0 ? CONTENT_UNWRITTEN : 0;
		x.n[0] = 1;
		x.whom = file.ino;
		facts_add(f->facts, &x);
	}
	f->seen->inodes++;
	f->seen->used_bytes += file.used;
	return true;
}

static bool
see_dirent(struct fsck *f, struct slice key, const struct version *v)
{
	uint64_t dir;
	struct dirent d;
	struct fact x;

	if (key.len != 17 || rec_dirent_decode(v->body, &d) != OK)
		return false;
	if (d.ino == 0)			/* it keeps a slot */
		return true;
	dir = get_be64(key.at + 1);
	x = about_name(d.ino, dir, get_be64(key.at + 9), NAME_DIRENT);
	facts_add(f->facts, &x);
	x = fsck_about(ABOUT_INODE, d.ino);
	x.n[HAS_NAMES] = 1;
	x.n[HAS_KINDS] = kind_of(d.gen, d.type);
	x.whom = dir;
	facts_add(f->facts, &x);
	x = fsck_about(ABOUT_INODE, dir);
	x.n[HAS_ENTRIES] = 1;
	x.n[HAS_SUBDIRS] = d.type == TYPE_DIR;
	facts_add(f->facts, &x);
	f->seen->names++;
	return true;
}

static bool
see_link(struct fsck *f, struct slice key, const struct version *v)
{
	struct fact x;

	(void)v;
	if (key.len != 25)
		return false;
	x = about_name(get_be64(key.at + 1), get_be64(key.at + 9), get_be64(key.at + 17),
	    NAME_LINK);
	facts_add(f->facts, &x);
	return true;
}

static bool
see_orphan(struct fsck *f, struct slice key, const struct version *v)
{
	struct fact x;

	(void)v;
	if (key.len != 9)
		return false;
	x = fsck_about(ABOUT_INODE, get_be64(key.at + 1));
	x.is = INODE_ORPHAN;
	facts_add(f->facts, &x);
	return true;
}

void
fsck_names_gather(struct fsck *f)
{
	struct fact root = fsck_about(ABOUT_INODE, INO_ROOT);

	facts_add(f->facts, &root);	/* it is looked at even where no row tells of it */
	fsck_scan(f, "inodes", TAG_INODE, see_inode);
	fsck_scan(f, "names", TAG_DIRENT, see_dirent);
	fsck_scan(f, "links", TAG_LINK, see_link);
	fsck_scan(f, "orphans", TAG_ORPHAN, see_orphan);
}

/* --- an inode's row --- */

static bool
file_of(struct fsck *f, uint64_t ino, struct file *file)
{
	struct key key = key_inode(ino);
	struct version v;

	if (!fsck_row(f, &key, &v))
		return false;
	f->st = rec_file_decode(v.body, file);
	return f->st == OK;
}

static void
file_put(struct fsck *f, const struct file *file)
{
	struct key key = key_inode(file->ino);
	uint8_t *room = xmalloc(RECORD_MAX);
	struct writer w = writer_of(room, RECORD_MAX);

	rec_file_encode(&w, file);
	if (writer_ok(&w))
		fsck_put(f, &key, slice_of(room, w.len));
	else
		f->st = ST_CORRUPT;
	free(room);
}

/* --- names --- */

static bool
name_is_of(struct fsck *f, uint64_t dir, uint64_t at, uint64_t ino)
{
	struct key key = key_dirent(dir, at);
	struct version v;
	struct dirent d;

	return fsck_row(f, &key, &v) && rec_dirent_decode(v.body, &d) == OK && d.ino == ino;
}

/* A name that neither the inode nor a link row tells: a directory has one parent, a file may have
 * any number of links. */
static void
unsaid(struct fsck *f, const struct fact *x, uint64_t ino, uint64_t dir, uint64_t at)
{
	struct key link = key_link(ino, dir, at);
	struct file file;
	bool can;

	if (!file_of(f, ino, &file))
		return;			/* there is no inode: told where inodes are compared */
	can = file.type != TYPE_DIR || !name_is_of(f, file.parent, file.parent_key, ino);
	if (!fsck_differ(f, FSCK_NAME_UNSAID, x->id, 0, 1, can))
		return;
	if (file.type != TYPE_DIR) {
		fsck_put(f, &link, slice_of("", 0));
		return;
	}
	file.parent = dir;
	file.parent_key = at;
	file_put(f, &file);
}

void
fsck_name_compare(struct fsck *f, const struct fact *x)
{
	uint64_t ino = get_be64(x->id), dir = get_be64(x->id + 8), at = get_be64(x->id + 16);
	struct key link = key_link(ino, dir, at);
	struct file file;

	if ((x->is & NAME_LINK) != 0 && (x->is & NAME_DIRENT) == 0 &&
	    fsck_differ(f, FSCK_LINK_STRAY, x->id, 1, 0, true))
		fsck_del(f, &link);
	if (x->is == (NAME_DIRENT | NAME_PARENT | NAME_LINK) &&
	    fsck_differ(f, FSCK_LINK_DOUBLE, x->id, 1, 0, true))
		fsck_del(f, &link);
	if ((x->is & NAME_PARENT) != 0 && (x->is & NAME_DIRENT) == 0 &&
	    fsck_differ(f, FSCK_PARENT, x->id, 1, 0, true) && file_of(f, ino, &file) &&
	    file.parent == dir && file.parent_key == at) {
		file.parent = file.parent_key = 0;
		file_put(f, &file);
	}
	if (x->is == NAME_DIRENT)
		unsaid(f, x, ino, dir, at);
}

/* --- inodes --- */

static void
no_inode(struct fsck *f, const struct fact *x, uint64_t ino)
{
	struct key orphan = key_orphan(ino);

	if (ino == INO_ROOT)
		(void)fsck_differ(f, FSCK_ROOT, x->id, 1, 0, false);
	else if (x->n[HAS_NAMES] > 0)
		(void)fsck_differ(f, FSCK_NAME_ASTRAY, x->id, 0, x->n[HAS_NAMES], false);
	if (x->n[HAS_ENTRIES] > 0 && ino != INO_ROOT)
		(void)fsck_differ(f, FSCK_DIR_MISSING, x->id, 0, x->n[HAS_ENTRIES], false);
	if ((x->is & INODE_ORPHAN) != 0 && fsck_differ(f, FSCK_ORPHAN_STRAY, x->id, 1, 0, true))
		fsck_del(f, &orphan);
}

/* No name and no orphan row, or both. */
static void
orphans(struct fsck *f, const struct fact *x, uint64_t ino)
{
	struct key key = key_orphan(ino);
	bool orphan = (x->is & INODE_ORPHAN) != 0, named = x->n[HAS_NAMES] > 0 || ino == INO_ROOT;

	f->seen->orphans += orphan && !named;
	if (orphan && named &&
	    fsck_differ(f, FSCK_ORPHAN_NAMED, x->id, 0, MAX(x->n[HAS_NAMES], 1), true))
		fsck_del(f, &key);
	if (!orphan && !named && fsck_differ(f, FSCK_UNNAMED, x->id, 1, 0, true)) {
		fsck_put(f, &key, slice_of("", 0));
		f->seen->orphans++;
	}
}

static void
figures(struct fsck *f, const struct fact *x, uint64_t ino)
{
	bool dir = (x->is & INODE_DIR) != 0, mend = false;
	int64_t names = x->n[HAS_NAMES], links = dir ? 2 + x->n[HAS_SUBDIRS] : names;
	struct file file;

	/* A file without a name keeps what it had: an orphan's links are nobody's. */
	if ((dir || names > 0) && x->n[SAYS_LINKS] != links)
		mend |= fsck_differ(f, FSCK_LINKS, x->id, x->n[SAYS_LINKS], links, true);
	else
		links = x->n[SAYS_LINKS];
	if (x->n[SAYS_ENTRIES] != x->n[HAS_ENTRIES])
		mend |= fsck_differ(f, FSCK_ENTRIES, x->id, x->n[SAYS_ENTRIES], x->n[HAS_ENTRIES],
		    dir);
	if (!file_of(f, ino, &file))
		return;
	if ((x->is & INODE_USED_OVER) != 0) {
		mend |= fsck_differ(f, FSCK_USED_OVER, x->id, (int64_t)file.used,
		    (int64_t)used_most(&file), true);
		f->seen->used_bytes -= file.used - used_most(&file);
		file.used = used_most(&file);
	}
	if (!mend || f->st != OK)
		return;
	file.nlink = (uint32_t)links;
	if (dir)
		file.entries = (uint32_t)x->n[HAS_ENTRIES];
	file_put(f, &file);
}

/*
 * From a directory up to the root, or to one that has no name: by Brent's way of finding circles,
 * with a few words of memory.  What reached the root before ends the walk; as a rule that is the
 * parent.
 */
static void
reach(struct fsck *f, const struct fact *x, uint64_t ino)
{
	uint64_t at = ino, marked = 0, steps = 0, limit = 1;
	struct file file;

	while (at != INO_ROOT && at != 0 && f->reached[at % REACHED] != at) {
		if (!file_of(f, at, &file) || file.type != TYPE_DIR)
			return;		/* told elsewhere */
		if (file.parent == at || (marked != 0 && file.parent == marked)) {
			(void)fsck_differ(f, FSCK_CIRCLE, x->id, (int64_t)file.parent, 0, false);
			return;
		}
		at = file.parent;
		if (++steps == limit) {
			marked = at;
			limit *= 2;
			steps = 0;
		}
		arena_rewind(&f->arena);
	}
	f->reached[ino % REACHED] = ino;
}

void
fsck_inode_compare(struct fsck *f, const struct fact *x)
{
	uint64_t ino = get_be64(x->id);
	int64_t names = x->n[HAS_NAMES];
	uint64_t kinds = (uint64_t)x->n[SAYS_KIND] * (uint64_t)names;

	if ((x->is & INODE_ROW) == 0) {
		no_inode(f, x, ino);
		return;
	}
	orphans(f, x, ino);
	figures(f, x, ino);
	if (names > 0 && (uint64_t)x->n[HAS_KINDS] != kinds)
		(void)fsck_differ(f, FSCK_KIND, x->id, x->n[SAYS_KIND], x->n[HAS_KINDS] / names,
		    false);
	if ((x->is & INODE_DIR) == 0)
		return;
	if (names > (ino != INO_ROOT))
		(void)fsck_differ(f, FSCK_NAMES, x->id, ino != INO_ROOT, names, false);
	reach(f, x, ino);
}

/* --- the share's usage --- */

static void
counter(struct fsck *f, uint8_t what, enum fsck_kind kind, uint64_t found)
{
	struct key key = key_count(what, NULL, 0);
	static const uint8_t id[FACT_ID];
	int64_t says = 0;
	enum status st = catalog_count(f->share->catalog, key_slice(&key), &says);

	if (st != OK && st != ST_NOENT)
		f->st = st;
	else if (says != (int64_t)found && fsck_differ(f, kind, id, says, (int64_t)found, true))
		fsck_count(f, &key, (int64_t)found - says);
}

void
fsck_usage_compare(struct fsck *f)
{
	counter(f, COUNT_USED_BYTES, FSCK_USED, f->seen->used_bytes);
	counter(f, COUNT_INODES, FSCK_INODES, f->seen->inodes);
}
