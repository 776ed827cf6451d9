/*
 * The local tier: one file a container.  A few hundred are kept open with their parsed index;
 * who reads holds a reference, so that a file may be deleted or pushed out under a reader.
 *
 * A file that no row names is left of a crash between mirror_put and its entry; who opens the
 * share deletes it, and mirror_put writes over it.
 */
#include "pipeline/block/mirror.h"

#include "crypto/secret.h"
#include "pipeline/base/fault.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/text.h"
#include "pipeline/block/pread.h"
#include "pipeline/block/vessel.h"
#include "pipeline/block/whole.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPEN_MAX_FILES = 256, NAME_HEX = 16, RANK_NUMBER = 1 << 24 };

static void
name_of(char name[NAME_CAP], uint64_t number)
{
	struct text t = text_of(name, NAME_CAP);

	text_addf(&t, "%016llx.dfc", (unsigned long long)number);
}

/* A file's number by its name; false: not one of ours. */
bool
vessel_number(const char *name, const char *ending, uint64_t *number)
{
	uint64_t n = 0;

	if (strlen(name) != NAME_HEX + 4 || strcmp(name + NAME_HEX, ending) != 0)
		return false;
	for (int i = 0; i < NAME_HEX; i++) {
		char c = name[i];

		if (c >= '0' && c <= '9')
			n = n << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			n = n << 4 | (uint64_t)(c - 'a' + 10);
		else
			return false;
	}
	*number = n;
	return true;
}

static bool
add_bytes(void *arg, uint64_t number, uint64_t bytes)
{
	uint64_t *sum = arg;

	(void)number;
	*sum += bytes;
	return true;
}

static enum status
sync_site(const char *site, int fd, int (*sync)(int))
{
	if (FAULT(site))
		return ST_IO;
	if (sync_skipped(site))
		return OK;
	return sync(fd) == 0 ? OK : status_of_errno(errno);
}

enum status
mirror_open(const char *dir, const struct container_ident *ident, const struct container_keys *plain,
    const struct share_keys *keys, struct mirror **mp)
{
	struct mirror *m;
	uint64_t sum = 0, parts = 0;
	enum status st;
	int fd;

	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return status_of_errno(errno);
	m = xcalloc(1, sizeof *m);
	m->ident = *ident;
	m->plain = *plain;
	m->keys = keys;
	m->dirfd = fd;
	mutex_init(&m->mutex, RANK_PAGE, RANK_NUMBER);
	list_init(&m->age);
	for (int i = 0; i < BUCKETS; i++)
		list_init(&m->bucket[i]);
	mirror_making_drop(m);
	if ((st = mirror_walk(m, add_bytes, &sum)) != OK ||
	    (st = mirror_walk_parts(m, add_bytes, &parts)) != OK) {
		mirror_close(&m);
		return st;
	}
	atomic_store_explicit(&m->bytes, sum, memory_order_relaxed);
	atomic_store_explicit(&m->sparse, parts, memory_order_relaxed);
	*mp = m;
	return OK;
}

void
vessel_put(struct vessel **vp)
{
	struct vessel *v = TAKE(vp);

	if (v == NULL || !ref_drop(&v->refs))
		return;
	close(v->fd);
	secret_wipe(&v->keys, sizeof v->keys);
	free(v);
}

/* Out of the table: its reference is the caller's to drop, outside the mutex. */
static struct vessel *
take_out_locked(struct mirror *m, struct vessel *v)
{
	list_remove(&v->bucket);
	list_remove(&v->age);
	m->open--;
	return v;
}

void
mirror_close(struct mirror **mp)
{
	struct mirror *m = TAKE(mp);

	if (m == NULL)
		return;
	while (!list_empty(&m->age)) {
		struct vessel *v = take_out_locked(m,
		    container_of(m->age.next, struct vessel, age));

		vessel_put(&v);
	}
	mutex_destroy(&m->mutex);
	close(m->dirfd);
	free(m);
}

/* --- writing --- */

static enum status
write_file(struct mirror *m, int fd, const uint8_t *bytes, uint64_t len)
{
	enum status st;

	if ((st = vessel_write(fd, bytes, len)) != OK ||
	    (st = sync_site("container.sync", fd, fdatasync)) != OK)
		return st;
	return sync_site("container.folder", m->dirfd, fsync);
}

enum status
mirror_put(struct mirror *m, uint64_t number, const uint8_t *bytes, uint64_t len)
{
	char name[NAME_CAP];
	enum status st;
	int fd;

	st = mirror_delete(m, number);
	if (st != OK && st != ST_NOENT)
		return st;
	name_of(name, number);
	fd = openat(m->dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return status_of_errno(errno);
	st = write_file(m, fd, bytes, len);
	close(fd);
	if (st != OK) {
		unlinkat(m->dirfd, name, 0);	/* nothing more can be done about it */
		return st;
	}
	atomic_fetch_add_explicit(&m->bytes, len, memory_order_relaxed);
	return OK;
}

static enum status
write_aside(struct mirror *m, const char *aside, const uint8_t *bytes, uint64_t len)
{
	int fd = openat(m->dirfd, aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	enum status st;

	if (fd < 0)
		return status_of_errno(errno);
	if ((st = vessel_write(fd, bytes, len)) == OK)
		st = sync_site("container.sync", fd, fdatasync);
	close(fd);
	return st;
}

/* The old bytes are there until the new ones are synced and have their name. */
enum status
mirror_replace(struct mirror *m, uint64_t number, const uint8_t *bytes, uint64_t len)
{
	char aside[NAME_CAP], name[NAME_CAP], part[NAME_CAP];
	struct text t = text_of(aside, sizeof aside);	/* parts are made under another name */
	struct vessel *found;
	struct stat sb;
	uint64_t was;
	enum status st;

	text_addf(&t, "%016llx.dfw", (unsigned long long)number);
	vessel_part_name(part, number);
	name_of(name, number);
	was = fstatat(m->dirfd, name, &sb, AT_SYMLINK_NOFOLLOW) == 0 ? (uint64_t)sb.st_size : 0;
	st = write_aside(m, aside, bytes, len);
	if (st == OK && renameat(m->dirfd, aside, m->dirfd, name) < 0)
		st = status_of_errno(errno);
	if (st != OK) {
		unlinkat(m->dirfd, aside, 0);
		return st;
	}
	atomic_fetch_add_explicit(&m->bytes, len - was, memory_order_relaxed);
	unlinkat(m->dirfd, part, 0);	/* found by nobody now */
	while ((found = vessel_take_out(m, number)) != NULL)
		vessel_put(&found);
	return sync_site("container.folder", m->dirfd, fsync);
}

struct vessel *
vessel_take_out(struct mirror *m, uint64_t number)
{
	struct list *bucket = &m->bucket[hash_u64(number) % BUCKETS];
	struct vessel *found = NULL;

	mutex_lock(&m->mutex);
	LIST_EACH(l, bucket) {
		struct vessel *v = container_of(l, struct vessel, bucket);

		if (v->ident.number != number)
			continue;
		found = take_out_locked(m, v);
		break;
	}
	mutex_unlock(&m->mutex);
	return found;
}

/* Out of the table, for those who look from now on. */
static void
forget(struct mirror *m, uint64_t number)
{
	struct vessel *found;

	while ((found = vessel_take_out(m, number)) != NULL)	/* readers may have opened it twice */
		vessel_put(&found);
}

/* The whole file alone; who had it open a moment ago does not keep it. */
static enum status
delete_whole(struct mirror *m, uint64_t number)
{
	char name[NAME_CAP];
	struct stat sb;

	forget(m, number);
	name_of(name, number);
	if (fstatat(m->dirfd, name, &sb, AT_SYMLINK_NOFOLLOW) < 0 ||
	    unlinkat(m->dirfd, name, 0) < 0)
		return status_of_errno(errno);
	atomic_fetch_sub_explicit(&m->bytes, (uint64_t)sb.st_size, memory_order_relaxed);
	forget(m, number);
	return OK;
}

enum status
mirror_delete(struct mirror *m, uint64_t number)
{
	char name[NAME_CAP];

	vessel_part_name(name, number);
	if (unlinkat(m->dirfd, name, 0) < 0 && errno != ENOENT)
		return status_of_errno(errno);
	return delete_whole(m, number);
}

/* Header and index of an open whole file make a part. */
static enum status
thin(struct mirror *m, const struct vessel *v)
{
	uint64_t end_len = (uint64_t)v->n * CONTAINER_ROW + CONTAINER_TRAILER;
	uint32_t head_len = vessel_head_bytes(v);
	uint8_t head[MIRROR_HEAD], *end = xmalloc(end_len);
	enum status st = pread_full(v->fd, head, head_len, 0, false);

	if (st == OK)
		st = pread_full(v->fd, end, end_len, v->bytes - end_len, false);
	if (st == OK)
		st = vessel_part_make(m, v->ident.number, v->bytes,
		    &(struct mirror_ends){ head, end, head_len, end_len });
	free(end);
	return st;
}

enum status
mirror_thin(struct mirror *m, uint64_t number)
{
	struct vessel *v = NULL;

	/* What keeps it from being thin does not keep it from going. */
	if (vessel_get(m, number, &v) == OK && !v->part)
		(void)thin(m, v);
	vessel_put(&v);
	return delete_whole(m, number);
}

/* --- reading --- */

static struct vessel *
vessel_find(struct mirror *m, uint64_t number)
{
	struct list *bucket = &m->bucket[hash_u64(number) % BUCKETS];
	struct vessel *found = NULL;

	mutex_lock(&m->mutex);
	LIST_EACH(l, bucket) {
		struct vessel *v = container_of(l, struct vessel, bucket);

		if (v->ident.number != number)
			continue;
		found = v;
		ref_take(&v->refs);
		list_remove(&v->age);
		list_push_back(&m->age, &v->age);
		break;
	}
	mutex_unlock(&m->mutex);
	return found;
}

/* Into the table; one more or less of the same number does no harm.  Returns who must go. */
static struct vessel *
vessel_keep(struct mirror *m, struct vessel *v)
{
	struct vessel *out = NULL;

	ref_take(&v->refs);
	mutex_lock(&m->mutex);
	if (m->open == OPEN_MAX_FILES)
		out = take_out_locked(m, container_of(m->age.next, struct vessel, age));
	list_push_back(&m->bucket[hash_u64(v->ident.number) % BUCKETS], &v->bucket);
	list_push_back(&m->age, &v->age);
	m->open++;
	mutex_unlock(&m->mutex);
	return out;
}

/* The keys that open a container: the share's, or its own, which lies behind its header. */
enum status
vessel_keys(struct mirror *m, const struct container_head *head, const uint8_t *wrapped,
    struct container_keys *out)
{
	if (head->aead == 0) {
		*out = m->plain;
		return OK;
	}
	return m->keys == NULL ? ST_NOKEY : keys_container_open(m->keys, head, wrapped, out);
}

static enum status
keys_of(struct mirror *m, int fd, const struct container_head *head, struct container_keys *out)
{
	uint8_t wrapped[CONTAINER_WRAPPED] = { 0 };
	enum status st = head->aead == 0 ? OK :
	    pread_full(fd, wrapped, sizeof wrapped, CONTAINER_HEADER, false);

	return st == OK ? vessel_keys(m, head, wrapped, out) : st;
}

/* Header and index of an open file. */
static enum status
vessel_read(struct mirror *m, int fd, uint64_t number, struct vessel **vp)
{
	uint8_t header[CONTAINER_HEADER], trailer[CONTAINER_TRAILER], *end = NULL;
	struct container_head head;
	struct container_keys keys;
	struct vessel *v = NULL;
	uint64_t end_bytes, bytes;
	struct stat sb;
	enum status st;
	uint32_t rows;

	if (fstat(fd, &sb) < 0)
		return status_of_errno(errno);
	bytes = (uint64_t)sb.st_size;
	if (bytes < CONTAINER_HEADER + CONTAINER_TRAILER)
		return ST_CORRUPT;
	if ((st = pread_full(fd, header, sizeof header, 0, false)) != OK ||
	    (st = container_header_parse(header, bytes, &head)) != OK ||
	    (st = pread_full(fd, trailer, sizeof trailer, bytes - sizeof trailer, false)) != OK ||
	    (st = container_end_bytes(trailer, bytes, &end_bytes)) != OK)
		return st;
	if (head.ident.number != number || memcmp(head.ident.share_id, m->ident.share_id, 16) != 0)
		return ST_CORRUPT;
	if ((st = keys_of(m, fd, &head, &keys)) != OK)
		return st;
	rows = (uint32_t)((end_bytes - CONTAINER_TRAILER) / CONTAINER_ROW);
	v = xcalloc(1, sizeof *v + rows * sizeof v->rows[0]);
	end = xmalloc(end_bytes);
	if ((st = pread_full(fd, end, end_bytes, bytes - end_bytes, false)) == OK)
		st = container_index_parse(&head.ident, &keys, end, end_bytes, bytes, v->rows, rows,
		    &v->n);
	free(end);
	if (st == OK)
		v->keys = keys;
	secret_wipe(&keys, sizeof keys);
	if (st != OK) {
		free(v);
		return st;
	}
	v->ident = head.ident;
	v->bytes = bytes;
	v->fd = fd;
	ref_init(&v->refs);
	list_init(&v->bucket);
	list_init(&v->age);
	*vp = v;
	return OK;
}

int
vessel_file(struct mirror *m, uint64_t number, bool *part)
{
	char name[NAME_CAP];
	int fd;

	name_of(name, number);
	fd = openat(m->dirfd, name, O_RDWR | O_CLOEXEC);
	*part = fd < 0 && errno == ENOENT;
	if (!*part)
		return fd;
	vessel_part_name(name, number);
	return openat(m->dirfd, name, O_RDWR | O_CLOEXEC);
}

static enum status
vessel_open(struct mirror *m, uint64_t number, struct vessel **vp)
{
	struct vessel *v = NULL, *out;
	enum status st;
	bool part;
	int fd;

	fd = vessel_file(m, number, &part);
	if (fd < 0)
		return status_of_errno(errno);
	if ((st = vessel_read(m, fd, number, &v)) != OK) {
		close(fd);
		return st;
	}
	v->part = part;
	out = vessel_keep(m, v);
	vessel_put(&out);
	*vp = v;
	return OK;
}

enum status
vessel_get(struct mirror *m, uint64_t number, struct vessel **vp)
{
	*vp = vessel_find(m, number);
	return *vp != NULL ? OK : vessel_open(m, number, vp);
}

/* Stored bytes aside, so that none reach the caller before they are known to be good. */
static enum status
vessel_chunk(const struct vessel *v, uint32_t index, uint8_t *to, bool nowait)
{
	const struct container_chunk *row = &v->rows[index];
	size_t len = (size_t)row->stored + CONTAINER_TAG;
	uint8_t *stored = xmalloc(len);
	enum status st = pread_full(v->fd, stored, len, row->at, nowait);

	if (st == OK)
		st = container_open(&v->ident, &v->keys, index, row, stored, to);
	free(stored);
	return st;
}

enum status
mirror_read(struct mirror *m, uint64_t number, uint32_t index, const uint8_t digest[32],
    uint8_t *to, uint32_t len, bool nowait)
{
	struct vessel *v = vessel_find(m, number);
	enum status st = OK;

	if (v == NULL && nowait)
		return ST_DELAY;
	if (v == NULL && (st = vessel_open(m, number, &v)) != OK)
		return st;
	if (index >= v->n || v->rows[index].plain != len ||
	    memcmp(v->rows[index].digest, digest, 32) != 0)
		st = ST_CORRUPT;
	else
		st = vessel_has(v, index) ? vessel_chunk(v, index, to, nowait) : ST_NOENT;
	vessel_put(&v);
	return st;
}

static enum status
vessel_whole(const struct vessel *v, uint8_t **bytesp, uint64_t *lenp)
{
	uint8_t *bytes, *plain;
	struct stat sb;
	enum status st;

	if (fstat(v->fd, &sb) < 0)
		return status_of_errno(errno);
	bytes = xmalloc((size_t)sb.st_size);
	plain = xmalloc(CONTAINER_UNIT);
	st = pread_full(v->fd, bytes, (size_t)sb.st_size, 0, false);
	for (uint32_t i = 0; i < v->n && st == OK; i++)
		st = v->rows[i].plain > CONTAINER_UNIT ? ST_CORRUPT :
		    vessel_chunk(v, i, plain, false);
	free(plain);
	if (st != OK) {
		free(bytes);
		return st;
	}
	*bytesp = bytes;
	*lenp = (uint64_t)sb.st_size;
	return OK;
}

enum status
mirror_load(struct mirror *m, uint64_t number, uint64_t *fence, uint8_t **bytes, uint64_t *len)
{
	struct vessel *v;
	enum status st = vessel_get(m, number, &v);

	if (st != OK)
		return st;
	st = v->part ? ST_NOENT : vessel_whole(v, bytes, len);
	if (st == OK)
		*fence = v->ident.fence;
	vessel_put(&v);
	return st;
}

enum status
mirror_fence(struct mirror *m, uint64_t number, uint64_t *fence)
{
	struct vessel *v;
	enum status st = vessel_get(m, number, &v);

	if (st != OK)
		return st;
	*fence = v->ident.fence;
	vessel_put(&v);
	return OK;
}

bool
mirror_whole(struct mirror *m, uint64_t number)
{
	char name[NAME_CAP];
	struct stat sb;

	name_of(name, number);
	return fstatat(m->dirfd, name, &sb, AT_SYMLINK_NOFOLLOW) == 0;
}

uint64_t
mirror_bytes(const struct mirror *m)
{
	return atomic_load_explicit(&m->bytes, memory_order_relaxed);
}
