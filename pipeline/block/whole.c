/*
 * Whole containers.  Bytes are believed by their tags alone; a chunk's digest is computed besides,
 * so that a unit which was sealed wrong is found, too.
 */
#include "pipeline/block/whole.h"

#include "crypto/secret.h"
#include "pipeline/base/text.h"
#include "pipeline/block/pread.h"
#include "pipeline/block/vessel.h"
#include "pipeline/record/rec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 16 };

void
whole_free(struct whole *w)
{
	free(w->bytes);
	free(w->rows);
	free(w->state);
	*w = (struct whole){ .bytes = NULL };
}

bool
whole_good(const struct whole *w)
{
	return w->bytes != NULL && w->index_ok && w->nbad == 0;
}

/* Piece by piece, so that one sector that cannot be read costs no more than its piece. */
enum status
whole_load(struct mirror *m, uint64_t number, uint64_t len, struct whole *w)
{
	struct whole out = { .len = len };
	struct stat sb;
	uint64_t have;
	int fd = vessel_file(m, number, &out.part);

	if (fd < 0)
		return status_of_errno(errno);
	if (fstat(fd, &sb) < 0) {
		enum status st = status_of_errno(errno);

		close(fd);
		return st;
	}
	have = MIN((uint64_t)sb.st_size, len);
	out.bytes = xcalloc(1, len + 1);
	for (uint64_t at = 0; at < have; at += READ_BYTES) {
		size_t n = (size_t)MIN(have - at, (uint64_t)READ_BYTES);

		if (pread_behind(fd, out.bytes + at, n, at) != OK)
			memset(out.bytes + at, 0, n);
	}
	close(fd);
	*w = out;
	return OK;
}

/* --- checking --- */

struct look {				/* one check */
	struct mirror *mirror;
	uint64_t number;
	const uint8_t *digest_key;
	struct container_keys keys;
	uint8_t *stored, *chunk;	/* a unit as it lies; a chunk's units, opened */
};

static enum status
read_index(struct look *l, struct whole *w)
{
	struct container_head head;
	uint64_t end_bytes;
	uint32_t rows;
	enum status st;

	if (w->len < CONTAINER_HEADER + CONTAINER_TRAILER)
		return ST_CORRUPT;
	if ((st = container_header_parse(w->bytes, w->len, &head)) != OK ||
	    (st = container_end_bytes(w->bytes + (w->len - CONTAINER_TRAILER), w->len,
	    &end_bytes)) != OK)
		return st;
	if (head.ident.number != l->number ||
	    memcmp(head.ident.share_id, l->mirror->ident.share_id, 16) != 0 ||
	    CONTAINER_HEADER + (uint64_t)head.wrapped_bytes + end_bytes > w->len)
		return ST_CORRUPT;
	st = vessel_keys(l->mirror, &head, w->bytes + CONTAINER_HEADER, &l->keys);
	if (st != OK)
		return st;
	rows = (uint32_t)((end_bytes - CONTAINER_TRAILER) / CONTAINER_ROW);
	w->rows = xcalloc(rows + 1, sizeof *w->rows);
	st = container_index_parse(&head.ident, &l->keys, w->bytes + (w->len - end_bytes),
	    end_bytes, w->len, w->rows, rows, &w->n);
	if (st != OK) {
		free(TAKE(&w->rows));
		w->n = 0;
		return st;
	}
	w->ident = head.ident;
	w->index_ok = true;
	return OK;
}

/* Header and index of a good copy over what is damaged here; then they are read again. */
static enum status
borrow_index(struct look *l, const struct whole *like, struct whole *w)
{
	uint64_t from = like->n > 0 ? like->rows[0].at : like->len, to = from;

	if (like->len != w->len)
		return ST_CORRUPT;
	if (like->n > 0) {
		const struct container_chunk *last = &like->rows[like->n - 1];

		to = last->at + last->stored + CONTAINER_TAG;
	}
	memcpy(w->bytes, like->bytes, (size_t)from);
	memcpy(w->bytes + to, like->bytes + to, (size_t)(w->len - to));
	return read_index(l, w);
}

static bool
all_zero(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

/* A unit against its tag; its plain bytes go to where the chunk is gathered. */
static enum whole_unit
check_unit(struct look *l, const struct whole *w, uint32_t i, uint8_t *plain)
{
	const struct container_chunk *row = &w->rows[i];
	size_t len = (size_t)row->stored + CONTAINER_TAG;

	if (row->at > w->len || len > w->len - row->at || row->plain > CONTAINER_UNIT ||
	    row->stored > CONTAINER_UNIT)
		return UNIT_BAD;
	if (w->part && all_zero(w->bytes + row->at, len))
		return UNIT_ABSENT;
	memcpy(l->stored, w->bytes + row->at, len);	/* opening changes what is sealed */
	return container_open(&w->ident, &l->keys, i, row, l->stored, plain) == OK ? UNIT_GOOD :
	    UNIT_BAD;
}

/* The units of one chunk, from i on; returns the first behind them. */
static uint32_t
check_chunk(struct look *l, struct whole *w, uint32_t i)
{
	uint32_t first = i, len = 0;
	uint8_t digest[32];
	bool whole = true;

	do {
		w->state[i] = (uint8_t)check_unit(l, w, i, l->chunk + len);
		whole &= w->state[i] == UNIT_GOOD;
		len += CONTAINER_UNIT;
		i++;
	} while (i < w->n && i - first < CHUNK_UNITS && w->rows[i - 1].plain == CONTAINER_UNIT &&
	    memcmp(w->rows[i].digest, w->rows[first].digest, 32) == 0);
	if (!whole)
		return i;
	len -= CONTAINER_UNIT - w->rows[i - 1].plain;
	digest_of(l->digest_key, l->chunk, len, digest);
	if (memcmp(digest, w->rows[first].digest, 32) != 0)
		memset(w->state + first, UNIT_BAD, i - first);
	return i;
}

static void
count_bad(struct whole *w)
{
	w->nbad = 0;
	for (uint32_t i = 0; i < w->n; i++)
		w->nbad += w->state[i] != UNIT_GOOD;
}

enum status
whole_check(struct mirror *m, uint64_t number, const uint8_t digest_key[32],
    const struct whole *like, struct whole *w)
{
	struct look l = { .mirror = m, .number = number, .digest_key = digest_key };
	enum status st = read_index(&l, w);

	if (st == ST_CORRUPT && like != NULL && like->index_ok)
		st = borrow_index(&l, like, w);
	if (st == OK) {
		l.stored = xmalloc(CONTAINER_UNIT + CONTAINER_TAG);
		l.chunk = xmalloc((size_t)CHUNK_UNITS * CONTAINER_UNIT);
		w->state = xcalloc(1, w->n + 1);
		for (uint32_t i = 0; i < w->n;)
			i = check_chunk(&l, w, i);
		count_bad(w);
		free(l.stored);
		free(l.chunk);
	}
	secret_wipe(&l.keys, sizeof l.keys);
	return st == ST_CORRUPT || st == ST_NOTSUPP ? OK : st;
}

void
whole_merge(struct whole *w, const struct whole *other)
{
	if (!w->index_ok || !other->index_ok || w->n != other->n || w->len != other->len)
		return;
	for (uint32_t i = 0; i < w->n; i++) {
		const struct container_chunk *row = &w->rows[i];

		if (w->state[i] == UNIT_GOOD || other->state[i] != UNIT_GOOD)
			continue;
		memcpy(w->bytes + row->at, other->bytes + row->at,
		    (size_t)row->stored + CONTAINER_TAG);
		w->state[i] = UNIT_GOOD;
	}
	count_bad(w);
}

void
mirror_forget(struct mirror *m, uint64_t number, const struct whole *w)
{
	bool part = false;
	int fd = vessel_file(m, number, &part);

	for (uint32_t i = 0; fd >= 0 && part && i < w->n; i++)
		if (w->state[i] == UNIT_BAD &&
		    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)w->rows[i].at,
		    (off_t)w->rows[i].stored + CONTAINER_TAG) < 0)
			break;	/* a reader finds it damaged, and fetches all the same */
	if (fd >= 0)
		close(fd);
}
