/*
 * A library that is loaded before all others and writes down what a program does to the files of
 * one disk: POWER_RECORD names the file to write to, POWER_ROOT a folder on that disk.
 *
 * An event is written once its call has succeeded and before the call returns, so whoever can know
 * of it finds it before whatever he does next.  Nor may the program end in between, when the disk
 * has what the recording has not: who writes to the FIFO that POWER_KILL names has it killed as
 * soon as no such call is on its way, and so it is where it kills itself.  A sync leaves two: what
 * was written down before its beginning is on disk at its end.  Writes past the page cache are
 * writes like any others: a disk has a cache of its own.  mmap and io_uring are not seen; the
 * daemon writes without them.  A call whose promise is not told here (a write that syncs itself,
 * fallocate, copies within the kernel) ends the program: a recording that lacks something proves
 * nothing.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "tests/crash/power_record.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static int record_fd = -1;
static dev_t record_dev;
static pthread_mutex_t record_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t on_its_way = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

static void
put(const struct iovec *iov, int n)
{
	size_t all = 0;

	for (int i = 0; i < n; i++)
		all += iov[i].iov_len;
	if (syscall(SYS_writev, record_fd, iov, n) != (long)all)
		abort();
}

/* One event with bytes behind it, from up to two places. */
static void
record2(struct power_event e, const void *a, size_t a_len, const void *b, size_t b_len)
{
	static const uint8_t pad[8];
	struct timespec now;
	int saved = errno;

	e.magic = POWER_MAGIC;
	e.thread = (uint32_t)syscall(SYS_gettid);
	e.bytes = (uint32_t)(a_len + b_len);
	pthread_mutex_lock(&record_mutex);
	clock_gettime(CLOCK_MONOTONIC, &now);
	e.time_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	put((struct iovec[]){ { &e, sizeof e }, { (void *)(uintptr_t)a, a_len },
	    { (void *)(uintptr_t)b, b_len }, { (void *)(uintptr_t)pad, -e.bytes & 7 } }, 4);
	pthread_mutex_unlock(&record_mutex);
	errno = saved;
}

static void
record(struct power_event e, const void *bytes, size_t len)
{
	record2(e, bytes, len, NULL, 0);
}

/* --- the end --- */

int
kill(pid_t pid, int signal)
{
	if (record_fd >= 0 && pid == getpid() && signal == SIGKILL)
		pthread_rwlock_wrlock(&on_its_way);
	return (int)syscall(SYS_kill, pid, signal);
}

static void *
wait_for_the_end(void *fifo)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, fifo, O_RDONLY | O_CLOEXEC);
	char byte;

	if (fd >= 0 && syscall(SYS_read, fd, &byte, 1) == 1)
		kill(getpid(), SIGKILL);
	return NULL;
}

static void
end_when_told(void)
{
	char *fifo = getenv("POWER_KILL");
	sigset_t all, before;
	pthread_t thread;

	if (fifo == NULL)
		return;
	sigfillset(&all);		/* the program's signals are not this thread's */
	pthread_sigmask(SIG_BLOCK, &all, &before);
	if (pthread_create(&thread, NULL, wait_for_the_end, fifo) != 0)
		abort();
	pthread_detach(thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

__attribute__((constructor)) static void
begin(void)
{
	const char *to = getenv("POWER_RECORD"), *root = getenv("POWER_ROOT");
	struct stat sb;

	if (to == NULL || root == NULL || stat(root, &sb) != 0)
		return;
	record_dev = sb.st_dev;
	record_fd = (int)syscall(SYS_openat, AT_FDCWD, to,
	    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (record_fd < 0)
		abort();		/* a recording that sees nothing proves nothing */
	record((struct power_event){ .kind = POWER_STARTED }, NULL, 0);
	end_when_told();
}

/* Is it a file or folder on the recorded disk? */
static bool
ours(int fd, struct stat *sb)
{
	return record_fd >= 0 && fd != record_fd && fstat(fd, sb) == 0 &&
	    sb->st_dev == record_dev && (S_ISREG(sb->st_mode) || S_ISDIR(sb->st_mode));
}

/* Not told: whoever meets one of these on the recorded disk has to teach it here first. */
static void
untold(int fd, const char *call)
{
	struct stat sb;

	if (!ours(fd, &sb))
		return;
	(void)!write(STDERR_FILENO, "power_preload: not recorded: ", 29);
	(void)!write(STDERR_FILENO, call, strlen(call));
	(void)!write(STDERR_FILENO, "\n", 1);
	abort();
}

/* The folder of a path, and the name in it. */
static bool
ours_at(int dirfd, const char *path, struct stat *folder, const char **name)
{
	const char *slash = strrchr(path, '/');
	char above[PATH_MAX];
	int err;

	*name = slash != NULL ? slash + 1 : path;
	if (record_fd < 0 || strlen(path) >= sizeof above)
		return false;
	if (slash == NULL) {
		err = dirfd == AT_FDCWD ? stat(".", folder) : fstat(dirfd, folder);
	} else {
		memcpy(above, path, (size_t)(slash - path) + 1);
		above[slash == path ? 1 : slash - path] = '\0';
		err = fstatat(dirfd, above, folder, 0);
	}
	return err == 0 && folder->st_dev == record_dev;
}

static bool
exists(int dirfd, const char *path)
{
	struct stat sb;
	int saved = errno;
	bool is = fstatat(dirfd, path, &sb, AT_SYMLINK_NOFOLLOW) == 0;

	errno = saved;
	return is;
}

/* --- opening --- */

static int
opened(int fd, int dirfd, const char *path, int flags, bool was)
{
	struct stat sb, folder;
	const char *name;

	if (fd < 0 || !ours(fd, &sb) || !S_ISREG(sb.st_mode))
		return fd;
	if ((flags & O_DSYNC) != 0 && record_fd >= 0)
		untold(fd, "open with O_SYNC or O_DSYNC");
	if ((flags & O_CREAT) != 0 && !was && ours_at(dirfd, path, &folder, &name))
		record((struct power_event){ .kind = POWER_MADE_FILE, .ino = sb.st_ino,
			.folder = folder.st_ino }, name, strlen(name));
	else if ((flags & O_TRUNC) != 0)
		record((struct power_event){ .kind = POWER_SIZE, .ino = sb.st_ino }, NULL, 0);
	return fd;
}

static int
open_at(int dirfd, const char *path, int flags, mode_t mode)
{
	bool changes = record_fd >= 0 && (flags & (O_CREAT | O_TRUNC)) != 0, was;
	int fd;

	if (!changes)			/* it may wait, as for a FIFO's other end */
		return opened((int)syscall(SYS_openat, dirfd, path, flags, mode), dirfd, path,
		    flags, true);
	pthread_rwlock_rdlock(&on_its_way);
	was = (flags & O_CREAT) == 0 || exists(dirfd, path);
	fd = opened((int)syscall(SYS_openat, dirfd, path, flags, mode), dirfd, path, flags, was);
	pthread_rwlock_unlock(&on_its_way);
	return fd;
}

#define MODE_OF(flags, mode) do { \
	if (((flags) & (O_CREAT | __O_TMPFILE)) != 0) { \
		va_list ap; \
		va_start(ap, flags); \
		mode = va_arg(ap, mode_t); \
		va_end(ap); \
	} } while (0)

int
open(const char *path, int flags, ...)
{
	mode_t mode = 0;

	MODE_OF(flags, mode);
	return open_at(AT_FDCWD, path, flags, mode);
}

int
open64(const char *path, int flags, ...)
{
	mode_t mode = 0;

	MODE_OF(flags, mode);
	return open_at(AT_FDCWD, path, flags, mode);
}

int
openat(int dirfd, const char *path, int flags, ...)
{
	mode_t mode = 0;

	MODE_OF(flags, mode);
	return open_at(dirfd, path, flags, mode);
}

int
openat64(int dirfd, const char *path, int flags, ...)
{
	mode_t mode = 0;

	MODE_OF(flags, mode);
	return open_at(dirfd, path, flags, mode);
}

/* --- writing --- */

/* Before and after a call that changes a file of ours; sockets and pipes may wait for long. */
static bool
goes(int fd)
{
	struct stat sb;
	bool is = ours(fd, &sb) && S_ISREG(sb.st_mode);

	if (is)
		pthread_rwlock_rdlock(&on_its_way);
	return is;
}

static ssize_t
went(bool is, ssize_t result)
{
	if (is)
		pthread_rwlock_unlock(&on_its_way);
	return result;
}

static bool
all_zero(const uint8_t *p, size_t len)
{
	return len == 0 || (p[0] == 0 && memcmp(p, p + 1, len - 1) == 0);
}

static void
wrote(int fd, const void *bytes, ssize_t done, off_t at)
{
	struct power_event e = { .at = (uint64_t)at, .len = (uint64_t)done };
	struct stat sb;
	int saved = errno;

	if (done > 0 && ours(fd, &sb) && S_ISREG(sb.st_mode)) {
		e.ino = sb.st_ino;
		e.kind = all_zero(bytes, (size_t)done) ? POWER_ZEROES : POWER_WRITE;
		if (at < 0)
			e.at = (uint64_t)(lseek(fd, 0, SEEK_CUR) - done);
		record(e, bytes, e.kind == POWER_WRITE ? (size_t)done : 0);
	}
	errno = saved;
}

ssize_t
write(int fd, const void *bytes, size_t len)
{
	bool is = goes(fd);
	ssize_t done = syscall(SYS_write, fd, bytes, len);

	if (is)
		wrote(fd, bytes, done, -1);
	return went(is, done);
}

ssize_t
pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	bool is = goes(fd);
	ssize_t done = syscall(SYS_pwrite64, fd, bytes, len, at);

	if (is)
		wrote(fd, bytes, done, at);
	return went(is, done);
}

ssize_t
pwrite64(int fd, const void *bytes, size_t len, off_t at)
{
	return pwrite(fd, bytes, len, at);
}

/* Gathered: one event for each part, so that a part may be lost. */
static void
wrote_parts(int fd, const struct iovec *iov, int n, ssize_t done, off_t at)
{
	for (int i = 0; i < n && done > 0; i++) {
		ssize_t part = (ssize_t)iov[i].iov_len < done ? (ssize_t)iov[i].iov_len : done;

		wrote(fd, iov[i].iov_base, part, at);
		at += part;
		done -= part;
	}
}

ssize_t
writev(int fd, const struct iovec *iov, int n)
{
	bool is = goes(fd);
	ssize_t done = syscall(SYS_writev, fd, iov, n);

	if (is && done > 0)
		wrote_parts(fd, iov, n, done, lseek(fd, 0, SEEK_CUR) - done);
	return went(is, done);
}

ssize_t
pwritev(int fd, const struct iovec *iov, int n, off_t at)
{
	bool is = goes(fd);
	ssize_t done = syscall(SYS_pwritev, fd, iov, n, at, 0);

	if (is)
		wrote_parts(fd, iov, n, done, at);
	return went(is, done);
}

ssize_t
pwritev64(int fd, const struct iovec *iov, int n, off_t at)
{
	return pwritev(fd, iov, n, at);
}

ssize_t
pwritev2(int fd, const struct iovec *iov, int n, off_t at, int flags)
{
	bool is = goes(fd);
	ssize_t done;

	if ((flags & (RWF_DSYNC | RWF_SYNC | RWF_APPEND)) != 0 || at < 0)
		untold(fd, "pwritev2 with flags");
	done = syscall(SYS_pwritev2, fd, iov, n, at, 0, flags);
	if (is)
		wrote_parts(fd, iov, n, done, at);
	return went(is, done);
}

ssize_t
pwritev64v2(int fd, const struct iovec *iov, int n, off_t at, int flags)
{
	return pwritev2(fd, iov, n, at, flags);
}

/* A hole is zeroes, as far as the file goes. */
int
fallocate(int fd, int mode, off_t at, off_t len)
{
	bool hole = mode == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE), is = goes(fd);
	struct stat sb;
	int err;

	if (!hole)
		untold(fd, "fallocate");
	err = (int)syscall(SYS_fallocate, fd, mode, at, len);
	if (err == 0 && is && fstat(fd, &sb) == 0 && at < sb.st_size)
		record((struct power_event){ .kind = POWER_ZEROES,
			   .ino = sb.st_ino,
			   .at = (uint64_t)at,
			   .len = (uint64_t)(len < sb.st_size - at ? len : sb.st_size - at) },
		    NULL, 0);
	return (int)went(is, err);
}

int fallocate64(int fd, int mode, off_t at, off_t len) { return fallocate(fd, mode, at, len); }

int
posix_fallocate(int fd, off_t at, off_t len)
{
	return fallocate(fd, 0, at, len) == 0 ? 0 : errno;
}

int posix_fallocate64(int fd, off_t at, off_t len) { return posix_fallocate(fd, at, len); }

ssize_t
copy_file_range(int from, off_t *from_at, int to, off_t *to_at, size_t len, unsigned flags)
{
	untold(to, "copy_file_range");
	return syscall(SYS_copy_file_range, from, from_at, to, to_at, len, flags);
}

int
ftruncate(int fd, off_t size)
{
	bool is = goes(fd);
	int err = (int)syscall(SYS_ftruncate, fd, size);
	struct stat sb;

	if (err == 0 && ours(fd, &sb))
		record((struct power_event){ .kind = POWER_SIZE, .ino = sb.st_ino,
			.at = (uint64_t)size }, NULL, 0);
	return (int)went(is, err);
}

int
ftruncate64(int fd, off_t size)
{
	return ftruncate(fd, size);
}

/* --- syncing --- */

static int
synced(int fd, long number)
{
	static _Atomic uint64_t count;
	struct power_event e = { .kind = POWER_SYNC_BEGIN };
	struct stat sb;
	bool is = ours(fd, &sb);
	int err;

	if (is) {
		e.ino = sb.st_ino;
		e.at = (uint64_t)getpid() << 32 | (uint32_t)++count;
		record(e, NULL, 0);
	}
	err = (int)syscall(number, fd);
	if (is && err == 0) {
		e.kind = POWER_SYNC_END;
		record(e, NULL, 0);
	}
	return err;
}

int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

/* sync_file_range promises nothing after a power loss: it is let through, and covers nothing. */

/* --- names --- */

static int
make_folder(int dirfd, const char *path, mode_t mode)
{
	struct stat sb, folder;
	const char *name;
	int err;

	pthread_rwlock_rdlock(&on_its_way);
	err = (int)syscall(SYS_mkdirat, dirfd, path, mode);
	if (err == 0 && ours_at(dirfd, path, &folder, &name) &&
	    fstatat(dirfd, path, &sb, AT_SYMLINK_NOFOLLOW) == 0)
		record((struct power_event){ .kind = POWER_MADE_FOLDER, .ino = sb.st_ino,
			.folder = folder.st_ino }, name, strlen(name));
	pthread_rwlock_unlock(&on_its_way);
	return err;
}

int
mkdir(const char *path, mode_t mode)
{
	return make_folder(AT_FDCWD, path, mode);
}

int
mkdirat(int dirfd, const char *path, mode_t mode)
{
	return make_folder(dirfd, path, mode);
}

int
unlinkat(int dirfd, const char *path, int flags)
{
	struct stat folder;
	const char *name;
	bool is = ours_at(dirfd, path, &folder, &name);
	int err;

	pthread_rwlock_rdlock(&on_its_way);
	err = (int)syscall(SYS_unlinkat, dirfd, path, flags);
	if (err == 0 && is)
		record((struct power_event){ .kind = POWER_UNLINK, .folder = folder.st_ino }, name,
		    strlen(name));
	pthread_rwlock_unlock(&on_its_way);
	return err;
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int
renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	struct power_event e = { .kind = POWER_RENAME };
	const char *name, *to_name;
	struct stat folder, to_folder, sb;
	bool is = ours_at(from_fd, from, &folder, &name) &&
	    ours_at(to_fd, to, &to_folder, &to_name);
	int err;

	pthread_rwlock_rdlock(&on_its_way);
	err = (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, 0);
	if (err == 0 && is && folder.st_ino == to_folder.st_ino) {
		e.folder = folder.st_ino;
		e.folder2 = to_folder.st_ino;
		record2(e, name, strlen(name) + 1, to_name, strlen(to_name));
	} else if (err == 0 && is && fstatat(to_fd, to, &sb, AT_SYMLINK_NOFOLLOW) == 0) {
		/* Between two folders it is two changes, each of which may be lost. */
		record((struct power_event){ .kind = POWER_LINK, .ino = sb.st_ino,
			.folder = to_folder.st_ino }, to_name, strlen(to_name));
		record((struct power_event){ .kind = POWER_UNLINK, .folder = folder.st_ino }, name,
		    strlen(name));
	}
	pthread_rwlock_unlock(&on_its_way);
	return err;
}

int
rename(const char *from, const char *to)
{
	return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int
linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
	struct stat sb, folder;
	const char *name;
	int err;

	pthread_rwlock_rdlock(&on_its_way);
	err = (int)syscall(SYS_linkat, from_fd, from, to_fd, to, flags);
	if (err == 0 && ours_at(to_fd, to, &folder, &name) &&
	    fstatat(to_fd, to, &sb, AT_SYMLINK_NOFOLLOW) == 0)
		record((struct power_event){ .kind = POWER_LINK, .ino = sb.st_ino,
			.folder = folder.st_ino }, name, strlen(name));
	pthread_rwlock_unlock(&on_its_way);
	return err;
}

int
link(const char *from, const char *to)
{
	return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}
