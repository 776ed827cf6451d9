/*
 * What the POSIX suite's cases share.  Each case runs in a fresh directory of mode 0777 below
 * DFS_TEST_DIR, as root with umask 0; as() makes it another user's for a while.
 *
 * The suite is one process that makes system calls, so that it is quick over a mount: it says what
 * a file system owes to programs, whatever carries it.  DFS_TEST_FS=nfs3 skips or loosens the few
 * cases where version 3 of NFS itself cannot give what POSIX asks.
 */
#ifndef TESTS_POSIX_POSIX_H
#define TESTS_POSIX_POSIX_H

#include "tests/lib/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* Enter a fresh directory; every case begins with it. */
void enter(void);
bool over_nfs3(void);

/* Become this user, his group and further ones; as_root() ends it, as does enter(). */
void as(uid_t uid, gid_t gid, size_t count, const gid_t *groups);
void as_root(void);

void posix_ok(const char *file, int line, const char *what, long got);
void posix_err(const char *file, int line, const char *what, long got, int want, int or_want);
#define OK_(call)		posix_ok(__FILE__, __LINE__, #call, (long)(call))
#define ERR(call, want)		ERR2(call, want, want)
#define ERR2(call, a, b)						\
	do {								\
		errno = 0;						\
		long got_ = (long)(call);				\
		posix_err(__FILE__, __LINE__, #call, got_, a, b);	\
	} while (0)

int must_open(const char *path, int flags, mode_t mode);
void make_file(const char *path, mode_t mode);
void put(const char *path, const void *data, size_t len);
struct stat stat_of(const char *path);
struct stat lstat_of(const char *path);
mode_t mode_of(const char *path);		/* the permission part */
bool exists(const char *path);
const char *text_of(const char *path);		/* content, as a string; static storage */
int count_names(const char *path);		/* without "." and ".." */
void nap(void);					/* longer than the grain of the times */
int time_cmp(struct timespec a, struct timespec b);
/* A string of len bytes of c; static storage, two in turn. */
const char *run_of(char c, size_t len);

/* Whether ctime (and mtime, if wanted) of path moved by what the statement does. */
#define MOVES(path, statement, want_mtime)					\
	do {									\
		struct stat was_ = lstat_of(path), now_;			\
		nap();								\
		statement;							\
		now_ = lstat_of(path);						\
		if (time_cmp(now_.st_ctim, was_.st_ctim) <= 0)			\
			check_fail(__FILE__, __LINE__, "ctime of %s stayed", path);\
		if ((time_cmp(now_.st_mtim, was_.st_mtim) > 0) != (want_mtime))	\
			check_fail(__FILE__, __LINE__, "mtime of %s %s", path,	\
			    (want_mtime) ? "stayed" : "moved");			\
	} while (0)
#define STAYS(path, statement)							\
	do {									\
		struct stat was_ = lstat_of(path), now_;			\
		nap();								\
		statement;							\
		now_ = lstat_of(path);						\
		EQ(time_cmp(now_.st_ctim, was_.st_ctim), 0);			\
		EQ(time_cmp(now_.st_mtim, was_.st_mtim), 0);			\
	} while (0)

#endif
