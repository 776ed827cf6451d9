/*
 * What is written into the folder of the mirror and taken from it: a file is whole and synced, and
 * so is its name, before a row cites it.
 *
 * A file that no row names is left of a crash between mirror_put and its entry; who opens the
 * share deletes it, and mirror_put writes over it.
 */
#include "pipeline/block/mirror.h"

#include "pipeline/base/file.h"
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

/* Out of the table, for those who look from now on. */
static void
forget(struct mirror *m, uint64_t number)
{
	struct vessel *found;

	while ((found = vessel_take_out(m, number)) != NULL) /* readers may have opened it twice */
		vessel_put(&found);
}

/* --- written --- */

static enum status
write_file(struct mirror *m, int fd, const uint8_t *bytes, uint64_t len)
{
	enum status st;

	if ((st = vessel_write(fd, bytes, len)) != OK ||
	    (st = file_sync(fd, "container.sync")) != OK)
		return st;
	return file_sync_folder(m->dirfd, "container.folder");
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
	vessel_whole_name(name, number);
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
		st = file_sync(fd, "container.sync");
	close(fd);
	return st;
}

/* The old bytes are there until the new ones are synced and have their name. */
enum status
mirror_replace(struct mirror *m, uint64_t number, const uint8_t *bytes, uint64_t len)
{
	char aside[NAME_CAP], name[NAME_CAP], part[NAME_CAP];
	struct text t = text_of(aside, sizeof aside);	/* parts are made under another name */
	struct stat sb;
	uint64_t was;
	enum status st;

	text_addf(&t, "%016llx.dfw", (unsigned long long)number);
	vessel_part_name(part, number);
	vessel_whole_name(name, number);
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
	forget(m, number);
	return file_sync_folder(m->dirfd, "container.folder");
}

/* --- taken --- */

/* The whole file alone; who had it open a moment ago does not keep it. */
static enum status
delete_whole(struct mirror *m, uint64_t number)
{
	char name[NAME_CAP];
	struct stat sb;

	forget(m, number);
	vessel_whole_name(name, number);
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
