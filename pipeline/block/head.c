/*
 * Two blocks in turn.
 */
#include "pipeline/block/head.h"

#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/reader.h"
#include "pipeline/base/writer.h"
#include "pipeline/block/disk.h"
#include "pipeline/block/pread.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { HEAD_MAGIC = 0x48534644, HEAD_VERSION = 1 };	/* "DFSH" */

void
head_encode(const struct head *h, uint8_t block[HEAD_BLOCK])
{
	struct writer w = writer_of(block, HEAD_BLOCK);

	memset(block, 0, HEAD_BLOCK);
	write_le32(&w, HEAD_MAGIC);
	write_le32(&w, HEAD_VERSION);
	write_le64(&w, h->sequence);
	write_le32(&w, h->flags);
	write_le32(&w, h->incarnation);
	write_bytes(&w, h->share_id, sizeof h->share_id);
	write_bytes(&w, h->journal_id, sizeof h->journal_id);
	write_le64(&w, h->fence);
	write_le64(&w, h->verifier);
	write_le64(&w, h->prev_end);
	write_le64(&w, h->end);
	write_le64(&w, h->checkpoint_lsn);
	write_le64(&w, h->data_serial);
	write_le64(&w, h->data_lsn);
	write_le64(&w, h->epoch);
	write_le64(&w, h->next_ino);
	write_le64(&w, h->next_content);
	write_le64(&w, h->next_leaf);
	write_le64(&w, h->next_container);
	assert(writer_ok(&w));
	put_le32(block + HEAD_BLOCK - 4, crc32c(0, block, HEAD_BLOCK - 4));
}

bool
head_decode(const uint8_t block[HEAD_BLOCK], struct head *h)
{
	struct reader r = reader_of(block, HEAD_BLOCK - 4);

	if (read_le32(&r) != HEAD_MAGIC || read_le32(&r) != HEAD_VERSION ||
	    crc32c(0, block, HEAD_BLOCK - 4) != get_le32(block + HEAD_BLOCK - 4))
		return false;
	h->sequence = read_le64(&r);
	h->flags = read_le32(&r);
	h->incarnation = read_le32(&r);
	read_copy(&r, h->share_id, sizeof h->share_id);
	read_copy(&r, h->journal_id, sizeof h->journal_id);
	h->fence = read_le64(&r);
	h->verifier = read_le64(&r);
	h->prev_end = read_le64(&r);
	h->end = read_le64(&r);
	h->checkpoint_lsn = read_le64(&r);
	h->data_serial = read_le64(&r);
	h->data_lsn = read_le64(&r);
	h->epoch = read_le64(&r);
	h->next_ino = read_le64(&r);
	h->next_content = read_le64(&r);
	h->next_leaf = read_le64(&r);
	h->next_container = read_le64(&r);
	return true;
}

static enum status
lock_file(int fd)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return OK;
	return errno == EWOULDBLOCK ? ST_BUSY : status_of_errno(errno);
}

static enum status
fill_new(int dirfd, int fd, const struct head *h)
{
	enum status st = lock_file(fd);

	if (st == OK)
		st = disk_zero(fd, 2 * HEAD_BLOCK, "head.write");
	if (st == OK)
		st = head_write(fd, h, true);
	if (st == OK && renameat(dirfd, "head.new", dirfd, "head") != 0)
		st = status_of_errno(errno);
	if (st != OK)
		return st;
	st = file_sync_folder(dirfd, "head.folder");
	if (st != OK)			/* a name that may vanish is none */
		unlinkat(dirfd, "head", 0);
	return st;
}

enum status
head_create(int dirfd, const struct head *h, int *fdp)
{
	int fd = openat(dirfd, "head.new", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	enum status st;

	if (fd < 0)
		return status_of_errno(errno);
	st = fill_new(dirfd, fd, h);
	if (st == OK)
		*fdp = fd;
	else
		close(fd);
	return st;
}

/* The newer of the valid blocks. */
static enum status
read_newest(int fd, struct head *h)
{
	uint8_t block[HEAD_BLOCK];
	bool found = false;

	for (uint64_t i = 0; i < 2; i++) {
		struct head one;
		enum status st = pread_full(fd, block, sizeof block, i * HEAD_BLOCK, false);

		if (st == ST_CORRUPT)		/* the file is short */
			continue;
		if (st != OK)
			return st;
		if (head_decode(block, &one) && (!found || one.sequence > h->sequence)) {
			*h = one;
			found = true;
		}
	}
	return found ? OK : ST_CORRUPT;
}

enum status
head_open(int dirfd, struct head *h, int *fdp)
{
	int fd = openat(dirfd, "head", O_RDWR | O_CLOEXEC);
	enum status st;

	if (fd < 0)
		return status_of_errno(errno);
	st = lock_file(fd);
	if (st == OK)
		st = read_newest(fd, h);
	if (st == OK)
		*fdp = fd;
	else
		close(fd);
	return st;
}

enum status
head_write(int fd, const struct head *h, bool sync)
{
	uint8_t block[HEAD_BLOCK];
	enum status st;

	head_encode(h, block);
	st = disk_write(fd, block, sizeof block, (h->sequence & 1) * HEAD_BLOCK, "head.write");
	return st == OK && sync ? file_sync(fd, "head.sync") : st;
}
