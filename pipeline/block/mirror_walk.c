/*
 * What lies in the folder of the mirror: whole files and parts, by number; and when the whole ones
 * were last used, which their time of change says between one opening and the next.
 */
#include "pipeline/block/mirror.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/file.h"
#include "pipeline/block/vessel.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

struct walk {
	const char *ending;
	bool (*see)(struct walk *w, const char *name, uint64_t number, const struct stat *sb);
	bool (*each)(void *arg, uint64_t number, uint64_t bytes);
	void *arg;
	bool taken;			/* what files take of the disk, else what they are long */
	struct mirror *mirror;
	uint64_t now_ns;
};

static enum status
see_name(void *arg, const char *name)
{
	struct walk *w = arg;
	struct stat sb;
	uint64_t number;

	if (vessel_number(name, w->ending, &number) &&
	    fstatat(w->mirror->dirfd, name, &sb, AT_SYMLINK_NOFOLLOW) == 0 &&
	    !w->see(w, name, number, &sb))
		return ST_CANCELED;
	return OK;
}

/* The files of that ending, until it was said that those are enough. */
static enum status
walk(struct mirror *m, struct walk *w)
{
	enum status st;

	w->mirror = m;
	st = file_list(m->dirfd, see_name, w);
	return st == ST_CANCELED ? OK : st;
}

static bool
see_file(struct walk *w, const char *name, uint64_t number, const struct stat *sb)
{
	(void)name;
	return w->each(w->arg, number, w->taken ? (uint64_t)sb->st_blocks * 512 :
	    (uint64_t)sb->st_size);
}

enum status
mirror_walk(struct mirror *m, bool (*each)(void *arg, uint64_t number, uint64_t bytes), void *arg)
{
	return walk(m, &(struct walk){ ".dfc", see_file, .each = each, .arg = arg });
}

enum status
mirror_walk_parts(struct mirror *m, bool (*each)(void *arg, uint64_t number, uint64_t bytes),
    void *arg)
{
	return walk(m, &(struct walk){ ".dfp", see_file, .each = each, .arg = arg, .taken = true });
}

/* --- marks of last use --- */

/* A time before 1970, or one to come, is as good as now. */
static uint64_t
minutes_since(uint64_t now_ns, const struct stat *sb)
{
	uint64_t now = now_ns / NS_PER_S, then = (uint64_t)sb->st_mtim.tv_sec;

	return sb->st_mtim.tv_sec < 0 || then > now ? 0 : (now - then) / 60;
}

static bool
see_age(struct walk *w, const char *name, uint64_t number, const struct stat *sb)
{
	(void)name;
	recent_seed(&w->mirror->recent, number, minutes_since(w->now_ns, sb));
	return true;
}

enum status
mirror_marks_read(struct mirror *m)
{
	return walk(m, &(struct walk){ ".dfc", see_age, .now_ns = clock_wall_ns() });
}

/* Only where it says more than the file does.  A disk that takes no times ends it: that costs
 * marks, no more. */
static bool
keep_age(struct walk *w, const char *name, uint64_t number, const struct stat *sb)
{
	uint64_t idle = recent_idle_minutes(&w->mirror->recent, number);
	struct timespec at[2] = { { .tv_nsec = UTIME_OMIT } };

	if (idle >= minutes_since(w->now_ns, sb) || idle * 60 * NS_PER_S > w->now_ns)
		return true;
	at[1] = clock_timespec(w->now_ns - idle * 60 * NS_PER_S);
	return utimensat(w->mirror->dirfd, name, at, AT_SYMLINK_NOFOLLOW) == 0 || errno == ENOENT;
}

void
mirror_marks_keep(struct mirror *m)
{
	struct walk w = { ".dfc", keep_age, .now_ns = clock_wall_ns() };

	recent_tick(&m->recent, clock_mono_ns());
	(void)!walk(m, &w);
}
