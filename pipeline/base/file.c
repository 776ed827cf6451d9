/*
 * A write may be cut short by a signal or a full disk: what is left is written again, until an error
 * says what is the matter.
 */
#include "pipeline/base/file.h"

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
