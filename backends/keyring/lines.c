/*
 * Reading secrets: whoever else could read the file has them already, so such a file is refused
 * instead of trusted.  Buffers are wiped on every way out.
 */
#include "backends/keyring/lines.h"

#include "crypto/secret.h"
#include "pipeline/base/panic.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = KEYRING_LINES_MAX * (KEYRING_LINE_MAX + 2) + (16 << 10) };

static enum status
check_file(const char *path, int fd, char *why, size_t why_cap)
{
	struct stat sb;

	if (fstat(fd, &sb) < 0) {
		snprintf(why, why_cap, "cannot look at %s: %s", path, strerror(errno));
		return ST_IO;
	}
	if (!S_ISREG(sb.st_mode)) {
		snprintf(why, why_cap, "%s is no plain file", path);
		return ST_INVAL;
	}
	if ((sb.st_mode & 077) != 0) {
		snprintf(why, why_cap,
		    "others may read %s: chmod 600 it, and change what is in it if "
		    "they have",
		    path);
		return ST_ACCES;
	}
	if (sb.st_uid != geteuid() && sb.st_uid != 0) {
		snprintf(why, why_cap, "%s belongs to user %u, not to the daemon's: chown it", path,
		    (unsigned)sb.st_uid);
		return ST_ACCES;
	}
	return OK;
}

static enum status
read_all(int fd, char *to, size_t cap, size_t *lenp)
{
	size_t len = 0;

	while (len < cap) {
		ssize_t n = read(fd, to + len, cap - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ST_IO;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*lenp = len;
	return len == cap ? ST_FBIG : OK;
}

static enum status
split(const char *text, size_t len, struct keyring_lines *l)
{
	for (size_t at = 0, end; at < len; at = end + 1) {
		const char *eol = memchr(text + at, '\n', len - at);
		size_t n;

		end = eol == NULL ? len : (size_t)(eol - text);
		n = end - at;
		if (n > 0 && text[at + n - 1] == '\r')
			n--;
		if (n == 0 || text[at] == '#')
			continue;
		if (l->n == KEYRING_LINES_MAX || n > KEYRING_LINE_MAX ||
		    memchr(text + at, '\0', n) != NULL)
			return ST_INVAL;
		memcpy(l->v[l->n].text, text + at, n);
		l->v[l->n++].len = n;
	}
	return l->n > 0 ? OK : ST_INVAL;
}

void
keyring_lines_free(struct keyring_lines **lp)
{
	void *l = TAKE(lp);

	secret_free(&l);
}

static enum status
read_lines(const char *path, int fd, struct keyring_lines *l, char *why, size_t why_cap)
{
	void *text = secret_new(FILE_BYTES_MAX);
	enum status st = check_file(path, fd, why, why_cap);
	size_t len = 0;

	if (st == OK && text == NULL)
		st = ST_RESOURCE;
	if (st == OK && (st = read_all(fd, text, FILE_BYTES_MAX, &len)) != OK)
		snprintf(why, why_cap, "cannot read %s: %s", path, status_text(st));
	if (st == OK && (st = split(text, len, l)) != OK)
		snprintf(why, why_cap, "%s holds no secret, or more than %d, or one too long", path,
		    KEYRING_LINES_MAX);
	secret_free(&text);
	return st;
}

enum status
keyring_lines_read(const char *path, struct keyring_lines **lp, char *why, size_t why_cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct keyring_lines *l;
	enum status st;

	if (fd < 0) {
		snprintf(why, why_cap, "cannot open %s: %s", path, strerror(errno));
		return status_of_errno(errno);
	}
	if ((l = secret_new(sizeof *l)) == NULL) {
		close(fd);
		return ST_RESOURCE;
	}
	st = read_lines(path, fd, l, why, why_cap);
	close(fd);
	if (st == OK)
		*lp = TAKE(&l);
	keyring_lines_free(&l);
	return st;
}

enum status
keyring_lines_of(const char *line, struct keyring_lines **lp, char *why, size_t why_cap)
{
	size_t len = strlen(line);
	struct keyring_lines *l;

	if (len == 0 || len > KEYRING_LINE_MAX) {
		snprintf(why, why_cap, "a passphrase has 1 to %d bytes", KEYRING_LINE_MAX);
		return ST_INVAL;
	}
	if ((l = secret_new(sizeof *l)) == NULL)
		return ST_RESOURCE;
	memcpy(l->v[0].text, line, len);
	l->v[0].len = len;
	l->n = 1;
	*lp = l;
	return OK;
}
