/*
 * A call that is to be refused goes on as a HEAD, which tells whether there is anything to keep;
 * its end is the one the caller asked for.
 */
#include "tests/unit/pipeline/sync/keeper.h"

#include <stdatomic.h>

enum { KEPT_CALLS = 16 };

struct keeper {
	struct block_store store;
	struct block_store *inner;
	_Atomic bool locked, shut;	/* shut: whoever asks is not let in at all */
	struct kept_call {
		struct block_call *_Atomic call;
		enum block_call_kind kind;
		void (*done)(struct block_call *call);
	} calls[KEPT_CALLS];
};

static struct keeper keeper;

static void
kept_done(struct block_call *call)
{
	struct kept_call *k = keeper.calls;

	while (k->call != call)
		k++;
	call->kind = k->kind;
	call->done = k->done;
	if (call->status == OK || keeper.shut)
		call->status = ST_ACCES;
	k->call = NULL;
	call->done(call);
}

/* Refused where the object is there: which a HEAD in its place finds out. */
static void
keeper_start(struct block_store *s, struct block_call *call)
{
	bool changes = call->kind == BLOCK_DEL || (call->kind == BLOCK_PUT && !call->if_absent);

	(void)s;
	if (keeper.shut || (keeper.locked && changes)) {
		struct kept_call *k = keeper.calls;
		struct block_call *none = NULL;

		while (!atomic_compare_exchange_strong(&k->call, &none, call)) {
			none = NULL;
			k++;
		}
		k->kind = call->kind;
		k->done = call->done;
		call->kind = BLOCK_HEAD;
		call->done = kept_done;
	}
	keeper.inner->ops->start(keeper.inner, call);
}

static void
keeper_cancel(struct block_store *s, struct block_call *call)
{
	(void)s;
	keeper.inner->ops->cancel(keeper.inner, call);
}

static void
keeper_close(struct block_store *s)
{
	(void)s;
	keeper.inner->ops->close(keeper.inner);
}

static const struct block_store_ops keeper_ops = { .kind = "keeper", .durable = true,
	.start = keeper_start, .cancel = keeper_cancel, .close = keeper_close };

struct block_store *
keeper_before(struct block_store *inner)
{
	keeper = (struct keeper){ .store.ops = &keeper_ops, .inner = inner };
	return &keeper.store;
}

void
keeper_set(bool locked, bool shut)
{
	keeper.locked = locked;
	keeper.shut = shut;
}
