/*
 * From a setting's name to what it turns.  One caller at a time.
 */
#include "mgmt/daemon/tune.h"

#include "gateway/gateway.h"
#include "gateway/live.h"
#include "pipeline/base/panic.h"
#include "pipeline/base/text.h"
#include "pipeline/net/net.h"

#include <stdio.h>
#include <string.h>

enum { AS_THE_FILE = 65536 };

static uint32_t conns_most, conns_now, conns_each, conns_each_file;
static bool portmap_on;
static uint16_t portmap_port;

void
tune_start(uint32_t conns_max, uint32_t peer_conns_max, bool portmap, uint16_t port)
{
	conns_most = conns_now = conns_max;
	conns_each = conns_each_file = peer_conns_max;
	portmap_on = portmap;
	portmap_port = port;
}

static enum status
set_conns(uint64_t n, char *why, size_t cap)
{
	uint32_t wanted = n >= AS_THE_FILE ? conns_most : (uint32_t)n;
	enum status st = net_limit(wanted, conns_each);

	if (st == OK)
		conns_now = wanted;
	else
		snprintf(why, cap,
		    "there is room for %u connections: nfs.connections in the file of "
		    "settings, and the descriptors that the system allows, say so at start",
		    conns_most);
	return st;
}

static enum status
set_conns_each(uint64_t n, char *why, size_t cap)
{
	(void)why, (void)cap;
	conns_each = n >= AS_THE_FILE ? conns_each_file : (uint32_t)n;
	return net_limit(conns_now, conns_each);
}

static enum status
set_read_max(uint64_t n, char *why, size_t cap)
{
	(void)why, (void)cap;
	atomic_store_explicit(&gateway_live.read_max, (uint32_t)n, memory_order_relaxed);
	return OK;
}

static enum status
set_write_max(uint64_t n, char *why, size_t cap)
{
	(void)why, (void)cap;
	atomic_store_explicit(&gateway_live.write_max, (uint32_t)n, memory_order_relaxed);
	return OK;
}

static enum status
set_preferred(uint64_t n, char *why, size_t cap)
{
	(void)why, (void)cap;
	atomic_store_explicit(&gateway_live.preferred, (uint32_t)n, memory_order_relaxed);
	return OK;
}

static enum status
set_portmap(bool on, uint16_t port, char *why, size_t cap)
{
	enum status st;

	if (on == portmap_on && (port == portmap_port || !on)) {
		portmap_port = port;
		return OK;
	}
	st = gateway_portmap_again(on, port);
	if (st == OK) {
		portmap_on = on;
		portmap_port = port;
	} else {
		snprintf(why, cap, "NFS does not listen again: %s", status_text(st));
	}
	return st;
}

static enum status
set_portmap_on(uint64_t n, char *why, size_t cap)
{
	return set_portmap(n != 0, portmap_port, why, cap);
}

static enum status
set_portmap_port(uint64_t n, char *why, size_t cap)
{
	return set_portmap(portmap_on, (uint16_t)n, why, cap);
}

static const struct {
	const char *name;
	enum status (*set)(uint64_t n, char *why, size_t cap);
} numbers[] = {
	{ "max_connections", set_conns }, { "max_connections_per_client", set_conns_each },
	{ "max_read_size", set_read_max }, { "max_write_size", set_write_max },
	{ "preferred_transfer_size", set_preferred }, { "portmapper_enabled", set_portmap_on },
	{ "portmapper_port", set_portmap_port },
};

static enum status
set_blocked(const char *list, char *why, size_t cap)
{
	uint32_t all = 0, bit;

	while (*list != '\0') {
		size_t n = strcspn(list, ",");
		char name[32];

		snprintf(name, sizeof name, "%.*s", (int)n, list);
		if (gateway_live_operation(name, &bit) != OK) {
			snprintf(why, cap, "\"%s\" is no procedure that can be refused", name);
			return ST_INVAL;
		}
		all |= bit;
		list += n + (list[n] == ',');
	}
	atomic_store_explicit(&gateway_live.blocked, all, memory_order_relaxed);
	return OK;
}

enum status
tune_adapter(const char *adapter, const char *name, const char *value, char *why, size_t why_cap)
{
	uint64_t n;

	if (strcmp(adapter, "nfs") != 0)
		return ST_NOTSUPP;
	if (strcmp(name, "blocked_operations") == 0)
		return set_blocked(value, why, why_cap);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		if (strcmp(numbers[i].name, name) != 0)
			continue;
		if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0)
			n = value[0] == 't';
		else if (!text_u64(value, 0, UINT32_MAX, &n))
			return ST_INVAL;
		return numbers[i].set(n, why, why_cap);
	}
	snprintf(why, why_cap, "it is decided at start");
	return ST_NOTSUPP;
}
