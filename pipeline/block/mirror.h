/*
 * The local tier: container files of a share in its folder, by number.  Written whole, synced,
 * the folder synced, before a row names them; read by chunk; deleted by the reaper alone.
 */
#ifndef BLOCK_MIRROR_H
#define BLOCK_MIRROR_H

#include "pipeline/block/keys.h"

struct mirror;

/* plain: keys of containers in the clear.  keys: borrowed; NULL: the share does not encrypt, and a
 * container that is sealed says NOKEY.
 * NOENT: there is no such folder.  The journal's first opening made it; an empty one in its place
 * would hide that a disk is not mounted. */
must_check enum status mirror_open(const char *dir, const struct container_ident *ident,
    const struct container_keys *plain, const struct share_keys *keys, struct mirror **mp);
void mirror_close(struct mirror **mp);

/* Write a finished container: file, fdatasync, folder.  NOSPC, IO: nothing is left of it. */
must_check enum status mirror_put(struct mirror *m, uint64_t number, const uint8_t *bytes,
    uint64_t len);

/* Read one chunk, plain, to to (its plain length); nowait: DELAY where the disk would be asked. */
must_check enum status mirror_read(struct mirror *m, uint64_t number, uint32_t index,
    const uint8_t digest[32], uint8_t *to, uint32_t len, bool nowait);

/* A whole container, each of its chunks verified; *bytes: the caller's to free.  The fence is of
 * its header.  NOENT: it is not here.  CORRUPT: not as it was. */
must_check enum status mirror_load(struct mirror *m, uint64_t number, uint64_t *fence,
    uint8_t **bytes, uint64_t *len);

/* What its header says: the fence; the version of the share key that wraps its own, 0 where it is
 * in the clear.  Either may be NULL. */
must_check enum status mirror_head(struct mirror *m, uint64_t number, uint64_t *fence,
    uint32_t *key);

struct mirror_index {			/* of a container that is here, at least in part */
	struct container_chunk *rows;	/* from malloc, the caller's */
	uint32_t n;
	uint32_t key;			/* version of the share key that wraps its own; 0: clear */
};
must_check enum status mirror_index(struct mirror *m, uint64_t number, struct mirror_index *out);

/*
 * A container of which only parts are here: copied from the remote as they are read, a sparse file
 * beside the whole ones.  Holes are what is not here; that is a hint, which outlives a restart:
 * what was written is believed because a unit's tag fits.
 */
enum { MIRROR_HEAD = CONTAINER_HEADER + CONTAINER_WRAPPED };

struct mirror_ends {			/* a container's first and last bytes as they were read */
	const uint8_t *head, *end;
	uint32_t head_len;
	uint64_t end_len;
};

/* Make such a file of that many bytes; where the whole one is here and damaged there, write them
 * over its own.  CORRUPT: those do not fit either; the whole file stays as it was. */
must_check enum status mirror_ends_put(struct mirror *m, uint64_t number, uint64_t bytes,
    const struct mirror_ends *ends);

/* Is the whole file here? */
bool mirror_whole(struct mirror *m, uint64_t number);

/* A whole file goes; its header and index stay, as a part, so that what is read of it later is
 * found in one call.  NOENT: there was none. */
must_check enum status mirror_thin(struct mirror *m, uint64_t number);

uint64_t mirror_sparse_bytes(const struct mirror *m);	/* about; without headers and indexes */

/* Of parts, let go of units until at most so many bytes are left, what was filled longest ago
 * first; headers and indexes stay. */
void mirror_sparse_trim(struct mirror *m, uint64_t most);

/* Parts take a quarter of what a share may keep here (cap; 2 GiB where that is 0: no cap).  Where
 * they would take more with so many bytes to come, they are trimmed to three quarters of that. */
void mirror_sparse_fit(struct mirror *m, uint64_t cap, uint64_t more);

/*
 * When a container was last used, in minutes and about (recent.h): by who reads it for a client, or
 * when it was put.  An orderly closing keeps that in the file's time; after a crash it is as old as
 * its file.  mirror_tick: what time it is, now and then.  Any thread.
 */
void mirror_used(struct mirror *m, uint64_t number);
void mirror_tick(struct mirror *m, uint64_t mono_ns);
uint32_t mirror_idle_minutes(const struct mirror *m, uint64_t number);

must_check enum status mirror_delete(struct mirror *m, uint64_t number);
must_check enum status mirror_walk(struct mirror *m, bool (*each)(void *arg, uint64_t number,
    uint64_t bytes), void *arg);
must_check enum status mirror_walk_parts(struct mirror *m, bool (*each)(void *arg, uint64_t number,
    uint64_t bytes), void *arg);
uint64_t mirror_bytes(const struct mirror *m);

#endif
