/*
 * What every writer of a file does, in one place.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "pipeline/base/status.h"

#include <stddef.h>

/* All of it, from where fd stands on, at most so much a call (slice; 0: as it comes).  The status
 * of errno; IO: the disk takes nothing more and says no error. */
must_check enum status file_write_all(int fd, const void *bytes, size_t len, size_t slice);

/* fdatasync, and fsync of a folder for the names in it; the status of errno.  site: its fault
 * point, and what DITTOFS_SKIP_SYNC calls it (fault.h). */
must_check enum status file_sync(int fd, const char *site);
must_check enum status file_sync_folder(int dirfd, const char *site);

#endif
