/*
 * The stored form of a value: what catalog.h says stands in front of every body in a store.
 */
#ifndef RECORD_STORED_H
#define RECORD_STORED_H

#include "pipeline/base/num.h"
#include "pipeline/base/slice.h"
#include "pipeline/model/id.h"

enum { STORED_HEAD = 24, STORED_VERSION = 1 };

/* As it lies in memory and, on our little-endian hosts, in the store. */
struct stored_head {
	uint8_t version, flags;
	uint16_t zero;
	uint32_t crc;			/* crc32c of key, the four bytes before, all bytes behind */
	uint64_t born;
	lsn_t lsn;
};
_Static_assert(sizeof(struct stored_head) == STORED_HEAD, "the head has no gaps");

/* Fill in the checksum of a value that lies whole behind its head; len counts the body. */
void stored_seal(struct slice key, struct stored_head *head, uint32_t len);

struct stored {
	uint64_t born;
	lsn_t lsn;
	struct slice body;		/* cites the value */
};

/* CORRUPT: not a value that was stored under that key. */
must_check enum status stored_open(struct slice key, struct slice value, struct stored *out);

#endif
