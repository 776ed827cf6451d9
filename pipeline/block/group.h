/*
 * Groups: what one write of the committer puts into a segment.  4 KiB aligned, padded, never
 * rewritten, self-contained:
 *
 *	header 128 bytes | entries, one after another | lead | the data of all entries, in order |
 *	padding
 *
 * The lead is zeroes, so that much data begins where a disk takes it from where it is (direct.h);
 * before little data it is empty.
 *
 * The checksum covers header and entries and starts from journal id and serial, so that an older
 * life of a segment never validates; data is covered by its items' own checksums.  A group names
 * the LSN before it: the chain of groups has no hole that is not seen.
 *
 * Summary: a full segment ends with the items of its groups that concern contents, without the
 * data, and a header of 128 bytes in its last bytes.
 */
#ifndef BLOCK_GROUP_H
#define BLOCK_GROUP_H

#include "pipeline/base/writer.h"
#include "pipeline/record/txn.h"

enum {
	GROUP_BLOCK = 4096,
	GROUP_HEADER = 128,
	GROUP_ENTRIES_MAX = 4 << 20,
	GROUP_DATA_MAX = 4 << 20,
	SUMMARY_HEADER = 128,
	SUMMARY_ITEM = 60
};

struct group_head {
	uint64_t serial;		/* of the segment */
	lsn_t first, prev;		/* of its first entry, and the one before that */
	lsn_t durable;			/* all up to here was synced when this was written */
	uint64_t epoch;			/* of the catalog at its first entry */
	uint64_t wall_ns;
	uint32_t count;			/* entries; 0: it only vouches for what is before it */
	uint32_t entries_bytes, data_bytes;
	uint32_t lead_bytes;		/* less than a block */
};

/* The LSN of its last entry: where the log is after it. */
static inline lsn_t
group_last(const struct group_head *h)
{
	return h->count > 0 ? h->first + h->count - 1 : h->prev;
}

/* How much lead a group of such sizes gets. */
uint32_t group_lead(uint32_t entries_bytes, uint32_t data_bytes);

/* Where its data begins. */
static inline uint64_t
group_data_at(const struct group_head *h)
{
	return (uint64_t)GROUP_HEADER + h->entries_bytes + h->lead_bytes;
}

/* All of it with padding. */
static inline uint64_t
group_bytes(const struct group_head *h)
{
	return round_up(group_data_at(h) + h->data_bytes, GROUP_BLOCK);
}

/* The header goes in front of the entries, which lie at group + GROUP_HEADER. */
void group_seal(const struct group_head *h, const uint8_t journal_id[16], uint8_t *group);

/* Is this a header of that journal whose sizes make sense?  Not yet checked. */
bool group_parse(const uint8_t head[GROUP_HEADER], const uint8_t journal_id[16],
    struct group_head *h);

/* Header and entries are what was written. */
bool group_valid(const struct group_head *h, const uint8_t journal_id[16], const uint8_t *group);

struct summary_head {
	uint64_t serial;
	lsn_t first, last, prev;	/* of the whole segment */
	uint64_t epoch;			/* behind its last entry */
	uint64_t wall_ns;		/* of its last group */
	uint32_t items, bytes;		/* before the header */
};

/* One item as it stands in a summary; false: summaries leave that kind out.  segment_at: where
 * the data of a DATA item lies. */
bool summary_has(uint8_t kind);
uint32_t summary_item_bytes(const struct txn_item *item);
void summary_write(struct writer *w, const struct txn_item *item, lsn_t lsn, uint32_t segment_at);
bool summary_read(struct reader *r, struct txn_item *item, lsn_t *lsn, uint32_t *segment_at,
    struct arena *arena);

/* bytes: the items, with room for the header behind them. */
void summary_seal(const struct summary_head *h, const uint8_t journal_id[16], uint8_t *bytes);
bool summary_parse(const uint8_t head[SUMMARY_HEADER], const uint8_t journal_id[16],
    struct summary_head *h);
bool summary_valid(const struct summary_head *h, const uint8_t journal_id[16],
    const uint8_t *bytes);

#endif
