/*
 * What every writer of a file does, in one place.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "pipeline/base/status.h"

#include <stddef.h>

/*
 * All of it, from where fd stands on.  FILE_BEHIND: who writes is nobody's request, and gives way
 * to the log (base/lane.h): slice by slice, each taken by the disk before the next is written.
 * The status of errno; IO: the disk takes nothing more and says no error.
 */
enum file_way { FILE_AT_ONCE, FILE_BEHIND };

must_check enum status file_write_all(int fd, const void *bytes, size_t len, enum file_way way);

/* A file's contents anew: written aside, synced (site, as below), then named, so that there is a
 * whole one or none.  The name is not synced yet: the folder's sync is the caller's.  name: at most
 * FILE_NAME_MAX bytes, and nobody else's with ".new" behind it. */
enum { FILE_NAME_MAX = 32 };
must_check enum status file_replace(int dirfd, const char *name, const void *bytes, size_t len,
    const char *site);

/* Call each(arg, name) for what lies in a folder, . and .. as well, until it says other than OK,
 * which is returned; else the status of errno where the folder cannot be read to its end. */
must_check enum status file_list(int dirfd, enum status (*each)(void *arg, const char *name),
    void *arg);

/* fdatasync, and fsync of a folder for the names in it; the status of errno.  site: its fault
 * point, and what DITTOFS_SKIP_SYNC calls it (fault.h). */
must_check enum status file_sync(int fd, const char *site);
must_check enum status file_sync_folder(int dirfd, const char *site);

#endif
