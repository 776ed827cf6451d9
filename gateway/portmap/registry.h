/*
 * Where the programs of this house can be found: filled as they begin to listen, then
 * only read.
 */
#ifndef GATEWAY_PORTMAP_REGISTRY_H
#define GATEWAY_PORTMAP_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>

enum { PORTMAP_ROWS_MAX = 64 };

enum portmap_netid { PORTMAP_TCP, PORTMAP_UDP, PORTMAP_TCP6, PORTMAP_UDP6, PORTMAP_NETIDS };

extern const char *const portmap_netid_names[PORTMAP_NETIDS];

struct portmap_row {
	uint32_t prog, vers;
	enum portmap_netid netid;
	uint16_t port;
};

void portmap_registry_clear(void);
void portmap_registry_add(uint32_t prog, uint32_t vers, enum portmap_netid netid, uint16_t port);
uint32_t portmap_registry_rows(const struct portmap_row **rowsp);

/* The port, of another version where that one is not served: its server then names
 * those it serves.  0: the program is not here. */
uint16_t portmap_registry_port(uint32_t prog, uint32_t vers, enum portmap_netid netid);
bool portmap_registry_has(uint32_t prog, uint32_t vers, enum portmap_netid netid);

#endif
