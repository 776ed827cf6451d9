/*
 * The file record: 192 fixed bytes, then the rest.  Numbers stand at fixed places so that decoding
 * is a row of loads; what is spare must be zero, so that a later version can use it and damage is
 * seen.
 *
 * A record with FILE_UNWRITTEN is of version 2: a program that does not know the flag would write
 * bytes and leave it set, so it must not read such a record.
 */
#include "pipeline/record/pack.h"
#include "pipeline/record/rec.h"

#include "pipeline/base/reader.h"
#include "pipeline/model/name.h"

enum { FILE_VERSION = 1, FILE_VERSION_UNWRITTEN = 2, NS_MAX = 999999999 };

enum file_at {				/* where each field stands */
	AT_VERSION = 0, AT_TYPE = 1, AT_MODE = 2, AT_GEN = 4, AT_INO = 8, AT_NLINK = 16,
	AT_UID = 20, AT_GID = 24, AT_RDEV_MAJOR = 28, AT_RDEV_MINOR = 32, AT_DOS = 36,
	AT_ENTRIES = 40, AT_FLAGS = 44, AT_SPARE1 = 45, AT_SIZE = 48, AT_USED = 56, AT_ATIME = 64,
	AT_MTIME = 72, AT_CTIME = 80, AT_BTIME = 88, AT_NS = 96, AT_CONTENT = 112,
	AT_PARENT = 120, AT_PARENT_KEY = 128, AT_QUOTA_TREE = 136, AT_CREATE_VERF = 144,
	AT_SPARE2 = 152, AT_REST_BYTES = 188, AT_REST = REC_FILE_FIXED,
};

static uint8_t
version_of(uint8_t flags)
{
	return (flags & FILE_UNWRITTEN) != 0 ? FILE_VERSION_UNWRITTEN : FILE_VERSION;
}

static void
put_stamp(uint8_t *p, unsigned i, const struct stamp *t)
{
	put_le64(p + AT_ATIME + 8 * i, (uint64_t)t->s);
	put_le32(p + AT_NS + 4 * i, t->ns);
}

void
rec_file_encode(struct writer *w, const struct file *f)
{
	uint8_t *p = writer_room(w, REC_FILE_FIXED);

	if (p == NULL)
		return;
	memset(p, 0, REC_FILE_FIXED);
	p[AT_VERSION] = version_of(f->flags);
	p[AT_TYPE] = f->type;
	put_le16(p + AT_MODE, f->mode);
	put_le32(p + AT_GEN, f->gen);
	put_le64(p + AT_INO, f->ino);
	put_le32(p + AT_NLINK, f->nlink);
	put_le32(p + AT_UID, f->uid);
	put_le32(p + AT_GID, f->gid);
	put_le32(p + AT_RDEV_MAJOR, f->rdev_major);
	put_le32(p + AT_RDEV_MINOR, f->rdev_minor);
	put_le32(p + AT_DOS, f->dos);
	put_le32(p + AT_ENTRIES, f->entries);
	p[AT_FLAGS] = f->flags;
	put_le64(p + AT_SIZE, f->size);
	put_le64(p + AT_USED, f->used);
	put_stamp(p, 0, &f->atime);
	put_stamp(p, 1, &f->mtime);
	put_stamp(p, 2, &f->ctime);
	put_stamp(p, 3, &f->btime);
	put_le64(p + AT_CONTENT, f->content);
	put_le64(p + AT_PARENT, f->parent);
	put_le64(p + AT_PARENT_KEY, f->parent_key);
	put_le64(p + AT_QUOTA_TREE, f->quota_tree);
	put_le64(p + AT_CREATE_VERF, f->create_verf);
	put_le32(p + AT_REST_BYTES, f->rest.len);
	if (f->rest.len > REC_BODY_MAX - REC_FILE_FIXED)
		w->failed = true;
	write_bytes(w, f->rest.at, f->rest.len);
}

static bool
get_stamp(const uint8_t *p, unsigned i, struct stamp *t)
{
	t->s = (int64_t)get_le64(p + AT_ATIME + 8 * i);
	t->ns = get_le32(p + AT_NS + 4 * i);
	return t->ns <= NS_MAX;
}

static bool
all_zero(const uint8_t *p, size_t len)
{
	uint8_t any = 0;

	for (size_t i = 0; i < len; i++)
		any |= p[i];
	return any == 0;
}

enum status
rec_file_decode(struct slice body, struct file *f)
{
	const uint8_t *p = body.at;
	struct file g;

	if (body.len < REC_FILE_FIXED || body.len > REC_BODY_MAX ||
	    p[AT_VERSION] != version_of(p[AT_FLAGS]) ||
	    get_le32(p + AT_REST_BYTES) != body.len - REC_FILE_FIXED ||
	    !all_zero(p + AT_SPARE1, AT_SIZE - AT_SPARE1) ||
	    !all_zero(p + AT_SPARE2, AT_REST_BYTES - AT_SPARE2))
		return ST_CORRUPT;
	g.type = p[AT_TYPE];
	g.mode = get_le16(p + AT_MODE);
	g.gen = get_le32(p + AT_GEN);
	g.ino = get_le64(p + AT_INO);
	g.nlink = get_le32(p + AT_NLINK);
	g.uid = get_le32(p + AT_UID);
	g.gid = get_le32(p + AT_GID);
	g.rdev_major = get_le32(p + AT_RDEV_MAJOR);
	g.rdev_minor = get_le32(p + AT_RDEV_MINOR);
	g.dos = get_le32(p + AT_DOS);
	g.entries = get_le32(p + AT_ENTRIES);
	g.flags = p[AT_FLAGS];
	g.size = get_le64(p + AT_SIZE);
	g.used = get_le64(p + AT_USED);
	g.content = get_le64(p + AT_CONTENT);
	g.parent = get_le64(p + AT_PARENT);
	g.parent_key = get_le64(p + AT_PARENT_KEY);
	g.quota_tree = get_le64(p + AT_QUOTA_TREE);
	g.create_verf = get_le64(p + AT_CREATE_VERF);
	g.rest = slice_sub(body, AT_REST, body.len - AT_REST);
	if (g.type < TYPE_REG || g.type > TYPE_FIFO || g.mode > 07777 || g.ino == 0 ||
	    !get_stamp(p, 0, &g.atime) || !get_stamp(p, 1, &g.mtime) ||
	    !get_stamp(p, 2, &g.ctime) || !get_stamp(p, 3, &g.btime))
		return ST_CORRUPT;
	*f = g;
	return OK;
}

void
rec_rest_symlink(struct writer *w, struct slice target)
{
	pack_map(w, 1);
	pack_bytes(w, PACK_SYMLINK, target);
}

enum status
rec_rest_symlink_get(struct slice rest, struct slice *target)
{
	struct slice found;
	enum status st = pack_find(rest, PACK_SYMLINK, &found);

	if (st != OK)
		return ST_CORRUPT;		/* a symlink without a target is damage, too */
	if (found.len == 0 || found.len > PATH_BYTES_MAX)
		return ST_CORRUPT;
	*target = found;
	return OK;
}
