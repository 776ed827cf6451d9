/*
 * Permissions as other users: files, searching, sticky and setgid directories, groups.
 */
#include "tests/posix/posix.h"

CASE(each_class_of_users_has_its_own_bits)
{
	static const struct { uid_t uid; gid_t gid; int shift; } who[] = {
		{ 1001, 1009, 6 }, { 1008, 1002, 3 }, { 1008, 1009, 0 } };

	enter();
	make_file("f", 0);
	OK_(chown("f", 1001, 1002));
	for (int w = 0; w < 3; w++)
		for (mode_t bits = 0; bits < 8; bits++) {
			as_root();
			OK_(chmod("f", bits << who[w].shift));
			as(who[w].uid, who[w].gid, 0, NULL);
			for (int flags = O_RDONLY; flags <= O_RDWR; flags++) {
				mode_t need = flags == O_RDONLY ? 4 : flags == O_WRONLY ? 2 : 6;
				int fd = open("f", flags);

				if ((bits & need) == need) {
					OK_(fd);
					close(fd);
				} else {
					if (fd >= 0)
						close(fd);
					EQ(fd, -1);
					EQ(errno, EACCES);
				}
			}
		}
}

CASE(supplementary_groups_count)
{
	enter();
	make_file("f", 0060);
	OK_(chown("f", 0, 2005));
	as(1001, 1001, 0, NULL);
	ERR(open("f", O_RDONLY), EACCES);
	as(1001, 1001, 4, (gid_t[]){ 2001, 2002, 2005, 2009 });
	OK_(close(must_open("f", O_RDWR, 0)));
}

CASE(searching_needs_execute_and_listing_needs_read)
{
	enter();
	OK_(mkdir("d", 0755));
	make_file("d/f", 0644);
	OK_(chmod("d", 0744));
	as(1001, 1001, 0, NULL);
	EQ(count_names("d"), 1);
	ERR(open("d/f", O_RDONLY), EACCES);
	as_root();
	OK_(chmod("d", 0711));
	as(1001, 1001, 0, NULL);
	ERR(open("d", O_RDONLY | O_DIRECTORY), EACCES);
	OK_(close(must_open("d/f", O_RDONLY, 0)));
}

CASE(changing_a_directory_needs_write_and_execute)
{
	enter();
	OK_(mkdir("d", 0755));
	make_file("d/f", 0666);
	OK_(mkdir("d/s", 0777));
	make_file("f", 0666);
	for (mode_t mode = 0755; mode <= 0766; mode += 011) {	/* r-x, then rw- */
		as_root();
		OK_(chmod("d", mode == 0755 ? 0755 : 0766));
		as(1001, 1001, 0, NULL);
		ERR(open("d/x", O_CREAT | O_WRONLY, 0644), EACCES);
		ERR(mkdir("d/x", 0755), EACCES);
		ERR(symlink("a", "d/x"), EACCES);
		ERR(mkfifo("d/x", 0644), EACCES);
		ERR(unlink("d/f"), EACCES);
		ERR(rmdir("d/s"), EACCES);
		ERR(rename("d/f", "g"), EACCES);
		ERR(rename("f", "d/g"), EACCES);
		ERR2(link("f", "d/g"), EACCES, EPERM);
	}
	as_root();
	OK_(chmod("d", 0777));
	as(1001, 1001, 0, NULL);
	OK_(mkdir("d/x", 0755));
	OK_(unlink("d/f"));
	OK_(rmdir("d/s"));
}

CASE(removing_needs_no_right_to_the_file)
{
	enter();
	make_file("f", 0);
	as(1001, 1001, 0, NULL);
	OK_(unlink("f"));
}

CASE(in_a_sticky_directory_names_belong_to_owners)
{
	enter();
	OK_(mkdir("d", 01777));
	make_file("d/roots", 0666);
	OK_(mkdir("d/rootdir", 0777));
	as(1001, 1001, 0, NULL);
	make_file("d/own", 0644);
	make_file("d/own2", 0644);
	ERR2(unlink("d/roots"), EPERM, EACCES);
	ERR2(rmdir("d/rootdir"), EPERM, EACCES);
	ERR2(rename("d/roots", "d/x"), EPERM, EACCES);
	ERR2(rename("d/roots", "x"), EPERM, EACCES);
	ERR2(rename("d/own", "d/roots"), EPERM, EACCES);
	OK_(rename("d/own", "d/own3"));
	OK_(rename("d/own3", "d/own2"));
	as(1002, 1002, 0, NULL);
	ERR2(unlink("d/own2"), EPERM, EACCES);
	as(1001, 1001, 0, NULL);
	OK_(unlink("d/own2"));
}

CASE(a_sticky_directorys_owner_and_root_may_all)
{
	enter();
	OK_(mkdir("d", 01777));
	OK_(chown("d", 1001, 1001));
	as(1002, 1002, 0, NULL);
	make_file("d/a", 0644);
	make_file("d/b", 0644);
	as(1001, 1001, 0, NULL);
	OK_(unlink("d/a"));
	as_root();
	OK_(unlink("d/b"));
}

CASE(a_setgid_directory_gives_its_group_on)
{
	enter();
	OK_(mkdir("d", 0777));
	OK_(chown("d", 0, 3000));
	OK_(chmod("d", 02777));
	as(1001, 1001, 0, NULL);
	make_file("d/f", 0644);
	OK_(mkdir("d/s", 0755));
	OK_(symlink("x", "d/l"));
	OK_(mkfifo("d/p", 0644));
	EQ(lstat_of("d/f").st_gid, 3000);
	EQ(lstat_of("d/l").st_gid, 3000);
	EQ(lstat_of("d/p").st_gid, 3000);
	EQ(lstat_of("d/s").st_gid, 3000);
	EQ(mode_of("d/s"), 02755);
	EQ(mode_of("d/f"), 0644);
	make_file("d/s/f", 0644);
	EQ(lstat_of("d/s/f").st_gid, 3000);
}

CASE(access_asks_for_the_real_user)
{
	enter();
	make_file("f", 0600);
	OK_(access("f", R_OK | W_OK));
	ERR(access("f", X_OK), EACCES);
	OK_(faccessat(AT_FDCWD, "f", F_OK, 0));
	as(1001, 1001, 0, NULL);
	ERR(faccessat(AT_FDCWD, "f", R_OK, AT_EACCESS), EACCES);
}

CASE(moving_a_directory_needs_write_in_it_when_the_parent_changes)
{
	enter();
	OK_(mkdir("a", 0777));
	OK_(mkdir("b", 0777));
	OK_(mkdir("a/d", 0755));
	as(1001, 1001, 0, NULL);
	OK_(rename("a/d", "a/e"));
	ERR(rename("a/e", "b/e"), EACCES);
}

CASE(root_reads_and_writes_without_bits)
{
	enter();
	OK_(mkdir("d", 0));
	make_file("d/f", 0);
	OK_(chown("d", 1001, 1001));
	int fd = must_open("d/f", O_RDWR, 0);

	EQ(write(fd, "x", 1), 1);
	OK_(close(fd));
	OK_(unlink("d/f"));
}
