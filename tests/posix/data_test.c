/*
 * Bytes and directories: holes, large offsets, many names, lists under churn.
 */
#include "tests/posix/posix.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/statvfs.h>

CASE(a_hole_reads_as_zeros)
{
	char page[4096];

	enter();
	int fd = must_open("f", O_CREAT | O_RDWR, 0644);

	EQ(pwrite(fd, "end", 3, 10000000), 3);
	EQ(pwrite(fd, "mid", 3, 5000001), 3);
	OK_(fsync(fd));
	struct stat st;

	OK_(fstat(fd, &st));
	EQ(st.st_size, 10000003);
	TRUE(st.st_blocks * 512 < 5000000);
	EQ(pread(fd, page, 4096, 4999000), 4096);
	for (int i = 0; i < 4096; i++)
		EQ(page[i], i >= 1001 && i < 1004 ? "mid"[i - 1001] : 0);
	close(fd);
}

CASE(offsets_beyond_4_GiB_and_8_TiB)
{
	char text[4];

	enter();
	int fd = must_open("f", O_CREAT | O_RDWR, 0644);

	for (int shift = 31; shift <= 43; shift += 3) {
		EQ(pwrite(fd, "far", 3, (off_t)1 << shift), 3);
		EQ(pread(fd, text, 3, (off_t)1 << shift), 3);
		EQ_MEM(text, "far", 3);
	}
	OK_(fsync(fd));
	OK_(close(fd));
	EQ(stat_of("f").st_size, ((off_t)1 << 43) + 3);
	OK_(truncate("f", 0));
}

CASE(write_moves_mtime_and_ctime)
{
	enter();
	put("f", "x", 1);
	MOVES("f", put("f", "y", 1), true);
}

CASE(overwrites_at_odd_places_add_up)
{
	static unsigned char model[150000], got[150000];
	unsigned state = 99;

	enter();
	memset(model, 0, sizeof model);
	int fd = must_open("f", O_CREAT | O_RDWR, 0644);
	size_t size = 0;

	for (int i = 0; i < 300; i++) {
		state = state * 1103515245 + 12345;
		size_t at = (state >> 8) % 140000, len = 1 + (state >> 20) % 5000;

		len = at + len > sizeof model ? sizeof model - at : len;
		memset(model + at, i + 1, len);
		EQ(pwrite(fd, model + at, len, (off_t)at), len);
		size = at + len > size ? at + len : size;
		if (i % 50 == 20) {
			size = size * 2 / 3;
			OK_(ftruncate(fd, (off_t)size));
			memset(model + size, 0, sizeof model - size);
		}
	}
	OK_(fsync(fd));
	EQ(pread(fd, got, sizeof got, 0), size);
	EQ_MEM(got, model, size);
	close(fd);
}

CASE(two_appenders_lose_nothing)
{
	enter();
	int a = must_open("f", O_CREAT | O_WRONLY | O_APPEND, 0644);
	int b = must_open("f", O_WRONLY | O_APPEND, 0);

	for (int i = 0; i < 200; i++)
		EQ(write(i % 2 ? a : b, "0123456789", 10), 10);
	OK_(close(a));
	OK_(close(b));
	EQ(stat_of("f").st_size, 2000);
}

CASE(a_mapped_file_is_written_back)
{
	enter();
	int fd = must_open("f", O_CREAT | O_RDWR, 0644);

	OK_(ftruncate(fd, 20000));
	char *map = mmap(NULL, 20000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	TRUE(map != MAP_FAILED);
	memcpy(map + 9000, "mapped", 6);
	OK_(msync(map, 20000, MS_SYNC));
	OK_(munmap(map, 20000));
	char text[6];

	EQ(pread(fd, text, 6, 9000), 6);
	EQ_MEM(text, "mapped", 6);
	close(fd);
}

CASE(a_directory_of_2000_names_lists_each_once)
{
	static unsigned char seen[2000];
	char name[32];

	enter();
	memset(seen, 0, sizeof seen);
	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof name, "n%d", i);
		make_file(name, 0644);
	}
	DIR *dir = opendir(".");

	for (struct dirent *e; (e = readdir(dir)) != NULL;)
		if (e->d_name[0] == 'n')
			seen[atoi(e->d_name + 1)]++;
	closedir(dir);
	for (int i = 0; i < 2000; i++)
		EQ(seen[i], 1);
}

CASE(names_that_stay_are_listed_once_while_others_come_and_go)
{
	static unsigned char seen[600];
	char name[32];
	int round = 0;

	enter();
	memset(seen, 0, sizeof seen);
	for (int i = 0; i < 600; i++) {
		snprintf(name, sizeof name, "stay%d", i);
		make_file(name, 0644);
		snprintf(name, sizeof name, "gone%d", i);
		make_file(name, 0644);
	}
	DIR *dir = opendir(".");

	for (struct dirent *e; (e = readdir(dir)) != NULL; round++) {
		if (strncmp(e->d_name, "stay", 4) == 0)
			seen[atoi(e->d_name + 4)]++;
		if (round < 600) {
			snprintf(name, sizeof name, "gone%d", round);
			OK_(unlink(name));
			snprintf(name, sizeof name, "new%d", round);
			make_file(name, 0644);
		}
	}
	closedir(dir);
	for (int i = 0; i < 600; i++)
		EQ(seen[i], 1);
}

CASE(removing_all_while_listing_leaves_nothing)
{
	char name[300];

	enter();
	OK_(mkdir("d", 0755));
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "d/some-longer-name-%d", i);
		make_file(name, 0644);
	}
	DIR *dir = opendir("d");

	for (struct dirent *e; (e = readdir(dir)) != NULL;) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(name, sizeof name, "d/%s", e->d_name);
		OK_(unlink(name));
	}
	closedir(dir);
	EQ(count_names("d"), 0);
	OK_(rmdir("d"));
}

CASE(telldir_and_seekdir_return_to_a_place)
{
	char name[256], again[256];

	enter();
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "n%d", i);
		make_file(name, 0644);
	}
	DIR *dir = opendir(".");

	for (int i = 0; i < 150; i++)
		TRUE(readdir(dir) != NULL);
	long at = telldir(dir);

	snprintf(name, sizeof name, "%s", readdir(dir)->d_name);
	for (int i = 0; i < 100; i++)
		TRUE(readdir(dir) != NULL);
	seekdir(dir, at);
	snprintf(again, sizeof again, "%s", readdir(dir)->d_name);
	EQ_STR(again, name);
	closedir(dir);
}

CASE(d_type_and_number_are_those_of_the_object)
{
	enter();
	make_file("f", 0644);
	OK_(mkdir("d", 0755));
	OK_(symlink("x", "l"));
	DIR *dir = opendir(".");

	for (struct dirent *e; (e = readdir(dir)) != NULL;) {
		if (e->d_name[0] == '.')
			continue;
		struct stat st = lstat_of(e->d_name);

		EQ(e->d_ino, st.st_ino);
		if (e->d_type != DT_UNKNOWN)
			EQ(DTTOIF(e->d_type), st.st_mode & S_IFMT);
	}
	closedir(dir);
}

CASE(statvfs_makes_sense)
{
	struct statvfs fs;

	enter();
	OK_(statvfs(".", &fs));
	EQ(fs.f_namemax, 255);
	TRUE(fs.f_blocks > 0 && fs.f_bfree <= fs.f_blocks && fs.f_bavail <= fs.f_bfree);
}

CASE(a_file_of_many_links_counts_them)
{
	char name[32];

	enter();
	make_file("f", 0644);
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof name, "l%d", i);
		OK_(link("f", name));
	}
	EQ(stat_of("f").st_nlink, 501);
	for (int i = 0; i < 500; i += 2) {
		snprintf(name, sizeof name, "l%d", i);
		OK_(unlink(name));
	}
	EQ(stat_of("f").st_nlink, 251);
}
