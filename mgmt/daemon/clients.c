/*
 * A client of NFSv3 is an address: the protocol knows no other name.  Its connections are counted
 * together; what it has mounted is what it once said to MOUNT.
 */
#include "mgmt/daemon/clients.h"

#include "gateway/nfs/mount/list.h"
#include "pipeline/base/clock.h"
#include "pipeline/model/cred.h"
#include "pipeline/net/net.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static void
address_text(const uint8_t addr[16], char to[REST_ADDRESS_TEXT])
{
	bool four = memcmp(addr, mapped, sizeof mapped) == 0;

	if (inet_ntop(four ? AF_INET : AF_INET6, four ? addr + 12 : addr, to, REST_ADDRESS_TEXT) ==
	    NULL)
		to[0] = '\0';
}

struct listing {
	struct rest_client *to;
	uint32_t n, most;
	uint64_t mono, wall;		/* one moment on both clocks */
};

static uint64_t
wall_s(const struct listing *l, uint64_t mono)
{
	return (l->wall - (l->mono > mono ? l->mono - mono : 0)) / NS_PER_S;
}

static struct rest_client *
client_of(struct listing *l, const char *address, const char *protocol)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (strcmp(l->to[i].address, address) == 0 &&
		    strcmp(l->to[i].protocol, protocol) == 0)
			return &l->to[i];
	if (l->n == l->most)
		return NULL;
	l->to[l->n] = (struct rest_client){ .since_s = UINT64_MAX };
	snprintf(l->to[l->n].address, sizeof l->to[l->n].address, "%s", address);
	snprintf(l->to[l->n].protocol, sizeof l->to[l->n].protocol, "%s", protocol);
	return &l->to[l->n++];
}

static void
add_peer(const struct net_peer *p, void *arg)
{
	struct listing *l = arg;
	char address[REST_ADDRESS_TEXT];
	struct rest_client *c;

	address_text(p->addr, address);
	c = client_of(l, address, p->protocol);
	if (c == NULL)
		return;
	c->connections++;
	c->requests += p->messages;
	c->since_s = c->since_s < wall_s(l, p->since_ns) ? c->since_s : wall_s(l, p->since_ns);
	if (wall_s(l, p->last_ns) < c->last_s)
		return;
	c->last_s = wall_s(l, p->last_ns);
	if (p->version == 0)
		return;			/* it has not called yet */
	c->version = p->version;
	c->uid = p->uid;
	c->anonymous = p->flavour == CRED_NONE;
}

uint32_t
clients_list(struct rest_client *to, uint32_t most)
{
	struct listing l = { .to = to,
		.most = most,
		.mono = clock_mono_ns(),
		.wall = clock_wall_ns() };

	net_each(add_peer, &l);
	return l.n;
}

struct mounts {
	struct rest_mount *to;
	uint32_t n, most;
};

static bool
add_mount(const struct mount_seen *m, void *arg)
{
	struct mounts *all = arg;
	struct rest_mount *to = &all->to[all->n];

	if (all->n == all->most)
		return false;
	address_text(m->addr, to->address);
	snprintf(to->path, sizeof to->path, "%.*s", (int)m->path.len, (const char *)m->path.at);
	to->at_s = m->at_ns / NS_PER_S;
	all->n++;
	return true;
}

uint32_t
clients_mounts(struct rest_mount *to, uint32_t most)
{
	struct mounts all = { .to = to, .most = most };

	mount_list_each(add_mount, &all);
	return all.n;
}

uint32_t
clients_disconnect(const char *address)
{
	uint8_t addr[16] = { [10] = 0xff, [11] = 0xff };

	if (inet_pton(AF_INET, address, addr + 12) != 1 && inet_pton(AF_INET6, address, addr) != 1)
		return 0;
	return net_disconnect(addr);
}
