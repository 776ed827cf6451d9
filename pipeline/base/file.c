/*
 * A write may be cut short by a signal or a full disk: what is left is written again, until an
 * error says what is the matter.  The end of a folder and an error on the way look the same until
 * errno is asked.
 */
#include "pipeline/base/file.h"

#include "pipeline/base/fault.h"
#include "pipeline/base/lane.h"
#include "pipeline/base/panic.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

/* Who waits here is told what went wrong, and fdatasync is not told it again.  A pipe and some file
 * systems know no such thing, and need not. */
static enum status
taken_by_disk(int fd)
{
	if (sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER) == 0 ||
	    errno == ESPIPE || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)
		return OK;
	return status_of_errno(errno);
}

static enum status
write_some(int fd, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return status_of_errno(errno);
		if (n == 0)
			return ST_IO;
		bytes += n;
		len -= (size_t)n;
	}
	return OK;
}

enum status
file_write_all(int fd, const void *bytes, size_t len, enum file_way way)
{
	enum status st = OK;

	if (way == FILE_AT_ONCE)
		return write_some(fd, bytes, len);
	for (size_t done = 0; done < len && st == OK; done += LANE_SLICE) {
		bool entered = lane_enter();

		st = write_some(fd, (const uint8_t *)bytes + done,
		    MIN(len - done, (size_t)LANE_SLICE));
		if (st == OK)
			st = taken_by_disk(fd);
		lane_leave(entered);
	}
	return st;
}

static enum status
sync_at(int fd, const char *site, int (*sync)(int fd))
{
	(void)site;			/* a build without fault points has no use for it */
	if (FAULT(site))
		return ST_IO;
	if (sync_skipped(site))
		return OK;
	return sync(fd) == 0 ? OK : status_of_errno(errno);
}

enum status
file_sync(int fd, const char *site)
{
	return sync_at(fd, site, fdatasync);
}

enum status
file_sync_folder(int dirfd, const char *site)
{
	return sync_at(dirfd, site, fsync);
}

enum status
file_replace(int dirfd, const char *name, const void *bytes, size_t len, const char *site)
{
	char aside[FILE_NAME_MAX + sizeof ".new"];
	int n = snprintf(aside, sizeof aside, "%s.new", name), fd;
	enum status st;

	assert(n > 0 && (size_t)n < sizeof aside);
	fd = openat(dirfd, aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return status_of_errno(errno);
	st = file_write_all(fd, bytes, len, FILE_AT_ONCE);
	if (st == OK)
		st = file_sync(fd, site);
	close(fd);
	if (st == OK && renameat(dirfd, aside, dirfd, name) != 0)
		st = status_of_errno(errno);
	return st;
}

enum status
file_list(int dirfd, enum status (*each)(void *arg, const char *name), void *arg)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e = NULL;
	enum status st = OK;

	if (dir == NULL) {
		st = status_of_errno(errno);
		if (fd >= 0)
			close(fd);
		return st;
	}
	do {
		errno = 0;
		if ((e = readdir(dir)) != NULL)
			st = each(arg, e->d_name);
		else if (errno != 0)
			st = status_of_errno(errno);
	} while (st == OK && e != NULL);
	closedir(dir);
	return st;
}
