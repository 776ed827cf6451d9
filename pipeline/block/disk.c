/*
 * Plain system calls, whole and named.
 */
#include "pipeline/block/disk.h"

#include "pipeline/base/fault.h"
#include "pipeline/base/panic.h"
#include "pipeline/block/direct.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { ZERO_BYTES = 256 << 10, ZERO_ALIGN = DIRECT_BLOCK, IOV_MAX_CALL = 1024,
	WRITE_THROUGH = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
	    SYNC_FILE_RANGE_WAIT_AFTER };

enum status
disk_writev(int fd, struct iovec *iov, int n, uint64_t at, const char *point)
{
	(void)point;			/* a build without fault points has no use for it */
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

/* Zeroes need not pass the page cache: copying them there costs as much as the journal's own
 * writes. */
enum status
disk_zero(int fd, uint64_t len, const char *point)
{
	static const _Alignas(ZERO_ALIGN) uint8_t zeroes[ZERO_BYTES];
	bool direct = len >= ZERO_BYTES && len % ZERO_ALIGN == 0 && direct_set(fd, true);
	enum status st = OK;

	for (uint64_t at = 0; st == OK && at < len; at += ZERO_BYTES)
		st = disk_write(fd, zeroes, MIN(len - at, (uint64_t)ZERO_BYTES), at, point);
	if (direct && !direct_set(fd, false) && st == OK)
		st = ST_IO;
	if (!direct && st == OK && len >= ZERO_BYTES && sync_file_range(fd, 0, (off_t)len,
	    WRITE_THROUGH) != 0)
		st = status_of_errno(errno);
	return st;
}
