/*
 * A NOTE: who asked for an entry of the log and how, so that a request that comes again, even
 * after a crash, is answered and not run twice.  engine.md §3.
 */
#ifndef MODEL_NOTE_H
#define MODEL_NOTE_H

#include "pipeline/model/id.h"

#include <stdint.h>

enum note_protocol { NOTE_NONE = 0, NOTE_NFS3, NOTE_NFS41 };

struct note {
	uint8_t protocol;		/* enum note_protocol; NOTE_NONE: no note */
	uint8_t op;			/* enum op_kind */
	uint16_t proc;			/* the protocol's own number */
	uint32_t uid;
	uint8_t client[16];		/* peer address, IPv4 mapped; session id for v4.1 */
	uint64_t request;	/* NFSv3: xid << 32 | checksum of the call; v4.1: slot, seq */
	uint64_t ino;			/* the object, where the answer names one */
	uint32_t gen;
	lsn_t before, after;		/* change of the directory or file it was done to */
	uint64_t wall_ns;		/* the effect fills it */
};

#endif
