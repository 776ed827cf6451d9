/*
 * A short table, written before the sockets that lead to it are opened.
 */
#include "gateway/portmap/registry.h"

#include "pipeline/base/panic.h"

static struct portmap_row rows[PORTMAP_ROWS_MAX];
static uint32_t count;

const char *const portmap_netid_names[PORTMAP_NETIDS] = { "tcp", "udp", "tcp6", "udp6" };

void
portmap_registry_clear(void)
{
	count = 0;
}

void
portmap_registry_add(uint32_t prog, uint32_t vers, enum portmap_netid netid, uint16_t port)
{
	assert(count < PORTMAP_ROWS_MAX);
	rows[count++] = (struct portmap_row){ prog, vers, netid, port };
}

uint32_t
portmap_registry_rows(const struct portmap_row **rowsp)
{
	*rowsp = rows;
	return count;
}

uint16_t
portmap_registry_port(uint32_t prog, uint32_t vers, enum portmap_netid netid)
{
	uint16_t port = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (rows[i].prog != prog || rows[i].netid != netid)
			continue;
		port = rows[i].port;
		if (rows[i].vers == vers)
			break;
	}
	return port;
}

bool
portmap_registry_has(uint32_t prog, uint32_t vers, enum portmap_netid netid)
{
	for (uint32_t i = 0; i < count; i++)
		if (rows[i].prog == prog && rows[i].vers == vers && rows[i].netid == netid)
			return true;
	return false;
}
