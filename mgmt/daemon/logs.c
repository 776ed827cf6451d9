/*
 * The end of a file that grows: the last lines are found from behind, those that come are read as
 * they do.  A file that was renamed (and made anew) or cut is read from its beginning.
 */
#include "mgmt/daemon/logs.h"

#include "pipeline/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 64 << 10, LINE_MAX_BYTES = 64 << 10, LOOK_MS = 200, STAMP = 19 };

struct shown {
	const char *since;
	char line[LINE_MAX_BYTES];
	size_t len;
	bool all;			/* a line was late enough: so are all behind it */
};

/* A line begins with its time, as text or as the first member of an object. */
static bool
late_enough(struct shown *s, const char *line, size_t len)
{
	static const char member[] = "{\"time\":\"";
	size_t skip = len > sizeof member && memcmp(line, member, sizeof member - 1) == 0 ?
	    sizeof member - 1 : 0;

	if (s->since == NULL || s->all)
		return true;
	if (len < skip + STAMP || line[skip + 4] != '-' || line[skip + 10] != 'T')
		return false;
	s->all = memcmp(line + skip, s->since, STAMP) >= 0;
	return s->all;
}

static bool
show(struct shown *s, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (s->len < sizeof s->line)
			s->line[s->len++] = bytes[i];
		if (bytes[i] != '\n')
			continue;
		if (late_enough(s, s->line, s->len) &&
		    fwrite(s->line, 1, s->len, stdout) != s->len)
			return false;
		s->len = 0;
	}
	return fflush(stdout) == 0;
}

/* Where the last so many lines begin. */
static off_t
from_behind(int fd, off_t size, uint64_t lines)
{
	static char block[BLOCK];
	off_t at = size;

	while (at > 0) {
		off_t from = at > BLOCK ? at - BLOCK : 0;
		ssize_t got = pread(fd, block, (size_t)(at - from), from);

		for (ssize_t i = got - 1; i >= 0; i--)
			if (block[i] == '\n' && from + i + 1 < size && lines-- <= 1)
				return from + i + 1;
		if (got <= 0)
			break;
		at = from;
	}
	return 0;
}

/* All that is there from at on; −1: nobody reads any more. */
static off_t
drain(int fd, off_t at, struct shown *s)
{
	static char block[BLOCK];
	ssize_t got;

	while ((got = pread(fd, block, sizeof block, at)) > 0) {
		if (!show(s, block, (size_t)got))
			return -1;
		at += got;
	}
	return at;
}

/* The file of that name is another, or shorter than what was read. */
static bool
begun_anew(const char *path, int fd, off_t at)
{
	struct stat here, there;

	return fstat(fd, &here) == 0 && (here.st_size < at || (stat(path, &there) == 0 &&
	    (here.st_ino != there.st_ino || here.st_dev != there.st_dev)));
}

static int
follow_it(const char *path, int fd, off_t at, struct shown *s)
{
	struct timespec nap = clock_timespec(LOOK_MS * NS_PER_MS);

	while ((at = drain(fd, at, s)) >= 0) {
		if (begun_anew(path, fd, at)) {
			int other = open(path, O_RDONLY | O_CLOEXEC);

			if (other >= 0) {
				drain(fd, at, s);
				close(fd);
				fd = other;
				at = 0;
				continue;
			}
		}
		nanosleep(&nap, NULL);
	}
	close(fd);
	return 0;
}

int
logs_show(const char *path, uint64_t lines, const char *since, bool follow)
{
	struct shown *s;
	struct stat sb;
	int fd, code = 0;
	off_t at;

	if (since != NULL && (strlen(since) < STAMP || since[4] != '-' || since[10] != 'T')) {
		fprintf(stderr, "dfs: --since: as in 2026-01-31T12:00:00Z\n");
		return 2;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &sb) != 0 || !S_ISREG(sb.st_mode)) {
		fprintf(stderr,
		    "dfs: %s: %s; a daemon in the foreground logs where it was started\n", path,
		    fd < 0 ? strerror(errno) : "no file");
		if (fd >= 0)
			close(fd);
		return 1;
	}
	s = calloc(1, sizeof *s);
	if (s == NULL) {
		close(fd);
		return 1;
	}
	s->since = since;
	at = lines == 0 ? sb.st_size : from_behind(fd, sb.st_size, lines);
	if (follow)
		code = follow_it(path, fd, at, s);
	else {
		drain(fd, at, s);
		close(fd);
	}
	free(s);
	return code;
}
