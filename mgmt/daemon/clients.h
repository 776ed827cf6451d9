/*
 * Who uses this daemon, for the control plane.
 */
#ifndef MGMT_CLIENTS_H
#define MGMT_CLIENTS_H

#include "mgmt/rest/house.h"

uint32_t clients_list(struct rest_client *to, uint32_t most);
uint32_t clients_mounts(struct rest_mount *to, uint32_t most);
uint32_t clients_disconnect(const char *address);

#endif
