/*
 * POSIX, and Windows beside it: the one file that may include what others lack.
 */
#include "mgmt/ctl/system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef _WIN32

#include <windows.h>

const char *
ctl_system_home(char *to, size_t cap)
{
	const char *base = getenv("APPDATA");

	if (base == NULL || (size_t)snprintf(to, cap, "%s", base) >= cap)
		return NULL;
	return to;
}

void
ctl_system_dir(const char *path)
{
	mkdir(path);			/* the user's own folder is private as it is */
}

bool
ctl_system_file(const char *path, const char *bytes, size_t len)
{
	char new[1100];
	int fd;
	bool ok;

	snprintf(new, sizeof new, "%s.new", path);
	fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_BINARY, 0600);
	ok = fd >= 0 && write(fd, bytes, (unsigned)len) == (int)len && _commit(fd) == 0;
	if (fd >= 0)
		close(fd);
	if (ok && !MoveFileExA(new, path, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH)) {
		errno = EACCES;
		ok = false;
	}
	return ok;
}

bool
ctl_system_echo(bool on)
{
	HANDLE in = GetStdHandle(STD_INPUT_HANDLE);
	DWORD mode;

	if (!GetConsoleMode(in, &mode))
		return false;
	mode = on ? mode | ENABLE_ECHO_INPUT : mode & ~(DWORD)ENABLE_ECHO_INPUT;
	return SetConsoleMode(in, mode) != 0;
}

bool
ctl_system_ids(unsigned *uid, unsigned *gid)
{
	(void)uid, (void)gid;
	return false;
}

bool
ctl_system_asks_root(void)
{
	return false;			/* there, who may not is told so by the command itself */
}

#else

#include <termios.h>

const char *
ctl_system_home(char *to, size_t cap)
{
	const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	bool own = base != NULL && base[0] == '/';

	if (!own && home == NULL)
		return NULL;
	if ((size_t)snprintf(to, cap, "%s%s", own ? base : home, own ? "" : "/.config") >= cap)
		return NULL;
	return to;
}

void
ctl_system_dir(const char *path)
{
	mkdir(path, 0700);
}

bool
ctl_system_file(const char *path, const char *bytes, size_t len)
{
	char new[1100];
	int fd;
	bool ok;

	snprintf(new, sizeof new, "%s.new", path);
	fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	ok = fd >= 0 && fchmod(fd, 0600) == 0 && write(fd, bytes, len) == (ssize_t)len &&
	    fsync(fd) == 0;
	if (fd >= 0)
		close(fd);
	return ok && rename(new, path) == 0;
}

bool
ctl_system_echo(bool on)
{
	struct termios t;

	if (tcgetattr(STDIN_FILENO, &t) != 0)
		return false;
	if (on)
		t.c_lflag |= (tcflag_t)ECHO;
	else
		t.c_lflag &= ~(tcflag_t)ECHO;
	return tcsetattr(STDIN_FILENO, TCSADRAIN, &t) == 0;
}

bool
ctl_system_ids(unsigned *uid, unsigned *gid)
{
	*uid = (unsigned)getuid();
	*gid = (unsigned)getgid();
	return true;
}

bool
ctl_system_asks_root(void)
{
	return geteuid() != 0;
}

#endif
