/*
 * Inside of the mirror: its table of open files, for the files mirror*.c; flights hold what they
 * fill.
 */
#ifndef BLOCK_VESSEL_H
#define BLOCK_VESSEL_H

#include "pipeline/base/list.h"
#include "pipeline/base/mutex.h"
#include "pipeline/base/ref.h"
#include "pipeline/block/mirror.h"

#include <stdbool.h>

enum { BUCKETS = 256, NAME_CAP = 32 };

struct vessel {				/* an open container */
	struct ref refs;		/* one is the table's */
	struct list bucket, age;	/* guarded by the mirror's mutex */
	struct container_ident ident;
	struct container_keys keys;
	uint64_t bytes;			/* of the file */
	int fd;
	bool part;			/* what is not here of it is a hole in the file */
	uint32_t n;
	struct container_chunk rows[];
};

struct mirror {
	struct container_ident ident;
	struct container_keys plain;
	const struct share_keys *keys;	/* borrowed; NULL: the share does not encrypt */
	int dirfd;
	struct mutex mutex;		/* rank PAGE */
	struct list bucket[BUCKETS];
	struct list age;		/* least recently found first */
	uint32_t open;
	_Atomic uint64_t bytes, sparse;	/* of whole files; of parts, indexes not counted */
};

/* The table, empty; at its end with whatever is still open. */
void vessel_table_open(struct mirror *m);
void vessel_table_close(struct mirror *m);

/* A referenced open file of that number, whole or in part; NOENT: there is none.  vessel_find:
 * where it is open already, else NULL. */
struct vessel *vessel_find(struct mirror *m, uint64_t number);
must_check enum status vessel_get(struct mirror *m, uint64_t number, struct vessel **vp);
void vessel_put(struct vessel **vp);

/* One open file of that number, taken out of the table; NULL: none is left. */
struct vessel *vessel_take_out(struct mirror *m, uint64_t number);

/* Is the unit in the file?  Of a part that is a hint: only its tag tells. */
bool vessel_has(const struct vessel *v, uint32_t index);

/* One unit's stored bytes, tag behind, which stay as they are, to to (plain); copy: room for them,
 * CONTAINER_UNIT and a tag.
 * CORRUPT: the tag does not fit. */
must_check enum status vessel_unseal(const struct vessel *v, uint32_t index, uint8_t *stored,
    uint8_t *copy, uint8_t *to);

/* Write bytes where they belong: [at, at + len) of the file, of units that were unsealed. */
must_check enum status vessel_keep_bytes(struct mirror *m, struct vessel *v, const uint8_t *bytes,
    uint64_t at, uint64_t len);

/* All of a file that is new and stands at its beginning; not synced. */
must_check enum status vessel_write(int fd, const uint8_t *bytes, uint64_t len);

/* A file's number by its name; false: not one of ours with that ending. */
bool vessel_number(const char *name, const char *ending, uint64_t *number);

/* Header and wrapped key; the first unit may begin behind them. */
static inline uint32_t
vessel_head_bytes(const struct vessel *v)
{
	return CONTAINER_HEADER + (v->keys.aead != 0 ? (uint32_t)CONTAINER_WRAPPED : 0);
}

/* A file open for reading and writing, the whole one or else the one of parts; -1, and errno. */
int vessel_file(struct mirror *m, uint64_t number, bool *part);

/* The keys that open a container whose header says so; wrapped: what lies behind that. */
must_check enum status vessel_keys(struct mirror *m, const struct container_head *head,
    const uint8_t *wrapped, struct container_keys *out);

/* A file of parts, whatever else is here of that container. */
must_check enum status vessel_part_make(struct mirror *m, uint64_t number, uint64_t bytes,
    const struct mirror_ends *ends);

/* How its file is called where all of it is here, and where only parts are. */
void vessel_whole_name(char name[NAME_CAP], uint64_t number);
void vessel_part_name(char name[NAME_CAP], uint64_t number);

/* Of a file that is being made: found by nobody until it has another name. */
void vessel_making_name(char name[NAME_CAP], uint64_t number);
void mirror_making_drop(struct mirror *m);	/* what an earlier life left in the making */

#endif
