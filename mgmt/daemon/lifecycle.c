/*
 * A process that can be started, found and stopped.  The pid file is locked while its owner
 * lives, so a stale one is never believed.
 */
#include "mgmt/daemon/lifecycle.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static int pidfile_fd = -1;
static int ready_fd = -1;

static pid_t
pid_in(int fd)
{
	char text[24] = "";
	ssize_t got = pread(fd, text, sizeof text - 1, 0);

	return got > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

enum status
pidfile_take(const char *path, pid_t *pidp)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0)
		return status_of_errno(errno);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		*pidp = pid_in(fd);
		close(fd);
		return ST_BUSY;
	}
	if (ftruncate(fd, 0) != 0 || dprintf(fd, "%d\n", (int)getpid()) < 0) {
		close(fd);
		return ST_IO;
	}
	pidfile_fd = fd;
	return OK;
}

void
pidfile_drop(const char *path)
{
	unlink(path);
	close(pidfile_fd);
	pidfile_fd = -1;
}

pid_t
pidfile_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	pid_t pid = 0;

	if (fd < 0)
		return 0;
	if (flock(fd, LOCK_SH | LOCK_NB) != 0)
		pid = pid_in(fd);
	close(fd);
	return pid;
}

/* The parent's part: one line from the child, "code text". */
static void
wait_for_child(int fd)
{
	char line[1024] = "";
	size_t len = 0;
	ssize_t got;
	int code = 1;

	while (len + 1 < sizeof line && (got = read(fd, line + len, sizeof line - 1 - len)) > 0)
		len += (size_t)got;
	line[len] = '\0';
	if (len < 2) {
		fprintf(stderr, "dfs: it ended before it served; see its log\n");
		_exit(1);
	}
	code = line[0] - '0';
	fputs(line + 2, code == 0 ? stdout : stderr);
	fflush(NULL);
	_exit(code);
}

enum status
background(const char *log_path)
{
	int ends[2], fd;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return status_of_errno(errno);
	pid = fork();
	if (pid < 0)
		return status_of_errno(errno);
	if (pid > 0) {
		close(ends[1]);
		wait_for_child(ends[0]);
	}
	close(ends[0]);
	ready_fd = ends[1];
	setsid();
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	dup2(fd, STDIN_FILENO);
	close(fd);
	fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (fd < 0)
		return status_of_errno(errno);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
	return OK;
}

void
background_ready(int code, const char *line)
{
	if (ready_fd < 0) {
		fputs(line, code == 0 ? stdout : stderr);
		fflush(NULL);
		return;
	}
	dprintf(ready_fd, "%d %s", code, line);
	close(ready_fd);
	ready_fd = -1;
}

static sigset_t
stopping(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	return set;
}

void
signals_block(void)
{
	sigset_t set = stopping();

	signal(SIGPIPE, SIG_IGN);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int
signals_wait(void)
{
	sigset_t set = stopping();
	int sig;

	do
		if (sigwait(&set, &sig) != 0)
			return SIGTERM;
	while (sig == SIGHUP);		/* nothing is read again at run time */
	return sig;
}
