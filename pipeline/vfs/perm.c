/*
 * Permission by mode bits.  The superuser reads and writes all, and executes what anybody may.
 */
#include "pipeline/vfs/inner.h"

#include "pipeline/model/access.h"

enum { MODE_SUID = 04000, MODE_SGID = 02000, MODE_STICKY = 01000 };

bool
perm_ok(const struct cred *c, const struct file *f, uint32_t want)
{
	uint32_t bits;

	if (c->superuser)
		return (want & PERM_X) == 0 || f->type == TYPE_DIR || (f->mode & 0111) != 0;
	if (c->uid == f->uid)
		bits = f->mode >> 6;
	else if (cred_in_group(c, f->gid))
		bits = f->mode >> 3;
	else
		bits = f->mode;
	return (want & ~bits & 7) == 0;
}

bool
perm_owner(const struct cred *c, const struct file *f)
{
	return c->superuser || c->uid == f->uid;
}

bool
perm_sticky_ok(const struct cred *c, const struct file *dir, const struct file *victim)
{
	return (dir->mode & MODE_STICKY) == 0 || c->superuser || c->uid == victim->uid ||
	    c->uid == dir->uid;
}

/* What an ACCESS bit asks of mode bits: one row a bit and kind. */
static const struct {
	uint32_t bit;
	bool on_dir, on_other;
	uint32_t want;
} access_rows[] = {
	{ ACCESS_READ,		true,	true,	PERM_R },
	{ ACCESS_LOOKUP,	true,	false,	PERM_X },
	{ ACCESS_MODIFY,	true,	false,	PERM_W | PERM_X },
	{ ACCESS_MODIFY,	false,	true,	PERM_W },
	{ ACCESS_EXTEND,	true,	false,	PERM_W | PERM_X },
	{ ACCESS_EXTEND,	false,	true,	PERM_W },
	{ ACCESS_DELETE,	true,	false,	PERM_W | PERM_X },
	{ ACCESS_EXECUTE,	false,	true,	PERM_X },
};

uint32_t
perm_access(const struct cred *c, const struct file *f, uint32_t want)
{
	bool dir = f->type == TYPE_DIR;
	uint32_t granted = 0;

	for (size_t i = 0; i < ARRAY_LEN(access_rows); i++)
		if ((want & access_rows[i].bit) != 0 &&
		    (dir ? access_rows[i].on_dir : access_rows[i].on_other) &&
		    perm_ok(c, f, access_rows[i].want))
			granted |= access_rows[i].bit;
	if (c->read_only)
		granted &= ~(uint32_t)(ACCESS_MODIFY | ACCESS_EXTEND | ACCESS_DELETE);
	return granted;
}

enum status
perm_bytes_ok(const struct file *f)
{
	if (f->type == TYPE_REG)
		return OK;
	return f->type == TYPE_DIR ? ST_ISDIR : ST_INVAL;
}

uint16_t
perm_mode_killed(const struct file *f, uint16_t mode)
{
	if (f->type == TYPE_DIR)
		return mode;
	mode &= (uint16_t)~MODE_SUID;
	if ((mode & 010) != 0)
		mode &= (uint16_t)~MODE_SGID;
	return mode;
}
