/*
 * What every writer of a file does, in one place.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "pipeline/base/status.h"

#include <stddef.h>

/* All of it, from where fd stands on, at most so much a call (slice; 0: as it comes).  The status of
 * errno; IO: the disk takes nothing more and says no error. */
must_check enum status file_write_all(int fd, const void *bytes, size_t len, size_t slice);

#endif
