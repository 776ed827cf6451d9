/*
 * Making a share and taking it apart, in one order and its reverse.
 *
 * The share's row (ids and keys) is a file of its own beside the journal: it is needed before the
 * log can be read.  A share on the memory store has a new one each start: old handles are stale,
 * as its files are gone.
 */
#include "mgmt/shares/wire.h"

#include "backends/backends.h"
#include "mgmt/shares/keys.h"
#include "mgmt/shares/stores.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/fault.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"
#include "pipeline/base/rand.h"
#include "pipeline/base/text.h"
#include "pipeline/block/block.h"
#include "pipeline/block/keys.h"
#include "pipeline/record/key.h"
#include "pipeline/sync/sync.h"
#include "pipeline/vfs/vfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { QUIET_S = 45, ROW_BYTES_MAX = 1024, ROW_CRC = 4 };

struct wiring {
	struct share *share;
	char *why;
	size_t why_cap;
};

__attribute__((format(printf, 3, 4)))
static enum status
wrong(struct wiring *w, enum status st, const char *fmt, ...)
{
	struct text t = text_of(w->why, w->why_cap);
	char what[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	text_addf(&t, "share %s: %s", w->share->conf.name, what);
	return st;
}

static bool
make_dirs(const char *dir)
{
	char path[1100];
	size_t len = strlen(dir);

	if (len >= sizeof path)
		return false;
	memcpy(path, dir, len + 1);
	for (size_t i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		char was = path[i];

		path[i] = '\0';
		if (mkdir(path, 0700) != 0 && errno != EEXIST)
			return false;
		path[i] = was;
	}
	return true;
}

static void
row_number(struct share_row *row)
{
	row->share = get_be64(row->share_id) >> 1 | 1;
	row->fsid = get_be64(row->share_id + 8) >> 1 | 1;
}

static void
row_named(struct share_row *row, const uint8_t share_id[16])
{
	memcpy(row->share_id, share_id, sizeof row->share_id);
	row_number(row);
}

/* The keys of a share that encrypts: fresh ones, or those that are there. */
static enum status
keys(struct wiring *w, bool fresh)
{
	struct share *s = w->share;
	char why[400] = "";
	enum status st = OK;

	if (!fresh)
		st = shares_keys_open(s, why, sizeof why);
	else if (s->conf.encryption != 0)
		st = shares_keys_make(s, why, sizeof why);
	return st == OK ? OK : wrong(w, st, "%s", why[0] ? why : status_text(st));
}

/* A share that is there: does it encrypt, and is that what is asked for? */
static enum status
keys_there(struct wiring *w)
{
	struct share *s = w->share;
	uint8_t share_id[16];
	char why[400] = "";
	enum status st = shares_keys_whose(s->conf.dir, share_id, why, sizeof why);

	if (st == OK)
		return keys(w, false);
	if (st != ST_NOENT)
		return wrong(w, st, "%s", why);
	if (s->conf.encryption != 0)
		return wrong(w, ST_INVAL, "it was made without encryption and has no file `keys`: "
		    "restore that file if it had one, else make a new share and copy");
	return OK;
}

static void
row_new(struct share_row *row)
{
	*row = (struct share_row){ .fold_version = 1 };
	rand_bytes(row->share_id, sizeof row->share_id);
	rand_bytes(row->journal_id, sizeof row->journal_id);
	rand_bytes(row->handle_key, sizeof row->handle_key);
	rand_bytes(row->name_key, sizeof row->name_key);
	rand_bytes(row->digest_key, sizeof row->digest_key);
	row_number(row);
}

/* The folders above a share, which may have been made for it just now, or by one who was killed
 * right after.  One that may be passed but not read was not made by us. */
static enum status
sync_above(const char *dir)
{
	char path[1100];
	size_t len = strlen(dir);
	enum status st = OK;

	if (len >= sizeof path)
		return ST_NAMETOOLONG;
	memcpy(path, dir, len + 1);
	for (size_t i = len; st == OK && i-- > 0;) {
		int fd;

		if (path[i] != '/' || path[i + 1] == '\0')
			continue;
		path[i + 1] = '\0';
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0) {
			st = errno == EACCES ? OK : status_of_errno(errno);
			continue;
		}
		st = file_sync_folder(fd, "share.above");
		close(fd);
	}
	return st;
}

static enum status
row_make(struct wiring *w, int dirfd)
{
	struct share *s = w->share;
	uint8_t bytes[ROW_BYTES_MAX];
	struct writer out = writer_of(bytes, sizeof bytes);

	uint8_t share_id[16], digest_key[32];
	char why[400] = "";
	enum status st = shares_keys_whose(s->conf.dir, share_id, why, sizeof why);

	if (st != OK && st != ST_NOENT)
		return wrong(w, st, "%s", why);
	row_new(&s->row);
	if (st == OK)			/* its making was interrupted, or the row was lost */
		row_named(&s->row, share_id);
	if ((st = keys(w, st != OK)) != OK)
		return st;
	memcpy(digest_key, s->row.digest_key, sizeof digest_key);
	if (s->keys != NULL)		/* it comes of the first share key, and is kept nowhere */
		memset(s->row.digest_key, 0, sizeof s->row.digest_key);
	rec_share_encode(&out, &s->row);
	memcpy(s->row.digest_key, digest_key, sizeof digest_key);
	write_le32(&out, crc32c(0, bytes, out.len));
	assert(writer_ok(&out));
	/* The journal's opening syncs the folder before anything that cites the row is durable; a
	 * row lost earlier is nobody's and made anew. */
	st = sync_above(s->conf.dir);
	if (st == OK)
		st = file_replace(dirfd, "share", bytes, out.len, "share.sync");
	return st == OK ? OK :
	    wrong(w, ST_IO, "cannot write %s/share: %s", s->conf.dir, status_text(st));
}

static enum status
row_read(struct wiring *w, int dirfd, bool *fresh)
{
	struct share *s = w->share;
	uint8_t bytes[ROW_BYTES_MAX];
	int fd = openat(dirfd, "share", O_RDONLY | O_CLOEXEC);
	ssize_t got;

	*fresh = fd < 0 && errno == ENOENT;
	if (*fresh)
		return row_make(w, dirfd);
	if (fd < 0)
		return wrong(w, ST_IO, "cannot open %s/share: %s", s->conf.dir, strerror(errno));
	got = read(fd, bytes, sizeof bytes);
	close(fd);
	if (got <= ROW_CRC || crc32c(0, bytes, (size_t)got - ROW_CRC) !=
	    get_le32(bytes + got - ROW_CRC) ||
	    rec_share_decode(slice_of(bytes, (uint32_t)got - ROW_CRC), &s->row) != OK)
		return wrong(w, ST_CORRUPT, "%s/share is damaged; restore it from a backup",
		    s->conf.dir);
	return keys_there(w);
}

/* The folder, and who the share is. */
static enum status
identity(struct wiring *w, bool *fresh)
{
	struct share *s = w->share;
	enum status st;
	int dirfd;

	if (!make_dirs(s->conf.dir))
		return wrong(w, ST_IO, "cannot make %s: %s", s->conf.dir, strerror(errno));
	if (strcmp(s->conf.meta, "memory") == 0) {
		*fresh = true;
		row_new(&s->row);
		return keys(w, true);
	}
	dirfd = open(s->conf.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return wrong(w, ST_IO, "cannot open %s: %s", s->conf.dir, strerror(errno));
	st = row_read(w, dirfd, fresh);
	close(dirfd);
	return st;
}

static enum status
journal(struct wiring *w, void (*remember)(uint64_t, const struct note *))
{
	struct share *s = w->share;
	struct meta_ident ident;
	char text[400] = "";
	enum status st = s->store->ops->ident(s->store, &ident);
	bool fresh = st == ST_NOENT;

	if (st != OK && st != ST_NOENT)
		return wrong(w, st, "its metadata store cannot say whose it is: %s",
		    status_text(st));
	st = block_open(s, fresh, remember, text, sizeof text);
	if (st != OK)
		return wrong(w, st, "its journal: %s", text[0] ? text : status_text(st));
	return OK;
}

static enum status
root(struct wiring *w)
{
	struct share *s = w->share;
	struct key key = key_inode(INO_ROOT);
	struct arena arena;
	struct version v;
	enum status st;

	arena_init(&arena, NULL, 0, 1 << 16);
	st = catalog_get(s->catalog, key_slice(&key), true, &arena, &v);
	if (st == OK && !v.exists)
		st = vfs_make_root(s);
	arena_rewind(&arena);
	return st == OK ? OK : wrong(w, st, "its root directory: %s", status_text(st));
}

/* Let go of what was made so far, the last first. */
static void
undo(struct share *s)
{
	if (s->sync != NULL && sync_close_share(s) != OK)
		log_error("share.close", F_STR("share", s->conf.name), F_STR("part", "sync"));
	if (s->inodes != NULL)
		vfs_close_share(s);
	if (s->block != NULL) {
		if (block_close(s) != OK)
			log_error("share.close", F_STR("share", s->conf.name),
			    F_STR("part", "journal"));
		block_free(s);
	}
	if (s->catalog != NULL)
		catalog_free(&s->catalog);
	keys_free(&s->keys);
	if (s->store != NULL) {
		struct meta_store *store = TAKE(&s->store);

		store->ops->close(store);
	}
	stores_drop(&s->remote);
}

/* A quarter of the bytes for blocks read, the rest for the two write buffers there may be. */
static enum status
metadata(struct wiring *w, uint64_t cache_bytes)
{
	struct share *s = w->share;
	struct meta_conf meta = { .dir = s->conf.meta_dir[0] ? s->conf.meta_dir : s->conf.dir,
		.cache_bytes = cache_bytes / 4 };
	char said[400] = "", options[64];
	bool durable;
	enum status st;

	if (!meta_store_known(s->conf.meta, &durable))
		return wrong(w, ST_INVAL, "no metadata store is called \"%s\"", s->conf.meta);
	snprintf(options, sizeof options, "write_buffer=%llu",
	    (unsigned long long)cache_bytes / 8 * 3);
	meta.options = durable ? options : NULL;
	st = meta_store_open(s->conf.meta, &meta, &s->store, said, sizeof said);
	return st == OK ? OK : wrong(w, st, "its metadata store: %s", said);
}

/* Nothing is asked of it yet: a share opens also while its remote store is away. */
static enum status
far(struct wiring *w, const struct store_spec *remote)
{
	struct share *s = w->share;
	char said[300] = "";
	enum status st;

	if (remote == NULL)
		return OK;
	st = stores_take(remote, &s->remote, said, sizeof said);
	if (st != OK)
		return wrong(w, st, "its remote store %s: %s", remote->name, said);
	s->remote_uploads = remote->uploads;
	s->remote_volatile = !s->remote->ops->durable;
	return OK;
}

enum status
share_wire(const struct share_conf *conf, struct share_rules *rules,
    const struct store_spec *remote, uint64_t meta_cache_bytes,
    void (*remember)(uint64_t share, const struct note *note), char *why, size_t why_cap)
{
	struct wiring w = { share_new(conf), why, why_cap };
	struct share *s = w.share;
	bool fresh;
	enum status st = identity(&w, &fresh);

	if (rules != NULL) {
		struct share_rules *old = share_rules_swap(s, rules);

		rules_put(&old);
	}
	if (st == OK)
		st = metadata(&w, meta_cache_bytes);
	if (st == OK)
		st = far(&w, remote);
	if (st == OK)
		st = journal(&w, remember);
	if (st == OK) {
		vfs_open_share(s);
		st = root(&w);
	}
	if (st == OK) {
		sync_open_share(s);
		atomic_store_explicit(&s->state, SHARE_OPEN, memory_order_release);
		st = registry_publish(s);
		if (st != OK)
			st = wrong(&w, st, "a share of that name or number is open already");
	}
	if (st != OK) {
		atomic_store_explicit(&s->state, SHARE_CLOSED, memory_order_release);
		undo(s);
		share_put(&s);
		return st;
	}
	log_info("share.open", F_STR("share", conf->name), F_STR("metadata", conf->meta),
	    F_STR("dir", conf->dir), F_STR("remote", remote != NULL ? remote->name : ""),
	    F_STR("last_end", s->was_clean ? "clean" : "unclean"));
	share_put(&s);
	return OK;
}

/* Is it there at all?  Opening would make what is not. */
static enum status
there(struct wiring *w)
{
	struct share *s = w->share;
	char path[1100];
	struct text t = text_of(path, sizeof path);

	if (strcmp(s->conf.meta, "memory") == 0)
		return wrong(w, ST_NOTSUPP,
		    "it is on the memory store: it is gone with the daemon");
	text_addf(&t, "%s/share", s->conf.dir);
	if (t.cut || access(path, F_OK) != 0)
		return wrong(w, ST_NOENT, "there is no share in %s", s->conf.dir);
	return OK;
}

enum status
share_wire_alone(const struct share_conf *conf, const struct store_spec *remote,
    uint64_t meta_cache_bytes, struct share **sp, char *why, size_t why_cap)
{
	struct wiring w = { share_new(conf), why, why_cap };
	enum status st = there(&w);
	bool fresh;

	if (st == OK)
		st = identity(&w, &fresh);
	if (st == OK)
		st = metadata(&w, meta_cache_bytes);
	if (st == OK)
		st = far(&w, remote);
	if (st == OK)
		st = journal(&w, NULL);
	if (st != OK) {
		undo(w.share);
		share_put(&w.share);
		return st;
	}
	*sp = w.share;
	return OK;
}

void
share_unwire_alone(struct share **sp)
{
	struct share *s = *sp;

	undo(s);
	share_put(sp);
}

/* Wait, but not for ever, until no more than n hold the share. */
static bool
alone(struct share *s, int64_t n)
{
	uint64_t until = clock_mono_ns() + (uint64_t)QUIET_S * NS_PER_S;
	struct timespec nap = clock_timespec(2 * NS_PER_MS);

	while (share_holders(s) > n) {
		if (clock_mono_ns() > until)
			return false;
		nanosleep(&nap, NULL);
	}
	return true;
}

enum status
share_unwire(struct share *s)
{
	struct share *kept = share_ref(s);

	/* Requests that come meanwhile are told to come again, those on their way end, or wait for
	 * the remote no longer; then nobody finds it any more, and who found it last lets go. */
	atomic_store_explicit(&kept->state, SHARE_CLOSING, memory_order_release);
	block_remote_halt(kept, true);
	if (!alone(kept, 3)) {
		block_remote_halt(kept, false);
		atomic_store_explicit(&kept->state, SHARE_OPEN, memory_order_release);
		share_put(&kept);
		return ST_BUSY;
	}
	registry_retire(kept);
	while (!alone(kept, 2))
		log_warn("share.close", F_STR("share", kept->conf.name),
		    F_STR("waits", "requests"));
	atomic_store_explicit(&kept->state, SHARE_CLOSED, memory_order_release);
	undo(kept);
	log_info("share.close", F_STR("share", kept->conf.name));
	share_put(&kept);
	return OK;
}
