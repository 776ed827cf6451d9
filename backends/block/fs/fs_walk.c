/*
 * All objects below a folder, depth first on a stack of our own: how deep it goes is bounded by
 * how names become paths.  Folders that cannot hold a name of the prefix are not entered.
 */
#include "backends/block/fs/inner.h"

#include "backends/block/fs/fs_path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct level {
	DIR *dir;
	size_t name_len;		/* of the name so far, above what this level adds */
};

struct walk {
	struct block_call *call;
	struct level level[FS_DEPTH_MAX];
	int depth;			/* levels open */
	char room[BLOCK_NAME_MAX];
	struct text name;
};

static enum status
enter(struct walk *w, int at, const char *part, size_t name_len)
{
	int fd = openat(at, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir;

	if (fd < 0)
		return status_of_errno(errno);
	dir = fdopendir(fd);
	if (dir == NULL) {
		enum status st = status_of_errno(errno);

		close(fd);
		return st;
	}
	w->level[w->depth++] = (struct level){ dir, name_len };
	return OK;
}

static void
cut_name(struct walk *w, size_t len)
{
	w->name.len = len;
	w->name.s[len] = '\0';
	w->name.cut = false;
}

static bool
may_hold(const struct walk *w)
{
	size_t want = strlen(w->call->name);

	return strncmp(w->name.s, w->call->name, MIN(want, w->name.len)) == 0;
}

/* A file that goes away under us was deleted meanwhile: it is not handed out. */
static bool
hand_out(struct walk *w, int at, const char *part)
{
	struct stat sb;

	if (w->name.len < strlen(w->call->name) ||
	    fstatat(at, part, &sb, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(sb.st_mode))
		return true;
	return w->call->each(w->call, w->name.s, (uint64_t)sb.st_size);
}

/* One entry of the innermost folder; *more: go on. */
static enum status
step(struct walk *w, const struct level *l, const char *part, bool *more)
{
	enum status st = OK;
	bool file;

	cut_name(w, l->name_len);
	if (!fs_path_part(part, &w->name, &file) || !may_hold(w))
		return OK;
	if (file)
		*more = hand_out(w, dirfd(l->dir), part);
	else if (w->depth < FS_DEPTH_MAX)
		st = enter(w, dirfd(l->dir), part, w->name.len);
	return st == ST_NOENT || st == ST_NOTDIR || st == ST_SYMLINK ? OK : st;	/* none of ours */
}

enum status
fs_walk(int dirfd, struct block_call *call, const struct block_op *op)
{
	struct walk w = { .call = call };
	bool more = true;
	enum status st;

	w.name = text_of(w.room, sizeof w.room);
	st = enter(&w, dirfd, ".", 0);
	while (st == OK && more && w.depth > 0) {
		struct level *l = &w.level[w.depth - 1];
		struct dirent *e;

		errno = 0;
		e = readdir(l->dir);
		if (e == NULL && errno != 0)
			st = status_of_errno(errno);
		else if (e == NULL) {
			closedir(l->dir);
			w.depth--;
		} else if ((st = block_op_alive(op)) == OK)
			st = step(&w, l, e->d_name, &more);
	}
	while (w.depth > 0)
		closedir(w.level[--w.depth].dir);
	return st;
}
