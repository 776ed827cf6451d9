/*
 * Types that arguments are made of: handles, names, times, attributes to be set.
 */
#include "gateway/nfs/v3/inner.h"

#include "pipeline/base/clock.h"

void
v3_read_handle(struct job *job, struct reader *r)
{
	struct slice fh = xdr_opaque(r, V3_HANDLE_MAX);
	enum status st;

	if (!reader_ok(r))
		return;
	assert(job->share == NULL);
	if ((st = handle_decode(fh, &job->share, &job->op.file)) != OK)
		v3_refuse(job, st);
}

void
v3_read_handle2(struct job *job, struct reader *r)
{
	struct slice fh = xdr_opaque(r, V3_HANDLE_MAX);
	enum status st;

	if (!reader_ok(r) || job->share == NULL)
		return;
	if ((st = handle_decode_same(fh, job->share, &job->op.file2)) != OK)
		v3_refuse(job, st);
}

struct slice
v3_read_name(struct reader *r)
{
	return xdr_opaque(r, V3_NAME_ROOM);
}

struct stamp
v3_read_time(struct job *job, struct reader *r)
{
	struct stamp t = { .s = xdr_u32(r) };

	t.ns = xdr_u32(r);
	if (t.ns >= NS_PER_S)
		v3_refuse(job, ST_INVAL);
	return t;
}

static void
read_set_time(struct job *job, struct reader *r, struct stamp *t, uint32_t now, uint32_t given)
{
	switch (xdr_enum(r, V3_TIME_CLIENT)) {
	case V3_TIME_SERVER:
		job->op.set.mask |= now;
		break;
	case V3_TIME_CLIENT:
		job->op.set.mask |= given;
		*t = v3_read_time(job, r);
		break;
	}
}

void
v3_read_setattr(struct job *job, struct reader *r)
{
	struct setattr *set = &job->op.set;

	if (xdr_bool(r)) {
		set->mask |= SET_MODE;
		set->mode = (uint16_t)(xdr_u32(r) & 07777);
	}
	if (xdr_bool(r)) {
		set->mask |= SET_UID;
		set->uid = xdr_u32(r);
	}
	if (xdr_bool(r)) {
		set->mask |= SET_GID;
		set->gid = xdr_u32(r);
	}
	if (xdr_bool(r)) {
		set->mask |= SET_SIZE;
		set->size = xdr_u64(r);
		if (set->size > INT64_MAX)
			v3_refuse(job, ST_FBIG);
	}
	read_set_time(job, r, &set->atime, SET_ATIME_NOW, SET_ATIME);
	read_set_time(job, r, &set->mtime, SET_MTIME_NOW, SET_MTIME);
}
