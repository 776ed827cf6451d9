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

#endif
