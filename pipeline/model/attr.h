/*
 * Attributes as operations see them, and what SETATTR and CREATE may set.
 */
#ifndef MODEL_ATTR_H
#define MODEL_ATTR_H

#include <stdbool.h>
#include <stdint.h>

enum file_type {			/* as in the record; 0 is no type */
	TYPE_REG = 1, TYPE_DIR, TYPE_LNK, TYPE_BLK, TYPE_CHR, TYPE_SOCK, TYPE_FIFO,
};

struct stamp {				/* a time: seconds since 1970, may be negative */
	int64_t s;
	uint32_t ns;
};

struct attr {
	uint8_t type;			/* enum file_type */
	uint16_t mode;			/* 07777 */
	uint32_t nlink, uid, gid, gen;
	uint32_t rdev_major, rdev_minor;
	uint64_t size, used;		/* bytes */
	uint64_t fsid, ino;
	uint64_t change;		/* LSN of the last change */
	struct stamp atime, mtime, ctime, btime;
};

/* Before-image for weak cache consistency.  RFC 1813 §2.6. */
struct wcc {
	uint64_t size;
	uint64_t change;
	struct stamp mtime, ctime;
};

enum {
	SET_MODE = 1, SET_UID = 2, SET_GID = 4, SET_SIZE = 8,
	SET_ATIME = 16, SET_MTIME = 32, SET_ATIME_NOW = 64, SET_MTIME_NOW = 128,
	SET_BTIME = 256,
};

struct setattr {
	uint32_t mask;
	uint16_t mode;
	uint32_t uid, gid;
	uint64_t size;
	struct stamp atime, mtime, btime;
};

/* -1, 0, 1 as a is before, at, after b. */
int stamp_cmp(struct stamp a, struct stamp b);
struct stamp stamp_now(void);		/* wall clock */

#endif
