/*
 * The numbers by which things are known.
 */
#ifndef MODEL_ID_H
#define MODEL_ID_H

#include <stdint.h>

/* A place in a share's log: incarnation (24 bits) | counter (40 bits).  0: none. */
typedef uint64_t lsn_t;

#define LSN_COUNTER_BITS 40
#define LSN_OF(incarnation, counter) \
	((lsn_t)(incarnation) << LSN_COUNTER_BITS | (lsn_t)(counter))
#define LSN_INCARNATION(lsn) ((uint32_t)((lsn) >> LSN_COUNTER_BITS))

enum { INO_ROOT = 2 };			/* each share's root directory; 1 is never used */

/* What a handle names: an object of a share, live (epoch 0) or as a snapshot shows it. */
struct file_id {
	uint64_t share;
	uint64_t ino;
	uint32_t gen;
	uint8_t kind;			/* enum file_kind */
	uint64_t epoch;			/* 0: live */
	uint64_t stream;		/* 0: the file itself */
};

enum file_kind { FILE_LIVE = 0, FILE_SNAPSHOT, FILE_SNAPSHOT_FOLDER, FILE_ATTR_FOLDER };

#endif
