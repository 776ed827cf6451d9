/*
 * Files of the journal: made, opened, removed.
 */
#include "pipeline/block/segment.h"

#include "pipeline/base/file.h"
#include "pipeline/base/mutex.h"
#include "pipeline/block/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_BYTES = 32, SEGMENT_BYTES_MAX = 1 << 30 };

static void
name_of(uint32_t number, char name[NAME_BYTES])
{
	snprintf(name, NAME_BYTES, "seg-%u", number);
}

static struct segment *
segment_new(int dirfd, const char *name, uint32_t number, int fd, uint64_t size)
{
	struct segment *seg = xcalloc(1, sizeof *seg);

	seg->direct_fd = openat(dirfd, name, O_RDWR | O_DIRECT | O_CLOEXEC);
	ref_init(&seg->refs);
	list_init(&seg->link);
	seg->fd = fd;
	seg->number = number;
	seg->size = size;
	return seg;
}

enum status
segment_create(int dirfd, uint32_t number, uint64_t size, struct segment **segp)
{
	char name[NAME_BYTES];
	enum status st;
	int fd;

	assert(size % SEGMENT_BLOCK == 0 && size >= SEGMENT_SMALL_BYTES);
	name_of(number, name);
	fd = openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return status_of_errno(errno);
	st = disk_zero(fd, size, "segment.write");
	if (st == OK)
		st = file_sync_folder(dirfd, "segment.folder");
	if (st == OK) {
		*segp = segment_new(dirfd, name, number, fd, size);
		return OK;
	}
	unlinkat(dirfd, name, 0);
	close(fd);
	return st;
}

enum status
segment_open(int dirfd, uint32_t number, struct segment **segp)
{
	char name[NAME_BYTES];
	struct stat sb;
	int fd;

	name_of(number, name);
	fd = openat(dirfd, name, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return status_of_errno(errno);
	if (fstat(fd, &sb) != 0 || sb.st_size < SEGMENT_SMALL_BYTES ||
	    sb.st_size > SEGMENT_BYTES_MAX) {
		close(fd);
		return ST_CORRUPT;
	}
	*segp = segment_new(dirfd, name, number, fd,
	    (uint64_t)sb.st_size & ~(uint64_t)(SEGMENT_BLOCK - 1));
	return OK;
}

void
segment_free(struct segment *seg)
{
	close(seg->fd);
	if (seg->direct_fd >= 0)
		close(seg->direct_fd);
	free(seg->summary);
	free(seg);
}

void
segment_remove(int dirfd, struct segment **segp)
{
	char name[NAME_BYTES];

	name_of((*segp)->number, name);
	unlinkat(dirfd, name, 0);
	segment_put(segp);
}
