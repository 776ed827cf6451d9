/*
 * The stage: an operation's row, and what every operation has in common.
 */
#include "pipeline/vfs/inner.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/meter.h"

const struct vfs_row vfs_rows[OP_COUNT] = {
	[OP_ATTACH]	= { attach_begin, NULL, NULL },
	[OP_LOOKUP]	= { lookup_begin, NULL, NULL },
	[OP_GETATTR]	= { getattr_begin, NULL, NULL },
	[OP_SETATTR]	= { setattr_begin, setattr_build, NULL },
	[OP_ACCESS]	= { access_begin, NULL, NULL },
	[OP_READLINK]	= { readlink_begin, NULL, NULL },
	[OP_CREATE]	= { create_begin, create_build, NULL },
	[OP_MKDIR]	= { make_begin, make_build, NULL },
	[OP_SYMLINK]	= { make_begin, make_build, NULL },
	[OP_MKNOD]	= { make_begin, make_build, NULL },
	[OP_LINK]	= { link_begin, link_build, NULL },
	[OP_REMOVE]	= { remove_begin, remove_build, NULL },
	[OP_RMDIR]	= { remove_begin, remove_build, NULL },
	[OP_RENAME]	= { rename_begin, rename_build, NULL },
	[OP_READDIR]	= { readdir_begin, NULL, NULL },
	[OP_STATFS]	= { statfs_begin, NULL, NULL },
	[OP_READ]	= { read_begin, NULL, read_end },
	[OP_WRITE]	= { write_begin, write_build, write_end },
	[OP_COMMIT]	= { commit_begin, NULL, commit_end },
};

enum { ADMIT_WAIT_NS = 2000000000 };	/* a full journal: then DELAY, the client comes again */

void
vfs_start(const struct vfs_conf *conf)
{
	inode_caches_start(conf->inode_bytes);
}

void
vfs_stop(void)
{
	inode_caches_stop();
}

void
vfs_open_share(struct share *s)
{
	s->inodes = inode_cache_new();
}

void
vfs_close_share(struct share *s)
{
	inode_cache_free(&s->inodes);
}

/* What the row of op.def says, before the operation is asked. */
static enum status
row_ok(const struct job *job)
{
	const struct op_row *row = &op_rows[job->op.kind];

	if (atomic_load_explicit(&job->share->state, memory_order_acquire) != SHARE_OPEN)
		return ST_DELAY;
	if (row->changes && job->cred->read_only)
		return ST_ROFS;
	return row->takes_name ? name_check(job->op.name) : OK;
}

/* Which entries an answer waits for: names and FILE_SYNC writes in tier local, FILE_SYNC writes
 * alone in tier writeback. */
static void
wait_for(struct job *job, const struct act *a)
{
	const struct op *op = &job->op;

	if (op->kind == OP_WRITE ? op->arg.write.stable != STABLE_UNSTABLE :
	    atomic_load_explicit(&job->share->now.tier, memory_order_relaxed) != TIER_WRITEBACK)
		job->wait_lsn = a->lsn;
}

static enum turn
waits_or_up(const struct job *job)
{
	bool waits = job->wait_lsn != 0 && !block_durable(job->share, job->wait_lsn);

	return waits ? TURN_DOWN : TURN_UP;
}

/*
 * No room in the journal now: wait for some.  Little room: wait a moment, once, so that a cap is
 * neared slowly.  Nothing is held meanwhile.  False: go on at once.
 */
static bool
admit(struct job *job, struct act *a, enum turn *turn)
{
	uint64_t now = clock_mono_ns();

	act_release(job, a);
	a->slowed = true;
	*turn = TURN_PARK;
	if (a->slow_ns != 0) {
		if (block_slow_park(job->share, job, now + a->slow_ns))
			return true;
		a->slow_ns = 0;
		return false;
	}
	if (a->give_up_ns == 0)		/* woken in vain or not, he waits so long in all */
		a->give_up_ns = now + ADMIT_WAIT_NS;
	if (job->timed_out || now >= a->give_up_ns) {
		*turn = TURN_UP;
		return true;
	}
	return block_admit_park(job->share, job, a->give_up_ns);
}

static enum turn
run(struct job *job, struct act *a)
{
	for (a->restarts = 0; a->restarts < RESTARTS_MAX; a->restarts++) {
		enum status st = OK;
		enum turn turn;

		act_release(job, a);
		job->status = OK;
		switch (a->row->begin(job, a)) {
		case BEGIN_DONE:
			if (job->status == ST_RESTART)
				break;
			if (job->status != ST_DELAY || !op_rows[job->op.kind].changes)
				return waits_or_up(job);
			if (admit(job, a, &turn))
				return turn;
			break;
		case BEGIN_BYTES:
			return TURN_DOWN;
		case BEGIN_WAIT:
			return TURN_POOL;
		case BEGIN_EFFECT:
			st = effect_run(job, a);
			if (st == OK) {
				wait_for(job, a);
				return waits_or_up(job);
			}
			if (st != ST_RESTART) {
				job->status = st;
				return TURN_UP;
			}
			break;
		}
		meter_add(METER_RESTARTS, 1);
	}
	job->status = ST_DELAY;
	return TURN_UP;
}

static enum turn
vfs_down(struct job *job)
{
	struct act *a = job->vfs;

	if (a == NULL) {
		job->status = row_ok(job);
		if (job->status != OK)
			return TURN_UP;
		a = arena_alloc(&job->arena, sizeof *a);
		if (a == NULL) {
			job->status = ST_RESOURCE;
			return TURN_UP;
		}
		memset(a, 0, offsetof(struct act, pin));
		a->row = &vfs_rows[job->op.kind];
		a->on = a->on2 = a->found = NO_PIN;
		job->vfs = a;
	}
	if (a->slow_ns != 0) {		/* it has waited as long as it should */
		a->slow_ns = 0;
		job->timed_out = false;
	}
	return run(job, a);
}

static enum turn
vfs_up(struct job *job)
{
	struct act *a = job->vfs;

	if (a == NULL)
		return TURN_UP;
	if (a->row->end != NULL)
		a->row->end(job, a);
	act_release(job, a);
	job->vfs = NULL;
	return TURN_UP;
}

const struct stage_ops vfs_stage = { .down = vfs_down, .up = vfs_up };
