/*
 * What the recorder writes and the image builder reads: one event after another, in the order in
 * which they happened, each with its name or bytes behind it.
 *
 * Files and folders are known by their inode number on the recording's disk; a number may be given
 * out again once its file is gone, so a MADE event begins a new life of it.
 */
#ifndef TESTS_CRASH_POWER_RECORD_H
#define TESTS_CRASH_POWER_RECORD_H

#include <stdint.h>

enum power_kind {
	POWER_MADE_FILE = 1,		/* ino below folder, under name */
	POWER_MADE_FOLDER,
	POWER_LINK,			/* a further name */
	POWER_RENAME,			/* folder, name to folder2, and behind a NUL its new name */
	POWER_UNLINK,			/* name in folder; rmdir, too */
	POWER_WRITE,			/* ino: len bytes from at on */
	POWER_ZEROES,			/* the same, all zero, not kept */
	POWER_SIZE,			/* ino: at is the new size */
	POWER_SYNC_BEGIN,		/* ino; `at` tells this sync from others */
	POWER_SYNC_END,			/* it was successful */
	POWER_STARTED,			/* a process of the program begins */
	POWER_KINDS
};

struct power_event {
	uint64_t time_ns;		/* CLOCK_MONOTONIC */
	uint32_t kind, thread;
	uint64_t ino, folder, folder2;
	uint64_t at, len;
	uint32_t bytes;			/* behind this: a name or data, padded to 8 */
	uint32_t magic;
};

enum { POWER_MAGIC = 0x52574f50 };

#endif
