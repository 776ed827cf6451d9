/*
 * A file is written aside, synced, then given its name by rename (or by link, which fails where
 * the name is taken), then its folder is synced; so under a name there is always a whole object,
 * and one that was said to be stored outlives a power loss.  A folder's own name is synced by the
 * first PUT below it in this process: whoever made it may have been killed before doing so.
 */
#include "backends/block/fs/inner.h"

#include "backends/block/call.h"
#include "backends/block/fs/fs_path.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/fault.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/mutex.h"
#include "pipeline/base/rand.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { THREADS = 4, PIECE = 1 << 20, SYNCED_MAX = 512, ASIDE_OLD_S = 24 * 3600, ASIDE_NAME = 40 };

#define ASIDE ".aside"

struct store {
	struct block_pooled pooled;	/* first */
	int dir, aside;
	enum file_way way;		/* of what is PUT */
	struct mutex mutex;		/* synced */
	uint64_t synced[SYNCED_MAX];	/* hashes of folders whose names are on disk */
};

static enum status
failed(struct block_call *call, const char *what)
{
	enum status st = status_of_errno(errno);
	struct text t = text_of(call->text, sizeof call->text);

	text_addf(&t, "%s: %s", what, strerror(errno));
	return st;
}

/* --- PUT --- */

static enum status
write_piece(const struct store *s, int fd, const uint8_t *at, size_t len)
{
	return FAULT("object.write") ? ST_IO : file_write_all(fd, at, len, s->way);
}

static enum status
write_body(const struct store *s, int fd, const struct chain *body, const struct block_op *op)
{
	enum status st = OK;

	for (uint32_t i = 0; i < body->n && st == OK; i++)
		for (uint32_t at = 0; at < body->v[i].len && st == OK;) {
			uint32_t len = MIN(body->v[i].len - at, (uint32_t)PIECE);

			st = block_op_alive(op);
			if (st == OK)
				st = write_piece(s, fd, body->v[i].at + at, len);
			at += len;
		}
	return st;
}

static bool
known_synced(struct store *s, uint64_t hash, bool add)
{
	uint64_t *slot = &s->synced[hash % SYNCED_MAX];
	bool is;

	mutex_lock(&s->mutex);
	is = *slot == hash;
	if (add)
		*slot = hash;
	mutex_unlock(&s->mutex);
	return is;
}

static enum status
folder_sync(const struct store *s, const char *path)
{
	int fd = openat(s->dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum status st;

	if (fd < 0)
		return status_of_errno(errno);
	st = file_sync_folder(fd, "object.folder");
	close(fd);
	return st;
}

/* The folders of a path, each named in a synced one; *last: where the last slash is, or NULL. */
static enum status
folders_make(struct store *s, char *path, char **last)
{
	char *above = NULL;
	enum status st;

	for (char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		uint64_t hash = siphash24((const uint8_t *)"folders of store", path,
		    (size_t)(slash - path)) | 1;

		if (!known_synced(s, hash, false)) {
			*slash = '\0';
			st = mkdirat(s->dir, path, 0700) == 0 || errno == EEXIST ? OK :
			    status_of_errno(errno);
			*slash = '/';
			if (st != OK)
				return st;
			if (above != NULL)
				*above = '\0';
			st = folder_sync(s, above != NULL ? path : ".");
			if (above != NULL)
				*above = '/';
			if (st != OK)
				return st;
			known_synced(s, hash, true);
		}
		above = slash;
	}
	*last = above;
	return OK;
}

/* By link, which fails where the name is taken; else by a rename that does, where a file system
 * knows no links. */
static enum status
name_if_free(const struct store *s, const char *aside, const char *path)
{
	if (!FAULT("object.link") && linkat(s->aside, aside, s->dir, path, 0) == 0)
		return OK;
	if (errno == EEXIST)
		return ST_EXIST;
	return renameat2(s->aside, aside, s->dir, path, RENAME_NOREPLACE) == 0 ? OK :
	    status_of_errno(errno);
}

/* From aside to its name, for good. */
static enum status
name_it(struct store *s, const char *aside, char *path, bool if_absent)
{
	char *last = NULL;
	enum status st = folders_make(s, path, &last);

	if (st != OK)
		return st;
	if (if_absent)
		st = name_if_free(s, aside, path);
	else
		st = renameat(s->aside, aside, s->dir, path) == 0 ? OK : status_of_errno(errno);
	if (st != OK)
		return st;
	if (last != NULL)
		*last = '\0';
	return folder_sync(s, last != NULL ? path : ".");
}

static enum status
run_put(struct store *s, struct block_call *call, const struct block_op *op, char *path)
{
	char aside[ASIDE_NAME];
	enum status st;
	int fd;

	snprintf(aside, sizeof aside, "%016llx%016llx", (unsigned long long)rand_u64(),
	    (unsigned long long)clock_mono_ns());
	fd = openat(s->aside, aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return failed(call, "cannot make a file");
	st = write_body(s, fd, &call->body, op);
	if (st == OK)
		st = file_sync(fd, "object.sync");
	close(fd);
	if (st == OK)
		st = block_op_alive(op);
	if (st == OK)
		st = name_it(s, aside, path, call->if_absent);
	if (unlinkat(s->aside, aside, 0) != 0 && errno != ENOENT && st == OK)
		return failed(call, "cannot remove a file written aside");
	return st;
}

/* --- the others --- */

static enum status
read_all(int fd, struct block_call *call, uint64_t len, const struct block_op *op)
{
	uint64_t done = 0;
	enum status st;

	while (done < len) {
		ssize_t n;

		if ((st = block_op_alive(op)) != OK)
			return st;
		n = pread(fd, call->into + done, MIN(len - done, (uint64_t)PIECE),
		    (off_t)(call->offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return failed(call, "cannot read the file");
		if (n == 0)		/* shorter than it said: somebody has cut it */
			return ST_GARBAGE;
		done += (uint64_t)n;
	}
	call->got = done;
	return OK;
}

static enum status
run_get(struct store *s, struct block_call *call, const struct block_op *op, const char *path)
{
	int fd = openat(s->dir, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat sb;
	uint64_t len;
	enum status st;

	if (fd < 0)
		return errno == ENOENT ? ST_NOENT : failed(call, "cannot open the file");
	if (fstat(fd, &sb) != 0)
		st = failed(call, "cannot look at the file");
	else if ((len = block_call_wanted(call, (uint64_t)sb.st_size)) > call->into_cap)
		st = ST_TOOSMALL;
	else
		st = read_all(fd, call, len, op);
	close(fd);
	return st;
}

static enum status
run_head(struct store *s, struct block_call *call, const char *path)
{
	struct stat sb;

	if (fstatat(s->dir, path, &sb, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? ST_NOENT : failed(call, "cannot look at the file");
	call->got = (uint64_t)sb.st_size;
	return OK;
}

static enum status
run_del(struct store *s, struct block_call *call, char *path)
{
	char *last;

	if (unlinkat(s->dir, path, 0) != 0)
		return errno == ENOENT ? OK : failed(call, "cannot remove the file");
	last = strrchr(path, '/');
	if (last != NULL)
		*last = '\0';
	return folder_sync(s, last != NULL ? path : ".");
}

static enum status
run(void *arg, struct block_call *call, const struct block_op *op)
{
	struct store *s = arg;
	char path[FS_PATH_MAX];
	struct text t = text_of(path, sizeof path);

	if (call->kind == BLOCK_WALK)
		return fs_walk(s->dir, call, op);
	fs_path_of(call->name, &t);
	assert(!t.cut);
	switch (call->kind) {
	case BLOCK_PUT: return run_put(s, call, op, path);
	case BLOCK_GET: return run_get(s, call, op, path);
	case BLOCK_HEAD: return run_head(s, call, path);
	case BLOCK_DEL: return run_del(s, call, path);
	case BLOCK_WALK: break;
	}
	return ST_INVAL;
}

/* --- opening and closing --- */

static void
end(struct block_store *base)
{
	struct store *s = (struct store *)base;

	block_pool_close(&s->pooled);
	close(s->aside);
	close(s->dir);
	mutex_destroy(&s->mutex);
	free(s);
}

static const struct block_store_ops ops = { .kind = "fs", .durable = true, .local = false,
	.start = block_pool_start, .cancel = block_pool_cancel, .close = end };

/* The folder and those above it, each with its name synced. */
static enum status
root_open(const char *path, int *fdp)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), below;
	char part[256];
	enum status st = fd < 0 ? status_of_errno(errno) : OK;

	for (path += strspn(path, "/"); st == OK && *path != '\0'; path += strspn(path, "/")) {
		size_t len = strcspn(path, "/");

		if (len >= sizeof part) {
			st = ST_NAMETOOLONG;
			break;
		}
		memcpy(part, path, len);
		part[len] = '\0';
		path += len;
		if (mkdirat(fd, part, 0700) == 0)
			st = file_sync_folder(fd, "object.above");
		else if (errno != EEXIST)
			st = status_of_errno(errno);
		below = st == OK ? openat(fd, part, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
		if (st == OK && below < 0)
			st = status_of_errno(errno);
		if (below >= 0) {
			close(fd);
			fd = below;
		}
	}
	if (st == OK)
		*fdp = fd;
	else if (fd >= 0)
		close(fd);
	return st;
}

/* What was written aside by one who did not live to name it; a day is longer than any PUT. */
static enum status
tidy(void *arg, const char *name)
{
	int aside = *(int *)arg;
	int64_t now_s = (int64_t)(clock_wall_ns() / NS_PER_S);
	struct stat sb;

	if (name[0] != '.' && fstatat(aside, name, &sb, AT_SYMLINK_NOFOLLOW) == 0 &&
	    now_s - (int64_t)sb.st_mtim.tv_sec > ASIDE_OLD_S)
		unlinkat(aside, name, 0);
	return OK;
}

static enum status
aside_open(int dir, int *fdp)
{
	if (mkdirat(dir, ASIDE, 0700) != 0 && errno != EEXIST)
		return status_of_errno(errno);
	*fdp = openat(dir, ASIDE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*fdp < 0)
		return status_of_errno(errno);
	(void)!file_list(*fdp, tidy, fdp);	/* what stays costs room, no more */
	return OK;
}

/* A folder on a disk of this machine may share it with a log.  What no block device is behind, a
 * network's above all, shares none, and each slice awaited there costs a way there and back. */
static enum file_way
way_of(int dir)
{
	struct stat sb;

	return fstat(dir, &sb) == 0 && major(sb.st_dev) != 0 ? FILE_BEHIND : FILE_AT_ONCE;
}

enum status
block_fs_open(const struct block_store_conf *conf, struct block_store **sp, struct text *why)
{
	const char *path = "";
	const struct backends_conf_row rows[] = {
		{ "path", CONF_TEXT, 2, 1000, &path },
	};
	enum status st = backends_conf_pairs(conf->option, conf->noptions, rows, ARRAY_LEN(rows),
	    why);
	struct store *s;

	if (st != OK)
		return st;
	if (path[0] != '/') {
		text_add(why, "option path: an absolute folder is wanted");
		return ST_INVAL;
	}
	s = xcalloc(1, sizeof *s);
	s->dir = s->aside = -1;
	st = root_open(path, &s->dir);
	if (st == OK)
		st = aside_open(s->dir, &s->aside);
	if (st != OK) {
		text_addf(why, "%s: %s", path, status_text(st));
		if (s->dir >= 0)
			close(s->dir);
		free(s);
		return st;
	}
	s->pooled.base.ops = &ops;
	s->way = way_of(s->dir);
	mutex_init(&s->mutex, RANK_STORE, 1);
	block_pool_open(&s->pooled, "blockfs", THREADS, run);
	*sp = &s->pooled.base;
	return OK;
}
