/*
 * The POSIX suite's fixture.
 */
#include "tests/posix/posix.h"

#include <ftw.h>
#include <grp.h>
#include <stdlib.h>
#include <time.h>

static char base[PATH_MAX - 64];
static int cases;

static int
drop(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path), 0;
}

static void
drop_base(void)
{
	as_root();
	if (chdir("/") == 0)
		nftw(base, drop, 32, FTW_DEPTH | FTW_PHYS);
}

static void
begin(void)
{
	const char *dir = getenv("DFS_TEST_DIR");

	if (dir == NULL || geteuid() != 0) {
		printf("Bail out! needs DFS_TEST_DIR, and to be root\n");
		exit(99);
	}
	snprintf(base, sizeof base, "%s/posix.%d", dir, (int)getpid());
	if (mkdir(base, 0777) != 0 || chmod(base, 0777) != 0) {
		printf("Bail out! cannot make %s: %s\n", base, strerror(errno));
		exit(99);
	}
	atexit(drop_base);
}

void
enter(void)
{
	char name[PATH_MAX];

	umask(0);
	if (base[0] == '\0')
		begin();
	as_root();
	snprintf(name, sizeof name, "%s/%d", base, ++cases);
	OK_(mkdir(name, 0777));
	OK_(chdir(name));
}

bool
over_nfs3(void)
{
	const char *fs = getenv("DFS_TEST_FS");

	return fs != NULL && strcmp(fs, "nfs3") == 0;
}

void
as(uid_t uid, gid_t gid, size_t count, const gid_t *groups)
{
	as_root();
	OK_(setgroups(count, groups));
	OK_(setegid(gid));
	OK_(seteuid(uid));
}

void
as_root(void)
{
	OK_(seteuid(0));
	OK_(setegid(0));
	OK_(setgroups(0, NULL));
}

void
posix_ok(const char *file, int line, const char *what, long got)
{
	if (got < 0)
		check_fail(file, line, "%s: %s", what, strerror(errno));
}

void
posix_err(const char *file, int line, const char *what, long got, int want, int or_want)
{
	int error = errno;

	if (got != -1)
		check_fail(file, line, "%s worked, should be %s", what, strerrorname_np(want));
	if (error != want && error != or_want)
		check_fail(file, line, "%s is %s, not %s", what, strerrorname_np(error),
		    strerrorname_np(want));
}

int
must_open(const char *path, int flags, mode_t mode)
{
	int fd = open(path, flags | O_CLOEXEC, mode);

	if (fd < 0)
		check_fail(__FILE__, __LINE__, "open %.200s: %s", path, strerror(errno));
	return fd;
}

void
make_file(const char *path, mode_t mode)
{
	int fd = must_open(path, O_CREAT | O_EXCL | O_WRONLY, mode);

	OK_(close(fd));
}

void
put(const char *path, const void *data, size_t len)
{
	int fd = must_open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644);

	EQ(write(fd, data, len), len);
	OK_(close(fd));
}

struct stat
stat_of(const char *path)
{
	struct stat st = { 0 };

	if (stat(path, &st) != 0)
		check_fail(__FILE__, __LINE__, "stat %.200s: %s", path, strerror(errno));
	return st;
}

struct stat
lstat_of(const char *path)
{
	struct stat st = { 0 };

	if (lstat(path, &st) != 0)
		check_fail(__FILE__, __LINE__, "lstat %.200s: %s", path, strerror(errno));
	return st;
}

mode_t
mode_of(const char *path)
{
	return lstat_of(path).st_mode & 07777;
}

bool
exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

const char *
text_of(const char *path)
{
	static char text[65536];
	int fd = must_open(path, O_RDONLY, 0);
	ssize_t got = read(fd, text, sizeof text - 1);

	close(fd);
	TRUE(got >= 0);
	text[got] = '\0';
	return text;
}

int
count_names(const char *path)
{
	DIR *dir = opendir(path);
	int count = 0;

	if (dir == NULL)
		check_fail(__FILE__, __LINE__, "opendir %s: %s", path, strerror(errno));
	for (struct dirent *e; (e = readdir(dir)) != NULL;)
		count += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(dir);
	return count;
}

void
nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 30000000 }, NULL);
}

int
time_cmp(struct timespec a, struct timespec b)
{
	if (a.tv_sec != b.tv_sec)
		return a.tv_sec < b.tv_sec ? -1 : 1;
	return a.tv_nsec < b.tv_nsec ? -1 : a.tv_nsec > b.tv_nsec;
}

const char *
run_of(char c, size_t len)
{
	static char text[2][PATH_MAX * 2];
	static int turn;
	char *t = text[turn ^= 1];

	TRUE(len < sizeof text[0]);
	memset(t, c, len);
	t[len] = '\0';
	return t;
}
