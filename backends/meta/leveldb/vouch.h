/*
 * What LevelDB takes for the torn end of a file after a crash may be damage in the middle of what
 * was synced long ago: a flipped length near the end of a log or of the manifest silently cuts off
 * all behind it.  So each sync writes down, in a file beside, how long these files were and the
 * checksum of their bytes so far; they only ever grow.  At opening they must begin with the same.
 *
 * The file has two slots, written in turn, each with a checksum of its own.
 */
#ifndef BACKENDS_META_LEVELDB_VOUCH_H
#define BACKENDS_META_LEVELDB_VOUCH_H

#include "pipeline/base/text.h"
#include "pipeline/contract/meta_store.h"

enum { LEVELDB_VOUCH_FILES = 24, LEVELDB_VOUCH_NAME = 24 };

struct leveldb_vouch_file {
	char name[LEVELDB_VOUCH_NAME];
	uint64_t bytes;
	uint32_t crc;
};

struct leveldb_vouch {
	uint64_t number;		/* of the last slot written; 0: none */
	lsn_t applied_lsn;
	uint32_t n;
	struct leveldb_vouch_file file[LEVELDB_VOUCH_FILES];
};

/* Before the database is opened: *fresh, there is none yet; else *v is what was vouched for last.
 * CORRUPT: it is not there any more. */
must_check enum status meta_leveldb_vouch_check(const char *dir, struct leveldb_vouch *v,
    bool *fresh, struct text *why);

/*
 * LevelDB refuses a log with a hole, and beyond its last sync a log may have lost any part of what
 * was written.  That is not needed: the journal has all that is newer than the checkpoint, which
 * never is ahead of a sync.  So it is cut off; a log that is not vouched for at all is younger than
 * the last sync, and ends at its beginning.  CORRUPT: it is older, so the folder is not the one
 * that was synced.  Only before the first opening: later, what was applied is known nowhere else.
 */
must_check enum status meta_leveldb_vouch_cut(const char *dir, const struct leveldb_vouch *v);

/* Sync every log and manifest, then the folder; then vouch for their bytes and for that LSN. */
must_check enum status meta_leveldb_vouch_sync(const char *dir, struct leveldb_vouch *v,
    lsn_t applied_lsn);

#endif
