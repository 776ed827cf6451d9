/* Parts of containers are kept over a restart, and believed by their tags alone. */
#include "tests/unit/pipeline/sync/cold_yard.h"

#include "pipeline/base/rand.h"
#include "pipeline/block/mirror.h"
#include "tests/lib/check.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static glob_t
parts_of(const struct yard *y)
{
	char path[700];
	glob_t found;

	snprintf(path, sizeof path, "%s/containers/*.dfp", y->dir);
	EQ(glob(path, 0, NULL, &found), 0);
	return found;
}

static void
reopen(struct yard *y)
{
	yard_close(y);
	yard_open(y, false);
}

CASE(what_was_read_back_is_here_after_a_restart)
{
	struct block_flaky_seen first, second;
	struct yard y;

	cold_make(&y, &(struct block_flaky_conf){ .seed = 3 });
	yard_compare(&y, 1);
	reopen(&y);
	TRUE(mirror_sparse_bytes(block_mirror(y.share)) >= 16 << 20);
	block_flaky_look(y.remote, &first);
	yard_compare(&y, 1);
	block_flaky_look(y.remote, &second);
	EQ(second.calls, first.calls);
	remote_end(&y);
}

/* As a crash may leave them: any block is zero, older, or another's. */
CASE(what_was_damaged_meanwhile_is_fetched_again)
{
	struct block_flaky_seen first, second;
	struct yard y;
	glob_t found;

	cold_make(&y, &(struct block_flaky_conf){ .seed = 3 });
	yard_compare(&y, 1);
	yard_close(&y);
	found = parts_of(&y);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		int fd = open(found.gl_pathv[i], O_RDWR);
		uint8_t junk[4096];
		struct stat sb;

		TRUE(fd >= 0 && fstat(fd, &sb) == 0);
		rand_bytes(junk, sizeof junk);
		for (off_t at = 8192; at + 300000 < sb.st_size; at += 300000)
			TRUE(pwrite(fd, junk, sizeof junk, at) == sizeof junk);
		if (i == 0)		/* its header as well */
			TRUE(pwrite(fd, junk, sizeof junk, 0) == sizeof junk);
		close(fd);
	}
	globfree(&found);
	yard_open(&y, false);
	block_flaky_look(y.remote, &first);
	for (uint64_t at = 0; at < y.size[0]; at += 4096 * 16) {
		uint8_t to[4096];

		EQ(yard_read(&y, 1, at, sizeof to, to), OK);
		EQ_MEM(to, y.oracle[0] + at, sizeof to);
	}
	yard_compare(&y, 1);
	block_flaky_look(y.remote, &second);
	TRUE(second.calls > first.calls);
	remote_end(&y);
}

CASE(a_part_that_no_row_names_is_swept)
{
	char path[700];
	struct yard y;
	int fd;

	cold_make(&y, &(struct block_flaky_conf){ .seed = 3 });
	yard_close(&y);
	snprintf(path, sizeof path, "%s/containers/00000000000fffff.dfp", y.dir);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	TRUE(fd >= 0 && write(fd, "x", 1) == 1);
	close(fd);
	yard_open(&y, false);
	for (int i = 0; i < PATIENCE && access(path, F_OK) == 0; i++) {
		sync_push_share(y.share);
		usleep(10000);
	}
	TRUE(access(path, F_OK) != 0);
	yard_compare(&y, 1);
	remote_end(&y);
}

CASE(parts_are_let_go_of_where_they_are_more_than_may_be_kept)
{
	struct block_flaky_seen first, second;
	uint8_t to[4096];
	struct yard y;
	glob_t found;

	cold_make(&y, &(struct block_flaky_conf){ .seed = 3 });
	yard_close(&y);
	y.local_bytes = 16 << 20;	/* a quarter of it for parts */
	yard_open(&y, false);
	for (int i = 0; i < 3; i++)
		yard_compare(&y, 1);
	TRUE(mirror_sparse_bytes(block_mirror(y.share)) <= 8 << 20);
	EQ(sync_evict_share(y.share, "", 0), OK);
	for (int i = 0; i < PATIENCE && mirror_sparse_bytes(block_mirror(y.share)) > 0; i++)
		usleep(10000);
	found = parts_of(&y);		/* their indexes stay: a unit is one call */
	TRUE(found.gl_pathc >= 2);
	globfree(&found);
	block_flaky_look(y.remote, &first);
	EQ(yard_read(&y, 1, 100000, sizeof to, to), OK);
	EQ_MEM(to, y.oracle[0] + 100000, sizeof to);
	block_flaky_look(y.remote, &second);
	TRUE(second.calls - first.calls <= 1);	/* a page may have it */
	remote_end(&y);
}
