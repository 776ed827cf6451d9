/*
 * Writes past the page cache.  A log is written once and seldom read again: pages for it cost
 * more than the write itself, and then a second pass to bring them to the disk.  What lies and
 * ends where the disk wants it is written from where it is; the rest goes through one buffer,
 * which the writer keeps and which therefore stays warm.
 */
#ifndef BLOCK_DIRECT_H
#define BLOCK_DIRECT_H

#include "pipeline/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Bytes, places in the file and in memory: no disk we meet wants more. */
enum { DIRECT_BLOCK = 4096, DIRECT_PIECES_MAX = 1024 };

/* From now on fd goes past the page cache, or no longer.  False: no such way there. */
bool direct_set(int fd, bool on);

struct direct {			/* one thread's */
	uint8_t *room;			/* aligned; cap bytes, a multiple of DIRECT_BLOCK */
	size_t cap;
};

/* A buffer for writes of at most `bytes`. */
void direct_init(struct direct *d, size_t bytes);
void direct_fini(struct direct *d);

/*
 * All of the n iovecs to fd, which was opened with O_DIRECT, from byte at on; at and the sum of
 * the lengths are multiples of DIRECT_BLOCK, the sum is at most what direct_init was told, n at
 * most DIRECT_PIECES_MAX.  iov stays as it is.
 *
 * INVAL: the file system has no such way; nothing is said of the bytes.  IO and others: as
 * disk_writev.  One thread at a time for each d.
 */
must_check enum status direct_writev(struct direct *d, int fd, const struct iovec *iov, int n,
    uint64_t at, const char *point);

#endif
