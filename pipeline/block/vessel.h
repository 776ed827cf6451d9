/*
 * Inside of the mirror: its table of open files, for mirror.c and mirror_part.c alone.
 */
#ifndef BLOCK_VESSEL_H
#define BLOCK_VESSEL_H

#include "pipeline/base/list.h"
#include "pipeline/base/mutex.h"
#include "pipeline/base/ref.h"
#include "pipeline/block/mirror.h"

enum { BUCKETS = 256, NAME_CAP = 32 };

struct vessel {				/* an open container */
	struct ref refs;		/* one is the table's */
	struct list bucket, age;	/* guarded by the mirror's mutex */
	struct container_ident ident;
	struct container_keys keys;
	int fd;
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
	_Atomic uint64_t bytes, sparse;	/* of whole files; written into sparse ones */
};

/* A referenced open file of that number, whole or in part; NOENT: there is none. */
must_check enum status vessel_get(struct mirror *m, uint64_t number, struct vessel **vp);
void vessel_put(struct vessel **vp);

/* One open file of that number, taken out of the table; NULL: none is left. */
struct vessel *vessel_take_out(struct mirror *m, uint64_t number);

/* A file's number by its name; false: not one of ours with that ending. */
bool vessel_number(const char *name, const char *ending, uint64_t *number);

/* A file open for reading and writing, the whole one or else the one of parts; -1, and errno. */
int vessel_file(struct mirror *m, uint64_t number, bool *part);

/* The keys that open a container whose header says so; wrapped: what lies behind that. */
must_check enum status vessel_keys(struct mirror *m, const struct container_head *head,
    const uint8_t *wrapped, struct container_keys *out);

void vessel_part_name(char name[NAME_CAP], uint64_t number);

/* Of a file that is being made: found by nobody until it has another name. */
void vessel_making_name(char name[NAME_CAP], uint64_t number);
void mirror_making_drop(struct mirror *m);	/* what an earlier life left in the making */

#endif
