/*
 * Admission.  Credits are counted globally, but a worker takes them in lots and keeps a few at
 * hand, so that a request costs no shared cache line.  What is at hand counts as used: the
 * global limits are never passed, and may be missed by a lot a worker.
 */
#include "pipeline/net/inner.h"

enum { LOT_JOBS = 32, LOT_BYTES = 256 << 10, LOTS_KEPT = 2 };

static _Atomic int64_t jobs_left, bytes_left;

void
door_start(void)
{
	atomic_store(&jobs_left, (int64_t)net_conf.jobs);
	atomic_store(&bytes_left, (int64_t)net_conf.bytes);
}

/* A lot, or what is needed, or at the end of the store exactly that. */
static bool
fetch(_Atomic int64_t *left, int64_t *at_hand, int64_t need, int64_t lot)
{
	int64_t have = atomic_load_explicit(left, memory_order_relaxed), take;

	need -= *at_hand;
	do {
		take = MIN(have, MAX(lot, need));
		if (take < need)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(left, &have, have - take,
	    memory_order_relaxed, memory_order_relaxed));
	*at_hand += take;
	return true;
}

bool
door_take(struct conn *c, uint32_t bytes)
{
	struct net_worker *nw = c->nw;

	if (c->jobs >= net_conf.conn_jobs ||
	    (c->bytes > 0 && c->bytes + bytes > net_conf.conn_bytes)) {
		c->full = true;
		return false;
	}
	if (nw->jobs < 1 && !fetch(&jobs_left, &nw->jobs, 1, LOT_JOBS))
		return false;
	if (nw->bytes < bytes && !fetch(&bytes_left, &nw->bytes, bytes, LOT_BYTES))
		return false;
	nw->jobs--;
	nw->bytes -= bytes;
	c->jobs++;
	c->bytes += bytes;
	return true;
}

static void
give_back(_Atomic int64_t *left, int64_t *at_hand, int64_t keep)
{
	if (*at_hand <= keep)
		return;
	atomic_fetch_add_explicit(left, *at_hand - keep / 2, memory_order_relaxed);
	*at_hand = keep / 2;
}

void
door_give(struct conn *c, uint32_t bytes)
{
	struct net_worker *nw = c->nw;

	c->jobs--;
	c->bytes -= bytes;
	nw->jobs++;
	nw->bytes += bytes;
	give_back(&jobs_left, &nw->jobs, LOT_JOBS * LOTS_KEPT);
	give_back(&bytes_left, &nw->bytes, (int64_t)LOT_BYTES * LOTS_KEPT);
}

void
door_leave(struct net_worker *nw)
{
	give_back(&jobs_left, &nw->jobs, 0);
	give_back(&bytes_left, &nw->bytes, 0);
}
