/*
 * Typed records to bodies and back: fixed head first, msgpack for what varies.  Decoding is
 * bounded and total: CORRUPT where bytes make no sense.  A decoded struct's slices cite the body.
 */
#ifndef RECORD_REC_H
#define RECORD_REC_H

#include "pipeline/base/arena.h"
#include "pipeline/base/writer.h"
#include "pipeline/contract/keyring.h"
#include "pipeline/model/file.h"

enum { REC_FILE_FIXED = 192, REC_BODY_MAX = 8192 };

/* Writers append to w, whose failure is sticky. */
void rec_file_encode(struct writer *w, const struct file *f);
must_check enum status rec_file_decode(struct slice body, struct file *f);

/* The variable rest of a file record: its symlink target. */
void rec_rest_symlink(struct writer *w, struct slice target);
must_check enum status rec_rest_symlink_get(struct slice rest, struct slice *target);

struct dirent {
	uint64_t ino;
	uint32_t gen;
	uint8_t type;			/* enum file_type; 0: an empty row that keeps slot 0 */
	struct slice name;
};
void rec_dirent_encode(struct writer *w, const struct dirent *d);
must_check enum status rec_dirent_decode(struct slice body, struct dirent *d);

/* Content map: a window of 8 MiB names a leaf, a leaf its pieces.  engine.md §6. */
enum { MAP_WINDOW = 8 << 20, LEAF_PIECES_MAX = 2048 };

/* A chunk is stored in units, each opened by itself.  The sizes are on disk. */
enum { CHUNK_UNIT = 1 << 16, CHUNK_MIN = 1 << 14, CHUNK_MAX = 1 << 18,
	CHUNK_UNITS = CHUNK_MAX / CHUNK_UNIT };

struct leaf_piece {
	uint32_t from, len;		/* bytes within the window */
	bool hole;
	uint8_t digest[32];		/* the chunk */
	uint32_t at;			/* byte within the chunk */
};
void rec_map_encode(struct writer *w, uint64_t leaf);
must_check enum status rec_map_decode(struct slice body, uint64_t *leaf);
void rec_leaf_encode(struct writer *w, const struct leaf_piece *v, uint32_t n);
must_check enum status rec_leaf_decode(struct slice body, struct arena *arena,
    struct leaf_piece **v, uint32_t *n);

struct chunk {
	uint64_t container;
	uint32_t index;			/* of its first unit, in the container's index */
	uint32_t len;			/* plain bytes, ≤ CHUNK_MAX */
	uint8_t algorithm;		/* of its digest: enum digest_algorithm */
};

/* Plain bytes of one of its units, unit * CHUNK_UNIT < len. */
static inline uint32_t
chunk_unit_len(const struct chunk *c, uint32_t unit)
{
	uint32_t left = c->len - unit * CHUNK_UNIT;

	return left < CHUNK_UNIT ? left : CHUNK_UNIT;
}

void rec_chunk_encode(struct writer *w, const struct chunk *c);
must_check enum status rec_chunk_decode(struct slice body, struct chunk *c);

enum container_state { CONTAINER_LIVE = 1, CONTAINER_DYING };

struct container_row {
	uint8_t state;			/* enum container_state */
	bool local, remote;		/* where it is known to be */
	bool again;	/* not remote: what has its name there is damaged; PUT over it */
	uint64_t bytes;
	uint32_t chunks;
	uint64_t fence;   /* part of its name in the remote; 0: not noted; noted where it is
			   * remote or again */
	uint8_t key;   /* version of the share key that wraps its own; 0: not noted, or in
			* the clear */
};
void rec_container_encode(struct writer *w, const struct container_row *c);
must_check enum status rec_container_decode(struct slice body, struct container_row *c);

/* The share's own row: keys and versions made once. */
struct share_row {
	uint8_t share_id[16], journal_id[16];
	uint8_t handle_key[16];		/* SipHash, for handles' MAC */
	uint8_t name_key[16];		/* SipHash, for directory hashes */
	uint8_t digest_key[32];		/* of content digests, until the share encrypts */
	uint64_t share;			/* its number, in handles */
	uint64_t fsid;
	uint32_t fold_version;
};
void rec_share_encode(struct writer *w, const struct share_row *s);
must_check enum status rec_share_decode(struct slice body, struct share_row *s);

/* The share's wrapped keys, version 1 first.  Beside the journal, since they open it. */
enum { KEYS_ROW_MAX = 64, KEYS_ROW_BYTES = 28 + KEYS_ROW_MAX * (2 + KEYRING_WRAPPED_MAX) };
struct keys_row {
	uint8_t aead;			/* what the share was made with */
	uint8_t share_id[16];
	uint32_t n;
	struct keyring_wrapped v[KEYS_ROW_MAX];
};
void rec_keys_encode(struct writer *w, const struct keys_row *k);
must_check enum status rec_keys_decode(struct slice body, struct keys_row *k);

/* A row of work for the reaper: a content that is gone, from that map window on; with REAP_LEAF a
 * leaf, by its number in place of the content's, that has lost one reference.  On disk. */
#define REAP_LEAF UINT64_MAX
struct reap {
	uint64_t content;
	uint64_t from_window;
};
void rec_reap_encode(struct writer *w, const struct reap *r);
must_check enum status rec_reap_decode(struct slice body, struct reap *r);

#endif
