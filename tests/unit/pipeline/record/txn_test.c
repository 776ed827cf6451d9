/*
 * Change sets: their size is exact, their limits hold, and their log form reads back; log forms
 * that were changed are refused or read within bounds.
 */
#include "pipeline/base/hash.h"
#include "pipeline/base/rand.h"
#include "pipeline/record/key.h"
#include "pipeline/record/txn.h"
#include "tests/lib/check.h"

#include <stdlib.h>

static uint8_t form[TXN_RECORDS_MAX + 4096];

static struct slice
counted(uint32_t len, uint8_t fill)
{
	struct buf *b = buf_new(len);

	for (uint32_t i = 0; i < len; i++)
		b->bytes[i] = (uint8_t)(fill + i * 7);
	return (struct slice){ b, b->bytes, len };
}

/* A chain of slices of these lengths; each slice's own reference is the chain's alone. */
static void
chain_of(struct chain *c, struct arena *arena, const uint32_t *lens, uint32_t n)
{
	chain_init(c);
	for (uint32_t i = 0; i < n; i++) {
		struct slice s = counted(lens[i], (uint8_t)(i * 31));

		EQ(chain_push(c, arena, s), OK);
		slice_put(&s);
	}
}

static struct txn *
full_txn(struct chain *data)
{
	struct key ino = key_inode(5), name = key_dirent(2, 77), count = key_count(1, NULL, 0);
	struct txn *t = txn_new();

	txn_put(t, key_slice(&ino), slice_str("a body"), &(struct old_version){ .exists = false });
	txn_del(t, key_slice(&name), NULL);
	txn_count(t, key_slice(&count), -4);
	txn_count(t, key_slice(&count), 1);
	txn_data(t, 9, 4096, data);
	txn_trunc(t, 9, 123);
	txn_hole(t, 9, 1000, 2000);
	txn_carved(t, 9, 0, 4096, 42);
	txn_cut(t, 3);
	txn_note(t, &(struct note){ .protocol = NOTE_NFS3, .op = 4, .proc = 8, .uid = 1000,
	    .client = "0123456789abcde", .request = 77, .ino = 5, .gen = 2, .before = 40,
	    .wall_ns = 99 });
	FALSE(t->failed);
	EQ(t->nitems, 9);
	return t;
}

static void
check_back(const struct txn *t, struct reader *r, const struct chain *data)
{
	struct entry_head head;
	struct txn_item item;
	struct arena arena;
	uint8_t want[70000];
	uint32_t kinds = 0;

	arena_init(&arena, NULL, 0, 1 << 16);
	TRUE(entry_read_head(r, &head));
	EQ(head.bytes, t->record_bytes - ENTRY_HEAD_BYTES);
	EQ(head.lsn, t->lsn);
	EQ(head.nitems, t->nitems);
	EQ(head.data_bytes, data->len);
	for (uint32_t i = 0; i < head.nitems; i++) {
		TRUE(entry_read_item(r, &item, &arena));
		kinds |= 1u << item.kind;
		if (item.kind == ITEM_PUT)
			TRUE(slice_eq(item.body, slice_str("a body")) && item.key.len == 9);
		if (item.kind == ITEM_COUNT)
			EQ(item.delta, -3);
		if (item.kind == ITEM_TRUNC || item.kind == ITEM_HOLE || item.kind == ITEM_CARVED)
			EQ(item.content, 9);
		if (item.kind == ITEM_HOLE)
			TRUE(item.from == 1000 && item.to == 2000);
		if (item.kind == ITEM_CARVED)
			EQ(item.as_of, 42);
		if (item.kind == ITEM_CUT)
			EQ(item.from, 3);
		if (item.kind == ITEM_NOTE) {
			EQ(item.note.before, 40);
			EQ(item.note.after, t->lsn);
			EQ_MEM(item.note.client, "0123456789abcde", 16);
			TRUE(item.note.request == 77 && item.note.wall_ns == 99 &&
			    item.note.gen == 2);
		}
		if (item.kind == ITEM_DATA) {
			EQ(item.from, 4096);
			EQ(item.to, 4096 + data->len);
			chain_copy_out(data, 0, want, data->len);
			EQ(item.crc[0], crc32c(0, want, TXN_CRC_UNIT));
			EQ(item.crc[1], crc32c(0, want + TXN_CRC_UNIT, data->len - TXN_CRC_UNIT));
		}
	}
	EQ(reader_left(r), 0);
	EQ(kinds, 1u << ITEM_PUT | 1u << ITEM_DEL | 1u << ITEM_COUNT | 1u << ITEM_DATA |
	    1u << ITEM_TRUNC | 1u << ITEM_HOLE | 1u << ITEM_CARVED | 1u << ITEM_CUT |
	    1u << ITEM_NOTE);
	arena_rewind(&arena);
}

CASE(an_entry_reads_back_as_it_was_built)
{
	static const uint32_t lens[] = { 10, 65530, 3000, 1 };
	struct writer w;
	struct arena arena;
	struct reader r;
	struct chain data;
	struct txn *t;

	txn_pool_init(2);
	arena_init(&arena, NULL, 0, 1 << 16);
	chain_of(&data, &arena, lens, 4);
	t = full_txn(&data);
	t->lsn = LSN_OF(3, 9);
	w = writer_of(form, sizeof form);
	txn_encode(t, &w);
	TRUE(writer_ok(&w));
	EQ(w.len, t->record_bytes);
	r = reader_of(form, w.len);
	check_back(t, &r, &data);
	txn_free(&t);
	chain_clear(&data);
	arena_rewind(&arena);
	txn_pool_fini();
}

CASE(a_txn_holds_references_of_its_data_until_it_is_freed)
{
	struct slice s = counted(5000, 1);
	struct txn *t;
	struct chain c;

	txn_pool_init(1);
	t = txn_new();
	chain_init(&c);
	EQ(chain_push(&c, &t->arena, s), OK);
	txn_data(t, 1, 0, &c);
	chain_clear(&c);
	EQ(atomic_load(&s.buf->refs.n), 2);
	EQ(t->data.len, 5000);
	txn_free(&t);
	EQ(atomic_load(&s.buf->refs.n), 1);
	slice_put(&s);
	txn_pool_fini();
}

CASE(a_sealed_item_reads_back_with_its_tags)
{
	static uint8_t bytes[4096], tags[2 * ITEM_TAG_BYTES] = "tags of sixteen bytes, each one";
	static const uint32_t crc[2] = { 11, 12 };
	const struct item_seal seal = { 3, 2, 1ull << 40, tags };
	struct slice s = counted(70000, 1);
	struct entry_head head;
	struct txn_item item;
	struct arena arena;
	struct reader r;
	struct writer w = writer_of(bytes, sizeof bytes);
	struct txn *t;
	struct chain c;

	txn_pool_init(1);
	arena_init(&arena, NULL, 0, 1 << 16);
	t = txn_new();
	chain_init(&c);
	EQ(chain_push(&c, &t->arena, s), OK);
	txn_data(t, 5, 4096, &c);
	txn_item_sealed(t, t->first, &seal, crc);
	t->lsn = 1;
	txn_encode(t, &w);
	EQ(w.len, t->record_bytes);
	r = reader_of(bytes, w.len);
	TRUE(entry_read_head(&r, &head));
	TRUE(entry_read_item(&r, &item, &arena));
	EQ(reader_left(&r), 0);
	EQ(item.content, 5);
	EQ(item.crc[1], 12);
	TRUE(item.seal != NULL);
	EQ(item.seal->version, 3);
	EQ(item.seal->aead, 2);
	EQ(item.seal->counter, 1ull << 40);
	EQ_MEM(item.seal->tags, tags, sizeof tags);
	for (uint32_t cut = 0; cut < w.len; cut++) {
		r = reader_of(bytes, cut);
		TRUE(!entry_read_head(&r, &head) || !entry_read_item(&r, &item, &arena));
	}
	bytes[ENTRY_HEAD_BYTES + 1] = 2;		/* a flag that is not known */
	r = reader_of(bytes, w.len);
	TRUE(entry_read_head(&r, &head) && !entry_read_item(&r, &item, &arena));
	chain_clear(&c);
	txn_free(&t);
	slice_put(&s);
	arena_rewind(&arena);
	txn_pool_fini();
}

CASE(the_pool_is_bounded)
{
	struct txn *t[3];

	txn_pool_init(3);
	for (int i = 0; i < 3; i++)
		TRUE((t[i] = txn_new()) != NULL);
	TRUE(txn_new() == NULL);
	txn_free(&t[1]);
	TRUE(t[1] == NULL);
	TRUE((t[1] = txn_new()) != NULL);
	EQ(t[1]->record_bytes, ENTRY_HEAD_BYTES);
	for (int i = 0; i < 3; i++)
		txn_free(&t[i]);
	txn_pool_fini();
}

CASE(passed_limits_fail_a_txn_and_stay)
{
	static uint8_t body[TXN_RECORDS_MAX];
	static const uint32_t most[] = { TXN_DATA_MAX }, one[] = { 1 };
	struct key key = key_inode(1);
	struct chain data, little;
	struct arena arena;
	struct txn *t;

	txn_pool_init(1);
	arena_init(&arena, NULL, 0, 1 << 16);
	chain_of(&data, &arena, most, 1);
	chain_of(&little, &arena, one, 1);
	t = txn_new();
	txn_put(t, key_slice(&key), slice_of(body, TXN_RECORDS_MAX - 20 - 8 - 9), NULL);
	FALSE(t->failed);
	EQ(t->record_bytes, TXN_RECORDS_MAX);
	txn_del(t, key_slice(&key), NULL);
	TRUE(t->failed);
	EQ(t->nitems, 1);
	txn_free(&t);
	t = txn_new();			/* room for its history counts as well */
	txn_put(t, key_slice(&key), slice_of(body, TXN_RECORDS_MAX / 2),
	    &(struct old_version){ true, 1, 1, slice_of(body, TXN_RECORDS_MAX / 2) });
	TRUE(t->failed);
	txn_free(&t);
	t = txn_new();
	txn_data(t, 1, 0, &data);
	FALSE(t->failed);
	txn_data(t, 1, 0, &little);
	TRUE(t->failed);
	txn_free(&t);
	t = txn_new();
	txn_data(t, 1, UINT64_MAX - 5, &little);
	FALSE(t->failed);
	txn_data(t, 1, UINT64_MAX, &little);		/* its end has no number */
	TRUE(t->failed);
	txn_free(&t);
	t = txn_new();
	for (int i = 0; i < 3; i++)
		txn_data(t, 1, 0, &little);
	TRUE(t->failed);
	txn_free(&t);
	t = txn_new();
	for (uint64_t i = 0; i <= TXN_ITEMS_MAX; i++) {
		FALSE(t->failed);
		txn_cut(t, i);
	}
	TRUE(t->failed);
	txn_free(&t);
	chain_clear(&data);
	chain_clear(&little);
	arena_rewind(&arena);
	txn_pool_fini();
}

/* --- log forms that were changed --- */

static uint32_t
read_entry(const uint8_t *bytes, uint32_t len)
{
	uint8_t *copy = malloc(len == 0 ? 1 : len), home[2048];
	struct reader r = reader_of(copy, len);
	struct entry_head head;
	struct txn_item item;
	struct arena arena;
	uint32_t n = 0;

	memcpy(copy, bytes, len);
	arena_init(&arena, home, sizeof home, 1 << 16);
	if (entry_read_head(&r, &head)) {
		TRUE(head.bytes <= len && head.data_bytes <= TXN_DATA_MAX && head.lsn != 0);
		while (n < head.nitems && entry_read_item(&r, &item, &arena)) {
			n++;
			TRUE(item.key.len <= KEY_MAX);
			if (item.kind == ITEM_HOLE || item.kind == ITEM_CARVED)
				TRUE(item.from <= item.to);
			if (item.kind == ITEM_DATA)
				TRUE(item.to - item.from <= TXN_DATA_MAX && item.to > item.from);
		}
		if (n < head.nitems)
			FALSE(reader_ok(&r));
	}
	arena_rewind(&arena);
	free(copy);
	return n;
}

CASE(mutated_log_forms_are_refused_or_within_bounds)
{
	static const uint32_t lens[] = { 70000 };
	static uint8_t bytes[4096];
	struct arena arena;
	struct chain data;
	struct writer w;
	struct txn *t;
	uint32_t len;

	txn_pool_init(1);
	arena_init(&arena, NULL, 0, 1 << 16);
	chain_of(&data, &arena, lens, 1);
	t = full_txn(&data);
	t->lsn = 5;
	w = writer_of(form, sizeof form);
	txn_encode(t, &w);
	len = w.len;
	EQ(read_entry(form, len), t->nitems);
	for (uint32_t cut = 0; cut < len; cut++)
		TRUE(read_entry(form, cut) < t->nitems);
	for (int i = 0; i < 20000; i++) {
		uint32_t flips = 1 + (uint32_t)(rand_u64() % 3);

		memcpy(bytes, form, len);
		while (flips-- > 0)
			bytes[rand_u64() % len] = (uint8_t)rand_u64();
		read_entry(bytes, len);
	}
	txn_free(&t);
	chain_clear(&data);
	arena_rewind(&arena);
	txn_pool_fini();
}
