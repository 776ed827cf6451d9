/*
 * The counts of leaves, chunks and containers, as one change set moves them.  The data errand
 * alone moves them, so a count that is read here stays what it is until the change set is
 * committed.  engine.md §1.9.
 */
#ifndef SYNC_LEDGER_H
#define SYNC_LEDGER_H

#include "pipeline/share/share.h"

struct ledger;

struct ledger *ledger_new(struct share *s);
void ledger_free(struct ledger **lp);

/* References that the change set makes. */
void ledger_add_leaf(struct ledger *l, uint64_t leaf);
void ledger_add_chunk(struct ledger *l, const uint8_t digest[32]);
void ledger_add_container(struct ledger *l, uint64_t container);

/* A chunk was stored again elsewhere: the container that held it holds one less. */
void ledger_drop_container(struct ledger *l, uint64_t container);

/*
 * A reference to a leaf goes.  With its last one the leaf's row goes (into t), and what it cites
 * loses a reference.  CORRUPT: rows do not make sense; nothing of t may be committed.
 */
must_check enum status ledger_drop_leaf(struct ledger *l, struct txn *t, uint64_t leaf);

/* How many counts have been touched: what a change set takes is bounded by that. */
uint32_t ledger_size(const struct ledger *l);

/*
 * Put it all into t: COUNTs, and for what has come to nothing its row's end; a container that
 * holds no chunk any more becomes dying.  Which those are: ledger_dying, until ledger_free.
 */
must_check enum status ledger_settle(struct ledger *l, struct txn *t);
const uint64_t *ledger_dying(const struct ledger *l, uint32_t *np);

#endif
