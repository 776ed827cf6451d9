/*
 * The bytes of a container on their way into its file.  Slice by slice, for the log shares the
 * disk: its next group waits for what the disk was given.  Whole blocks go past the page cache:
 * what is carved would push out of it what is read, and copying it there costs as much as sealing
 * it.
 */
#include "pipeline/block/vessel.h"

#include "pipeline/base/fault.h"
#include "pipeline/base/file.h"
#include "pipeline/block/direct.h"

#include <unistd.h>

static enum status
write_full(int fd, const uint8_t *bytes, uint64_t len)
{
	return FAULT("container.write") ? ST_IO : file_write_all(fd, bytes, len, FILE_BEHIND);
}

/* INVAL: the file system has no such way. */
static enum status
write_blocks(int fd, const uint8_t *bytes, uint64_t len)
{
	enum status st = ST_INVAL;

	if (len == 0)
		return OK;
	if (direct_set(fd, true)) {
		st = write_full(fd, bytes, len);
		if (!direct_set(fd, false))
			return ST_IO;
	}
	return st;
}

enum status
vessel_write(int fd, const uint8_t *bytes, uint64_t len)
{
	uint64_t whole = (uintptr_t)bytes % DIRECT_BLOCK == 0 ? len - len % DIRECT_BLOCK : 0;
	enum status st = write_blocks(fd, bytes, whole);

	if (st == ST_INVAL && lseek(fd, 0, SEEK_SET) == 0) {
		whole = 0;
		st = OK;
	}
	return st == OK && whole < len ? write_full(fd, bytes + whole, len - whole) : st;
}
