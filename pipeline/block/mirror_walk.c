/*
 * What lies in the folder of the mirror: whole files and parts, by number.
 */
#include "pipeline/block/mirror.h"

#include "pipeline/block/vessel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* The files of that ending; taken: what they take of the disk, else what they are long. */
static enum status
walk(struct mirror *m, const char *ending, bool taken, bool (*each)(void *arg, uint64_t number,
    uint64_t bytes), void *arg)
{
	int fd = openat(m->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	struct stat sb;
	uint64_t number;

	if (dir == NULL) {
		enum status st = status_of_errno(errno);

		if (fd >= 0)
			close(fd);
		return st;
	}
	while ((e = readdir(dir)) != NULL)
		if (vessel_number(e->d_name, ending, &number) &&
		    fstatat(m->dirfd, e->d_name, &sb, AT_SYMLINK_NOFOLLOW) == 0 &&
		    !each(arg, number, taken ? (uint64_t)sb.st_blocks * 512 : (uint64_t)sb.st_size))
			break;
	closedir(dir);
	return OK;
}

enum status
mirror_walk(struct mirror *m, bool (*each)(void *arg, uint64_t number, uint64_t bytes), void *arg)
{
	return walk(m, ".dfc", false, each, arg);
}

enum status
mirror_walk_parts(struct mirror *m, bool (*each)(void *arg, uint64_t number, uint64_t bytes),
    void *arg)
{
	return walk(m, ".dfp", true, each, arg);
}
