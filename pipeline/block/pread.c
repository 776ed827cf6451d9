/*
 * Positional reads.  Without waiting means RWF_NOWAIT: what the kernel has cached comes at once,
 * else the caller takes the read to a pool.  A file system that does not know the flag is asked
 * by a pool as well.
 */
#include "pipeline/block/pread.h"

#include "pipeline/base/fault.h"
#include "pipeline/base/lane.h"
#include "pipeline/base/panic.h"
#include "pipeline/block/direct.h"

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

enum status
pread_behind(int fd, void *to, size_t len, uint64_t at)
{
	enum status st = OK;

	for (size_t done = 0; done < len && st == OK; done += LANE_SLICE) {
		bool entered = lane_enter();

		st = pread_full(fd, (uint8_t *)to + done, MIN(len - done, (size_t)LANE_SLICE),
		    at + done, false);
		lane_leave(entered);
	}
	return st;
}

enum status
pread_past(int fd, void *to, size_t len)
{
	size_t whole = (uintptr_t)to % DIRECT_BLOCK == 0 ? len - len % DIRECT_BLOCK : 0;
	enum status st = ST_INVAL;

	if (whole > 0 && direct_set(fd, true)) {
		st = pread_behind(fd, to, whole, 0);
		if (!direct_set(fd, false))
			return ST_IO;
	}
	if (st == ST_INVAL)		/* no such way */
		return pread_behind(fd, to, len, 0);
	return st == OK ? pread_behind(fd, (uint8_t *)to + whole, len - whole, whole) : st;
}
