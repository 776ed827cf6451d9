/*
 * Bytes from a damaged disk through what reads the journal and the containers: groups and their
 * entries, summaries, heads, container headers, indexes and chunks.  Checksums would keep damage
 * from everything behind them, so where the second byte of an input says so they are made to fit
 * first: what stands behind a checksum must be total all the same.  The first byte chooses the
 * decoder.  fuzz_journal [iterations].
 */
#include "tests/fuzz/mutate.h"

#include "crypto/digest.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/rand.h"
#include "pipeline/block/container.h"
#include "pipeline/block/group.h"
#include "pipeline/block/head.h"

#include <stdlib.h>
#include <string.h>

enum decoder { GROUPS, SUMMARIES, HEADS, CONTAINERS, ITEMS, DECODERS };
enum { INPUT_HEAD = 2, ITEMS_ARENA = 1 << 20, ROWS_MAX = 64, CRC_AT = 60, TAG_AT = 16 };

static const uint8_t id[16] = { 1, 2, 3, 4 };
static const struct container_ident ident = { "share of the fuz", 3, 77 };
static volatile uint32_t sink;

static void
touch(const void *bytes, size_t len)
{
	if (len > 0)
		sink ^= crc32c(0, bytes, len);
}

/* What an item promises about itself. */
static void
item_holds(const struct txn_item *item)
{
	touch(item->key.at, item->key.len);
	if (item->kind == ITEM_PUT)
		touch(item->body.at, item->body.len);
	if (item->kind == ITEM_DATA) {
		uint64_t len = item->to - item->from;

		assert(item->to > item->from && len <= TXN_DATA_MAX);
		touch(item->crc, (len + TXN_CRC_UNIT - 1) / TXN_CRC_UNIT * sizeof *item->crc);
		if (item->seal != NULL)
			touch(item->seal->tags,
			    (len + TXN_CRC_UNIT - 1) / TXN_CRC_UNIT * ITEM_TAG_BYTES);
	} else if (item->kind == ITEM_HOLE || item->kind == ITEM_CARVED) {
		assert(item->from <= item->to);
	}
}

/* Entries as replay reads them. */
static void
entries(const uint8_t *bytes, uint32_t len)
{
	struct reader r = reader_of(bytes, len);
	struct entry_head head;
	struct arena arena;

	arena_init(&arena, NULL, 0, ITEMS_ARENA);
	while (reader_left(&r) > 0 && entry_read_head(&r, &head)) {
		struct txn_item item;

		assert(head.data_bytes <= TXN_DATA_MAX);
		for (uint32_t i = 0; i < head.nitems && entry_read_item(&r, &item, &arena); i++)
			item_holds(&item);
		arena_rewind(&arena);
		if (!reader_ok(&r))
			break;
	}
	arena_rewind(&arena);
}

static void
groups(uint8_t *bytes, uint32_t len, bool fit)
{
	struct group_head h;

	if (len < GROUP_HEADER || !group_parse(bytes, id, &h))
		return;
	assert(h.entries_bytes <= GROUP_ENTRIES_MAX && h.data_bytes <= GROUP_DATA_MAX);
	assert(group_bytes(&h) % 4096 == 0 && group_last(&h) >= h.prev);
	if (h.entries_bytes > len - GROUP_HEADER)
		return;
	if (fit)
		group_seal(&h, id, bytes);
	if (group_valid(&h, id, bytes))
		entries(bytes + GROUP_HEADER, h.entries_bytes);
	else
		assert(!fit);
}

static void
summary_items(const struct summary_head *h, const uint8_t *bytes)
{
	struct reader r = reader_of(bytes, h->bytes);
	struct txn_item item;
	struct arena arena;
	uint32_t at;
	lsn_t lsn;

	arena_init(&arena, NULL, 0, ITEMS_ARENA);
	for (uint32_t i = 0; i < h->items && summary_read(&r, &item, &lsn, &at, &arena); i++) {
		assert(summary_has(item.kind));
		item_holds(&item);
	}
	arena_rewind(&arena);
}

/* The header stands behind the items: the last bytes of the input. */
static void
summaries(uint8_t *bytes, uint32_t len, bool fit)
{
	struct summary_head h;
	uint8_t *items;

	if (len < SUMMARY_HEADER || !summary_parse(bytes + len - SUMMARY_HEADER, id, &h) ||
	    h.bytes > len - SUMMARY_HEADER)
		return;
	items = bytes + len - SUMMARY_HEADER - h.bytes;
	if (fit)
		summary_seal(&h, id, items);
	if (summary_valid(&h, id, items))
		summary_items(&h, items);
	else
		assert(!fit);
}

static void
heads(uint8_t *bytes, uint32_t len, bool fit)
{
	static uint8_t again[HEAD_BLOCK];
	struct head h, back;

	if (len < HEAD_BLOCK)
		return;
	if (fit)
		put_le32(bytes + HEAD_BLOCK - 4, crc32c(0, bytes, HEAD_BLOCK - 4));
	if (!head_decode(bytes, &h))
		return;
	head_encode(&h, again);
	assert(head_decode(again, &back));
	assert(back.sequence == h.sequence && back.next_container == h.next_container);
}

static void
plain_keys(struct container_keys *keys)
{
	static const uint8_t digest_key[32] = { 9, 1, 2, 3 };

	container_plain_keys(digest_key, keys);
}

/* Checksums and the index's own tag, over whatever there is now. */
static void
container_fit(uint8_t *bytes, uint32_t len, const struct container_keys *keys)
{
	uint8_t *end = bytes + len - CONTAINER_TRAILER, aad[64];
	uint64_t n = get_le32(end + 4), rows = n * CONTAINER_ROW;
	struct writer w = writer_of(aad, sizeof aad);
	struct digest d;

	if (rows > len - CONTAINER_TRAILER)
		return;
	write_bytes(&w, ident.share_id, sizeof ident.share_id);
	write_le64(&w, ident.fence);
	write_le64(&w, ident.number);
	write_le32(&w, UINT32_MAX);
	write_le32(&w, (uint32_t)n);
	write_le64(&w, len - CONTAINER_TRAILER - rows);
	digest_tag_begin(&d, keys->key);
	digest_add(&d, aad, w.len);
	digest_add(&d, end - rows, rows);
	digest_tag_end(&d, end + TAG_AT);
	put_le32(end + CRC_AT, crc32c(0, end, CRC_AT));
	put_le32(bytes + CRC_AT, crc32c(0, bytes, CRC_AT));
}

static void
container_chunks(const uint8_t *bytes, const struct container_keys *keys,
    const struct container_chunk *rows, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		size_t len = (size_t)rows[i].stored + CONTAINER_TAG;
		uint8_t *stored = xmalloc(len), *plain = xmalloc(rows[i].plain);

		memcpy(stored, bytes + rows[i].at, len);
		if (container_open(&ident, keys, i, &rows[i], stored, plain) == OK)
			touch(plain, rows[i].plain);
		free(stored);
		free(plain);
	}
}

static void
container(uint8_t *bytes, uint32_t len, bool fit)
{
	static struct container_chunk rows[ROWS_MAX];
	struct container_keys keys;
	struct container_head got;
	uint64_t end;
	uint32_t n;

	if (len < CONTAINER_HEADER + CONTAINER_TRAILER)
		return;
	plain_keys(&keys);
	if (fit)
		container_fit(bytes, len, &keys);
	(void)!container_header_parse(bytes, len, &got);
	if (container_end_bytes(bytes + len - CONTAINER_TRAILER, len, &end) != OK)
		return;
	assert(end <= len);
	if (container_index_parse(&ident, &keys, bytes + len - end, end, len, rows, ROWS_MAX, &n) !=
	    OK)
		return;
	assert(n <= ROWS_MAX);
	container_chunks(bytes, &keys, rows, n);
}

static void
items(uint8_t *bytes, uint32_t len, bool fit)
{
	(void)fit;
	entries(bytes, len);
}

static void (*const decoders[DECODERS])(uint8_t *bytes, uint32_t len, bool fit) = {
	[GROUPS] = groups, [SUMMARIES] = summaries, [HEADS] = heads, [CONTAINERS] = container,
	[ITEMS] = items,
};

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	uint8_t *own;

	if (len <= INPUT_HEAD || len > UINT32_MAX / 2)
		return 0;
	own = xmalloc(len - INPUT_HEAD);
	memcpy(own, bytes + INPUT_HEAD, len - INPUT_HEAD);
	decoders[bytes[0] % DECODERS](own, (uint32_t)(len - INPUT_HEAD), bytes[1] % 4 != 0);
	free(own);
	return 0;
}

/* --- seeds --- */

#ifndef FUZZ_ENGINE
/* As if the last item, which is a DATA, had been sealed. */
static void
some_seal(struct txn *t)
{
	struct txn_item *item = t->first;
	struct item_seal *seal = arena_zalloc(&t->arena, sizeof *seal);
	uint8_t *tags = arena_zalloc(&t->arena, ITEM_TAG_BYTES * 17);

	while (item->next != NULL)
		item = item->next;
	*seal = (struct item_seal){ 1, 1, rand_u64(), tags };
	txn_item_sealed(t, item, seal, item->crc);
}

static void
some_data(struct txn *t, uint32_t len)
{
	struct buf *b = buf_new(len);
	struct chain chain;

	chain_init(&chain);
	rand_bytes(b->bytes, len);
	assert(chain_push(&chain, &t->arena, (struct slice){ b, b->bytes, len }) == OK);
	buf_put(&b);
	txn_data(t, rand_u64() | 1, rand_u64() >> 24, &chain);
	chain_clear(&chain);
	if (rand_u64() % 2 == 0)
		some_seal(t);
}

/* A change set with something of every kind. */
static struct txn *
some_txn(lsn_t lsn)
{
	struct txn *t = txn_new();

	assert(t != NULL);
	txn_put(t, slice_str("key one"), slice_str("body"), NULL);
	txn_del(t, slice_str("key two"), NULL);
	txn_count(t, slice_str("key three"), -5);
	some_data(t, (uint32_t)(rand_u64() % 3000) + 1);
	if (rand_u64() % 8 == 0)
		some_data(t, TXN_CRC_UNIT + 3);
	txn_trunc(t, 7, 100);
	txn_hole(t, 7, 10, 20);
	txn_carved(t, 7, 10, 20, 3);
	txn_cut(t, 2);
	txn_note(t, &(struct note){ .protocol = 1, .op = 3 });
	assert(!t->failed);
	t->lsn = lsn;
	return t;
}

static uint32_t
seed_items(uint8_t *to, uint32_t most, lsn_t first, uint32_t *np)
{
	struct writer w = writer_of(to, most);

	*np = (uint32_t)(rand_u64() % 3) + 1;
	for (uint32_t i = 0; i < *np; i++) {
		struct txn *t = some_txn(first + i);

		txn_encode(t, &w);
		txn_free(&t);
	}
	assert(writer_ok(&w));
	return w.len;
}

static uint32_t
seed_group(uint8_t *to, uint32_t most)
{
	struct group_head h = { .serial = 7ull << 32 | 3, .first = LSN_OF(7, 20),
		.prev = LSN_OF(7, 19), .durable = LSN_OF(7, 19), .epoch = 4, .wall_ns = 99 };

	h.entries_bytes = seed_items(to + GROUP_HEADER, most - GROUP_HEADER, h.first, &h.count);
	group_seal(&h, id, to);
	return GROUP_HEADER + h.entries_bytes;
}

static uint32_t
seed_summary(uint8_t *to, uint32_t most)
{
	struct summary_head h = { .serial = 7ull << 32 | 3, .first = LSN_OF(7, 20),
		.last = LSN_OF(7, 22), .prev = LSN_OF(7, 19), .epoch = 4, .wall_ns = 99 };
	struct writer w = writer_of(to, most - SUMMARY_HEADER);
	struct txn *t = some_txn(h.first);

	for (const struct txn_item *item = t->first; item != NULL; item = item->next)
		if (summary_has(item->kind)) {
			summary_write(&w, item, h.first, 4096);
			h.items++;
		}
	txn_free(&t);
	assert(writer_ok(&w));
	h.bytes = w.len;
	summary_seal(&h, id, to);
	return h.bytes + SUMMARY_HEADER;
}

static uint32_t
seed_head(uint8_t *to)
{
	struct head h = { .sequence = rand_u64(), .flags = HEAD_CLEAN, .incarnation = 3, .fence = 1,
		.end = LSN_OF(3, 8), .checkpoint_lsn = LSN_OF(3, 2), .next_ino = 77 };

	head_encode(&h, to);
	return HEAD_BLOCK;
}

static uint32_t
seed_container(uint8_t *to, uint32_t most)
{
	struct container_builder *b;
	struct container_keys keys;
	const uint8_t *bytes;
	uint64_t len;

	plain_keys(&keys);
	b = container_builder_new(&ident, &keys, NULL);
	for (uint64_t n = rand_u64() % 3 + 1; n > 0; n--) {
		uint8_t plain[2000], digest[32];
		uint32_t index, size = (uint32_t)(rand_u64() % sizeof plain) + 1;

		if (n == 1)
			memset(plain, 'a', sizeof plain);	/* worth compressing */
		else
			rand_bytes(plain, sizeof plain);
		digest_of(keys.key, plain, size, digest);
		assert(container_add(b, digest, plain, size, &index) == OK);
	}
	bytes = container_finish(b, &len);
	assert(len <= most);
	memcpy(to, bytes, len);
	container_builder_free(&b);
	return (uint32_t)len;
}

static uint32_t
seed(uint8_t *to, uint32_t most)
{
	enum decoder which = (enum decoder)(rand_u64() % DECODERS);
	uint32_t len = 0, n;

	to[0] = (uint8_t)which;
	to[1] = (uint8_t)rand_u64();
	switch (which) {
	case GROUPS:
		len = seed_group(to + INPUT_HEAD, most - INPUT_HEAD);
		break;
	case SUMMARIES:
		len = seed_summary(to + INPUT_HEAD, most - INPUT_HEAD);
		break;
	case HEADS:
		len = seed_head(to + INPUT_HEAD);
		break;
	case CONTAINERS:
		len = seed_container(to + INPUT_HEAD, most - INPUT_HEAD);
		break;
	case ITEMS:
	case DECODERS:
		len = seed_items(to + INPUT_HEAD, most - INPUT_HEAD, LSN_OF(7, 20), &n);
		break;
	}
	return INPUT_HEAD + len;
}

int
main(int argc, char **argv)
{
	int result;

	txn_pool_init(4);
	result = fuzz_main(argc, argv, seed);
	txn_pool_fini();
	return result;
}
#endif
