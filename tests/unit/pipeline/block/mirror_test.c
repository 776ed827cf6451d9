/*
 * Container files: put, read by chunk, deleted; failed syncs leave nothing.
 */
#include "pipeline/block/mirror.h"

#include "pipeline/base/fault.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/text.h"
#include "tests/lib/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct container_ident ident = { "share of the tes", 1, 0 };
static struct container_keys keys;
static char dir[512];

static struct mirror *
open_fresh(void)
{
	static int n;
	struct mirror *m;
	uint8_t digest_key[32] = { 1 };

	container_plain_keys(digest_key, &keys);
	snprintf(dir, sizeof dir, "%s/c%d", check_tmpdir(), n++);
	EQ(mirror_open(dir, &ident, &keys, NULL, &m), ST_NOENT); /* its folder is not made here */
	EQ(mkdir(dir, 0700), 0);
	EQ(mirror_open(dir, &ident, &keys, NULL, &m), OK);
	return m;
}

static void
digest_for(uint64_t number, uint32_t i, uint8_t digest[32])
{
	memset(digest, (int)(number * 7 + i), 32);
}

static void
fill(uint64_t number, uint32_t i, uint8_t *to, uint32_t len)
{
	for (uint32_t at = 0; at < len; at++)
		to[at] = (uint8_t)(number + i * 3 + at);
}

static enum status
put(struct mirror *m, uint64_t number, uint32_t chunks)
{
	struct container_ident one = ident;
	struct container_builder *b;
	uint8_t digest[32], plain[1000];
	const uint8_t *bytes;
	uint32_t index;
	enum status st;
	uint64_t len;

	one.number = number;
	b = container_builder_new(&one, &keys, NULL);
	for (uint32_t i = 0; i < chunks; i++) {
		digest_for(number, i, digest);
		fill(number, i, plain, sizeof plain);
		EQ(container_add(b, digest, plain, sizeof plain, &index), OK);
	}
	bytes = container_finish(b, &len);
	st = mirror_put(m, number, bytes, len);
	container_builder_free(&b);
	return st;
}

static enum status
get(struct mirror *m, uint64_t number, uint32_t i, bool nowait)
{
	uint8_t digest[32], plain[1000], want[1000];
	enum status st;

	digest_for(number, i, digest);
	st = mirror_read(m, number, i, digest, plain, sizeof plain, nowait);
	fill(number, i, want, sizeof want);
	if (st == OK)
		EQ_MEM(plain, want, sizeof want);
	return st;
}

static bool
count(void *arg, uint64_t number, uint64_t bytes)
{
	(void)number;
	(void)bytes;
	++*(int *)arg;
	return true;
}

static int
files(struct mirror *m)
{
	int n = 0;

	EQ(mirror_walk(m, count, &n), OK);
	return n;
}

CASE(chunks_are_read_back)
{
	struct mirror *m = open_fresh();

	EQ(put(m, 5, 3), OK);
	EQ(get(m, 5, 2, true), ST_DELAY);	/* not open yet */
	EQ(get(m, 5, 2, false), OK);
	EQ(get(m, 5, 0, false), OK);
	EQ(get(m, 6, 0, false), ST_NOENT);
	EQ(files(m), 1);
	mirror_close(&m);
}

/* Whole blocks and a rest, from memory that the disk can read and from other. */
CASE(a_file_is_what_was_given_whatever_its_length)
{
	static const uint32_t lengths[] = { 128, 4095, 4096, 4097, 8192, 100000, 1 << 20 };
	static uint8_t _Alignas(4096) bytes[(1 << 20) + 1], got[(1 << 20) + 1];
	struct mirror *m = open_fresh();

	fill(3, 7, bytes, sizeof bytes);
	for (size_t i = 0; i < 2 * ARRAY_LEN(lengths); i++) {
		uint32_t len = lengths[i / 2], at = i % 2;
		char path[600];
		int fd;

		EQ(mirror_put(m, 5, bytes + at, len), OK);
		snprintf(path, sizeof path, "%s/%016x.dfc", dir, 5);
		fd = open(path, O_RDONLY);
		EQ(read(fd, got, sizeof got), len);
		TRUE(memcmp(got, bytes + at, len) == 0);
		close(fd);
		EQ(mirror_bytes(m), len);
	}
	EQ(mirror_delete(m, 5), OK);
	mirror_close(&m);
}

CASE(it_is_there_after_a_new_open_and_gone_after_delete)
{
	struct mirror *m = open_fresh();
	uint64_t bytes;

	EQ(put(m, 0xabcdef0123456789, 3), OK);
	bytes = mirror_bytes(m);
	TRUE(bytes > 3000);
	mirror_close(&m);
	EQ(mirror_open(dir, &ident, &keys, NULL, &m), OK);
	EQ(mirror_bytes(m), bytes);
	EQ(get(m, 0xabcdef0123456789, 1, false), OK);
	EQ(mirror_delete(m, 0xabcdef0123456789), OK);
	EQ(get(m, 0xabcdef0123456789, 1, false), ST_NOENT);
	EQ(mirror_delete(m, 0xabcdef0123456789), ST_NOENT);
	EQ(mirror_bytes(m), 0);
	EQ(files(m), 0);
	mirror_close(&m);
}

CASE(more_containers_than_are_kept_open)
{
	struct mirror *m = open_fresh();

	for (uint64_t n = 1; n <= 300; n++)
		EQ(put(m, n, 1), OK);
	for (int round = 0; round < 2; round++)
		for (uint64_t n = 1; n <= 300; n++)
			EQ(get(m, n, 0, false), OK);
	mirror_close(&m);
}

CASE(a_wrong_digest_or_length_is_not_believed)
{
	struct mirror *m = open_fresh();
	uint8_t digest[32], plain[1000];

	EQ(put(m, 1, 2), OK);
	digest_for(1, 1, digest);
	EQ(mirror_read(m, 1, 0, digest, plain, 1000, false), ST_CORRUPT);
	EQ(mirror_read(m, 1, 1, digest, plain, 999, false), ST_CORRUPT);
	EQ(mirror_read(m, 1, 2, digest, plain, 1000, false), ST_CORRUPT);
	mirror_close(&m);
}

CASE(damage_on_disk_is_found)
{
	struct mirror *m = open_fresh();
	char path[600];
	int fd;

	EQ(put(m, 1, 2), OK);
	snprintf(path, sizeof path, "%s/%016llx.dfc", dir, 1ull);
	fd = open(path, O_WRONLY);
	EQ(pwrite(fd, "?", 1, CONTAINER_HEADER + 10), 1);
	close(fd);
	EQ(get(m, 1, 0, false), ST_CORRUPT);
	EQ(get(m, 1, 1, false), OK);
	mirror_close(&m);
}

CASE(what_is_not_a_container_is_passed_over)
{
	struct mirror *m = open_fresh();
	char path[600];

	snprintf(path, sizeof path, "%s/notes.txt", dir);
	close(open(path, O_WRONLY | O_CREAT, 0600));
	snprintf(path, sizeof path, "%s/00000000000000zz.dfc", dir);
	close(open(path, O_WRONLY | O_CREAT, 0600));
	EQ(files(m), 0);
	mirror_close(&m);
}

#ifdef HOUSE_FAULTS
CASE(a_failed_sync_leaves_nothing)
{
	static const char *const sites[] = { "container.sync", "container.folder" };
	struct mirror *m = open_fresh();

	for (unsigned i = 0; i < ARRAY_LEN(sites); i++) {
		fault_arm(sites[i], 1);
		EQ(put(m, 1, 2), ST_IO);
		fault_arm(NULL, 0);
		EQ(files(m), 0);
		EQ(mirror_bytes(m), 0);
	}
	EQ(put(m, 1, 2), OK);
	EQ(get(m, 1, 1, false), OK);
	mirror_close(&m);
}
#endif
