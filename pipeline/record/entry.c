/*
 * The log form of an entry, written and read.  Reading believes nothing: lengths are those that the
 * kind allows, what is spare is zero, and slices cite the bytes they were read from.
 */
#include "pipeline/record/txn.h"

#include "pipeline/record/key.h"

enum { DATA_FIXED = 24 };

/* Bytes of a kind's value where that is fixed; which kinds have a key; which are known at all. */
static const struct { bool known, key, open; uint8_t value; } kinds[] = {
	[ITEM_PUT] = { true, true, true, 0 },
	[ITEM_DEL] = { true, true, false, 0 },
	[ITEM_COUNT] = { true, true, false, 8 },
	[ITEM_DATA] = { true, false, true, 0 },
	[ITEM_TRUNC] = { true, false, false, 16 },
	[ITEM_HOLE] = { true, false, false, 24 },
	[ITEM_CARVED] = { true, false, false, 32 },
	[ITEM_CUT] = { true, false, false, 8 },
	[ITEM_NOTE] = { true, false, false, 68 },
};

static uint32_t
data_len(const struct txn_item *item)
{
	return (uint32_t)(item->to - item->from);
}

static uint32_t
data_units(uint32_t len)
{
	return (len + TXN_CRC_UNIT - 1) / TXN_CRC_UNIT;
}

static uint32_t
seal_bytes(uint32_t units)
{
	return ITEM_SEAL_BYTES + ITEM_TAG_BYTES * units;
}

void
item_seal_write(struct writer *w, const struct item_seal *seal, uint32_t units)
{
	write_le32(w, seal->version);
	write_u8(w, seal->aead);
	write_zeroes(w, 3);
	write_le64(w, seal->counter);
	write_bytes(w, seal->tags, (size_t)units * ITEM_TAG_BYTES);
}

const struct item_seal *
item_seal_read(struct reader *r, uint32_t units, struct arena *arena)
{
	struct item_seal *seal = arena_zalloc(arena, sizeof *seal);
	uint32_t bytes = units * ITEM_TAG_BYTES, zero;
	uint8_t *tags = arena_alloc(arena, bytes);

	if (seal == NULL || tags == NULL || reader_left(r) < seal_bytes(units)) {
		reader_fail(r);
		return NULL;
	}
	seal->version = read_le32(r);
	seal->aead = read_u8(r);
	zero = read_u8(r);
	zero |= read_le16(r);
	seal->counter = read_le64(r);
	read_copy(r, tags, bytes);
	seal->tags = tags;
	if (zero != 0 || seal->version == 0 || seal->aead == 0)
		reader_fail(r);
	return reader_ok(r) ? seal : NULL;
}

static uint32_t
value_bytes(const struct txn_item *item)
{
	if (item->kind == ITEM_PUT)
		return item->body.len;
	if (item->kind == ITEM_DATA)
		return DATA_FIXED + 4 * data_units(data_len(item)) +
		    (item->seal == NULL ? 0 : seal_bytes(data_units(data_len(item))));
	return kinds[item->kind].value;
}

static void
write_note(struct writer *w, const struct note *n, lsn_t lsn)
{
	write_u8(w, n->protocol);
	write_u8(w, n->op);
	write_le16(w, n->proc);
	write_le32(w, n->uid);
	write_bytes(w, n->client, sizeof n->client);
	write_le64(w, n->request);
	write_le64(w, n->ino);
	write_le32(w, n->gen);
	write_le64(w, n->before);
	write_le64(w, n->after != 0 ? n->after : lsn);
	write_le64(w, n->wall_ns);
}

static void
write_value(struct writer *w, const struct txn_item *item, lsn_t lsn)
{
	switch ((enum item_kind)item->kind) {
	case ITEM_PUT:
		write_bytes(w, item->body.at, item->body.len);
		break;
	case ITEM_DEL:
	case ITEM_MAP:
		break;
	case ITEM_COUNT:
		write_le64(w, (uint64_t)item->delta);
		break;
	case ITEM_DATA:
		write_le64(w, item->content);
		write_le64(w, item->from);
		write_le32(w, data_len(item));
		write_le32(w, item->data_at);
		for (uint32_t i = 0; i < data_units(data_len(item)); i++)
			write_le32(w, item->crc[i]);
		if (item->seal != NULL)
			item_seal_write(w, item->seal, data_units(data_len(item)));
		break;
	case ITEM_TRUNC:
		write_le64(w, item->content);
		write_le64(w, item->from);
		break;
	case ITEM_HOLE:
	case ITEM_CARVED:
		write_le64(w, item->content);
		write_le64(w, item->from);
		write_le64(w, item->to);
		if (item->kind == ITEM_CARVED)
			write_le64(w, item->as_of);
		break;
	case ITEM_CUT:
		write_le64(w, item->from);
		break;
	case ITEM_NOTE:
		write_note(w, &item->note, lsn);
		break;
	}
}

void
txn_encode(const struct txn *t, struct writer *w)
{
	uint32_t start = writer_mark(w);

	write_le32(w, t->record_bytes - ENTRY_HEAD_BYTES);
	write_le64(w, t->lsn);
	write_le16(w, (uint16_t)t->nitems);
	write_le16(w, 0);
	write_le32(w, (uint32_t)t->data.len);
	for (const struct txn_item *item = t->first; item != NULL; item = item->next) {
		write_u8(w, item->kind);
		write_u8(w, item_seal_of(item) != NULL ? ITEM_SEALED : 0);
		write_le16(w, (uint16_t)item->key.len);
		write_le32(w, value_bytes(item));
		write_bytes(w, item->key.at, item->key.len);
		write_value(w, item, t->lsn);
	}
	assert(!writer_ok(w) || writer_mark(w) - start == t->record_bytes);
}

bool
entry_read_head(struct reader *r, struct entry_head *head)
{
	struct entry_head h = { .bytes = read_le32(r) };
	uint16_t zero;

	h.lsn = read_le64(r);
	h.nitems = read_le16(r);
	zero = read_le16(r);
	h.data_bytes = read_le32(r);
	if (zero != 0 || h.lsn == 0 || h.bytes > TXN_RECORDS_MAX || h.data_bytes > TXN_DATA_MAX ||
	    h.bytes > reader_left(r) || h.bytes < (uint32_t)h.nitems * ITEM_HEAD_BYTES)
		reader_fail(r);
	if (!reader_ok(r))
		return false;
	*head = h;
	return true;
}

static void
read_note(struct reader *r, struct note *n)
{
	n->protocol = read_u8(r);
	n->op = read_u8(r);
	n->proc = read_le16(r);
	n->uid = read_le32(r);
	read_copy(r, n->client, sizeof n->client);
	n->request = read_le64(r);
	n->ino = read_le64(r);
	n->gen = read_le32(r);
	n->before = read_le64(r);
	n->after = read_le64(r);
	n->wall_ns = read_le64(r);
}

static void
read_data(struct reader *r, struct txn_item *item, uint32_t bytes, bool sealed,
    struct arena *arena)
{
	uint32_t len, units, *crc;

	item->content = read_le64(r);
	item->from = read_le64(r);
	len = read_le32(r);
	item->data_at = read_le32(r);
	units = data_units(len);
	if (len == 0 || len > TXN_DATA_MAX || item->data_at > TXN_DATA_MAX - len ||
	    !add_ok(item->from, len, &item->to) ||
	    bytes != DATA_FIXED + 4 * units + (sealed ? seal_bytes(units) : 0) ||
	    reader_left(r) < 4 * units || (crc = arena_alloc(arena, 4 * units)) == NULL) {
		reader_fail(r);
		return;
	}
	for (uint32_t i = 0; i < units; i++)
		crc[i] = read_le32(r);
	item->crc = crc;
	if (sealed)
		item->seal = item_seal_read(r, units, arena);
}

static void
read_value(struct reader *r, struct txn_item *item, uint32_t bytes, bool sealed,
    struct arena *arena)
{
	switch ((enum item_kind)item->kind) {
	case ITEM_PUT:
		item->body = read_slice(r, bytes);
		break;
	case ITEM_DEL:
	case ITEM_MAP:
		break;
	case ITEM_COUNT:
		item->delta = (int64_t)read_le64(r);
		break;
	case ITEM_DATA:
		read_data(r, item, bytes, sealed, arena);
		break;
	case ITEM_TRUNC:
		item->content = read_le64(r);
		item->from = read_le64(r);
		break;
	case ITEM_HOLE:
	case ITEM_CARVED:
		item->content = read_le64(r);
		item->from = read_le64(r);
		item->to = read_le64(r);
		if (item->kind == ITEM_CARVED)
			item->as_of = read_le64(r);
		if (item->from > item->to)
			reader_fail(r);
		break;
	case ITEM_CUT:
		item->from = read_le64(r);
		break;
	case ITEM_NOTE:
		read_note(r, &item->note);
		break;
	}
}

bool
entry_read_item(struct reader *r, struct txn_item *item, struct arena *arena)
{
	uint8_t kind = read_u8(r), flags = read_u8(r);
	uint16_t key_len = read_le16(r);
	uint32_t bytes = read_le32(r);

	memset(item, 0, sizeof *item);
	if (kind >= ARRAY_LEN(kinds) || !kinds[kind].known ||
	    flags > (kind == ITEM_DATA ? ITEM_SEALED : 0) ||
	    (key_len != 0) != kinds[kind].key || key_len > KEY_MAX || bytes > reader_left(r) ||
	    (!kinds[kind].open && bytes != kinds[kind].value))
		reader_fail(r);
	if (!reader_ok(r))
		return false;
	item->kind = kind;
	item->key = read_slice(r, key_len);
	read_value(r, item, bytes, flags == ITEM_SEALED, arena);
	return reader_ok(r);
}
