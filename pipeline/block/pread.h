/*
 * Reading files whole pieces at a time, with or without asking the disk.
 */
#ifndef BLOCK_PREAD_H
#define BLOCK_PREAD_H

#include "pipeline/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exactly len bytes from at on.  DELAY: nowait, and the disk would have to be asked.  CORRUPT:
 * the file ends before. */
must_check enum status pread_full(int fd, void *to, size_t len, uint64_t at, bool nowait);

/* The same in the background: by slices, which give way to the log; base/lane.h. */
must_check enum status pread_behind(int fd, void *to, size_t len, uint64_t at);

/*
 * From the beginning, past the page cache where `to` lies as a disk wants it (4096) and the file
 * system knows how: what is read once pushes nothing out of it, and the kernel reads nothing ahead.
 * fd is the caller's alone.
 */
must_check enum status pread_past(int fd, void *to, size_t len);

#endif
