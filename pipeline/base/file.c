/*
 * A write may be cut short by a signal or a full disk: what is left is written again, until an
 * error says what is the matter.
 */
#include "pipeline/base/file.h"

#include "pipeline/base/fault.h"
#include "pipeline/base/panic.h"

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

enum status
file_write_all(int fd, const void *bytes, size_t len, size_t slice)
{
	const uint8_t *at = bytes;

	while (len > 0) {
		ssize_t n = write(fd, at, slice != 0 ? MIN(len, slice) : len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return status_of_errno(errno);
		if (n == 0)
			return ST_IO;
		at += n;
		len -= (size_t)n;
	}
	return OK;
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
