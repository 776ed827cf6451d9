/*
 * open, creat, mkdir, mknod, mkfifo, symlink: what they make, what they refuse.
 */
#include "tests/posix/posix.h"

#include <sys/sysmacros.h>

CASE(open_creates_with_the_mode_less_the_umask)
{
	enter();
	umask(027);
	make_file("f", 0777);
	EQ(mode_of("f"), 0750);
	OK_(mkdir("d", 0777));
	EQ(mode_of("d"), 0750);
	OK_(mkfifo("p", 0666));
	EQ(mode_of("p"), 0640);
	EQ(lstat_of("f").st_size, 0);
	EQ(lstat_of("f").st_nlink, 1);
	EQ(lstat_of("d").st_nlink, 2);
}

CASE(open_gives_the_file_to_the_effective_user_and_group)
{
	enter();
	as(1001, 1002, 0, NULL);
	make_file("f", 0644);
	OK_(mkdir("d", 0755));
	OK_(symlink("x", "l"));
	OK_(mkfifo("p", 0644));
	for (const char *const *n = (const char *const[]){ "f", "d", "l", "p", NULL }; *n; n++) {
		EQ(lstat_of(*n).st_uid, 1001);
		EQ(lstat_of(*n).st_gid, 1002);
	}
}

CASE(creating_moves_the_directorys_times_and_failing_does_not)
{
	enter();
	OK_(mkdir("d", 0755));
	MOVES("d", make_file("d/f", 0644), true);
	MOVES("d", OK_(mkdir("d/s", 0755)), true);
	MOVES("d", OK_(symlink("x", "d/l")), true);
	MOVES("d", OK_(mkfifo("d/p", 0644)), true);
	STAYS("d", ERR(mkdir("d/s", 0755), EEXIST));
	STAYS("d", ERR(symlink("x", "d/l"), EEXIST));
	STAYS("d", ERR(open("d/f", O_CREAT | O_EXCL | O_WRONLY, 0644), EEXIST));
}

CASE(open_of_what_is_not_there_is_ENOENT)
{
	enter();
	ERR(open("f", O_RDONLY), ENOENT);
	ERR(open("d/f", O_CREAT | O_WRONLY, 0644), ENOENT);
	ERR(mkdir("d/s", 0755), ENOENT);
	ERR(symlink("x", "d/l"), ENOENT);
	ERR(mkfifo("d/p", 0644), ENOENT);
}

CASE(open_exclusive_of_what_is_there_is_EEXIST)
{
	enter();
	make_file("f", 0644);
	OK_(mkdir("d", 0755));
	OK_(symlink("nowhere", "l"));
	OK_(mkfifo("p", 0644));
	for (const char *const *n = (const char *const[]){ "f", "d", "l", "p", NULL }; *n; n++) {
		ERR(open(*n, O_CREAT | O_EXCL | O_WRONLY, 0644), EEXIST);
		ERR(mkdir(*n, 0755), EEXIST);
		ERR(symlink("x", *n), EEXIST);
		ERR(mkfifo(*n, 0644), EEXIST);
		ERR(mknod(*n, S_IFREG | 0644, 0), EEXIST);
	}
	ERR(mkdir(".", 0755), EEXIST);
	ERR(mkdir("..", 0755), EEXIST);
	FALSE(exists("nowhere"));
}

CASE(open_of_a_file_below_a_file_is_ENOTDIR)
{
	enter();
	make_file("f", 0644);
	ERR(open("f/x", O_RDONLY), ENOTDIR);
	ERR(open("f/x", O_CREAT | O_WRONLY, 0644), ENOTDIR);
	ERR(mkdir("f/x", 0755), ENOTDIR);
	ERR(symlink("a", "f/x"), ENOTDIR);
	ERR(mkfifo("f/x", 0644), ENOTDIR);
	ERR(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
	ERR(open("f/", O_RDONLY), ENOTDIR);
}

CASE(open_of_a_directory_for_writing_is_EISDIR)
{
	enter();
	OK_(mkdir("d", 0755));
	ERR(open("d", O_WRONLY), EISDIR);
	ERR(open("d", O_RDWR), EISDIR);
	ERR(open("d", O_RDONLY | O_TRUNC), EISDIR);
	ERR(open("d", O_CREAT | O_WRONLY, 0644), EISDIR);
	OK_(close(must_open("d", O_RDONLY, 0)));
}

CASE(open_with_TRUNC_empties_and_moves_times)
{
	enter();
	put("f", "content", 7);
	MOVES("f", OK_(close(must_open("f", O_WRONLY | O_TRUNC, 0))), true);
	EQ(stat_of("f").st_size, 0);
}

CASE(open_with_APPEND_writes_at_the_end)
{
	enter();
	put("f", "one", 3);
	int fd = must_open("f", O_WRONLY | O_APPEND, 0);

	EQ(lseek(fd, 0, SEEK_SET), 0);
	EQ(write(fd, "two", 3), 3);
	OK_(close(fd));
	EQ_STR(text_of("f"), "onetwo");
}

CASE(open_of_a_mode_without_write_still_writes_by_its_first_descriptor)
{
	enter();
	as(1001, 1001, 0, NULL);
	int fd = must_open("f", O_CREAT | O_EXCL | O_RDWR, 0444);

	EQ(write(fd, "x", 1), 1);
	OK_(close(fd));
	ERR(open("f", O_WRONLY), EACCES);
	EQ_STR(text_of("f"), "x");
}

CASE(names_too_long_are_ENAMETOOLONG_everywhere)
{
	enter();
	const char *name = run_of('n', NAME_MAX + 1);

	make_file("f", 0644);
	ERR(open(name, O_RDONLY), ENAMETOOLONG);
	ERR(open(name, O_CREAT | O_WRONLY, 0644), ENAMETOOLONG);
	ERR(mkdir(name, 0755), ENAMETOOLONG);
	ERR(mkfifo(name, 0644), ENAMETOOLONG);
	ERR(symlink("x", name), ENAMETOOLONG);
	ERR(link("f", name), ENAMETOOLONG);
	ERR(rename("f", name), ENAMETOOLONG);
	ERR(rename(name, "g"), ENAMETOOLONG);
	ERR(unlink(name), ENAMETOOLONG);
	ERR(rmdir(name), ENAMETOOLONG);
	ERR(truncate(name, 0), ENAMETOOLONG);
	ERR(chmod(name, 0644), ENAMETOOLONG);
	ERR(chown(name, 0, 0), ENAMETOOLONG);
	ERR(open(run_of('/', PATH_MAX + 1), O_RDONLY), ENAMETOOLONG);
}

CASE(names_of_NAME_MAX_bytes_work)
{
	enter();
	const char *name = run_of('n', NAME_MAX), *other = run_of('m', NAME_MAX);

	make_file(name, 0644);
	OK_(link(name, other));
	OK_(unlink(name));
	OK_(rename(other, name));
	OK_(mkdir(other, 0755));
	EQ(count_names("."), 2);
	OK_(rmdir(other));
	OK_(unlink(name));
}

CASE(links_in_circles_are_ELOOP_everywhere)
{
	enter();
	OK_(symlink("b", "a"));
	OK_(symlink("a", "b"));
	OK_(symlink("self", "self"));
	ERR(open("a", O_RDONLY), ELOOP);
	ERR(open("self/x", O_RDONLY), ELOOP);
	ERR(open("a/x", O_CREAT | O_WRONLY, 0644), ELOOP);
	ERR(mkdir("a/x", 0755), ELOOP);
	ERR(truncate("a", 0), ELOOP);
	ERR(chmod("a", 0644), ELOOP);
	ERR(chown("a", 0, 0), ELOOP);
	ERR(unlink("a/x"), ELOOP);
	ERR(rename("a/x", "y"), ELOOP);
	ERR(link("a/x", "y"), ELOOP);
	ERR(rmdir("a/x"), ELOOP);
	ERR(open("self", O_RDONLY | O_NOFOLLOW), ELOOP);
}

CASE(a_symlink_is_followed_to_make_its_target)
{
	char target[64];

	enter();
	OK_(symlink("target", "l"));
	OK_(close(must_open("l", O_CREAT | O_WRONLY, 0600)));
	TRUE(S_ISREG(lstat_of("target").st_mode));
	EQ(readlink("l", target, sizeof target), 6);
	EQ_MEM(target, "target", 6);
	EQ(lstat_of("l").st_size, 6);
}

CASE(readlink_of_what_is_no_link_is_EINVAL)
{
	char target[64];

	enter();
	make_file("f", 0644);
	OK_(mkdir("d", 0755));
	ERR(readlink("f", target, sizeof target), EINVAL);
	ERR(readlink("d", target, sizeof target), EINVAL);
	ERR(readlink("x", target, sizeof target), ENOENT);
}

CASE(a_symlink_keeps_a_long_target)
{
	char target[PATH_MAX];
	size_t len = 1000;

	enter();
	OK_(symlink(run_of('t', len), "l"));
	EQ(readlink("l", target, sizeof target), len);
	EQ_MEM(target, run_of('t', len), len);
	EQ(lstat_of("l").st_size, len);
}

CASE(mknod_makes_devices_fifos_and_sockets_with_their_numbers)
{
	enter();
	OK_(mknod("c", S_IFCHR | 0600, makedev(10, 200)));
	OK_(mknod("b", S_IFBLK | 0600, makedev(7, 31)));
	OK_(mknod("s", S_IFSOCK | 0600, 0));
	OK_(mknod("p", S_IFIFO | 0600, 0));
	OK_(mknod("f", S_IFREG | 0600, 0));
	TRUE(S_ISCHR(lstat_of("c").st_mode) && lstat_of("c").st_rdev == makedev(10, 200));
	TRUE(S_ISBLK(lstat_of("b").st_mode) && lstat_of("b").st_rdev == makedev(7, 31));
	TRUE(S_ISSOCK(lstat_of("s").st_mode));
	TRUE(S_ISFIFO(lstat_of("p").st_mode));
	TRUE(S_ISREG(lstat_of("f").st_mode));
	OK_(rename("c", "c2"));
	TRUE(lstat_of("c2").st_rdev == makedev(10, 200));
	OK_(link("b", "b2"));
	EQ(lstat_of("b").st_nlink, 2);
}

CASE(mknod_of_a_device_by_a_user_is_EPERM)
{
	enter();
	as(1001, 1001, 0, NULL);
	ERR(mknod("c", S_IFCHR | 0600, makedev(1, 3)), EPERM);
	ERR(mknod("b", S_IFBLK | 0600, makedev(7, 0)), EPERM);
	OK_(mkfifo("p", 0600));
}

CASE(a_fifo_carries_bytes_between_two_descriptors)
{
	char text[8];

	enter();
	OK_(mkfifo("p", 0600));
	ERR(open("p", O_WRONLY | O_NONBLOCK), ENXIO);
	int in = must_open("p", O_RDONLY | O_NONBLOCK, 0);
	int out = must_open("p", O_WRONLY | O_NONBLOCK, 0);

	EQ(write(out, "through", 7), 7);
	EQ(read(in, text, sizeof text), 7);
	EQ_MEM(text, "through", 7);
	close(in);
	close(out);
}
