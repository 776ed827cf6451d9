/*
 * link, unlink, rmdir, rename: names that come and go, counts and times that follow.
 */
#include "tests/posix/posix.h"

CASE(link_counts_and_names_one_file)
{
	enter();
	put("a", "text", 4);
	OK_(link("a", "b"));
	EQ(stat_of("a").st_nlink, 2);
	EQ(stat_of("a").st_ino, stat_of("b").st_ino);
	put("b", "other", 5);
	EQ_STR(text_of("a"), "other");
	OK_(unlink("a"));
	EQ(stat_of("b").st_nlink, 1);
	EQ_STR(text_of("b"), "other");
}

CASE(link_moves_ctime_of_the_file_and_times_of_the_directory)
{
	enter();
	OK_(mkdir("d", 0755));
	make_file("f", 0644);
	MOVES("f", OK_(link("f", "d/1")), false);
	MOVES("d", OK_(link("f", "d/2")), true);
	MOVES("f", OK_(unlink("d/1")), false);
	MOVES("d", OK_(unlink("d/2")), true);
}

CASE(link_refuses_what_it_must)
{
	enter();
	make_file("f", 0644);
	make_file("g", 0644);
	OK_(mkdir("d", 0755));
	ERR(link("f", "g"), EEXIST);
	ERR(link("f", "f"), EEXIST);
	ERR(link("f", "d"), EEXIST);
	ERR(link("x", "y"), ENOENT);
	ERR(link("f", "x/y"), ENOENT);
	ERR(link("f", "g/y"), ENOTDIR);
	ERR(link("f/x", "y"), ENOTDIR);
	ERR(link("d", "e"), EPERM);
	EQ(stat_of("f").st_nlink, 1);
}

CASE(link_of_a_symlink_is_of_the_link_itself)
{
	enter();
	make_file("f", 0644);
	OK_(symlink("f", "l"));
	OK_(link("l", "m"));
	TRUE(S_ISLNK(lstat_of("m").st_mode));
	EQ(lstat_of("l").st_nlink, 2);
	EQ(stat_of("f").st_nlink, 1);
}

CASE(unlink_refuses_what_it_must)
{
	enter();
	make_file("f", 0644);
	OK_(mkdir("d", 0755));
	ERR(unlink("x"), ENOENT);
	ERR(unlink("f/x"), ENOTDIR);
	ERR2(unlink("d"), EISDIR, EPERM);
	ERR2(unlink("."), EISDIR, EPERM);
	TRUE(exists("f") && exists("d"));
}

CASE(unlink_takes_every_kind_of_object)
{
	enter();
	make_file("f", 0);
	OK_(symlink("f", "l"));
	OK_(mkfifo("p", 0));
	OK_(mknod("s", S_IFSOCK | 0600, 0));
	OK_(unlink("l"));
	TRUE(exists("f"));
	OK_(unlink("f"));
	OK_(unlink("p"));
	OK_(unlink("s"));
	EQ(count_names("."), 0);
}

CASE(an_unlinked_file_lives_while_it_is_open)
{
	char text[16];

	enter();
	put("f", "still here", 10);
	int fd = must_open("f", O_RDWR, 0);

	OK_(unlink("f"));
	FALSE(exists("f"));
	EQ(pread(fd, text, 10, 0), 10);
	EQ_MEM(text, "still here", 10);
	EQ(pwrite(fd, "STILL", 5, 0), 5);
	OK_(fsync(fd));
	OK_(ftruncate(fd, 5));
	struct stat st;

	OK_(fstat(fd, &st));
	EQ(st.st_size, 5);
	make_file("f", 0644);
	EQ(stat_of("f").st_size, 0);
	EQ(pread(fd, text, 10, 0), 5);
	EQ_MEM(text, "STILL", 5);
	OK_(close(fd));
	EQ(count_names("."), 1);
}

CASE(an_unlinked_open_file_has_no_links)
{
	struct stat st;

	enter();
	if (over_nfs3())
		check_skip("the client renames an open file instead of removing it");
	int fd = must_open("f", O_CREAT | O_RDWR, 0644);

	OK_(unlink("f"));
	OK_(fstat(fd, &st));
	EQ(st.st_nlink, 0);
	OK_(close(fd));
}

CASE(rmdir_refuses_what_it_must)
{
	enter();
	OK_(mkdir("d", 0755));
	make_file("f", 0644);
	make_file("d/f", 0644);
	ERR2(rmdir("d"), ENOTEMPTY, EEXIST);
	ERR(rmdir("f"), ENOTDIR);
	ERR(rmdir("x"), ENOENT);
	ERR(rmdir("f/x"), ENOTDIR);
	ERR(rmdir("."), EINVAL);
	ERR2(rmdir("d/.."), ENOTEMPTY, EEXIST);
	OK_(symlink("d", "l"));
	ERR(rmdir("l"), ENOTDIR);
	OK_(unlink("d/f"));
	OK_(rmdir("d"));
}

CASE(rmdir_moves_the_parents_times_and_count)
{
	enter();
	OK_(mkdir("d", 0755));
	OK_(mkdir("d/s", 0755));
	EQ(stat_of("d").st_nlink, 3);
	MOVES("d", OK_(rmdir("d/s")), true);
	EQ(stat_of("d").st_nlink, 2);
}

CASE(a_removed_directory_that_is_open_is_empty_for_good)
{
	enter();
	if (over_nfs3())
		check_skip("its handle is stale");
	OK_(mkdir("d", 0755));
	int fd = must_open("d", O_RDONLY | O_DIRECTORY, 0);

	OK_(rmdir("d"));
	ERR(openat(fd, "f", O_CREAT | O_WRONLY, 0644), ENOENT);
	OK_(close(fd));
}

CASE(rename_keeps_the_object_whatever_its_kind)
{
	static const char *const names[] = { "f", "d", "l", "p", NULL };

	enter();
	make_file("f", 0640);
	OK_(mkdir("d", 0750));
	OK_(symlink("x", "l"));
	OK_(mkfifo("p", 0620));
	OK_(mkdir("to", 0755));
	for (const char *const *n = names; *n; n++) {
		struct stat was = lstat_of(*n), now;
		char to[16];

		snprintf(to, sizeof to, "to/%s2", *n);
		OK_(rename(*n, to));
		FALSE(exists(*n));
		now = lstat_of(to);
		EQ(now.st_ino, was.st_ino);
		EQ(now.st_mode, was.st_mode);
		EQ(now.st_nlink, was.st_nlink);
	}
	EQ(stat_of("to").st_nlink, 3);
}

CASE(rename_moves_ctime_of_the_object_and_times_of_both_directories)
{
	enter();
	OK_(mkdir("a", 0755));
	OK_(mkdir("b", 0755));
	make_file("a/f", 0644);
	make_file("a/g", 0644);
	MOVES("a", OK_(rename("a/f", "b/f")), true);
	MOVES("b", OK_(rename("a/g", "b/g")), true);
	OK_(rename("b/f", "f"));
	MOVES("f", OK_(rename("f", "f") || rename("f", "g") || rename("g", "f")), false);
}

CASE(rename_over_a_file_replaces_it_at_once)
{
	enter();
	put("new", "new", 3);
	put("old", "old", 3);
	OK_(link("old", "keep"));
	ino_t ino = stat_of("new").st_ino;

	OK_(rename("new", "old"));
	EQ(stat_of("old").st_ino, ino);
	EQ_STR(text_of("old"), "new");
	EQ_STR(text_of("keep"), "old");
	EQ(stat_of("keep").st_nlink, 1);
	EQ(count_names("."), 2);
}

CASE(rename_over_an_open_file_leaves_it_to_its_reader)
{
	char text[4];

	enter();
	put("new", "new", 3);
	put("old", "old", 3);
	int fd = must_open("old", O_RDONLY, 0);

	OK_(rename("new", "old"));
	EQ(pread(fd, text, 3, 0), 3);
	EQ_MEM(text, "old", 3);
	OK_(close(fd));
	EQ_STR(text_of("old"), "new");
}

CASE(rename_of_directories_takes_only_empty_ones)
{
	enter();
	OK_(mkdir("a", 0755));
	make_file("a/f", 0644);
	OK_(mkdir("empty", 0755));
	OK_(mkdir("full", 0755));
	make_file("full/f", 0644);
	ERR2(rename("a", "full"), ENOTEMPTY, EEXIST);
	OK_(rename("a", "empty"));
	TRUE(exists("empty/f"));
	FALSE(exists("a"));
}

CASE(rename_does_not_mix_files_and_directories)
{
	enter();
	make_file("f", 0644);
	OK_(mkdir("d", 0755));
	OK_(mkdir("e", 0755));
	OK_(symlink("d", "l"));
	ERR(rename("f", "d"), EISDIR);
	ERR(rename("l", "e"), EISDIR);
	ERR(rename("d", "f"), ENOTDIR);
	ERR(rename("d", "l"), ENOTDIR);
}

CASE(rename_refuses_what_it_must)
{
	enter();
	OK_(mkdir("d", 0755));
	OK_(mkdir("d/e", 0755));
	make_file("f", 0644);
	ERR(rename("x", "y"), ENOENT);
	ERR(rename("f", "x/y"), ENOENT);
	ERR(rename("f", "f/y"), ENOTDIR);
	ERR(rename("f/x", "y"), ENOTDIR);
	ERR(rename("d", "d/e/x"), EINVAL);
	ERR(rename("d", "d/x"), EINVAL);
	ERR2(rename("d/e", "d"), ENOTEMPTY, EEXIST);
	ERR2(rename("d/.", "x"), EINVAL, EBUSY);
	ERR2(rename("d/..", "x"), EINVAL, EBUSY);
	ERR2(rename("d", "d/e/.."), EINVAL, EBUSY);
	TRUE(exists("d/e") && exists("f"));
}

CASE(rename_between_links_of_one_file_does_nothing)
{
	enter();
	make_file("a", 0644);
	OK_(link("a", "b"));
	OK_(rename("a", "b"));
	TRUE(exists("a") && exists("b"));
	EQ(stat_of("a").st_nlink, 2);
	OK_(rename("a", "a"));
	TRUE(exists("a"));
}

CASE(a_moved_directory_knows_its_new_parent)
{
	enter();
	OK_(mkdir("a", 0755));
	OK_(mkdir("b", 0755));
	OK_(mkdir("a/d", 0755));
	OK_(rename("a/d", "b/d"));
	EQ(stat_of("b/d/..").st_ino, stat_of("b").st_ino);
	EQ(stat_of("a").st_nlink, 2);
	EQ(stat_of("b").st_nlink, 3);
}

CASE(a_deep_tree_can_be_walked_and_removed)
{
	char path[2048] = "";

	enter();
	for (int i = 0; i < 60; i++) {
		snprintf(path + strlen(path), sizeof path - strlen(path), "%sdir%d",
		    i ? "/" : "", i);
		OK_(mkdir(path, 0755));
	}
	EQ(stat_of(path).st_nlink, 2);
	for (char *end; (end = strrchr(path, '/')) != NULL; *end = '\0')
		OK_(rmdir(path));
	OK_(rmdir(path));
}
