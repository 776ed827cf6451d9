/*
 * Types that results are made of.  Attributes are the most written thing of all: their
 * room is taken once, and filled by offset.  Times on the wire are unsigned seconds: what
 * lies outside is clamped, so that it stays the earliest or the latest.
 */
#include "gateway/nfs/v3/inner.h"

static const uint8_t types[] = {
	[TYPE_REG] = 1, [TYPE_DIR] = 2, [TYPE_BLK] = 3, [TYPE_CHR] = 4, [TYPE_LNK] = 5,
	[TYPE_SOCK] = 6, [TYPE_FIFO] = 7,
};

static void
put_time(uint8_t *p, struct stamp t)
{
	put_be32(p, t.s < 0 ? 0 : t.s > UINT32_MAX ? UINT32_MAX : (uint32_t)t.s);
	put_be32(p + 4, t.ns);
}

static void
fill_fattr(uint8_t *p, const struct attr *a)
{
	put_be32(p, a->type < ARRAY_LEN(types) ? types[a->type] : 0);
	put_be32(p + 4, a->mode);
	put_be32(p + 8, a->nlink);
	put_be32(p + 12, a->uid);
	put_be32(p + 16, a->gid);
	put_be64(p + 20, a->size);
	put_be64(p + 28, a->used);
	put_be32(p + 36, a->rdev_major);
	put_be32(p + 40, a->rdev_minor);
	put_be64(p + 44, a->fsid);
	put_be64(p + 52, a->ino);
	put_time(p + 60, a->atime);
	put_time(p + 68, a->mtime);
	put_time(p + 76, a->ctime);
}

void
v3_put_fattr(struct writer *w, const struct attr *a)
{
	uint8_t *p = writer_room(w, V3_FATTR_BYTES);

	if (p != NULL)
		fill_fattr(p, a);
}

void
v3_put_attr(struct writer *w, bool has, const struct attr *a)
{
	uint8_t *p;

	if (!has) {
		xdr_put_bool(w, false);
	} else if ((p = writer_room(w, V3_ATTR_BYTES)) != NULL) {
		put_be32(p, 1);
		fill_fattr(p + 4, a);
	}
}

void
v3_put_wcc(struct writer *w, const struct op_pair *pair)
{
	uint8_t *p;

	if (!pair->has_before) {
		xdr_put_bool(w, false);
	} else if ((p = writer_room(w, 28)) != NULL) {
		put_be32(p, 1);
		put_be64(p + 4, pair->before.size);
		put_time(p + 12, pair->before.mtime);
		put_time(p + 20, pair->before.ctime);
	}
	v3_put_attr(w, pair->has_after, &pair->after);
}

void
v3_put_handle(struct writer *w, const struct share *s, const struct file_id *id)
{
	uint8_t *p = writer_room(w, V3_FH_BYTES);

	if (p == NULL)
		return;
	put_be32(p, HANDLE_BYTES);
	handle_encode(s, id, p + 4);
}

/* Both may be left out; the client then looks the name up. */
void
v3_put_found(struct job *job, struct writer *w)
{
	const struct op *op = &job->op;

	xdr_put_bool(w, op->has_found);
	if (op->has_found)
		v3_put_handle(w, job->share, &op->found);
	v3_put_attr(w, op->has_found && op->found_attr.type != 0, &op->found_attr);
}
