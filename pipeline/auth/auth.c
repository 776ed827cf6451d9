/*
 * The stage.  Each home worker remembers, in slots of its own, what it found last for
 * (connection, share, claim): a hit costs a comparison and no rule, table or shared cache line
 * is looked at.  Creds there are the worker's own copies, so that two workers do not pull at one
 * reference count.  A slot is believed for a minute and while no rules have changed.
 */
#include "pipeline/auth/inner.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/hash.h"
#include "pipeline/stage/worker.h"

#include <stdlib.h>

enum { WORKERS_MAX = 64, SLOTS = 256, SLOT_GIDS = 16, SLOT_S = 60 };

struct slot {
	const struct cred *cred;	/* NULL: empty */
	uint64_t conn, share, generation, until_ns;
	struct claim claim;
	uint32_t gids[SLOT_GIDS];
};

static struct slot *slots[WORKERS_MAX];	/* each touched by its worker alone */

void
auth_start(uint32_t creds_max)
{
	cred_cache_start(creds_max);
	netgroup_start();
}

/* The machine has stopped, or no job is on its way. */
void
auth_stop(void)
{
	for (uint32_t i = 0; i < WORKERS_MAX; i++) {
		for (uint32_t k = 0; slots[i] != NULL && k < SLOTS; k++)
			cred_put(&slots[i][k].cred);
		free(TAKE(&slots[i]));
	}
	netgroup_stop();
	cred_cache_stop();
}

static struct slot *
slot_of(const struct job *job)
{
	struct worker *self = worker_self();
	uint32_t i;

	if (self == NULL || job->claim.ngids > SLOT_GIDS)
		return NULL;
	i = worker_index(self);
	if (slots[i] == NULL)
		slots[i] = xcalloc(SLOTS, sizeof *slots[i]);
	return &slots[i][hash_u64(job->whence->conn ^ job->claim.hash ^
	    job->share->row.share << 32) % SLOTS];
}

static bool
slot_fits(const struct slot *s, const struct job *job)
{
	return s->cred != NULL && s->conn == job->whence->conn &&
	    s->share == job->share->row.share && s->generation == cred_cache_generation() &&
	    s->until_ns > worker_now_ns(job->home) && claim_eq(&s->claim, &job->claim);
}

static const struct cred *
copy_of(const struct cred *c)
{
	struct cred *mine = cred_new(c->ngids);

	mine->uid = c->uid;
	mine->gid = c->gid;
	mine->flavour = c->flavour;
	mine->superuser = c->superuser;
	mine->read_only = c->read_only;
	mine->barred = c->barred;
	memcpy(mine->gids, c->gids, c->ngids * sizeof c->gids[0]);
	return mine;
}

static void
slot_fill(struct slot *s, const struct job *job, const struct cred *cred, uint64_t generation)
{
	cred_put(&s->cred);
	s->cred = copy_of(cred);
	s->conn = job->whence->conn;
	s->share = job->share->row.share;
	s->generation = generation;
	s->until_ns = worker_now_ns(job->home) + SLOT_S * NS_PER_S;
	s->claim = job->claim;
	s->claim.gids = s->gids;
	if (job->claim.ngids > 0)
		memcpy(s->gids, job->claim.gids, job->claim.ngids * sizeof s->gids[0]);
}

/* A mount: which share is meant.  Slashes at the end of its path mean nothing. */
static enum status
attach(struct job *job)
{
	struct slice path = job->op.arg.attach.path;

	while (path.len > 1 && path.at[path.len - 1] == '/')
		path.len--;
	share_put(&job->share);
	job->share = registry_by_name(path.at, path.len);
	return job->share != NULL ? OK : ST_NOENT;
}

static enum status
find_cred(struct job *job, struct slot *slot)
{
	uint64_t generation = cred_cache_generation();
	struct share_rules *rules = share_rules_get(job->share);
	uint32_t rule;
	enum status st;

	st = grant_find(rules, job->whence->addr, job->whence->port, stage_may_wait(job), &rule);
	if (st == OK) {
		job->cred = cred_cache_get(job->share->row.share, generation, rules, rule,
		    &job->claim);
		if (slot != NULL)
			slot_fill(slot, job, job->cred, generation);
	}
	rules_put(&rules);
	return st;
}

/* What a client asks while it mounts, as a root that may be squashed, for users who have more. */
static bool
mounting(const struct op *op)
{
	return op->kind == OP_ATTACH || ((op->kind == OP_GETATTR || op->kind == OP_STATFS) &&
	    op->file.ino == INO_ROOT);
}

static enum turn
with_cred(struct job *job)
{
	if (!job->cred->barred || mounting(&job->op))
		return TURN_DOWN;
	job->status = ST_ACCES;
	return TURN_UP;
}

static enum turn
auth_down(struct job *job)
{
	struct slot *slot;
	enum status st = OK;

	if (job->whence == NULL)	/* a job of our own brings its cred */
		return TURN_DOWN;
	if (job->op.kind == OP_ATTACH)
		st = attach(job);
	if (st == OK && job->share == NULL)
		st = ST_BADHANDLE;
	if (st != OK) {
		job->status = st;
		return TURN_UP;
	}
	cred_put(&job->cred);		/* of the operation before, in a compound */
	slot = slot_of(job);
	if (slot != NULL && slot_fits(slot, job)) {
		job->cred = cred_ref(slot->cred);
		return with_cred(job);
	}
	st = find_cred(job, slot);
	if (st == ST_DELAY && !stage_may_wait(job))
		return TURN_POOL;
	job->status = st;
	return st == OK ? with_cred(job) : TURN_UP;
}

const struct stage_ops auth_stage = { .down = auth_down };
