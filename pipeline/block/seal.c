/*
 * Sealing a change set and opening a unit of it.  The bytes are copied on the way, once: readers
 * go on citing the plain ones until the entry is written.
 */
#include "pipeline/block/seal.h"

#include "crypto/secret.h"
#include "pipeline/base/hash.h"
#include "pipeline/block/journal.h"
#include "pipeline/block/sealer.h"

#include <stdlib.h>

enum { AAD_BYTES = 16 + 8 + 8 + 4 };

_Static_assert(ITEM_TAG_BYTES == AEAD_TAG_BYTES, "one size of tags");

static uint32_t
item_len(const struct txn_item *item)
{
	return (uint32_t)(item->to - item->from);
}

static uint32_t
units_of(uint32_t len)
{
	return (len + TXN_CRC_UNIT - 1) / TXN_CRC_UNIT;
}

uint32_t
seal_bytes(const struct txn *t)
{
	uint32_t bytes = 0;

	for (const struct txn_item *item = t->first; item != NULL; item = item->next)
		if (item->kind == ITEM_DATA && item->seal == NULL)
			bytes += ITEM_SEAL_BYTES + ITEM_TAG_BYTES * units_of(item_len(item));
	return bytes;
}

/* --- one unit --- */

struct place {				/* of a unit */
	const uint8_t *journal_id;
	uint64_t content, at;
	uint32_t len;
};

static void
bind(const struct place *p, uint8_t aad[AAD_BYTES])
{
	struct writer w = writer_of(aad, AAD_BYTES);

	write_bytes(&w, p->journal_id, 16);
	write_le64(&w, p->content);
	write_le64(&w, p->at);
	write_le32(&w, p->len);
	assert(writer_ok(&w) && w.len == AAD_BYTES);
}

static struct aead_unit
unit_of(const struct place *p, uint8_t aead, uint64_t counter, uint8_t nonce[AEAD_NONCE_MAX],
    uint8_t aad[AAD_BYTES])
{
	size_t bytes = aead_nonce_bytes(aead);

	memset(nonce, 0, AEAD_NONCE_MAX);
	put_be64(nonce + bytes - 8, counter);
	bind(p, aad);
	return (struct aead_unit){ .nonce = nonce, .aad = aad, .aad_len = AAD_BYTES,
	    .len = p->len };
}

/* --- sealing --- */

struct sealing {
	struct journal *j;
	struct txn *t;
	uint32_t version;		/* of the share key: one may be added meanwhile */
	uint8_t key[SHARE_KEY_BYTES];
	struct sealer *sealer;
};

static void
seal_unit(struct sealing *s, const struct item_seal *is, const struct place *p, uint64_t counter,
    uint8_t *bytes, uint8_t tag[ITEM_TAG_BYTES])
{
	uint8_t nonce[AEAD_NONCE_MAX], aad[AAD_BYTES];
	struct aead_unit u = unit_of(p, is->aead, counter, nonce, aad);

	u.key = s->key;
	u.in = u.out = bytes;
	if (aead_seal(&s->sealer->aead, is->aead, &u, tag) != 0)
		panic("an entry cannot be sealed");	/* id and length are ours */
}

static enum status
seal_item(struct sealing *s, struct txn_item *item)
{
	uint32_t len = item_len(item), units = units_of(len);
	struct item_seal *is = arena_zalloc(&s->t->arena, sizeof *is);
	uint8_t *tags = arena_alloc(&s->t->arena, (size_t)units * ITEM_TAG_BYTES);
	uint32_t *crc = arena_alloc(&s->t->arena, units * sizeof *crc);
	struct buf *b;
	enum status st;

	if (is == NULL || tags == NULL || crc == NULL)
		return ST_RESOURCE;
	is->version = s->version;
	is->aead = keys_aead(s->j->opener.keys);
	is->counter = atomic_fetch_add_explicit(&s->j->sealed_units, units, memory_order_relaxed);
	is->tags = tags;
	b = buf_new(len);
	chain_copy_out(&s->t->data, item->data_at, b->bytes, len);
	for (uint32_t i = 0; i < units; i++) {
		uint32_t at = i * TXN_CRC_UNIT, n = MIN(len - at, (uint32_t)TXN_CRC_UNIT);
		struct place p = { s->j->opener.journal_id, item->content, item->from + at, n };

		seal_unit(s, is, &p, is->counter + i, b->bytes + at, tags + i * ITEM_TAG_BYTES);
		crc[i] = crc32c(0, b->bytes + at, n);
	}
	st = chain_push(&s->t->sealed, &s->t->arena, (struct slice){ b, b->bytes, len });
	buf_put(&b);
	if (st == OK)
		txn_item_sealed(s->t, item, is, crc);
	return st;
}

enum status
seal_txn(struct journal *j, struct txn *t)
{
	struct sealing s = { .j = j, .t = t, .version = keys_newest(j->opener.keys) };
	enum status st = OK;

	if (t->data.len == t->sealed.len)
		return OK;
	st = keys_incarnation(j->opener.keys, s.version, j->opener.journal_id,
	    j->incarnation, s.key);
	if (st != OK)
		return st;
	s.sealer = sealer_get();
	for (struct txn_item *item = t->first; item != NULL && st == OK; item = item->next)
		if (item->kind == ITEM_DATA && item->seal == NULL)
			st = seal_item(&s, item);
	sealer_put(&s.sealer);
	secret_wipe(s.key, sizeof s.key);
	return st;
}

/* --- opening --- */

struct sealed_datum *
sealed_datum_new(const struct opener *o, const struct txn_item *item)
{
	uint32_t units = units_of(item_len(item));
	struct sealed_datum *s;

	if (item_seal_of(item) == NULL)
		return NULL;
	s = xmalloc(sizeof *s + (size_t)units * ITEM_TAG_BYTES);
	*s = (struct sealed_datum){ .opener = o,
		.counter = item->seal->counter,
		.content = item->content,
		.from = item->from,
		.version = item->seal->version,
		.aead = item->seal->aead };
	memcpy(s->tags, item->seal->tags, (size_t)units * ITEM_TAG_BYTES);
	return s;
}

enum status
seal_open(const struct sealed_datum *s, lsn_t lsn, uint32_t unit, uint8_t *bytes, uint32_t len)
{
	const struct opener *o = s->opener;
	struct place p = { o->journal_id, s->content, s->from + (uint64_t)unit * TXN_CRC_UNIT,
		len };
	uint8_t nonce[AEAD_NONCE_MAX], aad[AAD_BYTES], key[SHARE_KEY_BYTES];
	struct aead_unit u;
	struct sealer *sealer;
	enum status st;

	if (o->keys == NULL)
		return ST_NOKEY;
	st = keys_incarnation(o->keys, s->version, o->journal_id, LSN_INCARNATION(lsn), key);
	if (st != OK)
		return st;
	u = unit_of(&p, s->aead, s->counter + unit, nonce, aad);
	u.key = key;
	u.in = u.out = bytes;
	sealer = sealer_get();
	st = aead_open(&sealer->aead, s->aead, &u, s->tags[unit]) == 0 ? OK : ST_CORRUPT;
	sealer_put(&sealer);
	secret_wipe(key, sizeof key);
	return st;
}
