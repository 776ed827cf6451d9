/*
 * The codec of groups and summaries.
 */
#include "pipeline/block/group.h"

#include "pipeline/base/hash.h"

enum { GROUP_MAGIC = 0x47534644, SUMMARY_MAGIC = 0x53534644, VERSION = 1,	/* "DFSG", "DFSS" */
	CRC_AT = 24, BODY_AT = 32,
	MUCH_DATA = 64 << 10 };

/* What both headers begin with: magic, version, journal id, checksum. */
static void
common_write(uint8_t *head, uint32_t magic, const uint8_t journal_id[16])
{
	memset(head, 0, GROUP_HEADER);
	put_le32(head, magic);
	put_le32(head + 4, VERSION);
	memcpy(head + 8, journal_id, 16);
}

static bool
common_fits(const uint8_t *head, uint32_t magic, const uint8_t journal_id[16])
{
	return get_le32(head) == magic && get_le32(head + 4) == VERSION &&
	    memcmp(head + 8, journal_id, 16) == 0;
}

/* Over the header but for the checksum itself, and over the body. */
static uint32_t
seeded(const uint8_t *head, uint64_t serial, const uint8_t journal_id[16], const uint8_t *body,
    size_t len)
{
	uint8_t seed[24];
	uint32_t crc;

	memcpy(seed, journal_id, 16);
	put_le64(seed + 16, serial);
	crc = crc32c(0, seed, sizeof seed);
	crc = crc32c(crc, head, CRC_AT);
	crc = crc32c(crc, head + CRC_AT + 4, GROUP_HEADER - CRC_AT - 4);
	return crc32c(crc, body, len);
}

uint32_t
group_lead(uint32_t entries_bytes, uint32_t data_bytes)
{
	uint64_t front = (uint64_t)GROUP_HEADER + entries_bytes;

	return data_bytes < MUCH_DATA ? 0 : (uint32_t)(round_up(front, GROUP_BLOCK) - front);
}

void
group_seal(const struct group_head *h, const uint8_t journal_id[16], uint8_t *group)
{
	struct writer w;

	common_write(group, GROUP_MAGIC, journal_id);
	w = writer_of(group + BODY_AT, GROUP_HEADER - BODY_AT);
	write_le64(&w, h->serial);
	write_le64(&w, h->first);
	write_le64(&w, h->prev);
	write_le64(&w, h->durable);
	write_le64(&w, h->epoch);
	write_le64(&w, h->wall_ns);
	write_le32(&w, h->count);
	write_le32(&w, h->entries_bytes);
	write_le32(&w, h->data_bytes);
	write_le32(&w, h->lead_bytes);
	assert(writer_ok(&w));
	put_le32(group + CRC_AT, seeded(group, h->serial, journal_id, group + GROUP_HEADER,
	    h->entries_bytes));
}

bool
group_parse(const uint8_t head[GROUP_HEADER], const uint8_t journal_id[16], struct group_head *h)
{
	struct reader r = reader_of(head + BODY_AT, GROUP_HEADER - BODY_AT);

	if (!common_fits(head, GROUP_MAGIC, journal_id))
		return false;
	h->serial = read_le64(&r);
	h->first = read_le64(&r);
	h->prev = read_le64(&r);
	h->durable = read_le64(&r);
	h->epoch = read_le64(&r);
	h->wall_ns = read_le64(&r);
	h->count = read_le32(&r);
	h->entries_bytes = read_le32(&r);
	h->data_bytes = read_le32(&r);
	h->lead_bytes = read_le32(&r);
	return h->entries_bytes <= GROUP_ENTRIES_MAX && h->data_bytes <= GROUP_DATA_MAX &&
	    h->lead_bytes < GROUP_BLOCK &&
	    h->first > h->prev && h->first <= UINT64_MAX - h->count;
}

bool
group_valid(const struct group_head *h, const uint8_t journal_id[16], const uint8_t *group)
{
	return get_le32(group + CRC_AT) == seeded(group, h->serial, journal_id,
	    group + GROUP_HEADER, h->entries_bytes);
}

/* --- summaries --- */

bool
summary_has(uint8_t kind)
{
	return kind == ITEM_DATA || kind == ITEM_TRUNC || kind == ITEM_HOLE ||
	    kind == ITEM_CARVED || kind == ITEM_CUT;
}

static uint32_t
units_of(const struct txn_item *item)
{
	return item->kind == ITEM_DATA ?
	    (uint32_t)((item->to - item->from + TXN_CRC_UNIT - 1) / TXN_CRC_UNIT) : 0;
}

uint32_t
summary_item_bytes(const struct txn_item *item)
{
	uint32_t units = units_of(item);

	if (!summary_has(item->kind))
		return 0;
	return SUMMARY_ITEM + 4 * units +
	    (item_seal_of(item) == NULL ? 0 : ITEM_SEAL_BYTES + ITEM_TAG_BYTES * units);
}

void
summary_write(struct writer *w, const struct txn_item *item, lsn_t lsn, uint32_t segment_at)
{
	uint32_t units = units_of(item);

	write_u8(w, item->kind);
	write_u8(w, item_seal_of(item) != NULL ? ITEM_SEALED : 0);
	write_le16(w, (uint16_t)units);
	write_le32(w, item->data_at);
	write_le32(w, segment_at);
	write_le64(w, lsn);
	write_le64(w, item->content);
	write_le64(w, item->from);
	write_le64(w, item->to);
	write_le64(w, item->as_of);
	write_le64(w, 0);
	for (uint32_t i = 0; i < units; i++)
		write_le32(w, item->crc[i]);
	if (item_seal_of(item) != NULL)
		item_seal_write(w, item->seal, units);
}

bool
summary_read(struct reader *r, struct txn_item *item, lsn_t *lsn, uint32_t *segment_at,
    struct arena *arena)
{
	uint32_t units, *crc = NULL;
	uint8_t flags;

	memset(item, 0, sizeof *item);
	item->kind = read_u8(r);
	flags = read_u8(r);
	units = read_le16(r);
	item->data_at = read_le32(r);
	*segment_at = read_le32(r);
	*lsn = read_le64(r);
	item->content = read_le64(r);
	item->from = read_le64(r);
	item->to = read_le64(r);
	item->as_of = read_le64(r);
	reader_skip(r, 8);
	if (!summary_has(item->kind) || *lsn == 0 || (item->kind == ITEM_DATA &&
	    (item->from >= item->to || item->to - item->from > TXN_DATA_MAX)) ||
	    (item->kind != ITEM_TRUNC && item->kind != ITEM_CUT && item->from > item->to) ||
	    units != units_of(item) || flags > (item->kind == ITEM_DATA ? ITEM_SEALED : 0))
		reader_fail(r);
	if (reader_ok(r) && units > 0 && (crc = arena_alloc(arena, units * 4)) == NULL)
		reader_fail(r);
	for (uint32_t i = 0; i < units && reader_ok(r); i++)
		crc[i] = read_le32(r);
	item->crc = crc;
	if (reader_ok(r) && flags == ITEM_SEALED)
		item->seal = item_seal_read(r, units, arena);
	return reader_ok(r);
}

void
summary_seal(const struct summary_head *h, const uint8_t journal_id[16], uint8_t *bytes)
{
	uint8_t *head = bytes + h->bytes;
	struct writer w;

	common_write(head, SUMMARY_MAGIC, journal_id);
	w = writer_of(head + BODY_AT, SUMMARY_HEADER - BODY_AT);
	write_le64(&w, h->serial);
	write_le64(&w, h->first);
	write_le64(&w, h->last);
	write_le64(&w, h->prev);
	write_le64(&w, h->epoch);
	write_le64(&w, h->wall_ns);
	write_le32(&w, h->items);
	write_le32(&w, h->bytes);
	assert(writer_ok(&w));
	put_le32(head + CRC_AT, seeded(head, h->serial, journal_id, bytes, h->bytes));
}

bool
summary_parse(const uint8_t head[SUMMARY_HEADER], const uint8_t journal_id[16],
    struct summary_head *h)
{
	struct reader r = reader_of(head + BODY_AT, SUMMARY_HEADER - BODY_AT);

	if (!common_fits(head, SUMMARY_MAGIC, journal_id))
		return false;
	h->serial = read_le64(&r);
	h->first = read_le64(&r);
	h->last = read_le64(&r);
	h->prev = read_le64(&r);
	h->epoch = read_le64(&r);
	h->wall_ns = read_le64(&r);
	h->items = read_le32(&r);
	h->bytes = read_le32(&r);
	return h->prev < h->first && h->first <= h->last;
}

bool
summary_valid(const struct summary_head *h, const uint8_t journal_id[16], const uint8_t *bytes)
{
	const uint8_t *head = bytes + h->bytes;

	return get_le32(head + CRC_AT) == seeded(head, h->serial, journal_id, bytes, h->bytes);
}
