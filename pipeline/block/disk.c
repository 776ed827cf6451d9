/*
 * Plain system calls, whole and named.
 */
#include "pipeline/block/disk.h"

#include "pipeline/base/fault.h"
#include "pipeline/base/panic.h"

#include <errno.h>
#include <unistd.h>

enum { ZERO_BYTES = 1 << 18, IOV_MAX_CALL = 1024 };

enum status
disk_writev(int fd, struct iovec *iov, int n, uint64_t at, const char *point)
{
	if (FAULT(point))
		return ST_IO;
	while (n > 0) {
		ssize_t done = pwritev(fd, iov, MIN(n, IOV_MAX_CALL), (off_t)at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return status_of_errno(errno);
		if (done == 0)
			return ST_IO;
		at += (uint64_t)done;
		while (n > 0 && (size_t)done >= iov->iov_len) {
			done -= (ssize_t)iov->iov_len;
			iov++;
			n--;
		}
		if (done > 0) {
			iov->iov_base = (uint8_t *)iov->iov_base + done;
			iov->iov_len -= (size_t)done;
		}
	}
	return OK;
}

enum status
disk_write(int fd, const void *bytes, size_t len, uint64_t at, const char *point)
{
	struct iovec iov = { (void *)(uintptr_t)bytes, len };

	return disk_writev(fd, &iov, 1, at, point);
}

enum status
disk_sync(int fd, const char *point)
{
	if (FAULT(point))
		return ST_IO;
	if (sync_skipped(point))
		return OK;
	return fdatasync(fd) == 0 ? OK : status_of_errno(errno);
}

enum status
disk_sync_folder(int dirfd, const char *point)
{
	if (FAULT(point))
		return ST_IO;
	if (sync_skipped(point))
		return OK;
	return fsync(dirfd) == 0 ? OK : status_of_errno(errno);
}

enum status
disk_zero(int fd, uint64_t len, const char *point)
{
	static const uint8_t zeroes[ZERO_BYTES];
	enum status st = OK;

	for (uint64_t at = 0; st == OK && at < len; at += ZERO_BYTES)
		st = disk_write(fd, zeroes, MIN(len - at, (uint64_t)ZERO_BYTES), at, point);
	return st;
}
