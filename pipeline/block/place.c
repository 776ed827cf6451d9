/*
 * Data by place.  A datum cites its entry's buffers until the committer says in which segment
 * they lie.  A written datum is read without any lock: its segment is set once and stays.
 */
#include "pipeline/block/place.h"

#include "pipeline/base/hash.h"
#include "pipeline/base/mutex.h"
#include "pipeline/block/pread.h"
#include "pipeline/block/seal.h"
#include "pipeline/block/segment.h"
#include "pipeline/record/txn.h"

#include <stdlib.h>

enum { STRIPES = 32 };

static struct mutex stripes[STRIPES];

__attribute__((constructor)) static void
make_stripes(void)
{
	for (int i = 0; i < STRIPES; i++)
		mutex_init(&stripes[i], RANK_PAGE, (uint64_t)i);
}

static struct mutex *
stripe_of(const struct datum *d)
{
	return &stripes[hash_u64((uintptr_t)d) % STRIPES];
}

static uint32_t
units_of(uint32_t len)
{
	return (len + TXN_CRC_UNIT - 1) / TXN_CRC_UNIT;
}

struct datum *
datum_new(lsn_t lsn, uint32_t len, uint32_t data_at, const uint32_t *crc)
{
	uint32_t n = units_of(len);
	struct datum *d = xmalloc(sizeof *d + n * sizeof *crc);

	*d = (struct datum){ .lsn = lsn, .len = len, .data_at = data_at };
	ref_init(&d->refs);
	list_init(&d->link);
	if (n > 0)
		memcpy(d->crc, crc, n * sizeof *crc);
	return d;
}

/* Most have none, and there may be millions of them. */
static struct sealed_datum *
sealed_of(const struct datum *d)
{
	struct sealed_datum *sealed;

	memcpy(&sealed, d->crc + units_of(d->len), sizeof sealed);
	return sealed;
}

struct datum *
datum_of_item(lsn_t lsn, const struct txn_item *item, const struct opener *o)
{
	struct datum *d = datum_new(lsn, (uint32_t)(item->to - item->from), item->data_at,
	    item->crc);
	struct sealed_datum *sealed = sealed_datum_new(o, item);
	size_t bytes = sizeof *d + units_of(d->len) * sizeof d->crc[0];

	if (sealed == NULL)
		return d;
	d = xrealloc(d, bytes + sizeof sealed);
	list_init(&d->link);
	d->sealed = true;
	memcpy(d->crc + units_of(d->len), &sealed, sizeof sealed);
	return d;
}

struct datum *
datum_hole(lsn_t lsn)
{
	struct datum *d = datum_new(lsn, 0, 0, NULL);

	d->hole = true;
	return d;
}

struct datum *
datum_ref(struct datum *d)
{
	ref_take(&d->refs);
	return d;
}

/* Buffers that the datum keeps for itself: a chain of one slice. */
static void
drop_kept(const struct chain *bytes)
{
	struct chain *own = (struct chain *)(uintptr_t)bytes;

	chain_clear(own);
	free(own);
}

void
datum_put(struct datum **dp)
{
	struct datum *d = TAKE(dp);
	struct segment *seg;

	if (d == NULL || !ref_drop(&d->refs))
		return;
	seg = atomic_load_explicit(&d->segment, memory_order_relaxed);
	if (seg != NULL)
		segment_put(&seg);
	if (d->kept)
		drop_kept(d->bytes);
	if (d->sealed)
		free(sealed_of(d));
	free(d);
}

void
datum_hold(struct datum *d, const struct chain *entry_data)
{
	assert((uint64_t)d->data_at + d->len <= entry_data->len);
	d->bytes = entry_data;
}

/* The release publishes segment_at; it pairs with the acquire in segment_of. */
void
datum_written(struct datum *d, struct segment *seg, uint32_t at)
{
	const struct chain *kept;

	segment_ref(seg);
	mutex_lock(stripe_of(d));
	kept = d->kept ? d->bytes : NULL;
	d->kept = false;
	d->bytes = NULL;
	d->segment_at = at;
	atomic_store_explicit(&d->segment, seg, memory_order_release);
	mutex_unlock(stripe_of(d));
	if (kept != NULL)
		drop_kept(kept);
}

static struct segment *
segment_of(const struct datum *d)
{
	return atomic_load_explicit(&d->segment, memory_order_acquire);
}

void
datum_keep(struct datum *d)
{
	struct chain *own;
	struct buf *b;

	if (d->len == 0 || d->kept || segment_of(d) != NULL)
		return;
	own = xmalloc(sizeof *own);
	b = buf_new(d->len);
	chain_copy_out(d->bytes, d->data_at, b->bytes, d->len);
	chain_init(own);
	if (chain_push(own, NULL, (struct slice){ b, b->bytes, d->len }) != OK)
		panic("a chain of one slice has no room");
	buf_put(&b);
	mutex_lock(stripe_of(d));
	d->bytes = own;
	d->kept = true;
	mutex_unlock(stripe_of(d));
}

/* Where in its chain the datum begins: a chain of its own holds nothing else. */
static uint64_t
chain_at(const struct datum *d, uint32_t at)
{
	return (d->kept ? 0 : (uint64_t)d->data_at) + at;
}

bool
datum_cite(struct datum *d, uint32_t at, uint32_t len, struct chain *to, struct arena *arena,
    enum status *st)
{
	bool pinned;

	assert(at <= d->len && len <= d->len - at);
	if (segment_of(d) != NULL)
		return false;
	mutex_lock(stripe_of(d));
	pinned = d->bytes != NULL;
	if (pinned)
		*st = chain_push_part(to, arena, d->bytes, chain_at(d, at), len);
	mutex_unlock(stripe_of(d));
	return pinned;
}

/* Bytes still in buffers: cited under the lock, copied outside. */
static bool
read_pinned(struct datum *d, uint32_t at, uint32_t len, uint8_t *to, enum status *st)
{
	struct arena arena;
	struct chain c;
	bool pinned;

	arena_init(&arena, NULL, 0, TXN_DATA_MAX);
	chain_init(&c);
	pinned = datum_cite(d, at, len, &c, &arena, st);
	if (pinned && *st == OK)
		chain_copy_out(&c, 0, to, len);
	chain_clear(&c);
	arena_rewind(&arena);
	return pinned;
}

static enum status
check_unit(const struct datum *d, uint32_t unit, uint8_t *bytes)
{
	uint32_t from = unit * TXN_CRC_UNIT, len = MIN(d->len - from, (uint32_t)TXN_CRC_UNIT);

	if (d->sealed)			/* the tag says more than the checksum would */
		return seal_open(sealed_of(d), d->lsn, unit, bytes, len);
	return crc32c(0, bytes, len) == d->crc[unit] ? OK : ST_CORRUPT;
}

static enum status
read_unit_whole(const struct datum *d, struct segment *seg, uint32_t unit, uint8_t *to, bool nowait)
{
	uint32_t from = unit * TXN_CRC_UNIT, len = MIN(d->len - from, (uint32_t)TXN_CRC_UNIT);
	enum status st = pread_full(segment_fd(seg), to, len, (uint64_t)d->segment_at + from,
	    nowait);

	return st == OK ? check_unit(d, unit, to) : st;
}

/* The part of one unit that is wanted; read whole, aside, where it is not the whole of it. */
static enum status
read_unit(const struct datum *d, uint32_t at, uint32_t len, uint8_t *to, bool nowait)
{
	struct segment *seg = segment_of(d);
	uint32_t unit = at / TXN_CRC_UNIT, from = unit * TXN_CRC_UNIT;
	uint32_t whole = MIN(d->len - from, (uint32_t)TXN_CRC_UNIT);
	enum status st;
	uint8_t *aside;

	if (at == from && len == whole)
		return read_unit_whole(d, seg, unit, to, nowait);
	aside = xmalloc(whole);
	st = read_unit_whole(d, seg, unit, aside, nowait);
	if (st == OK)
		memcpy(to, aside + (at - from), len);
	free(aside);
	return st;
}

enum status
datum_read(struct datum *d, uint32_t at, uint32_t len, uint8_t *to, bool nowait)
{
	enum status st = OK;

	assert(at <= d->len && len <= d->len - at);
	if (len == 0 || (segment_of(d) == NULL && read_pinned(d, at, len, to, &st)))
		return st;
	while (len > 0) {
		uint32_t n = MIN(len, TXN_CRC_UNIT - at % TXN_CRC_UNIT);

		if ((st = read_unit(d, at, n, to, nowait)) != OK)
			return st;
		at += n;
		to += n;
		len -= n;
	}
	return OK;
}

/* Whole units that lie where a disk may put them straight to their place. */
static bool
suits_disk(const struct datum *d, const struct segment *seg, uint32_t at, uint32_t len,
    const uint8_t *to)
{
	return segment_direct_fd(seg) >= 0 && at % TXN_CRC_UNIT == 0 &&
	    (len % TXN_CRC_UNIT == 0 || len == d->len - at) && len % SEGMENT_BLOCK == 0 &&
	    ((uint64_t)d->segment_at + at) % SEGMENT_BLOCK == 0 &&
	    (uintptr_t)to % SEGMENT_BLOCK == 0;
}

enum status
datum_read_once(struct datum *d, uint32_t at, uint32_t len, uint8_t *to)
{
	struct segment *seg = segment_of(d);
	enum status st;

	assert(at <= d->len && len <= d->len - at);
	if (len == 0 || seg == NULL || !suits_disk(d, seg, at, len, to))
		return datum_read(d, at, len, to, false);
	st = pread_behind(segment_direct_fd(seg), to, len, (uint64_t)d->segment_at + at);
	if (st == ST_INVAL)		/* the file system has no such way after all */
		return datum_read(d, at, len, to, false);
	for (uint32_t done = 0; done < len && st == OK; done += TXN_CRC_UNIT)
		st = check_unit(d, (at + done) / TXN_CRC_UNIT, to + done);
	return st;
}
