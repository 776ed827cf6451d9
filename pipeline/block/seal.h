/*
 * Entries of a share that encrypts: the data of their DATA items is sealed before it goes to the
 * journal, 64 KiB by 64 KiB, under the key of the running incarnation.  Nonces come from a
 * counter that starts anew with each incarnation, as its key does; the item says which it got.
 *
 * Bound to a unit are journal, content, the place in it and the length.
 */
#ifndef BLOCK_SEAL_H
#define BLOCK_SEAL_H

#include "pipeline/block/keys.h"
#include "pipeline/record/txn.h"

struct journal;

struct opener {				/* what opens the units of a journal; as long as it */
	const struct share_keys *keys;	/* NULL: the share does not encrypt */
	uint8_t journal_id[16];
};

/* What sealing adds to t's log form, where it has yet to be sealed. */
uint32_t seal_bytes(const struct txn *t);

/* Seal what t writes: t->sealed lies in the journal in place of t->data.  Done once a txn; before
 * any lock.  RESOURCE: the txn's arena is full. */
must_check enum status seal_txn(struct journal *j, struct txn *t);

struct sealed_datum {			/* what a datum keeps of it */
	const struct opener *opener;	/* borrowed: the journal's */
	uint64_t counter, content, from;
	uint32_t version;
	uint8_t aead;
	uint8_t tags[][ITEM_TAG_BYTES];
};

/* From malloc; NULL: the item is in the clear. */
struct sealed_datum *sealed_datum_new(const struct opener *o, const struct txn_item *item);

/* Open a unit in place.  CORRUPT: the tag does not fit.  NOKEY: its share key is not here. */
must_check enum status seal_open(const struct sealed_datum *s, lsn_t lsn, uint32_t unit,
    uint8_t *bytes, uint32_t len);

#endif
