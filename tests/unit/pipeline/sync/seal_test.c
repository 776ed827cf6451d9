/*
 * A share that encrypts: it reads what it wrote, under any cipher, from journal and containers and
 * after opening again; and none of its bytes lie in the clear on the disk.
 */
#include "tests/unit/pipeline/sync/yard.h"

#include "crypto/aead.h"
#include "pipeline/block/index.h"
#include "pipeline/block/keys.h"
#include "pipeline/block/mirror.h"
#include "tests/lib/check.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const uint8_t ciphers[] = { AEAD_AES_256_GCM, AEAD_CHACHA20_POLY1305,
	AEAD_XCHACHA20_POLY1305 };
static const char needle[] = "a line that must not lie on a disk in the clear";

enum { LEN = 3 << 20 };

static uint64_t found, files;

static int
grep_file(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
	int fd = type == FTW_F ? open(path, O_RDONLY) : -1;
	uint8_t *bytes;
	ssize_t n;

	(void)ftw;
	if (fd < 0)
		return 0;
	bytes = xmalloc((size_t)sb->st_size + 1);
	n = read(fd, bytes, (size_t)sb->st_size);
	/* By hand: a sanitizer looks at all that memmem is given, each time. */
	for (ssize_t at = 0; at + (ssize_t)sizeof needle <= n; at++)
		found += bytes[at] == needle[0] && bytes[at + 2] == needle[2] &&
		    memcmp(bytes + at, needle, sizeof needle - 1) == 0;
	files++;
	close(fd);
	free(bytes);
	return 0;
}

/* How often the needle lies in the files of the yard. */
static uint64_t
grep(struct yard *y)
{
	found = files = 0;
	EQ(nftw(y->dir, grep_file, 16, FTW_PHYS), 0);
	TRUE(files > 3);
	return found;
}

static uint8_t *
needles(void)
{
	uint8_t *bytes = xmalloc(LEN);

	for (uint32_t at = 0; at < LEN; at++)
		bytes[at] = (uint8_t)needle[at % (sizeof needle - 1)];
	for (uint32_t at = 0; at < LEN; at += 100)	/* so that units differ */
		memcpy(bytes + at, &at, 4);
	return bytes;
}

static void
write_all(struct yard *y, const uint8_t *bytes)
{
	for (uint32_t at = 0; at < LEN; at += 1 << 20)
		yard_write(y, 1, at, bytes + at, MIN(1u << 20, LEN - at));
	yard_write(y, 2, 77, bytes, 5000);
}

CASE(in_the_clear_the_search_finds)
{
	uint8_t *bytes = needles();
	struct yard y;

	yard_start();
	yard_make(&y, "leveldb");
	write_all(&y, bytes);
	yard_close(&y);
	TRUE(grep(&y) > 1000);		/* the journal */
	yard_open(&y, false);
	yard_drain(&y);
	yard_close(&y);
	TRUE(grep(&y) > 2000);		/* and containers */
	yard_end(&y);
	free(bytes);
}

CASE(sealed_nothing_is_found_and_all_is_read)
{
	for (size_t i = 0; i < ARRAY_LEN(ciphers); i++) {
		uint8_t *bytes = needles();
		struct yard y;

		yard_start();
		yard_make_as(&y, "leveldb", ciphers[i], i == 0 ? 3 : 0);
		write_all(&y, bytes);
		yard_compare(&y, 1);
		yard_close(&y);
		EQ(grep(&y), 0);
		yard_open(&y, false);	/* from the journal of the incarnation before */
		yard_compare(&y, 1);
		yard_compare(&y, 2);
		yard_write(&y, 1, 1234567, bytes, 70000);
		yard_compare(&y, 1);
		yard_drain(&y);
		EQ(index_places(block_index(y.share)), 0);
		yard_compare(&y, 1);
		yard_close(&y);
		EQ(grep(&y), 0);
		yard_open(&y, false);
		yard_compare(&y, 1);
		yard_compare(&y, 2);
		EQ(yard_recount(&y).wrong, 0);
		yard_close(&y);
		yard_end(&y);
		free(bytes);
	}
}

/* Turn a bit of the first bytes in the journal that look like the sealed data of a 4 KiB write. */
static void
spoil_journal(struct yard *y)
{
	char path[600];
	uint8_t byte;
	int fd;

	snprintf(path, sizeof path, "%s/journal/seg-1", y->dir);
	fd = open(path, O_RDWR);
	TRUE(fd >= 0);
	EQ(pread(fd, &byte, 1, 2000), 1);
	byte ^= 1;
	EQ(pwrite(fd, &byte, 1, 2000), 1);
	close(fd);
}

CASE(a_flipped_bit_of_a_sealed_entry_is_never_data)
{
	uint8_t *bytes = needles(), to[4000];
	struct yard y;

	yard_start();
	yard_make_as(&y, "leveldb", AEAD_AES_256_GCM, 0);
	yard_write(&y, 1, 0, bytes, 4000);
	EQ(block_wait(y.share, block_durable_lsn(y.share) + 1), OK);
	spoil_journal(&y);
	EQ(yard_read(&y, 1, 0, 4000, to), ST_CORRUPT);
	yard_truncate(&y, 1, 0);
	yard_close(&y);
	yard_end(&y);
	free(bytes);
}
