/*
 * chmod, chown, utimensat, truncate: who may, what changes, which times move.
 */
#include "tests/posix/posix.h"

CASE(chmod_sets_every_bit_and_moves_ctime_alone)
{
	enter();
	make_file("f", 0644);
	for (mode_t mode = 0; mode <= 07777; mode += 0111 + 01000) {
		OK_(chmod("f", mode & 07777));
		EQ(mode_of("f"), mode & 07777);
	}
	MOVES("f", OK_(chmod("f", 0600)), false);
}

CASE(chmod_follows_a_symlink)
{
	enter();
	make_file("f", 0644);
	OK_(symlink("f", "l"));
	OK_(chmod("l", 0600));
	EQ(mode_of("f"), 0600);
}

CASE(chmod_is_for_the_owner_and_root)
{
	enter();
	make_file("f", 0666);
	OK_(chown("f", 1001, 1001));
	as(1002, 1001, 0, NULL);
	STAYS("f", ERR(chmod("f", 0600), EPERM));
	as(1001, 1001, 0, NULL);
	OK_(chmod("f", 0600));
	ERR(chmod("x", 0600), ENOENT);
	ERR(chmod("f/x", 0600), ENOTDIR);
}

CASE(chmod_drops_setgid_of_a_foreign_group)
{
	enter();
	make_file("f", 0755);
	OK_(chown("f", 1001, 1005));
	as(1001, 1001, 0, NULL);
	OK_(chmod("f", 02755));
	EQ(mode_of("f"), 0755);
	as(1001, 1001, 1, &(gid_t){ 1005 });
	OK_(chmod("f", 02755));
	EQ(mode_of("f"), 02755);
}

CASE(chown_is_for_root_and_chgrp_for_members)
{
	enter();
	make_file("f", 0644);
	OK_(chown("f", 1001, 1001));
	EQ(stat_of("f").st_uid, 1001);
	as(1001, 1001, 1, &(gid_t){ 1005 });
	ERR(chown("f", 1002, (gid_t)-1), EPERM);
	ERR(chown("f", (uid_t)-1, 1006), EPERM);
	OK_(chown("f", (uid_t)-1, 1005));
	OK_(chown("f", 1001, 1001));
	EQ(stat_of("f").st_gid, 1001);
	as(1002, 1002, 1, &(gid_t){ 1001 });
	ERR(chown("f", (uid_t)-1, 1002), EPERM);
}

CASE(chown_moves_ctime_alone)
{
	enter();
	make_file("f", 0644);
	MOVES("f", OK_(chown("f", 1001, 1002)), false);
	MOVES("f", OK_(chown("f", (uid_t)-1, 1003)), false);
}

CASE(chown_takes_setuid_and_setgid_of_a_program_away)
{
	enter();
	make_file("f", 0755);
	OK_(chown("f", 1001, 1001));
	OK_(chmod("f", 06755));
	as(1001, 1001, 1, &(gid_t){ 1005 });
	OK_(chown("f", (uid_t)-1, 1005));
	EQ(mode_of("f"), 0755);
	as_root();
	OK_(chmod("f", 06755));
	OK_(chown("f", 1002, 1002));
	EQ(mode_of("f"), 0755);
}

CASE(lchown_changes_the_link_and_not_its_target)
{
	enter();
	make_file("f", 0644);
	OK_(symlink("f", "l"));
	OK_(lchown("l", 1001, 1002));
	EQ(lstat_of("l").st_uid, 1001);
	EQ(lstat_of("l").st_gid, 1002);
	EQ(stat_of("f").st_uid, 0);
	OK_(chown("l", 1003, 1003));
	EQ(stat_of("f").st_uid, 1003);
	EQ(lstat_of("l").st_uid, 1001);
}

CASE(write_by_a_user_takes_setuid_and_setgid_away)
{
	enter();
	make_file("f", 0777);
	OK_(chmod("f", 06777));
	as(1001, 1001, 0, NULL);
	int fd = must_open("f", O_WRONLY, 0);

	EQ(write(fd, "x", 1), 1);
	OK_(close(fd));
	EQ(mode_of("f"), 0777);
}

CASE(utimensat_sets_both_times_to_the_nanosecond)
{
	struct timespec t[2] = { { 1000000001, 123456789 }, { 1500000000, 987654321 } };

	enter();
	make_file("f", 0644);
	struct stat was = stat_of("f");

	nap();
	OK_(utimensat(AT_FDCWD, "f", t, 0));
	struct stat st = stat_of("f");

	EQ(time_cmp(st.st_atim, t[0]), 0);
	EQ(time_cmp(st.st_mtim, t[1]), 0);
	TRUE(time_cmp(st.st_ctim, was.st_ctim) > 0);
}

CASE(utimensat_with_OMIT_and_NOW)
{
	struct timespec t[2] = { { 1000000000, 5 }, { 1000000000, 6 } };

	enter();
	make_file("f", 0644);
	OK_(utimensat(AT_FDCWD, "f", t, 0));
	t[0].tv_nsec = UTIME_OMIT;
	t[1].tv_nsec = UTIME_NOW;
	OK_(utimensat(AT_FDCWD, "f", t, 0));
	EQ(stat_of("f").st_atim.tv_nsec, 5);
	TRUE(stat_of("f").st_mtim.tv_sec > 1500000000);
	t[0].tv_nsec = UTIME_OMIT;
	t[1].tv_nsec = UTIME_OMIT;
	STAYS("f", OK_(utimensat(AT_FDCWD, "f", t, 0)));
	t[0].tv_nsec = 1000000000;
	ERR(utimensat(AT_FDCWD, "f", t, 0), EINVAL);
}

CASE(utimensat_of_a_symlink_itself)
{
	struct timespec t[2] = { { 1000000000, 5 }, { 1100000000, 6 } };

	enter();
	make_file("f", 0644);
	OK_(symlink("f", "l"));
	struct stat was = stat_of("f");

	OK_(utimensat(AT_FDCWD, "l", t, AT_SYMLINK_NOFOLLOW));
	EQ(time_cmp(lstat_of("l").st_mtim, t[1]), 0);
	EQ(time_cmp(stat_of("f").st_mtim, was.st_mtim), 0);
}

CASE(utimensat_to_now_needs_write_and_to_a_time_ownership)
{
	struct timespec given[2] = { { 1000000000, 5 }, { 1100000000, 6 } };
	struct timespec now[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };

	enter();
	make_file("f", 0646);
	make_file("g", 0644);
	as(1001, 1001, 0, NULL);
	OK_(utimensat(AT_FDCWD, "f", NULL, 0));
	OK_(utimensat(AT_FDCWD, "f", now, 0));
	ERR(utimensat(AT_FDCWD, "f", given, 0), EPERM);
	ERR(utimensat(AT_FDCWD, "g", NULL, 0), EACCES);
	ERR(utimensat(AT_FDCWD, "g", given, 0), EPERM);
}

CASE(utimensat_takes_1970_and_2038_and_later)
{
	struct timespec t[2] = { { 0, 0 }, { 0, 0 } };

	enter();
	make_file("f", 0644);
	OK_(utimensat(AT_FDCWD, "f", t, 0));
	EQ(stat_of("f").st_mtim.tv_sec, 0);
	t[1].tv_sec = 0x7fffffff;
	OK_(utimensat(AT_FDCWD, "f", t, 0));
	EQ(stat_of("f").st_mtim.tv_sec, 0x7fffffff);
	t[1].tv_sec = 3000000000;
	OK_(utimensat(AT_FDCWD, "f", t, 0));
	if (over_nfs3() && stat_of("f").st_mtim.tv_sec != 3000000000)
		check_skip("the client reads 32 bits of seconds with their sign");
	EQ(stat_of("f").st_mtim.tv_sec, 3000000000);
}

CASE(truncate_shortens_lengthens_and_moves_times)
{
	enter();
	put("f", "0123456789", 10);
	MOVES("f", OK_(truncate("f", 4)), true);
	EQ_STR(text_of("f"), "0123");
	MOVES("f", OK_(truncate("f", 10000)), true);
	EQ(stat_of("f").st_size, 10000);
	int fd = must_open("f", O_RDONLY, 0);
	char tail[16];

	EQ(pread(fd, tail, 16, 9990), 10);
	EQ_MEM(tail, "\0\0\0\0\0\0\0\0\0\0", 10);
	EQ(pread(fd, tail, 8, 2), 8);
	EQ_MEM(tail, "23\0\0\0\0\0\0", 8);
	close(fd);
}

CASE(truncate_refuses_what_it_must)
{
	enter();
	make_file("f", 0644);
	OK_(mkdir("d", 0777));
	ERR(truncate("d", 0), EISDIR);
	ERR(truncate("x", 0), ENOENT);
	ERR(truncate("f/x", 0), ENOTDIR);
	ERR(truncate("f", -1), EINVAL);
	as(1001, 1001, 0, NULL);
	ERR(truncate("f", 0), EACCES);
}

CASE(ftruncate_works_by_a_descriptor_whatever_the_mode_has_become)
{
	enter();
	as(1001, 1001, 0, NULL);
	int fd = must_open("f", O_CREAT | O_RDWR, 0600);

	EQ(write(fd, "text", 4), 4);
	OK_(fsync(fd));
	OK_(fchmod(fd, 0400));
	OK_(ftruncate(fd, 2));
	OK_(close(fd));
	EQ(stat_of("f").st_size, 2);
	fd = must_open("f", O_RDONLY, 0);
	ERR(ftruncate(fd, 0), EINVAL);
	close(fd);
}

CASE(truncate_by_a_user_takes_setuid_and_setgid_away)
{
	enter();
	put("f", "text", 4);
	OK_(chmod("f", 06777));
	as(1001, 1001, 0, NULL);
	OK_(truncate("f", 1));
	EQ(mode_of("f"), 0777);
}

CASE(reading_does_not_move_mtime_or_ctime)
{
	enter();
	put("f", "text", 4);
	STAYS("f", (void)text_of("f"));
	STAYS("f", OK_(access("f", R_OK)));
	OK_(mkdir("d", 0755));
	STAYS("d", EQ(count_names("d"), 0));
}
