/*
 * Positional reads.  Without waiting means RWF_NOWAIT: what the kernel has cached comes at once,
 * else the caller takes the read to a pool.  A file system that does not know the flag is asked
 * by a pool as well.
 */
#include "pipeline/block/pread.h"

#include "pipeline/base/fault.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

enum status
pread_full(int fd, void *to, size_t len, uint64_t at, bool nowait)
{
	uint8_t *p = to;

	if (FAULT("disk.read"))
		return ST_IO;
	while (len > 0) {
		struct iovec iov = { p, len };
		ssize_t n = nowait ? preadv2(fd, &iov, 1, (off_t)at, RWF_NOWAIT) :
		    pread(fd, p, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && nowait && (errno == EAGAIN || errno == EOPNOTSUPP))
			return ST_DELAY;
		if (n < 0)
			return status_of_errno(errno);
		if (n == 0)
			return ST_CORRUPT;
		p += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return OK;
}
