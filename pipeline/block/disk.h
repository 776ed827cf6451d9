/*
 * The system calls that write the journal, each with a name at which a test makes it fail.  What
 * is written here counts only after its sync; a sync that failed is never tried again, since the
 * kernel may have dropped what it could not write.
 */
#ifndef BLOCK_DISK_H
#define BLOCK_DISK_H

#include "pipeline/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* All of the n iovecs from byte at on; iov is used up. */
must_check enum status disk_writev(int fd, struct iovec *iov, int n, uint64_t at,
    const char *point);
must_check enum status disk_write(int fd, const void *bytes, size_t len, uint64_t at,
    const char *point);

/* len bytes of zeroes from 0 on, out of the page cache when it returns, so that their blocks are
 * allocated and the first sync is not theirs; they are not synced. */
must_check enum status disk_zero(int fd, uint64_t len, const char *point);

#endif
