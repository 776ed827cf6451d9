/*
 * The change set of one operation: what block_commit makes one entry of the log.  It outlives
 * its job (an early answer), so it has memory of its own and comes from a bounded pool.
 *
 * A body is a record as encoded by rec_*.h, without version, epoch, LSN and CRC: those are put
 * around it where values are stored (catalog.h).
 *
 * Log form of an entry (after the group's header; all little-endian):
 *	entry: u32 bytes of all its items | u64 lsn | u16 items | u16 0 | u32 data bytes
 *	item:  u8 kind | u8 flags | u16 key length | u32 value length | key | value
 *	DATA's value: u64 content, u64 offset, u32 length, u32 at (byte in the entry's data),
 *	              u32 crc32c for each 64 KiB of it, as it lies in the journal; flag 1 (sealed):
 *	              u32 version of the share key | u8 aead | 0 0 0 | u64 nonce of the first 64 KiB
 * | a tag of 16 for each The data of all DATA items lie behind all entries of their group, in
 * order.
 */
#ifndef RECORD_TXN_H
#define RECORD_TXN_H

#include "pipeline/base/chain.h"
#include "pipeline/base/list.h"
#include "pipeline/base/reader.h"
#include "pipeline/base/writer.h"
#include "pipeline/model/id.h"
#include "pipeline/model/note.h"

enum { TXN_DATA_MAX = 1 << 20, TXN_RECORDS_MAX = 1 << 20, TXN_CRC_UNIT = 1 << 16,
	TXN_ITEMS_MAX = 21000, TXN_HOME_BYTES = 2560 };

enum item_kind {			/* on disk: never renumbered */
	ITEM_PUT = 1, ITEM_DEL, ITEM_COUNT, ITEM_DATA, ITEM_TRUNC, ITEM_HOLE, ITEM_MAP, ITEM_CARVED,
	ITEM_CUT, ITEM_NOTE,
};

/* The version that a PUT or DEL replaces, as pinned when it was read; absent: there was none. */
struct old_version {
	bool exists;
	uint64_t born;
	lsn_t lsn;			/* of its last change: a snapshot's change counter */
	struct slice body;		/* borrowed until the commit */
};

enum { ITEM_SEALED = 1, ITEM_SEAL_BYTES = 16, ITEM_TAG_BYTES = 16 };

struct item_seal {			/* of a DATA item; the block room seals and opens */
	uint32_t version;
	uint8_t aead;
	uint64_t counter;
	const uint8_t *tags;		/* ITEM_TAG_BYTES a TXN_CRC_UNIT; in the arena */
};

struct txn_item {			/* small: another processor reads it to write the log */
	struct txn_item *next;
	uint8_t kind;			/* enum item_kind */
	bool fresh;			/* PUT: txn_put_new; not in the log form */
	struct slice key;		/* PUT DEL COUNT; in the txn's arena */
	union {
		struct {
			struct slice body;		/* PUT */
			struct old_version old;		/* PUT and DEL of versioned tables */
		};
		int64_t delta;				/* COUNT */
		struct {
			uint64_t content;		/* DATA TRUNC HOLE MAP CARVED */
			uint64_t from, to;		/* byte range; TRUNC: from = the new size */
			lsn_t as_of;			/* CARVED */
			const uint32_t *crc;	/* DATA: one a TXN_CRC_UNIT; in the arena */
			const struct item_seal *seal;	/* DATA: ask item_seal_of */
			uint32_t data_at;	/* DATA: byte in the entry's data */
		};
		struct note note;			/* NOTE */
	};
};

struct txn {
	struct list link;		/* the committer's list, once committed */
	struct txn_item *first, **last;
	uint32_t nitems;
	uint32_t record_bytes;		/* of its log form without data, kept exact */
	uint32_t history_bytes; /* what history and changed rows may add to that at commit */
	struct chain data;		/* of all DATA items, in order; counted */
	struct chain sealed;		/* the same as it is written; empty: in the clear */
	lsn_t lsn;			/* block_commit fills it */
	void *datum[2];			/* block's: what became of its DATA items */
	uint64_t reserved;		/* block's: bytes reserved in the journal */
	bool frees; /* may use the share of the journal kept for freeing space */
	bool failed;			/* sticky: a limit was passed while building */
	struct arena arena;
	uint8_t home[TXN_HOME_BYTES] __attribute__((aligned(16)));
};

/* The log form's fixed parts. */
enum { ENTRY_HEAD_BYTES = 20, ITEM_HEAD_BYTES = 8 };

void txn_pool_init(uint32_t count);
void txn_pool_fini(void);
uint32_t txn_pool_used(void);
struct txn *txn_new(void);		/* NULL: all are out */
void txn_free(struct txn **txnp);

/*
 * Builders copy key and body into the txn; a passed limit sets failed.  old (NULL: not known, or
 * a table without history) is copied, the body it cites is not.  A second count of a key joins
 * the first.  txn_cut with epoch 0: the one that stands at the commit.  A note whose `after` is 0
 * gets the entry's own LSN.
 */
void txn_put(struct txn *t, struct slice key, struct slice body, const struct old_version *old);
void txn_del(struct txn *t, struct slice key, const struct old_version *old);

/* A PUT of a key that no memtable and no store has a row of, surely: if the row is taken away
 * before it was applied, the store never hears of it. */
void txn_put_new(struct txn *t, struct slice key, struct slice body, const struct old_version *old);
void txn_count(struct txn *t, struct slice key, int64_t delta);
void txn_trunc(struct txn *t, uint64_t content, uint64_t size);
void txn_hole(struct txn *t, uint64_t content, uint64_t from, uint64_t to);
void txn_carved(struct txn *t, uint64_t content, uint64_t from, uint64_t to, lsn_t as_of);
void txn_cut(struct txn *t, uint64_t epoch);
void txn_note(struct txn *t, const struct note *note);

/* Bytes of data for content at offset; takes references, computes the checksums now (before any
 * lock is taken).  At most two a txn, TXN_DATA_MAX in all. */
void txn_data(struct txn *t, uint64_t content, uint64_t offset, const struct chain *bytes);

/* What is written of the data. */
static inline const struct chain *
txn_stored(const struct txn *t)
{
	return t->sealed.len > 0 ? &t->sealed : &t->data;
}

/* NULL: the item's data, if it has any, is in the clear. */
static inline const struct item_seal *
item_seal_of(const struct txn_item *item)
{
	return item->kind == ITEM_DATA ? item->seal : NULL;
}

/* Block's: a DATA item was sealed; crc is of the sealed bytes.  Both lie in t's arena. */
void txn_item_sealed(struct txn *t, struct txn_item *item, const struct item_seal *seal,
    const uint32_t *crc);

/* A seal as it lies in entries and summaries.  NULL: r has failed. */
void item_seal_write(struct writer *w, const struct item_seal *seal, uint32_t units);
const struct item_seal *item_seal_read(struct reader *r, uint32_t units, struct arena *arena);

/* A PUT at the end that the limits have already been asked for: history_bytes. catalog's. */
void txn_put_reserved(struct txn *t, struct slice key, struct slice head, struct slice body);

/* The log form, once lsn is known; data not included. Exactly t->record_bytes. */
void txn_encode(const struct txn *t, struct writer *w);

/* Read an entry's log form: header, then its items one by one; slices cite r's bytes.  False and
 * a failed reader where it is not well-formed. */
struct entry_head {
	uint32_t bytes;			/* of items */
	lsn_t lsn;
	uint16_t nitems;
	uint32_t data_bytes;
};
bool entry_read_head(struct reader *r, struct entry_head *head);
bool entry_read_item(struct reader *r, struct txn_item *item, struct arena *arena);

#endif
