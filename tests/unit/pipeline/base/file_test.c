/* A file is written whole, whatever a single call takes. */
#include "pipeline/base/file.h"

#include "pipeline/base/thread.h"
#include "tests/lib/check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
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
	EQ(file_write_all(ends[1], sent, LEN, 1000), OK);
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
	EQ(file_write_all(fd, sent, LEN, 0), ST_FBIG);	/* 5000 bytes first, then the error */
	TRUE(setrlimit(RLIMIT_FSIZE, &was) == 0);
	EQ(lseek(fd, 0, SEEK_CUR), 5000);
	EQ(file_write_all(fd, NULL, 0, 0), OK);
	close(fd);
	EQ(file_write_all(fd, sent, 1, 0), status_of_errno(9));
}
