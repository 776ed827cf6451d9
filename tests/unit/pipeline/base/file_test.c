/* A file is written whole, whatever a single call takes; a folder is read to its end. */
#include "pipeline/base/file.h"

#include "pipeline/base/thread.h"
#include "tests/lib/check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LEN = 1 << 20 };

static uint8_t sent[LEN], came[LEN];

static void
take(void *arg)
{
	int fd = *(int *)arg;
	size_t got = 0;

	for (ssize_t n; got < LEN && (n = read(fd, came + got, LEN - got)) > 0;)
		got += (size_t)n;
}

CASE(what_is_taken_in_pieces_is_all_written)
{
	struct thread reader;
	int ends[2];

	for (size_t i = 0; i < LEN; i++)
		sent[i] = (uint8_t)(i * 7 + i / 4096);
	TRUE(pipe(ends) == 0);		/* takes 64 KiB at a time */
	thread_start(&reader, "reader", 0, take, &ends[0]);
	EQ(file_write_all(ends[1], sent, LEN, FILE_BEHIND), OK);
	close(ends[1]);
	thread_join(&reader);
	close(ends[0]);
	EQ_MEM(came, sent, LEN);
}

CASE(a_write_that_is_cut_short_says_why)
{
	struct rlimit was, little;
	char path[600];
	int fd;

	snprintf(path, sizeof path, "%s/file", check_tmpdir());
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	TRUE(fd >= 0 && getrlimit(RLIMIT_FSIZE, &was) == 0);
	signal(SIGXFSZ, SIG_IGN);
	little = (struct rlimit){ 5000, was.rlim_max };
	TRUE(setrlimit(RLIMIT_FSIZE, &little) == 0);
	EQ(file_write_all(fd, sent, LEN, FILE_AT_ONCE), ST_FBIG);	/* 5000 bytes first */
	TRUE(setrlimit(RLIMIT_FSIZE, &was) == 0);
	EQ(lseek(fd, 0, SEEK_CUR), 5000);
	EQ(file_write_all(fd, NULL, 0, FILE_AT_ONCE), OK);
	close(fd);
	EQ(file_write_all(fd, sent, 1, FILE_BEHIND), status_of_errno(9));
}

static int
folder_make(const char *name)
{
	char path[600];

	snprintf(path, sizeof path, "%s/%s", check_tmpdir(), name);
	TRUE(mkdir(path, 0700) == 0);
	return open(path, O_RDONLY | O_DIRECTORY);
}

static size_t
contents(int dirfd, const char *name, char *to, size_t cap)
{
	int fd = openat(dirfd, name, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, to, cap);

	close(fd);
	return n < 0 ? SIZE_MAX : (size_t)n;
}

CASE(a_file_is_replaced_whole_or_stays_as_it_was)
{
	int dirfd = folder_make("replace");
	struct rlimit was, little;
	char now[16];

	TRUE(dirfd >= 0 && getrlimit(RLIMIT_FSIZE, &was) == 0);
	EQ(file_replace(dirfd, "row", "first", 5, "test.sync"), OK);
	EQ(contents(dirfd, "row", now, sizeof now), 5);
	EQ_MEM(now, "first", 5);
	little = (struct rlimit){ 3, was.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	TRUE(setrlimit(RLIMIT_FSIZE, &little) == 0);
	EQ(file_replace(dirfd, "row", "second", 6, "test.sync"), ST_FBIG);
	TRUE(setrlimit(RLIMIT_FSIZE, &was) == 0);
	EQ(contents(dirfd, "row", now, sizeof now), 5);
	EQ_MEM(now, "first", 5);
	EQ(file_replace(dirfd, "row", "2", 1, "test.sync"), OK);	/* no rest of longer ones */
	EQ(contents(dirfd, "row", now, sizeof now), 1);
	TRUE(now[0] == '2' && faccessat(dirfd, "row.new", F_OK, 0) != 0);
	close(dirfd);
	EQ(file_replace(dirfd, "row", "x", 1, "test.sync"), status_of_errno(EBADF));
}

struct seen {
	unsigned names, ours;
	const char *enough;
};

static enum status
see(void *arg, const char *name)
{
	struct seen *s = arg;

	s->names++;
	s->ours += name[0] != '.';
	return s->enough != NULL && strcmp(name, s->enough) == 0 ? ST_CANCELED : OK;
}

CASE(a_folder_is_listed_to_its_end_or_until_it_is_enough)
{
	int dirfd = folder_make("list");
	struct seen all = { .names = 0 }, some = { .enough = "b" };

	EQ(file_replace(dirfd, "a", "", 0, "test.sync"), OK);
	EQ(file_replace(dirfd, "b", "", 0, "test.sync"), OK);
	EQ(file_list(dirfd, see, &all), OK);
	EQ(all.ours, 2);
	EQ(all.names, 4);		/* . and .. as well */
	EQ(file_list(dirfd, see, &some), ST_CANCELED);
	close(dirfd);
	EQ(file_list(dirfd, see, &all), status_of_errno(EBADF));
	EQ(all.names, 4);
}
