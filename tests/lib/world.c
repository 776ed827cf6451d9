/*
 * All floors in one process.  The thread of the test submits and waits.
 */
#include "tests/lib/world.h"

#include "crypto/aead.h"
#include "mgmt/shares/keys.h"
#include "mgmt/shares/wire.h"
#include "pipeline/auth/auth.h"
#include "pipeline/base/mutex.h"
#include "pipeline/block/block.h"
#include "pipeline/cache/cache.h"
#include "pipeline/cache/page.h"
#include "pipeline/decode/decode.h"
#include "pipeline/net/net.h"
#include "pipeline/sync/sync.h"
#include "pipeline/vfs/vfs.h"
#include "tests/lib/check.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct share_conf conf;
static const struct store_spec *far;	/* NULL: no remote */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;

static void
forget(uint64_t share, const struct note *note)
{
	(void)share, (void)note;
}

static void
open_share(void)
{
	char why[512] = "";

	if (share_wire(&conf, NULL, far, 8 << 20, forget, why, sizeof why) != OK)
		check_fail(__FILE__, __LINE__, "the share does not open: %s", why);
}

static void
close_share(void)
{
	struct share *s = registry_by_name("/world", 6);

	EQ(share_unwire(s), OK);
	share_put(&s);
}

/* A key for shares that encrypt, in a file beside theirs. */
static void
key_in(const char *dir)
{
	static char path[600];		/* kept by who is told of it */
	int fd;

	snprintf(path, sizeof path, "%s/key", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	TRUE(fd >= 0 && dprintf(fd, "%064d\n", 42) == 65);
	close(fd);
	shares_secrets_set(&(struct shares_secrets){ .key_file = path });
}

static void
start(const char *meta, const char *dir, const struct world_how *how)
{
	far = how->remote;
	conf = (struct share_conf){ .name = "/world", .tier = TIER_LOCAL, .root_mode = 0777,
		.journal_bytes = how->journal_bytes, .reserve_bytes = 1 << 20, .anon_uid = 65534,
		.anon_gid = 65534, .encryption = how->encryption, .compression = how->compression };
	snprintf(conf.meta, sizeof conf.meta, "%s", meta);
	snprintf(conf.dir, sizeof conf.dir, "%s", dir);
	stage_set(FLOOR_AUTH, &auth_stage);
	stage_set(FLOOR_VFS, &vfs_stage);
	stage_set(FLOOR_CACHE, &cache_stage);
	stage_set(FLOOR_BLOCK, &block_stage);
	stage_set(FLOOR_SYNC, &sync_stage);
	txn_pool_init(1024);
	registry_start();
	page_start(16 << 20);
	vfs_start(&(struct vfs_conf){ .inode_bytes = 4 << 20 });
	auth_start(64);
	machine_start(&(struct machine_conf){ .workers = 2, .jobs = 256 });
	block_start(&(struct block_conf){ .records_cap = 64 << 20, .segment_bytes = 8 << 20,
		.tick_ms = 10 });
	sync_start(how->sync);
	open_share();
}

static const struct sync_conf brisk = { .apply_ms = 50,
	.carve_age_ms = 200,
	.carve_at_percent = 25 };

void
world_start(const char *meta, const char *dir)
{
	mutex_witness(true);
	start(meta, dir, &(struct world_how){ .sync = &brisk, .journal_bytes = 256 << 20 });
}

void
world_start_sealed(const char *meta, const char *dir)
{
	mutex_witness(true);
	key_in(dir);
	start(meta, dir, &(struct world_how){ .sync = &brisk, .journal_bytes = 256 << 20,
		.encryption = AEAD_XCHACHA20_POLY1305 });
}

void
world_start_as(const char *meta, const char *dir, const struct world_how *how)
{
	if (how->encryption != 0)
		key_in(dir);
	start(meta, dir, how);
}

void
world_stop(void)
{
	close_share();
	sync_stop();
	block_stop();
	machine_stop();
	auth_stop();
	vfs_stop();
	page_stop();
	registry_stop();
	txn_pool_fini();
}

void
world_reopen(void)
{
	close_share();
	open_share();
}

struct share *
world_share(void)
{
	struct share *s = registry_by_name("/world", 6), *borrowed = s;

	TRUE(s != NULL);
	share_put(&s);
	return borrowed;
}

struct file_id
world_root(void)
{
	struct job *job = world_op(OP_ATTACH, (struct file_id){ 0 }, NULL);
	struct file_id root;

	EQ(world_run(job), OK);
	root = job->op.found;
	world_done(&job);
	return root;
}

static struct cred *
cred_of(uint32_t uid, uint32_t gid)
{
	struct cred *c = calloc(1, sizeof *c);

	ref_init(&c->refs);
	c->uid = uid;
	c->gid = gid;
	c->superuser = uid == 0;
	return c;
}

struct world_state {			/* job->wire */
	bool over;
	struct cred *cred;
};

static void
over(struct job *job)
{
	struct world_state *w = job->wire;

	pthread_mutex_lock(&lock);
	w->over = true;
	pthread_cond_broadcast(&ended);
	pthread_mutex_unlock(&lock);
}

struct job *
world_op(enum op_kind kind, struct file_id file, const char *name)
{
	struct job *job = job_get(worker_at(0));
	struct world_state *w;

	TRUE(job != NULL);
	w = arena_zalloc(&job->arena, sizeof *w);
	w->cred = cred_of(0, 0);
	job->wire = w;
	job->share = world_share();
	job->cred = w->cred;
	job->done = over;
	job->op.kind = kind;
	job->op.file = file;
	if (name != NULL)
		job->op.name = slice_str(name);
	return job;
}

void
world_as(struct job *job, uint32_t uid, uint32_t gid)
{
	struct cred *c = ((struct world_state *)job->wire)->cred;

	c->uid = uid;
	c->gid = gid;
	c->superuser = uid == 0;
}

enum status
world_run(struct job *job)
{
	struct world_state *w = job->wire;

	machine_submit(job, FLOOR_VFS);
	pthread_mutex_lock(&lock);
	while (!w->over)
		pthread_cond_wait(&ended, &lock);
	pthread_mutex_unlock(&lock);
	return job->status;
}

void
world_done(struct job **jobp)
{
	struct job *job = TAKE(jobp);
	struct world_state *w = job->wire;

	free(w->cred);
	job->cred = NULL;
	job->share = NULL;
	job_put(&job);
}

static struct file_id
make(enum op_kind kind, struct file_id dir, const char *name)
{
	struct job *job = world_op(kind, dir, name);
	struct file_id found;
	enum status st;

	job->op.set = (struct setattr){ .mask = SET_MODE, .mode = 0755 };
	job->op.arg.create.how = CREATE_GUARDED;
	st = world_run(job);
	found = job->op.found;
	world_done(&job);
	EQ(st, OK);
	return found;
}

struct file_id
world_create(struct file_id dir, const char *name)
{
	return make(OP_CREATE, dir, name);
}

struct file_id
world_mkdir(struct file_id dir, const char *name)
{
	return make(OP_MKDIR, dir, name);
}

enum status
world_lookup(struct file_id dir, const char *name, struct file_id *found)
{
	struct job *job = world_op(OP_LOOKUP, dir, name);
	enum status st = world_run(job);

	*found = job->op.found;
	world_done(&job);
	return st;
}

enum status
world_remove(struct file_id dir, const char *name)
{
	struct job *job = world_op(OP_REMOVE, dir, name);
	enum status st = world_run(job);

	world_done(&job);
	return st;
}

void
world_attr(struct file_id file, struct attr *attr)
{
	struct job *job = world_op(OP_GETATTR, file, NULL);
	enum status st = world_run(job);

	*attr = job->op.on.after;
	world_done(&job);
	EQ(st, OK);
}

enum status
world_write(struct file_id file, uint64_t at, const void *bytes, uint32_t len,
    enum stability stable)
{
	struct job *job = world_op(OP_WRITE, file, NULL);
	struct buf *buf = buf_new(len ? len : 1);
	enum status st;

	memcpy(buf->bytes, bytes, len);
	job->op.arg.write.stable = stable;
	job->io.offset = at;
	job->io.count = len;
	EQ(chain_push(&job->io.data, &job->arena, (struct slice){ buf, buf->bytes, len }), OK);
	buf_put(&buf);
	st = world_run(job);
	world_done(&job);
	return st;
}

uint32_t
world_read(struct file_id file, uint64_t at, void *to, uint32_t len, bool *eof)
{
	struct job *job = world_op(OP_READ, file, NULL);
	enum status st;
	uint32_t got;

	job->io.offset = at;
	job->io.count = len;
	st = world_run(job);
	got = job->op.res.read.count;
	*eof = job->op.res.read.eof;
	if (st == OK)
		chain_copy_out(&job->io.data, 0, to, got);
	world_done(&job);
	EQ(st, OK);
	return got;
}
