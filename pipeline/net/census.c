/*
 * Who is connected.  Each home worker is asked for its own, since nobody else may look at them;
 * what it says is copied, so that whoever wants to know may take his time.
 */
#include "pipeline/net/inner.h"

#include <stdlib.h>

struct census {
	struct net_peer *peer;
	uint32_t n, room;
};

static void
count(struct net_worker *nw, void *arg)
{
	struct census *all = arg;

	LIST_EACH(l, &nw->conns) {
		const struct conn *c = container_of(l, struct conn, link);
		struct net_peer *p;

		if (c->udp || c->phase == CONN_DEAD)
			continue;
		if (all->n == all->room) {
			all->room = all->room * 2 + 64;
			all->peer = xrealloc(all->peer, all->room * sizeof *all->peer);
		}
		p = &all->peer[all->n++];
		*p = (struct net_peer){ .protocol = c->proto->name, .conn = c->whence.conn,
			.port = c->whence.port, .since_ns = c->since_ns, .last_ns = c->last_ns,
			.messages = c->messages, .version = c->version, .uid = c->uid,
			.flavour = c->flavour };
		memcpy(p->addr, c->whence.addr, sizeof p->addr);
	}
}

void
net_each(void (*see)(const struct net_peer *peer, void *arg), void *arg)
{
	struct census all = { .n = 0 };

	for (uint32_t i = 0; i < worker_count(); i++)
		net_on_worker(net_worker_at(i), count, &all);
	for (uint32_t i = 0; i < all.n; i++)
		see(&all.peer[i], arg);
	free(all.peer);
}

struct eviction {
	const uint8_t *addr;
	uint32_t n;
};

static void
evict(struct net_worker *nw, void *arg)
{
	struct eviction *e = arg;

	LIST_EACH(l, &nw->conns) {
		struct conn *c = container_of(l, struct conn, link);

		if (c->udp || c->phase != CONN_OPEN || memcmp(c->whence.addr, e->addr, 16) != 0)
			continue;
		conn_hangup(c, "an operator's word");
		e->n++;
	}
}

uint32_t
net_disconnect(const uint8_t addr[16])
{
	struct eviction e = { addr, 0 };

	for (uint32_t i = 0; i < worker_count(); i++)
		net_on_worker(net_worker_at(i), evict, &e);
	return e.n;
}
